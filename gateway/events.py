"""What clients are told of messages, and what receipts make of parts (upstream protocol, version 1). Pure."""

import struct
from typing import Any, Final

from gateway.message import FINAL, Message, Part, PartState, State
from protocol.constants import MessageState, status_name
from protocol.receipt import Said
from protocol.upstream import HEADS, MOST_SHORT, SHORTS, pack

KINDS: Final = {
    State.SUBMITTED: "submitted",
    State.DONE: "submitted",
    State.DELIVERED: "delivered",
    State.UNDELIVERED: "undelivered",
    State.REJECTED: "rejected",
    State.EXPIRED: "expired",
    State.CANCELED: "canceled",
    State.REPORTED: "unknown",
}
"""The event that tells of each state."""

OUTCOMES: Final[dict[int | None, PartState]] = {
    MessageState.DELIVERED: PartState.DELIVERED,
    MessageState.EXPIRED: PartState.EXPIRED,
    MessageState.DELETED: PartState.UNDELIVERED,
    MessageState.UNDELIVERABLE: PartState.UNDELIVERED,
    MessageState.REJECTED: PartState.UNDELIVERED,
    MessageState.SKIPPED: PartState.UNDELIVERED,
    MessageState.ACCEPTED: PartState.DELIVERED,  # these two only where the carrier's profile calls them final
    MessageState.UNKNOWN: PartState.UNDELIVERED,
}
"""What a final receipt makes of its part."""

_DOUBLE: Final = struct.Struct(">d").pack


def describe_event(message: Message, kind: str, at: float) -> dict[str, Any]:
    """The event of this kind about an outgoing message. `at`: Unix seconds."""
    made = {
        "type": kind,
        "at": at,
        "id": message.id,
        "message_id": f"{message.key:x}",
        "carrier": message.carrier,
        "final": message.state >= FINAL,
        "meta": message.meta,
    }
    if message.repeated:
        made["possible_duplicate"] = True
    if kind == "submitted":
        made["parts"] = len(message.parts)
    elif kind in ("delivered", "undelivered", "expired"):
        _add_receipt(made, message.parts, kind)
    elif kind == "rejected":
        refused = (part for part in message.parts if part.state is PartState.REJECTED)
        status = max(refused, key=lambda part: part.at).status
        made["status"], made["status_name"] = status, status_name(status)
    return made


def pack_submitted(message: Message, at: float) -> bytes:
    """The octets of the event "submitted": 0.25 us instead of 0.5 by a map."""
    if message.meta is not None or message.repeated or len(message.parts) > MOST_SHORT:
        return pack(describe_event(message, "submitted", at))
    id_, ours, carrier = message.id, f"{message.key:x}", message.carrier
    rest = (
        f"\xa2id{HEADS[len(id_)]}{id_}\xaamessage_id{HEADS[len(ours)]}{ours}"
        f"\xa7carrier{HEADS[len(carrier)]}{carrier}\xa5final\xc2\xa4meta\xc0\xa5parts{SHORTS[len(message.parts)]}"
    )
    return b"\x88\xa4type\xa9submitted\xa2at\xcb%b%b" % (_DOUBLE(at), rest.encode("latin-1"))


def pack_delivered(message: Message, said: Said, at: float) -> bytes:
    """The octets of the event "delivered": 0.45 us instead of 0.8 by maps.

    Args: said: by the receipt of its part, if it has but one, in ASCII, as `parse_plain` reads it.
    """
    if message.meta is not None or message.repeated or len(message.parts) > 1:
        return pack(describe_event(message, "delivered", at))
    id_, ours, carrier = message.id, f"{message.key:x}", message.carrier
    theirs, submitted, done, state, error = said
    rest = (
        f"\xa2id{HEADS[len(id_)]}{id_}\xaamessage_id{HEADS[len(ours)]}{ours}"
        f"\xa7carrier{HEADS[len(carrier)]}{carrier}\xa5final\xc3\xa4meta\xc0\xa7receipt\x85"
        f"\xaamessage_id{HEADS[len(theirs)]}{theirs}\xa5state{HEADS[len(state)]}{state}"
        f"\xa5error{HEADS[len(error)]}{error}\xabsubmit_date{HEADS[len(submitted)]}{submitted}"
        f"\xa9done_date{HEADS[len(done)]}{done}"
    )
    return b"\x88\xa4type\xa9delivered\xa2at\xcb%b%b" % (_DOUBLE(at), rest.encode("latin-1"))


def _add_receipt(made: dict[str, Any], parts: list[Part], kind: str) -> None:
    receipt = _worst_receipt(parts)
    if not receipt:
        return
    message_id, submit_date, done_date, state, error = receipt
    made["receipt"] = {
        "message_id": message_id,
        "state": state,
        "error": error,
        "submit_date": submit_date,
        "done_date": done_date,
    }
    if kind == "undelivered":
        made["reason"] = state


def _worst_receipt(parts: list[Part]) -> Said | None:
    """Of several, the one that says the worst, and of these the newest."""
    if len(parts) == 1:
        return parts[0].receipt
    told = [part for part in parts if part.receipt]
    return max(told, key=lambda part: (part.state, part.at)).receipt if told else None
