"""A commit as rows, made on the loop, and as statements, run in the store's thread."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from config.settings import OnUnknown
from gateway.message import LANE_NUMBERS, Message, PartState, State, pack_body, pack_life, unpack
from gateway.store import Commit, Rows, homes, spending
from gateway.store import schema as sql

_HELD: Final = State.HELD  # names of their own: to name a member of an enum takes 0.1 us (Python 3.11)
_REPORT: Final = OnUnknown.REPORT


def make_rows(commit: Commit, *, homes_matter: bool) -> Rows:
    """Make the rows of a commit, on the loop: the messages must not change while they are packed.

    Those of most tables become the parameters of statements at once, see `sql.Rows.make`.

    Args: homes_matter: whether messages are to be told who took their number's last one.
    """
    return {
        "added": sql.ADD.make([_row(message) for message in commit.added]),
        "changed": sql.SAVE.make([life_row(message) for message in commit.changed.values()]),
        "ids": sql.NAME.make(commit.ids),
        "events": [made for client, events in commit.events.items() for made in sql.EMIT.make(events, client)],
        "numbers": homes.seek(commit.added) if homes_matter else [],
        "leases": [(*queue, key) for queue, key in commit.leases.items()],
    }


def write(connection: sqlite3.Connection, commit: Commit, since: float) -> None:
    """Write a commit, in the store's thread. Args: since: Unix seconds before which who took a number is forgotten."""
    rows = commit.rows
    connection.execute("BEGIN IMMEDIATE")
    if sql.ADD.run_made(connection, rows["added"]) < len(commit.added):
        commit.duplicates = _find_duplicates(connection, commit.added)
    if rows["numbers"]:
        homes.settle_in(commit.added, homes.find(connection, rows["numbers"], since))
    sql.SAVE.run_made(connection, rows["changed"])
    sql.NAME.run_made(connection, rows["ids"])
    sql.EMIT.run_made(connection, rows["events"])
    sql.LEASE.run(connection, rows["leases"])
    _write_rare(connection, commit)
    connection.execute("COMMIT")
    if commit.duplicates:
        commit.added = [message for message in commit.added if message.key not in commit.duplicates]


def _row(message: Message) -> tuple[Any, ...]:
    return (  # `sql.Rows` says why of numbers only
        message.key,
        message.client,
        message.id,
        LANE_NUMBERS[message.lane],
        message.plan,
        int(message.state),
        message.due,
        1 if message.on_unknown is _REPORT else 0,
        1 if message.repeated else 0,
        1 if message.total > 1 else 0,
        pack_body(message),
    )


def life_row(message: Message) -> tuple[Any, ...]:
    """The row that says what has changed about a message."""
    state = message.state
    if state <= _HELD and any(part.state is PartState.SENT for part in message.parts):
        state = State.SENDING  # put aside, yet a part is on the wire: after a crash that is what counts
    return message.key, int(state), message.due, 1 if message.repeated else 0, pack_life(message)


def _write_rare(connection: sqlite3.Connection, commit: Commit) -> None:
    homes.write(connection, commit)
    spending.write(connection, commit)
    sql.KEEP_EARLY.run(connection, commit.early)
    sql.FORGET_EARLY.run(connection, commit.matched)
    sql.FORGET_FRAGMENTS.run(connection, [place for place, kept in commit.fragments.items() if kept is None])
    sql.KEEP_FRAGMENTS.run(connection, [(*place, *kept) for place, kept in commit.fragments.items() if kept])
    sql.FORGET_REPEATS.run(connection, [(key,) for key, digest in commit.repeats.items() if digest is None])
    sql.KEEP_REPEATS.run(connection, [(key, digest) for key, digest in commit.repeats.items() if digest])
    for client, cursor in commit.acknowledged.items():
        connection.execute(sql.ACKNOWLEDGE, (client, cursor))
        gone = connection.execute("DELETE FROM events WHERE client = ? AND cursor <= ?", (client, cursor))
        commit.let_go[client] = gone.rowcount
    sql.FORGET.run(connection, commit.forgotten)
    for carrier, ids in commit.forgotten_ids.items():
        sql.FORGET_IDS.run(connection, ids, carrier)


def _find_duplicates(connection: sqlite3.Connection, added: Sequence[Message]) -> dict[int, Message]:
    by_client: dict[str, list[tuple[str]]] = {}
    for message in added:
        by_client.setdefault(message.client, []).append((message.id,))
    rows = [row for client, ids in by_client.items() for row in sql.FIND_MESSAGES.select(connection, ids, client)]
    kept = {(row[1], row[2]): row for row in rows}
    found = ((message.key, kept[message.client, message.id]) for message in added)
    return {key: unpack(row) for key, row in found if row[0] != key}
