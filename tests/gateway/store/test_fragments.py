"""Parts of handsets' messages on disk: kept and forgotten with whatever else is of the same commit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.store import Place
from gateway.store import schema as sql
from gateway.store.sqlite import DATABASE, SqliteStore

NOW = 1_800_000_000.0
NUMBERS = st.integers(1, 3)
STEPS = st.lists(st.tuples(NUMBERS, st.binary(max_size=3) | st.none(), st.booleans()), max_size=12)


def place(number: int = 1, source: bytes = b"\xff8190\0") -> Place:
    """The place of a part of one message of 255 parts."""
    return "bank", "alpha", source, b"0005123456", 8, 16, 0xFFFF, 255, number


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[SqliteStore]:
    """A store that commits; it is closed at the end."""
    store = SqliteStore(folder, lambda: NOW, 2000)
    await store.open(NOW)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        yield store
        await store.commit.wait()
        nursery.cancel_scope.cancel()
    await store.close(clean=True)


async def test_parts_are_there_after_a_restart_oldest_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for number, at in ((1, NOW + 2), (2, NOW), (3, NOW + 1)):
            store.keep_fragment(place(number), bytes((number, 0, 255)), at)
    async with opened(tmp_path) as store:
        rows = await store.fragments()
    kept = ((2, NOW), (3, NOW + 1), (1, NOW + 2))
    assert rows == [(*place(number), bytes((number, 0, 255)), at) for number, at in kept]


async def test_only_the_named_parts_are_forgotten_and_those_that_were_never_there_do_no_harm(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.keep_fragment(place(1), b"a", NOW)
        store.keep_fragment(place(1, b"other"), b"b", NOW)
        await store.commit.wait()
        store.forget_fragments([place(number) for number in range(1, 256)])
        await store.commit.wait()
        assert await store.fragments() == [(*place(1, b"other"), b"b", NOW)]


@settings(max_examples=20)
@given(STEPS)
def test_what_was_noted_last_of_a_place_is_on_disk_wherever_commits_end(
    steps: list[tuple[int, bytes | None, bool]],
) -> None:
    async def follow(folder: Path) -> None:
        expected: dict[int, bytes] = {}
        async with opened(folder) as store:
            for number, body, ends in steps:
                if body is None:
                    store.forget_fragments([place(number)])
                    expected.pop(number, None)
                else:
                    store.keep_fragment(place(number), body, NOW)
                    expected[number] = body
                if ends:
                    await store.commit.wait()
            await store.commit.wait()
            found = await store.fragments()
        assert sorted(found) == [(*place(number), expected[number], NOW) for number in sorted(expected)]

    with TemporaryDirectory() as folder:
        trio.run(follow, Path(folder))


async def test_forgetting_looks_at_no_part_that_is_not_named(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    connection = sql.open_database(str(tmp_path / DATABASE))
    steps = connection.execute(f"EXPLAIN QUERY PLAN {sql.FORGET_FRAGMENTS.statement(2)}", [0] * 18).fetchall()
    connection.close()
    looks = [detail for *_, detail in steps if "fragments" in detail or " f " in detail]
    assert looks
    assert all(detail.startswith("SEARCH") for detail in looks)
