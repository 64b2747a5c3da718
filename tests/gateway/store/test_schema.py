"""Statements for many rows, and how the database is opened."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store import schema
from gateway.store.schema import Rows, insert, open_database

PUT = insert("numbers", 2, "ON CONFLICT DO NOTHING")
FIND = Rows("SELECT n FROM numbers WHERE kind = ? AND n IN (VALUES", 1, ") ORDER BY n")
DROP = Rows("DELETE FROM numbers WHERE kind = ? AND n IN (VALUES", 1, ")")
COUNTS = st.integers(0, 700)


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE numbers (kind TEXT, n INTEGER, PRIMARY KEY (kind, n))")
    yield connection
    connection.close()


@given(COUNTS, COUNTS)
def test_any_number_of_rows_is_written_found_and_deleted(connection: sqlite3.Connection, some: int, more: int) -> None:
    connection.execute("DELETE FROM numbers")
    few, many = sorted((some, more))
    assert PUT.run(connection, [("a", n) for n in range(few)]) == few
    assert PUT.run(connection, [("a", n) for n in range(many)]) == many - few
    PUT.run(connection, [("b", n) for n in range(few)])
    asked = [(n,) for n in range(-5, many + 5)]
    assert sorted(FIND.select(connection, asked, "a")) == [(n,) for n in range(many)]
    assert FIND.select(connection, [], "a") == []
    assert DROP.run(connection, asked, "a") == many
    assert sorted(FIND.select(connection, asked, "b")) == [(n,) for n in range(few)]


@given(st.lists(COUNTS, min_size=1, max_size=20))
def test_only_a_few_statements_are_ever_prepared_for_writing(sizes: list[int]) -> None:
    seen: set[str] = set()
    recording = sqlite3.connect(":memory:", isolation_level=None)
    recording.execute("CREATE TABLE numbers (kind TEXT, n INTEGER, PRIMARY KEY (kind, n))")

    class Recorder:
        def execute(self, statement: str, values: list[object]) -> sqlite3.Cursor:
            seen.add(statement)
            return recording.execute(statement, values)

    for size in sizes:
        PUT.run(Recorder(), [("a", n) for n in range(size)])  # type: ignore[arg-type]  # all that run() needs of one
    recording.close()
    assert len(seen) <= 21


def test_the_database_is_made_durable_and_of_this_version(tmp_path: Path) -> None:
    connection = open_database(str(tmp_path / "x.sqlite3"))
    pragmas = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}
    assert connection.execute("PRAGMA user_version").fetchone()[0] == schema.VERSION
    connection.close()


def test_a_database_is_opened_again_with_what_is_in_it(tmp_path: Path) -> None:
    path = str(tmp_path / "x.sqlite3")
    connection = open_database(path)
    connection.execute("INSERT INTO cursors VALUES ('bank', 7)")
    connection.close()
    connection = open_database(path)
    assert connection.execute("SELECT * FROM cursors").fetchall() == [("bank", 7)]
    connection.close()


def test_a_database_of_a_newer_version_is_refused_in_words_and_left_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "x.sqlite3")
    connection = open_database(path)
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    with pytest.raises(
        ValueError, match=rf"x\.sqlite3 is of version {schema.VERSION + 1}; .* version {schema.VERSION}"
    ):
        open_database(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == schema.VERSION + 1
    connection.close()


def test_the_tables_take_no_value_of_a_wrong_type(tmp_path: Path) -> None:
    connection = open_database(str(tmp_path / "x.sqlite3"))
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO events VALUES ('bank', 'not a cursor', x'00')")
    connection.close()
