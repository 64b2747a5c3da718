"""What clients are told of messages, and what is kept of receipts."""

import msgpack
import pytest

from gateway.events import describe_event, describe_receipt
from gateway.message import PartState, State
from protocol.constants import MessageState
from protocol.receipt import Receipt
from tests.gateway.fakes import NOW, message

P = PartState

OUTCOMES: dict[int, str] = {
    MessageState.DELIVERED: "DELIVERED",
    MessageState.ACCEPTED: "DELIVERED",
    MessageState.EXPIRED: "EXPIRED",
    **dict.fromkeys((MessageState.DELETED, MessageState.UNDELIVERABLE, MessageState.REJECTED), "UNDELIVERED"),
    **dict.fromkeys((MessageState.SKIPPED, MessageState.UNKNOWN), "UNDELIVERED"),
}


@pytest.mark.parametrize("state", [*MessageState, 77, None])
def test_only_final_receipts_say_anything(state: int | None) -> None:
    assert describe_receipt(Receipt("A1", state, False, "STATE")) is None


@pytest.mark.parametrize("state", OUTCOMES)
def test_a_final_receipt_says_what_became_of_its_part(state: int) -> None:
    described = describe_receipt(Receipt("A1", state, True, "STATE", "042", "2701151200", "2701151201"))
    said = {"message_id": "A1", "state": "STATE", "error": "042", "submit_date": "2701151200"}
    assert described == said | {"done_date": "2701151201", "outcome": OUTCOMES[state]}


def test_an_event_has_the_keys_of_the_contract_and_no_number_and_no_text() -> None:
    made = message(255, P.ACCEPTED, state=State.DONE, meta={"order": 1})
    told = describe_event(made, "submitted", NOW)
    expected = {"type": "submitted", "at": NOW, "id": "m255", "message_id": "ff", "carrier": "alpha"}
    assert told == expected | {"final": True, "meta": {"order": 1}, "parts": 1}
    assert msgpack.unpackb(msgpack.packb(told)) == told


def test_an_event_of_what_may_have_been_sent_twice_says_so() -> None:
    assert describe_event(message(repeated=True), "delivered", NOW)["possible_duplicate"] is True
