"""The tables of the embedded store, and statements that write many rows in one step.

One step per list, not per row: SQLite works without the interpreter's lock only within a step, and a thread that must
take the lock back for each row waits for the busy loop each time (measured: 300 rows/s against 10,000 at the worst).
"""

import os
import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

VERSION: Final = 8

SCHEMA: Final = """
CREATE TABLE messages (
    key INTEGER PRIMARY KEY,
    client TEXT NOT NULL,
    id TEXT NOT NULL,
    lane INTEGER NOT NULL,
    plan TEXT NOT NULL,
    state INTEGER NOT NULL,
    due REAL,
    report INTEGER NOT NULL,
    repeated INTEGER NOT NULL,
    long INTEGER NOT NULL,
    body BLOB NOT NULL,
    life BLOB
) STRICT;
CREATE UNIQUE INDEX ids ON messages (client, id);
CREATE INDEX quiet ON messages (key) WHERE state = 1;
CREATE INDEX waiting ON messages (plan, lane, key) WHERE state = 2;
CREATE INDEX sending ON messages (key) WHERE state = 4;
CREATE INDEX unknown ON messages (key) WHERE state = 5;
CREATE INDEX long ON messages (key) WHERE long AND state BETWEEN 4 AND 7;
CREATE INDEX due ON messages (due, key) WHERE due IS NOT NULL;
CREATE TABLE carrier_ids (
    carrier TEXT NOT NULL,
    id TEXT NOT NULL,
    key INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (carrier, id, key, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE homes (number TEXT PRIMARY KEY, carrier TEXT NOT NULL, at REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX homes_by_age ON homes (at);
CREATE TABLE events (
    client TEXT NOT NULL,
    cursor INTEGER NOT NULL,
    event BLOB NOT NULL,
    PRIMARY KEY (client, cursor)
) STRICT, WITHOUT ROWID;
CREATE TABLE cursors (client TEXT PRIMARY KEY, acknowledged INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE early (
    key INTEGER PRIMARY KEY,
    carrier TEXT NOT NULL,
    receipt BLOB NOT NULL,
    at REAL NOT NULL
) STRICT;
CREATE TABLE fragments (
    client TEXT NOT NULL,
    carrier TEXT NOT NULL,
    source BLOB NOT NULL,
    destination BLOB NOT NULL,
    data_coding INTEGER NOT NULL,
    width INTEGER NOT NULL,
    reference INTEGER NOT NULL,
    total INTEGER NOT NULL,
    number INTEGER NOT NULL,
    body BLOB NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (client, carrier, source, destination, data_coding, width, reference, total, number)
) STRICT;
CREATE TABLE repeats (key INTEGER PRIMARY KEY, digest BLOB NOT NULL) STRICT;
CREATE TABLE spent (
    client TEXT NOT NULL,
    kind INTEGER NOT NULL,
    period INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    PRIMARY KEY (client, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE leases (
    plan TEXT NOT NULL,
    lane INTEGER NOT NULL,
    key INTEGER NOT NULL,
    PRIMARY KEY (plan, lane)
) STRICT, WITHOUT ROWID;
"""

COLUMNS: Final = "key, client, id, lane, plan, state, due, report, repeated, body, life"

NEWEST_NAMED: Final = 20
"""Parts that are found by one id at most, the newest: there are carriers that use few ids, or one."""

LOG_OCTETS: Final = 64 * 1024 * 1024
"""What the write-ahead log grows to: four times what is checkpointed at once, for a reader may hold that up."""

CACHED_STATEMENTS: Final = 512
"""Prepared at once: all those that are run often."""
_MOST: Final = 512
"""Rows in one statement at most."""
_STEP: Final = 32
_SIZES: Final = (1, 2, 4, 8, 16, *range(_STEP, _MOST + 1, _STEP))
"""Rows that a statement may have, filled up with NULL: a size more is a statement more to be prepared, and a list that
is written in two steps makes the thread wait twice for the interpreter's lock."""


class Rows:
    """A statement with a list of rows in it: `before (?, …), (?, …) after`; one that begins with NULL changes nothing.

    What is no int, float or str, but a bool, None, or a member of an enum, say, takes 0.1 us more to be bound, with the
    interpreter's lock held: sqlite3 looks for an adapter (Python 3.11).
    """

    def __init__(self, before: str, columns: int, after: str = "") -> None:
        self._before = before
        self._row = f"({', '.join('?' * columns)})"
        self._after = after
        self._firsts = before.count("?")
        self._blank: list[int | None] = [None, *[0] * (columns - 1)]
        self._statements: dict[int, str] = {}

    def run(self, connection: sqlite3.Connection, rows: Sequence[Sequence[Any]], *first: object) -> int:
        """Execute for all rows, with the parameters that come before them; only a few sizes, to be prepared once each.

        Returns: how many rows were changed.
        """
        return self.run_made(connection, self.make(rows, *first))

    def make(self, rows: Sequence[Sequence[Any]], *first: object) -> list[list[Any]]:
        """The parameters of the statements that `run` would execute, for `run_made`.

        To be made where the rows were: to put a row's values into another list touches each of them, and what another
        processor has just written takes it 0.05 us and more to touch (2 us a message).
        """
        made = []
        for start in range(0, len(rows), _MOST):
            some = rows[start : start + _MOST]
            blank = self._blank * (_SIZES[bisect_left(_SIZES, len(some))] - len(some))
            made.append([*first, *chain.from_iterable(some), *blank])
        return made

    def run_made(self, connection: sqlite3.Connection, made: Iterable[list[Any]]) -> int:
        """Execute what `make` has made; returns how many rows were changed."""
        changed = 0
        for values in made:
            size = (len(values) - self._firsts) // len(self._blank)
            changed += connection.execute(self.statement(size), values).rowcount
        return changed

    def select(self, connection: sqlite3.Connection, rows: Sequence[Sequence[Any]], *first: object) -> list[Any]:
        """Like `run`, for a query: all the rows that it finds."""
        found: list[Any] = []
        for start in range(0, len(rows), _MOST):
            some = rows[start : start + _MOST]
            found += connection.execute(self.statement(len(some)), [*first, *chain.from_iterable(some)])
        return found

    def statement(self, size: int) -> str:
        """The statement for so many rows; always the same object, so that its hash is reckoned once."""
        made = self._statements.get(size)
        if made is None:
            made = self._statements[size] = f"{self._before} {', '.join([self._row] * size)} {self._after}"
        return made


def insert(table: str, columns: int, conflict: str = "", verb: str = "INSERT") -> Rows:
    """A statement that inserts rows into a table, but those of which the first value is NULL."""
    return Rows(f"{verb} INTO {table} SELECT * FROM (VALUES", columns, f") WHERE column1 IS NOT NULL {conflict}")


ADD: Final = Rows(
    "INSERT INTO messages SELECT column1, column2, column3, column4, column5, column6, nullif(column7, 0), column8, "
    "column9, column10, column11, NULL FROM (VALUES",
    11,
    ") WHERE column1 IS NOT NULL ON CONFLICT DO NOTHING",
)
SAVE: Final = Rows(
    "UPDATE messages SET state = v.column2, due = nullif(v.column3, 0), repeated = v.column4, life = v.column5 "
    "FROM (VALUES",
    5,
    ") AS v WHERE key = v.column1",
)
NAME: Final = insert("carrier_ids", 4, "ON CONFLICT DO NOTHING")
EMIT: Final = Rows("INSERT INTO events SELECT ?, column1, column2 FROM (VALUES", 2, ") WHERE column1 IS NOT NULL")
KEEP_EARLY: Final = insert("early", 4)
FORGET_EARLY: Final = Rows("DELETE FROM early WHERE key IN (VALUES", 1, ")")
FORGET: Final = Rows("DELETE FROM messages WHERE key IN (VALUES", 1, ")")
FORGET_IDS: Final = Rows(
    "DELETE FROM carrier_ids WHERE carrier = ? "
    "AND NOT EXISTS (SELECT 1 FROM messages AS m WHERE m.key = carrier_ids.key) AND id IN (VALUES",
    1,
    ")",
)
KEEP_FRAGMENTS: Final = insert("fragments", 11, verb="INSERT OR REPLACE")
FORGET_FRAGMENTS: Final = Rows(  # joined so that the index is used: it is not for a row IN (VALUES …)
    "DELETE FROM fragments WHERE rowid IN (SELECT f.rowid FROM (VALUES",
    9,
    ") AS v CROSS JOIN fragments AS f "
    "ON f.client = v.column1 AND f.carrier = v.column2 AND f.source = v.column3 AND f.destination = v.column4 "
    "AND f.data_coding = v.column5 AND f.width = v.column6 AND f.reference = v.column7 AND f.total = v.column8 "
    "AND f.number = v.column9)",
)
KEEP_REPEATS: Final = insert("repeats", 2)
FORGET_REPEATS: Final = Rows("DELETE FROM repeats WHERE key IN (VALUES", 1, ")")
FIND_PARTS: Final = Rows(
    f"WITH w(carrier) AS (VALUES (?)) SELECT i.id, i.n, {', '.join('m.' + name for name in COLUMNS.split(', '))} "
    "FROM w CROSS JOIN (VALUES",
    1,
    ") AS v CROSS JOIN carrier_ids AS i ON i.carrier = w.carrier AND i.id = v.column1 AND i.key IN "
    "(SELECT key FROM carrier_ids WHERE carrier = w.carrier AND id = v.column1 "
    f"ORDER BY key DESC LIMIT {NEWEST_NAMED}) "
    "CROSS JOIN messages AS m ON m.key = i.key",
)
FIND_MESSAGES: Final = Rows(f"SELECT {COLUMNS} FROM messages WHERE client = ? AND id IN (VALUES", 1, ")")
ACKNOWLEDGE: Final = (
    "INSERT INTO cursors VALUES (?, ?) "
    "ON CONFLICT DO UPDATE SET acknowledged = max(acknowledged, excluded.acknowledged)"
)
DOUBT: Final = "UPDATE messages SET repeated = 1 WHERE state = 2 AND report = 0 AND plan = ? AND lane = ? AND key <= ?"
LEASE: Final = insert("leases", 3, "ON CONFLICT DO UPDATE SET key = max(key, excluded.key)")


def open_database(path: str) -> sqlite3.Connection:
    """Open the database, making it where there is none; durable at each commit.

    Raises: sqlite3.Error: not a database, locked, or the disk. ValueError: of a newer version.
    """
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=CACHED_STATEMENTS
    )
    connection.execute("PRAGMA page_size = 8192")  # of a new database; a tenth less time a message than 4096
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -65536")  # KiB
    connection.execute("PRAGMA temp_store = MEMORY")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
    elif version != VERSION:
        connection.close()
        raise ValueError(f"{path} is of version {version}; this denpo reads version {VERSION}")
    return connection


def room(connection: sqlite3.Connection, path: str) -> int:
    """Octets that a database can still take in: the disk's, and its own free pages while the disk has some left.

    Acknowledged events leave free pages, not a smaller file. A commit goes to the write-ahead log first, so free pages
    are of no use when the disk has no room for that. Raises: OSError: of the disk.
    """
    disk = os.statvfs(path)
    free = disk.f_bavail * disk.f_frsize
    pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_size"))
    return free + int(pages * size) if free >= LOG_OCTETS else free


def clients_told(connection: sqlite3.Connection) -> Iterator[str]:
    """The clients that have events, by a seek per client rather than a scan of all events."""
    client: str | None = ""
    while client is not None:
        client = connection.execute("SELECT min(client) FROM events WHERE client > ?", (client,)).fetchone()[0]
        if client is not None:
            yield client


def newest_cursors(connection: sqlite3.Connection, clients: Iterable[str]) -> Iterator[int]:
    """The cursors of what each client was told last, or has acknowledged last."""
    for client in clients:
        yield connection.execute("SELECT max(cursor) FROM events WHERE client = ?", (client,)).fetchone()[0]
    yield connection.execute("SELECT coalesce(max(acknowledged), 0) FROM cursors").fetchone()[0]
