"""Client library for upstream applications: works under asyncio and Trio.

    async with connect("unix:var/upstream.sock", "bank", secret) as client:
        [result] = await client.submit([{"id": "1", "to": "090-1234-5678", "text": "こんにちは"}])
        async for event in client.events():
            ...

Frames and events are the maps of the upstream protocol, version 1.
"""

import os
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Final

import anyio
from anyio.abc import ByteStream

from protocol.errors import SmppError
from protocol.upstream import GATEWAY_KINDS, VERSION, Frame, Frames, pack

CONNECT_SECONDS: Final = 10.0
"""For connecting and the gateway's welcome."""
ANSWER_SECONDS: Final = 30.0
"""For the answer to a request."""
PAGES: Final = 4
"""Frames of events read ahead while nobody waits for an answer; the gateway waits with more."""
MAX_FRAME_OCTETS: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 16
MAX_PORT: Final = 65535

Message = Mapping[str, Any]


class ClientError(SmppError):
    """The gateway has refused a request, or can't be spoken to.

    Attributes: code: the upstream protocol's error code; connection: the connection is of no more use.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{reason} ({code})" if code != "connection" else reason)
        self.code = code


class Client:
    """A greeted connection; made by `connect`."""

    def __init__(self, stream: ByteStream) -> None:
        self.welcome: dict[str, Any] = {}
        """What the gateway said at the greeting: credit, max_batch and more."""
        self._stream = stream
        self._frames = Frames(GATEWAY_KINDS, max_frame=MAX_FRAME_OCTETS, max_depth=MAX_DEPTH)
        self._tags = count(1)
        self._answers: dict[int | str | None, tuple[anyio.Event, list[Frame]]] = {}
        self._sending = anyio.Lock()
        self._lost: ClientError | None = None
        """Why nothing is read any more."""
        self._pages: deque[list[list[Any]]] = deque()
        self._came, self._room = anyio.Event(), anyio.Event()

    async def submit(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """Hand over messages, at most `welcome["max_batch"]`; a result for each, in order. Raises: ClientError."""
        return await self._results("submit", list(messages))

    async def preview(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """Have messages checked and counted; nothing is stored or sent. Raises: ClientError."""
        return await self._results("preview", list(messages))

    async def status(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Ask where messages are now, by your own ids. Raises: ClientError."""
        return await self._results("status", list(ids))

    async def cancel(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Stop messages that have no part on the wire yet. Raises: ClientError."""
        return await self._results("cancel", list(ids))

    def events(self, after: int | None = None) -> "Events":
        """What becomes of messages, from the oldest event that was not acknowledged, or after a cursor."""
        return Events(self, after)

    async def subscribe(self, after: int | None = None) -> None:
        """Begin the flow of events that `next_page` gives; `events` does all, and acknowledges. Raises: ClientError."""
        await self._ask("subscribe", {"after": after})

    async def next_page(self) -> list[tuple[int, dict[str, Any]]]:
        """Wait for the next events, with their cursors; nothing acknowledges them. Raises: ClientError."""
        return [(cursor, event) for cursor, event in await self._next_page()]

    async def acknowledge(self, cursor: int) -> None:
        """Let the gateway forget all events up to and including this cursor's. Raises: ClientError."""
        await self._send(["ack", cursor])

    async def _next_page(self) -> list[list[Any]]:
        while not self._pages:
            self._check()
            self._came = anyio.Event()
            await self._came.wait()
        self._room.set()
        return self._pages.popleft()

    def _check(self) -> None:
        if self._lost:
            raise self._lost

    async def _results(self, kind: str, items: list[Any]) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = (await self._ask(kind, items))[2]
        return results

    async def _ask(self, kind: str, what: object) -> Frame:
        self._check()
        tag = next(self._tags)
        answered, answer = self._answers[tag] = anyio.Event(), []
        self._room.set()
        try:
            await self._send([kind, tag, what])
            with anyio.fail_after(ANSWER_SECONDS):
                await answered.wait()
        except TimeoutError:
            raise ClientError("connection", f"no answer within {ANSWER_SECONDS:g} s") from None
        finally:
            del self._answers[tag]
        if not answer:
            self._check()
        if answer[0][0] == "error":
            raise ClientError(answer[0][2], answer[0][3])
        return answer[0]

    async def _send(self, frame: Frame) -> None:
        async with self._sending:
            try:
                await self._stream.send(pack(frame))
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                raise self._lost or ClientError("connection", "the connection broke") from None

    async def _read(self) -> None:
        try:
            while True:
                await self._wait_room()
                for frame in self._frames.feed(await self._stream.receive()):
                    self._take(frame)
                if self._frames.broken:
                    raise ClientError("connection", f"not a gateway: {self._frames.broken}")
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._lost = ClientError("connection", "the gateway closed the connection")
        except ClientError as error:
            self._lost = error
        finally:
            if self._lost is None:
                self._lost = ClientError("connection", "the connection is closed")
            self._came.set()
            for answered, _ in self._answers.values():
                answered.set()

    async def _wait_room(self) -> None:
        """Leave events to the gateway while enough wait here, unless an answer may come behind them."""
        while len(self._pages) >= PAGES and not self._answers:
            self._room = anyio.Event()
            await self._room.wait()

    def _take(self, frame: Frame) -> None:
        kind, tag = frame[0], frame[1]
        if kind == "events":
            self._pages.append(tag)
            self._came.set()
        elif kind == "error" and tag is None:
            raise ClientError(frame[2], frame[3])
        elif kind == "welcome":
            self.welcome = tag
            self._settle("welcome", frame)
        elif kind != "credit":
            if kind == "subscribed":
                self._pages.clear()  # they come again
            self._settle(tag, frame)

    def _settle(self, tag: int | str, frame: Frame) -> None:
        waiting = self._answers.get(tag)
        if waiting:
            waiting[1].append(frame)
            waiting[0].set()

    async def _greet(self, client: str, secret: str) -> None:
        welcomed, answer = self._answers["welcome"] = anyio.Event(), []
        with anyio.move_on_after(CONNECT_SECONDS):
            await self._send(["hello", {"version": VERSION, "client": client, "secret": secret, "agent": "denpo"}])
            await welcomed.wait()
        del self._answers["welcome"]
        if not answer:
            raise self._lost or ClientError("connection", f"no welcome within {CONNECT_SECONDS:g} s")


class Events:
    """Events, one at a time: `async for event in client.events()`.

    They come in pages; a page is acknowledged when the loop comes back after its last event, so what the loop's body
    has not dealt with comes again after a reconnect, and so may some that it has.
    Raises: ClientError: the connection is lost; connect again, and what was not acknowledged comes again.
    """

    def __init__(self, client: Client, after: int | None) -> None:
        self._client = client
        self._after = after
        self._subscribed = False
        self._page: deque[list[Any]] = deque()
        self._given: int | None = None
        """Cursor of the last event that was given out and is not acknowledged."""

    def __aiter__(self) -> "Events":
        return self

    async def __anext__(self) -> dict[str, Any]:
        if not self._subscribed:
            await self._client._ask("subscribe", {"after": self._after})
            self._subscribed = True
        if not self._page and self._given is not None:
            await self._client._send(["ack", self._given])
            self._given = None
        while not self._page:
            self._page += await self._client._next_page()
        event: dict[str, Any]
        self._given, event = self._page.popleft()
        return event


@asynccontextmanager
async def connect(address: str, client: str, secret: str) -> AsyncIterator[Client]:
    """Connect to a gateway and say hello.

    Args: address: "unix:PATH" or "tcp:HOST:PORT".
    Raises: ClientError: not there, or the greeting was refused.
    """
    try:
        with anyio.fail_after(CONNECT_SECONDS):
            stream = await _open(address)
    except (OSError, TimeoutError) as error:
        raise ClientError("connection", f"no gateway at {address}: {_explain(error)}") from None
    greeted, failure = Client(stream), None
    try:
        async with stream, anyio.create_task_group() as tasks:
            tasks.start_soon(greeted._read)
            await greeted._greet(client, secret)
            yield greeted
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        failure = group.exceptions[0]
    if failure:  # raised here, so that neither the group nor its context hangs on to the user's own
        raise failure


async def _open(address: str) -> ByteStream:
    kind, _, where = address.partition(":")
    if kind == "unix" and where:
        return await anyio.connect_unix(where)
    host, _, port = where.rpartition(":")
    if kind != "tcp" or not host or not port.isdigit() or int(port) > MAX_PORT:
        raise ClientError("connection", f'an address is "unix:PATH" or "tcp:HOST:PORT", not "{address}"')
    return await anyio.connect_tcp(host.strip("[]"), int(port))


def _explain(error: BaseException) -> str:
    """The plainest reason: of several attempts to connect, the first one's."""
    if isinstance(error, TimeoutError):
        return "no answer"
    while error.__cause__ is not None:
        error = error.__cause__
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    number = getattr(error, "errno", None)
    return os.strerror(number) if number and number > 0 else str(getattr(error, "strerror", None) or error)
