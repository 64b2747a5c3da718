"""What quotas have counted, on disk: with the messages, less what was there before, two rows for each client."""

from collections.abc import Iterable
from pathlib import Path

from gateway.store.sqlite import SqliteStore
from tests.gateway.fakes import message
from tests.gateway.store.disk import crash, opened


def spend(store: SqliteStore, client: str, day: int, month: int, messages: Iterable[tuple[str, int]]) -> None:
    """Note messages (id, parts) that count."""
    made = [message(id=id_, total=parts, client=client) for id_, parts in messages]
    store.add(made).spent.append((client, day, month, made))


async def test_parts_are_counted_with_the_commit_by_day_and_month(tmp_path: Path) -> None:
    async with opened(tmp_path / "store") as store:
        spend(store, "shop", 7, 1, [("a", 9)])
        await store.commit.wait()
        spend(store, "bank", 7, 1, [("a", 3), ("b", 1)])
        spend(store, "bank", 7, 1, [("c", 1)])
        spend(store, "bank", 8, 1, [("d", 2)])
        await store.commit.wait()
        assert await store.spent() == [("bank", 0, 8, 2), ("bank", 1, 1, 7), ("shop", 0, 7, 9), ("shop", 1, 1, 9)]
        place = crash(tmp_path / "store", tmp_path / "after")
    async with opened(place) as store:
        spend(store, "bank", 8, 2, [("e", 1)])
        await store.commit.wait()
        assert (await store.spent())[:2] == [("bank", 0, 8, 3), ("bank", 1, 2, 1)]


async def test_what_was_there_before_is_not_counted_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        spend(store, "bank", 7, 1, [("a", 3), ("a", 3)])
        await store.commit.wait()
        spend(store, "bank", 7, 1, [("a", 3), ("b", 1)])
        await store.commit.wait()
        assert await store.spent() == [("bank", 0, 7, 4), ("bank", 1, 1, 4)]
