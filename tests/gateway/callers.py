"""An upstream client that speaks in frames, for tests of what the gateway answers to the letter."""

from collections import deque
from typing import Any, Final

import trio

from protocol.upstream import GATEWAY_KINDS, Frame, Frames, pack

SECONDS: Final = 3600.0
"""After which a frame is not coming any more; virtual in most tests."""


class Caller:
    """One end of a stream; `inbox` holds the frames that were read and not asked for yet."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.inbox: deque[Frame] = deque()
        self.ended = False
        self._frames = Frames(GATEWAY_KINDS, max_frame=1 << 24, max_depth=16)
        self._tag = 0

    async def send(self, *frames: list[Any]) -> None:
        """Send frames, in one piece."""
        await self.stream.send_all(b"".join(map(pack, frames)))

    async def read(self, kind: str) -> Frame:
        """The next frame of a kind; earlier ones of other kinds stay in the inbox. Raises: AssertionError: the end."""
        with trio.fail_after(SECONDS):
            while (found := next((frame for frame in self.inbox if frame[0] == kind), None)) is None:
                assert await self._receive(), f"the connection ended without {kind}; it brought {list(self.inbox)}"
        self.inbox.remove(found)
        return found

    async def read_end(self) -> list[Frame]:
        """Everything until the gateway closes the connection."""
        with trio.fail_after(SECONDS):
            while await self._receive():
                pass
        frames = list(self.inbox)
        self.inbox.clear()
        return frames

    async def ask(self, kind: str, what: object) -> Frame:
        """Send a request and read the answer to it: a result, or an error with its tag."""
        self._tag += 1
        await self.send([kind, self._tag, what])
        with trio.fail_after(SECONDS):
            while True:
                for frame in self.inbox:
                    if frame[0] in ("result", "error", "subscribed") and frame[1] == self._tag:
                        self.inbox.remove(frame)
                        return frame
                assert await self._receive(), f"the connection ended without an answer; it brought {list(self.inbox)}"

    async def greet(self, client: str, secret: str) -> dict[str, Any]:
        """Say hello; returns the welcome."""
        await self.send(["hello", {"version": 1, "client": client, "secret": secret, "agent": "test"}])
        welcome: dict[str, Any] = (await self.read("welcome"))[1]
        return welcome

    async def submit(self, *messages: object) -> list[dict[str, Any]]:
        """Submit messages; returns their results."""
        frame = await self.ask("submit", list(messages))
        assert frame[0] == "result", frame
        results: list[dict[str, Any]] = frame[2]
        return results

    async def look(self, kind: str, *ids: str) -> list[dict[str, Any]]:
        """Ask for the status of messages, or cancel them; returns the results."""
        frame = await self.ask(kind, list(ids))
        assert frame[0] == "result", frame
        results: list[dict[str, Any]] = frame[2]
        return results

    async def subscribe(self, after: int | None = None) -> None:
        """Ask for events."""
        assert (await self.ask("subscribe", {"after": after}))[0] == "subscribed"

    async def read_events(self, number: int) -> list[tuple[int, dict[str, Any]]]:
        """The next events, in whole frames, so many or more: (cursor, event) pairs."""
        events: list[tuple[int, dict[str, Any]]] = []
        while len(events) < number:
            events += [(cursor, event) for cursor, event in (await self.read("events"))[1]]
        return events

    async def close(self) -> None:
        """Close the connection."""
        await self.stream.aclose()

    async def _receive(self) -> bool:
        octets = b"" if self.ended else await self.stream.receive_some(1 << 16)
        self.ended = not octets
        self.inbox += self._frames.feed(bytes(octets))
        assert self._frames.broken is None
        return not self.ended
