"""What was sent to a handset, message by message, as the page shows it."""

from typing import Any, Final

from simulator.ledger import Ledger
from simulator.parts import Entry, describe, show
from simulator.query import Query

LOOK_BACK: Final = 50_000
"""The newest parts of all: among them conversations are looked for."""

MAX_PARTS: Final = 2_000
"""The newest parts to one number that are looked at."""


async def conversations(ledger: Ledger, limit: int) -> list[dict[str, Any]]:
    """The handset numbers that a part was sent to last, newest first, in JSON's types, with its text and time.

    The text is that of the part, or of its message where that was examined before.
    """
    found: dict[bytes, dict[str, Any]] = {}
    stop, bottom = ledger.end, max(ledger.begin, ledger.end - LOOK_BACK)
    while stop > bottom and len(found) < limit:
        entries, stop = await ledger.read_back(Query(), stop)
        for entry in reversed(entries):
            number = entry.part.submit.destination_addr
            if number not in found:
                text = entry.content.text if entry.joined is None else entry.joined
                found[number] = {"number": show(number), "time": entry.part.time, "text": text}
    return list(found.values())[:limit]


async def conversation(ledger: Ledger, number: bytes, limit: int, now: float) -> list[dict[str, Any]]:
    """The last messages to a handset number, oldest first, in JSON's types, each with its parts.

    A part of a message that is not complete stands alone. now: seconds since 1970.
    """
    stop = await ledger.examine(now)
    query, entries = Query(destination=number), dict[int, Entry]()
    messages: dict[int, tuple[int, ...]] = {}
    while stop > ledger.begin and len(messages) <= limit and len(entries) < MAX_PARTS:
        some, stop = await ledger.read_back(query, stop)
        for entry in reversed(some):
            index = entry.part.index
            entries[index] = entry
            messages.setdefault(max(entry.indexes, default=index), entry.indexes or (index,))
    newest = [indexes for _, indexes in sorted(messages.items())][-limit:]
    found = [[entries.get(index) or await _entry(ledger, index) for index in indexes] for indexes in newest]
    return [_describe([entry for entry in message if entry]) for message in found]


async def _entry(ledger: Ledger, index: int) -> Entry | None:
    part = await ledger.part(index)
    return None if part is None else await ledger.entry(part)


def _describe(entries: list[Entry]) -> dict[str, Any]:
    first = entries[0]
    return {
        "time": first.part.time,
        "source": show(first.part.submit.source_addr),
        "destination": show(first.part.submit.destination_addr),
        "text": first.joined if first.indexes else first.content.text,
        "complete": bool(first.indexes),
        "verdicts": list(dict.fromkeys(name for entry in entries for name in entry.verdicts)),
        "parts": [describe(entry) for entry in entries],
    }
