"""The life of a session as tables: who may ask what in which state, and which answer moves it where.

The tables do not know which end they are used at: what one role may not send, the other must not be sent.
"""

from enum import Enum, auto
from typing import Final

from protocol.constants import CommandId


class Role(Enum):
    """Which end of the session this is (2.1)."""

    ESME = auto()
    SMSC = auto()


class State(Enum):
    """Session states (2.2)."""

    OPEN = auto()
    BOUND_TX = auto()
    BOUND_RX = auto()
    BOUND_TRX = auto()
    UNBINDING = auto()
    CLOSED = auto()


_TX, _RX = {State.BOUND_TX, State.BOUND_TRX}, {State.BOUND_RX, State.BOUND_TRX}
BOUND = _TX | _RX
SENDERS: Final[dict[int, tuple[set[Role], set[State]]]] = {
    CommandId.BIND_TRANSMITTER: ({Role.ESME}, {State.OPEN}),
    CommandId.BIND_RECEIVER: ({Role.ESME}, {State.OPEN}),
    CommandId.BIND_TRANSCEIVER: ({Role.ESME}, {State.OPEN}),
    CommandId.UNBIND: ({Role.ESME, Role.SMSC}, BOUND),
    CommandId.ENQUIRE_LINK: ({Role.ESME, Role.SMSC}, {State.OPEN, State.UNBINDING} | BOUND),
    CommandId.SUBMIT_SM: ({Role.ESME}, _TX),
    CommandId.DELIVER_SM: ({Role.SMSC}, _RX),
}
"""Who may ask what in which state (2.3); whoever may not send it may receive it."""

MAY_SEND: Final = {(role, state, id_) for id_, (roles, states) in SENDERS.items() for role in roles for state in states}

MOVES: Final[dict[tuple[State, int], State]] = {
    (State.OPEN, CommandId.BIND_TRANSMITTER_RESP): State.BOUND_TX,
    (State.OPEN, CommandId.BIND_RECEIVER_RESP): State.BOUND_RX,
    (State.OPEN, CommandId.BIND_TRANSCEIVER_RESP): State.BOUND_TRX,
}
"""The moves that a successful response makes, at both ends (2.2)."""
