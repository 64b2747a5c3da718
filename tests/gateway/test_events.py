"""What clients are told of messages, and what is kept of receipts."""

import msgpack
import pytest

from gateway.events import OUTCOMES, describe_event
from gateway.message import PartState, State
from protocol.constants import MessageState
from protocol.receipt import FINAL_STATES
from tests.gateway.fakes import NOW, message

P = PartState


@pytest.mark.parametrize(
    ("outcome", "states"),
    [
        (P.DELIVERED, {MessageState.DELIVERED, MessageState.ACCEPTED}),
        (P.EXPIRED, {MessageState.EXPIRED}),
    ],
)
def test_a_final_receipt_says_what_became_of_its_part(outcome: PartState, states: set[int]) -> None:
    assert {state for state, made in OUTCOMES.items() if made is outcome} == states
    assert OUTCOMES.keys() == FINAL_STATES | {MessageState.ACCEPTED, MessageState.UNKNOWN}
    assert set(OUTCOMES.values()) == {P.DELIVERED, P.EXPIRED, P.UNDELIVERED}


def test_an_event_has_the_keys_of_the_contract_and_no_number_and_no_text() -> None:
    made = message(255, P.ACCEPTED, state=State.DONE, meta={"order": 1})
    told = describe_event(made, "submitted", NOW)
    expected = {"type": "submitted", "at": NOW, "id": "m255", "message_id": "ff", "carrier": "alpha"}
    assert told == expected | {"final": True, "meta": {"order": 1}, "parts": 1}
    assert msgpack.unpackb(msgpack.packb(told)) == told


def test_an_event_of_what_may_have_been_sent_twice_says_so() -> None:
    assert describe_event(message(repeated=True), "delivered", NOW)["possible_duplicate"] is True
