"""What has become of the last messages: for query_sm, cancel_sm and replace_sm (SMPP 3.4, 4.8 to 4.10). Pure."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from protocol.constants import MessageState, Status, Tag
from protocol.operations import CancelSm, QuerySm, ReplaceSm
from protocol.pdu import SubmitSm
from protocol.tags import find_tlv

if TYPE_CHECKING:
    from simulator.behaviour import Outcome

MAX_FATES: Final = 20_000
"""Messages remembered; of more, the oldest is forgotten."""


@dataclass(slots=True, eq=False)
class Fate:
    """One message that was taken.

    Attributes: submit: without its optional parameters, which may be long. outcomes: what is told of it; the first
        final one among them is its end. deleted: it was taken back in time. others: what was sent to further
        destinations under the same id.
    """

    submit: SubmitSm = field(repr=False)
    account: bytes
    taken_at: float
    outcomes: Sequence["Outcome"]
    deleted: bool = False
    others: tuple["Fate", ...] = ()

    def state(self, now: float) -> MessageState:
        """Where it is."""
        return self.told(self._end).state if self.done_at <= now else MessageState.ENROUTE

    @property
    def done_at(self) -> float:
        """When it ended, or will."""
        return self._end.due

    @property
    def _end(self) -> "Outcome":
        return next(outcome for outcome in self.outcomes if outcome.final)

    def told(self, outcome: "Outcome") -> "Outcome":
        """What is told of it now instead of one of its outcomes, which several messages may have in common."""
        return replace(outcome, state=MessageState.DELETED) if self.deleted and outcome.final else outcome

    def cancel(self, now: float) -> bool:
        """Let what is told of it from now on be that it was deleted; False when it has ended."""
        self.deleted = self.deleted or self.done_at > now
        return self.done_at > now


class Fates:
    """The last messages by the ids that they were given. Times are seconds on the caller's clock."""

    def __init__(self) -> None:
        self._fates: dict[bytes, Fate] = {}
        self._ids: deque[bytes] = deque()  # oldest first; in a dict alone the oldest would be slow to find

    def add(self, message_id: bytes, fate: Fate) -> None:
        """Remember a message; another one under the same id is remembered as long as the first."""
        first = self._fates.setdefault(message_id, fate)
        if first is not fate:
            first.others += (fate,)
            return
        self._ids.append(message_id)
        if len(self._ids) > MAX_FATES:
            del self._fates[self._ids.popleft()]

    def known(self, message_id: bytes) -> Fate | None:
        """The message with this id, whoever asks; None when it is forgotten."""
        return self._fates.get(message_id)

    def find(self, asked: QuerySm | ReplaceSm | CancelSm, account: bytes) -> Fate | None:
        """The message that a request names: the id must be its account's, and the source its own (4.8.1)."""
        fate = self._fates.get(asked.message_id)
        if fate is None or fate.account != account or fate.submit.source_addr != asked.source_addr:
            return None
        return fate

    def cancel(self, asked: CancelSm, account: bytes, now: float) -> Status:
        """Take back a message, or all of one source and destination when no id is given (4.9.1).

        Its receipt, if one was asked for, comes at its time and says DELETED.
        """
        if asked.message_id:
            found = self.find(asked, account)
            meant = _all_of(found) if found else []
        else:
            known = (fate for first in self._fates.values() for fate in _all_of(first))
            meant = [fate for fate in known if fate.account == account and _fits(fate.submit, asked)]
        cancelled = [fate.cancel(now) for fate in meant]
        return Status.ROK if any(cancelled) else Status.RCANCELFAIL

    def replace(self, asked: ReplaceSm, account: bytes, now: float) -> list[SubmitSm]:
        """Change the text of a message that is under way, wherever it goes (4.10.1).

        Its receipts come when they would have come, and quote the new text.

        Returns: the message as it is now, for each destination; empty when there is none to change.
        """
        found = self.find(asked, account)
        meant = [fate for fate in _all_of(found) if fate.state(now) is MessageState.ENROUTE] if found else []
        replaced = [_replaced(fate.submit, asked) for fate in meant]
        for fate, submit in zip(meant, replaced, strict=True):
            fate.submit = replace(submit, tlvs=())
        return replaced


def _all_of(first: Fate) -> list[Fate]:
    return [first, *first.others]


def _replaced(submit: SubmitSm, asked: ReplaceSm) -> SubmitSm:
    payload = find_tlv(asked.tlvs, Tag.MESSAGE_PAYLOAD)
    return replace(
        submit,
        short_message=asked.short_message,
        tlvs=() if payload is None else ((int(Tag.MESSAGE_PAYLOAD), payload),),
        validity_period=asked.validity_period or submit.validity_period,
        registered_delivery=asked.registered_delivery,
    )


def _fits(submit: SubmitSm, asked: CancelSm) -> bool:
    same_ends = submit.source_addr == asked.source_addr and submit.destination_addr == asked.destination_addr
    return same_ends and (not asked.service_type or submit.service_type == asked.service_type)
