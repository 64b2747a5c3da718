import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.constants import MAX_PDU_OCTETS, Tag
from protocol.pdu import SubmitSm
from simulator.blocks import Block, LedgerFailed, Shelf, pack, unpack
from simulator.parts import Part

OCTETS = st.binary(max_size=254)
SUBMITS = st.builds(
    SubmitSm,
    source_addr=OCTETS,
    destination_addr=OCTETS,
    esm_class=st.integers(0, 255),
    validity_period=OCTETS,
    data_coding=st.integers(0, 255),
    short_message=OCTETS,
    tlvs=st.lists(st.tuples(st.sampled_from(Tag), OCTETS), max_size=3).map(tuple),
)
PARTS = st.builds(
    Part, OCTETS, st.integers(0, 2**31), OCTETS, st.integers(0, 2**32 - 1), st.floats(0, allow_infinity=False), SUBMITS
)


def block(first: int, packed: bytes = b"octets", count: int = 10) -> Block:
    return Block(first, count, 1, len(packed), packed)


def fields(part: Part) -> tuple[object, ...]:
    return part.index, part.message_id, part.session, part.system_id, part.sequence_number, part.time, part.submit


@given(st.lists(PARTS, max_size=5), st.integers(0, 2**40))
def test_what_is_packed_comes_back_with_its_index(parts: list[Part], first: int) -> None:
    found = unpack(first, pack(parts))
    for index, part in enumerate(parts, first):
        part.index = index
    assert list(map(fields, found)) == list(map(fields, parts))
    assert pack(found) == pack(parts)


def test_the_longest_pdu_comes_back() -> None:
    part = Part(b"1", 1, b"denpo", 1, 0.0, SubmitSm(tlvs=((Tag.MESSAGE_PAYLOAD, b"x" * MAX_PDU_OCTETS),)))
    assert fields(unpack(-1, pack([part]))[0]) == fields(part)


@pytest.fixture(params=["nameless", "open"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf.nameless() if request.param == "nameless" else Shelf.open(tmp_path / "ledger")
    yield made
    made.close()


@pytest.mark.parametrize("number", [0, 1, 3, 4, 63, 64, 200])
def test_blocks_that_were_written_are_read(shelf: Shelf, number: int) -> None:
    shelf.write([block(10 * n, b"%d" % n) for n in range(number)], 0)
    assert shelf.blocks() == [Block(10 * n, 10, 1, len(str(n))) for n in range(number)]
    assert [each.end for each in shelf.blocks()] == [10 * n + 10 for n in range(number)]
    assert [shelf.read(10 * n) for n in range(number)] == [b"%d" % n for n in range(number)]
    assert shelf.read(10 * number) == b""


def test_a_block_takes_the_place_of_the_one_before(shelf: Shelf) -> None:
    shelf.write([block(0, b"few", 3)], 0)
    shelf.write([block(0, b"many", 10)], 0)
    assert shelf.blocks() == [Block(0, 10, 1, 4)]
    assert shelf.read(0) == b"many"


def test_blocks_below_an_index_are_forgotten(shelf: Shelf) -> None:
    shelf.write([block(0), block(10), block(20)], 0)
    shelf.write([block(30)], 20)
    assert [each.first for each in shelf.blocks()] == [20, 30]


def test_a_search_finds_the_oldest_or_newest_block_with_all_needles(shelf: Shelf) -> None:
    shelf.write([block(n, octets) for n, octets in enumerate([b"a", b"ab", b"b\0c", b"abc", b"c"])], 0)
    assert shelf.search([], 1, 5) == 1
    assert shelf.search([b"b", b"c"], 0, 5) == 2
    assert shelf.search([b"b", b"c"], 0, 5, newest=True) == 3
    assert shelf.search([b"b", b"c"], 0, 3, newest=True) == 2
    assert shelf.search([b"\0"], 0, 5) == 2
    assert shelf.search([b"d"], 0, 5) is None
    assert shelf.search([b"a"], 4, 5) is None


def test_a_file_is_there_when_it_is_opened_again_and_is_one_file_when_closed(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    shelf = Shelf.open(path)
    shelf.write([block(5)], 0)
    assert shelf.keeps
    shelf.close()
    assert [each.name for each in tmp_path.iterdir()] == ["ledger"]
    again = Shelf.open(path)
    assert again.read(5) == b"octets"
    again.close()


def test_a_nameless_shelf_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    shelf = Shelf.nameless()
    shelf.write([block(n, bytes(1024**2)) for n in range(20)], 0)
    assert not shelf.keeps
    assert list(tmp_path.iterdir()) == []
    shelf.close()


def test_a_file_is_written_by_one_and_read_by_many_who_see_what_was_there_at_first(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    shelf = Shelf.open(path)
    shelf.write([block(0)], 0)
    reader = Shelf.read_only(path)
    assert not reader.keeps
    assert len(reader.blocks()) == 1
    shelf.write([block(10)], 10)
    assert len(reader.blocks()) == 1
    assert reader.read(0) == b"octets"
    with pytest.raises(LedgerFailed, match=r": another simulator writes to it$"):
        Shelf.open(path)
    shelf.close()  # though it is being read
    reader.close()
    later = Shelf.read_only(path)
    assert [each.first for each in later.blocks()] == [10]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        later.write([block(0)], 0)
    later.close()


def test_what_a_crash_leaves_is_there(tmp_path: Path) -> None:
    shelf = Shelf.open(tmp_path / "ledger")
    shelf.write([block(0)], 0)
    for each in list(tmp_path.iterdir()):
        (tmp_path / each.name.replace("ledger", "copy")).write_bytes(each.read_bytes())
    shelf.close()
    copy = Shelf.open(tmp_path / "copy")
    assert copy.read(0) == b"octets"
    copy.close()


def make_text(path: Path) -> None:
    path.write_text("no database " * 100)


def make_other(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE messages (body BLOB)")
    connection.close()


def make_newer(path: Path) -> None:
    Shelf.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()


def make_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_text, ": file is not a database$"),
        (make_other, ": not a ledger$"),
        (make_newer, ": a ledger of version 2; this denpo reads version 1$"),
        (make_folder, ": is a directory$|: unable to open database file$|: disk I/O error$"),
    ],
)
def test_a_file_that_is_no_ledger_is_refused_and_left_alone(tmp_path: Path, make: object, reason: str) -> None:
    path = tmp_path / "ledger"
    assert callable(make)
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    for opened in (Shelf.open, Shelf.read_only):
        with pytest.raises(LedgerFailed, match=reason):
            opened(path)
    assert before == (path.read_bytes() if path.is_file() else b"")


def test_a_file_is_made_to_be_written_but_not_to_be_read(tmp_path: Path) -> None:
    with pytest.raises(LedgerFailed, match="unable to open database file"):
        Shelf.read_only(tmp_path / "ledger")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(LedgerFailed, match="no such file or directory"):
        Shelf.open(tmp_path / "nowhere" / "ledger")


def test_an_empty_file_is_no_ledger_to_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.touch()
    with pytest.raises(LedgerFailed, match="not a ledger"):
        Shelf.read_only(path)
    Shelf.open(path).close()
    Shelf.read_only(path).close()
