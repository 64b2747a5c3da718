"""What receipts make of messages: in order or before their answers, once or again."""

import pytest

from gateway.message import PartState
from tests.gateway.desk import GRACE, Desk, early_receipt, receipt, states
from tests.gateway.fakes import NOW

P = PartState


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
    desk.settler.received(made.parts[0], *receipt(outcome, state), NOW + 1)
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
    desk.settler.received(made.parts[0], *receipt(), NOW + 1)
    desk.settler.received(made.parts[0], *receipt(again), NOW + 2)
    assert states(made) == [P.DELIVERED, P.ACCEPTED]
    assert made.parts[0].at == NOW + 1
    desk.settler.received(made.parts[1], *receipt(), NOW + 3)
    desk.settler.received(made.parts[1], *receipt(again), NOW + 4)
    assert desk.kinds() == ["submitted", "delivered"]
    assert desk.settler.counts.receipts_repeated == 2


def test_a_message_is_delivered_with_its_last_part() -> None:
    desk = Desk()
    made = desk.send(parts=3)
    desk.accept(made)
    for n in (2, 1, 3):
        assert desk.kinds() == ["submitted"]
        desk.settler.received(made.parts[n - 1], *receipt(), NOW + n)
    assert desk.kinds() == ["submitted", "delivered"]


def test_one_part_that_failed_is_the_end_and_the_others_receipts_are_kept_silently() -> None:
    desk = Desk()
    made = desk.send(parts=3)
    desk.accept(made)
    desk.settler.received(made.parts[1], *receipt("UNDELIVERED", "UNDELIV"), NOW)
    desk.settler.received(made.parts[0], *receipt(), NOW)
    desk.settler.received(made.parts[2], *receipt("EXPIRED", "EXPIRED"), NOW)
    assert desk.kinds() == ["submitted", "undelivered"]
    assert desk.copy(made).parts[2].state is P.EXPIRED


def test_a_receipt_that_overtakes_its_answer_is_told_after_it() -> None:
    desk = Desk()
    made = desk.send()
    desk.early.keep("alpha", ["1-1"], early_receipt(), NOW)
    desk.accept(made)
    assert desk.kinds() == ["submitted", "delivered"]
    assert len(desk.early) == 0


def test_the_receipt_of_an_earlier_copy_waits_for_that_copys_late_answer() -> None:
    desk = Desk()
    made = desk.send()
    desk.settler.unanswered(made.parts, NOW)
    desk.settler.fell_due(made, NOW + GRACE)
    desk.lanes.resume(made)
    assert desk.take() == [made]
    desk.early.keep("alpha", ["first"], early_receipt(), NOW + GRACE)
    desk.settler.late(made.parts[0], 0, "first", NOW + GRACE + 1)
    assert desk.kinds() == ["delivered"]
    assert len(desk.early) == 0
