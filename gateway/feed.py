"""Events on their way to a client: the newest in memory, packed and ready to be sent; older ones on disk."""

from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.store import Store

PAGE: Final = 500
"""Events in one frame, at most."""
PAGE_OCTETS: Final = 512 * 1024
"""Octets of events in one frame; only a single event may be longer."""


class Feed:
    """The events of one client, for all its subscribed connections."""

    def __init__(self, client: str, store: "Store", limit: int, newest: int, most_octets: int) -> None:
        """Args: limit, most_octets: events held in memory. newest: no event on disk has a higher cursor."""
        self._client = client
        self._store = store
        self._limit, self._most_octets = limit, most_octets
        self._newest = newest
        self._floor = newest
        """Every event with a higher cursor is in memory."""
        self._acknowledged = 0
        self._cursors: list[int] = []
        self._entries: list[bytes] = []
        self._octets = 0
        """Of all entries."""
        self._subscribers: set[Callable[[], None]] = set()

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Have `wake` called when there are new events; from now on they are kept in memory."""
        if not self._subscribers:
            self._floor = self._newest
        self._subscribers.add(wake)

    def unsubscribe(self, wake: Callable[[], None]) -> None:
        """Forget a subscriber; with the last one, memory is given up."""
        self._subscribers.discard(wake)
        if not self._subscribers:
            self._cursors.clear()
            self._entries.clear()
            self._octets = 0

    def publish(self, events: list[tuple[int, bytes]]) -> None:
        """Take in events that have just been committed, in order of their cursors."""
        self._newest = events[-1][0]
        if not self._subscribers:
            return
        self._cursors += [cursor for cursor, _ in events]
        fresh = [_entry(cursor, packed) for cursor, packed in events]
        self._entries += fresh
        self._octets += sum(map(len, fresh))
        if len(self._cursors) > self._limit or self._octets > self._most_octets:
            self._drop_oldest()
        for wake in self._subscribers:
            wake()

    def _drop_oldest(self) -> None:
        """Leave to the disk what is too much for memory."""
        surplus = max(len(self._cursors) - self._limit, 0)
        self._octets -= sum(map(len, self._entries[:surplus]))
        while self._octets > self._most_octets:
            self._octets -= len(self._entries[surplus])
            surplus += 1
        self._floor = self._cursors[surplus - 1]
        del self._cursors[:surplus], self._entries[:surplus]

    def acknowledge(self, cursor: int) -> None:
        """Give out no event up to this cursor any more, though it may still be on disk."""
        self._acknowledged = max(self._acknowledged, cursor)

    async def page(self, after: int) -> tuple[int, bytes]:
        """The next events after a cursor.

        Returns: the cursor to ask with next time, and a frame of events; b"" when there are none now.
        """
        floor, after = self._floor, max(after, self._acknowledged)
        if after < floor:
            found = await self._store.events(self._client, after, PAGE)
            if not found:
                return floor, b""  # the rest up to here has been acknowledged
            entries = _fit([_entry(cursor, packed) for cursor, packed in found])
            return found[len(entries) - 1][0], _frame(entries)
        start = bisect_right(self._cursors, after)
        entries = _fit(self._entries[start : start + PAGE])
        return (self._cursors[start + len(entries) - 1], _frame(entries)) if entries else (after, b"")


def _fit(entries: list[bytes]) -> list[bytes]:
    """As many of the first entries as fit into one frame; at least one."""
    room = PAGE_OCTETS
    for n, entry in enumerate(entries):
        room -= len(entry)
        if room < 0:
            return entries[: max(n, 1)]
    return entries


def _entry(cursor: int, packed: bytes) -> bytes:
    return b"\x92\xcf%b%b" % (cursor.to_bytes(8, "big"), packed)  # [cursor, event], the cursor as a uint 64


def _frame(entries: list[bytes]) -> bytes:
    return b"\x92\xa6events\xdc" + len(entries).to_bytes(2, "big") + b"".join(entries)  # ["events", [entry, …]]
