"""What clients are told of messages, and what is kept of receipts to tell it (upstream protocol, version 1). Pure."""

from typing import TYPE_CHECKING, Any, Final

from gateway.message import FINAL, Message, Part, PartState, State
from protocol.constants import MessageState, status_name

if TYPE_CHECKING:
    from protocol.receipt import Receipt

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

_RECEIPTS: Final[dict[int | None, PartState]] = {
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
_OUTCOME_NAMES: Final = {said: state.name for said, state in _RECEIPTS.items()}
OUTCOMES: Final = {state.name: state for state in _RECEIPTS.values()}
"""The part's state, by what `describe_receipt` calls it."""


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


def _add_receipt(made: dict[str, Any], parts: list[Part], kind: str) -> None:
    receipt = _worst_receipt(parts)
    if not receipt:
        return
    made["receipt"] = {  # spelled out: half the time of a loop over the keys
        "message_id": receipt["message_id"],
        "state": receipt["state"],
        "error": receipt["error"],
        "submit_date": receipt["submit_date"],
        "done_date": receipt["done_date"],
    }
    if kind == "undelivered":
        made["reason"] = receipt["state"]


def _worst_receipt(parts: list[Part]) -> dict[str, Any] | None:
    """Of several, the one that says the worst, and of these the newest."""
    if len(parts) == 1:
        return parts[0].receipt
    told = [part for part in parts if part.receipt]
    return max(told, key=lambda part: (part.state, part.at)).receipt if told else None


def describe_receipt(receipt: "Receipt") -> dict[str, Any] | None:
    """Make of a receipt what is stored and told; None when it is not final, so that nothing is to be done."""
    if not receipt.final:
        return None
    return {
        "message_id": receipt.message_id,
        "state": receipt.state_name,
        "error": receipt.error,
        "submit_date": receipt.submit_date,
        "done_date": receipt.done_date,
        "outcome": _OUTCOME_NAMES[receipt.state],
    }
