"""An application of Kannel's that does as little as it can: it asks for messages and takes the callbacks.

Requests are built beforehand and go over many keep-alive connections, one at a time on each, as Kannel answers when
bearerbox has the message. The callback of each message goes to a path of its own: none may be missing or come twice.
"""

import select
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from benchmarks.kannel import SECRET

CONNECTIONS: Final = 128
DEADLINE_SECONDS: Final = 300.0
_READ: Final = 1 << 16
_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"Content-Length: "
_THANKS: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_DELIVERED: Final = 1
"""Of a dlr-mask, and what %d says of such a report."""
_FAILED: Final = 2
_REQUEST: Final = (
    "GET /cgi-bin/sendsms?username=load&password={secret}&from=0005123456&to={number}&text={text}&coding=2"
    "&charset=UTF-8&dlr-mask={mask}&dlr-url={url} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
)


class Application:
    """Asks for messages, each a number and a text, in their order; they are counted from 0."""

    def __init__(self, port: int, messages: list[tuple[str, str]]) -> None:
        self._poll = select.epoll()
        self._ready: dict[int, Callable[[], None]] = {}
        self._rest: dict[int, bytes] = {}
        self._streams: list[socket.socket] = []
        self._sink = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._watch(self._sink, self._accept)
        self._idle = deque(self._connect(port) for _ in range(CONNECTIONS))
        self._requests = self._build(messages)
        self._next = 0
        self._delivered = bytearray(len(messages))
        self._left = len(messages)

    def run(self, outstanding: int) -> float:
        """Keep so many on their way; returns the seconds from the first request to the last callback."""
        begun, total = time.monotonic(), len(self._requests)
        while self._left:
            room = min(outstanding - (self._next - (total - self._left)), total - self._next)
            self._ask(room)
            self._turn(1.0, begun)
        return time.monotonic() - begun

    def run_steadily(self, rate: float) -> float:
        """Ask for so many a second, whatever became of those before, and wait for all callbacks.

        Returns: time.monotonic() when the first was due, the others followed each after 1/rate seconds.
        """
        begun, total = time.monotonic(), len(self._requests)
        while self._left:
            due = min(int((time.monotonic() - begun) * rate) + 1, total)
            self._ask(due - self._next)
            pause = begun + due / rate - time.monotonic() if due < total else 1.0
            self._turn(max(pause, 0.0), begun)
        return begun

    def close(self) -> None:
        """End every connection."""
        for stream in (self._sink, *self._streams):
            stream.close()
        self._poll.close()

    def _build(self, messages: list[tuple[str, str]]) -> list[bytes]:
        sink = self._sink.getsockname()[1]
        requests = []
        for n, (number, text) in enumerate(messages):
            url = quote(f"http://127.0.0.1:{sink}/{n}/%d", safe="")
            mask = _DELIVERED | _FAILED
            request = _REQUEST.format(secret=SECRET, number=number, text=quote(text), mask=mask, url=url)
            requests.append(request.encode("ascii"))
        return requests

    def _watch(self, stream: socket.socket, ready: Callable[[], None]) -> None:
        self._ready[stream.fileno()] = ready
        self._poll.register(stream.fileno(), select.EPOLLIN)

    def _connect(self, port: int) -> socket.socket:
        stream = socket.create_connection(("127.0.0.1", port))
        self._keep(stream, lambda: self._take_answer(stream))
        return stream

    def _accept(self) -> None:
        stream, _ = self._sink.accept()
        self._keep(stream, lambda: self._take_callbacks(stream))

    def _keep(self, stream: socket.socket, ready: Callable[[], None]) -> None:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._streams.append(stream)
        self._rest[stream.fileno()] = b""
        self._watch(stream, ready)

    def _turn(self, pause: float, begun: float) -> None:
        select.select([self._poll], [], [], pause)  # epoll itself would round up to milliseconds
        for fd, _ in self._poll.poll(0):
            self._ready[fd]()
        if time.monotonic() - begun > DEADLINE_SECONDS:
            raise TimeoutError(f"{self._left} of {len(self._requests)} have no callback after {DEADLINE_SECONDS:g} s")

    def _ask(self, most: int) -> None:
        for _ in range(min(most, len(self._idle))):
            self._idle.popleft().sendall(self._requests[self._next])
            self._next += 1

    def _take_answer(self, stream: socket.socket) -> None:
        octets = self._read(stream)
        if not octets:
            raise ConnectionError("Kannel closed a connection of its client")
        head, end, body = octets.partition(_END)
        if not end or len(body) < int(head.partition(_LENGTH)[2].partition(b"\r")[0]):
            self._rest[stream.fileno()] = octets
        elif not head.startswith(b"HTTP/1.1 202 ") or not body.startswith(b"0:"):
            raise ValueError(f"Kannel answered {body!r}")
        else:
            self._idle.append(stream)

    def _take_callbacks(self, stream: socket.socket) -> None:
        octets = self._read(stream)
        if not octets:
            self._poll.unregister(stream.fileno())
            stream.close()
            return
        *requests, rest = octets.split(_END)
        self._rest[stream.fileno()] = rest
        for request in requests:
            self._note(request)
        stream.sendall(_THANKS * len(requests))

    def _read(self, stream: socket.socket) -> bytes:
        """What has come, after what was kept of before; empty at the end."""
        octets = stream.recv(_READ)
        fd = stream.fileno()
        if octets and self._rest[fd]:
            octets, self._rest[fd] = self._rest[fd] + octets, b""
        return octets

    def _note(self, request: bytes) -> None:
        n, _, state = request.partition(b" ")[2].partition(b" ")[0][1:].partition(b"/")
        if int(state) != _DELIVERED or self._delivered[int(n)]:
            raise ValueError(f"message {int(n)} was called back with state {int(state)}, or for a second time")
        self._delivered[int(n)] = 1
        self._left -= 1
