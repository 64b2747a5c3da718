"""What the usual answers and receipts make of the usual messages: a list of them at once, with the same outcome.

Nearly every message is accepted, and delivered. What `Settler` does with it in a dozen calls is done here in line, and
what is the same for all of a list is looked up once: quick twins of `accepted` and `received`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from gateway.events import pack_delivered, pack_submitted
from gateway.message import Part, PartState, State
from gateway.settle import Settler

if TYPE_CHECKING:
    from protocol.receipt import Said

_SENT: Final = PartState.SENT
_ACCEPTED: Final = PartState.ACCEPTED
_DELIVERED: Final = PartState.DELIVERED
_SENDING: Final = State.SENDING
_SUBMITTED: Final = State.SUBMITTED
_ENDED: Final = State.DELIVERED


class RunSettler(Settler):
    """A settler that takes lists."""

    def accepted_all(self, answers: Sequence[tuple[Part, str]], now: float) -> None:
        """What `accepted` does with each (part, what its carrier calls it), in order: 1.3 us instead of 2.6."""
        told: dict[str, list[bytes]] = {}
        commit, outstanding, homes = self._store.commit, self._outstanding, self._homes
        early = self.early if len(self.early) else None
        try:
            for part, carrier_id in answers:
                message = part.message
                whole = message.parts == [part] or _when(part, message.parts, _ACCEPTED, _SENT)
                if (
                    whole is None
                    or part.state is not _SENT
                    or message.state is not _SENDING
                    or not (message.receipt and carrier_id)
                    or (homes and "," in message.plan)
                    or (early is not None and early.waits(message.carrier, carrier_id))
                ):
                    self._tell_all(told, "submitted")
                    self.accepted(part, carrier_id, now)
                    continue
                part.note_answer(0, now)
                part.state, part.status, part.at, part.carrier_id = _ACCEPTED, 0, now, carrier_id
                commit.ids.append((message.carrier, carrier_id, message.key, part.n))
                commit.changed[message.key] = message
                outstanding.name(message.carrier, carrier_id, part)
                if whole:
                    message.state, message.due, message.cut = _SUBMITTED, 0.0, None
                    told.setdefault(message.client, []).append(pack_submitted(message, now))
                    outstanding.submitted(message)
        finally:
            self._tell_all(told, "submitted")

    def delivered_all(self, receipts: Sequence[tuple[Part, "Said"]], now: float) -> None:
        """What `received` does with each (part, what a receipt says), in order: 1.3 us instead of 2.6.

        Args: receipts: that say "delivered", in ASCII as `parse_plain` reads them, of messages that are submitted.
        """
        told: dict[str, list[bytes]] = {}
        changed, outstanding, homes = self._store.commit.changed, self._outstanding, self._homes
        try:
            for part, said in receipts:
                message = part.message if part.state is _ACCEPTED else None  # it may have let go of one that is over
                parts = message.parts if message else []
                whole = parts == [part] or _when(part, parts, _DELIVERED, _ACCEPTED)
                if (
                    message is None
                    or whole is None
                    or message.state is not _SUBMITTED
                    or not message.receipt
                    or (homes and "," in message.plan)
                ):
                    self._tell_all(told, "delivered")
                    self.received(part, _DELIVERED, said, now)
                    continue
                part.state, part.at, part.receipt = _DELIVERED, now, said
                changed[message.key] = message
                if whole:
                    message.state, message.due = _ENDED, 0.0
                    told.setdefault(message.client, []).append(pack_delivered(message, said, now))
                    outstanding.end(message)
        finally:
            self._tell_all(told, "delivered")

    def _tell_all(self, told: dict[str, list[bytes]], kind: str) -> None:
        """Tell clients of events that were packed, and forget them."""
        counts = self.counts.events
        for client, packed in told.items():
            counts[kind] = counts.get(kind, 0) + len(packed)
            if kind == "delivered" or client not in self._final_only:
                self._store.emit_all(client, packed)
        told.clear()


def _when(part: Part, parts: list[Part], reached: PartState, before: PartState) -> bool | None:
    """Whether all parts of a message have reached a state once this one has.

    None: more than that must be asked, for another is neither there nor in the state before, or this one is of a copy.
    """
    if part not in parts:
        return None
    states = [other.state for other in parts if other is not part]
    there = states.count(reached)
    if there == len(states):
        return True
    return False if there + states.count(before) == len(states) else None
