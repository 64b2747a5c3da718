"""A connection that is kept: opened, greeted, watched, and opened again when it is lost."""

import logging
import ssl
from random import uniform
from typing import Final, Protocol

import anyio
from anyio.abc import ByteStream

from gateway.client.errors import ClientError
from gateway.client.shapes import Options, Target, Welcome
from gateway.client.streams import explain, open_stream
from protocol.upstream import GATEWAY_KINDS, VERSION, Frame, Frames, pack

MAX_FRAME_OCTETS: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 16
READ_OCTETS: Final = 256 * 1024
FATAL: Final = {"denied", "bad_version"}
"""Errors that another attempt would only bring again."""
ALIVE: Final = "alive"
"""Tag of our own pings."""

_log = logging.getLogger("gateway.client")


class Side(Protocol):
    """Who speaks over a line: gets each connection's frames, and says what is to be written."""

    @property
    def full(self) -> bool:
        """Nothing should be read for now."""

    def greeted(self, welcome: Welcome) -> None:
        """A connection begins."""

    def outgoing(self) -> bytes:
        """What may be written now; called again after each `wake` of the line."""

    def take(self, frame: Frame) -> None:
        """Deal with a frame. Raises: ClientError: the connection is of no more use."""

    def lost(self, error: ClientError) -> None:
        """The connection has ended; another may follow."""

    def failed(self, error: ClientError) -> None:
        """No other follows."""


class Line:
    """Connections to one gateway, one after the other; `run` is its whole life."""

    def __init__(self, target: Target, side: Side, options: Options) -> None:
        self.opened = anyio.Event()
        """Set with the first welcome, or with `failure`."""
        self.failure: ClientError | None = None
        self.welcome: Welcome = {}
        """The latest."""
        self._target = target
        self._side = side
        self._options = options
        self._wake, self._room, self._welcomed = anyio.Event(), anyio.Event(), anyio.Event()
        self._out: list[bytes] = []
        self._lost: ClientError | None = None
        """Why the present connection is of no more use."""
        self._scope = anyio.CancelScope()
        self._heard = 0.0

    def wake(self) -> None:
        """Have the side looked at again: there is something to write, or room to read."""
        self._wake.set()
        self._room.set()

    async def run(self, insist: bool) -> None:
        """Keep a connection until the gateway refuses us. Args: insist: try again though the first attempt failed."""
        options, attempt = self._options, 0
        while True:
            began = anyio.current_time()
            try:
                why = await self._converse(await open_stream(self._target, options.connect_timeout))
            except ClientError as error:
                why = error
            self._side.lost(why)
            hopeless = why.code in FATAL or not options.reconnect
            if hopeless or not (insist or self.opened.is_set()):
                break
            if anyio.current_time() - began > options.reconnect_max:
                attempt = 0
            wait = uniform(0.5, 1.0) * min(options.reconnect_max, options.reconnect_min * 2**attempt)
            _log.warning("%s; connecting again in %.2f s", why, wait)
            await anyio.sleep(wait)
            attempt = min(attempt + 1, 30)
        self.failure = why
        self._side.failed(why)
        self.opened.set()

    async def _converse(self, stream: ByteStream) -> ClientError:
        """One connection; returns why it ended."""
        self._lost = None
        self._welcomed = anyio.Event()
        self._heard = anyio.current_time()
        target = self._target
        hello = {"version": VERSION, "client": target.client, "secret": target.secret, "agent": "denpo"}
        try:
            self._out = [pack(["hello", hello])]
            async with anyio.create_task_group() as tasks:
                self._scope = tasks.cancel_scope
                tasks.start_soon(self._write, stream)
                tasks.start_soon(self._watch)
                await self._read(stream)
        finally:
            await anyio.aclose_forcefully(stream)
        assert self._lost  # nothing else ends the tasks
        return self._lost

    def _lose(self, error: ClientError) -> None:
        self._lost = self._lost or error
        self._scope.cancel()

    async def _read(self, stream: ByteStream) -> None:
        frames = Frames(GATEWAY_KINDS, max_frame=MAX_FRAME_OCTETS, max_depth=MAX_DEPTH)
        try:
            while self._lost is None:
                await self._wait_room()
                octets = await stream.receive(READ_OCTETS)
                self._heard = anyio.current_time()
                for frame in frames.feed(octets):
                    self._take(frame)
                if frames.broken:
                    raise ClientError("connection", f"not a gateway: {frames.broken}")
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._lose(ClientError("connection", f"the gateway closed the connection{self._hint()}"))
        except ssl.SSLError as error:  # an alert: with TLS 1.3 it comes after a handshake that went well for us
            self._lose(ClientError("connection", f"the gateway ended TLS: {explain(error)}"))
        except ClientError as error:
            self._lose(error)

    def _hint(self) -> str:
        """What a gateway that takes only known certificates does not say: it is closed without an alert."""
        unwelcome = not self._welcomed.is_set() and self._target.encrypted
        return " before its welcome; it may want to see a certificate that it knows" if unwelcome else ""

    async def _wait_room(self) -> None:
        while self._side.full:
            self._room = anyio.Event()
            await self._room.wait()
            self._heard = anyio.current_time()

    def _take(self, frame: Frame) -> None:
        kind, greeted = frame[0], self._welcomed.is_set()
        try:
            if kind == "error" and frame[1] is None:
                raise ClientError(str(frame[2]), str(frame[3]))
            if greeted == (kind == "welcome"):
                raise ValueError("welcome comes first, and once")
            if kind == "welcome":
                self._side.greeted(frame[1])
                self.welcome = frame[1]
                self._welcomed.set()
                self.opened.set()
                self.wake()
            elif frame[1] != ALIVE:
                self._side.take(frame)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            reason = f"not a gateway: its frame {kind} is not as the protocol has it"
            raise ClientError("connection", reason) from None

    async def _write(self, stream: ByteStream) -> None:
        try:
            while True:
                self._wake = anyio.Event()
                octets = b"".join(self._out)
                self._out.clear()
                if self._welcomed.is_set():
                    octets += self._side.outgoing()
                if octets:
                    await stream.send(octets)
                else:
                    await self._wake.wait()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, ssl.SSLError):
            pass  # the reader may still read why, and finds the end itself

    async def _watch(self) -> None:
        """See to it that the gateway welcomes us, and that its silence is not that of a dead connection."""
        options = self._options
        with anyio.move_on_after(options.connect_timeout):
            await self._welcomed.wait()
        if not self._welcomed.is_set():
            self._lose(ClientError("connection", f"no welcome within {options.connect_timeout:g} s"))
        while True:
            due = self._heard + options.ping_interval
            if self._side.full:
                await anyio.sleep(options.ping_interval)
            elif anyio.current_time() < due:
                await anyio.sleep_until(due)
            else:
                await self._ping()

    async def _ping(self) -> None:
        options, asked = self._options, anyio.current_time()
        self._out.append(pack(["ping", ALIVE]))
        self.wake()
        await anyio.sleep(options.ping_timeout)
        if self._heard < asked and not self._side.full:
            self._lose(ClientError("connection", f"the gateway was silent for {options.ping_timeout:g} s"))
