"""One client's events, shared by all loops over them: received, given out, finished, acknowledged. No stream here."""

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Final

import anyio
from anyio.lowlevel import checkpoint

from gateway.client.errors import ClientError
from gateway.client.shapes import Event, Welcome
from protocol.upstream import Frame, pack

READ_AHEAD: Final = 2000
"""Events held, the unfinished included, above which nothing is read; what one read brings may go over it."""
ACK_EVENTS: Final = 100
"""Finished events that wait for others to be acknowledged with them, at most."""
ACK_SECONDS: Final = 0.05
"""Between two acknowledgements, if neither this many are finished nor the loop has to wait."""


class Entry:
    """One event on its way through this process."""

    __slots__ = ("cursor", "event", "finished", "number")

    def __init__(self, number: int, cursor: int | str, event: Event) -> None:
        self.number = number
        self.cursor: int | str | None = cursor
        """None: there is nobody any more to acknowledge it to."""
        self.event = event
        self.finished = False

    def __lt__(self, other: "Entry") -> bool:
        return self.number < other.number


class Flow:
    """Events come in order; each is given to one loop. An acknowledgement names the last one before which none is open.

    After a reconnect the flow goes on behind the last event that was received: none is skipped, none is given twice.
    Only what was not acknowledged when the process ended comes again.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.wake: Callable[[], None] = lambda: None
        """Has `outgoing` called, and `full` looked at."""
        self._clock = clock
        self._numbers = count()
        self._open: deque[Entry] = deque()
        """Received and not acknowledged, in order."""
        self._ready: list[Entry] = []
        """A heap of those that nobody has."""
        self._received: int | str | None = None
        """Cursor of the last event that came."""
        self._finished: int | str | None = None
        """Cursor up to which all is dealt with."""
        self._told: int | str | None = None
        """What was acknowledged on this connection."""
        self._unsaid = 0
        """Events that are finished and not acknowledged."""
        self._said_at = 0.0
        self._subscribed = False
        self._tag = 0
        """Of the last subscription."""
        self._following = False
        """What comes belongs to it."""
        self._failure: ClientError | None = None
        self._news = anyio.Event()
        self._ended: anyio.Event | None = None
        """Set when the gateway has dealt with our last acknowledgement; None: it is not asked for."""
        self._asked_end = False

    @property
    def full(self) -> bool:
        """No more should be read for now."""
        return len(self._open) >= READ_AHEAD and self._ended is None

    def begin(self, after: int | str | None) -> None:
        """Go on after another cursor; None: from the oldest event that is not acknowledged."""
        self._open.clear()
        self._ready.clear()
        self._received, self._subscribed = after, False
        self.wake()

    def acknowledge(self, cursor: int | str) -> None:
        """Let the gateway forget everything up to a cursor."""
        self._finished = cursor
        self.wake()

    async def page(self) -> list[tuple[int | str, Event]]:
        """Wait for events, and take all there are; who takes pages acknowledges them. Raises: as `next` does."""
        entries = [await self.next()]
        while self._ready:
            entries.append(heappop(self._ready))
        self._open.clear()
        self.wake()
        return [(entry.cursor, entry.event) for entry in entries if entry.cursor is not None]

    async def next(self) -> Entry:
        """Wait for an event. Raises: ClientError: none will come any more."""
        await checkpoint()
        while not self._ready:
            if self._failure:
                raise ClientError(self._failure.code, self._failure.reason)
            if self._unsaid:
                self.wake()
            await self._news.wait()
        return heappop(self._ready)

    def finish(self, entry: Entry) -> None:
        """Note that an event is dealt with."""
        entry.finished = True
        was_full = self.full
        while self._open and self._open[0].finished:
            self._finished = self._open.popleft().cursor or self._finished
            self._unsaid += 1
        late = self._unsaid and self._clock() - self._said_at >= ACK_SECONDS
        if late or self._unsaid >= ACK_EVENTS or was_full:
            self.wake()

    def give_back(self, entry: Entry) -> None:
        """Have an event given out again: its loop was left."""
        if self._failure is None:
            heappush(self._ready, entry)
            self._tell()
            self.wake()

    async def flush(self) -> None:
        """Wait until the gateway has taken what was finished; events that come meanwhile are left to it."""
        if self._finished is not None and self._failure is None:
            ended = self._ended = anyio.Event()
            self.wake()
            await ended.wait()

    def greeted(self, welcome: Welcome) -> None:
        """Begin a connection."""
        self._subscribed, self._told = False, None

    def outgoing(self) -> bytes:
        """What may be written now."""
        octets = b""
        if self._finished is not None and self._told != self._finished:
            self._told, self._unsaid, self._said_at = self._finished, 0, self._clock()
            octets += pack(["ack", self._told])
        if self._ended is not None and not self._asked_end:
            self._asked_end = True
            octets += pack(["ping", "end"])
        if not self._subscribed and self._ended is None:
            self._subscribed, self._following = True, False
            self._tag += 1
            octets += pack(["subscribe", self._tag, {"after": self._received}])
        return octets

    def take(self, frame: Frame) -> None:
        """Deal with a frame of the gateway's. Raises: ClientError: the connection is of no more use."""
        if frame[0] == "subscribed":
            self._following = frame[1] == self._tag
        elif frame[0] == "events" and self._following and self._subscribed and self._ended is None:
            for cursor, event in frame[1]:
                entry = Entry(next(self._numbers), cursor, event)
                self._open.append(entry)
                heappush(self._ready, entry)
                self._received = cursor
            self._tell()
        elif frame[0] == "pong" and self._ended is not None:
            self._ended.set()
        elif frame[0] == "error":
            raise ClientError(frame[2], frame[3])

    def lost(self, error: ClientError) -> None:
        """End a connection; what was received stays."""
        if error.code == "bad_cursor":  # this gateway never gave it: another store, whose events all are news
            self._received = self._finished = None
            for entry in self._open:
                entry.cursor = None
        if self._ended is not None:
            self._ended.set()

    def failed(self, error: ClientError) -> None:
        """End everything: there won't be another connection."""
        self.lost(error)
        self._failure = error
        self._ready.clear()
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, anyio.Event()
        news.set()
