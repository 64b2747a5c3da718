"""Asks an SMSC over HTTP as programs and the page do, without a socket, so that time may be virtual."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import trio

from simulator.live import Hub
from simulator.smsc import Smsc
from simulator.web import make_app

MO = {"from": "+819012345678", "to": "0005123456", "text": "こんにちは"}
PHONE = "819012345678"


@asynccontextmanager
async def asking(smsc: Smsc, hub: Hub | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """Ask this SMSC."""
    transport = httpx.ASGITransport(make_app(smsc, hub or Hub()), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
        yield client


def lines_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """What stands in an answer of JSON lines."""
    return [json.loads(line) for line in answer.text.split("\n")[:-1]]


def refused(answer: httpx.Response, status: int, error: str) -> str:
    """Demand that an answer is this error; returns what it says in words."""
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json().keys() == {"error", "detail"}
    detail: str = answer.json()["detail"]
    return detail


class Watching:
    """One who watches events, until `leave`."""

    def __init__(self, smsc: Smsc, hub: Hub, query: bytes = b"") -> None:
        self.told: list[tuple[str, Any]] = []
        self.status = 0
        self.ended = trio.Event()
        self.leave = trio.Event()
        self._app = make_app(smsc, hub)
        self._query = query
        self._rest = ""
        self._news = trio.Event()
        self._asked = False

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch; started when the answer has begun."""
        scope = {"type": "http", "method": "GET", "path": "/events", "query_string": self._query, "headers": []}

        async def send(message: Any) -> None:  # noqa: ANN401  # ASGI's
            if message["type"] == "http.response.start":
                self.status = message["status"]
                task_status.started()
            else:
                self._read(message["body"].decode())

        await self._app(scope, self._receive, send)
        self.ended.set()

    async def wait(self, wanted: Callable[[], bool]) -> None:
        """Wait until what was told makes it true."""
        with trio.fail_after(60):
            while not wanted():
                self._news = trio.Event()
                await self._news.wait()

    async def of(self, kind: str, number: int = 1) -> list[Any]:
        """Wait until so many events of a kind were told; returns their fields."""
        await self.wait(lambda: len(self.fields(kind)) >= number)
        return self.fields(kind)

    def fields(self, kind: str) -> list[Any]:
        """The fields of all events of a kind so far."""
        return [fields for told, fields in self.told if told == kind]

    async def _receive(self) -> dict[str, Any]:
        if self._asked:
            await self.leave.wait()
            return {"type": "http.disconnect"}
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    def _read(self, text: str) -> None:
        *blocks, self._rest = (self._rest + text).split("\n\n")
        for block in blocks:
            lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
            if "event" in lines:
                self.told.append((lines["event"], json.loads(lines["data"])))
        self._news.set()
