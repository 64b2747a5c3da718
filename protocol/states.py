"""The life of a session as tables: who may ask what in which state, and which answer moves it where.

The tables do not know which end they are used at: what one role may not send, the other must not be sent.
"""

from enum import Enum, auto
from itertools import product
from typing import Final

from protocol.constants import RESPONSE_BIT, CommandId


class Role(Enum):
    """Which end of the session this is (2.1)."""

    ESME = auto()
    SMSC = auto()


class State(Enum):
    """Session states (2.2). DRAINING: the peer has asked to unbind, and what was asked before is being answered."""

    OPEN = auto()
    BOUND_TX = auto()
    BOUND_RX = auto()
    BOUND_TRX = auto()
    DRAINING = auto()
    UNBINDING = auto()
    CLOSED = auto()


_TX, _RX = {State.BOUND_TX, State.BOUND_TRX}, {State.BOUND_RX, State.BOUND_TRX}
BOUND = _TX | _RX
_BEFORE, _ANY = {State.OPEN}, {State.OPEN, State.DRAINING, State.UNBINDING} | BOUND
SENDERS: Final[dict[int, dict[Role, set[State]]]] = {
    CommandId.BIND_TRANSMITTER: {Role.ESME: _BEFORE},
    CommandId.BIND_RECEIVER: {Role.ESME: _BEFORE},
    CommandId.BIND_TRANSCEIVER: {Role.ESME: _BEFORE},
    CommandId.OUTBIND: {Role.SMSC: _BEFORE},
    CommandId.UNBIND: {Role.ESME: BOUND, Role.SMSC: BOUND},
    CommandId.ENQUIRE_LINK: {Role.ESME: _ANY, Role.SMSC: _ANY},
    CommandId.SUBMIT_SM: {Role.ESME: _TX},
    CommandId.SUBMIT_MULTI: {Role.ESME: _TX},
    CommandId.DATA_SM: {Role.ESME: _TX, Role.SMSC: _RX},
    CommandId.QUERY_SM: {Role.ESME: _TX},
    CommandId.CANCEL_SM: {Role.ESME: _TX},
    CommandId.REPLACE_SM: {Role.ESME: _TX},
    CommandId.BROADCAST_SM: {Role.ESME: _TX},
    CommandId.QUERY_BROADCAST_SM: {Role.ESME: _TX},
    CommandId.CANCEL_BROADCAST_SM: {Role.ESME: _TX},
    CommandId.DELIVER_SM: {Role.SMSC: _RX},
    CommandId.ALERT_NOTIFICATION: {Role.SMSC: _RX},
}
"""Who may ask what in which state (2.3); what one end may send, the other may receive."""

MAY_SEND: Final = {
    (role, state, id_) for id_, rows in SENDERS.items() for role, states in rows.items() for state in states
}

_ASKED: Final = {key: {id_ for id_ in SENDERS if (*key, id_) in MAY_SEND} for key in product(Role, State)}
_PEER: Final = {Role.ESME: Role.SMSC, Role.SMSC: Role.ESME}
RULES: Final = {(role, state): (asked, _ASKED[_PEER[role], state]) for (role, state), asked in _ASKED.items()}
"""What one end may ask in a state, and what it may be asked."""

MOVES: Final[dict[tuple[State, int], State]] = {
    (State.OPEN, CommandId.BIND_TRANSMITTER_RESP): State.BOUND_TX,
    (State.OPEN, CommandId.BIND_RECEIVER_RESP): State.BOUND_RX,
    (State.OPEN, CommandId.BIND_TRANSCEIVER_RESP): State.BOUND_TRX,
}
"""The moves that a successful response makes, at both ends (2.2)."""

BIND_RESPONSES: Final = {response for _, response in MOVES}
BINDS: Final = {response & ~RESPONSE_BIT for response in BIND_RESPONSES}
"""The command_ids of the three binds."""
