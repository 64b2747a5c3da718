"""A ledger in figures: what was sent, how it was cut, and what was wrong with it, in JSON's types."""

from collections import Counter
from typing import Any, Final

from simulator.ledger import Ledger
from simulator.parts import Entry, coding_name, show
from simulator.query import Query
from simulator.verdicts import VERDICTS

EXAMPLES: Final = 5
"""The first parts shown with each verdict."""

MAX_STEPS: Final = 20
"""Rows of the rate over time."""

_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)


class Survey:
    """Counts entries, which must come in their order."""

    def __init__(self) -> None:
        self.parts = 0
        self.accounts: Counter[str] = Counter()
        self.codings: Counter[str] = Counter()
        self.lengths: Counter[int] = Counter()
        """Complete messages by how many parts they have."""
        self.verdicts = Counter(dict.fromkeys(VERDICTS, 0))
        self.examples: dict[str, list[dict[str, Any]]] = {name: [] for name in VERDICTS}
        self.seconds: Counter[int] = Counter()

    def add(self, entry: Entry) -> None:
        """Count a part."""
        part = entry.part
        self.parts += 1
        self.accounts[show(part.system_id)] += 1
        self.codings[coding_name(part, entry.content)] += 1
        self.seconds[int(part.time)] += 1
        if entry.indexes and part.index == max(entry.indexes):
            self.lengths[len(entry.indexes)] += 1
        for name in entry.verdicts:
            self.verdicts[name] += 1
            if len(self.examples[name]) < EXAMPLES:
                self.examples[name].append(_example(entry))

    def describe(self) -> dict[str, Any]:
        """All the figures; numbers are whole, bodies are left out."""
        step = _step(max(self.seconds, default=0) - min(self.seconds, default=0) + 1)
        rate: Counter[int] = Counter()
        for second, count in self.seconds.items():
            rate[second // step * step] += count
        return {
            "parts": self.parts,
            "messages": self.lengths.total(),
            "accounts": dict(self.accounts.most_common()),
            "codings": dict(self.codings.most_common()),
            "parts_per_message": {str(length): count for length, count in sorted(self.lengths.items())},
            "verdicts": {
                name: {"parts": count, "examples": self.examples[name]} for name, count in self.verdicts.items()
            },
            "rate": {"seconds": step, "parts": [[start, count] for start, count in sorted(rate.items())]},
        }


async def survey(ledger: Ledger, now: float) -> dict[str, Any]:
    """Count all parts that are kept.

    Args: now: seconds since 1970; inf: nothing more will come, so what is not complete never will be.
    """
    stop = await ledger.examine(now)
    start, counts = ledger.begin, Survey()
    while start < stop:
        entries, start = await ledger.read(Query(), start, stop)
        for entry in entries:
            counts.add(entry)
    return counts.describe() | {"forgotten": ledger.forgotten, "messages_waiting": ledger.waiting}


def _step(seconds: int) -> int:
    """A step of time, in seconds, that gives few rows."""
    days = -(-seconds // (MAX_STEPS * _STEPS[-1]))
    return next((step for step in _STEPS if step * MAX_STEPS >= seconds), days * _STEPS[-1])


def _example(entry: Entry) -> dict[str, Any]:
    part = entry.part
    return {
        "index": part.index,
        "time": part.time,
        "message_id": show(part.message_id),
        "session": part.session,
        "system_id": show(part.system_id),
        "source": show(part.submit.source_addr),
        "destination": show(part.submit.destination_addr),
    }
