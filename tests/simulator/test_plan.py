from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from config.faults import StateName
from config.scenario import PhaseSettings
from protocol.constants import MessageState, Status
from protocol.receipt import STATE_NAMES
from simulator.plan import Plans, Randoms

PREFIXES = st.text("01", max_size=4)
RULES = st.lists(st.tuples(PREFIXES, PREFIXES).filter(any), unique=True, max_size=12)


def plans(rules: list[dict[str, Any]], changes: dict[str, dict[str, Any]] | None = None, **phase: object) -> Plans:
    settings = PhaseSettings.model_validate({"name": "only", "rules": rules, **phase})
    return Plans(settings, changes or {}, Randoms(Random(1), Random(2), Random(3)))


def rule(prefix: str, source: str, **keys: object) -> dict[str, Any]:
    return {key: value for key, value in (("prefix", prefix), ("source", source)) if value} | keys


@given(RULES, PREFIXES, PREFIXES)
def test_the_rule_with_the_longest_prefix_and_then_the_longest_source_counts(
    pairs: list[tuple[str, str]], destination: str, source: str
) -> None:
    made = plans([rule(*pair, answers={"late_by": float(n + 1)}) for n, pair in enumerate(pairs)])
    fitting = [pair for pair in pairs if destination.startswith(pair[0]) and source.startswith(pair[1])]
    best = max(fitting, key=lambda pair: (len(pair[0]), len(pair[1])), default=None)
    expected = 60.0 if best is None else pairs.index(best) + 1.0
    assert made.find(destination.encode(), source.encode()).answers.late_by == expected


def test_a_rule_keeps_what_it_does_not_name() -> None:
    made = plans(
        [rule("81", "", answers={"lose_rate": 0.0}, receipts={"error": "007"})],
        answers={"lose_rate": 0.5, "late_rate": 0.5},
        receipts={"missing_rate": 0.5},
    )
    found = made.find(b"8190", b"")
    assert (found.answers.lose_rate, found.answers.late_rate) == (0.0, 0.5)
    assert (found.receipts.error, found.receipts.missing_rate) == ("007", 0.5)
    assert made.find(b"8190", b"") is found
    assert made.find(b"44", b"") is made.default


def test_a_change_counts_more_than_a_rule() -> None:
    made = plans([rule("81", "", answers={"lose_rate": 0.1, "late_rate": 0.1})], {"answers": {"lose_rate": 0.9}})
    found = made.find(b"8190", b"")
    assert (found.answers.lose_rate, found.answers.late_rate) == (0.9, 0.1)


def test_a_rule_shares_the_parts_a_second_unless_it_has_its_own() -> None:
    own = {"answers": {"parts_per_second": 5.0}}
    made = plans([rule("81", "", **own), rule("82", "", **own), rule("83", "")], answers={"parts_per_second": 9.0})
    quotas = [made.find(number, b"").quota for number in (b"81", b"82", b"83", b"84")]
    assert len(set(quotas)) == 3
    assert quotas[2] == quotas[3]


def test_parts_are_counted_when_any_rule_limits_them() -> None:
    assert not plans([rule("81", "")]).counts
    assert plans([rule("81", "", answers={"queue_limit": 5})]).counts
    assert plans([], {"answers": {"queue_limit": 5}}).counts


def test_only_what_leaves_nothing_to_chance_is_calm() -> None:
    friendly = plans([], answers={"latency": 2.0, "late_by": 9.0}, receipts={"delay": 2.0, "text": "short"}).default
    assert friendly.calm_answers
    assert friendly.calm_receipts
    for answers in (
        {"lose_rate": 0.1},
        {"statuses": {"RSYSERR": 0.1}},
        {"parts_per_second": 1.0},
        {"queue_limit": 1},
        {"short_charset": "cp932"},
        {"id_form": "hex"},
        {"latency": {"min": 0.0, "max": 1.0}},
    ):
        assert not plans([], answers=answers).default.calm_answers
    for receipts in (
        {"missing_rate": 0.1},
        {"states": {"DELIVRD": 1.0, "EXPIRED": 0.1}},
        {"id_form": "hex"},
        {"delay": {"median": 1.0, "p99": 2.0}},
    ):
        assert not plans([], receipts=receipts).default.calm_receipts


@given(st.sampled_from(StateName))
def test_a_state_is_that_which_receipts_name_so(name: StateName) -> None:
    state = plans([], receipts={"states": {str(name): 1.0}}).default.states.draw(Random(1))
    assert STATE_NAMES[state] == name
    assert isinstance(state, MessageState)


def test_statuses_that_fill_up_the_whole_leave_no_success() -> None:
    tenths = {f"0x{0x400 + n:X}": 0.1 for n in range(10)}
    draw = plans([], answers={"statuses": tenths}).default.statuses.draw
    random = Random(1)
    assert Status.ROK not in {draw(random) for _ in range(10_000)}
