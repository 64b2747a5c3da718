from functools import partial
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import HEADER, decode, encode
from protocol.constants import Status, Tag
from protocol.events import Answered, Closed, Requested
from protocol.fields import Tlvs
from protocol.pdu import BindTransceiver, BindTransceiverResp, DeliverSm, DeliverSmResp
from protocol.session import Limits, Session
from protocol.states import Role
from simulator.outbox import MAX_RETRIES, Delivery, Outbox

RETRY = 5.0


class Receiver:
    """A bound session, with what it was given and how often it was flushed."""

    def __init__(self, outbox: Outbox, system_id: bytes = b"denpo", window: int = 10, version: int = 0x34) -> None:
        self.outbox, self.system_id, self.flushed = outbox, system_id, 0
        self.session = Session(Role.SMSC, Limits(window=window), 0.0)
        for event in self.session.receive(encode(BindTransceiver(interface_version=version), 1), 0.0):
            assert isinstance(event, Requested)
            self.session.respond(event.sequence_number, BindTransceiverResp())
        self.session.data_to_send()
        outbox.join(system_id, self.session, self._flush)

    def _flush(self) -> None:
        self.flushed += 1

    def given(self) -> list[tuple[bytes, int]]:
        """What was given since the last call: (short_message, sequence_number)."""
        octets, found = self.session.data_to_send(), []
        while octets:
            length = HEADER.unpack_from(octets)[0]
            pdu, _, sequence = decode(octets[:length])
            assert isinstance(pdu, DeliverSm)
            found.append((pdu.short_message, sequence))
            octets = octets[length:]
        return found

    def texts(self) -> list[bytes]:
        return [text for text, _ in self.given()]

    def answer(self, sequence: int, status: int, now: float) -> None:
        for event in self.session.receive(encode(DeliverSmResp(), sequence, status), now):
            assert isinstance(event, Answered)
            if event.status:
                self.outbox.fail(event.tag, now)
            else:
                self.outbox.settle(event.tag)

    def drop(self) -> None:
        self.session.data_to_send()  # what was not sent by now never will be
        for event in self.session.close("dropped"):
            assert isinstance(event, Closed)
            self.outbox.leave(self.system_id, self.session, event.unanswered)


def make(text: bytes, tlvs: Tlvs = (), *, plain: bool = False) -> DeliverSm:
    """A delivery that says whether it was to be plain; tlvs: those it has even then."""
    return DeliverSm(short_message=text + b" plain" * plain, tlvs=tlvs)


def owe(
    outbox: Outbox, receiver: Receiver, text: bytes, due: float = 0.0, *, tlvs: Tlvs = (), elsewhere: bool = False
) -> None:
    made = partial(make, text, tlvs)
    outbox.add(Delivery(outbox.receipts, receiver.system_id, receiver.session, made, elsewhere=elsewhere), due)


def test_nothing_is_handed_over_before_its_time_and_all_in_order_of_it() -> None:
    outbox = Outbox(RETRY)
    receiver = Receiver(outbox)
    for text, due in ((b"late", 2.0), (b"soon", 1.0), (b"soon too", 1.0)):
        owe(outbox, receiver, text, due)
    assert outbox.next_due == 1.0
    outbox.pump(0.99)
    assert receiver.texts() == []
    assert receiver.flushed == 0
    outbox.pump(1.0)
    assert receiver.texts() == [b"soon", b"soon too"]
    assert outbox.next_due == 2.0
    outbox.pump(2.0)
    assert receiver.texts() == [b"late"]
    assert outbox.next_due == inf
    assert receiver.flushed == 2


@given(st.lists(st.integers(0, 5), max_size=30))
def test_whatever_the_times_what_is_due_first_goes_first_and_what_was_added_first_of_one_time(dues: list[int]) -> None:
    outbox = Outbox(RETRY)
    receiver = Receiver(outbox, window=100)
    for number, due in enumerate(dues):
        owe(outbox, receiver, b"%d" % number, float(due))
    assert outbox.next_due == min(dues, default=inf)
    outbox.pump(5.0)
    assert receiver.texts() == [b"%d" % number for _, number in sorted(zip(dues, range(len(dues)), strict=True))]
    assert outbox.next_due == inf


def test_the_session_that_submitted_gets_the_receipt() -> None:
    outbox = Outbox(RETRY)
    receivers = [Receiver(outbox) for _ in range(3)]
    for number in (2, 0, 1):
        owe(outbox, receivers[number], b"%d" % number)
    outbox.pump(0.0)
    assert [receiver.texts() for receiver in receivers] == [[b"0"], [b"1"], [b"2"]]


def test_another_session_of_the_account_takes_over_what_one_left_first() -> None:
    outbox = Outbox(RETRY)
    first, stranger = Receiver(outbox, window=2), Receiver(outbox, b"other")
    for text in (b"a", b"b", b"c"):
        owe(outbox, first, text)
    outbox.pump(0.0)
    first.drop()
    second = Receiver(outbox)
    outbox.pump(0.0)
    assert second.texts() == [b"a", b"b", b"c"]
    assert stranger.texts() == []


def test_what_nobody_can_take_waits_for_the_next_bind() -> None:
    outbox = Outbox(RETRY)
    first = Receiver(outbox)
    owe(outbox, first, b"a")
    first.drop()
    outbox.pump(0.0)
    assert outbox.pending == 1
    second = Receiver(outbox)
    outbox.pump(1000.0)
    assert second.texts() == [b"a"]


def test_a_window_that_is_full_sends_the_rest_elsewhere_or_later() -> None:
    outbox = Outbox(RETRY)
    first, second = Receiver(outbox, window=2), Receiver(outbox, window=1)
    for number in range(5):
        owe(outbox, first, b"%d" % number)
    outbox.pump(0.0)
    given = first.given()
    assert [text for text, _ in given] == [b"0", b"1"]
    assert second.texts() == [b"2"]
    first.answer(given[0][1], 0, 0.0)
    outbox.pump(0.0)
    assert first.texts() == [b"3"]
    assert outbox.pending == 4


def test_what_is_to_go_elsewhere_does_when_another_session_of_the_account_has_room() -> None:
    outbox = Outbox(RETRY)
    own, stranger = Receiver(outbox), Receiver(outbox, b"other")
    owe(outbox, own, b"alone", elsewhere=True)
    outbox.pump(0.0)
    assert own.texts() == [b"alone"]
    other = Receiver(outbox, window=1)
    for text in (b"a", b"b"):
        owe(outbox, own, text, elsewhere=True)
    outbox.pump(0.0)
    assert (own.texts(), other.texts(), stranger.texts()) == ([b"b"], [b"a"], [])


@pytest.mark.parametrize(("version", "text"), [(0x00, b"a plain"), (0x33, b"a plain"), (0x34, b"a"), (0x50, b"a")])
def test_what_goes_to_a_peer_of_before_3_4_is_made_plain(version: int, text: bytes) -> None:
    outbox = Outbox(RETRY)
    receiver = Receiver(outbox, version=version)
    owe(outbox, receiver, b"a")
    outbox.pump(0.0)
    assert receiver.texts() == [text]


def test_what_cannot_be_plain_is_given_up_for_such_a_peer_and_the_rest_goes_on() -> None:
    outbox = Outbox(RETRY)
    receiver = Receiver(outbox, version=0x33)
    for text, tlvs in ((b"a", ()), (b"b", ((Tag.MESSAGE_PAYLOAD, b"x"),)), (b"c", ())):
        owe(outbox, receiver, text, tlvs=tlvs)
    outbox.pump(0.0)
    assert receiver.texts() == [b"a plain", b"c plain"]
    assert (outbox.pending, outbox.receipts.given_up) == (2, 1)


def test_a_delivery_that_is_always_refused_is_sent_four_times_and_given_up() -> None:
    outbox = Outbox(RETRY)
    receiver = Receiver(outbox)
    owe(outbox, receiver, b"a")
    now = 0.0
    for retry in range(MAX_RETRIES + 1):
        outbox.pump(now)
        [(text, sequence)] = receiver.given()
        assert text == b"a"
        receiver.answer(sequence, Status.RX_T_APPN, now)
        assert outbox.next_due == (now + RETRY if retry < MAX_RETRIES else inf)
        outbox.pump(now + RETRY - 0.01)
        assert receiver.given() == []
        now += RETRY
    assert (outbox.pending, outbox.receipts.given_up, outbox.receipts.delivered) == (0, 1, 0)


def test_a_receiver_is_found_by_its_account_only() -> None:
    outbox = Outbox(RETRY)
    assert outbox.receiver() is None
    receiver = Receiver(outbox, b"one")
    assert outbox.receiver() == outbox.receiver(b"one") == (b"one", receiver.session)
    assert outbox.receiver(b"two") is None
    receiver.drop()
    assert outbox.receiver() is None


STEPS = st.lists(
    st.tuples(st.sampled_from(["owe", "wait", "take", "refuse", "drop", "bind"]), st.integers(0, 9)), max_size=60
)


@given(STEPS)
def test_every_delivery_ends_exactly_once(steps: list[tuple[str, int]]) -> None:
    outbox, now, owed, taken = Outbox(RETRY), 0.0, 0, list[bytes]()
    receivers = [Receiver(outbox, window=3)]

    def answer(receiver: Receiver, status: int) -> None:
        for text, sequence in receiver.given():
            receiver.answer(sequence, status, now)
            if not status:
                taken.append(text)

    for step, number in [*steps, ("bind", 0), *[("wait", 9), ("take", -1)] * 60]:
        receiver = receivers[number % len(receivers)] if number >= 0 else receivers[-1]
        if step == "owe":
            owe(outbox, receiver, b"%d" % owed, now + number)
            owed += 1
        elif step == "bind":
            receivers.append(Receiver(outbox, window=3))
        elif step == "drop":
            receiver.drop()
        elif step in ("take", "refuse"):
            for each in receivers if number < 0 else [receiver]:
                answer(each, 0 if step == "take" else Status.RX_T_APPN)
        now += number if step == "wait" else 0
        outbox.pump(now)
        tally = outbox.receipts
        assert tally.pending + tally.delivered + tally.given_up == owed
    assert outbox.pending == 0
    assert len(set(taken)) == len(taken) == outbox.receipts.delivered
