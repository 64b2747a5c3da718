"""Who took each number's last message: a table that is asked, written and aged by the batch, in the store's threads."""

import sqlite3
from collections.abc import Iterable, Sequence
from math import inf
from typing import Final

from gateway.message import Message
from gateway.routing import Plan
from gateway.store import Commit
from gateway.store.schema import Rows, insert

REMEMBER: Final = insert("homes", 3, "ON CONFLICT DO UPDATE SET carrier = excluded.carrier, at = excluded.at")
FIND: Final = Rows("SELECT number, carrier FROM homes WHERE at > ? AND number IN (VALUES", 1, ")")
FORGET: Final = Rows("DELETE FROM homes WHERE number IN (VALUES", 1, ")")
_OLDEST: Final = "SELECT number FROM homes WHERE at < ? ORDER BY at LIMIT ?"


def seek(messages: Iterable[Message]) -> list[tuple[str]]:
    """Rows of the numbers whose carrier may be another than the first of the plan."""
    return [(message.to,) for message in messages if Plan.is_open(message.plan)]


def find(connection: sqlite3.Connection, numbers: Sequence[tuple[str]], since: float) -> dict[str, str]:
    """Who took a message of each number last, if it was after a time (Unix seconds)."""
    return dict(FIND.select(connection, numbers, since))


def settle_in(messages: Iterable[Message], homes: dict[str, str]) -> None:
    """Tell messages what was found."""
    for message in messages if homes else ():
        if Plan.is_open(message.plan):
            message.home = homes.get(message.to, "")


def oldest(connection: sqlite3.Connection, before: float, most: int, limit: int) -> list[tuple[str]]:
    """Some numbers whose carrier is to be forgotten: noted before a time, else the oldest beyond so many."""
    stale = connection.execute(_OLDEST, (before, limit)).fetchall()
    if stale:
        return stale
    surplus = connection.execute("SELECT count(*) FROM homes").fetchone()[0] - most
    return connection.execute(_OLDEST, (inf, min(max(surplus, 0), limit))).fetchall()


def write(connection: sqlite3.Connection, commit: Commit) -> None:
    """Write what a commit has of it."""
    REMEMBER.run(connection, [(number, *home) for number, home in commit.homes.items()])
    FORGET.run(connection, commit.forgotten_homes)
