"""A PDU that is not finished: slow, or longer in its header than in truth. One is waited for, the other found out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import encode
from protocol.constants import CommandId
from protocol.events import Closed, Refused, Requested
from protocol.pdu import DeliverSm, EnquireLink, EnquireLinkResp, SubmitSm
from protocol.session import Limits
from protocol.states import Role, State
from tests.protocol.sessions import sent, session_in

LIMITS = Limits(enquire_link_interval=30.0, enquire_link_timeout=10.0, partial_timeout=200.0, response_timeout=500.0)
LARGE = encode(DeliverSm(tlvs=((0x0424, bytes(4000)),)), 5)


def longer(octets: bytes, by: int) -> bytes:
    """The PDU, claiming to be so much longer than it is."""
    return (len(octets) + by).to_bytes(4, "big") + octets[4:]


def test_an_unfinished_pdu_has_the_peer_asked_soon() -> None:
    session = session_in(Role.ESME, limits=LIMITS)
    session.receive(LARGE[:100], 1.0)
    assert session.next_deadline == 11.0
    session.tick(11.0)
    assert [id_ for id_, _, _ in sent(session)] == [CommandId.ENQUIRE_LINK]


@pytest.mark.parametrize("by", [17, 100, 5000])
def test_an_answer_inside_another_pdu_shows_that_framing_is_lost(by: int) -> None:
    session = session_in(Role.ESME, limits=LIMITS)
    session.request(SubmitSm(), 0.0, tag="m1")
    session.receive(longer(encode(DeliverSm(), 5), by), 1.0)
    session.data_to_send()
    session.tick(11.0)
    ((_, _, number),) = sent(session)
    lost = Closed("framing lost: the answer to enquire_link came inside another PDU", ["m1"])
    assert session.receive(encode(EnquireLinkResp(), number), 11.1) == [lost]
    assert [id_ for id_, _, _ in sent(session)] == [CommandId.GENERIC_NACK, CommandId.UNBIND]


@given(st.integers(1, 200))
def test_no_pdu_that_lies_about_its_length_keeps_a_live_bind_useless_for_long(by: int) -> None:
    session = session_in(Role.ESME, limits=LIMITS)
    session.receive(longer(encode(DeliverSm(), 5), by), 0.0)
    now = 0.0
    while session.state is State.BOUND_TRX and now < 60.0:
        now = session.next_deadline
        session.tick(now)
        for id_, _, number in sent(session):
            if id_ == CommandId.ENQUIRE_LINK:
                session.receive(encode(EnquireLinkResp(), number), now)
        if session.receive(encode(EnquireLink(), 9), now) == [] and (CommandId.ENQUIRE_LINK_RESP, 0, 9) in sent(
            session
        ):
            return  # it has found its way back
    assert session.state is State.CLOSED
    assert now <= 40.0


def test_octets_of_an_unfinished_pdu_are_no_answer_for_ever() -> None:
    session = session_in(Role.ESME, limits=Limits(enquire_link_interval=5.0, enquire_link_timeout=10.0))
    for second in range(0, 30, 3):
        session.receive(LARGE[second // 3 : second // 3 + 1], float(second))
        assert session.tick(second + 0.5) == []
    assert session.tick(30.0) == [Closed("a PDU was begun and not finished")]


def test_a_peer_that_stops_in_the_middle_of_a_pdu_is_found_dead_before_that_pdus_time_is_up() -> None:
    session = session_in(Role.ESME, limits=LIMITS)
    session.receive(LARGE[:100], 1.0)
    session.tick(11.0)
    assert session.tick(20.9) == []
    assert session.tick(21.0) == [Closed("enquire_link was not answered")]


def test_a_peer_that_is_slow_to_send_one_large_pdu_is_left_to_it() -> None:
    session = session_in(Role.ESME, limits=LIMITS)
    events, pieces = [], [LARGE[at : at + 250] for at in range(0, len(LARGE), 250)]
    for n, piece in enumerate(pieces):
        now = 9.0 * n
        events += session.tick(now) + session.receive(piece, now)
    assert [type(event) for event in events] == [Requested]
    assert session.state is State.BOUND_TRX


def test_a_peer_that_is_slow_beyond_the_probe_is_left_to_it_as_long_as_something_comes() -> None:
    session = session_in(Role.ESME, limits=LIMITS)
    events, at = session.receive(LARGE[:2000], 0.0), 2000
    session.tick(10.0)  # asks; the answer can only come behind the PDU
    ((_, _, number),) = sent(session)
    for now in (19.0, 28.0, 37.0):
        events += session.tick(now) + session.receive(LARGE[at : at + 500], now)
        at += 500
    session.data_to_send()
    events += session.receive(LARGE[at:] + encode(EnquireLinkResp(), number), 46.0)
    assert [type(event) for event in events] == [Requested]


@pytest.mark.parametrize("begin", [b"\0\0\0\x0f", b"\xff\xff\xff\xff\0", bytes(15)])
def test_a_length_that_cannot_be_is_seen_before_the_header_is_whole(begin: bytes) -> None:
    session = session_in(Role.SMSC)
    (closed,) = session.receive(encode(EnquireLink(), 1) + begin, 1.0)
    assert closed == Closed(f"framing lost: command_length {int.from_bytes(begin[:4], 'big')}")


def test_a_pdu_too_long_by_just_one_answer_is_refused_and_framing_is_found_again() -> None:
    session = session_in(Role.ESME, limits=LIMITS)
    session.receive(longer(encode(DeliverSm(), 5), 16), 1.0)
    session.tick(11.0)
    ((_, _, number),) = sent(session)
    (refused,) = session.receive(encode(EnquireLinkResp(), number), 11.1)
    assert isinstance(refused, Refused)
    assert session.receive(encode(DeliverSm(), 6), 12.0) == [Requested(DeliverSm(), 6)]
