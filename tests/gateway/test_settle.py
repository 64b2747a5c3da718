"""What answers, receipts and time make of messages, and that clients hear of each step once and in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import OnUnknown
from gateway import settle
from gateway.message import Message, Part, PartState, State
from gateway.retry import Action
from gateway.settle import describe_receipt
from protocol.constants import MessageState
from protocol.receipt import Receipt
from tests.gateway.desk import Desk, receipt
from tests.gateway.fakes import NOW, message

P = PartState
ALPHA = ("carriers", "alpha")
REJECTING, RETRYING, THROTTLING, REBINDING = 0x0B, 0x08, 0x58, 0x04
GRACE = 300.0


def states(made: Message) -> list[PartState]:
    return [part.state for part in made.parts]


# The carrier accepts


def test_what_the_carrier_accepts_is_submitted_and_named() -> None:
    desk = Desk()
    made = desk.send(meta={"order": 1})
    desk.accept(made, now=NOW + 5)
    assert (made.state, made.due, states(made)) == (State.SUBMITTED, 0.0, [P.ACCEPTED])
    told = {"type": "submitted", "at": NOW + 5, "id": "m1", "message_id": "1", "carrier": "alpha", "final": False}
    assert desk.store.told == [told | {"meta": {"order": 1}, "parts": 1}]
    assert desk.outstanding.find("alpha", "1-1") is made.parts[0]
    assert desk.copy(made).state is State.SUBMITTED
    assert desk.store.names == {("alpha", "1-1"): (1, 1)}


def test_a_long_message_is_submitted_with_its_last_part_in_any_order() -> None:
    desk = Desk()
    made = desk.send(parts=3)
    desk.accept(made, 3, 1)
    assert (made.state, desk.kinds()) == (State.SENDING, [])
    desk.accept(made, 2)
    assert made.state is State.SUBMITTED
    assert [(event["type"], event["parts"]) for event in desk.store.told] == [("submitted", 3)]


def test_without_receipts_the_acceptance_is_the_end() -> None:
    desk = Desk()
    made = desk.send(parts=2, receipt=False)
    desk.accept(made)
    assert made.state is State.DONE
    assert [(event["type"], event["final"]) for event in desk.store.told] == [("submitted", True)]
    assert desk.outstanding.live == {}
    assert desk.outstanding.find("alpha", "1-1") is None


def test_a_part_that_the_carrier_does_not_name_is_accepted_all_the_same() -> None:
    desk = Desk()
    made = desk.send()
    desk.settler.accepted(made.parts[0], "", NOW)
    assert made.state is State.SUBMITTED
    desk.store.flush()
    assert desk.store.names == {}


def test_the_octets_to_send_are_given_up_once_the_carrier_has_them() -> None:
    desk = Desk()
    made = desk.send(cut=object())
    desk.accept(made)
    assert made.cut is None


def test_the_oldest_that_await_receipts_leave_memory() -> None:
    desk = Desk(outstanding=2)
    for key in (1, 2, 3):
        desk.accept(desk.send(key))
    assert list(desk.outstanding.live) == [2, 3]


# The carrier refuses


@pytest.mark.parametrize(("status", "name"), [(REJECTING, "ESME_RINVDSTADR"), (0x66, "ESME_RX_R_APPN")])
def test_a_refusal_for_good_rejects_the_message(status: int, name: str) -> None:
    desk = Desk()
    made = desk.send()
    assert desk.settler.refused(made.parts[0], status, NOW) is Action.REJECT
    assert made.state is State.REJECTED
    assert [(event["type"], event["final"]) for event in desk.store.told] == [("rejected", True)]
    assert (desk.store.told[0]["status"], desk.store.told[0]["status_name"]) == (status, name)
    assert desk.outstanding.live == {}
    assert desk.copy(made).state is State.REJECTED


def test_answers_after_the_end_change_nothing_and_then_nothing_stays_in_memory() -> None:
    desk = Desk()
    made = desk.send(parts=4)
    desk.settler.refused(made.parts[0], REJECTING, NOW)
    assert desk.outstanding.live == {1: made}
    desk.accept(made, 2)
    desk.settler.refused(made.parts[2], RETRYING, NOW)
    desk.settler.unanswered([made.parts[3]], NOW)
    assert (made.state, desk.kinds()) == (State.REJECTED, ["rejected"])
    assert desk.outstanding.live == {}
    assert desk.outstanding.find("alpha", "1-2") is None


def test_a_passing_refusal_holds_the_message_for_a_while() -> None:
    desk = Desk((("carriers", "alpha", "retry_min"), 7.0))
    made = desk.send(expires_at=NOW + 900)
    assert desk.settler.refused(made.parts[0], RETRYING, NOW) is Action.RETRY
    assert (made.state, made.due, made.attempts, states(made)) == (State.HELD, NOW + 7, 1, [P.WAITING])
    assert (desk.kinds(), desk.outstanding.live) == ([], {})
    kept = desk.copy(made)
    assert (kept.state, kept.due, kept.attempts, kept.parts[0].status) == (State.HELD, NOW + 7, 1, RETRYING)


@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize("tries", [1, 2, 5])
def test_every_round_is_one_attempt_however_many_parts_it_has(parts: int, tries: int) -> None:
    desk = Desk(((*ALPHA, "max_attempts"), tries))
    made = desk.send(parts=parts)
    for round_ in range(1, tries + 1):
        assert (made.state, desk.kinds()) == (State.SENDING, [])
        first, *_ = [desk.settler.refused(part, RETRYING, NOW) for part in made.parts]
        assert first is (Action.RETRY if round_ < tries else Action.REJECT)
        if round_ < tries:
            assert (made.state, made.attempts) == (State.HELD, round_)
            assert desk.settler.fell_due(made, made.due)
            desk.lanes.resume(made)
            assert desk.take() == [made]
    assert (made.state, desk.kinds()) == (State.REJECTED, ["rejected"])


@pytest.mark.parametrize(("status", "action"), [(THROTTLING, Action.PAUSE), (REBINDING, Action.REBIND)])
def test_what_is_not_the_messages_fault_puts_it_back_in_its_place_without_an_attempt(
    status: int, action: Action
) -> None:
    desk = Desk()
    sent = [desk.send(key, expires_at=NOW + 60) for key in (4, 2, 3, 1)]
    for made in sent:
        assert desk.settler.refused(made.parts[0], status, NOW) is action
        assert (made.state, made.due, made.attempts) == (State.WAITING, NOW + 60, 0)
    assert desk.kinds() == []
    assert desk.copy(sent[0]).state is State.WAITING
    assert [made.key for made in desk.take()] == [1, 2, 3, 4]


def test_a_round_is_put_back_once_and_only_what_was_refused_goes_again() -> None:
    desk = Desk()
    made = desk.send(parts=3)
    desk.settler.refused(made.parts[0], THROTTLING, NOW)
    desk.settler.refused(made.parts[2], THROTTLING, NOW)
    assert desk.lanes.waiting("alpha") == 1
    desk.accept(made, 2)
    assert made.state is State.WAITING
    assert desk.take() == [made]
    assert states(made) == [P.SENT, P.ACCEPTED, P.SENT]
    desk.accept(made, 1, 3)
    assert (made.state, desk.kinds()) == (State.SUBMITTED, ["submitted"])


def test_a_part_refused_for_good_ends_what_was_put_back_or_held() -> None:
    for status in (THROTTLING, RETRYING):
        desk = Desk()
        made = desk.send(parts=2)
        desk.settler.refused(made.parts[0], status, NOW)
        desk.settler.refused(made.parts[1], REJECTING, NOW)
        assert (made.state, desk.kinds()) == (State.REJECTED, ["rejected"])
        assert desk.take() == []
        assert desk.outstanding.live == {}


def test_the_status_of_the_refused_part_is_told() -> None:
    desk = Desk()
    made = desk.send(parts=2)
    desk.settler.refused(made.parts[0], 0x400, NOW)
    desk.settler.refused(made.parts[1], 0x01, NOW)
    assert desk.store.told[0]["status"] == 0x01


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
    assert (made.state, made.due, desk.outstanding.live) == (State.REPORTED, 0.0, {})
    desk.settler.received(made.parts[0], receipt(), NOW + 999)
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


def test_a_late_refusal_waits_while_another_part_is_unknown() -> None:
    desk = Desk()
    made = desk.send(parts=2)
    desk.settler.unanswered(made.parts, NOW)
    desk.settler.late(made.parts[0], THROTTLING, "", NOW + 9)
    assert (made.state, made.due) == (State.UNKNOWN, NOW + GRACE)
    desk.settler.late(made.parts[1], 0, "1-2", NOW + 10)
    assert made.state is State.WAITING
    assert desk.take() == [made]
    assert states(made) == [P.SENT, P.ACCEPTED]


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
    assert desk.store.names == {("alpha", "first"): (1, 1)}


@pytest.mark.parametrize("status", [REJECTING, RETRYING, THROTTLING])
def test_no_answer_to_a_second_copy_overrules_the_receipt_of_the_first(status: int) -> None:
    desk = Desk()
    made = desk.send(parts=2, repeated=True)
    desk.settler.received(made.parts[0], receipt(), NOW)
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


# The link fails


def test_what_was_taken_and_not_sent_goes_back_whole() -> None:
    desk = Desk()
    made = desk.send(parts=2, expires_at=NOW + 60)
    for part in made.parts:
        part.state = P.WAITING
    desk.settler.unsent(made, NOW)
    assert (made.state, made.due, desk.kinds()) == (State.WAITING, NOW + 60, [])
    assert desk.take() == [made]


def test_what_was_not_sent_follows_what_was_accepted() -> None:
    desk = Desk()
    made = desk.send(parts=2)
    desk.accept(made, 1)
    assert made.state is State.SENDING
    made.parts[1].state = P.WAITING
    desk.settler.unsent(made, NOW)
    assert desk.take() == [made]
    assert states(made) == [P.ACCEPTED, P.SENT]


def test_what_was_not_sent_waits_for_what_is_unknown() -> None:
    desk = Desk()
    made = desk.send(parts=2)
    made.parts[1].state = P.WAITING
    desk.settler.unanswered([made.parts[0]], NOW)
    desk.settler.unsent(made, NOW)
    assert (made.state, made.due) == (State.UNKNOWN, NOW + GRACE)
    assert desk.take() == []
    desk.settler.late(made.parts[0], 0, "1-1", NOW + 9)
    assert desk.take() == [made]
    assert states(made) == [P.ACCEPTED, P.SENT]


# Receipts


@pytest.mark.parametrize(
    ("outcome", "state", "kind"),
    [
        ("DELIVERED", "DELIVRD", "delivered"),
        ("UNDELIVERED", "UNDELIV", "undelivered"),
        ("UNDELIVERED", "REJECTD", "undelivered"),
        ("EXPIRED", "EXPIRED", "expired"),
    ],
)
def test_a_receipt_ends_the_message_and_is_told(outcome: str, state: str, kind: str) -> None:
    desk = Desk()
    made = desk.send()
    desk.accept(made)
    desk.settler.received(made.parts[0], receipt(outcome, state), NOW + 1)
    told = desk.store.told[1]
    assert (told["type"], told["final"]) == (kind, True)
    expected = {"message_id": "1-1", "state": state, "error": "000", "submit_date": "2701151200", "done_date": ""}
    assert told["receipt"] == expected
    assert told.get("reason") == (state if kind == "undelivered" else None)
    assert desk.outstanding.live == {}
    assert desk.outstanding.find("alpha", "1-1") is None
    assert desk.copy(made).parts[0].receipt is not None


@pytest.mark.parametrize("again", ["DELIVERED", "UNDELIVERED", "EXPIRED"])
def test_the_first_receipt_counts_and_others_change_nothing(again: str) -> None:
    desk = Desk()
    made = desk.send(parts=2)
    desk.accept(made)
    desk.settler.received(made.parts[0], receipt(), NOW + 1)
    desk.settler.received(made.parts[0], receipt(again), NOW + 2)
    assert states(made) == [P.DELIVERED, P.ACCEPTED]
    assert made.parts[0].at == NOW + 1
    desk.settler.received(made.parts[1], receipt(), NOW + 3)
    desk.settler.received(made.parts[1], receipt(again), NOW + 4)
    assert desk.kinds() == ["submitted", "delivered"]
    assert desk.settler.counts.receipts_repeated == 2


def test_a_message_is_delivered_with_its_last_part() -> None:
    desk = Desk()
    made = desk.send(parts=3)
    desk.accept(made)
    for n in (2, 1, 3):
        assert desk.kinds() == ["submitted"]
        desk.settler.received(made.parts[n - 1], receipt(), NOW + n)
    assert desk.kinds() == ["submitted", "delivered"]


def test_one_part_that_failed_is_the_end_and_the_others_receipts_are_kept_silently() -> None:
    desk = Desk()
    made = desk.send(parts=3)
    desk.accept(made)
    desk.settler.received(made.parts[1], receipt("UNDELIVERED", "UNDELIV"), NOW)
    desk.settler.received(made.parts[0], receipt(), NOW)
    desk.settler.received(made.parts[2], receipt("EXPIRED", "EXPIRED"), NOW)
    assert desk.kinds() == ["submitted", "undelivered"]
    assert desk.copy(made).parts[2].state is P.EXPIRED


def test_a_receipt_that_overtakes_its_answer_is_told_after_it() -> None:
    desk = Desk()
    made = desk.send()
    desk.settler.keep_early("alpha", ["1-1"], receipt())
    assert desk.early_ids() == {"1-1"}
    desk.accept(made)
    assert desk.kinds() == ["submitted", "delivered"]
    assert desk.early_ids() == set()


def test_an_early_receipt_of_another_carrier_or_number_is_not_ours() -> None:
    desk = Desk()
    desk.settler.keep_early("beta", ["1-1"], receipt())
    desk.settler.keep_early("alpha", ["2-1"], receipt(to="818011112222"))
    desk.accept(desk.send(1))
    desk.accept(desk.send(2))
    assert desk.kinds() == ["submitted", "submitted"]
    assert desk.early_ids() == {"1-1", "2-1"}


def test_an_early_receipt_is_found_under_any_spelling_and_then_under_none() -> None:
    desk = Desk()
    desk.settler.keep_early("alpha", ["1-1", "2-1", "3-1"], receipt())
    desk.accept(desk.send(2))
    desk.accept(desk.send(1))
    desk.accept(desk.send(3))
    assert desk.kinds() == ["submitted", "delivered", "submitted", "submitted"]
    assert desk.early_ids() == set()


def test_a_spelling_that_a_newer_receipt_has_taken_over_is_left_to_it() -> None:
    desk = Desk()
    desk.settler.keep_early("alpha", ["1-1", "2-1"], receipt())
    desk.settler.keep_early("alpha", ["2-1"], receipt("UNDELIVERED", "UNDELIV"))
    desk.accept(desk.send(1))
    desk.accept(desk.send(2))
    assert desk.kinds() == ["submitted", "delivered", "submitted", "undelivered"]


def test_early_receipts_are_taken_over_from_the_last_run() -> None:
    desk = Desk()
    desk.settler.keep_early("alpha", ["1-1", "2-1"], receipt())
    after = desk.restart()
    after.accept(after.send(2))
    after.accept(after.send(1))
    assert after.kinds() == ["submitted", "delivered", "submitted"]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20))
def test_early_receipts_are_bounded_and_the_oldest_go_from_memory_and_disk(sizes: list[int]) -> None:
    desk = Desk()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settle, "MAX_EARLY", 10)
        for n, size in enumerate(sizes):
            desk.settler.keep_early("alpha", [f"{n}/{spelling}" for spelling in range(size)], receipt())
            assert len(desk.early_ids()) <= 10
    newest = {f"{len(sizes) - 1}/{spelling}" for spelling in range(sizes[-1])}
    assert newest <= desk.early_ids()


FINAL_RECEIPTS: dict[int | None, str] = {
    MessageState.DELIVERED: "DELIVERED",
    MessageState.EXPIRED: "EXPIRED",
    **dict.fromkeys((MessageState.DELETED, MessageState.UNDELIVERABLE, MessageState.REJECTED, 9), "UNDELIVERED"),
}


@pytest.mark.parametrize("state", [*MessageState, 0, 9, 77, None])
def test_only_final_receipts_say_anything(state: int | None) -> None:
    described = describe_receipt(Receipt("A1", state, True, "STATE", "042", "2701151200", "2701151201"))
    if state not in FINAL_RECEIPTS:
        assert described is None
        return
    said = {"message_id": "A1", "state": "STATE", "error": "042", "submit_date": "2701151200"}
    assert described == said | {"done_date": "2701151201", "outcome": FINAL_RECEIPTS[state]}


# Time and clients


@pytest.mark.parametrize("state", [State.WAITING, State.HELD])
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


def test_what_was_held_waits_when_its_time_comes_and_then_for_its_expiry() -> None:
    desk = Desk()
    made = message(expires_at=NOW + 60, due=NOW, state=State.HELD)
    assert desk.settler.fell_due(made, NOW)
    assert (made.state, made.due, desk.kinds()) == (State.WAITING, NOW + 60, [])
    assert desk.copy(made).state is State.WAITING


@pytest.mark.parametrize("state", [each for each in State if each not in (State.HELD, State.UNKNOWN)])
def test_nothing_else_falls_due(state: State) -> None:
    desk = Desk()
    made = message(1, P.SENT, state=state, due=NOW)
    assert not desk.settler.fell_due(made, NOW)
    assert (made.state, desk.kinds(), desk.store.commit.changed) == (state, [], {})


@pytest.mark.parametrize("state", [State.WAITING, State.HELD])
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


@pytest.mark.parametrize("state", [each for each in State if each not in (State.WAITING, State.HELD)])
def test_it_is_too_late_to_cancel_what_is_on_its_way_or_over(state: State) -> None:
    desk = Desk()
    assert not desk.settler.cancel(message(1, P.WAITING, state=state), NOW)
    assert (desk.kinds(), desk.store.commit.changed) == ([], {})


@pytest.mark.parametrize("state", [each for each in PartState if each is not P.WAITING])
def test_it_is_too_late_to_cancel_when_the_carrier_may_have_a_part(state: PartState) -> None:
    desk = Desk()
    assert not desk.settler.cancel(message(1, P.WAITING, state), NOW)
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
    desk.settler.received(first.parts[0], receipt(), NOW)
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


# Whatever happens

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["accept", "refuse", "silence", "receipt", "due", "take", "cancel", "link"]),
        st.integers(0, 2),
        st.sampled_from([REJECTING, RETRYING, THROTTLING, REBINDING]),
        st.sampled_from(["DELIVERED", "UNDELIVERED", "EXPIRED"]),
    ),
    max_size=25,
)


def step(desk: Desk, made: Message, what: str, part: int, how: tuple[int, str]) -> None:
    """One thing that may happen to a message now; what cannot happen now does not."""
    now, chosen = NOW, made.parts[part % len(made.parts)]
    if what == "take":
        desk.take()
    elif what == "due" and made.due:
        if desk.settler.fell_due(made, made.due):
            desk.lanes.resume(made)
    elif what == "cancel":
        desk.settler.cancel(made, now)
    elif what == "receipt" and chosen.state > P.SENT:
        desk.settler.received(chosen, receipt(how[1]), now)
    elif what == "link":
        for each in (each for each in made.parts if each.state is P.SENT):
            desk.settler.unanswered([each], now)
    elif chosen.state is P.SENT:
        answer(desk, chosen, what, how[0])
    elif chosen.state is P.UNKNOWN and what in ("accept", "refuse"):
        desk.settler.late(chosen, how[0] if what == "refuse" else 0, f"{chosen.n}", now)


def answer(desk: Desk, part: Part, what: str, status: int) -> None:
    if what == "accept":
        desk.settler.accepted(part, f"{part.n}", NOW)
    elif what == "refuse":
        desk.settler.refused(part, status, NOW)
    elif what == "silence":
        desk.settler.unanswered([part], NOW)


@given(st.integers(1, 3), st.sampled_from(OnUnknown), st.booleans(), STEPS)
def test_whatever_happens_clients_hear_of_each_state_once_and_of_one_end(
    parts: int, on_unknown: OnUnknown, wanted: bool, steps: list[tuple[str, int, int, str]]
) -> None:
    desk = Desk(((*ALPHA, "max_attempts"), 3))
    made = desk.send(parts=parts, on_unknown=on_unknown, receipt=wanted, expires_at=NOW + 9e6)
    for what, part, status, outcome in steps:
        outcomes = {each.n: each.state for each in made.parts if each.receipt}
        step(desk, made, what, part, (status, outcome))
        assert {each.n: each.state for each in made.parts if each.n in outcomes} == outcomes
        assert made.attempts < 3
    ends = [event["final"] for event in desk.store.told]
    assert ends == sorted(ends)
    assert sum(ends) == made.final
    assert len(set(desk.kinds())) == len(desk.kinds())
    on_the_wire = any(each.state is P.SENT for each in made.parts)
    if made.state in (State.WAITING, State.SENDING, State.UNKNOWN):
        assert desk.outstanding.live == {1: made}
    if made.final and not on_the_wire:
        assert desk.outstanding.live == {}
        assert not any(desk.outstanding.find("alpha", f"{each.n}") for each in made.parts)
    assert made.queued or made.state is not State.WAITING
    if made.state is not State.SENDING:  # taking a message writes nothing down
        kept = desk.copy(made)
        assert (kept.state, kept.attempts, kept.repeated) == (made.state, made.attempts, made.repeated)
