"""Commits: shared, bounded, in order, and nobody goes on before theirs is on disk."""

import sqlite3
import time
from pathlib import Path

import pytest
import trio

from gateway.message import LANE_NUMBERS, PartState, State
from gateway.store import Commit
from gateway.store.sqlite import DATABASE, LARGE, SqliteStore
from protocol.constants import Lane
from tests.gateway.fakes import NOW, message
from tests.gateway.store.disk import Clock, keep, opened, several

SECONDS = 60.0
"""Until the disk must have done its work."""
NORMAL = LANE_NUMBERS[Lane.NORMAL]


async def test_whoever_writes_while_the_disk_is_busy_shares_the_next_commit(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        first = store.add(several(1))
        while not first.rows:
            await trio.lowlevel.checkpoint()
        assert not first.done.is_set()
        async with trio.open_nursery() as nursery:
            for n in range(1, 200):
                nursery.start_soon(store.add([message(id=f"x{n}")]).wait)
                store.emit("bank", b"event")
        assert store.commits == 2
        assert (await store.count_waiting()) == [(NORMAL, 200)]


async def test_a_commit_is_bounded_and_the_rest_goes_with_the_next(tmp_path: Path) -> None:
    sizes: list[int] = []
    async with opened(tmp_path, most=10) as store:
        store.committed = lambda commit: sizes.append(len(commit.added))
        commits = [store.add([message(id=f"m{n}.{i}") for i in range(4)]) for n in range(60)]
        for commit in commits:
            await commit.wait()
    assert sum(sizes) == 240
    assert sizes[0] < 10 + 4  # the next is larger, for this one waits
    assert sizes[0] < max(sizes) < 10 * LARGE + 4


async def test_commits_are_told_of_in_order_and_before_whoever_waits_goes_on(tmp_path: Path) -> None:
    told: list[Commit] = []
    async with opened(tmp_path, most=1) as store:
        store.committed = told.append
        commits = [store.add([message(id=f"m{n}")]) for n in range(5 * LARGE)]
        for commit in commits:
            await commit.wait()
            assert commit in told
        assert told == list({id(commit): commit for commit in commits}.values())
        assert len(told) > 2


async def test_who_waits_goes_on_only_when_others_can_read_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        other = sqlite3.connect(tmp_path / DATABASE)
        for n in range(20):
            await keep(store, message(id=f"m{n}"))
            assert other.execute("SELECT count(*) FROM messages").fetchone() == (n + 1,)
        other.close()


async def test_the_leases_of_a_commit_go_to_disk_with_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        asked: list[Commit] = []

        def leases(commit: Commit) -> dict[tuple[str, int], int]:
            asked.append(commit)
            return {("alpha", NORMAL): 7 - len(asked)}

        store.leases = leases
        for n in range(2):
            commit = await keep(store, message(id=f"m{n}"))
            assert commit.leases == {("alpha", NORMAL): 6 - n}
        assert len(asked) == 2
        other = sqlite3.connect(tmp_path / DATABASE)
        assert other.execute("SELECT * FROM leases").fetchall() == [("alpha", NORMAL, 6)]  # it never goes back
        other.close()


async def test_nobody_is_told_of_a_commit_that_failed(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, Clock(), 1000)
    await store.open(NOW)
    store._connection.execute("DROP TABLE events")
    told: list[Commit] = []
    store.committed = told.append
    store.emit("bank", b"event")
    commit = store.add(several(1))
    with pytest.RaisesGroup(sqlite3.OperationalError):
        await store.run()
    assert (told, commit.done.is_set()) == ([], False)
    store._connection.execute("ROLLBACK")
    await store.close(clean=False)


async def test_what_nobody_has_written_yet_is_written_at_the_end(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, Clock(), 2)
    await store.open(NOW)
    commits = [store.add([message(id=f"m{n}.{i}") for i in range(2)]) for n in range(3)]
    await store.close(clean=True)
    assert all(commit.done.is_set() for commit in commits)
    async with opened(tmp_path) as again:
        assert await again.count_waiting() == [(NORMAL, 6)]


async def test_what_was_noted_before_the_end_is_written_at_the_end(tmp_path: Path) -> None:
    async with opened(tmp_path, most=2) as store:
        commits = [store.add([message(id=f"m{n}.{i}") for i in range(2)]) for n in range(5)]
    assert all(commit.done.is_set() for commit in commits)
    async with opened(tmp_path) as store:
        assert await store.count_waiting() == [(NORMAL, 10)]


async def test_the_thread_goes_on_with_what_is_sealed_while_the_loop_is_busy(tmp_path: Path) -> None:
    async with opened(tmp_path, most=1) as store:
        for _ in range(2):
            store.add([message(id=f"m{n}") for n in range(LARGE)])
            store.seal_much()
        while len(store._sealed) == 2:
            await trio.lowlevel.checkpoint()
        patience = time.monotonic() + SECONDS
        while len(store._written) < 2 and time.monotonic() < patience:
            time.sleep(0.001)  # noqa: ASYNC251  # the loop does nothing else, and nobody is told
        assert (len(store._written), store.commits) == (2, 0)
        await store.commit.wait()
        assert store.commits == 3


async def test_what_changes_after_a_commit_was_sealed_belongs_to_the_next_like_its_event(tmp_path: Path) -> None:
    async with opened(tmp_path, most=1) as store:
        on_disk: list[int] = []
        write = store._write

        def spy(commit: Commit) -> None:
            write(commit)
            on_disk.append(store._connection.execute("SELECT state FROM messages").fetchone()[0])

        store._write = spy  # type: ignore[method-assign]  # what a crash right after each commit would leave
        kept = message(0, PartState.WAITING, id="a")
        await keep(store, kept)
        kept.state = State.SUBMITTED
        store.save(kept)
        store.emit("bank", b"submitted")
        sealed = store.commit
        store.seal_much()
        kept.state = State.DELIVERED
        store.save(kept)
        store.emit("bank", b"delivered")
        assert [packed for _, packed in sealed.events["bank"]] == [b"submitted"]
        await store.commit.wait()
        assert on_disk == [State.WAITING, State.SUBMITTED, State.DELIVERED]
        assert [packed for _, packed in await store.events("bank", 0, 9)] == [b"submitted", b"delivered"]


async def test_a_commit_knows_how_many_new_messages_go_before_it(tmp_path: Path) -> None:
    async with opened(tmp_path, most=1) as store:
        commits = []
        for size in (3, LARGE, LARGE):
            commits.append(store.add([message(id=f"{size}.{n}") for n in range(size)]))
            store.seal_much()
        await commits[-1].wait()
        assert [commit.ahead for commit in commits] == [0, 3, 3 + LARGE]
        assert (await keep(store, message(id="last"))).ahead == 0
