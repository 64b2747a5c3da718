"""The client for programs that block: scripts, and applications of one thread per request."""

import os
import ssl
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self, TypeVar, overload

import anyio
from anyio.from_thread import BlockingPortal

from gateway.client.asynchronous import CHUNK, Client, Events, connect
from gateway.client.errors import ClientError
from gateway.client.shapes import AnyMessage, Event, Options, Result, Status, Target, Welcome

CLOSE_SECONDS: Final = 10.0
"""For the thread to end, when the client is closed."""

T = TypeVar("T")


class BlockingClient:
    """A gateway's client; made by `connect_blocking`. Any number of threads may use it at once.

    The connection lives in a thread of its own, which does not keep the program from ending. A client does not survive
    a fork: make it in each process.
    """

    def __init__(self, target: Target, options: Options) -> None:
        self._target = target
        self._options = options
        self._process = os.getpid()
        self._opened: Future[tuple[Client, BlockingPortal]] = Future()
        self._thread = threading.Thread(target=anyio.run, args=(self._live,), name="gateway.client", daemon=True)
        self._thread.start()
        self._client, self._portal = self._opened.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def welcome(self) -> Welcome:
        """What the gateway said at the latest greeting: its name, credit, max_batch and more."""
        return self._client.welcome

    @property
    def connected(self) -> bool:
        """There is a connection now; if not, calls wait for the next one."""
        return self._client.connected

    @overload
    def submit(self, messages: AnyMessage) -> Result: ...
    @overload
    def submit(self, messages: Sequence[AnyMessage]) -> list[Result]: ...
    def submit(self, messages: AnyMessage | Sequence[AnyMessage]) -> Result | list[Result]:
        """Hand over a message, or any number: a result for each, in order; a refused one does not fail the others.

        Raises: AnswerTimeout: no result came within `answer_timeout`; ClientError: there won't be one.
        """
        if isinstance(messages, Mapping):
            alone: Result = self._call(self._client._ask, "submit", [messages])[0]
            return alone
        return self._call(self._client._ask, "submit", messages)

    def submit_many(self, messages: Iterable[AnyMessage]) -> Iterator[Result]:
        """Hand over messages as an iterable makes them, any number: the results in their order, as they come.

        The iterable is asked in the caller's thread, for as many as the gateway has credit for, and no more.
        """
        left, asked = iter(messages), deque[Future[list[Result]]]()
        try:
            while True:
                while len(asked) * CHUNK <= self.welcome["credit"] and (chunk := [*islice(left, CHUNK)]):
                    asked.append(self._begin(self._client._ask, "submit", chunk))
                if not asked:
                    return
                yield from self._end(asked[0])
                asked.popleft()
        finally:
            for future in asked:
                future.cancel()

    def preview(self, messages: Sequence[AnyMessage]) -> list[Result]:
        """Have messages checked and counted; nothing is stored or sent. Raises: ClientError."""
        return self._call(self._client.preview, messages)

    def status(self, ids: Sequence[str]) -> list[Status]:
        """Ask where messages are now, by your own ids. Raises: ClientError."""
        return self._call(self._client.status, ids)

    def cancel(self, ids: Sequence[str]) -> list[Status]:
        """Stop messages that have no part on the wire yet. Raises: ClientError."""
        return self._call(self._client.cancel, ids)

    def ping(self) -> float:
        """Ask whether the gateway is there; the seconds that its answer took. Raises: ClientError."""
        return self._call(self._client.ping)

    def events(self, wait: float | None = None) -> "BlockingEvents":
        """What becomes of messages, and texts from handsets, from the oldest event that was not acknowledged.

        Args: wait: seconds without an event after which the loop ends; None: it never does.
        """
        return BlockingEvents(self, self._client.events(), wait)

    def close(self) -> None:
        """Acknowledge what is finished, and end the connection."""
        if self._process == os.getpid() and self._thread.is_alive():
            with suppress(RuntimeError):  # another thread closes it, too
                self._portal.start_task_soon(self._portal.stop, True)
            self._thread.join(CLOSE_SECONDS)

    async def _live(self) -> None:
        """What runs in the thread."""
        target = self._target
        try:
            opening = connect(target.address, target.client, target.secret, target.tls, self._options)
            async with opening as client, BlockingPortal() as portal:
                self._opened.set_result((client, portal))
                await portal.sleep_until_stopped()
        except BaseException as error:
            if self._opened.done():
                raise
            self._opened.set_exception(error)

    def _call(self, ask: Callable[..., Awaitable[T]], *what: Any) -> T:  # noqa: ANN401  # of the function
        return self._end(self._begin(ask, *what))

    def _begin(self, ask: Callable[..., Awaitable[T]], *what: Any) -> "Future[T]":  # noqa: ANN401  # of the function
        if self._process != os.getpid():
            raise ClientError(
                "connection", "the process has forked since the client was made; make one in each process"
            )
        try:
            return self._portal.start_task_soon(ask, *what)
        except RuntimeError:
            raise ClientError("connection", "the client is closed") from None

    def _end(self, future: "Future[T]") -> T:
        try:
            return future.result()
        except CancelledError:
            raise ClientError("connection", "the client is closed") from None
        finally:
            future.cancel()  # when we were interrupted


class BlockingEvents:
    """Events, one at a time: `for event in client.events()`; finished and shared as those of `Events` are."""

    def __init__(self, client: BlockingClient, events: Events, wait: float | None) -> None:
        self._client = client
        self._events = events
        self._wait = wait

    def __iter__(self) -> "BlockingEvents":
        return self

    def __next__(self) -> Event:
        try:
            event = self._client._call(self._next)
        except BaseException:  # interrupted: it may have been given out, and not to us
            self.close()
            raise
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        """Leave the event that was given out last to another loop."""
        with suppress(ClientError):  # it is closed: the gateway gives it again
            self._client._begin(self._leave)

    __del__ = close

    async def _next(self) -> Event | None:
        with anyio.move_on_after(self._wait):
            return await anext(self._events)
        return None

    async def _leave(self) -> None:
        self._events.close()


def connect_blocking(
    address: str, client: str, secret: str, tls: ssl.SSLContext | None = None, options: Options | None = None
) -> BlockingClient:
    """Connect to a gateway and say hello; use it in a `with` block, or close it.

    Args: as `connect` has them. Raises: ClientError: nobody is there now, or the greeting was refused.
    """
    return BlockingClient(Target(address, client, secret, tls), options or Options())
