"""A number may have moved to another carrier: who says so is asked no more, and the next of the plan gets it."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import OnUnknown
from gateway.message import Message, PartState, State
from gateway.retry import Action
from tests.gateway.desk import GRACE, REJECTING, RETRYING, THROTTLING, Desk, receipt, states
from tests.gateway.fakes import NOW, TO

P = PartState
ELSEWHERE = 0x400
UNDOCUMENTED = 0x4AA


def a_desk(*plants: tuple[tuple[str, ...], object]) -> Desk:
    """One of two carriers that both say at times that a number is not of their own, and are both up."""
    own = {"0x400": "elsewhere"}
    desk = Desk((("carriers", "alpha", "statuses"), own), (("carriers", "beta", "statuses"), own), *plants)
    desk.lanes.carrier_up("beta")
    return desk


def sent(desk: Desk, parts: int = 1, **more: object) -> Message:
    return desk.send(1, parts, plan="alpha,beta", **more)


def refuse(desk: Desk, made: Message, status: int = ELSEWHERE) -> None:
    """Have its carrier refuse all that is on the wire."""
    for part in [part for part in made.parts if part.state is P.SENT]:
        desk.settler.refused(part, status, NOW)


def test_the_next_carrier_gets_the_message_under_the_same_id_without_an_attempt() -> None:
    desk = a_desk()
    made = sent(desk, expires_at=NOW + 60)
    assert desk.settler.refused(made.parts[0], ELSEWHERE, NOW) is Action.ELSEWHERE
    assert (made.state, made.due, made.attempts, desk.kinds()) == (State.WAITING, NOW + 60, 0, [])
    assert desk.take() == []
    assert desk.take("beta") == [made]
    desk.accept(made)
    assert [(event["type"], event["message_id"], event["carrier"]) for event in desk.store.told] == [
        ("submitted", "1", "beta")
    ]
    assert not made.repeated


def test_each_carrier_is_asked_once_and_then_the_last_status_is_told() -> None:
    desk = a_desk((("carriers", "beta", "statuses"), {"0x401": "elsewhere"}))
    made = sent(desk)
    refuse(desk, made)
    desk.take("beta")
    refuse(desk, made, 0x401)
    assert (made.state, desk.kinds(), desk.store.told[0]["status"]) == (State.REJECTED, ["rejected"], 0x401)
    assert desk.take() == desk.take("beta") == []
    assert [desk.settler.counts.carriers[name].elsewhere for name in ("alpha", "beta")] == [1, 1]


def test_a_carrier_alone_rejects_what_is_not_its_own() -> None:
    desk = a_desk()
    made = desk.send(plan="alpha")
    refuse(desk, made)
    assert (made.state, desk.store.told[0]["status"]) == (State.REJECTED, ELSEWHERE)


def test_what_no_other_carrier_up_could_take_waits_for_the_next() -> None:
    desk = a_desk()
    desk.lanes.carrier_down("beta")
    made = sent(desk)
    refuse(desk, made)
    assert (made.state, desk.take()) == (State.WAITING, [])
    desk.lanes.carrier_up("beta")
    assert desk.take("beta") == [made]


def test_a_long_message_moves_when_all_its_parts_are_answered() -> None:
    desk = a_desk()
    made = sent(desk, parts=3, reference=7)
    made.total = 3
    for part in made.parts[:2]:
        desk.settler.refused(part, ELSEWHERE, NOW)
    assert desk.take("beta") == []
    desk.settler.refused(made.parts[2], THROTTLING, NOW)
    assert desk.take() == []
    assert desk.take("beta") == [made]
    assert (states(made), made.reference) == ([P.SENT] * 3, 7)


@pytest.mark.parametrize("order", [*permutations(("elsewhere", "accept", "silence"))])
@pytest.mark.parametrize("on_unknown", OnUnknown)
def test_what_a_carrier_has_or_may_have_stays_with_it_and_is_rejected(
    order: tuple[str, ...], on_unknown: OnUnknown
) -> None:
    desk = a_desk()
    made = sent(desk, parts=3, on_unknown=on_unknown)
    for part, what in zip(list(made.parts), order, strict=True):
        if what == "elsewhere":
            desk.settler.refused(part, ELSEWHERE, NOW)
        elif what == "accept":
            desk.settler.accepted(part, f"1-{part.n}", NOW)
        else:
            desk.settler.unanswered([part], NOW)
    assert (made.state, desk.kinds(), desk.store.told[0]["status"]) == (State.REJECTED, ["rejected"], ELSEWHERE)
    assert desk.take() == desk.take("beta") == []


def test_a_late_refusal_moves_what_was_unknown() -> None:
    desk = a_desk()
    made = sent(desk)
    desk.settler.unanswered(made.parts, NOW)
    desk.settler.late(made.parts[0], ELSEWHERE, "", NOW + 9)
    assert desk.take("beta") == [made]
    assert not made.repeated


def test_a_copy_sent_again_moves_too_and_a_late_answer_to_the_first_changes_nothing_then() -> None:
    desk = a_desk()
    made = sent(desk)
    first = made.parts[0]
    desk.settler.unanswered([first], NOW)
    assert desk.settler.fell_due(made, NOW + GRACE)
    desk.lanes.resume(made)
    assert desk.take() == [made]
    refuse(desk, made)
    assert desk.take("beta") == [made]
    desk.settler.late(first, 0, "A1", NOW + GRACE + 1)
    desk.store.flush()
    assert (made.state, desk.store.names) == (State.SENDING, {})
    desk.accept(made)
    assert [(event["type"], event["possible_duplicate"]) for event in desk.store.told] == [("submitted", True)]


def test_what_a_carrier_took_after_all_gets_the_rest_there() -> None:
    desk = a_desk()
    made = sent(desk, parts=2, repeated=True)
    desk.settler.refused(made.parts[0], ELSEWHERE, NOW)
    desk.settler.received(made.parts[0], *receipt(), NOW)
    made.parts[1].state = P.WAITING
    desk.settler.unsent(made, NOW)
    assert desk.take("beta") == []
    assert desk.take() == [made]


def test_who_has_disowned_a_number_is_remembered_on_disk() -> None:
    desk = a_desk()
    made = sent(desk)
    refuse(desk, made)
    assert desk.copy(made).disowned_by == ("alpha",)


# Refusals for the moment


def test_the_next_try_is_another_carriers_while_nobody_has_a_part() -> None:
    desk = a_desk()
    made = sent(desk)
    asked = []
    for carrier in ("alpha", "beta", "alpha", "beta"):
        refuse(desk, made, RETRYING)
        assert made.state is State.HELD
        assert desk.settler.fell_due(made, made.due)
        desk.lanes.resume(made)
        taken = [name for name in ("alpha", "beta") if desk.take(name)]
        assert taken != [carrier]
        asked += taken
    assert asked == ["beta", "alpha", "beta", "alpha"]
    refuse(desk, made, RETRYING)
    assert (made.state, desk.kinds()) == (State.REJECTED, ["rejected"])


def test_a_carrier_that_is_down_has_no_turn() -> None:
    desk = a_desk()
    desk.lanes.carrier_down("beta")
    made = sent(desk)
    refuse(desk, made, RETRYING)
    desk.settler.fell_due(made, made.due)
    desk.lanes.resume(made)
    assert desk.take() == [made]


@pytest.mark.parametrize("other", [P.ACCEPTED, P.UNKNOWN])
def test_a_message_of_which_the_carrier_has_a_part_stays_for_its_next_try(other: PartState) -> None:
    desk = a_desk()
    made = sent(desk, parts=2)
    desk.settler.refused(made.parts[0], RETRYING, NOW)
    if other is P.ACCEPTED:
        desk.accept(made, 2)
    else:
        desk.settler.unanswered([made.parts[1]], NOW)
    assert desk.settler.fell_due(made, made.due)
    desk.lanes.resume(made)
    assert desk.take("beta") == []
    assert desk.take() == [made]


@pytest.mark.parametrize("status", [0x02, 0x03])
def test_what_the_peer_could_not_read_is_tried_once_more_and_then_rejected(status: int) -> None:
    desk = a_desk()
    made = desk.send()
    refuse(desk, made, status)
    assert (made.state, made.attempts) == (State.HELD, 1)
    again = desk.copy(made)
    assert desk.settler.fell_due(again, again.due)
    desk.lanes.resume(again)
    assert desk.take() == [again]
    refuse(desk, again, status)
    assert (again.state, desk.store.told[0]["status"]) == (State.REJECTED, status)


def test_statuses_that_nobody_has_explained_are_counted_by_carrier() -> None:
    desk = a_desk()
    for key, status in enumerate((UNDOCUMENTED, 0xFFFFFFFF, ELSEWHERE, RETRYING, REJECTING), 1):
        desk.settler.refused(desk.send(key).parts[0], status, NOW)
    assert desk.settler.counts.carriers["alpha"].undocumented == 2
    assert desk.settler.counts.carriers["beta"].undocumented == 0


# Who has a number


def test_who_took_a_numbers_message_is_remembered_and_who_delivered_it_again() -> None:
    desk = a_desk()
    made = sent(desk)
    desk.accept(made)
    assert desk.store.homes == {TO: "alpha"}
    desk.store.homes.clear()
    desk.settler.received(made.parts[0], *receipt(), NOW)
    assert desk.store.homes == {TO: "alpha"}


def test_nothing_is_remembered_where_it_decides_nothing() -> None:
    desk = a_desk()
    desk.accept(desk.send(plan="alpha"))
    other = Desk()
    other.accept(other.send(plan="alpha,beta"))
    off = a_desk((("gateway", "home_hold"), 0.0))
    off.accept(sent(off))
    rejecting = a_desk()
    refuse(rejecting, sent(rejecting), REJECTING)
    assert [each.store.homes for each in (desk, other, off, rejecting)] == [{}] * 4


STEPS = st.lists(st.tuples(st.sampled_from((ELSEWHERE, RETRYING, THROTTLING, 0, -1)), st.integers(0, 2)), max_size=30)


@given(st.integers(1, 3), st.sampled_from(OnUnknown), STEPS)
def test_whatever_carriers_say_none_is_asked_after_it_disowned_and_none_has_parts_of_a_moved_message(
    parts: int, on_unknown: OnUnknown, steps: list[tuple[int, int]]
) -> None:
    desk = a_desk()
    made = sent(desk, parts=parts, on_unknown=on_unknown)
    made.total = parts
    holds: set[str] = set()
    for status, n in [*steps, *((0, n) for n in range(20))]:
        part = made.parts[n % len(made.parts)] if made.parts else None
        if part and part.state is P.SENT:
            if status > 0:
                desk.settler.refused(part, status, NOW)
            else:
                holds.add(made.carrier)
                desk.settler.unanswered([part], NOW) if status else desk.settler.accepted(part, f"{n}", NOW)
        if made.state in (State.HELD, State.UNKNOWN) and made.due and desk.settler.fell_due(made, made.due):
            desk.lanes.resume(made)
        gone = made.disowned_by
        for carrier in ("alpha", "beta"):
            for taken in desk.take(carrier):
                assert carrier not in gone or carrier in holds
                assert holds <= {taken.carrier} or taken.repeated, "a part of it is, or may be, with another carrier"
    assert made.final or made.state in (State.SUBMITTED, State.REPORTED, State.SENDING)
