"""What happens, told to whoever watches over HTTP as server-sent events (WHATWG HTML, 9.2).

Watchers must never hold up the SMSC: each has a queue of bounded length, and what doesn't fit is counted, not kept.
Without watchers an event costs next to nothing, so nobody needs to ask first whether there are any.
"""

import json
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Final, Self

import trio
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

MAX_WATCHERS: Final = 32
MAX_WAITING: Final = 500
"""Events that may wait for one watcher."""
MAX_WAITING_OCTETS: Final = 1 << 20
PAUSE_SECONDS: Final = 0.1
"""Between two chunks for one watcher: what happens meanwhile goes together, so MAX_WAITING bounds the rate, too."""
QUIET_SECONDS: Final = 15.0
"""After so long without an event a comment is sent: only a write tells that the watcher is gone."""
RETRY_MILLISECONDS: Final = 1000
"""How soon a watcher that lost its connection comes back."""

PDU: Final = "pdu"
"""The one kind that is told only to those who ask for it: there are many."""
LOST: Final = "lost"

_GREETING: Final = b"retry: %d\n\n" % RETRY_MILLISECONDS
_COMMENT: Final = b":\n\n"


class Hub:
    """Tells all watchers what happens."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        self._stopped = False

    @property
    def full(self) -> bool:
        """Whether there are as many watchers as may be."""
        return len(self._watchers) >= MAX_WATCHERS

    def publish(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Tell an event. kind: one word; fields: in JSON's types."""
        self.publish_made(kind, lambda: fields)

    def publish_made(self, kind: str, make: Callable[[], Mapping[str, Any]]) -> None:
        """Tell an event whose fields cost something to make: they are made only for a watcher with room for them."""
        octets = b""
        for watcher in self._watchers:
            if watcher.wants(kind):
                octets = octets or _event(kind, make())
                watcher.add(octets)

    def wants(self, kind: str) -> bool:
        """Whether anybody watches events of this kind."""
        if not self._watchers:  # mostly so, and asked for each chunk
            return False
        return kind != PDU or any(watcher.pdus for watcher in self._watchers)

    def watch(self, *, pdus: bool) -> "Watcher":
        """Begin to watch; use as a context manager, or nothing is told. pdus: whether events of this kind, too."""
        watcher = Watcher(self._watchers, pdus)
        if self._stopped:
            watcher.stop()
        return watcher

    def stop(self) -> None:
        """End every watching, now and from now on."""
        self._stopped = True
        for watcher in self._watchers:
            watcher.stop()


class Watcher:
    """The events for one watcher, as chunks of octets: an iterator that ends when the hub stops."""

    def __init__(self, others: "set[Watcher]", pdus: bool) -> None:
        self.pdus = pdus
        self.lost = 0
        """Events for which there was no room since the last chunk."""
        self._others = others
        self._waiting = [_GREETING]
        self._octets = 0
        self._news = trio.Event()
        self._stopped = trio.Event()
        self._next_chunk = -inf

    def __enter__(self) -> Self:
        self._others.add(self)
        self._news.set()
        return self

    def __exit__(self, *_: object) -> None:
        self._others.discard(self)

    def wants(self, kind: str) -> bool:
        """Whether it asked for events of this kind and has room for another, which counts as lost if it has not."""
        if kind == PDU and not self.pdus:
            return False
        if len(self._waiting) < MAX_WAITING and self._octets < MAX_WAITING_OCTETS:
            return True
        self.lost += 1
        return False

    def add(self, octets: bytes) -> None:
        """Have an event wait."""
        self._waiting.append(octets)
        self._octets += len(octets)
        self._news.set()

    def stop(self) -> None:
        """End the iteration; what waits is not sent."""
        self._stopped.set()
        self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        with trio.move_on_at(self._next_chunk):
            await self._stopped.wait()
        with trio.move_on_after(QUIET_SECONDS):
            await self._news.wait()
        if self._stopped.is_set():
            raise StopAsyncIteration
        self._next_chunk = trio.current_time() + PAUSE_SECONDS
        return self._take() or _COMMENT

    def _take(self) -> bytes:
        if self.lost:
            self._waiting.append(_event(LOST, {"count": self.lost}))
        chunk = b"".join(self._waiting)
        self._waiting.clear()
        self.lost = self._octets = 0
        self._news = trio.Event()
        return chunk


class EventStream(StreamingResponse):
    """The answer to one who watches; lasts until the hub stops or the watcher leaves."""

    def __init__(self, hub: Hub, *, pdus: bool = False) -> None:
        self._watcher = hub.watch(pdus=pdus)
        super().__init__(self._watcher, headers={"cache-control": "no-store"}, media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._watcher:
            await super().__call__(scope, receive, send)


def _event(kind: str, fields: Mapping[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(fields)}\n\n".encode()
