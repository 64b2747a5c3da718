"""The client for asyncio and Trio."""

import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Final, overload

import anyio
from anyio.abc import TaskGroup

from gateway.client.calls import Calls
from gateway.client.errors import ClientError
from gateway.client.flow import Entry, Flow
from gateway.client.line import Line
from gateway.client.parcel import Call
from gateway.client.shapes import AnyMessage, Event, Options, Result, Status, Target, Welcome

FLUSH_SECONDS: Final = 2.0
"""For the last acknowledgement, when the client is closed."""
CHUNK: Final = 100
"""Messages that `submit_many` hands over at a time."""


class Client:
    """A gateway's client; made by `connect`. Any number of tasks may use it at once.

    It has one connection for what is asked, and another one for events once they are wanted, so that a slow loop over
    events never keeps an answer waiting. Both are opened again when they are lost.
    """

    def __init__(self, target: Target, options: Options, tasks: TaskGroup) -> None:
        self._target = target
        self._options = options
        self._tasks = tasks
        self._calls = Calls()
        self._line = Line(target, self._calls, options)
        self._calls.wake = self._line.wake
        self._flow: Flow | None = None

    @property
    def welcome(self) -> Welcome:
        """What the gateway said at the latest greeting: its name, credit, max_batch and more."""
        return self._line.welcome

    @property
    def connected(self) -> bool:
        """There is a connection now; if not, calls wait for the next one."""
        return self._calls.welcome is not None

    @overload
    async def submit(self, messages: AnyMessage) -> Result: ...
    @overload
    async def submit(self, messages: Sequence[AnyMessage]) -> list[Result]: ...
    async def submit(self, messages: AnyMessage | Sequence[AnyMessage]) -> Result | list[Result]:
        """Hand over a message, or any number: a result for each, in order; a refused one does not fail the others.

        What many tasks submit goes in common frames, as large as the gateway allows and has given credit for; without
        credit or connection, they wait. After a reconnect what was not answered is submitted again, and if the gateway
        had taken it the result says `duplicate`. Messages of a gateway that is stopping wait for it to be back.
        Raises: AnswerTimeout: no result came within `answer_timeout`; ClientError: there won't be one.
        """
        if isinstance(messages, Mapping):
            [result] = await self._ask("submit", [messages])
            alone: Result = result
            return alone
        return await self._ask("submit", messages)

    def submit_many(self, messages: Iterable[AnyMessage]) -> "Results":
        """Hand over messages as an iterable makes them, any number: `async for result in …`, in their order.

        The iterable is asked for as many as the gateway has credit for, and no more. If the loop is left, messages that
        were not written yet are not submitted.
        """
        return Results(self, messages)

    async def preview(self, messages: Sequence[AnyMessage]) -> list[Result]:
        """Have messages checked and counted; nothing is stored or sent. Raises: ClientError."""
        return await self._ask("preview", messages)

    async def status(self, ids: Sequence[str]) -> list[Status]:
        """Ask where messages are now, by your own ids. Raises: ClientError."""
        return await self._ask("status", ids)

    async def cancel(self, ids: Sequence[str]) -> list[Status]:
        """Stop messages that have no part on the wire yet. Raises: ClientError."""
        return await self._ask("cancel", ids)

    async def ping(self) -> float:
        """Ask whether the gateway is there; the seconds that its answer took. Raises: ClientError."""
        asked = anyio.current_time()
        await self._ask("ping", [None])
        return anyio.current_time() - asked

    def events(self) -> "Events":
        """What becomes of messages, and texts from handsets, from the oldest event that was not acknowledged."""
        return Events(self)

    async def subscribe(self, after: int | str | None = None) -> None:
        """Begin the pages of `next_page` after a cursor, or with the oldest event that was not acknowledged."""
        self._follow().begin(after)

    async def next_page(self) -> list[tuple[int | str, Event]]:
        """Wait for the next events, with their cursors; nothing acknowledges them. Use this, or `events`, not both.

        Raises: ClientError: the gateway refuses us, or the client is closed.
        """
        return await self._follow().page()

    async def acknowledge(self, cursor: int | str) -> None:
        """Let the gateway forget all events up to and including this cursor's."""
        self._follow().acknowledge(cursor)

    def _start(self, call: Call) -> None:
        self._calls.add(call)

    async def _finish(self, call: Call) -> list[Any]:
        """Wait for a call's results."""
        try:
            await call.wait(self._options.answer_timeout)
        except TimeoutError:
            error = self._calls.end(call, self._options.answer_timeout)
            if error:
                raise error from None
        finally:
            self._calls.drop(call)
        if call.error:
            raise call.error
        return call.results

    async def _ask(self, kind: str, items: Sequence[Any]) -> list[Any]:
        call = Call(kind, items)
        self._start(call)
        return await self._finish(call)

    def _follow(self) -> Flow:
        """The flow of events, which begins when it is first wanted."""
        if self._flow is None:
            self._flow = Flow(anyio.current_time)
            line = Line(self._target, self._flow, self._options)
            self._flow.wake = line.wake
            self._tasks.start_soon(line.run, True)
        return self._flow

    async def _close(self) -> None:
        with anyio.move_on_after(FLUSH_SECONDS, shield=True):
            if self._flow:
                await self._flow.flush()

    def _end(self) -> None:
        """Fail whoever still waits."""
        closed = ClientError("connection", "the client is closed")
        self._calls.failed(closed)
        if self._flow:
            self._flow.failed(closed)


class Results:
    """Results of `submit_many`, in the order of the messages. Raises: as `submit` does."""

    def __init__(self, client: Client, messages: Iterable[AnyMessage]) -> None:
        self._client = client
        self._messages: Iterator[AnyMessage] = iter(messages)
        self._calls: deque[Call] = deque()
        self._ready: deque[Result] = deque()

    def __aiter__(self) -> "Results":
        return self

    async def __anext__(self) -> Result:
        while not self._ready:
            self._hand_over()
            if not self._calls:
                raise StopAsyncIteration
            self._ready += await self._client._finish(self._calls[0])
            self._calls.popleft()
        return self._ready.popleft()

    def __del__(self) -> None:
        for call in self._calls:
            self._client._calls.drop(call)

    def _hand_over(self) -> None:
        while len(self._calls) * CHUNK <= self._client.welcome["credit"]:
            messages = [*islice(self._messages, CHUNK)]
            if not messages:
                break
            call = Call("submit", messages)
            self._client._start(call)
            self._calls.append(call)


class Events:
    """Events, one at a time: `async for event in client.events()`.

    An event is finished when the loop comes back for the next one. What is finished is acknowledged, many at a time
    and soon, also if the loop is left by a break or an error; what is not is given to the next loop, or comes again
    when the application does. Several loops at once share the events: each goes to one of them, and none is
    acknowledged before those that came earlier are finished. A reconnect is not noticed: nothing is skipped, and
    nothing comes twice to this client; only an event whose acknowledgement had not reached the gateway when the
    application ended comes again.
    Raises: ClientError: the gateway refuses us, or the client is closed.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._flow: Flow | None = None
        self._entry: Entry | None = None
        """What the loop's body is at work on."""

    def __aiter__(self) -> "Events":
        return self

    async def __anext__(self) -> Event:
        self._flow = self._client._follow()
        entry, self._entry = self._entry, None
        if entry:
            self._flow.finish(entry)
        self._entry = await self._flow.next()
        return self._entry.event

    def close(self) -> None:
        """Leave the event that was given out last to another loop."""
        entry, self._entry = self._entry, None
        if entry and self._flow:
            self._flow.give_back(entry)

    __del__ = close


@asynccontextmanager
async def connect(
    address: str, client: str, secret: str, tls: ssl.SSLContext | None = None, options: Options | None = None
) -> AsyncIterator[Client]:
    """Connect to a gateway and say hello; from then on the connection is kept.

    Args: address: "unix:PATH", "tcp:HOST:PORT" or "tls:HOST:PORT". tls: how, if not with the system's authorities and
    without a certificate of ours.
    Raises: ClientError: nobody is there now, or the greeting was refused.
    """
    failure = None
    try:
        async with anyio.create_task_group() as tasks:
            greeted = Client(Target(address, client, secret, tls), options or Options(), tasks)
            tasks.start_soon(greeted._line.run, False)
            await greeted._line.opened.wait()
            if greeted._line.failure:
                raise greeted._line.failure
            try:
                yield greeted
            finally:
                await greeted._close()
                greeted._end()
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        failure = group.exceptions[0]
    if failure:  # raised here, so that neither the group nor its context hangs on to the user's own
        raise failure
