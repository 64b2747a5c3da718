"""What clients are told of messages, and what is kept of receipts."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.events import OUTCOMES, describe_event, pack_delivered, pack_submitted
from gateway.message import PartState, State
from protocol.constants import MessageState
from protocol.receipt import FINAL_STATES, Said
from protocol.upstream import pack
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


IDS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=64)
NAMES = st.text(st.sampled_from("azAZ09_-"), min_size=1, max_size=64)
KEYS = st.integers(1, 2**62) | st.integers(10**15, 2 * 10**15)
WORDS = st.text(st.sampled_from("0123456789ABCabc-"), min_size=1, max_size=64)


@given(KEYS, IDS, NAMES, st.booleans(), st.none() | st.just({"order": 1}), st.floats(0, 4e9), st.tuples(*[WORDS] * 5))
def test_the_quick_octets_of_an_event_are_those_of_its_map(
    key: int, id_: str, carrier: str, repeated: bool, meta: dict[str, int] | None, at: float, said: Said
) -> None:
    parts = [P.ACCEPTED] * (1 + key % 3)
    made = message(key, *parts, id=id_, carrier=carrier, repeated=repeated, meta=meta, state=State.SUBMITTED)
    assert pack_submitted(made, at) == pack(describe_event(made, "submitted", at))
    made.parts[0].receipt, made.state = said, State.DELIVERED
    assert pack_delivered(made, said, at) == pack(describe_event(made, "delivered", at))
