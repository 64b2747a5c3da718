"""A real store on a real disk, how to crash it, and how to see what it asks of SQLite."""

import re
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from gateway.message import Message
from gateway.store import Commit
from gateway.store.sqlite import DATABASE, SqliteStore
from tests.gateway.fakes import NOW, message

UNTIL = NOW + 300


class Clock:
    """A clock that the test sets."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(
    folder: Path, clock: Callable[[], float] | None = None, *, most: int = 1000, clean: bool = False
) -> AsyncIterator[SqliteStore]:
    """A store that runs as long as the block, and is closed after it."""
    store = SqliteStore(folder, clock or Clock(), most)
    await store.open(UNTIL)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.run)
            yield store
            nursery.cancel_scope.cancel()
    finally:
        await store.close(clean=clean)


def crash(folder: Path, to: Path) -> Path:
    """Copy what is on disk now, as if the process had been killed at this moment."""
    to.mkdir()
    for file in folder.glob(f"{DATABASE}*"):
        if not file.name.endswith("-shm"):  # it is memory, in a file
            shutil.copy(file, to)
    return to


async def keep(store: SqliteStore, *messages: Message) -> Commit:
    """Add messages and wait until they are on disk."""
    commit = store.add(messages)
    await commit.wait()
    return commit


def several(count: int, **more: object) -> list[Message]:
    """New messages with ids of their own."""
    return [message(id=f"m{n}", **more) for n in range(count)]


def plans(connection: sqlite3.Connection, statement: str) -> list[str]:
    """How SQLite goes about a statement: the steps of its plan."""
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]


def slow_steps(connection: sqlite3.Connection, statement: str) -> list[str]:
    """The steps of a statement that take longer the more is kept: reading a whole table, sorting for one page."""
    scan = re.compile(
        r"SCAN (messages|m|carrier_ids|i|events|early|homes|fragments)\b(?! USING INDEX (sending|unknown|quiet))"
    )
    paged = "LIMIT" in statement
    steps = plans(connection, statement)
    return [step for step in steps if scan.match(step) or (paged and "TEMP B-TREE" in step)]
