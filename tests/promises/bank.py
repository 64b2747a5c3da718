"""The client application: it submits until it has a result, and keeps what it is told; it outlives the gateway."""

from collections.abc import Iterator
from math import inf
from typing import Any, Final

import trio
import trio.testing

from protocol.upstream import GATEWAY_KINDS, Frame, Frames, pack
from tests.config.documents import SECRET
from tests.gateway.builders import EPOCH, House
from tests.promises.stories import LONG, SHORT, Story, Wanted
from tests.promises.wires import Fuse, Wire

HELLO: Final = {"version": 1, "client": "bank", "secret": SECRET, "agent": "promises"}
LAZY_ACK: Final = 3
"""A lazy client acknowledges each third frame of events."""


class Bank:
    """All that is to be sent, and all that is known of it: message n has the id n, and a number of its own."""

    def __init__(self, story: Story) -> None:
        self.wanted = list(story.wanted)
        self.accepted: set[int] = set()
        self.refused: dict[int, str] = {}
        self.canceled: set[int] = set()
        """Messages whose cancellation was confirmed."""
        self.submitted: set[int] = set()
        self._awaited: set[int] = set()
        """Messages that this connection is owed a result for."""
        self.events: dict[int, dict[str, Any]] = {}
        """By cursor."""
        self.changed: list[int] = []
        """Cursors that came again with another event, or after a higher one on the same connection."""
        self._lazy = story.lazy
        self._pages = 0
        self._stream: trio.abc.Stream
        self._sending: trio.Lock
        self._ids: dict[int, list[int]] = {}

    def told(self, n: int) -> list[dict[str, Any]]:
        """The events of one message, in order."""
        return [event for _, event in sorted(self.events.items()) if event["id"] == str(n)]

    @property
    def open(self) -> bool:
        """Whether something is still to be submitted, or waits for its result."""
        done = self.accepted | self.refused.keys()
        return bool(self._awaited) or any(
            n not in done and not (self._lazy and n in self.submitted) for n in range(len(self.wanted))
        )

    async def live(self, house: House, fuse: Fuse) -> None:
        """Be a client as long as the gateway lives; another life begins with another connection."""
        self._stream, theirs = trio.testing.memory_stream_pair()
        self._sending = trio.Lock()
        self._awaited.clear()
        house.connect(Wire(theirs, fuse))
        try:
            async with trio.open_nursery() as nursery:
                await self._send(["hello", HELLO], ["subscribe", 0, {"after": None}])
                nursery.start_soon(self._submit_in_time)
                for n, wanted in enumerate(self.wanted):
                    if wanted.cancel:
                        nursery.start_soon(self._cancel, n, wanted)
                await self._read()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    def number(self, n: int) -> str:
        """The number of a message, as it is sent to the carrier."""
        return f"81901234567{n}"

    def place(self, number: str) -> int:
        """Which message it is, by its number."""
        return int(number.removeprefix("81901234567"))

    async def _send(self, *frames: list[Any]) -> None:
        async with self._sending:
            await self._stream.send_all(b"".join(map(pack, frames)))

    async def _submit_in_time(self) -> None:
        for at in sorted({wanted.at for wanted in self.wanted}):
            await trio.sleep_until(at)
            done = self.accepted | self.refused.keys() | (self.submitted if self._lazy else set())
            ids = [n for n, wanted in enumerate(self.wanted) if wanted.at == at and n not in done]
            if ids:
                tag = len(self._ids) + 1
                self._ids[tag] = ids
                self.submitted.update(ids)
                self._awaited.update(ids)
                await self._send(["submit", tag, [self._message(n) for n in ids]])

    def _message(self, n: int) -> dict[str, Any]:
        wanted = self.wanted[n]
        made: dict[str, Any] = {
            "id": str(n),
            "to": f"0901234567{n}",
            "text": LONG if wanted.long else SHORT,
            "lane": wanted.lane,
        }
        if wanted.ttl:
            made["expires_at"] = EPOCH + wanted.at + wanted.ttl
        return made | {"on_unknown": wanted.on_unknown, "receipt": wanted.receipt}

    async def _cancel(self, n: int, wanted: Wanted) -> None:
        await trio.sleep_until(wanted.at + wanted.cancel)
        await self._send(["cancel", -n - 1, [str(n)]])

    async def _read(self) -> None:
        frames, newest = Frames(GATEWAY_KINDS, max_frame=1 << 24, max_depth=16), -inf
        while octets := await self._stream.receive_some(65_536):
            for frame in frames.feed(bytes(octets)):
                for cursor, event in self._take(frame):
                    if cursor <= newest or self.events.setdefault(cursor, event) != event:
                        self.changed.append(cursor)
                    newest = cursor
                if frame[0] == "events":
                    self._pages += 1
                    if not self._lazy or self._pages % LAZY_ACK == 0:
                        await self._send(["ack", newest])

    def _take(self, frame: Frame) -> Iterator[tuple[int, dict[str, Any]]]:
        if frame[0] == "events":
            yield from frame[1]
        elif frame[0] == "result" and frame[1] < 0:
            self.canceled.update(-frame[1] - 1 for result in frame[2] if result["ok"])
        elif frame[0] == "result":
            self._awaited.difference_update(self._ids[frame[1]])
            for n, result in zip(self._ids[frame[1]], frame[2], strict=True):
                if result["ok"]:
                    self.accepted.add(n)
                elif result["error"] != "shutting_down":
                    self.refused[n] = result["error"]
        else:
            assert frame[0] in ("welcome", "subscribed", "credit"), frame
