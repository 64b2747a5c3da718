"""One session on one stream: a reader, a writer, and a deadline that moves.

The reader is the only one that awaits `handle`, so the owner never sees two lists of events at once; the writer is the
only one that awaits `send_all`. Cancelling a write part-way leaves the stream in an unknown state, so a write that
takes too long ends the link. Reading stops while too much waits to be written: a peer that does not read does not make
us grow.
"""

import os
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import trio

from protocol.events import Event
from protocol.session import Session
from protocol.states import State

READ_OCTETS: Final = 64 * 1024
MAX_QUEUED_OCTETS: Final = 1024 * 1024
"""Octets waiting to be written above which the link stops reading."""

ARRIVED_SECONDS: Final = 0.001
"""What a read gets though its time is up, so that octets already here are taken before the peer is called silent."""

USER_TIMEOUT_MS: Final = 60_000
"""Unacknowledged octets for this long break the connection (RFC 5482)."""
DEAF_MS: Final = 5000
"""The same for a socket that is handed over."""

Handle: TypeAlias = Callable[[list[Event]], Awaitable[None]]


class Link:
    """Drives one session until it closes; owns the stream."""

    def __init__(self, stream: trio.abc.Stream, session: Session, *, write_timeout: float) -> None:
        self.session = session
        self._stream = stream
        self._write_timeout = write_timeout
        self._reading = trio.CancelScope()
        self._wake = trio.Event()
        self._written = trio.Event()
        self._failure = ""
        self.tls_failed = False
        """Whether TLS, and not the network, ended it: a peer may refuse our certificate after the handshake."""

    @property
    def closing(self) -> bool:
        """Whether it has failed or was told to close; `handle` gets its Closed soon."""
        return bool(self._failure)

    async def run(self, handle: Handle) -> None:
        """Read, write and keep time until the session is closed and its last octets are sent.

        `handle` is awaited with each list of events; the last one ends in Closed, and it comes exactly once unless this
        call is cancelled. `handle` must not wait long: no answer is read meanwhile.
        """
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                await self._read(handle)
                self.flush()  # the writer sends what is left, then sees that the session is closed
        finally:
            await trio.aclose_forcefully(self._stream)

    def flush(self) -> None:
        """Have the writer send what the session has queued, and the deadline follow what was asked."""
        self._wake.set()
        if self.session.state is State.CLOSED:
            self._reading.cancel()
        elif self.session.next_deadline < self._reading.deadline:
            self._reading.deadline = self.session.next_deadline

    def close(self, reason: str) -> None:
        """End the session at once; `handle` gets its Closed."""
        self._failure = self._failure or reason
        self._reading.cancel()
        self._written.set()

    async def _read(self, handle: Handle) -> None:
        session = self.session
        while session.state is not State.CLOSED:
            octets = await self._receive()
            now = trio.current_time()
            events = session.receive(octets, now) if octets is not None else []
            if self._failure:
                events += session.close(self._failure)
            elif now >= session.next_deadline:
                events += session.tick(now)
            if session.queued:
                self._wake.set()
            if events:
                await handle(events)
            await self._wait_written()

    async def _receive(self) -> bytes | None:
        """The next octets; b"" at the end of the file; None when the deadline came or the link failed."""
        soon = trio.current_time() + ARRIVED_SECONDS
        deadline = soon if self._failure else max(soon, self.session.next_deadline)
        with trio.CancelScope(deadline=deadline) as self._reading:
            try:
                return bytes(await self._stream.receive_some(READ_OCTETS))
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                self._break(error)
        return None

    async def _wait_written(self) -> None:
        while self.session.queued > MAX_QUEUED_OCTETS and not self._failure:
            self._wake.set()
            self._written = trio.Event()
            await self._written.wait()

    async def _write(self) -> None:
        while True:
            octets = self.session.data_to_send()
            self._written.set()
            if octets:
                if not await self._send(octets):
                    return
            elif self.session.state is State.CLOSED:
                return
            else:
                self._wake = trio.Event()
                await self._wake.wait()

    async def _send(self, octets: bytes) -> bool:
        with trio.move_on_after(self._write_timeout) as scope:
            try:
                await self._stream.send_all(octets)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                self._break(error)
                return False
        if scope.cancelled_caught:
            self.close(f"the peer took nothing for {self._write_timeout:g} s")
        return not scope.cancelled_caught

    def _break(self, error: Exception) -> None:
        self.tls_failed = isinstance(error.__cause__, ssl.SSLError)
        self.close(f"TLS failed: {explain(error)}" if self.tls_failed else "the connection broke")


async def connect(host: str, port: int, tls: ssl.SSLContext | None = None) -> trio.abc.Stream:
    """Open a connection to an SMSC, with the TLS handshake done when `tls` is given (then a read may be cancelled).

    The caller sets the deadline. Raises: OSError, ssl.SSLError, trio.BrokenResourceError: the handshake failed.
    """
    stream = await trio.open_tcp_stream(host, port)
    _watch(stream)
    if tls is None:
        return stream
    secure: trio.SSLStream[trio.SocketStream] = trio.SSLStream(stream, tls, server_hostname=host)
    try:
        await secure.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(secure)
        raise
    return secure


async def answer_call(caller: trio.SocketStream, tls: ssl.SSLContext | None = None) -> trio.abc.Stream:
    """Take a connection that was made to us, with the TLS handshake done when `tls`, the server's side, is given.

    The caller sets the deadline, and closes the connection. Raises: trio.BrokenResourceError: the handshake failed.
    """
    _watch(caller)
    if tls is None:
        return caller
    secure: trio.SSLStream[trio.SocketStream] = trio.SSLStream(caller, tls, server_side=True)
    await secure.do_handshake()
    return secure


async def read_first(stream: trio.abc.Stream, session: Session) -> list[Event]:
    """Read until the session tells of something, before a link takes both over. The caller sets the deadline."""
    events: list[Event] = []
    while not events:
        try:
            octets = bytes(await stream.receive_some(READ_OCTETS))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            octets = b""
        events = session.receive(octets, trio.current_time())
    return events


async def listen(host: str, port: int) -> list[trio.SocketListener]:
    """Open listeners, one per address of the host; port 0 takes any free port. Raises: OSError: in use."""
    return await trio.open_tcp_listeners(port, host=host)


async def hand_over(listener: trio.SocketListener) -> int:
    """Close a listener, but for its socket, so that another server may serve on it: a web server, say.

    A peer that takes nothing for a while is cut off by the kernel: Hypercorn would wait for it, even to stop.

    Returns: a file descriptor, the caller's to close.
    """
    if hasattr(trio.socket, "TCP_USER_TIMEOUT"):
        listener.socket.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_USER_TIMEOUT, DEAF_MS)
    descriptor = os.dup(listener.socket.fileno())
    await listener.aclose()
    return descriptor


def explain(error: BaseException) -> str:
    """The plainest reason in a failure to connect or to listen, in a few words; of several attempts, the last one's."""
    while error.__cause__ is not None:
        error = error.__cause__
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[-1]
    number = getattr(error, "errno", None) or 0
    if number > 0 and not isinstance(error, ssl.SSLError):  # a name's own error numbers are negative (getaddrinfo(3))
        return os.strerror(number)
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def _watch(stream: trio.SocketStream) -> None:
    """Let the kernel notice a dead peer too. Trio has set TCP_NODELAY already."""
    stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_KEEPALIVE, 1)
    if hasattr(trio.socket, "TCP_USER_TIMEOUT"):
        stream.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
