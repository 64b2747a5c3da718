"""What becomes of parts that nobody has answered for, and of messages whose time has come or that are taken back."""

import pytest

from config.settings import OnUnknown
from gateway.message import PartState, State
from tests.gateway.desk import GRACE, REJECTING, RETRYING, THROTTLING, Desk, receipt, states
from tests.gateway.fakes import NOW, message

P = PartState


# Nobody knows


def test_what_is_not_answered_is_unknown_until_its_grace_is_over() -> None:
    desk = Desk()
    made = desk.send()
    desk.settler.unanswered(made.parts, NOW)
    assert (made.state, made.due, states(made)) == (State.UNKNOWN, NOW + GRACE, [P.UNKNOWN])
    assert (desk.kinds(), desk.outstanding.live) == ([], {1: made})
    assert desk.copy(made).state is State.UNKNOWN


def test_a_message_is_unknown_when_its_last_part_is_decided() -> None:
    desk = Desk()
    made = desk.send(parts=2)
    desk.settler.unanswered([made.parts[0]], NOW)
    before = made.state
    desk.accept(made, 2)
    assert (before, made.state) == (State.SENDING, State.UNKNOWN)


def test_the_unknown_is_sent_again_and_says_so() -> None:
    desk = Desk()
    made = desk.send(parts=2, on_unknown=OnUnknown.RESEND, expires_at=NOW + 900)
    desk.accept(made, 1)
    desk.settler.unanswered([made.parts[1]], NOW)
    assert desk.settler.fell_due(made, NOW + GRACE)
    assert (made.state, made.due, made.repeated) == (State.WAITING, NOW + 900, True)
    desk.lanes.resume(made)
    assert desk.take() == [made]
    assert states(made) == [P.ACCEPTED, P.SENT]
    desk.accept(made, 2)
    assert [(event["type"], event["possible_duplicate"]) for event in desk.store.told] == [("submitted", True)]


def test_the_unknown_is_reported_once_and_a_receipt_may_still_come() -> None:
    desk = Desk()
    made = desk.send(on_unknown=OnUnknown.REPORT)
    desk.settler.unanswered(made.parts, NOW)
    assert not desk.settler.fell_due(made, NOW + GRACE)
    assert not desk.settler.fell_due(made, NOW + GRACE)
    assert (made.state, made.due, made.cut) == (State.REPORTED, 0.0, None)
    desk.settler.received(made.parts[0], *receipt(), NOW + 999)
    assert [(event["type"], event["final"]) for event in desk.store.told] == [("unknown", False), ("delivered", True)]


@pytest.mark.parametrize("on_unknown", OnUnknown)
def test_a_late_answer_settles_the_unknown(on_unknown: OnUnknown) -> None:
    desk = Desk()
    made = desk.send(on_unknown=on_unknown)
    desk.settler.unanswered(made.parts, NOW)
    desk.settler.late(made.parts[0], 0, "1-1", NOW + 9)
    assert (made.state, made.due, desk.kinds()) == (State.SUBMITTED, 0.0, ["submitted"])
    assert not made.repeated
    assert not desk.settler.fell_due(made, NOW + GRACE)


def test_a_late_answer_settles_even_what_was_reported() -> None:
    desk = Desk()
    made = desk.send(on_unknown=OnUnknown.REPORT)
    desk.settler.unanswered(made.parts, NOW)
    desk.settler.fell_due(made, NOW + GRACE)
    desk.settler.late(made.parts[0], 0, "1-1", NOW + GRACE + 1)
    assert desk.kinds() == ["unknown", "submitted"]


@pytest.mark.parametrize(
    ("status", "state"), [(REJECTING, State.REJECTED), (RETRYING, State.HELD), (THROTTLING, State.WAITING)]
)
@pytest.mark.parametrize("on_unknown", OnUnknown)
def test_a_late_refusal_makes_the_unknown_known_so_nothing_is_repeated(
    status: int, state: State, on_unknown: OnUnknown
) -> None:
    desk = Desk()
    made = desk.send(parts=2, on_unknown=on_unknown)
    desk.accept(made, 1)
    desk.settler.unanswered([made.parts[1]], NOW)
    desk.settler.late(made.parts[1], status, "", NOW + 9)
    assert (made.state, made.repeated) == (state, False)
    assert desk.take() == ([made] if state is State.WAITING else [])


def test_what_a_late_refusal_frees_goes_though_another_part_is_unknown() -> None:
    desk = Desk()
    made = desk.send(parts=2)
    desk.settler.unanswered(made.parts, NOW)
    desk.settler.late(made.parts[0], THROTTLING, "", NOW + 9)
    assert desk.take() == [made]
    assert states(made) == [P.SENT, P.UNKNOWN]
    desk.accept(made, 1)
    assert (made.state, made.repeated) == (State.UNKNOWN, False)
    desk.settler.late(made.parts[1], 0, "1-2", NOW + 10)
    assert desk.kinds() == ["submitted"]


@pytest.mark.parametrize("status", [REJECTING, RETRYING, THROTTLING])
def test_what_was_reported_is_not_sent_again_whatever_a_late_refusal_says(status: int) -> None:
    desk = Desk()
    made = desk.send(parts=2, on_unknown=OnUnknown.REPORT)
    desk.settler.unanswered(made.parts, NOW)
    desk.settler.fell_due(made, NOW + GRACE)
    desk.settler.late(made.parts[0], status, "", NOW + GRACE + 1)
    assert (made.state, desk.kinds()) == (State.REJECTED, ["unknown", "rejected"])
    assert desk.store.told[1]["status"] == status
    assert desk.take() == []


def test_a_late_acceptance_saves_the_second_copy_while_it_waits() -> None:
    desk = Desk()
    made = desk.send()
    desk.settler.unanswered(made.parts, NOW)
    assert desk.settler.fell_due(made, NOW + GRACE)
    desk.lanes.resume(made)
    desk.settler.late(made.parts[0], 0, "1-1", NOW + GRACE + 1)
    assert desk.kinds() == ["submitted"]
    assert desk.take() == []


def test_a_late_answer_does_not_overwrite_what_became_of_a_message_since_it_left_memory() -> None:
    desk = Desk(outstanding=1)
    made = desk.send(parts=2, on_unknown=OnUnknown.REPORT)
    desk.accept(made, 1)
    desk.settler.unanswered([made.parts[1]], NOW)
    desk.settler.fell_due(made, NOW + GRACE)
    desk.accept(desk.send(2))
    assert list(desk.outstanding.live) == [2]
    copy = desk.copy(made)
    desk.settler.received(copy.parts[0], *receipt(), NOW + GRACE)
    desk.settler.late(made.parts[1], 0, "1-2", NOW + GRACE + 1)
    assert states(desk.copy(made)) == [P.DELIVERED, P.UNKNOWN]
    assert desk.store.names["alpha", "1-2"] == [(1, 2)]
    desk.settler.received(desk.copy(made).parts[1], *receipt(), NOW + GRACE)
    desk.settler.received(copy.parts[1], *receipt(), NOW + GRACE)
    assert desk.copy(made).state is State.DELIVERED


def test_a_late_answer_to_a_copy_that_was_sent_again_is_only_remembered_by_its_name() -> None:
    desk = Desk()
    made = desk.send()
    desk.settler.unanswered(made.parts, NOW)
    assert desk.settler.fell_due(made, NOW + GRACE)
    desk.lanes.resume(made)
    desk.take()
    desk.settler.late(made.parts[0], 0, "first", NOW + GRACE + 1)
    desk.settler.late(made.parts[0], REJECTING, "", NOW + GRACE + 1)
    desk.settler.late(made.parts[0], 0, "", NOW + GRACE + 1)
    assert (made.state, states(made), desk.kinds()) == (State.SENDING, [P.SENT], [])
    desk.store.flush()
    assert desk.store.names == {("alpha", "first"): [(1, 1)]}


@pytest.mark.parametrize("status", [REJECTING, RETRYING, THROTTLING])
def test_no_answer_to_a_second_copy_overrules_the_receipt_of_the_first(status: int) -> None:
    desk = Desk()
    made = desk.send(parts=2, repeated=True)
    desk.settler.received(made.parts[0], *receipt(), NOW)
    desk.settler.refused(made.parts[0], status, NOW + 1)
    desk.settler.unanswered([made.parts[0]], NOW + 1)
    assert states(made) == [P.DELIVERED, P.SENT]
    desk.settler.accepted(made.parts[0], "again", NOW + 2)
    desk.accept(made, 2)
    assert states(made) == [P.DELIVERED, P.ACCEPTED]
    assert (made.state, desk.kinds()) == (State.SUBMITTED, ["submitted"])


@pytest.mark.parametrize("status", [RETRYING, THROTTLING])
def test_what_was_put_aside_stays_in_line_when_another_part_becomes_unknown(status: int) -> None:
    desk = Desk()
    made = desk.send(parts=2)
    desk.settler.refused(made.parts[0], status, NOW)
    before = made.state
    desk.settler.unanswered([made.parts[1]], NOW)
    assert made.state is before
    assert desk.outstanding.live == {1: made}
    if before is State.HELD:
        assert desk.settler.fell_due(made, made.due)
        desk.lanes.resume(made)
    assert desk.take() == [made]
    assert states(made) == [P.SENT, P.UNKNOWN]
    desk.accept(made, 1)
    assert made.state is State.UNKNOWN
    desk.settler.late(made.parts[1], 0, "1-2", NOW + 9)
    assert desk.kinds() == ["submitted"]


def test_a_message_that_is_held_stays_in_memory_while_a_part_of_it_is_unknown() -> None:
    desk = Desk()
    made = desk.send(parts=2)
    desk.settler.unanswered([made.parts[0]], NOW)
    desk.settler.refused(made.parts[1], RETRYING, NOW)
    assert (made.state, desk.outstanding.live) == (State.HELD, {1: made})
    desk.settler.late(made.parts[0], 0, "1-1", NOW + 1)
    assert states(desk.copy(made)) == [P.ACCEPTED, P.WAITING]


# Time and clients


@pytest.mark.parametrize("state", [State.QUIET, State.WAITING, State.HELD])
def test_what_expires_before_it_is_sent_is_told_and_leaves_memory(state: State) -> None:
    desk = Desk()
    made = message(expires_at=NOW, due=NOW, state=state)
    desk.outstanding.live[1] = made
    assert not desk.settler.fell_due(made, NOW)
    assert (made.state, made.due, desk.outstanding.live) == (State.EXPIRED, 0.0, {})
    assert [(event["type"], event["final"], "receipt" in event) for event in desk.store.told] == [
        ("expired", True, False)
    ]
    assert desk.copy(made).state is State.EXPIRED


@pytest.mark.parametrize("other", [P.SENT, P.UNKNOWN, P.ACCEPTED, P.DELIVERED])
@pytest.mark.parametrize("state", [State.QUIET, State.WAITING, State.HELD])
def test_what_a_carrier_has_begun_with_is_not_expired_by_us(state: State, other: PartState) -> None:
    desk = Desk()
    made = message(1, other, P.WAITING, expires_at=NOW, due=NOW, state=state)
    assert desk.settler.fell_due(made, NOW) is (state is not State.WAITING)
    assert (made.state, made.due, desk.kinds()) == (State.WAITING, 0.0, [])
    assert not desk.settler.expire(made, NOW)


def test_what_is_unknown_when_its_time_is_over_is_reported_and_not_sent_again() -> None:
    desk = Desk()
    made = desk.send(expires_at=NOW + 60, on_unknown=OnUnknown.RESEND)
    desk.settler.unanswered(made.parts, NOW)
    assert not desk.settler.fell_due(made, NOW + GRACE)
    assert (made.state, made.repeated, desk.kinds()) == (State.REPORTED, False, ["unknown"])


def test_a_second_copy_whose_time_is_over_is_not_sent_and_the_first_may_have_come() -> None:
    desk = Desk()
    made = desk.send(parts=2, expires_at=NOW + GRACE + 60, on_unknown=OnUnknown.RESEND)
    desk.accept(made, 1)
    desk.settler.unanswered([made.parts[1]], NOW)
    assert desk.settler.fell_due(made, NOW + GRACE)
    desk.lanes.resume(made)
    assert not desk.settler.fell_due(made, made.expires_at)
    assert (made.state, states(made)) == (State.REPORTED, [P.ACCEPTED, P.UNKNOWN])
    assert desk.take() == []
    desk.settler.received(made.parts[0], *receipt(), NOW + 999)
    desk.settler.received(made.parts[1], *receipt(), NOW + 999)
    told = [(event["type"], event["possible_duplicate"]) for event in desk.store.told]
    assert told == [("unknown", True), ("delivered", True)]


@pytest.mark.parametrize("parts", [1, 2])
def test_what_a_crash_has_left_in_doubt_is_reported_when_its_time_is_over_though_nothing_of_it_was_written_down(
    parts: int,
) -> None:
    desk = Desk()
    made = message(1, expires_at=NOW + 900, due=NOW + 900, total=parts, repeated=True)
    assert not desk.settler.fell_due(made, NOW + 900)
    assert (made.state, states(made)) == (State.REPORTED, [P.UNKNOWN] * parts)
    [told] = desk.store.told
    assert (told["type"], told["final"], told["possible_duplicate"]) == ("unknown", False, True)


@pytest.mark.parametrize(
    ("parts", "repeated", "state", "told"),
    [
        ([P.ACCEPTED, P.WAITING], False, State.REJECTED, "rejected"),
        ([P.UNKNOWN, P.WAITING], False, State.REJECTED, "rejected"),
        ([P.ACCEPTED, P.WAITING], True, State.REPORTED, "unknown"),
        ([P.WAITING, P.WAITING], True, State.REPORTED, "unknown"),
    ],
)
def test_what_is_left_for_a_carrier_that_is_gone_is_refused_unless_it_may_have_been_sent(
    parts: list[PartState], repeated: bool, state: State, told: str
) -> None:
    desk = Desk()
    made = message(1, *parts, plan="alpha,beta", repeated=repeated)
    desk.settler.strand(made, NOW)
    assert (made.state, desk.kinds(), desk.outstanding.live) == (state, [told], {})
    assert P.WAITING not in states(made)


def test_what_is_held_for_longer_than_it_lives_falls_due_when_it_expires() -> None:
    desk = Desk((("carriers", "alpha", "retry_min"), 60.0))
    made = desk.send(expires_at=NOW + 20)
    desk.settler.refused(made.parts[0], RETRYING, NOW)
    assert (made.state, made.due) == (State.HELD, NOW + 20)
    assert not desk.settler.fell_due(made, NOW + 20)
    assert desk.kinds() == ["expired"]


def test_what_was_held_waits_when_its_time_comes_and_then_for_its_expiry() -> None:
    desk = Desk()
    made = message(expires_at=NOW + 60, due=NOW, state=State.HELD)
    assert desk.settler.fell_due(made, NOW)
    assert (made.state, made.due, desk.kinds()) == (State.WAITING, NOW + 60, [])
    assert desk.copy(made).state is State.WAITING


@pytest.mark.parametrize("state", [each for each in State if each not in (State.QUIET, State.HELD, State.UNKNOWN)])
def test_nothing_else_falls_due(state: State) -> None:
    desk = Desk()
    made = message(1, P.SENT, state=state, due=NOW)
    assert not desk.settler.fell_due(made, NOW)
    assert (made.state, desk.kinds(), desk.store.commit.changed) == (state, [], {})


@pytest.mark.parametrize("state", [State.QUIET, State.WAITING, State.HELD])
@pytest.mark.parametrize("parts", [0, 2])
def test_a_message_without_a_part_on_the_wire_can_be_canceled(state: State, parts: int) -> None:
    desk = Desk()
    made = message(1, *[P.WAITING] * parts, state=state, due=NOW + 5)
    desk.outstanding.live[1] = made
    assert desk.settler.cancel(made, NOW)
    assert (made.state, made.due, desk.outstanding.live) == (State.CANCELED, 0.0, {})
    assert [(event["type"], event["final"]) for event in desk.store.told] == [("canceled", True)]
    assert not desk.settler.cancel(made, NOW)
    assert desk.copy(made).state is State.CANCELED


@pytest.mark.parametrize("state", [each for each in State if each not in (State.QUIET, State.WAITING, State.HELD)])
def test_it_is_too_late_to_cancel_what_is_on_its_way_or_over(state: State) -> None:
    desk = Desk()
    assert not desk.settler.cancel(message(1, P.WAITING, state=state), NOW)
    assert (desk.kinds(), desk.store.commit.changed) == ([], {})


@pytest.mark.parametrize("state", [each for each in PartState if each is not P.WAITING])
def test_it_is_too_late_to_cancel_when_the_carrier_may_have_a_part(state: PartState) -> None:
    desk = Desk()
    assert not desk.settler.cancel(message(1, P.WAITING, state), NOW)
    assert desk.kinds() == []


@pytest.mark.parametrize("parts", [0, 2])
def test_it_is_too_late_to_cancel_when_an_earlier_copy_may_have_been_sent(parts: int) -> None:
    desk = Desk()
    assert not desk.settler.cancel(message(1, *[P.WAITING] * parts, state=State.WAITING, repeated=True), NOW)
    assert desk.kinds() == []


def test_a_canceled_message_in_a_lane_is_not_taken() -> None:
    desk = Desk()
    made = desk.send()
    desk.settler.refused(made.parts[0], THROTTLING, NOW)
    assert desk.settler.cancel(made, NOW)
    assert desk.take() == []
    assert desk.lanes.waiting("alpha") == 0


def test_a_client_may_want_final_events_only() -> None:
    desk = Desk((("clients", "bank", "events"), "final"))
    first, second, third = desk.send(1), desk.send(2, on_unknown=OnUnknown.REPORT), desk.send(3, receipt=False)
    desk.accept(first)
    desk.settler.received(first.parts[0], *receipt(), NOW)
    desk.settler.unanswered(second.parts, NOW)
    desk.settler.fell_due(second, NOW + GRACE)
    desk.accept(third)
    assert [(event["type"], event["id"]) for event in desk.store.told] == [
        *(("delivered", "m1"), ("unknown", "m2"), ("submitted", "m3"))
    ]
    assert desk.settler.counts.events == {"submitted": 2, "delivered": 1, "unknown": 1}


def test_a_client_that_is_no_longer_configured_still_has_its_events_kept() -> None:
    desk = Desk()
    desk.accept(desk.send(client="gone"))
    assert desk.kinds() == ["submitted"]
