"""Sessions brought to a state by what a peer sends, and the headers of what they send back."""

from typing import TypeAlias

from protocol.codec import HEADER, encode
from protocol.pdu import (
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    DeliverSm,
    Pdu,
    SubmitSm,
    Unbind,
)
from protocol.session import Limits, Session
from protocol.states import BOUND, Role, State

BINDS: dict[State, tuple[Pdu, Pdu]] = {
    State.BOUND_TX: (BindTransmitter(b"bank"), BindTransmitterResp(b"smsc")),
    State.BOUND_RX: (BindReceiver(b"bank"), BindReceiverResp(b"smsc")),
    State.BOUND_TRX: (BindTransceiver(b"bank"), BindTransceiverResp(b"smsc")),
}
OWED = 3333
"""The sequence number of what a session that is draining was asked before and has not answered."""
PEER = {Role.ESME: Role.SMSC, Role.SMSC: Role.ESME}
Header: TypeAlias = tuple[int, int, int]
"""command_id, command_status, sequence_number."""


def session_in(role: Role, state: State = State.BOUND_TRX, limits: Limits | None = None, now: float = 0.0) -> Session:
    """A session of that role in that state, with nothing left to send."""
    session = Session(role, limits or Limits(), now)
    if state in BOUND or state in (State.DRAINING, State.UNBINDING):
        bind(session, state if state in BOUND else State.BOUND_TRX, now)
    if state is State.DRAINING:
        asked = DeliverSm() if role is Role.ESME else SubmitSm()
        session.receive(encode(asked, OWED) + encode(Unbind(), OWED + 1), now)
    if state is State.UNBINDING:
        session.unbind(now)
    if state is State.CLOSED:
        session.close("the test wanted it so")
    session.data_to_send()
    return session


def bind(session: Session, state: State, now: float) -> None:
    request, response = BINDS[state]
    if session.role is Role.ESME:
        session.receive(encode(response, session.request(request, now)), now)
    else:
        session.receive(encode(request, 1), now)
        session.respond(1, response)
    session.data_to_send()


def sent(session: Session) -> list[Header]:
    """Drain the session; the header of each frame."""
    octets, headers = session.data_to_send(), []
    while octets:
        length, *header = HEADER.unpack_from(octets)
        headers.append((header[0], header[1], header[2]))
        octets = octets[length:]
    return headers
