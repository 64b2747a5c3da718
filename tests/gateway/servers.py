"""Gateways for the client library to talk to, each in a thread: a real one, and one that says what it is told."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import time
from types import MappingProxyType
from typing import Any, Final

import trio
from structlog.testing import capture_logs

from gateway.app import Gateway
from gateway.store.sqlite import SqliteStore
from protocol.upstream import CLIENT_KINDS, Frame, Frames, pack
from tests.gateway.builders import settings

SECONDS: Final = 20.0

WELCOME: Final[Frame] = ["welcome", {"version": 1, "credit": 10, "max_frame": 1 << 20, "max_batch": 10}]


class Server:
    """A real gateway whose carrier can't be reached. `address`: its Unix socket; `tcp`: its TCP listener."""

    def __init__(self, folder: Path, changes: Mapping[str, object]) -> None:
        own: dict[str, object] = {
            "upstream.listen": ["unix:upstream.sock", "tcp:127.0.0.1:0"],
            "carriers.alpha.binds.0.host": "127.0.0.1",
            "carriers.alpha.binds.0.port": 1,
        }
        self._settings = settings(folder, own | dict(changes))
        self._ready = threading.Event()
        self.address = self.tcp = ""
        self._thread = threading.Thread(target=trio.run, args=(self._run,))

    def start(self) -> None:
        """Run it, and wait until it listens."""
        self._thread.start()
        assert self._ready.wait(SECONDS)

    def stop(self) -> None:
        """Stop it, and wait for its end; does nothing when it has ended."""
        if self._thread.is_alive():
            self._token.run_sync_soon(self._gateway.stop)
            self._thread.join(SECONDS)
            assert not self._thread.is_alive()

    async def _run(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        store = SqliteStore(self._settings.gateway.data_dir, time, 1000)
        await store.open(0.0)
        self._gateway = Gateway(self._settings, store)
        with capture_logs():
            await self._gateway.run(self._note)

    def _note(self, ready: dict[str, Any]) -> None:
        self.address, self.tcp = ready["upstream"]
        self._ready.set()


@contextmanager
def serving(folder: Path, changes: Mapping[str, object] = MappingProxyType({})) -> Iterator[Server]:
    """A real gateway with its store in the folder. changes: to its settings, by path."""
    server = Server(folder, changes)
    server.start()
    try:
        yield server
    finally:
        server.stop()


Answer = Callable[[Frame], list[Frame] | None]
"""What to send when a frame has come; None: close the connection."""


@contextmanager
def scripted(answer: Answer, greeting: bytes = b"") -> Iterator[str]:
    """Something that takes one connection, and answers as it is told; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(SECONDS)

    def serve() -> None:
        with listener.accept()[0] as connection:
            connection.settimeout(SECONDS)
            connection.sendall(greeting)
            _answer(connection, answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"tcp:127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join(SECONDS)
        listener.close()


@contextmanager
def scripted_again(answer: Answer) -> Iterator[str]:
    """Like `scripted`, for any number of connections; pings are answered."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    ended = threading.Event()

    def converse(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(SECONDS)
            _answer(connection, lambda frame: [["pong", frame[1]]] if frame[0] == "ping" else answer(frame))

    def serve() -> None:
        threads = []
        while not ended.is_set():
            with suppress(TimeoutError):
                threads.append(threading.Thread(target=converse, args=listener.accept()[:1]))
                threads[-1].start()
        for thread in threads:
            thread.join(SECONDS)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"tcp:127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        thread.join(SECONDS)
        listener.close()


def _answer(connection: socket.socket, answer: Answer) -> None:
    frames = Frames(CLIENT_KINDS, max_frame=1 << 20, max_depth=8)
    while octets := connection.recv(1 << 16):
        for frame in frames.feed(octets):
            said = answer(frame)
            if said is None:
                return
            connection.sendall(b"".join(map(pack, said)))
