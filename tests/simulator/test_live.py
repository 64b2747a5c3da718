import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from simulator import live
from simulator.live import MAX_WAITING, MAX_WAITING_OCTETS, MAX_WATCHERS, EventStream, Hub, Watcher

Event = tuple[str, Any]


def read_events(chunk: bytes) -> list[Event]:
    """What a browser would make of a chunk, which has whole events."""
    found = []
    for block in chunk.decode().removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if "data" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


async def next_events(watcher: Watcher) -> list[Event]:
    return read_events(await anext(watcher))


async def test_who_watches_is_greeted_at_once_so_that_the_answer_begins(autojump_clock: trio.testing.MockClock) -> None:
    with Hub().watch(pdus=False) as watcher:
        assert await anext(watcher) == b"retry: 1000\n\n"
    assert trio.current_time() == 0


async def test_each_watcher_is_told_each_event_in_order() -> None:
    hub = Hub()
    with hub.watch(pdus=False) as one, hub.watch(pdus=False) as other:
        hub.publish("part", {"index": 1})
        hub.publish("mo", {"text": "電報\n\n🙏"})
        for watcher in (one, other):
            assert await next_events(watcher) == [("part", {"index": 1}), ("mo", {"text": "電報\n\n🙏"})]


async def test_pdus_are_told_only_to_those_who_asked_for_them() -> None:
    hub = Hub()
    with hub.watch(pdus=False) as quiet:
        assert not hub.wants("pdu")
        with hub.watch(pdus=True) as curious:
            assert hub.wants("pdu")
            hub.publish("pdu", {})
            hub.publish("part", {})
            assert await next_events(curious) == [("pdu", {}), ("part", {})]
            assert await next_events(quiet) == [("part", {})]


async def test_nothing_is_made_for_nobody() -> None:
    hub = Hub()
    made = []

    def make() -> dict[str, Any]:
        made.append(1)
        return {}

    hub.publish_made("part", make)
    assert not hub.wants("part")
    with hub.watch(pdus=False), hub.watch(pdus=False):
        assert hub.wants("part")
        hub.publish_made("pdu", make)
        assert not made
        hub.publish_made("part", make)
    assert len(made) == 1


async def test_what_a_slow_watcher_has_no_room_for_is_counted_and_the_rest_kept() -> None:
    hub = Hub()
    with hub.watch(pdus=False) as watcher:
        for index in range(MAX_WAITING + 20):
            hub.publish("part", {"index": index})
        *kept, lost = await next_events(watcher)
        assert [fields["index"] for _, fields in kept] == list(range(len(kept)))
        assert lost == ("lost", {"count": MAX_WAITING + 20 - len(kept)})
        hub.publish("part", {"index": -1})
        assert await next_events(watcher) == [("part", {"index": -1})]


async def test_few_events_of_great_size_are_bounded_too() -> None:
    hub = Hub()
    size = MAX_WAITING_OCTETS // 4
    with hub.watch(pdus=False) as watcher:
        for _ in range(20):
            hub.publish("part", {"text": "x" * size})
        chunk = await anext(watcher)
        assert len(chunk) < MAX_WAITING_OCTETS + 2 * size
        assert read_events(chunk)[-1][0] == "lost"


@given(st.lists(st.one_of(st.just("read"), st.integers(1, 400)), max_size=20))
def test_events_told_and_events_lost_are_all_there_were(steps: list[int | str]) -> None:
    told, lost = [], 0

    async def run() -> int:
        nonlocal lost
        hub, published = Hub(), 0
        with hub.watch(pdus=False) as watcher:
            for step in [*steps, "read"]:
                if isinstance(step, int):
                    for index in range(published, published + step):
                        hub.publish("part", {"index": index})
                    published += step
                    continue
                for kind, fields in await next_events(watcher):
                    if kind == "lost":
                        lost += fields["count"]
                    else:
                        told.append(fields["index"])
        return published

    published = trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    assert told == sorted(set(told))
    assert len(told) + lost == published


async def test_what_happens_in_quick_succession_goes_together(autojump_clock: trio.testing.MockClock) -> None:
    hub = Hub()
    with hub.watch(pdus=False) as watcher:
        await anext(watcher)
        async with trio.open_nursery() as nursery:

            async def publish() -> None:
                for index in range(4):
                    hub.publish("part", {"index": index})
                    await trio.sleep(live.PAUSE_SECONDS / 10)

            nursery.start_soon(publish)
            assert len(await next_events(watcher)) == 4


async def test_silence_is_broken_by_a_comment(autojump_clock: trio.testing.MockClock) -> None:
    with Hub().watch(pdus=False) as watcher:
        await anext(watcher)
        assert await anext(watcher) == b":\n\n"
        assert trio.current_time() == pytest.approx(live.QUIET_SECONDS + live.PAUSE_SECONDS)


async def test_every_watching_ends_when_the_hub_stops_now_and_later() -> None:
    hub = Hub()
    with hub.watch(pdus=False) as watcher:
        await anext(watcher)
        async with trio.open_nursery() as nursery:

            async def watch_to_the_end() -> None:
                assert [chunk async for chunk in watcher] == []

            nursery.start_soon(watch_to_the_end)
            await trio.testing.wait_all_tasks_blocked()
            hub.stop()
    with hub.watch(pdus=False) as late:
        assert [chunk async for chunk in late] == []


async def test_who_left_is_told_nothing_and_makes_room_for_another() -> None:
    hub = Hub()
    watchers = [hub.watch(pdus=True) for _ in range(MAX_WATCHERS)]
    for watcher in watchers:
        assert not hub.full
        watcher.__enter__()
    assert hub.full
    watchers[0].__exit__()
    assert not hub.full
    watchers[1].__exit__()
    hub.publish("part", {})
    assert watchers[1].lost == 0
    assert await next_events(watchers[1]) == []


async def test_the_answer_is_a_stream_of_events_that_ends_with_the_hub(
    autojump_clock: trio.testing.MockClock,
) -> None:
    hub = Hub()

    async def get_events(request: Request) -> EventStream:
        return EventStream(hub, pdus=request.query_params.get("pdus") == "1")

    transport = httpx.ASGITransport(Starlette(routes=[Route("/events", get_events)]))
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://simulator") as client,
        trio.open_nursery() as nursery,
    ):

        async def publish() -> None:
            while not hub.wants("pdu"):
                await trio.testing.wait_all_tasks_blocked()
            hub.publish("pdu", {"name": "submit_sm"})
            await trio.sleep(2 * live.PAUSE_SECONDS)
            hub.stop()

        nursery.start_soon(publish)
        answer = await client.get("/events?pdus=1")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert read_events(answer.content) == [("pdu", {"name": "submit_sm"})]
    assert not hub.wants("pdu")


async def test_a_watcher_who_leaves_early_is_no_longer_told(autojump_clock: trio.testing.MockClock) -> None:
    hub = Hub()
    left = trio.Event()

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:  # noqa: ANN401  # ASGI's own
        await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_call(EventStream(hub), receive, send))
        await trio.testing.wait_all_tasks_blocked()
        assert hub.wants("part")
        left.set()
    assert not hub.wants("part")


def _call(app: Any, receive: Any, send: Any) -> Callable[[], Any]:  # noqa: ANN401  # ASGI's own
    return lambda: app({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
