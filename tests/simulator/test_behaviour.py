"""What a friendly SMSC does, what strikes links, phases, and changes at run time."""

from dataclasses import replace
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.scenario import find_scenario, load_scenario, shipped_scenarios
from protocol.constants import MessageState, Status
from protocol.pdu import SubmitSm
from simulator.behaviour import MAX_GARBAGE, Answer, Behaviour, Outcome, Strike
from simulator.faults import FAULTS, LinkFault
from simulator.plan import ReceiptForm
from tests.simulator.behaviours import MANY, ORIGIN, WANTED, answers, behaviour, scenario
from tests.simulator.world import phase

SEEDS = st.integers(0, 2**64)


@given(SEEDS, st.floats(0, 1e6))
def test_a_friendly_smsc_takes_everything_at_once_and_delivers_it(seed: int, now: float) -> None:
    made = behaviour(seed=seed, started=now)
    answer = made.answer(WANTED, now, ORIGIN)
    assert answer == Answer(Status.ROK, answer.message_id, now)
    assert made.receipts(WANTED, answer.message_id, now) == [
        Outcome(now + 0.5, MessageState.DELIVERED, "000", answer.message_id, False, False, True, ReceiptForm())
    ]


@given(SEEDS)
def test_ids_are_ten_digits_and_never_repeat(seed: int) -> None:
    found = [each.message_id for each in answers(behaviour(seed=seed), 100)]
    assert len(set(found)) == 100
    assert all(len(message_id) == 10 and message_id.isdigit() for message_id in found)


@given(SEEDS, st.sampled_from(shipped_scenarios()), st.lists(st.floats(0, 5), max_size=30))
def test_the_same_seed_and_the_same_calls_give_the_same_decisions(seed: int, name: str, gaps: list[float]) -> None:
    def decide() -> list[object]:
        made, now, found = Behaviour(load_scenario(find_scenario(name)), seed, 0.0), 0.0, list[object]()
        for gap in gaps:
            now += gap
            answer = made.answer(WANTED, now, ORIGIN)
            found += [answer, made.receipts(WANTED, answer.message_id, now), made.strike(now, now - gap)]
        return found

    assert decide() == decide()


def test_what_strikes_links_changes_no_message() -> None:
    faults = {"answers.lose_rate": 0.5, "receipts.missing_rate": 0.5, "link.close_rate": 0.5}
    quiet, struck = behaviour(faults), behaviour(faults)
    for now in range(100):
        struck.strike(now + 1.0, now)
        assert quiet.answer(WANTED, now, ORIGIN) == struck.answer(WANTED, now, ORIGIN)
        assert quiet.receipts(WANTED, b"1", now) == struck.receipts(WANTED, b"1", now)


def test_other_seeds_decide_otherwise() -> None:
    assert len({answers(behaviour(seed=seed), 1)[0].message_id for seed in range(100)}) == 100
    found = [
        [each.status for each in answers(behaviour({"answers.statuses": {"0x1": 0.5}}, seed), 99)] for seed in (1, 2)
    ]
    assert found[0] != found[1]


@given(st.binary(max_size=20))
def test_only_a_destination_of_digits_is_taken(destination: bytes) -> None:
    answer = behaviour().answer(SubmitSm(destination_addr=destination), 0.0, ORIGIN)
    digits = destination != b"" and set(destination) <= set(b"0123456789")
    assert answer.status == (Status.ROK if digits else Status.RINVDSTADR)
    assert (answer.message_id != b"") == digits


@pytest.mark.parametrize("fault", [fault for fault in LinkFault if fault is not LinkFault.SLOW])
def test_a_link_fault_strikes_as_often_as_its_rate_says(fault: LinkFault) -> None:
    name = f"link.{fault}_rate"
    assert [each.fault for each in behaviour({name: 1}).strike(1.0, 0.999)] == [fault]
    assert behaviour({name: 0}).strike(1e9, 0.0) == []
    made = behaviour({name: 0.1})
    assert sum(len(made.strike(n + 1.0, n)) for n in range(MANY)) == pytest.approx(MANY * 0.1, rel=0.1)
    assert made.strike(5.0, 5.0) == []


def test_asking_more_often_strikes_no_more_often() -> None:
    made = behaviour({"link.close_rate": 0.1})
    hit = sum(any(made.strike(n + tick / 10 + 0.1, n + tick / 10) for tick in range(10)) for n in range(5000))
    assert hit == pytest.approx(500, rel=0.1)


def test_a_strike_brings_what_it_needs() -> None:
    made = behaviour({"link.half_open_for": 9})
    assert made.make_strike(LinkFault.HALF_OPEN, 0.0) == Strike(LinkFault.HALF_OPEN, 9.0)
    assert made.make_strike(LinkFault.CLOSE, 0.0) == Strike(LinkFault.CLOSE)
    lengths = set()
    for _ in range(100):
        assert 1 <= len(made.make_strike(LinkFault.GARBAGE, 0.0).octets) <= MAX_GARBAGE
        octets = made.make_strike(LinkFault.WRONG_LENGTH, 0.0).octets
        lengths.add(int.from_bytes(octets[:4], "big"))
        assert len(octets) == 16
    assert len(octets) not in lengths
    assert len(lengths) > 1


def test_binds_are_refused_by_name_or_number() -> None:
    assert behaviour().refuse_bind(0.0) == 0
    assert behaviour({"link.refuse_bind": "RBINDFAIL"}).refuse_bind(0.0) == Status.RBINDFAIL
    assert behaviour({"link.refuse_bind": "0x400"}).refuse_bind(0.0) == 0x400


def test_what_lasts_on_a_link_can_be_asked_for() -> None:
    link = behaviour({"link.slow_read": 9, "link.ignore_enquire_link": True, "link.idle_close": 30}).link(0.0)
    assert (link.slow_read, link.ignore_enquire_link, link.idle_close) == (9, True, 30.0)


def test_phases_follow_each_other() -> None:
    made = scenario(
        {
            "repeat": True,
            "phases": [
                {"name": "day", "lasts": 10.0},
                {
                    "name": "night",
                    "lasts": 5.0,
                    "answers": {"statuses": {"RSYSERR": 1}},
                    "receipts": {"missing_rate": 1},
                    "link": {"refuse_bind": "RBINDFAIL"},
                },
            ],
        }
    )
    for now, name, status, change in (
        (0.0, "day", 0, 10.0),
        (10.0, "night", Status.RSYSERR, 15.0),
        (14.9, "night", Status.RSYSERR, 15.0),
        (15.0, "day", 0, 25.0),
        (100.0, "night", Status.RSYSERR, 105.0),
    ):
        assert (made.phase(now).name, made.next_change(now)) == (name, change)
        assert made.answer(WANTED, now, ORIGIN).status == status
        assert made.receipts(WANTED, b"1", now)[0].told == (status == 0)
        assert made.refuse_bind(now) == (Status.RBINDFAIL if status else 0)
        assert made.values(now)["receipts.missing_rate"] == (1.0 if status else 0.0)


def test_receipts_alone_notice_that_the_phase_has_changed() -> None:
    made = scenario({"phases": [{"name": "a", "lasts": 10.0}, {"name": "b", "receipts": {"missing_rate": 1}}]})
    assert [made.receipts(WANTED, b"1", now)[0].told for now in (9.0, 10.0)] == [True, False]


@pytest.mark.parametrize("wish", [0, 1])
@given(st.integers(), st.floats(0, 1e9), st.sampled_from([0, 0.0, 0.5, 3600]))
def test_what_is_calm_says_of_all_messages_what_would_be_said_of_each(
    wish: int, seed: int, now: float, delay: float
) -> None:
    each, all_ = (behaviour({"receipts.delay": delay}, seed) for _ in range(2))
    calm, submit = all_.calm(now), replace(WANTED, registered_delivery=wish)
    assert calm
    for _ in range(3):
        answer, message_id = each.answer(submit, now, ORIGIN), all_.make_id()
        assert answer == Answer(0, message_id, now)
        ends = [calm.told(message_id)] if wish else [replace(end, message_id=message_id) for end in calm.silent]
        assert ends == each.receipts(submit, message_id, now)


@pytest.mark.parametrize(
    "tree",
    [
        *(
            {"phases": [phase({name: 0.5})]}
            for name in FAULTS
            if name.endswith("_rate") and not name.startswith("link")
        ),
        {"phases": [phase({"answers.latency": 0.1})]},
        {"phases": [phase({"answers.queue_limit": 9})]},
        {"phases": [phase({"answers.id_form": "hex"})]},
        {"phases": [phase({"receipts.states": {"EXPIRED": 1}})]},
        {"phases": [phase({"receipts.delay": {"min": 0, "max": 1}})]},
        {"phases": [phase({"receipts.id_form": "hex"})]},
        {"phases": [phase({}, rules=[{"prefix": "81"}])]},
        {"phases": [phase({})], "accounts": [{"system_id": "bank", "password": "x", "parts_per_second": 5.0}]},
        {"phases": [phase({}, lasts=5.0), phase({"answers.lose_rate": 0.5}) | {"name": "lossy"}]},
    ],
)
def test_nothing_is_calm_that_is_left_to_chance_or_counted(tree: dict[str, Any]) -> None:
    assert scenario(tree).calm(5.0) is None


@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_phase_of_what_is_shipped_is_reached_and_decides(name: str) -> None:
    shipped = load_scenario(find_scenario(name))
    made, now, seen = Behaviour(shipped, 1, 0.0), 0.0, []
    for _ in shipped.phases:
        seen.append(made.phase(now).name)
        for moment in range(500):
            answer = made.answer(WANTED, now + moment * 0.01, ORIGIN)
            made.receipts(WANTED, answer.message_id, now + moment * 0.01)
        now = made.next_change(now)
    assert seen == [phase.name for phase in shipped.phases]
    assert now == inf or made.phase(now).name == seen[0]


def test_values_are_all_faults_in_the_order_of_the_table() -> None:
    made = behaviour({"answers.latency": {"min": 1, "max": 2}, "receipts.states": {"EXPIRED": 1}})
    values = made.values(0.0)
    assert list(values) == list(FAULTS)
    assert values["answers.latency"] == {"min": 1.0, "max": 2.0}
    assert values["receipts.states"] == {"EXPIRED": 1.0}
    assert {name for name, value in values.items() if value != FAULTS[name].default} == {
        "answers.latency",
        "receipts.states",
    }


def test_a_change_counts_at_once_in_every_phase_and_rule_until_it_is_taken_back() -> None:
    rule = {"prefix": "81", "answers": {"statuses": {"RSYSERR": 1}}, "receipts": {"error": "007"}}
    made = scenario({"phases": [{"name": "a", "lasts": 10.0}, {"name": "b", "rules": [rule]}]})
    made.override("answers.statuses", {"RMSGQFUL": 1})
    made.override("receipts.states", {"UNDELIV": 1})
    assert made.overrides == {"answers.statuses": {"RMSGQFUL": 1}, "receipts.states": {"UNDELIV": 1}}
    assert [made.answer(WANTED, now, ORIGIN).status for now in (0.0, 11.0)] == [Status.RMSGQFUL] * 2
    assert made.receipts(WANTED, b"1", 11.0)[0].error == "007"
    assert made.values(11.0)["answers.statuses"] == {"RMSGQFUL": 1.0}
    made.override("answers.statuses", None)
    assert made.answer(WANTED, 11.0, ORIGIN).status == Status.RSYSERR
    made.clear()
    assert made.overrides == {}
    assert made.receipts(WANTED, b"1", 11.0)[0].state is MessageState.DELIVERED


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_can_be_changed_and_shows_in_the_values(name: str) -> None:
    made = behaviour({"answers.lose_rate": 1, "link.close_rate": 1})
    made.override(name, FAULTS[name].default)
    assert made.values(0.0)[name] == FAULTS[name].default
    assert made.overrides == {name: FAULTS[name].default}


def test_a_change_of_the_links_strikes() -> None:
    made = behaviour()
    made.override("link.close_rate", 1)
    assert made.strike(1.0, 0.0) == [Strike(LinkFault.CLOSE)]


@pytest.mark.parametrize(("name", "value"), [("answers.lose_rate", 2), ("answers.no_such", 1), ("no_such", None)])
def test_a_change_that_is_wrong_changes_nothing(name: str, value: object) -> None:
    made = behaviour()
    with pytest.raises(ValueError, match=name):
        made.override(name, value)
    assert made.overrides == {}


def test_changes_keep_the_ids_apart_and_the_clock_of_the_phases() -> None:
    made = scenario({"phases": [{"name": "a", "lasts": 10.0}, {"name": "b", "answers": {"id_form": "HEX"}}]})
    found = answers(made, 10)
    made.override("answers.id_form", "hex")
    found += answers(made, 10)
    made.clear()
    found += answers(made, 10, now=10.0)
    assert len({answer.message_id for answer in found}) == 30
    assert found[-1].message_id == found[-1].message_id.upper()
