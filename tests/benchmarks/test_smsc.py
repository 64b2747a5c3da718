"""The SMSC of the benchmarks: what it leaves out costs nobody anything, what it sends is right."""

import socket
from collections.abc import Iterator
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.smsc import Peer, Smsc
from protocol.codec import HEADER, decode, encode
from protocol.constants import EsmClass, MessageState
from protocol.pdu import (
    BindTransceiver,
    BindTransceiverResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from protocol.receipt import parse

ASKING = SubmitSm(
    source_addr_ton=5,
    source_addr=b"AOBA",
    dest_addr_ton=1,
    dest_addr_npi=1,
    destination_addr=b"819012345678",
    validity_period=b"000002000000000R",
    registered_delivery=1,
    data_coding=8,
    short_message="こんにちは".encode("utf-16-be"),
)
PLAIN = SubmitSm(destination_addr=b"818012345678", short_message=b"\1\0")


class Ends:
    """A connection to it, in memory of the kernel."""

    def __init__(self, note: bytes = b"") -> None:
        self.smsc = Smsc(0.0, note)
        self.ours, theirs = socket.socketpair()
        self.peer = Peer(theirs, self.smsc)

    def ask(self, octets: bytes) -> list[tuple[Pdu, int]]:
        """Have it read these; what it sends."""
        self.ours.sendall(octets)
        assert self.peer.read()
        self.ours.setblocking(False)
        try:
            answer = self.ours.recv(1 << 20)
        except BlockingIOError:
            answer = b""
        found = []
        while answer:
            length = HEADER.unpack_from(answer)[0]
            pdu, status, number = decode(answer[:length])
            assert status == 0
            found.append((pdu, number))
            answer = answer[length:]
        return found


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends(b"8190")
    yield made
    made.ours.close()
    assert not made.peer.read()


def test_a_submit_that_asks_for_it_gets_a_receipt_after_all_answers(ends: Ends) -> None:
    first, second, third = ends.ask(encode(ASKING, 7) + encode(PLAIN, 8))
    assert (first, second) == ((SubmitSmResp(b"0000000001"), 7), (SubmitSmResp(b"0000000002"), 8))
    deliver = third[0]
    assert isinstance(deliver, DeliverSm)
    assert deliver.esm_class == EsmClass.RECEIPT
    assert (deliver.source_addr_ton, deliver.source_addr_npi, deliver.source_addr) == (1, 1, b"819012345678")
    assert (deliver.dest_addr_ton, deliver.dest_addr_npi, deliver.destination_addr) == (5, 0, b"AOBA")
    receipt = parse(deliver.short_message, deliver.esm_class, deliver.tlvs)
    assert receipt is not None
    assert (receipt.message_id, receipt.state, receipt.final) == ("0000000001", MessageState.DELIVERED, True)
    assert ends.ask(encode(DeliverSmResp(), third[1])) == []
    assert ends.smsc.answer(b"counts") == {"binds": 0, "taken": 2, "receipted": 1}
    assert ends.smsc.answer(b"arrivals") == [["819012345678", pytest.approx(monotonic(), abs=60)]]
    assert ends.smsc.answer(b"arrivals") == []


def test_it_lets_anybody_bind_says_that_it_is_there_and_lets_go(ends: Ends) -> None:
    asked = encode(BindTransceiver(), 1) + encode(EnquireLink(), 2) + encode(Unbind(), 3)
    assert ends.ask(asked) == [(BindTransceiverResp(), 1), (EnquireLinkResp(), 2), (UnbindResp(), 3)]


@given(cuts=st.sets(st.integers(1, len(encode(ASKING, 1)) * 3 - 1), max_size=5))
def test_how_the_octets_are_cut_changes_nothing(cuts: set[int]) -> None:
    octets = b"".join(encode(ASKING, number) for number in (1, 2, 3))
    ends, seen = Ends(), []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), len(octets)], strict=True):
        seen += ends.ask(octets[start:stop])
    ends.ours.close()
    assert not ends.peer.read()
    assert sorted(number for pdu, number in seen if isinstance(pdu, SubmitSmResp)) == [1, 2, 3]
    assert len([pdu for pdu, _ in seen if isinstance(pdu, DeliverSm)]) == 3
