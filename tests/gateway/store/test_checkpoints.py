"""The write-ahead log goes into the database beside the commits, begins anew, and nothing is lost by it."""

import sqlite3
from pathlib import Path

import pytest

from gateway.store import checkpoints
from gateway.store.checkpoints import PAGES, Checkpoints
from gateway.store.schema import open_database


class Log:
    """A database that is written, and its checkpoints."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "x.sqlite3"
        self.writer = open_database(str(self.path))
        self.checkpoints = Checkpoints(str(self.path), self.writer)
        self.rows = 0

    def write(self, rows: int) -> bool:
        """Commit so many rows of a page each; whether a checkpoint is to be finished."""
        self.writer.execute("BEGIN IMMEDIATE")
        values = [(self.rows + n, b"e" * 7000) for n in range(rows)]
        self.writer.executemany("INSERT INTO early VALUES (?, 'alpha', ?, 0.0)", values)
        self.writer.execute("COMMIT")
        self.rows += rows
        return self.checkpoints.due()

    def settle(self) -> None:
        """Wait for the one that has begun, and finish it."""
        assert self.checkpoints._begun is not None
        self.checkpoints._begun.result()
        assert self.checkpoints.due()
        self.checkpoints.finish()

    @property
    def octets(self) -> int:
        """Of the log's file."""
        return self.path.with_name("x.sqlite3-wal").stat().st_size

    def close(self) -> None:
        """Let go of it."""
        self.checkpoints.close()
        self.writer.close()


def test_the_log_begins_anew_and_does_not_grow(tmp_path: Path) -> None:
    log = Log(tmp_path)
    for _ in range(4):
        for _ in range(10):
            log.write(PAGES // 10 + 1)
        log.settle()
    assert log.octets < 2 * PAGES * 8192
    assert log.writer.execute("SELECT count(*) FROM early").fetchone()[0] == log.rows
    log.close()


def test_nothing_is_moved_before_it_is_much(tmp_path: Path) -> None:
    log = Log(tmp_path)
    assert not log.write(PAGES - 1)
    assert log.checkpoints._begun is None
    log.write(1)
    assert log.checkpoints._begun is not None
    log.settle()
    log.close()


def test_what_is_written_during_a_checkpoint_is_moved_when_it_is_finished(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.write(PAGES)
    log.write(10)
    log.settle()
    alone = sqlite3.connect(f"file:{log.path}?immutable=1", uri=True)  # the database without its log
    assert alone.execute("SELECT count(*) FROM early").fetchone()[0] == log.rows
    alone.close()
    log.close()


def test_what_is_only_deleted_counts_too(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.write(2 * PAGES)
    log.settle()
    assert log.checkpoints._begun is None
    log.writer.execute("DELETE FROM early")
    log.checkpoints.due()
    assert log.checkpoints._begun is not None
    log.settle()
    log.close()


def test_a_reader_holds_nothing_up_and_nothing_is_lost(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.write(1)
    reader = sqlite3.connect(log.path, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM early").fetchone()[0] == 1
    log.write(PAGES)
    log.settle()
    assert reader.execute("SELECT count(*) FROM early").fetchone()[0] == 1
    reader.execute("COMMIT")
    assert reader.execute("SELECT count(*) FROM early").fetchone()[0] == log.rows
    reader.close()
    log.close()


def test_what_the_disk_refuses_stays_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(tmp_path)
    monkeypatch.setattr(checkpoints, "_CHECKPOINT", "SELECT * FROM nowhere")
    log.write(PAGES)
    log.settle()
    assert log.checkpoints._wait == PAGES
    assert log.writer.execute("SELECT count(*) FROM early").fetchone()[0] == log.rows
    log.close()


def test_commits_of_many_rows_a_page_wait_for_more_rows(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.writer.execute("BEGIN IMMEDIATE")
    log.writer.executemany("INSERT INTO early VALUES (?, 'alpha', x'00', 0.0)", [(n,) for n in range(PAGES)])
    log.writer.execute("COMMIT")
    log.checkpoints.due()
    log.settle()
    assert log.checkpoints._wait > 2 * PAGES
    log.close()
