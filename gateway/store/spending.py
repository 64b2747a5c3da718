"""How many parts of each client were accepted in its day and its month: two rows for each client that has a quota."""

import sqlite3
from collections.abc import Iterator
from typing import Final

from gateway.store import Commit
from gateway.store.schema import insert

SPEND: Final = insert(
    "spent",
    4,
    "ON CONFLICT DO UPDATE SET parts = iif(period = excluded.period, parts, 0) + excluded.parts, "
    "period = excluded.period",
)
ALL: Final = "SELECT client, kind, period, parts FROM spent ORDER BY client, kind"


def write(connection: sqlite3.Connection, commit: Commit) -> None:
    """Write what the messages of a commit cost, but for those that were there before, which are known by now."""
    if commit.spent:
        SPEND.run(connection, list(_rows(commit)))


def _rows(commit: Commit) -> Iterator[tuple[str, int, int, int]]:
    for client, day, month, messages in commit.spent:
        parts = sum(message.total for message in messages if message.key not in commit.duplicates)
        yield client, 0, day, parts
        yield client, 1, month, parts
