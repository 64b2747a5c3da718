"""An upstream client that does as little as it can: frames are cut and counted, and nearly nothing of them is built."""

import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgpack

from benchmarks.texts import number_of, scattered_id

SECRET: Final = "load"
DEADLINE_SECONDS: Final = 600.0
SILENCE_SECONDS: Final = 60.0
"""Without a word of the gateway for so long, a run has failed."""
READ_OCTETS: Final = 1 << 20
_SUBMITTED: Final = b"\xa4type\xa9submitted"
_DELIVERED: Final = b"\xa4type\xa9delivered"
_TYPE: Final = b"\xa4type"


class Line:
    """One connection, greeted. Each event is counted and acknowledged."""

    def __init__(self, path: Path, client: str = "load") -> None:
        """Connect and say hello. Raises: OSError; ValueError: the gateway did not welcome us."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._socket.setblocking(False)
        self._unsent = bytearray()
        self._held = bytearray()
        self._scanner = msgpack.Unpacker(max_buffer_size=0)
        self._passed = 0
        self._acknowledge = 0
        self.credit = 0
        self.results = 0
        """Messages that were answered."""
        self.parts = 0
        """Of the messages that were answered."""
        self.submitted = 0
        self.delivered = 0
        self.send(["hello", {"version": 1, "client": client, "secret": SECRET, "agent": "benchmark"}])
        while not self.credit:
            self.receive()

    @property
    def events(self) -> int:
        """Events so far."""
        return self.submitted + self.delivered

    def subscribe(self) -> None:
        """Have events sent, from the oldest that was not acknowledged on."""
        self.send(["subscribe", 0, {"after": None}])

    def send(self, frame: list[Any]) -> None:
        """Send one frame."""
        self.send_packed(msgpack.packb(frame))

    def send_packed(self, octets: bytes) -> None:
        """Send frames that were packed beforehand; what has no room yet goes while others are received.

        To wait for room here would be to wait for each other: the gateway reads no more while we do not read.
        """
        self._unsent += octets
        self._flush()

    def _flush(self) -> None:
        with suppress(BlockingIOError):
            del self._unsent[: self._socket.send(self._unsent)]

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def receive_until(self, when: float) -> None:
        """Deal with what comes until a time of `time.monotonic`; with what is here, when it is over."""
        left = 1.0
        while left > 0:
            left = when - time.monotonic()
            if self._readable(max(left, 0.0)):
                self._read()

    def receive(self) -> None:
        """Wait for octets and deal with them. Raises: OSError: hung up, or silent; ValueError: something went wrong."""
        deadline = time.monotonic() + SILENCE_SECONDS
        while not self._readable(max(deadline - time.monotonic(), 0.0)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the gateway said nothing for {SILENCE_SECONDS:g} s")
        self._read()

    def _readable(self, seconds: float) -> bool:
        """Wait so long for octets; sends what has waited for room, and returns when some of it had."""
        readable, writable, _ = select.select([self._socket], [self._socket] if self._unsent else [], [], seconds)
        if writable:
            self._flush()
        return bool(readable)

    def _read(self) -> None:
        octets = self._socket.recv(READ_OCTETS)
        if not octets:
            raise ConnectionError("the gateway closed the connection")
        self._held += octets
        self._scanner.feed(octets)
        start = 0
        while end := self._find_end():
            self._take(bytes(self._held[start:end]))
            start = end
        del self._held[:start]
        self._passed += start
        if self._acknowledge:
            self.send(["ack", self._acknowledge])
            self._acknowledge = 0

    def _find_end(self) -> int:
        try:
            self._scanner.skip()
        except msgpack.OutOfData:
            return 0
        end: int = self._scanner.tell()
        return end - self._passed

    def _take(self, octets: bytes) -> None:
        if octets.startswith(b"\x92\xa6events"):
            self._take_events(octets)
            return
        frame = msgpack.unpackb(octets, raw=True)
        kind = frame[0]
        if kind == b"result":
            self._take_results(frame[2])
        elif kind == b"credit":
            self.credit += frame[1]
        elif kind == b"welcome":
            self.credit = frame[1][b"credit"]
        elif kind == b"error":
            raise ValueError(f"the gateway answered {frame[2:]}")

    def _take_results(self, results: list[dict[bytes, Any]]) -> None:
        self.credit -= len(results)
        self.results += len(results)
        for result in results:
            if not result[b"ok"]:
                raise ValueError(f"a message was refused: {result[b'error'].decode()}")
            self.parts += result[b"parts"]

    def _take_events(self, octets: bytes) -> None:
        """Count by the octets that begin an event: to build the maps would cost more than the gateway's own work."""
        submitted, delivered, all_ = (octets.count(each) for each in (_SUBMITTED, _DELIVERED, _TYPE))
        last = octets.rfind(_TYPE)
        if submitted + delivered != all_ or octets[last - 10] != 0xCF:  # a cursor of eight octets, and a small map
            kinds = {event[b"type"].decode() for _, event in msgpack.unpackb(octets, raw=True)[1]}
            raise ValueError(f"events other than submitted and delivered came: {kinds}")
        self.submitted += submitted
        self.delivered += delivered
        self._acknowledge = int.from_bytes(octets[last - 9 : last - 1], "big")


def pack_submits(text: Callable[[int], str], first: int, count: int, batch: int, **more: str) -> Iterator[bytes]:
    """Frames of `batch` messages each.

    Args: text: of the message of a number. more: keys of every message; "to" is how the numbers begin, and "id" how
        the ids do; without it they are scattered.
    """
    prefix, name = more.pop("to", "090"), more.pop("id", "m-")
    for start in range(first, first + count, batch):
        numbers = range(start, min(start + batch, first + count))
        messages = [
            {"id": f"{name}{n}" if name else scattered_id(n), "to": number_of(n, prefix), "text": text(n), **more}
            for n in numbers
        ]
        yield msgpack.packb(["submit", start, messages])


def fill(line: Line, frames: Iterable[bytes], batch: int, most: int = 2000) -> float:
    """Have all frames answered, so many messages waiting for a result at once; seconds that it took."""
    begun, sent, before = time.perf_counter(), 0, line.results
    for frame in frames:
        while sent - (line.results - before) + batch > min(most, line.credit):
            line.receive()
        line.send_packed(frame)
        sent += batch
    while line.results - before < sent:
        line.receive()
    return time.perf_counter() - begun


def closed_loop(line: Line, frames: list[bytes], batch: int, outstanding: int) -> float:
    """Send so that as many messages are on their way at once; seconds from the first submit to the last delivery.

    Raises: TimeoutError: not all were delivered.
    """
    messages = len(frames) * batch
    begun, sent = time.perf_counter(), 0
    while line.delivered < messages:
        room = min(line.credit - (sent - line.results), outstanding - (sent - line.delivered))
        ready = min(room // batch, len(frames) - sent // batch)
        if ready > 0:
            first = sent // batch
            line.send_packed(b"".join(frames[first : first + ready]))
            sent += ready * batch
        line.receive()
        if time.perf_counter() - begun > DEADLINE_SECONDS:
            raise TimeoutError(f"{line.delivered} of {messages} were delivered in {DEADLINE_SECONDS} s")
    return time.perf_counter() - begun
