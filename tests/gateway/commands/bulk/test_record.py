"""What is remembered of a run: enough to go on, and never to send twice."""

import csv
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gateway.commands.bulk.recipe import Made
from gateway.commands.bulk.record import DOUBT_SECONDS, GOOD, Record

KEY = {"file": "f", "recipe": "r", "client": "bank"}
NOW = 1_800_000_000.0


def made(row: int, id_: str = "") -> Made:
    return Made(row, {"id": id_ or f"m{row}"}, b"mark%d" % row)


def accepted(id_: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"id": id_, "ok": True, "parts": 2, "message_id": "5f", "duplicate": False} | more


def prepared(folder: Path, rows: int = 3) -> Record:
    """A record with good rows 2, 3, …, that were confirmed."""
    record = Record(folder / "state")
    record.begin(KEY)
    for row in range(2, rows + 2):
        assert record.claim(made(row)) is None
        record.note_good(made(row), 1)
    record.confirm()
    return record


def test_what_was_confirmed_goes_on_and_nothing_else_does(tmp_path: Path) -> None:
    record = prepared(tmp_path)
    record.note_results([accepted("m2")])
    record.close()
    again = Record(tmp_path / "state")
    assert again.resumes(KEY)
    assert not any(again.resumes(KEY | {name: "other"}) for name in KEY)
    assert again.sendable(2, 4) == {3: ("m3", b"mark3"), 4: ("m4", b"mark4")}
    again.begin(KEY)
    assert not again.resumes(KEY)
    assert again.sendable(2, 4) == {}
    again.close()


def test_two_runs_never_have_the_same_record(tmp_path: Path) -> None:
    record = prepared(tmp_path)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        Record(tmp_path / "state")
    record.close()


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    prepared(tmp_path).close()
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


def test_the_same_id_twice_is_a_duplicate_of_the_first_that_is_good(tmp_path: Path) -> None:
    record = prepared(tmp_path)
    assert record.claim(made(9, "m3")) == 3
    record.disclaim(made(3), "bad_number", "no")
    assert record.claim(made(9, "m3")) is None
    record.close()


def test_results_are_kept_and_written_for_spreadsheets(tmp_path: Path) -> None:
    record = prepared(tmp_path)
    record.note_bad(5, "empty_text", "it has no text")
    refused = {"id": "m3", "ok": False, "error": "expired", "detail": "expires_at has passed"}
    record.note_results([accepted("m2", duplicate=True), refused])
    record.write_results(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [(row["row"], row["outcome"], row["error"], row["parts"]) for row in rows] == [
        ("2", "accepted", "", "2"),
        ("3", "refused", "expired", "1"),
        ("4", GOOD, "", "1"),
        ("5", "refused", "empty_text", ""),
    ]
    assert rows[0]["detail"] == "the gateway had it already"
    assert record.outcomes() == {"refused": 2, "accepted": 1, GOOD: 1}
    record.close()


def test_the_first_rows_of_each_reason_are_named_the_most_frequent_first(tmp_path: Path) -> None:
    record = prepared(tmp_path, 0)
    for row in range(2, 12):
        record.note_bad(row, "empty_text" if row % 2 else "bad_number", f"detail {row}")
    record.note_bad(12, "bad_number", "detail 12")
    assert [(each.error, each.count, [row for row, _ in each.rows]) for each in record.refused()] == [
        ("bad_number", 6, [2, 4, 6]),
        ("empty_text", 5, [3, 5, 7]),
    ]
    record.close()


@pytest.mark.parametrize(("age", "left"), [(DOUBT_SECONDS - 1, 2), (DOUBT_SECONDS, 1)])
def test_what_was_asked_long_ago_without_an_answer_is_not_asked_again(tmp_path: Path, age: float, left: int) -> None:
    record = prepared(tmp_path)
    record.note_asked(2, 3, NOW)
    record.note_results([accepted("m2")])
    record.note_doubt(NOW + age)
    assert len(record.sendable(2, 4)) == left
    assert record.count("unknown") == 2 - left
    record.close()


def test_only_what_was_sent_and_has_not_ended_is_asked_about(tmp_path: Path) -> None:
    record = prepared(tmp_path, 6)
    record.note_results([accepted(f"m{row}") for row in range(2, 7)])
    record.note_states({"m2": "delivered", "m3": "submitted", "m4": "expired"})
    assert [*record.unsettled(2)] == [["m3", "m5"], ["m6"]]
    record.close()


def test_a_run_that_sent_nothing_leaves_nothing(tmp_path: Path) -> None:
    prepared(tmp_path).discard()
    assert [*tmp_path.iterdir()] == []
