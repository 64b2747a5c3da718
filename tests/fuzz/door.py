"""Invariant: whatever comes over the upstream socket of a running gateway, it answers in frames and closes.

Beside it a good client goes on working, no traceback comes to the log, and the gateway's memory does not grow.
The first octet chooses how far the conversation has come before the rest is sent: not greeted, greeted, subscribed;
and, by its highest bit, whether the rest is sent as it is, or makes choices of frames.
"""

import atexit
import os
import socket
from contextlib import ExitStack, suppress
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from gateway.client import BlockingClient, connect_blocking
from protocol.errors import FrameError
from protocol.upstream import GATEWAY_KINDS, Frame, Frames, pack
from tests.end_to_end.gateways import BIND, CLIENT, ROUTE, SECRET, upstream, write_house
from tests.end_to_end.processes import Process, started
from tests.fuzz.asked import frames_from
from tests.fuzz.attempts import Target

SECONDS: Final = 20.0
"""For the gateway to answer and close."""
MAX_FRAME: Final = 1 << 20
WATCHED: Final = 50
"""Inputs between two looks at the gateway."""
SETTLED: Final = 2000
"""Inputs before its memory is first looked at: until then, what is remembered of messages fills."""
MAX_GROWTH: Final = 32 * 1024 * 1024
"""Octets of memory from then on."""
_HELLO: Final = pack(["hello", {"version": 1, "client": CLIENT, "secret": SECRET, "agent": "fuzz/1"}])
PREFACES: Final = (b"", _HELLO, _HELLO + pack(["subscribe", 0, {"after": None}]))
_running = ExitStack()
atexit.register(_running.close)
PAGE: Final = os.sysconf("SC_PAGE_SIZE")
DRAWN: Final = 0x80
"""Bit of the first octet: the rest makes choices of frames."""


class Watched:
    """The gateway, and the good client beside what is sent."""

    def __init__(self, path: Path, process: Process, client: BlockingClient) -> None:
        self.path = path
        self._process = process
        self._client = client
        self._tried = count(1)
        self._served = 0
        self._at_first = memory_octets(process.pid)
        self._settled = 0
        """Octets of memory when SETTLED inputs had been sent; 0 before."""

    def look(self) -> None:
        """Once in a while: does it serve the good client, is its log clean, does its memory stay as it is?"""
        tried = next(self._tried)
        if tried % WATCHED:
            return
        id_ = f"good-{tried}"
        assert self._client.submit({"id": id_, "to": "090-1234-5678", "text": "電報"})["ok"]
        assert self._client.cancel([id_])[0]["ok"]
        self._served += 1
        self._check_log()
        if tried >= SETTLED:
            now = memory_octets(self._process.pid)
            self._settled = self._settled or now
            assert now - self._settled < MAX_GROWTH

    def end(self) -> str:
        """Have the gateway end, which it must do as if nothing had been. Returns: what was seen, in words."""
        sizes = self._at_first, self._settled, memory_octets(self._process.pid)
        self._client.close()
        assert self._process.stop() == 0
        self._check_log()
        first, settled, last = (f"{octets / 2**20:.1f}" for octets in sizes)
        memory = f"{first} MiB at first, {settled} after {SETTLED:,} inputs, {last} at the end"
        return f"the good client was served {self._served:,} times, the log is clean; the gateway's memory: {memory}"

    def _check_log(self) -> None:
        odd = [line for line in self._process.lines if "text" in line or line.get("level") in ("error", "critical")]
        assert odd == []


@cache
def watched() -> Watched:
    """Start them when they are first needed; they end with the process."""
    folder = Path(_running.enter_context(TemporaryDirectory(prefix="denpo-fuzz-")))
    config = write_house(folder, BIND.format(port=1) + ROUTE)  # where nobody listens
    command = ["-m", "gateway.cli", "gateway", "--config", str(config)]
    process = _running.enter_context(started(command))
    client = _running.enter_context(connect_blocking(upstream(folder), CLIENT, SECRET))
    return Watched(folder / "upstream.sock", process, client)


def memory_octets(pid: int) -> int:
    """What a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def close() -> str:
    """End what was started. Returns: what there is to tell. Raises: AssertionError: it was not as it should be."""
    with _running:
        return watched().end() if watched.cache_info().currsize else ""


def check(octets: bytes) -> None:
    gateway = watched()
    first, rest = octets[0] if octets else 0, octets[1:]
    preface = PREFACES[(first & ~DRAWN) % len(PREFACES)]
    said = Frames(GATEWAY_KINDS, max_frame=MAX_FRAME, max_depth=16)
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(SECONDS)
        caller.connect(str(gateway.path))
        frames = converse(caller, preface + (frames_from(rest) if first & DRAWN else rest), said)
    assert said.broken is None
    gateway.look()
    for frame in frames:
        if frame[0] == "error" and frame[1] is None:
            raise FrameError(frame[2], frame[3])


def converse(caller: socket.socket, octets: bytes, said: Frames) -> list[Frame]:
    """Send it all and read to the end."""
    frames: list[Frame] = []
    with suppress(BrokenPipeError, ConnectionResetError):  # it closes on what it does not understand
        caller.sendall(octets)
        caller.shutdown(socket.SHUT_WR)
    with suppress(ConnectionResetError):
        while read := caller.recv(1 << 16):
            frames += said.feed(read)
    return frames


def seeds() -> list[bytes]:
    """Conversations as they should be, in all three states, with all that may be asked."""
    message = {"id": "1", "to": "090-1234-5678", "text": "電報🙏", "lane": "otp", "meta": {"n": [1, None, 1.5]}}
    more = {"receipt": False, "max_parts": 2, "tags": ["a"], "expires_at": 4e9, "not_before": 3e9}
    asked: list[Frame] = [
        ["submit", 1, [message, message | more | {"id": "2"}, {"id": "3"}]],
        ["preview", "p", [message | {"text": "長い" * 90}]],
        ["status", 2, ["1", "2"]],
        ["cancel", 3, ["1", "2"]],
        ["subscribe", 4, {"after": None}],
        ["ack", 0],
        ["ping", 5],
    ]
    whole = b"".join(map(pack, asked))
    return [
        *(bytes([state]) + pack(frame) for state in (1, 2) for frame in asked),
        *(bytes([state]) + whole for state in (1, 2)),
        b"\0" + _HELLO + whole,
        b"\0" + whole,
        b"\1" + _HELLO,
        b"\2" + pack(["ack", 1 << 60]),
        b"\1" + b"\x91" * 1000,
        b"\0\xc1",
        *(
            bytes([DRAWN + state]) + bytes(range(start, start + 120))
            for state in range(3)
            for start in range(0, 130, 13)
        ),
    ]


TARGET: Final = Target("door", check, (FrameError,), seeds, close)
