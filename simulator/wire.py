"""What stands between a link and its socket: lets a link fail on command, and lets others see what really passed.

Nothing here draws lots or knows the time of a fault: the owner says what strikes and when. Octets are never changed,
dropped or sent twice; a fault holds them back, puts others between two writes, or ends the connection.

Most wires never see a fault. `_impaired` is what they are asked instead of each fault by itself, so that a read or a
write costs a fraction of a microsecond more than without the wire.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from math import inf
from typing import Final, TypeAlias

import trio

from protocol.constants import HEADER_OCTETS, MAX_PDU_OCTETS

SLOW_STEP_SECONDS: Final = 0.1
"""A slow wire reads what this time allows, but at least one octet, and waits until that time is over."""

MAX_INJECTED_OCTETS: Final = 64 * 1024
"""Octets to inject that may wait while nothing can be written; more are not taken."""


class Direction(Enum):
    """Which way octets went, as the simulator sees it."""

    RECEIVED = "received"
    SENT = "sent"


Tap: TypeAlias = Callable[[Direction, bytes, float], None]
"""Is called with each chunk and Trio's time when it was read or written; b"" says that this side ended its stream.

Must not raise and must not wait.
"""


class Wire(trio.abc.Stream):
    """A stream around another one, for one reader and one writer, as `Link` has them. Faults are struck by any task.

    `run` has to run beside the link: it injects what an idle writer would not, and closes when it is told to.
    """

    def __init__(self, stream: trio.abc.Stream, *, taps: Sequence[Tap] = ()) -> None:
        self.taps = [*taps]
        """May be changed at any time."""
        self._stream = stream
        self._impaired = False
        self._changed = trio.Event()
        self._running = trio.CancelScope()
        self._closed = False
        self._ended = False
        self._writing = False
        self._deaf_until = -inf
        self._rate = 0.0
        self._next_read = -inf
        self._held: bytes | None = None  # read, but not yet given to the reader; b"" is the end
        self._cut = False
        self._injected = b""

    def deaf_until(self, time: float) -> None:
        """Neither read nor write until then, in Trio's time; inf: never again; a time gone by: from now on.

        What arrives waits; a write that has begun goes on.
        """
        self._deaf_until = time
        self._change()

    def slow(self, octets_per_second: float) -> None:
        """Read no faster than this from now on; 0 or less: as fast as can be."""
        self._rate = max(0.0, octets_per_second)
        self._next_read = -inf
        self._change()

    def cut_next(self) -> None:
        """Have the next write end in the middle of its last PDU, and the connection close."""
        self._cut = True
        self._change()

    def inject(self, octets: bytes) -> None:
        """Send octets that no link asked for, after the write that goes on, if one does."""
        if len(self._injected) + len(octets) <= MAX_INJECTED_OCTETS:
            self._injected += octets
            self._change()

    def close_now(self) -> None:
        """End the connection without another octet, whatever waits: reader and writer fail."""
        self._closed = True
        self._running.cancel()
        self._change()

    async def run(self) -> None:
        """Inject while nobody writes, until the wire is closed; then close the stream. Also does so when cancelled."""
        try:
            with self._running:
                while True:
                    await self._wait_until(self._may_inject)
                    octets, self._injected = self._injected, b""
                    await self._write(octets)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # reader and writer are told by the stream
        finally:
            self.close_now()
            await trio.aclose_forcefully(self._stream)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Read. Raises: as the stream does, and ClosedResourceError after `close_now`. May be cancelled."""
        if not self._impaired:
            octets = bytes(await self._stream.receive_some(max_bytes))
            if not self._impaired:
                if self.taps:
                    self._show(Direction.RECEIVED, octets)
                return octets
            self._held = octets  # a fault struck while nothing came
        return await self._receive_impaired(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write whole PDUs. Raises: as the stream does; BrokenResourceError when cut; ClosedResourceError."""
        if self._impaired:
            await self._send_impaired(bytes(data))
        else:
            await self._write(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream does; no fault is minded."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream, as `Link` does: without TLS's goodbye, for which a deaf peer would be waited for."""
        self.close_now()
        if not self._ended:
            self._ended = True
            self._show(Direction.SENT, b"")
        await trio.aclose_forcefully(self._stream)
        await trio.lowlevel.checkpoint()

    async def _receive_impaired(self, max_bytes: int | None) -> bytes:
        await trio.lowlevel.checkpoint()
        await self._wait_until(self._may_read)
        most = min(MAX_PDU_OCTETS if max_bytes is None else max_bytes, self._step())
        if self._held is None:
            self._held = bytes(await self._stream.receive_some(most))
            await self._wait_until(self._may_read)  # what struck meanwhile holds for this read too
            most = min(most, self._step())
        octets = self._held[:most]
        self._held = self._held[most:] or None
        if self._rate:
            self._next_read = trio.current_time() + len(octets) / self._rate
        self._settle()
        self._show(Direction.RECEIVED, octets)
        return octets

    async def _send_impaired(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        await self._wait_until(self._may_write)
        if self._cut:
            await self._write(data[: _middle_of_last(data)])
            self.close_now()
            raise trio.BrokenResourceError("cut in the middle of a PDU, as asked")
        await self._write(data)

    async def _write(self, data: bytes | bytearray | memoryview) -> None:
        self._writing = True
        try:
            await self._stream.send_all(data)
        finally:
            self._writing = False
            if self._impaired:
                self._change()
        if self.taps:
            self._show(Direction.SENT, bytes(data))

    async def _wait_until(self, due: Callable[[], float]) -> None:
        while not self._closed and (deadline := due()) > trio.current_time():
            with trio.move_on_at(deadline):
                await self._changed.wait()
        if self._closed:
            raise trio.ClosedResourceError("closed, as asked")

    def _may_read(self) -> float:
        return max(self._deaf_until, self._next_read)

    def _may_inject(self) -> float:
        return self._deaf_until if self._injected and not self._writing else inf

    def _may_write(self) -> float:
        return inf if self._injected or self._writing else self._deaf_until

    def _step(self) -> int:
        return max(1, int(self._rate * SLOW_STEP_SECONDS)) if self._rate else MAX_PDU_OCTETS

    def _change(self) -> None:
        """Have all who wait look again."""
        self._settle()
        self._changed.set()
        self._changed = trio.Event()

    def _settle(self) -> None:
        reading = self._held is not None or self._rate > 0 or self._deaf_until > trio.current_time()
        self._impaired = reading or self._closed or self._writing or self._cut or bool(self._injected)

    def _show(self, direction: Direction, octets: bytes) -> None:
        now = trio.current_time()
        for tap in self.taps:
            tap(direction, octets, now)


class Frames:
    """Cuts the octets of one direction into PDUs, for a log: what is no PDU is passed over with a note.

    After garbage it takes the next chunk for the begin of a PDU: that is how a link writes.
    """

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, octets: bytes) -> tuple[list[bytes], str]:
        """Take the next chunk.

        Returns: the PDUs that are whole now, and a note: "" when all is well. Less than MAX_PDU_OCTETS are kept back.
        """
        octets = self._rest + octets
        pdus: list[bytes] = []
        start = 0
        while len(octets) - start >= 4:
            length = int.from_bytes(octets[start : start + 4], "big")
            if not HEADER_OCTETS <= length <= MAX_PDU_OCTETS:
                self._rest = b""
                return pdus, f"{len(octets) - start} octets passed over: command_length is {length}"
            if start + length > len(octets):
                break
            pdus.append(octets[start : start + length])
            start += length
        self._rest = octets[start:]
        return pdus, ""


def _middle_of_last(octets: bytes) -> int:
    start = 0
    while (end := start + max(HEADER_OCTETS, int.from_bytes(octets[start : start + 4], "big"))) < len(octets):
        start = end
    return (start + len(octets)) // 2
