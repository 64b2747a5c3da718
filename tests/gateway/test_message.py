"""A message is its parts: what their states make of it, how it is kept, and what a crash leaves of it."""

from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import OnUnknown
from gateway.message import (
    LANES,
    MAX_TRIES,
    Message,
    Part,
    PartState,
    State,
    derive,
    describe,
    pack_body,
    recover,
    resend_unknown,
    unpack,
    unpack_life,
)
from protocol.constants import Lane
from tests.gateway.fakes import NOW, TEXT, TO, message, row

P = PartState
COMBINATIONS = [states for size in (1, 2, 3) for states in product(PartState, repeat=size)]
STATES = st.lists(st.sampled_from(PartState), min_size=1, max_size=6)
FAILED = {P.UNDELIVERED: State.UNDELIVERED, P.EXPIRED: State.EXPIRED, P.REJECTED: State.REJECTED}


def expected(states: tuple[PartState, ...], receipt: bool) -> State:
    """The rule in other words."""
    failed = [state for state in (P.REJECTED, P.EXPIRED, P.UNDELIVERED) if state in states]
    if failed:
        return FAILED[failed[0]]
    if set(states) <= {P.DELIVERED} and receipt:
        return State.DELIVERED
    if set(states) <= {P.ACCEPTED, P.DELIVERED}:
        return State.SUBMITTED if receipt else State.DONE
    undecided = {P.SENT: State.SENDING, P.WAITING: State.WAITING, P.UNKNOWN: State.UNKNOWN}
    return next(state for part, state in undecided.items() if part in states)


@pytest.mark.parametrize("receipt", [True, False])
def test_the_state_follows_from_the_parts_for_every_combination(receipt: bool) -> None:
    for states in COMBINATIONS:
        made = message(1, *states, receipt=receipt)
        assert derive(made) is expected(states, receipt), states
        assert [part.state for part in made.parts] == list(states)


def test_what_was_reported_as_unknown_is_not_reported_again() -> None:
    for states in COMBINATIONS:
        reported = message(1, *states, state=State.REPORTED)
        before = expected(states, True)
        assert derive(reported) is (State.REPORTED if before is State.UNKNOWN else before)


@given(STATES, st.booleans(), st.data())
def test_a_final_state_stays_final_however_far_the_parts_get(
    states: list[PartState], receipt: bool, data: st.DataObject
) -> None:
    further = [data.draw(st.sampled_from([next_ for next_ in PartState if next_ >= state])) for state in states]
    before, after = message(1, *states, receipt=receipt), message(1, *further, receipt=receipt)
    before.state, after.state = derive(before), derive(after)
    assert after.final or not before.final


@given(STATES, st.booleans(), st.randoms())
def test_the_order_of_the_parts_does_not_matter(states: list[PartState], receipt: bool, random: Random) -> None:
    shuffled = list(states)
    random.shuffle(shuffled)
    assert derive(message(1, *states, receipt=receipt)) is derive(message(1, *shuffled, receipt=receipt))


def test_the_numbers_on_disk_never_change() -> None:
    assert [(state.name, int(state)) for state in PartState] == [
        *(("WAITING", 0), ("SENT", 1), ("UNKNOWN", 2), ("ACCEPTED", 3), ("DELIVERED", 4), ("UNDELIVERED", 5)),
        *(("EXPIRED", 6), ("REJECTED", 7)),
    ]
    assert [(state.name, int(state)) for state in State] == [
        *(("QUIET", 1), ("WAITING", 2), ("HELD", 3), ("SENDING", 4), ("UNKNOWN", 5), ("SUBMITTED", 6)),
        ("REPORTED", 7),
        *(("DONE", 10), ("DELIVERED", 11), ("UNDELIVERED", 12), ("REJECTED", 13), ("EXPIRED", 14), ("CANCELED", 15)),
    ]
    assert LANES == (Lane.OTP, Lane.URGENT, Lane.NORMAL, Lane.BULK)


TEXTS = st.text(max_size=30)
TIMES = st.floats(0, 4e9)
VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXTS | st.binary()
META = st.none() | st.dictionaries(TEXTS, VALUES | st.lists(VALUES, max_size=3), max_size=4)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Messages as full as they come."""
    made = message(draw(st.integers(1, 2**62)), *draw(st.lists(st.sampled_from(PartState), max_size=4)))
    made.client, made.id, made.to, made.sender, made.text = (draw(TEXTS) for _ in range(5))
    made.lane, made.plan, made.on_unknown = draw(st.sampled_from(Lane)), draw(TEXTS), draw(st.sampled_from(OnUnknown))
    made.coding, made.units, made.total = draw(TEXTS), draw(st.integers(0, 10**6)), draw(st.integers(1, 255))
    made.receipt, made.repeated = draw(st.booleans()), draw(st.booleans())
    made.not_before, made.expires_at, made.due = draw(TIMES), draw(TIMES), draw(TIMES)
    made.meta, made.operator = draw(META), draw(st.none() | TEXTS)
    made.tags, made.warnings = draw(st.none() | st.lists(TEXTS)), draw(st.none() | st.lists(TEXTS))
    made.state, made.carrier, made.attempts = draw(st.sampled_from(State)), draw(TEXTS), draw(st.integers(0, 1000))
    made.disowned_by = tuple(draw(st.lists(TEXTS, max_size=2)))
    for part in made.parts:
        part.carrier_id, part.status, part.at = draw(TEXTS), draw(st.integers(0, 2**32 - 1)), draw(TIMES)
        part.receipt = draw(st.none() | st.tuples(*[TEXTS] * 5))
        for _ in range(draw(st.integers(0, 3))):
            part.note_sent(draw(TEXTS), draw(st.integers(1, 2**31 - 1)), draw(TIMES))
    return made


KEPT = [name for name in Message.__slots__ if name not in ("parts", "cut", "cut_for", "home", "queued")]
KEPT_OF_PART = [name for name in Part.__slots__ if name != "message"]


@given(messages())
def test_all_but_what_can_be_made_again_survives_the_disk(made: Message) -> None:
    back = unpack(row(made))
    assert {name: getattr(back, name) for name in KEPT} == {name: getattr(made, name) for name in KEPT}
    assert [[getattr(part, name) for name in KEPT_OF_PART] for part in back.parts] == [
        [getattr(part, name) for name in KEPT_OF_PART] for part in made.parts
    ]
    assert all(part.message is back for part in back.parts)
    assert (back.cut, back.cut_for, back.queued) == (None, None, False)
    assert isinstance(back.lane, Lane)
    assert isinstance(back.state, State)
    assert all(isinstance(part.state, PartState) for part in back.parts)


def test_a_message_that_nothing_has_happened_to_has_no_life() -> None:
    made = message()
    back = unpack((*row(made)[:9], pack_body(made), None))
    assert (back.carrier, back.attempts, back.parts) == ("", 0, [])
    assert unpack_life(None) == ("", 0, [], None, [])


def test_the_newest_tries_are_remembered_each_with_its_own_answer() -> None:
    [part] = message(1, P.SENT).parts
    part.note_answer(0, NOW)
    assert part.tries is None
    for n in range(MAX_TRIES + 2):
        part.note_sent("alpha.0", n, NOW + n)
        part.note_answer(88, NOW + n + 0.5)
        part.note_answer(0, NOW + n + 0.6)
    part.note_sent("alpha.1", 99, NOW + 99)
    assert part.tries is not None
    assert [tried[1] for tried in part.tries] == [*range(3, MAX_TRIES + 2), 99]
    assert part.tries[-2:] == [
        ["alpha.0", MAX_TRIES + 1, NOW + MAX_TRIES + 1, NOW + MAX_TRIES + 1.5, 88],
        ["alpha.1", 99, NOW + 99, 0.0, 0],
    ]


def test_a_repr_shows_neither_the_number_nor_the_text() -> None:
    shown = repr(message(7))
    assert "m7" in shown
    assert TO not in shown
    assert TEXT not in shown


def test_the_id_for_clients_is_the_key() -> None:
    assert message(0xABC).message_id == "abc"


UNTIL = NOW + 300


@pytest.mark.parametrize(
    ("on_unknown", "before", "after", "state", "repeated"),
    [
        (OnUnknown.RESEND, [P.SENT], [P.WAITING], State.WAITING, True),
        (OnUnknown.RESEND, [P.ACCEPTED, P.SENT], [P.ACCEPTED, P.WAITING], State.WAITING, True),
        (OnUnknown.RESEND, [P.ACCEPTED, P.WAITING], [P.ACCEPTED, P.WAITING], State.WAITING, True),
        (OnUnknown.RESEND, [P.UNKNOWN, P.SENT], [P.UNKNOWN, P.WAITING], State.WAITING, True),
        (OnUnknown.RESEND, [P.ACCEPTED, P.ACCEPTED], [P.ACCEPTED, P.ACCEPTED], State.SUBMITTED, False),
        (OnUnknown.REPORT, [P.SENT], [P.UNKNOWN], State.UNKNOWN, False),
        (OnUnknown.REPORT, [P.SENT, P.ACCEPTED], [P.UNKNOWN, P.ACCEPTED], State.UNKNOWN, False),
        (OnUnknown.REPORT, [P.WAITING, P.SENT], [P.WAITING, P.UNKNOWN], State.WAITING, False),
        (OnUnknown.REPORT, [P.WAITING], [P.WAITING], State.WAITING, False),
    ],
)
def test_a_crash_leaves_what_the_policy_says(
    on_unknown: OnUnknown, before: list[PartState], after: list[PartState], state: State, repeated: bool
) -> None:
    made = message(1, *before, on_unknown=on_unknown, state=State.SENDING, expires_at=NOW + 60)
    recover(made, UNTIL)
    assert [part.state for part in made.parts] == after
    assert (made.state, made.repeated) == (state, repeated)
    assert made.due == (UNTIL if state is State.UNKNOWN else NOW + 60)


@given(STATES, st.sampled_from(OnUnknown))
def test_after_a_crash_nothing_is_on_the_wire_and_no_outcome_is_lost(
    states: list[PartState], on_unknown: OnUnknown
) -> None:
    made = message(1, *states, on_unknown=on_unknown, state=State.SENDING)
    recover(made, UNTIL)
    assert made.state is not State.SENDING
    for before, part in zip(states, made.parts, strict=True):
        assert part.state is before or before is P.SENT
        assert part.state is not P.SENT
    will_be_sent = any(part.state is P.WAITING for part in made.parts)
    assert made.repeated == (will_be_sent and on_unknown is OnUnknown.RESEND)


@given(STATES)
def test_a_resend_sends_the_unknown_parts_and_only_those_again(states: list[PartState]) -> None:
    made = message(1, *states, state=State.UNKNOWN, due=NOW, expires_at=NOW + 9)
    resend_unknown(made)
    assert [part.state for part in made.parts] == [P.WAITING if state is P.UNKNOWN else state for state in states]
    assert (made.state, made.due, made.repeated) == (State.WAITING, NOW + 9, True)


@pytest.mark.parametrize("state", State)
def test_a_status_names_every_state(state: State) -> None:
    told = describe(message(1, P.ACCEPTED, state=state))
    names = {State.QUIET: "held", State.REPORTED: "unknown", State.DONE: "submitted"}
    assert told["state"] == names.get(state, state.name.lower())
    assert told["final"] is (state >= State.DONE)
    assert (told["id"], told["ok"], told["carrier"]) == ("m1", True, "alpha")


def test_a_status_tells_of_each_part_as_the_contract_has_it() -> None:
    made = message(1, P.ACCEPTED, P.WAITING)
    made.parts[0].carrier_id, made.parts[0].status, made.parts[0].at = "7F", 0, NOW
    assert describe(made)["parts"] == [
        {"n": 1, "state": "accepted", "carrier_id": "7F", "status": 0, "at": NOW},
        {"n": 2, "state": "waiting", "carrier_id": "", "status": 0, "at": 0.0},
    ]
