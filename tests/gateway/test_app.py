"""The whole gateway in this process: its store, its sockets and its web pages are real, only the carrier is not."""

import socket
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import time
from typing import Any

import httpx
import pytest
import trio
from structlog.testing import capture_logs

from gateway.app import Gateway
from gateway.store.sqlite import SqliteStore
from tests.config.documents import SECRET
from tests.gateway.builders import message, settings
from tests.gateway.callers import Caller
from tests.gateway.carriers import Smsc, receipt

SECONDS = 20.0


class Run:
    """A gateway that runs; `ready` is what it said when it listened."""

    def __init__(self, gateway: Gateway, smsc: Smsc) -> None:
        self.gateway = gateway
        self.smsc = smsc
        self.ready: dict[str, Any] = {}
        self.listening, self.ended = trio.Event(), trio.Event()
        self.callers: list[Caller] = []

    async def run(self) -> None:
        def note(ready: dict[str, Any]) -> None:
            self.ready = ready
            self.listening.set()

        await self.gateway.run(note)
        self.ended.set()

    async def call(self) -> Caller:
        """A client over the Unix socket."""
        caller = Caller(await trio.open_unix_socket(self.ready["upstream"][0].removeprefix("unix:")))
        self.callers.append(caller)
        await caller.greet("bank", SECRET)
        return caller

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=f"http://{self.ready['web'][0]}") as client:
            return await client.get(path)

    async def stop(self) -> None:
        """Stop it, and wait for its end."""
        self.gateway.stop()
        await self.ended.wait()


@asynccontextmanager
async def running(folder: Path, changes: Mapping[str, object] | None = None) -> AsyncIterator[Run]:
    """A gateway that is stopped at the end of the block, unless it has ended before."""
    chosen = settings(folder, changes)
    store = SqliteStore(chosen.gateway.data_dir, time, chosen.gateway.commit_batch)
    await store.open(time() + 300.0)
    with trio.fail_after(SECONDS), pytest.MonkeyPatch.context() as patch, capture_logs():
        async with trio.open_nursery() as nursery:
            run = Run(Gateway(chosen, store), Smsc(nursery))
            patch.setattr("gateway.bind.connect", run.smsc.connect)
            nursery.start_soon(run.run)
            await run.listening.wait()
            try:
                yield run
                await run.stop()
            finally:
                for caller in run.callers:
                    await trio.aclose_forcefully(caller.stream)
                nursery.cancel_scope.cancel()


async def test_a_message_goes_the_whole_way_and_its_events_come_back(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        line = await run.smsc.wait_bound(0)
        caller = await run.call()
        await caller.subscribe()
        await caller.submit(message("1", meta={"order": 7}))
        [(cursor, submitted)] = await caller.read_events(1)
        line.deliver(receipt(b"1"))
        [(_, delivered)] = await caller.read_events(1)
        await caller.send(["ack", cursor])
        await caller.close()
    assert [event["type"] for event in (submitted, delivered)] == ["submitted", "delivered"]
    assert all(event["meta"] == {"order": 7} for event in (submitted, delivered))
    assert line.closed == "the peer unbound"


async def test_ready_names_what_is_really_bound_and_the_pages_are_there(tmp_path: Path) -> None:
    changes = {"upstream.listen": ["unix:upstream.sock", "tcp:127.0.0.1:0"]}
    async with running(tmp_path, changes) as run:
        assert run.ready["upstream"][0] == f"unix:{tmp_path / 'upstream.sock'}"
        assert not run.ready["upstream"][1].endswith(":0")
        await run.smsc.wait_bound(0)
        assert (await run.get("/healthz")).status_code == 200
        assert (await run.get("/readyz")).status_code == 200
        assert "denpo_bind_up" in (await run.get("/metrics")).text
    assert not (tmp_path / "upstream.sock").exists()


async def test_a_stop_waits_for_the_answers_that_are_owed_and_keeps_their_events(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        run.smsc.reply = lambda taken: None
        line = await run.smsc.wait_bound(0)
        caller = await run.call()
        await caller.submit(message("1"))
        [taken] = await run.smsc.wait_taken(1)
        run.gateway.stop()
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert (await caller.submit(message("2")))[0]["error"] == "shutting_down"
        assert (await run.get("/readyz")).status_code == 503
        line.answer(taken, message_id=b"77")
        await run.ended.wait()
    async with running(tmp_path) as run:
        caller = await run.call()
        await caller.subscribe()
        [(_, event)] = await caller.read_events(1)
    assert (event["type"], event["id"]) == ("submitted", "1")
    assert "possible_duplicate" not in event


async def test_a_stop_waits_no_longer_than_the_drain_timeout(tmp_path: Path) -> None:
    async with running(tmp_path, {"gateway.drain_timeout": 0.05}) as run:
        run.smsc.reply = lambda taken: None
        await run.smsc.wait_bound(0)
        caller = await run.call()
        await caller.submit(message("1", on_unknown="resend"), message("2", on_unknown="report"))
        await run.smsc.wait_taken(2)
        await run.stop()
    async with running(tmp_path) as run:
        caller = await run.call()
        states = {each["id"]: each["state"] for each in await caller.look("status", "1", "2")}
    assert states == {"1": "unknown", "2": "unknown"}


async def test_what_waits_at_a_stop_is_sent_after_the_next_start_and_is_no_possible_duplicate(tmp_path: Path) -> None:
    changes: dict[str, object] = {"carriers.alpha.parts_per_second": 0.001, "carriers.alpha.burst": 1}
    async with running(tmp_path, changes | {"carriers.alpha.profile": "one", "profiles.one.max_parts": 1}) as run:
        await run.smsc.wait_bound(0)
        caller = await run.call()
        await caller.submit(message("1"), message("2"), message("3"))
        await run.smsc.wait_taken(1)
    async with running(tmp_path) as run:
        caller = await run.call()
        await caller.subscribe()
        events = [event for _, event in await caller.read_events(3)]
    assert [(event["id"], event["type"]) for event in events] == [(str(n), "submitted") for n in (1, 2, 3)]
    assert not any("possible_duplicate" in event for event in events)


async def run_to_its_end(folder: Path, changes: Mapping[str, object], submit: bool = False) -> BaseException:
    """Run a gateway that fails, at the start or when it must keep a message; returns why."""
    try:
        async with running(folder, changes) as run:
            caller = await run.call()
            await caller.send(["submit", 1, [message("1")]] if submit else ["ping", 1])
            assert "result" not in {frame[0] for frame in await caller.read_end()}
            await trio.sleep_forever()
    except ExceptionGroup as group:
        reason: Exception = group
    while isinstance(reason, ExceptionGroup):
        [reason] = reason.exceptions
    return reason


@pytest.mark.parametrize("key", ["web", "upstream"])
async def test_an_address_in_use_ends_it_with_the_reason(tmp_path: Path, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        authority = f"127.0.0.1:{busy.getsockname()[1]}"
        value: object = authority if key == "web" else [f"tcp:{authority}"]
        reason = str(await run_to_its_end(tmp_path, {f"{key}.listen": value}))
    assert authority in reason
    assert "Address already in use" in reason


async def test_a_disk_that_fails_ends_the_gateway_and_nobody_is_told_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(SqliteStore, "_write", fail)
    reason = await run_to_its_end(tmp_path, {}, submit=True)
    assert isinstance(reason, sqlite3.OperationalError)
