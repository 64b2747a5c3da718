"""The client library under asyncio and under Trio, against a real gateway and against ones that misbehave."""

from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from time import time
from typing import Any

import anyio
import pytest

from gateway import client as module
from gateway.client import Client, ClientError, connect
from protocol.upstream import Frame
from tests.config.documents import SECRET
from tests.gateway.builders import LONG, message
from tests.gateway.servers import WELCOME, Server, scripted, serving

SECONDS = 20.0
IDS = (f"m{n}" for n in count())

Play = Callable[[Callable[[], Awaitable[None]]], None]


@pytest.fixture(params=["asyncio", "trio"])
def play(request: pytest.FixtureRequest) -> Play:
    """Runs a test's async part under each of the two, with a deadline."""

    def run(scene: Callable[[], Awaitable[None]]) -> None:
        async def bounded() -> None:
            with anyio.fail_after(SECONDS):
                await scene()

        anyio.run(bounded, backend=request.param)

    return run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A gateway whose events and end are the test's own."""
    with serving(tmp_path) as server:
        yield server


async def make_events(client: Client, number: int) -> list[str]:
    """Make an event for each of so many messages; returns their ids."""
    ids = [next(IDS) for _ in range(number)]
    later = time() + 1000.0
    results = await client.submit([message(id_, not_before=later) for id_ in ids])
    assert all(result["ok"] for result in results)
    assert all(result["ok"] for result in await client.cancel(ids))
    return ids


async def read(client: Client, number: int) -> list[str]:
    """The ids of the next events; the last one is not acknowledged."""
    seen = []
    async for event in client.events():
        seen.append(event["id"])
        if len(seen) == number:
            break
    return seen


def test_messages_are_submitted_looked_at_and_cancelled(server: Server, play: Play) -> None:
    async def scene() -> None:
        async with connect(server.address, "bank", SECRET) as client:
            assert client.welcome["client"] == "bank"
            first, second = next(IDS), next(IDS)
            [preview] = await client.preview([message(first, LONG)])
            assert (preview["parts"], preview["encoding"]) == (3, "ucs2")
            accepted, refused = await client.submit([message(first), message(second, to="xyz")])
            assert (accepted["ok"], refused["error"]) == (True, "bad_number")
            assert [each["ok"] for each in await client.status([first, second])] == [True, False]
            [cancelled] = await client.cancel([first])
            assert cancelled["state"] == "canceled"

    play(scene)


def test_it_speaks_over_tcp_too(server: Server, play: Play) -> None:
    async def scene() -> None:
        async with connect(server.tcp, "bank", SECRET) as client:
            assert len(await client.submit([message(next(IDS))])) == 1

    play(scene)


def test_each_of_many_tasks_gets_its_own_answer(server: Server, play: Play) -> None:
    async def scene() -> None:
        async with connect(server.address, "bank", SECRET) as client:

            async def ask(id_: str) -> None:
                for _ in range(10):
                    assert (await client.submit([message(id_)]))[0]["id"] == id_
                    assert (await client.status([id_]))[0]["id"] == id_

            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(ask, next(IDS))

    play(scene)


def test_a_refused_request_leaves_the_connection_as_it_was(server: Server, play: Play) -> None:
    async def scene() -> None:
        async with connect(server.address, "bank", SECRET) as client:
            with pytest.raises(ClientError, match="1 to 1000") as caught:
                await client.submit([])
            assert caught.value.code == "bad_batch"
            assert len(await client.submit([message(next(IDS))])) == 1

    play(scene)


@pytest.mark.parametrize(("name", "secret"), [("bank", "wrong"), ("nobody", SECRET)])
def test_a_refused_greeting_is_one_plain_error(server: Server, play: Play, name: str, secret: str) -> None:
    async def scene() -> None:
        with pytest.raises(ClientError, match=r"^unknown client or wrong secret \(denied\)$") as caught:
            async with connect(server.address, name, secret):
                pytest.fail("it was welcomed")
        assert caught.value.code == "denied"

    play(scene)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("unix:/nowhere/upstream.sock", "no gateway at unix:/nowhere/upstream.sock: No such file or directory"),
        ("tcp:127.0.0.1:1", "no gateway at tcp:127.0.0.1:1: Connection refused"),
        ("tcp:127.0.0.1:65536", 'an address is "unix:PATH" or "tcp:HOST:PORT"'),
        ("127.0.0.1:7070", 'an address is "unix:PATH" or "tcp:HOST:PORT"'),
        ("unix:", 'an address is "unix:PATH" or "tcp:HOST:PORT"'),
    ],
)
def test_an_address_where_nobody_is_says_so(play: Play, address: str, reason: str) -> None:
    async def scene() -> None:
        with pytest.raises(ClientError, match=reason) as caught:
            async with connect(address, "bank", SECRET):
                pytest.fail("somebody was there")
        assert caught.value.code == "connection"

    play(scene)


def test_an_error_of_the_user_comes_out_as_it_is(server: Server, play: Play) -> None:
    async def scene() -> None:
        with pytest.raises(ZeroDivisionError):
            async with connect(server.address, "bank", SECRET):
                _ = 1 / 0

    play(scene)


def test_an_event_is_acknowledged_when_the_loop_comes_back(own: Server, play: Play) -> None:
    async def scene() -> None:
        async with connect(own.address, "bank", SECRET) as client:
            first = await make_events(client, 2)
            assert await read(client, 2) == first
        async with connect(own.address, "bank", SECRET) as client:
            events = client.events()
            assert [(await anext(events))["id"] for _ in range(2)] == first
            second = await make_events(client, 1)
            assert (await anext(events))["id"] == second[0]
            await client.status(second)  # what was sent before it has been dealt with
        async with connect(own.address, "bank", SECRET) as client:
            assert await read(client, 1) == second

    play(scene)


def test_pages_acknowledge_nothing_by_themselves_and_go_on_after_a_cursor(own: Server, play: Play) -> None:
    async def look(after: int | None = None) -> list[tuple[int, dict[str, Any]]]:
        async with connect(own.address, "bank", SECRET) as client:
            await client.subscribe(after)
            return await client.next_page()

    async def scene() -> None:
        async with connect(own.address, "bank", SECRET) as client:
            ids = await make_events(client, 3)
        seen = await look()
        assert [event["id"] for _, event in seen] == ids
        assert await look() == seen
        assert await look(seen[0][0]) == seen[1:]
        async with connect(own.address, "bank", SECRET) as client:
            await client.acknowledge(seen[1][0])
            await client.status(ids)  # waits for the commit that it is in
        assert await look() == seen[2:]

    play(scene)


def test_events_may_be_asked_for_again_and_begin_with_the_oldest(own: Server, play: Play) -> None:
    async def scene() -> None:
        async with connect(own.address, "bank", SECRET) as client:
            ids = await make_events(client, 5)
            assert await read(client, 2) == ids[:2]
            assert await read(client, 5) == ids

    play(scene)


def test_a_gateway_that_goes_away_is_an_error_wherever_one_waits(own: Server, play: Play) -> None:
    async def scene() -> None:
        async with connect(own.tcp, "bank", SECRET) as client:
            events = client.events()
            await make_events(client, 1)
            await anext(events)
            own.stop()
            with pytest.raises(ClientError) as caught:
                [_ async for _ in events]
            assert caught.value.code == "connection"
            for _ in range(3):
                with pytest.raises(ClientError):
                    await client.status(["1"])

    play(scene)


def test_who_is_no_gateway_is_an_error(play: Play) -> None:
    async def scene() -> None:
        peer = scripted(lambda frame: [], b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with peer as address, pytest.raises(ClientError, match="not a gateway"):
            async with connect(address, "bank", SECRET):
                pytest.fail("it was welcomed")

    play(scene)


def test_who_never_welcomes_is_an_error(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.1)

    async def scene() -> None:
        peer = scripted(lambda frame: [])
        with peer as address, pytest.raises(ClientError, match=r"no welcome within 0\.1 s"):
            async with connect(address, "bank", SECRET):
                pytest.fail("it was welcomed")

    play(scene)


def test_who_never_answers_is_an_error(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.1)

    async def scene() -> None:
        with scripted(lambda frame: [WELCOME] if frame[0] == "hello" else []) as address:
            async with connect(address, "bank", SECRET) as client:
                with pytest.raises(ClientError, match=r"no answer within 0\.1 s"):
                    await client.status(["1"])

    play(scene)


@pytest.mark.parametrize("kind", ["hello", "status", "subscribe"])
def test_who_closes_instead_of_answering_is_an_error(play: Play, kind: str) -> None:
    async def scene() -> None:
        with scripted(lambda frame: None if frame[0] == kind else [WELCOME]) as address:
            with pytest.raises(ClientError) as caught:
                async with connect(address, "bank", SECRET) as client:
                    await (anext(client.events()) if kind == "subscribe" else client.status(["1"]))
            assert caught.value.code == "connection"

    play(scene)


def flood(frame: Frame) -> list[Frame]:
    """Twenty pages of one event as soon as they are asked for; everything else is answered."""
    kind = frame[0]
    if kind == "hello":
        return [WELCOME]
    if kind == "subscribe":
        pages: list[Frame] = [["events", [[n, {"id": str(n)}]]] for n in range(20)]
        return [["subscribed", frame[1], {"after": None}], *pages]
    return [] if kind == "ack" else [["result", frame[1], [{"id": frame[2][0]}]]]


def test_the_body_of_the_loop_may_ask_however_many_events_wait(play: Play) -> None:
    async def scene() -> None:
        seen: list[Any] = []
        with scripted(flood) as address:
            async with connect(address, "bank", SECRET) as client:
                async for event in client.events():
                    seen += await client.status([event["id"]])
                    if len(seen) == 20:
                        break
        assert [each["id"] for each in seen] == [str(n) for n in range(20)]

    play(scene)


def test_what_was_read_ahead_for_an_earlier_loop_is_not_given_to_a_later_one(play: Play) -> None:
    async def scene() -> None:
        with scripted(flood) as address:
            async with connect(address, "bank", SECRET) as client:
                assert await read(client, 2) == ["0", "1"]
                assert await read(client, 20) == [str(n) for n in range(20)]

    play(scene)
