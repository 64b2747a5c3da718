"""Parts on disk, many in one row: SQLite works without the interpreter's lock only within a step.

With a row for each part, its thread would take the lock back for each and wait for the busy loop every time. A block
costs the loop 0.8 us a part to pack, and the thread 0.2 to 0.4 us that nobody waits for. There is no index: to look
through a million parts for a number takes SQLite 0.2 s.

The file is for tests: `synchronous = OFF`, so it outlives a crash of the simulator, but perhaps not one of the machine.
"""

import fcntl
import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Final, Self

import msgpack

from protocol.pdu import SubmitSm
from simulator.parts import Part

VERSION: Final = 1
_APPLICATION: Final = 0x64656E70
"""What says in the file's head that it is a ledger."""

_SETTINGS: Final = """
PRAGMA page_size = 16384;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -16384;
"""
_SCHEMA: Final = f"""
CREATE TABLE blocks (
    first INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    packed BLOB NOT NULL
) STRICT;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {VERSION};
"""
_SIZES: Final = (64, 16, 4, 1)
_INSERT: Final = {n: f"INSERT OR REPLACE INTO blocks VALUES {', '.join(['(?, ?, ?, ?)'] * n)}" for n in _SIZES}
"""Statements for so many rows each: of a few sizes, to be prepared once, and each a transaction of its own."""

_part_fields = attrgetter("message_id", "session", "system_id", "sequence_number", "time")
_submit_fields = attrgetter(*[name for name, _ in SubmitSm.row])


class LedgerFailed(Exception):
    """The file can't be used; says why in words for people."""


@dataclass(slots=True)
class Block:
    """Parts in the order they came.

    Attributes: messages: how many parts stand alone or are the last of their message. packed: empty once it is on disk.
    """

    first: int
    count: int
    messages: int
    octets: int
    packed: bytes = field(default=b"", repr=False)

    @property
    def end(self) -> int:
        """The index after the last part."""
        return self.first + self.count


def pack(parts: Sequence[Part]) -> bytes:
    """Make octets of parts; the same for the same parts, but without their indexes."""
    packed: bytes = msgpack.packb([(*_part_fields(part), *_submit_fields(part.submit)) for part in parts])
    return packed


def unpack(first: int, packed: bytes) -> list[Part]:
    """Make parts of octets; first: the first one's index."""
    rows = msgpack.unpackb(packed, use_list=False)
    return [
        Part(message_id, session, system_id, sequence_number, time, SubmitSm(*fields), index)
        for index, (message_id, session, system_id, sequence_number, time, *fields) in enumerate(rows, first)
    ]


class Shelf:
    """Blocks in a file, or in one without a name that is gone when it is closed. Every method blocks."""

    def __init__(self, connection: sqlite3.Connection, lock: int | None = None) -> None:
        self._connection = connection
        self._lock = lock

    @property
    def keeps(self) -> bool:
        """Whether what is written is to outlive the shelf."""
        return self._lock is not None

    @classmethod
    def nameless(cls) -> Self:
        """Make a file that only this shelf knows, in SQLite's place for temporary files."""
        connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = OFF")  # there is nobody to read it after a crash
        connection.executescript(_SETTINGS + _SCHEMA)
        return cls(connection)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file, or make it. Raises: LedgerFailed: it can't be used, or another simulator writes to it."""
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerFailed(f"{path}: {str(error.strerror).lower()}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shelf = cls(_connect(path, "rwc"), lock)
        except BlockingIOError:
            os.close(lock)
            raise LedgerFailed(f"{path}: another simulator writes to it") from None
        except LedgerFailed:
            os.close(lock)
            raise
        shelf._connection.executescript(_SETTINGS)
        shelf._connection.execute("PRAGMA journal_mode = WAL")
        return shelf

    @classmethod
    def read_only(cls, path: Path) -> Self:
        """Open a file as it is now; a simulator may go on writing to it. Raises: LedgerFailed: it is no ledger."""
        connection = _connect(path, "ro")
        connection.execute("BEGIN")  # the first look at it, in `blocks`, decides what is seen from then on
        return cls(connection)

    def blocks(self) -> list[Block]:
        """All blocks, oldest first, without their octets."""
        rows = self._connection.execute("SELECT first, count, messages, length(packed) FROM blocks ORDER BY first")
        return [Block(*row) for row in rows]

    def write(self, blocks: Sequence[Block], begin: int) -> None:
        """Keep blocks, instead of those that begin at the same index, and forget those that begin below one."""
        execute = self._connection.execute
        for size in _SIZES:
            while len(blocks) >= size:
                some, blocks = blocks[:size], blocks[size:]
                rows = [(block.first, block.count, block.messages, block.packed) for block in some]
                execute(_INSERT[size], [*chain.from_iterable(rows)])
        execute("DELETE FROM blocks WHERE first < ?", (begin,))

    def read(self, first: int) -> bytes:
        """The octets of the block that begins at an index; b"" when it is forgotten."""
        row = self._connection.execute("SELECT packed FROM blocks WHERE first = ?", (first,)).fetchone()
        return row[0] if row else b""

    def search(self, needles: Sequence[bytes], start: int, stop: int, *, newest: bool = False) -> int | None:
        """Where the oldest or newest block begins that begins at start to stop - 1 and has all the needles in it."""
        wanted = "".join([" AND instr(packed, ?)"] * len(needles))
        order = "DESC" if newest else "ASC"
        query = f"SELECT first FROM blocks WHERE first >= ? AND first < ?{wanted} ORDER BY first {order} LIMIT 1"
        row = self._connection.execute(query, (start, stop, *needles)).fetchone()
        return row[0] if row else None

    def close(self) -> None:
        """Close the file; what was written to it is then in one piece."""
        if self.keeps:
            with suppress(sqlite3.OperationalError):  # somebody is reading it
                self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a file that is a ledger; in mode "rwc" it is made of an empty one."""
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", isolation_level=None, check_same_thread=False, uri=True
        )
        _check(connection, path, make=mode == "rwc")
    except (sqlite3.Error, LedgerFailed) as error:
        if connection is not None:
            connection.close()
        reason = str(error) if isinstance(error, LedgerFailed) else f"{path}: {error}"
        raise LedgerFailed(reason) from None
    return connection


def _check(connection: sqlite3.Connection, path: Path, *, make: bool) -> None:
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if make and not tables:
        connection.executescript(_SETTINGS + _SCHEMA)
    if connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
        raise LedgerFailed(f"{path}: not a ledger")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise LedgerFailed(f"{path}: a ledger of version {version}; this denpo reads version {VERSION}")
