import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from simulator import ledger as ledger_module
from simulator.blocks import Block
from simulator.ledger import SAVE_SECONDS, Ledger, LedgerFailed, Part, Query, Shelf, describe
from tests.simulator.taken import BLOCK, DESTINATION, TIME, part, parts, read_all, single, singles, small_blocks, take


@pytest.fixture(autouse=True, scope="module")
def _small_blocks() -> Iterator[None]:
    with small_blocks():
        yield


async def settled(ledger: Ledger) -> None:
    """Wait until all that fills a block is on disk."""
    while ledger._waiting:
        async with ledger._writing:
            pass


async def indexes(ledger: Ledger) -> list[int]:
    return [entry.part.index for entry in await read_all(ledger)]


class Slow(Shelf):
    """A disk that takes nothing until it is let."""

    def __init__(self, let: Event) -> None:
        super().__init__(Shelf.nameless()._connection)
        self._let = let

    def write(self, blocks: Sequence[Block], begin: int) -> None:
        self._let.wait()
        super().write(blocks, begin)


async def test_a_ledger_is_full_while_the_disk_lags_and_takes_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MAX_WAITING_OCTETS", 1000)
    monkeypatch.setattr(ledger_module, "LAG_OCTETS", 500)
    let = Event()
    ledger = Ledger(1000, Slow(let))
    async with trio.open_nursery() as nursery:
        await nursery.start(ledger.run)
        take(ledger, singles(20 * BLOCK))
        assert ledger.full
        await wait_all_tasks_blocked()
        assert len(await read_all(ledger)) == 20 * BLOCK
        let.set()
        await settled(ledger)
        assert not ledger.full
        nursery.cancel_scope.cancel()
    assert len(await read_all(ledger)) == 20 * BLOCK
    await ledger.close()


async def test_blocks_may_be_forgotten_or_cleared_while_they_are_written() -> None:
    let = Event()
    ledger = Ledger(2 * BLOCK, Slow(let))
    async with trio.open_nursery() as nursery:
        await nursery.start(ledger.run)
        take(ledger, singles(2 * BLOCK))
        await wait_all_tasks_blocked()
        take(ledger, singles(2 * BLOCK))
        assert len(await read_all(ledger)) == 2 * BLOCK
        ledger.clear()
        take(ledger, singles(BLOCK + 1))
        let.set()
        await settled(ledger)
        nursery.cancel_scope.cancel()
    await ledger._write_all()
    assert ledger._shelf
    assert [block.first for block in ledger._shelf.blocks()] == [4 * BLOCK]
    assert await indexes(ledger) == list(range(4 * BLOCK, 5 * BLOCK + 1))
    assert ledger._waiting_octets == 0
    await ledger.close()


class Broken(Shelf):
    """A disk that is full."""

    @property
    def keeps(self) -> bool:
        return True

    def write(self, blocks: Sequence[Block], begin: int) -> None:
        raise sqlite3.OperationalError("database or disk is full")


async def test_a_disk_that_takes_no_more_ends_the_ledger() -> None:
    ledger = Ledger(100, Broken(Shelf.nameless()._connection))
    take(ledger, singles(BLOCK))
    with pytest.raises(LedgerFailed, match=r"^the ledger can't be written: database or disk is full$"):
        await ledger.close()
    with pytest.RaisesGroup(LedgerFailed, flatten_subgroups=True):
        await ledger.run()


class Gone(Shelf):
    """A disk on which blocks are forgotten just before they are read."""

    def read(self, first: int) -> bytes:
        return b""


async def test_what_is_forgotten_just_before_it_is_read_is_left_out() -> None:
    ledger = Ledger(100, Gone(Shelf.nameless()._connection))
    first, second = parts("あ" * 100)
    take(ledger, [first, second, *singles(BLOCK - 2), *singles(1)])
    stop = await ledger.examine(TIME)
    await ledger._write_all()
    ledger._unpacked.clear()
    assert await ledger.part(0) is None
    assert await ledger.part(BLOCK) is not None
    assert await ledger.part(99) is None
    assert await ledger.read(Query(), 0, stop) == ([], BLOCK)
    assert await ledger.read(Query(destination=DESTINATION), 0, stop) == ([], 1)
    assert (await ledger.entry(first)).indexes == ()
    await ledger.close()


def rows(path: Path) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT * FROM blocks ORDER BY first").fetchall()
    connection.close()
    return found


async def test_a_file_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    for n in range(3):
        ledger = Ledger(1000, Shelf.open(path))
        assert ledger.parts == ledger.messages == ledger.end == n * 2 * BLOCK + n
        take(ledger, singles(2 * BLOCK + 1))
        await ledger.close()
    ledger = Ledger(1000, Shelf.open(path))
    assert await indexes(ledger) == list(range(6 * BLOCK + 3))
    ledger.clear()
    await ledger.close()
    assert rows(path) == []


async def test_parts_that_fill_no_block_are_saved_each_second(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(1000, Shelf.open(path))
    async with trio.open_nursery() as nursery:
        await nursery.start(ledger.run)
        for number in (1, 2, 2 + BLOCK):
            take(ledger, singles(number - ledger.end))
            await trio.sleep(1.5 * SAVE_SECONDS)
            async with ledger._writing:
                assert sum(block.count for block in _look(path)) == number
        nursery.cancel_scope.cancel()
    await ledger.close()
    assert [row[:3] for row in rows(path)] == [(0, BLOCK, BLOCK), (BLOCK, 2, 2)]


def _look(path: Path) -> list[Block]:
    shelf = Shelf.read_only(path)
    try:
        return shelf.blocks()
    finally:
        shelf.close()


async def test_a_ledger_can_be_read_while_another_simulator_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    writer = Ledger(BLOCK, Shelf.open(path))
    take(writer, singles(BLOCK))
    await writer._write_all()
    reader = Ledger(2**62, Shelf.read_only(path))
    take(writer, singles(BLOCK))
    await writer._write_all()
    assert await indexes(reader) == list(range(BLOCK))
    await reader.close()
    await writer.close()


MIXED = st.lists(st.sampled_from([b"a", b"b", "あ" * 100, "い" * 200]), max_size=15)


@given(MIXED, st.lists(st.integers(0, 30), max_size=4), st.lists(st.integers(0, 30), max_size=4))
async def test_the_same_parts_make_the_same_ledger_whenever_it_is_written_and_read(
    tmp_path_factory: pytest.TempPathFactory, what: list[str | bytes], first: list[int], second: list[int]
) -> None:
    submits = [each.submit for one in what for each in ([part(single(one))] if isinstance(one, bytes) else parts(one))]
    found = []
    for pauses in (first, second):
        path = tmp_path_factory.mktemp("ledger") / "ledger"
        ledger = Ledger(40, Shelf.open(path))
        for n, submit in enumerate(submits):
            if n in pauses:
                await ledger._write_all()
                await ledger.examine(TIME)
            ledger.take(Part(b"%d" % n, 1, b"denpo", n, TIME + n, submit))
        lines = [json.dumps(describe(entry)) for entry in await read_all(ledger, now=TIME + 100)]
        await ledger.close()
        found.append((lines, rows(path)))
    assert found[0] == found[1]
