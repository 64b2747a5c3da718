"""What a session tells its owner: slots classes, cheap enough for one per PDU."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from protocol.pdu import Pdu


@dataclass(slots=True)
class Answered:
    """The peer's answer to a request of ours; `tag` is what the request was given.

    `pdu` is the expected response, or GenericNack. An error status is a normal outcome.
    """

    tag: Any
    pdu: Pdu
    status: int
    sequence_number: int


@dataclass(slots=True)
class LateAnswer:
    """An answer to a request that was reported as Unanswered before."""

    tag: Any
    pdu: Pdu
    status: int
    sequence_number: int


@dataclass(slots=True)
class Unanswered:
    """No answer came in time; the slot is free again, the request's fate is unknown, the session goes on."""

    tag: Any
    sequence_number: int


@dataclass(slots=True)
class Requested:
    """The peer asks something and is owed `session.respond(sequence_number, …)`."""

    pdu: Pdu
    sequence_number: int


@dataclass(slots=True)
class Notified:
    """The peer tells something and is owed nothing: outbind (4.1.7) or alert_notification (4.12.1)."""

    pdu: Pdu


@dataclass(slots=True)
class Bound:
    """The session is bound; `pdu` is the bind response."""

    pdu: Pdu


@dataclass(slots=True)
class BindRefused:
    """The SMSC refused the bind; the session stays open."""

    status: int


@dataclass(slots=True)
class Draining:
    """The peer asks to unbind: nothing more may be asked; Closed comes when all that was asked is answered (4.2)."""


@dataclass(slots=True)
class Refused:
    """A PDU of the peer was refused by the session itself; it has been answered with `status`."""

    command_id: int
    status: int
    reason: str


@dataclass(slots=True)
class Closed:
    """The session is over, the last event of all; `unanswered` holds the tags whose fate is unknown, oldest first."""

    reason: str
    unanswered: list[Any] = field(default_factory=list)


Event: TypeAlias = (
    Answered | LateAnswer | Unanswered | Requested | Notified | Bound | BindRefused | Draining | Refused | Closed
)
