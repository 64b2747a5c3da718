"""Who took a number's last message: told to messages where it matters, kept across restarts, aged and bounded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from gateway.message import LANE_NUMBERS, State
from gateway.store.sqlite import SqliteStore
from protocol.constants import Lane
from tests.gateway.fakes import NOW, message
from tests.gateway.store.disk import Clock, keep, opened

HOLD = 1000.0
NORMAL = LANE_NUMBERS[Lane.NORMAL]
IDS = count()
NUMBERS = [f"8190{n:08}" for n in range(700)]


@asynccontextmanager
async def a_store(folder: Path, clock: Clock | None = None) -> AsyncIterator[SqliteStore]:
    async with opened(folder, clock) as store:
        store.home_hold = HOLD
        yield store


async def homes(store: SqliteStore, plan: str = "alpha,beta") -> list[str]:
    """What new messages to the numbers are told, both when they are added and when they are read again."""
    made = [message(id=f"m{next(IDS)}", to=number, plan=plan) for number in NUMBERS]
    await keep(store, *made)
    read = await store.waiting(plan, NORMAL, made[0].key - 1, len(made))
    assert [each.home for each in read] == [each.home for each in made]
    return [each.home for each in made]


async def remember(store: SqliteStore, carrier: str, count: int = len(NUMBERS)) -> None:
    for number in NUMBERS[:count]:
        store.remember_home(number, carrier)
    await store.commit.wait()


async def test_messages_are_told_who_took_their_numbers_last_one_after_a_restart_too(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        assert await homes(store) == [""] * 700
        await remember(store, "alpha", 600)
        await remember(store, "beta", 300)
        assert await homes(store) == ["beta"] * 300 + ["alpha"] * 300 + [""] * 100
    async with a_store(tmp_path) as store:
        assert await homes(store) == ["beta"] * 300 + ["alpha"] * 300 + [""] * 100


async def test_what_is_due_is_told_too(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        await remember(store, "beta", 1)
        await keep(store, message(to=NUMBERS[0], plan="alpha,beta", state=State.HELD, due=NOW))
        [due] = await store.due(NOW, (0.0, 0), 9)
        assert due.home == "beta"


async def test_a_plan_of_one_carrier_a_hint_and_a_gateway_without_such_statuses_are_not_asked_for(
    tmp_path: Path,
) -> None:
    seen: list[str] = []
    async with a_store(tmp_path) as store:
        await remember(store, "beta")
        for connection in (store._connection, store._reader):
            connection.set_trace_callback(seen.append)
        assert await homes(store, "alpha") == await homes(store, "=alpha,beta") == [""] * 700
        store.home_hold = 0.0
        assert await homes(store) == [""] * 700
    assert not any("homes" in statement for statement in seen)


async def test_it_is_believed_for_so_long_and_then_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    async with a_store(tmp_path, clock) as store:
        await remember(store, "alpha", 2)
        clock.now += HOLD - 1
        await remember(store, "beta", 1)
        assert (await homes(store))[:2] == ["beta", "alpha"]
        clock.now += 1
        assert (await homes(store))[:2] == ["beta", ""]
        assert await store.forget_homes(clock.now - HOLD + 0.5, 1000, 9)
        await store.commit.wait()
        assert not await store.forget_homes(clock.now - HOLD + 0.5, 1000, 9)
        assert await store._fetch("SELECT number FROM homes") == [(NUMBERS[0],)]


async def test_beyond_the_most_the_oldest_are_forgotten_page_by_page(tmp_path: Path) -> None:
    clock = Clock()
    async with a_store(tmp_path, clock) as store:
        for count in (30, 10):  # the first ten are written to again
            await remember(store, "alpha", count)
            clock.now += 1
        pages = 0
        while await store.forget_homes(0.0, 12, 5):
            await store.commit.wait()
            pages += 1
        assert pages == 4
        left = {number for (number,) in await store._fetch("SELECT number FROM homes")}
    assert len(left) == 12
    assert left >= set(NUMBERS[:10])
