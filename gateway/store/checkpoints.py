"""Checkpoints beside the commits: the write-ahead log goes into the database while others are being committed.

Within a commit, as SQLite does it by itself, one in a thousand would take 10 ms and more. Here a thread of its own
moves nearly all of the log, and the store's thread the little that was written meanwhile: then the log begins anew.
"""

import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

PAGES: Final = 2000
"""Pages of the log, of 8 KiB, after which it is moved."""
_MOST_ROWS: Final = 10 * PAGES
"""Rows after which it is moved at the latest: commits of many rows write far fewer pages than rows."""
_CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"
"""Waits for nobody: what a reader still needs stays for the next time."""


class Checkpoints:
    """Of one database. The writer's own ones are switched off."""

    def __init__(self, path: str, writer: sqlite3.Connection) -> None:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        self._writer = writer
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA synchronous = FULL")
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._begun: Future[int] | None = None
        self._rows = writer.total_changes
        """Rows that had been written, changed and deleted when the last one began."""
        self._wait = PAGES
        """Rows that make about PAGES pages."""

    def due(self) -> bool:
        """Begin a checkpoint when enough was committed, of whatever kind; while the writer does nothing.

        Returns: whether one is to be finished.
        """
        rows = self._writer.total_changes - self._rows
        if self._begun is None and rows >= self._wait:
            self._begun = self._thread.submit(self._move, rows)
            self._rows += rows
        return self._begun is not None and self._begun.done()

    def finish(self) -> None:
        """Move the rest; in the thread that commits, between two commits."""
        assert self._begun is not None
        self._wait = self._begun.result()
        self._begun = None
        _move(self._writer)

    def close(self) -> None:
        """Wait for the one that runs."""
        self._thread.shutdown()
        self._connection.close()

    def _move(self, rows: int) -> int:
        """Move what there is; how many rows are to be waited for the next time."""
        pages = _move(self._connection)
        return min(max(rows * PAGES // pages, PAGES // 4), _MOST_ROWS) if pages else self._wait


def _move(connection: sqlite3.Connection) -> int:
    """Move what no reader needs; the pages of the log.

    What the disk refuses stays in the log, where it is safe: it is tried again, and a commit that fails tells of it.
    """
    try:
        pages: int = connection.execute(_CHECKPOINT).fetchone()[1]
    except sqlite3.OperationalError:
        return 0
    return max(pages, 0)
