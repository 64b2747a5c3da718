"""A store looked into by people, read-only, while the gateway goes on writing it or after it has ended.

Each question is a short transaction of its own, so the gateway's checkpoints never wait for one.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgpack

from gateway.message import Message, unpack
from gateway.store import schema as sql
from gateway.store.sqlite import DATABASE
from protocol.upstream import pack

SCANNED: Final = 1_000_000
"""Messages looked through for a number, the newest; there is no index by number, since nothing else needs one."""
SCANNED_EVENTS: Final = 100_000
"""Events looked through for those of a message."""
CHUNK: Final = 20_000
"""Rows looked through in one transaction."""

_ALL: Final = f"SELECT {sql.COLUMNS} FROM messages"
_FROM_BODY: Final = 2
"""Where in `body` the number begins, counted from 1: behind one octet for the array."""


@dataclass(slots=True)
class Found:
    """Messages, newest first. looked, back_to: how many were looked through, and the key of the oldest of them."""

    messages: list[Message] = field(default_factory=list)
    looked: int = 0
    back_to: int = 0
    all: bool = False
    """Whether there are no older ones."""


class Inspection:
    """The store in a folder.

    Raises: FileNotFoundError: there is none; sqlite3.Error: it can't be read; ValueError: of another version.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / DATABASE
        path.stat()
        self._database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        version = self._fetch("PRAGMA user_version")[0][0]
        if version != sql.VERSION:
            self.close()
            raise ValueError(f"{path} is of version {version}; this denpo reads version {sql.VERSION}")

    def close(self) -> None:
        """Let go of it."""
        self._database.close()

    def with_id(self, id_: str, client: str | None) -> list[Message]:
        """The messages that a client, or any, calls so, and those that a carrier or we call so; newest first."""
        clients = [client] if client else self._distinct("client", "messages")
        rows = [row for name in clients for row in self._fetch(f"{_ALL} WHERE client = ? AND id = ?", name, id_)]
        keys = {row[0] for row in rows}
        for carrier in self._distinct("carrier", "carrier_ids"):
            keys.update(
                key for (key,) in self._fetch("SELECT key FROM carrier_ids WHERE carrier = ? AND id = ?", carrier, id_)
            )
        if len(id_) <= 15 and all(digit in "0123456789abcdef" for digit in id_):
            keys.add(int(id_ or "0", 16))
        found = [self._fetch(f"{_ALL} WHERE key = ?", key) for key in sorted(keys, reverse=True)]
        return [unpack(row) for rows in found for row in rows if client in (None, row[1])]

    def with_number(self, number: str, client: str | None, most: int) -> Found:
        """The newest messages to a number (E.164 digits), found by looking through SCANNED at most."""
        found, start, before = Found(), pack(number), 2**63 - 1
        edge = "SELECT key FROM messages WHERE key < ? ORDER BY key DESC LIMIT 1 OFFSET ?"
        some = f"WHERE key < ? AND key >= ? AND substr(body, {_FROM_BODY}, ?) = ? AND client = ifnull(?, client)"
        while len(found.messages) < most and found.looked < SCANNED and not found.all:
            edges = self._fetch(edge, before, CHUNK - 1)
            found.back_to, found.all = (edges[0][0], False) if edges else (0, True)
            rows = self._fetch(
                f"{_ALL} {some} ORDER BY key DESC LIMIT ?", before, found.back_to, len(start), start, client, most
            )
            found.messages += map(unpack, rows)
            count = "SELECT count(*) FROM messages WHERE key < ? AND key >= ?"
            found.looked += self._fetch(count, before, found.back_to)[0][0]
            before = found.back_to
        del found.messages[most:]
        return found

    def events_of(self, message: Message) -> tuple[list[tuple[int, dict[str, Any]]], bool]:
        """A message's events that its client has not acknowledged, with their cursors; and whether all were seen."""
        query = "SELECT cursor, event FROM events WHERE client = ? AND cursor > ? ORDER BY cursor LIMIT ?"
        after, seen, found = message.key - 1_000_000, 0, list[tuple[int, dict[str, Any]]]()
        while seen < SCANNED_EVENTS:
            rows = self._fetch(query, message.client, after, CHUNK)
            events = ((cursor, msgpack.unpackb(packed)) for cursor, packed in rows)
            found += [(cursor, event) for cursor, event in events if event.get("message_id") == message.message_id]
            if len(rows) < CHUNK:
                return found, True
            after, seen = rows[-1][0], seen + len(rows)
        return found, False

    def acknowledged(self, client: str) -> int:
        """The cursor up to which a client has acknowledged its events: 0, or about Unix microseconds."""
        rows = self._fetch("SELECT acknowledged FROM cursors WHERE client = ?", client)
        return int(rows[0][0]) if rows else 0

    def _distinct(self, column: str, table: str) -> Iterator[str]:
        """The values of an index's first column, by a seek for each rather than a scan."""
        value = ""
        while (found := self._fetch(f"SELECT min({column}) FROM {table} WHERE {column} > ?", value)[0][0]) is not None:
            yield found
            value = found

    def _fetch(self, query: str, *values: object) -> list[Any]:
        return self._database.execute(query, values).fetchall()
