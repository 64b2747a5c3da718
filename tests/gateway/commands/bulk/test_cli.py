"""`denpo bulk` against a gateway that says what it is told: what is asked before anything is sent, and what follows."""

import csv
import io
import json
import os
import signal
import sqlite3
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.cli import main
from gateway.commands.bulk import passes
from protocol.upstream import Frame
from tests.gateway.servers import WELCOME, scripted_again

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER = "to,text,name\n"
GOOD = "".join(f"0901234{n:04d},本文{n},A\n" for n in range(5))
LIMITS = {"version": 1, "credit": 10, "max_frame": 1 << 20, "max_batch": 2}


class Gateway:
    """Takes every message but those in `refusals`, by how their texts begin; `submitted` are the ids as they came."""

    def __init__(self) -> None:
        self.submitted: list[str] = []
        self.previewed: list[str] = []
        self.refusals: dict[str, str] = {}
        self.on_submit: Callable[[int], str | None] = lambda n: None
        """Asked with each submit, counted from 1: a refusal of all its messages; "close"; None: it is taken."""
        self._submits = 0
        self._taken: set[str] = set()

    def answer(self, frame: Frame) -> list[Frame] | None:
        """Answer a frame."""
        kind, tag, *rest = frame
        if kind == "hello":
            return [["welcome", WELCOME[1] | LIMITS]]
        if kind == "status":
            return [["result", tag, [{"id": id_, "ok": True, "state": "delivered"} for id_ in rest[0]]]]
        if kind == "preview":
            self.previewed += [message["id"] for message in rest[0]]
            return [["result", tag, [self._result(message) | {"carrier": "alpha"} for message in rest[0]]]]
        self._submits += 1
        self.submitted += [message["id"] for message in rest[0]]
        refusal = self.on_submit(self._submits)
        if refusal == "close":
            self._taken.update(message["id"] for message in rest[0])
            return None
        if refusal:
            said = {"ok": False, "error": refusal, "detail": "not now"}
            return [["result", tag, [{"id": message["id"]} | said for message in rest[0]]]]
        results = [self._result(message) for message in rest[0]]
        self._taken.update(message["id"] for message in rest[0])
        return [["result", tag, results]]

    def _result(self, message: dict[str, Any]) -> dict[str, Any]:
        for beginning, error in self.refusals.items():
            if message["text"].startswith(beginning):
                return {"id": message["id"], "ok": False, "error": error, "detail": "never"}
        duplicate = message["id"] in self._taken
        said = {"encoding": "ucs2", "parts": 1, "units": 3, "warnings": [], "duplicate": duplicate}
        return {"id": message["id"], "ok": True, "message_id": "5f"} | said


class Person(io.StringIO):
    """Types at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DENPO_SECRET", "open-sesame")
    monkeypatch.setattr(passes, "RETRY_SECONDS", 0.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(HEADER + GOOD, encoding="utf-8")
    return path


def run(gateway: Gateway, file: Path, *more: str) -> int:
    """Run the command; returns the exit code."""
    with scripted_again(gateway.answer) as address:
        return main(["bulk", "--upstream", address, "--client", "bank", str(file), *more])


def results(file: Path) -> list[dict[str, str]]:
    with file.with_suffix(".results.csv").open(encoding="utf-8", newline="") as opened:
        return [*csv.DictReader(opened)]


def files(file: Path) -> set[str]:
    return {path.name for path in file.parent.iterdir()}


def test_a_dry_run_shows_what_would_be_sent_and_leaves_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(f"{HEADER}{GOOD},x,A\n9012340000,bad,A\n09012340001,本文1,A\n", encoding="utf-8")
    gateway = Gateway()
    gateway.refusals["bad"] = "bad_text"
    assert run(gateway, file, "--dry-run") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0].endswith("rows.csv: utf-8; 5 texts in 5 parts; 3 rows refused")
    assert lines[1] == "columns that are not used: name"
    assert {"ucs2 5", "alpha 5", "bad_text 1 row 8: never", "empty_number 1 row 7: it has no number"} <= {*lines}
    assert "duplicate_row 1 row 9: it is the same as row 3" in lines
    assert gateway.submitted == []
    assert files(file) == {"rows.csv"}


def test_nobody_there_to_ask_is_wrong_use(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("5\n"))
    gateway = Gateway()
    assert run(gateway, file) == 2
    assert capsys.readouterr().err == "denpo bulk: nobody is there to ask; --yes 5 sends them\n"
    assert (gateway.submitted, files(file)) == ([], {"rows.csv"})


@pytest.mark.parametrize(("typed", "sent"), [("5\n", 5), ("yes\n", 0), ("4\n", 0), ("", 0)])
def test_only_the_count_sends(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, typed: str, sent: int
) -> None:
    monkeypatch.setattr("sys.stdin", Person(typed))
    gateway = Gateway()
    assert run(gateway, file) == (0 if sent else 1)
    assert len(gateway.submitted) == sent


def test_another_count_than_that_of_the_good_rows_sends_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gateway = Gateway()
    assert run(gateway, file, "--yes", "6") == 1
    assert capsys.readouterr().err == "denpo bulk: 5 rows are good, not 6; nothing was sent\n"
    assert (gateway.submitted, files(file)) == ([], {"rows.csv"})


def test_a_file_that_changes_while_it_is_shown_is_not_sent(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Editor(Person):
        def readline(self, *_size: Any) -> str:  # type: ignore[override]  # noqa: ANN401  # one form is enough
            file.write_text(HEADER + GOOD.replace("本文", "別文"), encoding="utf-8")
            return "5\n"

    monkeypatch.setattr("sys.stdin", Editor())
    gateway = Gateway()
    assert run(gateway, file) == 1
    assert "has changed since it was checked; nothing was sent" in capsys.readouterr().err
    assert gateway.submitted == []


def test_a_file_that_changes_while_it_is_sent_stops_it(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gateway = Gateway()
    long = HEADER + "".join(f"0901234{n:04d},本文{n},{'B' * 50_000}\n" for n in range(5))
    file.write_text(long, encoding="utf-8")

    def change(_n: int) -> None:
        file.write_text(long.replace("本文", "別文"), encoding="utf-8")

    gateway.on_submit = change
    assert run(gateway, file, "--yes", "5") == 2
    assert "the file has changed since it was checked" in capsys.readouterr().err
    assert len(set(gateway.submitted)) < 5


def test_what_became_of_each_row_is_written_and_a_second_run_sends_nothing(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = Gateway()
    assert run(gateway, file, "--yes", "5") == 0
    assert [(row["row"], row["outcome"], row["parts"]) for row in results(file)] == [
        (str(n), "delivered", "1") for n in range(2, 7)
    ]
    assert [row["id"] for row in results(file)] == gateway.submitted
    assert run(gateway, file) == 0
    assert (len(gateway.submitted), len(gateway.previewed)) == (5, 5)
    assert "all was sent" in capsys.readouterr().err


def test_json_says_what_the_tables_say(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(f"{HEADER}{GOOD},x,A\n", encoding="utf-8")
    assert run(Gateway(), file, "--yes", "5", "--json") == 0
    checked, sent = map(json.loads, capsys.readouterr().out.splitlines())
    refused = {"empty_number": {"count": 1, "rows": [[7, "it has no number"]]}}
    assert (checked["good"], checked["parts_by_carrier"], checked["refused"]) == (5, {"alpha": 5}, refused)
    assert sent["outcomes"] == {"delivered": 5, "refused": 1}


def test_a_corrected_file_sends_only_what_was_corrected(file: Path) -> None:
    """Ids are of the number and the text, so it does not matter where in the file a row is."""
    gateway = Gateway()
    assert run(gateway, file, "--yes", "5") == 0
    file.write_text(f"{HEADER}09099990000,本文,A\n{GOOD}", encoding="utf-8")
    assert run(gateway, file, "--yes", "6") == 0
    again = Counter(gateway.submitted)
    assert sorted(again.values()) == [1, 2, 2, 2, 2, 2]
    assert [row["detail"] for row in results(file)] == ["", *["the gateway had it already"] * 5]


@pytest.mark.parametrize("refusal", ["queue_full", "quota"])
def test_what_the_gateway_does_not_take_for_the_moment_is_submitted_again(file: Path, refusal: str) -> None:
    gateway = Gateway()
    gateway.on_submit = lambda n: refusal if n in (2, 3) else None
    assert run(gateway, file, "--yes", "5") == 0
    assert sorted(Counter(gateway.submitted).values()) == [1, 1, 1, 3, 3]
    assert {row["outcome"] for row in results(file)} == {"delivered"}


def test_a_gateway_that_takes_nothing_for_long_ends_it_to_be_resumed(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "PATIENCE", -1.0)
    gateway = Gateway()
    gateway.on_submit = lambda n: "queue_full" if n == 2 else None
    assert run(gateway, file, "--yes", "5") == 1
    assert "not now (queue_full)" in capsys.readouterr().err
    assert [row["outcome"] for row in results(file)].count("checked") == 3
    assert run(gateway, file) == 0
    assert len(set(gateway.submitted)) == 5


def test_a_connection_that_is_lost_before_the_answer_has_the_same_ids_submitted_again(file: Path) -> None:
    gateway = Gateway()
    gateway.on_submit = lambda n: "close" if n == 2 else None
    assert run(gateway, file, "--yes", "5") == 0
    assert sorted(Counter(gateway.submitted).values()) == [1, 1, 1, 2, 2]
    assert [row["detail"] for row in results(file)].count("the gateway had it already") == 2


def test_an_interrupt_writes_what_there_is_and_the_next_run_goes_on(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = Gateway()

    def interrupt(n: int) -> str | None:
        if n == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return "queue_full" if n == 2 else None

    gateway.on_submit = interrupt
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "RETRY_SECONDS", 60.0)
        assert run(gateway, file, "--yes", "5") == 1
    assert capsys.readouterr().err == (
        "denpo bulk: interrupted with 3 texts left; the same command goes on with them\n"
    )
    assert [row["outcome"] for row in results(file)] == ["accepted"] * 2 + ["checked"] * 3
    assert run(gateway, file) == 0
    assert len(gateway.previewed) == 5
    assert len(set(gateway.submitted)) == 5


def test_the_template_makes_the_texts(file: Path) -> None:
    file.write_text("電話番号,氏名\n090-1234-5678,青葉\n", encoding="cp932")
    texts: list[str] = []
    gateway = Gateway()

    def answer(frame: Frame) -> list[Frame] | None:
        if frame[0] == "submit":
            texts.extend(message["text"] for message in frame[2])
        return gateway.answer(frame)

    with scripted_again(answer) as address:
        where = ["--upstream", address, "--client", "bank"]
        assert main(["bulk", *where, str(file), "--template", "{氏名}様、本文", "--yes", "1"]) == 0
    assert texts == ["青葉様、本文"]


@pytest.mark.parametrize(
    ("content", "more", "reason"),
    [
        (None, (), "rows.csv: No such file or directory"),
        ("name\nA\n", (), 'no column is called "to"'),
        ("to\n090\n", (), 'no column is called "text"'),
        ("to\n090\n", ("--template", "{name}"), "there is no column name"),
        ("to\n090\n", ("--template", "{"), "it has a brace alone"),
        (HEADER, ("--encoding", "klingon"), "must be the name of an encoding"),
        (HEADER, ("--rate", "-1"), "must be a number, 0 to 1000000"),
    ],
)
def test_wrong_use_is_one_line(
    file: Path, capsys: pytest.CaptureFixture[str], content: str | None, more: tuple[str, ...], reason: str
) -> None:
    file.unlink()
    if content is not None:
        file.write_text(content, encoding="utf-8")
    try:
        code = main(["bulk", "--upstream", "unix:/nowhere", "--client", "bank", str(file), *more])
    except SystemExit as ended:
        code = ended.code  # type: ignore[assignment]  # argparse always exits with a number
    assert code == 2
    assert reason in capsys.readouterr().err.splitlines()[-1]


def test_the_file_is_never_taken_for_the_results(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Gateway(), file, "--results", str(file)) == 2
    assert file.read_text(encoding="utf-8") == HEADER + GOOD


def test_a_second_run_beside_the_first_is_refused(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = file.with_name("rows.results.csv.state")
    other = sqlite3.connect(state)
    other.execute("BEGIN EXCLUSIVE")
    assert run(Gateway(), file) == 1
    assert "does another run use it?" in capsys.readouterr().err
    other.close()
