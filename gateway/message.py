"""What a message is, and its life: pure, no clock of its own.

A message is its parts: each has its own id at the carrier and its own outcome, and the message's state is derived from
theirs. Final states are never overwritten by weaker ones.
"""

from enum import IntEnum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgpack

from config.settings import OnUnknown
from protocol.constants import Lane
from protocol.receipt import Said
from protocol.upstream import pack

if TYPE_CHECKING:
    from protocol.text import Cut, Profile


class State(IntEnum):
    """Where a message is; kept on disk, so the numbers never change meaning."""

    QUIET = 1
    """Put aside till `due`, the end of quiet hours, or its own."""
    WAITING = 2
    """Ready to be sent; `due`, when not 0, is when it expires."""
    HELD = 3
    """Not before `due`: scheduled, or to be tried again."""
    SENDING = 4
    """At least one part may be on the wire and has no answer yet."""
    UNKNOWN = 5
    """It can't be known whether the carrier took a part; `due` is when `on_unknown` decides."""
    SUBMITTED = 6
    """The carrier has every part; receipts are awaited."""
    REPORTED = 7
    """Reported as unknown; only a receipt can change it."""
    DONE = 10
    """Submitted, and no receipt was asked for."""
    DELIVERED = 11
    UNDELIVERED = 12
    REJECTED = 13
    EXPIRED = 14
    CANCELED = 15


FINAL: Final = State.DONE
"""The first final state."""

_RESEND: Final = OnUnknown.RESEND  # names of their own: to name a member of an enum takes 0.1 us (Python 3.11)
_WAITING: Final = State.WAITING

MAX_TRIES: Final = 8
"""Tries of a part that are remembered, the newest."""


class PartState(IntEnum):
    """Where a part is; kept on disk."""

    WAITING = 0
    SENT = 1
    """Written, or about to be, and not answered."""
    UNKNOWN = 2
    ACCEPTED = 3
    DELIVERED = 4
    UNDELIVERED = 5
    EXPIRED = 6
    REJECTED = 7


class Part:
    """One part on its way; the session carries it as the request's tag."""

    __slots__: ClassVar = ("at", "carrier_id", "message", "n", "receipt", "state", "status", "tries")

    def __init__(
        self,
        message: "Message",
        n: int,
        state: PartState = PartState.WAITING,
        carrier_id: str = "",
        status: int = 0,
        at: float = 0.0,
        receipt: Said | None = None,
        tries: list[list[Any]] | None = None,
    ) -> None:
        self.message = message
        self.n = n
        self.state = state
        self.carrier_id = carrier_id
        """The message_id of the carrier's answer, as it was spelled."""
        self.status = status
        """command_status of the last answer."""
        self.at = at
        """Unix seconds of the last change."""
        self.receipt = receipt
        """What its final receipt says."""
        self.tries = tries
        """How it was sent, oldest first: [bind, sequence number, sent at, answered at, command_status]; times are Unix
        seconds, 0 while there is no answer. For people who ask what happened; nothing is decided by it."""

    def note_sent(self, bind: str, sequence: int, at: float) -> None:
        """Remember a try."""
        tried = [bind, sequence, at, 0.0, 0]
        self.tries = [*self.tries[1 - MAX_TRIES :], tried] if self.tries else [tried]

    def note_answer(self, status: int, at: float) -> None:
        """Remember the answer to the newest try; the first one counts."""
        if self.tries and not (tried := self.tries[-1])[3]:
            tried[3], tried[4] = at, status


class Message:
    """One text to one number. Times are Unix seconds, 0 for none."""

    __slots__: ClassVar = (
        *("key", "client", "id", "to", "sender", "text", "lane", "plan", "coding", "units", "total"),
        *("on_unknown", "receipt", "not_before", "expires_at", "meta", "tags", "operator", "warnings"),
        *("state", "due", "carrier", "attempts", "disowned_by", "repeated", "reference"),
        *("parts", "cut", "cut_for", "home", "queued"),
    )

    def __init__(
        self,
        key: int,
        client: str,
        id: str,  # noqa: A002  # as the upstream protocol calls it
        to: str,
        sender: str,
        text: str,
        lane: Lane,
        plan: str,
        coding: str = "",
        units: int = 0,
        total: int = 1,
    ) -> None:
        self.key = key
        """Unix microseconds of the acceptance, made unique and growing: order, identity and age in one number."""
        self.client = client
        self.id = id
        self.to = to
        """E.164 without the plus sign."""
        self.sender = sender
        self.text = text
        """The normalised body."""
        self.lane = lane
        self.plan = plan
        """Which carriers may carry it, see `routing.Plan`."""
        self.coding = coding
        self.units = units
        self.total = total
        """Parts, as counted at the acceptance."""
        self.on_unknown: OnUnknown = _RESEND
        self.receipt = True
        self.not_before = 0.0
        self.expires_at = 0.0
        self.meta: dict[str, Any] | None = None
        self.tags: list[str] | None = None
        self.operator: str | None = None
        self.warnings: list[str] | None = None
        self.state: State = _WAITING
        self.due = 0.0
        self.carrier = ""
        """Who has a part of it, or had the last."""
        self.attempts = 0
        """Tries that a carrier refused for the moment."""
        self.disowned_by: tuple[str, ...] = ()
        """Carriers that have said the number is not of theirs."""
        self.repeated = False
        """It may have been sent twice."""
        self.reference: int | None = None
        """What a handset joins its parts by; given when they are first made ready to be sent, kept for every repeat."""
        self.parts: list[Part] = []
        self.cut: Cut | None = None
        """The encoded parts while they are needed: made at the acceptance, dropped when sent."""
        self.cut_for: Profile | None = None
        """The profile that `cut` was made by."""
        self.home = ""
        """Who took the number's last message, if that matters; looked up when it is about to be queued."""
        self.queued = False
        """Whether it stands in a lane in memory."""

    def __repr__(self) -> str:
        """What may be read by anybody: no number, no body."""
        return f"Message({self.key}, {self.client!r}, {self.id!r}, {self.state.name})"

    @property
    def message_id(self) -> str:
        """Our own id for the message, opaque to clients."""
        return f"{self.key:x}"

    @property
    def final(self) -> bool:
        """Whether nothing more is to happen to it."""
        return self.state >= FINAL


_BODY: Final = (
    *("to", "sender", "text", "coding", "units", "total", "receipt", "not_before", "expires_at"),
    *("meta", "tags", "operator", "warnings"),
)


_read_body: Final = attrgetter(*_BODY)


def pack_body(message: Message) -> bytes:
    """Pack what never changes about a message, for the store."""
    return pack(_read_body(message))


def pack_life(message: Message) -> bytes:
    """Pack what changes about a message, for the store."""
    parts = message.parts
    if len(parts) == 1:  # 0.1 us less than by a loop
        part = parts[0]
        lives = [(part.state, part.carrier_id, part.status, part.at, part.receipt, part.tries)]
    else:
        lives = [(part.state, part.carrier_id, part.status, part.at, part.receipt, part.tries) for part in parts]
    return pack((message.carrier, message.attempts, lives, message.reference, message.disowned_by))


def unpack(row: tuple[Any, ...]) -> Message:
    """Make a message of a row: key, client, id, lane, plan, state, due, report, repeated, body, life."""
    key, client, id_, lane, plan, state, due, report, repeated, body, life = row
    to, sender, text, *values = msgpack.unpackb(body)
    message = Message(key, client, id_, to, sender, text, LANES[lane], plan)
    message.on_unknown = OnUnknown.REPORT if report else OnUnknown.RESEND
    for name, value in zip(_BODY[3:], values, strict=True):
        setattr(message, name, value)
    message.state, message.due, message.repeated = State(state), due or 0.0, bool(repeated)
    message.carrier, message.attempts, parts, message.reference, disowned_by = unpack_life(life)
    message.disowned_by = tuple(disowned_by)
    message.parts = [_unpack_part(message, n, part) for n, part in enumerate(parts, 1)]
    return message


def _unpack_part(message: Message, n: int, life: list[Any]) -> Part:
    state, carrier_id, status, at, said, tries = life
    return Part(message, n, PartState(state), carrier_id, status, at, said and tuple(said), tries)


def unpack_life(life: bytes | None) -> tuple[str, int, list[Any], int | None, list[str]]:
    """Read what `pack_life` wrote, None for a message that nothing has happened to.

    Returns: carrier, attempts, parts, reference, disowned_by.
    """
    return ("", 0, [], None, []) if life is None else tuple(msgpack.unpackb(life))


LANES: Final = tuple(Lane)
"""Lanes by their number on disk, first to last."""
LANE_NUMBERS: Final = {lane: number for number, lane in enumerate(Lane)}


def derive(message: Message) -> State:
    """Say what the states of its parts make of a message that has been handed to a carrier.

    One part that failed decides; then one on the wire, one still to be sent, one unknown, and last the acceptances.
    """
    parts = message.parts
    if len(parts) == 1 and message.receipt:  # nearly every message: 0.2 us instead of 1.2
        state = _ALONE[parts[0].state]
        if state is not _UNKNOWN:
            return state
    return _derive_from_all(message)


def _derive_from_all(message: Message) -> State:
    """Say what `derive` does, for any number of parts."""
    states = [part.state for part in message.parts]
    worst = max(states)
    if worst > PartState.DELIVERED:
        return _FAILURES[worst]
    least = min(states)
    if least >= PartState.ACCEPTED:
        if not message.receipt:
            return State.DONE
        return State.DELIVERED if least is PartState.DELIVERED else State.SUBMITTED
    if PartState.SENT in states:
        return State.SENDING
    if PartState.WAITING in states:
        return State.WAITING  # to send what has never left repeats nothing, whatever is unknown of the others
    return State.REPORTED if message.state is State.REPORTED else State.UNKNOWN


_UNKNOWN: Final = State.UNKNOWN
_ALONE: Final = (
    *(State.WAITING, State.SENDING, State.UNKNOWN, State.SUBMITTED),
    *(State.DELIVERED, State.UNDELIVERED, State.EXPIRED, State.REJECTED),
)
"""What the state of its only part makes of a message that wants a receipt, by the number of that state."""
_FAILURES: Final = {
    PartState.UNDELIVERED: State.UNDELIVERED,
    PartState.EXPIRED: State.EXPIRED,
    PartState.REJECTED: State.REJECTED,
}


def recover(message: Message, unknown_until: float) -> None:
    """Decide about a message that was being sent when the gateway died: what was not answered can't be known."""
    resend = message.on_unknown is OnUnknown.RESEND
    for part in message.parts:
        if part.state is PartState.SENT:
            part.state = PartState.WAITING if resend else PartState.UNKNOWN
    # a part that was written down as waiting may have been sent since; of those to report that is written down first
    message.repeated |= resend and any(part.state is PartState.WAITING for part in message.parts)
    message.state = derive(message)
    message.due = unknown_until if message.state is State.UNKNOWN else message.expires_at


def over(message: Message, least: PartState = PartState.DELIVERED) -> bool:
    """Whether nobody holds a part of it but itself: each was written once, answered, and has had its last news.

    Args: least: the state from which on it has; ACCEPTED where no receipt is at hand.
    """
    if message.repeated:
        return False
    for part in message.parts:
        tries = part.tries
        if part.state < least or tries is None or len(tries) > 1 or not tries[0][3]:
            return False
    return True


def untouched(message: Message) -> bool:
    """Whether no carrier has, or may have, a part of it; but for an earlier copy of one that is `repeated`."""
    return all(part.state is PartState.WAITING for part in message.parts)


def give_up(message: Message) -> None:
    """Make unknown what would have been sent once more: its time is over, and an earlier copy may have been taken.

    Nothing may have been written down of that copy, if the gateway died after it.
    """
    message.parts = message.parts or [Part(message, n) for n in range(1, message.total + 1)]
    for part in message.parts:
        if part.state is PartState.WAITING:
            part.state = PartState.UNKNOWN


def resend_unknown(message: Message) -> None:
    """Make the unknown parts ready to be sent once more; the others keep what became of them."""
    for part in message.parts:
        if part.state is PartState.UNKNOWN:
            part.state = PartState.WAITING
    message.state, message.due, message.repeated = State.WAITING, message.expires_at, True


def describe(message: Message) -> dict[str, Any]:
    """The answer to a status or cancel request (upstream protocol, version 1)."""
    return {
        "id": message.id,
        "ok": True,
        "state": _STATE_NAMES[message.state],
        "final": message.final,
        "carrier": message.carrier,
        "parts": [
            {
                "n": part.n,
                "state": part.state.name.lower(),
                "carrier_id": part.carrier_id,
                "status": part.status,
                "at": part.at,
            }
            for part in message.parts
        ],
    }


_STATE_NAMES: Final = {state: state.name.lower() for state in State} | {
    State.QUIET: "held",
    State.REPORTED: "unknown",
    State.DONE: "submitted",
}
