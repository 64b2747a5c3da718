"""Plain counters, kept where things happen and read only when Prometheus asks."""

from dataclasses import dataclass, field
from typing import Final

from gateway.ladders import Cause

MAX_STATUSES: Final = 100
"""Statuses of one carrier that are counted each for itself; a 32-bit number is the carrier's to choose."""
OTHERS: Final = -1
"""What the rest is counted under."""


@dataclass(slots=True)
class CarrierCounts:
    """What happened at one carrier since the start, in parts."""

    sent: int = 0
    accepted: int = 0
    refused: dict[int, int] = field(default_factory=dict)
    """By command_status, MAX_STATUSES of them, and OTHERS."""
    undocumented: int = 0
    """Refusals with a status of the vendor's own, or known to nobody, that the carrier's `statuses` do not explain."""
    elsewhere: int = 0
    """Messages whose number the carrier said is not of its own."""
    unknown: int = 0
    late: int = 0
    """Answers that came after their part was given up as unknown."""
    receipts: int = 0
    receipts_early: int = 0
    """Receipts whose message was not known when they came."""
    receipts_unmatched: int = 0
    """Of these, given up: no answer named their message in time, or too many came after them."""
    receipts_unreadable: int = 0
    """Receipts that name no message, or no state that is known."""
    rule_changes: int = 0
    """How often receipts began to spell ids in another form than before."""
    matched: dict[str, int] = field(default_factory=dict)
    """Receipts whose part was found, by what was done to their id to find it."""
    incoming: int = 0
    """Parts of messages from handsets, with those that were refused or came again."""
    incoming_unrouted: int = 0
    """Of these, refused: no client takes them."""
    deferred: int = 0
    """Deliveries that there was no room for: they come again."""
    malformed: int = 0
    """PDUs of the carrier that were refused."""
    binds: int = 0
    """Successful binds."""
    bind_failures: dict[Cause, int] = field(default_factory=lambda: dict.fromkeys(Cause, 0))
    """Binds that failed or were lost."""
    stalls: int = 0
    """Connections that were closed because messages waited and nothing was sent."""
    defects: int = 0
    """Connections, and messages, that a defect of ours has ended."""

    def refuse(self, status: int) -> None:
        """Count a part that was refused."""
        if status not in self.refused and len(self.refused) >= MAX_STATUSES:
            status = OTHERS
        self.refused[status] = self.refused.get(status, 0) + 1


@dataclass(slots=True)
class Counts:
    """What happened since the start."""

    accepted: int = 0
    """Messages."""
    duplicates: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    """Messages by the code of the refusal."""
    events: dict[str, int] = field(default_factory=dict)
    """By type."""
    receipts_repeated: int = 0
    bad_frames: int = 0
    defects: int = 0
    """Connections of clients that a defect of ours has ended."""
    task_defects: int = 0
    """Reloads, and runs of tasks that began anew, that a defect of ours has ended."""
    carriers: dict[str, CarrierCounts] = field(default_factory=dict)
