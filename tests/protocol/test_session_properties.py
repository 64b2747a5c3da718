"""What holds for any octets, any cuts and any clock: the events do not depend on the cuts, and nothing ever raises."""

from itertools import pairwise
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import HEADER, encode
from protocol.constants import RESPONSE_BIT
from protocol.events import Answered, BindRefused, Bound, Closed, Event, LateAnswer, Refused
from protocol.pdu import PDUS, BindTransceiver, DeliverSm, SubmitSm, Unbind
from protocol.session import Limits, Session
from protocol.states import Role, State
from tests.protocol.sessions import session_in
from tests.protocol.wire import FEWER, PDU, SEQUENCES, frame

Result: TypeAlias = tuple[list[Event], list[Event], bytes, State]
ENDS = pytest.mark.parametrize(("role", "state"), [(role, state) for role in Role for state in State])
ENDING = State.DRAINING, State.UNBINDING
LIMITS = Limits(response_timeout=5.0, inactivity_timeout=50.0, late_answers=3)

_near = st.integers(0, 12)  # where our own sequence numbers are
_frames = st.one_of(
    st.builds(encode, PDU, _near | SEQUENCES),
    st.builds(encode, PDU.filter(lambda pdu: pdu.id & RESPONSE_BIT), _near, _near),
    st.builds(frame, st.sampled_from(sorted(PDUS)) | SEQUENCES, _near, st.binary(max_size=30), _near),
)
STREAMS = st.lists(_frames, max_size=6).map(b"".join)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A stream with some octets changed, lost or doubled."""
    octets = bytearray(draw(STREAMS.filter(bool)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(octets) - 1))
        octets[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
        octets = octets or bytearray(1)
    return bytes(octets)


WIRE = STREAMS | mutated() | st.binary(max_size=100)


def busy(role: Role, state: State) -> Session:
    """A session in that state with requests unanswered, some of them given up."""
    session = session_in(role, State.BOUND_TRX if state in ENDING else state, LIMITS)
    if state is State.OPEN and role is Role.ESME:
        session.request(BindTransceiver(), 0.0)
    for _ in range(min(session.room, 3)):
        asked = SubmitSm() if role is Role.ESME else DeliverSm()
        if state in (State.BOUND_TRX, *ENDING, State.BOUND_TX if role is Role.ESME else State.BOUND_RX):
            session.request(asked, 0.0, tag="early")
            session.tick(5.0)
            session.request(asked, 5.0, tag="in time")
    if state is State.UNBINDING:
        session.unbind(5.0)
    if state is State.DRAINING:
        session.receive(encode(Unbind(), 9), 5.0)
    session.data_to_send()
    return session


def fed(session: Session, pieces: list[bytes]) -> Result:
    """Events from answers, other events, what is sent back, and the state."""
    events = [event for piece in pieces if piece for event in session.receive(piece, 6.0)]
    kinds = Answered, LateAnswer, Bound, BindRefused
    answers: list[Event] = [
        e for e in events if isinstance(e, kinds) or (isinstance(e, Refused) and e.command_id & RESPONSE_BIT)
    ]
    others = [event for event in events if event not in answers]
    return answers, others, session.data_to_send(), session.state


@ENDS
@FEWER
@given(wire=WIRE)
def test_the_quick_way_of_busy_pdus_never_changes_the_events(role: Role, state: State, wire: bytes) -> None:
    quick = fed(busy(role, state), [wire])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "quick_decoders", {})
        assert fed(busy(role, state), [wire]) == quick


@ENDS
@FEWER
@given(wire=WIRE, data=st.data())
def test_chunking_never_changes_the_events(role: Role, state: State, wire: bytes, data: st.DataObject) -> None:
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8))), len(wire)]
    whole = fed(busy(role, state), [wire])
    assert fed(busy(role, state), [wire[start:end] for start, end in pairwise(cuts)]) == whole
    assert fed(busy(role, state), [wire[at : at + 1] for at in range(len(wire))]) == whole


@ENDS
@FEWER
@given(pieces=st.lists(st.tuples(WIRE, st.floats(0.0, 100.0)), max_size=5))
def test_nothing_that_a_peer_sends_escapes_as_an_exception(
    role: Role, state: State, pieces: list[tuple[bytes, float]]
) -> None:
    session, now = busy(role, state), 6.0
    events: list[Event] = []
    for octets, seconds in pieces:
        events += session.receive(octets, now)
        now += seconds
        events += session.tick(now)
        assert now < session.next_deadline
    closed = [at for at, event in enumerate(events) if isinstance(event, Closed)]
    assert closed == ([len(events) - 1] if session.state is State.CLOSED is not state else [])
    assert_whole_frames(session.data_to_send())


def assert_whole_frames(octets: bytes) -> None:
    while octets:
        length, command_id, _, _ = HEADER.unpack_from(octets)
        assert command_id in PDUS
        assert 16 <= length <= len(octets)
        octets = octets[length:]


@given(STREAMS)
def test_memory_for_octets_is_bounded_by_the_longest_pdu(wire: bytes) -> None:
    session = session_in(Role.SMSC, limits=Limits(max_pdu=64))
    for at in range(0, len(wire), 7):
        session.receive(wire[at : at + 7], 0.0)
        assert len(session._buffer) < 64  # what `max_pdu` promises
