"""A feed against a model: events on disk and in memory, readers that come and go, disk reads that return late."""

from collections.abc import Coroutine, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import hypothesis.strategies as st
import msgpack
import pytest
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, precondition, rule

from gateway import feed as module
from gateway.feed import Feed

if TYPE_CHECKING:
    from gateway.store import Store

PAGE = 3
LIMIT = 4
"""Events in memory."""
OCTETS = 10**9
"""So many in memory that there is no bound."""

Page = tuple[int, bytes]


class Late:
    """An await that goes on when the test says so."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Table:
    """The events on disk; a read sees what is there when it begins or when it ends, as the test chooses."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, bytes]] = []
        self.eager = True

    async def events(self, _client: str, after: int, limit: int) -> list[tuple[int, bytes]]:
        eager, early = self.eager, self._find(after, limit)
        await Late()
        return early if eager else self._find(after, limit)

    def _find(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        return [row for row in self.rows if row[0] > after][:limit]


@dataclass(eq=False)
class Reader:
    """A subscribed connection: what it was told, and whether it sleeps until it is woken."""

    told: int
    start: int
    seen: list[int] = field(default_factory=list)
    awake: bool = True
    reading: Coroutine[Any, Any, Page] | None = None

    def wake(self) -> None:
        self.awake = True

    def begin(self, feed: Feed) -> None:
        """Ask for a page; it may come at once."""
        self.awake = False
        self.reading = feed.page(self.told)
        self.go_on()

    def go_on(self) -> None:
        """Let the page come, if the disk was being read for it."""
        assert self.reading
        try:
            self.reading.send(None)
        except StopIteration as done:
            told, frame = done.value
            self.awake = self.awake or told != self.told
            self.reading, self.told = None, told
            self.seen += cursors(frame)


def cursors(frame: bytes) -> list[int]:
    """The cursors in a frame of events; each event must be the one of its cursor."""
    if not frame:
        return []
    kind, events = msgpack.unpackb(frame)
    assert kind == "events"
    assert 1 <= len(events) <= module.PAGE
    assert all(event == {"n": cursor} for cursor, event in events)
    return [cursor for cursor, _ in events]


class FeedLife(RuleBasedStateMachine):
    """Commits reach the disk before they are published; everything else happens in any order."""

    readers = Bundle("readers")

    @initialize(before=st.integers(0, 7), octets=st.sampled_from([20, OCTETS]))
    def begin(self, before: int, octets: int) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(module, "PAGE", PAGE)
        self.table = Table()
        self.cursor, self.acknowledged = 0, 0
        self.unpublished: list[list[tuple[int, bytes]]] = []
        self.everybody: list[Reader] = []
        self.commit(before)
        self.unpublished.clear()
        self.feed = Feed("bank", cast("Store", self.table), LIMIT, self.cursor, octets)

    @rule(number=st.integers(1, 6))
    def commit(self, number: int) -> None:
        rows = [(n, msgpack.packb({"n": n})) for n in range(self.cursor + 1, self.cursor + number + 1)]
        self.cursor += number
        self.table.rows += rows
        self.unpublished.append(rows)

    @precondition(lambda self: self.unpublished)
    @rule()
    def publish(self) -> None:
        self.feed.publish(self.unpublished.pop(0))

    @rule(target=readers, after=st.integers(0, 30), eager=st.booleans())
    def subscribe(self, after: int, eager: bool) -> Reader:
        self.table.eager = eager
        start = min(after, self.cursor)
        reader = Reader(start, start)
        self.everybody.append(reader)
        self.feed.subscribe(reader.wake)
        return reader

    @rule(reader=consumes(readers))
    def unsubscribe(self, reader: Reader) -> None:
        self.feed.unsubscribe(reader.wake)
        self.everybody.remove(reader)
        if reader.reading:
            reader.reading.close()

    @rule(reader=readers, eager=st.booleans())
    def read(self, reader: Reader, eager: bool) -> None:
        self.table.eager = eager
        if reader.reading:
            reader.go_on()
        elif reader.awake:
            reader.begin(self.feed)

    @rule(reader=readers)
    def acknowledge(self, reader: Reader) -> None:
        self.acknowledged = max(self.acknowledged, reader.told)
        self.table.rows = [row for row in self.table.rows if row[0] > self.acknowledged]

    def teardown(self) -> None:
        if not hasattr(self, "feed"):
            return
        while self.unpublished:
            self.publish()
        for reader in self.everybody:
            for _ in range(200):
                self.read(reader, True)
            assert reader.seen == sorted(set(reader.seen)), "out of order, or twice"
            missing = set(range(reader.start + 1, self.cursor + 1)) - set(reader.seen)
            assert all(cursor <= self.acknowledged for cursor in missing), "an event was not told"
        assert len(self.feed._cursors) <= LIMIT
        self.patch.undo()


TestFeedLife = FeedLife.TestCase


def packed(*events: int) -> list[tuple[int, bytes]]:
    return [(n, msgpack.packb({"n": n})) for n in events]


async def test_a_frame_has_no_more_events_than_a_page_and_the_rest_comes_next() -> None:
    feed = Feed("bank", cast("Store", Table()), 10_000, 0, OCTETS)
    feed.subscribe(lambda: None)
    feed.publish(packed(*range(1, 1202)))
    told, sizes = 0, []
    while (page := await feed.page(told))[1]:
        told = page[0]
        sizes.append(len(msgpack.unpackb(page[1])[1]))
    assert sizes == [module.PAGE, module.PAGE, 201]


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_frame_of_long_events_is_cut_to_its_octets_and_the_rest_comes_next(on_disk: bool) -> None:
    events = [
        (n, msgpack.packb({"n": n, "meta": "x" * size})) for n, size in enumerate([300_000, 300_000, 900_000, 5], 1)
    ]
    table = Table()
    feed = Feed("bank", cast("Store", table), 100, 4 if on_disk else 0, OCTETS)
    feed.subscribe(print)
    table.rows = events
    if not on_disk:
        feed.publish(events)
    told, seen = 0, []
    while told < 4:
        reading = feed.page(told)
        try:
            reading.send(None)
            reading.send(None)
        except StopIteration as done:
            told, frame = done.value
        seen.append([event["n"] for _, event in msgpack.unpackb(frame)[1]])
    assert seen == [[1], [2], [3], [4]]


def test_nothing_is_held_in_memory_while_nobody_has_subscribed() -> None:
    feed = Feed("bank", cast("Store", Table()), 100, 0, OCTETS)
    feed.publish(packed(1, 2))
    feed.subscribe(print)
    feed.publish(packed(3))
    feed.unsubscribe(print)
    assert not feed._cursors
    assert not feed._entries


def test_what_is_trimmed_while_an_empty_disk_is_read_is_read_from_disk_next() -> None:
    table = Table()
    feed = Feed("bank", cast("Store", table), LIMIT, 10, OCTETS)
    reader = Reader(0, 0)
    feed.subscribe(reader.wake)
    reader.begin(feed)  # everything up to 10 has been acknowledged
    table.rows = packed(*range(11, 21))
    feed.publish(table.rows)
    for _ in range(10):
        reader.go_on() if reader.reading else reader.begin(feed)
    assert reader.seen == [*range(11, 21)]


async def test_long_events_leave_memory_when_their_octets_are_too_many_and_are_read_from_disk() -> None:
    table = Table()
    table.rows = [(n, msgpack.packb({"n": n, "text": "x" * 1000})) for n in range(1, 51)]
    feed = Feed("bank", cast("Store", table), 100, 0, 5000)
    feed.subscribe(lambda: None)
    for event in table.rows:
        feed.publish([event])
        assert feed._octets == sum(map(len, feed._entries)) <= 5000
    assert feed._cursors == [47, 48, 49, 50]
    told, seen = 0, []
    while told < 50:
        reading = feed.page(told)
        try:
            reading.send(None)
            reading.send(None)
        except StopIteration as done:
            told, frame = done.value
        seen += [event["n"] for _, event in msgpack.unpackb(frame)[1]]
    assert seen == list(range(1, 51))
