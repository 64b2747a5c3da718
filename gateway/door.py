"""The upstream socket: its listeners, and for each connection a reader, an answerer and a writer.

The reader never waits for the disk; the answerer sends each result once its commit is on disk; the writer is the only
one that awaits `send_all`. A client that does not read stops its own connection and nobody else's.
"""

import errno
import shutil
import socket
import ssl
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Final

import structlog
import trio

from config.addresses import TcpAddress, UnixAddress
from gateway.conversation import Answer, Conversation
from gateway.defects import report
from gateway.feed import Feed
from gateway.guard import Guard
from gateway.tls import server_context
from protocol.errors import FrameError
from protocol.link import READ_OCTETS, explain
from protocol.upstream import CLIENT_KINDS, Frames, pack

if TYPE_CHECKING:
    from pathlib import Path

    from config.settings import Settings, UpstreamSettings
    from gateway.core import Core
    from gateway.store import Commit

_log = structlog.get_logger()

MAX_QUEUED_OCTETS: Final = 1024 * 1024
"""Octets of answers waiting to be written above which a connection is not read."""
MAX_QUEUED_ANSWERS: Final = 1000
"""Requests waiting for their answer above which a connection is not read."""


class Door:
    """All listeners and connections."""

    def __init__(self, core: "Core") -> None:
        self.core = core
        self.guard = Guard(core.settings, core.router, core.profiles)
        self.feeds = {client: self._feed(client) for client in core.settings.clients}
        """Of all clients there have been."""
        self._secure: ssl.SSLContext | None = None
        self.connections: set[Connection] = set()
        self.addresses: list[str] = []
        """Where it really listens."""
        self._closing = False

    def publish(self, commit: "Commit") -> None:
        """Hand the events of a commit to their clients' feeds."""
        for client, events in commit.events.items():
            if client in self.feeds:
                self.feeds[client].publish(events)

    def check(self, settings: "Settings") -> None:
        """Look whether the certificate is of use. Raises: OSError: it is not."""
        if settings.upstream.tls:
            server_context(settings.upstream.tls)

    def follow(self, old: "Settings") -> None:
        """Go by the core's settings instead of the old ones; clients that are gone, or are others, are disconnected."""
        core, clients = self.core, self.core.settings.clients
        self.guard.reconfigure(core.settings, core.router, core.profiles)
        self.feeds |= {client: self._feed(client) for client in clients if client not in self.feeds}
        for connection in self.connections:
            name = connection.conversation.client
            before, now = old.clients.get(name), clients.get(name)
            if name and (before is None or now is None or now.secret != before.secret):
                connection.dismiss()
        if self._secure and core.settings.upstream.tls:
            self._secure.load_cert_chain(core.settings.upstream.tls.cert, core.settings.upstream.tls.key)

    def _feed(self, client: str) -> Feed:
        limits, store = self.core.settings.upstream, self.core.store
        return Feed(client, store, limits.events_in_memory, store.newest_cursor, limits.event_octets_in_memory)

    def close(self) -> None:
        """Accept no more messages; events still go out."""
        self._closing = True
        for connection in self.connections:
            connection.conversation.closing = True

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen and serve, for ever. Raises: OSError: an address is in use, or its folder is not there."""
        listeners: list[trio.SocketListener | trio.SSLListener[trio.SocketStream]] = []
        upstream = self.core.settings.upstream
        secure = self._secure = server_context(upstream.tls) if upstream.tls else None
        try:
            for address in upstream.listen:
                listeners += await self._listen(address, secure)
            async with trio.open_nursery() as nursery:
                await nursery.start(trio.serve_listeners, self._serve, listeners)
                task_status.started()
        finally:
            for address in upstream.listen:
                if isinstance(address, UnixAddress) and str(address) in self.addresses:
                    address.path.unlink(missing_ok=True)

    async def _listen(
        self, address: UnixAddress | TcpAddress, secure: ssl.SSLContext | None
    ) -> list[trio.SocketListener | trio.SSLListener[trio.SocketStream]]:
        if isinstance(address, UnixAddress):
            listener = await _listen_unix(address.path, self.core.settings.upstream)
            self.addresses.append(str(address))
            return [listener]
        try:
            opened = await trio.open_tcp_listeners(address.port, host=address.host)
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {address}: {explain(error)}") from None
        self.addresses += [f"tcp:{address.host}:{listener.socket.getsockname()[1]}" for listener in opened]
        return [trio.SSLListener(listener, secure) for listener in opened] if secure else [*opened]

    async def _serve(self, stream: trio.abc.Stream) -> None:
        if len(self.connections) >= self.core.settings.upstream.max_connections:
            _log.warning("connection_refused", reason="upstream.max_connections are open")
            await trio.aclose_forcefully(stream)
            return
        connection = Connection(stream, self)
        connection.conversation.closing = self._closing
        self.connections.add(connection)
        try:
            await connection.run()
        except* (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            pass  # the client is gone, or never shook hands: what it was owed comes again when it is back
        except* Exception as errors:  # this client's alone; being cancelled at the same time is passed on
            report(errors, client=connection.conversation.client)
            self.core.counts.defects += 1
        finally:
            self.connections.discard(connection)


class Connection:
    """One client's connection; `run` is its whole life."""

    def __init__(self, stream: trio.abc.Stream, door: Door) -> None:
        upstream = door.core.settings.upstream
        self.conversation = Conversation(door.core, door.guard, door.feeds)
        self._stream = stream
        self._limits = upstream
        self._counts = door.core.counts
        self._frames = Frames(CLIENT_KINDS, max_frame=upstream.max_frame, max_depth=upstream.max_depth)
        self._answers: deque[Answer] = deque()
        self._out: list[bytes] = []
        self._queued = 0
        self._last = False
        """Nothing more is to be written than what is queued."""
        self._asked, self._wake, self._room = trio.Event(), trio.Event(), trio.Event()

    async def run(self) -> None:
        """Serve until either side closes."""
        try:
            if isinstance(self._stream, trio.SSLStream):
                await self._shake_hands(self._stream)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, nursery.cancel_scope)
                nursery.start_soon(self._answer)
                await self._read()
                self._last = True
                self._wake.set()
        finally:
            if self.conversation.client:
                self.conversation.feed.unsubscribe(self._wake_up)
            await trio.aclose_forcefully(self._stream)

    async def _shake_hands(self, stream: "trio.SSLStream[trio.SocketStream]") -> None:
        try:
            with trio.fail_after(self._limits.hello_timeout):
                await stream.do_handshake()
        except (trio.BrokenResourceError, trio.TooSlowError) as error:
            reason = explain(error) if error.__cause__ else "it was not completed"
            _log.warning("handshake_failed", reason=reason)  # the client sees only that we close
            raise

    async def _read(self) -> None:
        with trio.CancelScope(deadline=trio.current_time() + self._limits.hello_timeout) as patience:
            while not self._last:
                octets = await self._stream.receive_some(READ_OCTETS)
                if not octets or self._last:
                    return
                self._take(bytes(octets))
                if self.conversation.client:
                    patience.deadline = inf
                await self._wait_room()
                if self.conversation.client and self._limits.idle_timeout:
                    patience.deadline = trio.current_time() + self._limits.idle_timeout
        if patience.cancelled_caught and self.conversation.client:
            self._refuse(FrameError("idle_timeout", f"nothing was asked for {self._limits.idle_timeout:g} s"))
        elif patience.cancelled_caught:
            self._refuse(FrameError("hello_timeout", f"hello must come within {self._limits.hello_timeout:g} s"))

    def _take(self, octets: bytes) -> None:
        try:
            for frame in self._frames.feed(octets):
                answer = self.conversation.take(frame)
                if isinstance(answer, bytes):
                    self._queue(answer)
                else:
                    self._answers.append(answer)
            if self._frames.broken:
                raise self._frames.broken
        except FrameError as error:
            self._refuse(error)
        if self._answers:
            self._asked.set()
        if self.conversation.subscribed:
            self.conversation.feed.subscribe(self._wake_up)

    def dismiss(self) -> None:
        """Disconnect the client, with the reason."""
        if not self._last:
            self._end("denied", "the client's secret has changed, or it is no longer configured")

    def _refuse(self, error: FrameError) -> None:
        self._counts.bad_frames += 1
        self._end(error.code, str(error))

    def _end(self, code: str, reason: str) -> None:
        _log.warning("connection_closed", client=self.conversation.client, code=code, reason=reason)
        self._queue(pack(["error", None, code, reason]))
        self._last = True

    def _queue(self, octets: bytes) -> None:
        self._out.append(octets)
        self._queued += len(octets)
        self._wake.set()

    def _wake_up(self) -> None:
        self._wake.set()

    async def _wait_room(self) -> None:
        while self._queued > MAX_QUEUED_OCTETS or len(self._answers) > MAX_QUEUED_ANSWERS:
            self._room = trio.Event()
            await self._room.wait()

    async def _answer(self) -> None:
        while True:
            while not self._answers:
                self._asked = trio.Event()
                await self._asked.wait()
            answer = self._answers.popleft()
            self._queue(await answer())

    async def _write(self, connection: trio.CancelScope) -> None:
        """Write answers and events; the end of it is the end of the connection."""
        while True:
            self._wake = trio.Event()
            octets, more = b"".join(self._out), False
            self._out.clear()
            self._queued = 0
            self._room.set()
            if self.conversation.subscribed and not self._last:
                events, more = await self._next_events()
                octets += events
            if octets:
                if not await self._send(octets):
                    break
            elif self._last:
                break
            elif not more:
                await self._wake.wait()
        connection.cancel()

    async def _next_events(self) -> tuple[bytes, bool]:
        conversation = self.conversation
        before = conversation.told
        told, frame = await conversation.feed.page(before)
        if conversation.told != before:  # subscribed anew meanwhile, from elsewhere
            return b"", True
        conversation.told = told
        return frame, told != before

    async def _send(self, octets: bytes) -> bool:
        with trio.move_on_after(self._limits.write_timeout) as scope:
            await self._stream.send_all(octets)
        if scope.cancelled_caught:
            reason = f"read nothing for {self._limits.write_timeout:g} s"
            _log.warning("connection_closed", client=self.conversation.client, code="write_timeout", reason=reason)
        return not scope.cancelled_caught


async def _listen_unix(path: "Path", settings: "UpstreamSettings") -> trio.SocketListener:
    """Listen on a Unix socket that those may use whom the settings name; one that a dead process left is replaced."""
    if path.is_socket():
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise OSError(errno.EADDRINUSE, f"cannot listen on unix:{path}: another process does")
        path.unlink()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    listening = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    try:
        await listening.bind(str(path))
        if settings.unix_group is not None:
            shutil.chown(path, group=settings.unix_group)
        path.chmod(settings.unix_mode)
        listening.listen(128)
    except LookupError:
        listening.close()
        raise OSError(errno.EINVAL, f"upstream.unix_group: there is no group {settings.unix_group}") from None
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"cannot listen on unix:{path}: {explain(error)}") from None
    return trio.SocketListener(listening)
