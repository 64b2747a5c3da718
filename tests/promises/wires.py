"""Where the gateway touches the world: its connections and its disk, which can be cut, torn, and end with its life."""

from collections.abc import Callable
from math import inf
from typing import TypeVar

import trio

from tests.promises.stories import Fault

T = TypeVar("T")


class Crash(BaseException):
    """The gateway is dead. No `except Exception` may mend that."""


class Fuse:
    """Burns with each thing that the gateway does and others can see; where it ends, nothing more is done.

    What a dead gateway leaves behind is its disk and what it has written, so between two of these things no moment
    differs from another.
    """

    def __init__(self, deeds: float = inf, torn: int = 0) -> None:
        self.torn = torn
        """Octets that still leave of what was being written at the end."""
        self.blown = False
        self._left = deeds

    def burn(self) -> None:
        """Do one thing more. Raises: Crash."""
        self._left -= 1
        if self._left < 0:
            self.blow()

    def blow(self) -> None:
        """Die now. Raises: Crash."""
        self.blown = True
        raise Crash


class Disk:
    """Does the work of the store's threads on the loop, where virtual time waits for it."""

    def __init__(self, fuse: Fuse, seconds: float) -> None:
        self._fuse = fuse
        self._seconds = seconds

    async def run_sync(self, work: Callable[..., T], *arguments: object, **_options: object) -> T:
        """Stand in for `trio.to_thread.run_sync`."""
        await trio.lowlevel.checkpoint()
        if self._fuse.blown:
            raise Crash
        if self._seconds and work.__name__ == "_write_sealed":
            await trio.sleep(self._seconds)
        return work(*arguments)


class Wire(trio.abc.Stream):
    """The gateway's end of a connection."""

    def __init__(self, stream: trio.abc.Stream, fuse: Fuse, fault: Fault | None = None) -> None:
        self._stream = stream
        self._fuse = fuse
        self._fault = fault or Fault()
        self._out, self._in = self._fault.sent, self._fault.received
        self._dead = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write as much as comes through. Raises: BrokenResourceError; Crash."""
        if self._fuse.blown:
            raise Crash
        try:
            self._fuse.burn()
        except Crash:
            await self._pass(bytes(data)[: self._fuse.torn])
            raise
        await self._pass(bytes(data))

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Read as much as comes through. Raises: BrokenResourceError; Crash."""
        while True:
            if self._dead:
                await self._end()
            octets = bytes(await self._stream.receive_some(min(max_bytes or 65_536, self._fault.chunk)))
            if self._fuse.blown:
                raise Crash
            if self._dead:
                continue
            passing = octets[: int(min(self._in, len(octets)))]
            self._in -= len(passing)
            self._dead = len(passing) < len(octets)
            if passing or not octets:
                return passing

    async def aclose(self) -> None:
        """Close it: the other side sees the end of the file."""
        await self._stream.aclose()

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream does."""
        await self._stream.wait_send_all_might_not_block()

    async def _pass(self, octets: bytes) -> None:
        if self._dead:
            if self._fault.silent:
                return await trio.lowlevel.checkpoint()
            raise trio.BrokenResourceError
        passing = octets[: int(min(self._out, len(octets)))]
        self._out -= len(passing)
        if passing:
            await self._stream.send_all(passing)
        if len(passing) < len(octets):
            self._dead = True
            if not self._fault.silent:
                await trio.aclose_forcefully(self._stream)
                raise trio.BrokenResourceError
        return None

    async def _end(self) -> None:
        if self._fault.silent:
            await trio.sleep_forever()
        await trio.aclose_forcefully(self._stream)
        raise trio.BrokenResourceError
