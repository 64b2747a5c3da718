"""The client library under asyncio and under Trio, against a real gateway and against ones that misbehave."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from gateway.client import AnswerTimeout, Client, ClientError, Event, Options, connect
from tests.config.documents import SECRET
from tests.gateway.builders import LONG, message
from tests.gateway.client.scenes import IDS, ONCE, QUICK, Play, make_events, read
from tests.gateway.servers import WELCOME, Server, scripted, serving


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


def test_one_message_has_one_result_and_none_has_none(server: Server, play: Play) -> None:
    async def scene() -> None:
        async with connect(server.address, "bank", SECRET) as client:
            id_ = next(IDS)
            result = await client.submit(message(id_))
            assert (result["id"], result["ok"], result["duplicate"]) == (id_, True, False)
            assert await client.submit([]) == []

    play(scene)


def test_what_can_not_be_sent_is_refused_and_fails_no_other(server: Server, play: Play) -> None:
    deep: dict[str, Any] = {}
    for _ in range(9):
        deep = {"deeper": deep}

    async def scene() -> None:
        async with connect(server.address, "bank", SECRET) as client:
            wrong = [
                message("surrogate", "\ud800"),
                message("object", meta={"when": object()}),
                message("deep", meta=deep),
                message("key", meta={1: 2}),
                message("long", "a" * client.welcome["max_frame"]),
            ]
            right = [message(next(IDS)) for _ in wrong]
            results = await client.submit([each for pair in zip(wrong, right, strict=True) for each in pair])
            assert [result["error"] for result in results[::2]] == ["bad_message"] * len(wrong)
            assert [result["id"] for result in results[::2]] == [each["id"] for each in wrong]
            assert all(result["ok"] for result in results[1::2])

    play(scene)


def test_any_number_of_messages_is_submitted_as_an_iterable_makes_them(server: Server, play: Play) -> None:
    async def scene() -> None:
        async with connect(server.address, "bank", SECRET) as client:
            ids = [next(IDS) for _ in range(2500)]
            results = [result["id"] async for result in client.submit_many(message(id_) for id_ in ids)]
            assert results == ids
            assert len(await client.status(ids)) == len(ids)

    play(scene)


def test_the_gateway_is_asked_whether_it_is_there(server: Server, play: Play) -> None:
    async def scene() -> None:
        async with connect(server.address, "bank", SECRET) as client:
            assert client.connected
            assert await client.ping() >= 0

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
        ("tcp:127.0.0.1:65536", 'an address is "unix:PATH", "tcp:HOST:PORT" or "tls:HOST:PORT"'),
        ("127.0.0.1:7070", 'an address is "unix:PATH"'),
        ("unix:", 'an address is "unix:PATH"'),
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
            assert (await anext(events))["id"] == first[1]
            second = await make_events(client, 1)
            assert (await anext(events))["id"] == second[0]
        async with connect(own.address, "bank", SECRET) as client:
            assert await read(client, 1) == second

    play(scene)


def test_pages_acknowledge_nothing_by_themselves_and_go_on_after_a_cursor(own: Server, play: Play) -> None:
    async def look(after: int | str | None = None) -> list[tuple[int | str, Event]]:
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
            assert await client.next_page() == seen
            await client.subscribe(seen[1][0])
            assert await client.next_page() == seen[2:]
            await client.acknowledge(seen[0][0])
        assert await look() == seen[1:]
        async with connect(own.address, "bank", SECRET) as client:
            await client.acknowledge(seen[1][0])
        assert await look() == seen[2:]

    play(scene)


def test_what_was_finished_is_acknowledged_though_the_loop_ended_in_an_error(own: Server, play: Play) -> None:
    async def fail(client: Client, number: int) -> None:
        async for _ in client.events():
            number -= 1
            if not number:
                raise LookupError

    async def scene() -> None:
        async with connect(own.address, "bank", SECRET) as client:
            ids = await make_events(client, 7)
        with pytest.raises(LookupError):
            async with connect(own.address, "bank", SECRET) as client:
                await fail(client, 5)
        async with connect(own.address, "bank", SECRET) as client:
            assert await read(client, 3) == ids[4:]

    play(scene)


def test_the_next_loop_begins_with_what_the_last_one_had_not_finished(own: Server, play: Play) -> None:
    async def scene() -> None:
        async with connect(own.address, "bank", SECRET) as client:
            ids = await make_events(client, 5)
            assert await read(client, 2) == ids[:2]
            assert await read(client, 4) == ids[1:]

    play(scene)


def test_loops_at_once_share_the_events(own: Server, play: Play) -> None:
    async def scene() -> None:
        async with connect(own.address, "bank", SECRET) as client:
            seen: list[str] = []
            ids = await make_events(client, 50)

            async def loop(scope: anyio.CancelScope) -> None:
                async for event in client.events():
                    seen.append(event["id"])
                    if len(seen) == len(ids):
                        scope.cancel()

            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(loop, tasks.cancel_scope)
            assert sorted(seen) == sorted(ids)

    play(scene)


def test_a_gateway_that_goes_away_is_an_error_if_it_is_not_to_be_waited_for(own: Server, play: Play) -> None:
    async def scene() -> None:
        async with connect(own.tcp, "bank", SECRET, options=ONCE) as client:
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


def test_a_gateway_that_comes_back_is_not_noticed(tmp_path: Path, play: Play) -> None:
    async def scene() -> None:
        with serving(tmp_path) as first:
            client_of = connect(first.address, "bank", SECRET, options=QUICK)
            async with client_of as client, anyio.create_task_group() as tasks:
                events = client.events()
                ids = await make_events(client, 2)
                seen = [(await anext(events))["id"]]
                first.stop()
                with serving(tmp_path):
                    ids += await make_events(client, 2)
                    seen += [(await anext(events))["id"] for _ in range(3)]
                    tasks.cancel_scope.cancel()
        assert seen == ids

    play(scene)


def test_who_submits_while_there_is_no_gateway_waits_for_it(tmp_path: Path, play: Play) -> None:
    async def scene() -> None:
        answered = anyio.Event()

        async def submit(client: Client) -> None:
            assert (await client.submit(message(next(IDS))))["ok"]
            answered.set()

        with serving(tmp_path) as first:
            async with connect(first.address, "bank", SECRET, options=QUICK) as client:
                await client.ping()
                first.stop()
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(submit, client)
                    await anyio.sleep(0.05)
                    with serving(tmp_path):
                        await answered.wait()

    play(scene)


def test_who_is_no_gateway_is_an_error(play: Play) -> None:
    async def scene() -> None:
        peer = scripted(lambda frame: [], b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with peer as address, pytest.raises(ClientError, match="not a gateway"):
            async with connect(address, "bank", SECRET):
                pytest.fail("it was welcomed")

    play(scene)


def test_who_never_welcomes_is_an_error(play: Play) -> None:
    options = Options(connect_timeout=0.1)

    async def scene() -> None:
        peer = scripted(lambda frame: [])
        with peer as address, pytest.raises(ClientError, match=r"no welcome within 0\.1 s"):
            async with connect(address, "bank", SECRET, options=options):
                pytest.fail("it was welcomed")

    play(scene)


def test_who_never_answers_is_an_error_that_says_what_is_known(play: Play) -> None:
    options = Options(answer_timeout=0.1)

    async def scene() -> None:
        with scripted(lambda frame: [WELCOME] if frame[0] == "hello" else []) as address:
            async with connect(address, "bank", SECRET, options=options) as client:
                with pytest.raises(ClientError, match=r"^no answer within 0\.1 s$"):
                    await client.status(["1"])
                with pytest.raises(AnswerTimeout, match="not known; submitting the same id again is safe") as caught:
                    await client.submit([message("1")])
                assert (caught.value.code, caught.value.results) == ("answer_timeout", [None])

    play(scene)


@pytest.mark.parametrize("kind", ["hello", "status"])
def test_who_closes_instead_of_answering_is_an_error(play: Play, kind: str) -> None:
    async def scene() -> None:
        with scripted(lambda frame: None if frame[0] == kind else [WELCOME]) as address:
            with pytest.raises(ClientError) as caught:
                async with connect(address, "bank", SECRET, options=ONCE) as client:
                    await client.status(["1"])
            assert caught.value.code == "connection"

    play(scene)
