"""What has become of each row so far, in a small database beside the results: it survives whatever interrupts us.

No text and no number is in it. A row is noted as sent only when the gateway has answered for it; what was asked and not
answered is asked again with the same id, which the gateway knows.
"""

import csv
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.commands.bulk.recipe import Made

DOUBT_SECONDS: Final = 23 * 3600.0
"""After this the gateway may have forgotten the ids it took (it promises a day)."""
EXAMPLES: Final = 3
FINAL: Final = ("refused", "delivered", "undelivered", "rejected", "expired", "canceled")
"""Outcomes that never change any more."""
GOOD: Final = "checked"
"""The outcome of a row that is to be sent."""

_SCHEMA: Final = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE rows (
    row INTEGER PRIMARY KEY,
    id TEXT,
    mark BLOB,
    outcome TEXT NOT NULL,
    error TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    parts INTEGER,
    message_id TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX ids ON rows (id);
"""
_COLUMNS: Final = ("row", "id", "outcome", "error", "detail", "parts", "message_id")


@dataclass(frozen=True, slots=True)
class Refused:
    """Rows that can't be sent for one reason. rows: the first of them, with what is wrong with each."""

    error: str
    count: int
    rows: list[tuple[int, str]]


class Record:
    """The rows of one file. Raises: sqlite3.Error: not ours, or in use by another run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch(mode=0o600)
        self._database = sqlite3.connect(path, isolation_level=None, timeout=1.0)
        self._execute = self._database.execute
        self._execute("PRAGMA locking_mode = EXCLUSIVE")
        self._execute("BEGIN EXCLUSIVE")  # and kept from here on: two runs would send side by side
        if not self._execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            self._database.executescript(_SCHEMA)
        else:
            self._execute("COMMIT")

    def close(self) -> None:
        """Let go of it."""
        self._database.close()

    def discard(self) -> None:
        """Remove it: nothing of it was sent."""
        self.close()
        self.path.unlink()

    def resumes(self, key: Mapping[str, str]) -> bool:
        """Whether it is of the same file and options, and the sending of it was confirmed."""
        return all(self._about(name) == value for name, value in key.items()) and self._about("confirmed") is not None

    def begin(self, key: Mapping[str, str]) -> None:
        """Forget what was there, and begin with the first row."""
        self._execute("BEGIN")
        self._execute("DELETE FROM rows")
        self._execute("DELETE FROM about")
        self._database.executemany("INSERT INTO about VALUES (?, ?)", key.items())
        self._execute("COMMIT")

    def confirm(self) -> None:
        """Note that the sending was confirmed."""
        self._set("confirmed", str(self.count(GOOD)))

    def note_bad(self, row: int, error: str, detail: str) -> None:
        """Note a row that can't be sent."""
        self._execute(
            "INSERT INTO rows (row, outcome, error, detail) VALUES (?, 'refused', ?, ?)", (row, error, detail)
        )

    def note_good(self, made: Made, parts: int) -> None:
        """Note a row that can be sent; `claim` has given it its id."""
        self._execute("UPDATE rows SET outcome = ?, parts = ? WHERE row = ?", (GOOD, parts, made.row))

    def claim(self, made: Made) -> int | None:
        """Give a row its id. Returns: the earlier row that has this id; None when the row has it now."""
        id_ = made.message["id"]
        values = made.row, id_, made.mark, "unchecked"
        if self._execute("INSERT OR IGNORE INTO rows (row, id, mark, outcome) VALUES (?, ?, ?, ?)", values).rowcount:
            return None
        earlier: int = self._execute("SELECT row FROM rows WHERE id = ?", (id_,)).fetchone()[0]
        return earlier

    def disclaim(self, made: Made, error: str, detail: str) -> None:
        """Note that a row that has an id is refused all the same, so that a later row may have it."""
        self._execute(
            "UPDATE rows SET id = NULL, outcome = 'refused', error = ?, detail = ? WHERE row = ?",
            (error, detail, made.row),
        )

    def sendable(self, first: int, last: int) -> dict[int, tuple[str, bytes]]:
        """The rows between two that are still to be sent: (id, mark) by row."""
        query = "SELECT row, id, mark FROM rows WHERE row BETWEEN ? AND ? AND outcome = ?"
        return {row: (id_, mark) for row, id_, mark in self._execute(query, (first, last, GOOD))}

    def note_asked(self, first: int, last: int, now: float) -> None:
        """Note that rows are about to be submitted. now: Unix seconds."""
        self._set("asked", json.dumps([first, last, now]))

    def note_results(self, results: Sequence[Mapping[str, Any]]) -> None:
        """Note what the gateway has answered about messages, by their ids."""
        self._execute("BEGIN")
        self._database.executemany(
            "UPDATE rows SET outcome = ?, error = ?, detail = ?, parts = coalesce(?, parts), message_id = ? "
            "WHERE id = ?",
            [_answered(result) for result in results],
        )
        self._execute("COMMIT")

    def note_doubt(self, now: float) -> int:
        """Give up rows that were asked for too long ago to be asked for again; returns how many."""
        asked = self._about("asked")
        first, last, then = json.loads(asked) if asked else (0, 0, now)
        if now - then < DOUBT_SECONDS:
            return 0
        detail = "it was submitted, no answer came, and by now the gateway may have forgotten it: it may have been sent"
        return self._execute(
            "UPDATE rows SET outcome = 'unknown', error = 'in_doubt', detail = ? "
            "WHERE row BETWEEN ? AND ? AND outcome = ?",
            (detail, first, last, GOOD),
        ).rowcount

    def unsettled(self, size: int) -> Iterator[list[str]]:
        """The ids of rows that were sent and may have gone on since, in lists."""
        marks = ", ".join("?" * (len(FINAL) + 1))
        query = f"SELECT row, id FROM rows WHERE row > ? AND outcome NOT IN ({marks}) ORDER BY row LIMIT {size}"
        after = 0
        while found := self._execute(query, (after, GOOD, *FINAL)).fetchall():
            after = found[-1][0]
            yield [id_ for _, id_ in found]

    def note_states(self, states: Mapping[str, str]) -> None:
        """Note where messages are, by their ids."""
        self._execute("BEGIN")
        self._database.executemany(
            "UPDATE rows SET outcome = ? WHERE id = ?", [(state, id_) for id_, state in states.items()]
        )
        self._execute("COMMIT")

    def count(self, outcome: str) -> int:
        """How many rows have this outcome."""
        count: int = self._execute("SELECT count(*) FROM rows WHERE outcome = ?", (outcome,)).fetchone()[0]
        return count

    def outcomes(self) -> dict[str, int]:
        """How many rows have each outcome, most first."""
        return dict(self._execute("SELECT outcome, count(*) FROM rows GROUP BY outcome ORDER BY count(*) DESC"))

    def parts(self) -> int:
        """Parts of all rows that are to be sent or were."""
        parts: int = self._execute("SELECT coalesce(sum(parts), 0) FROM rows").fetchone()[0]
        return parts

    def refused(self) -> list[Refused]:
        """Why rows can't be sent, the most frequent reason first."""
        query = (
            "SELECT error, count(*) FROM rows WHERE outcome = 'refused' GROUP BY error ORDER BY count(*) DESC, error"
        )
        some = "SELECT row, detail FROM rows WHERE outcome = 'refused' AND error = ? ORDER BY row LIMIT ?"
        return [
            Refused(error, count, self._execute(some, (error, EXAMPLES)).fetchall())
            for error, count in self._execute(query).fetchall()
        ]

    def write_results(self, path: Path) -> None:
        """Write every row's outcome as CSV, whole or not at all."""
        partial = path.with_name(f"{path.name}.part")
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows(self._execute(f"SELECT {', '.join(_COLUMNS)} FROM rows ORDER BY row"))
        partial.replace(path)

    def begin_batch(self) -> None:
        """Have what is noted next go to disk together, by `end_batch`."""
        self._execute("BEGIN")

    def end_batch(self) -> None:
        """See `begin_batch`."""
        self._execute("COMMIT")

    def _about(self, name: str) -> str | None:
        found = self._execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return found[0] if found else None

    def _set(self, name: str, value: str) -> None:
        self._execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))


def _answered(result: Mapping[str, Any]) -> tuple[str, str, str, int | None, str, str]:
    if not result["ok"]:
        return "refused", result["error"], result["detail"], None, "", result["id"]
    detail = "the gateway had it already" if result["duplicate"] else ""
    return "accepted", "", detail, result["parts"], result["message_id"], result["id"]
