import argparse
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import trio

from config.command import DONE, FAILED
from simulator import cli, report
from simulator.ledger import Ledger, Shelf
from tests.simulator.taken import TIME, part, parts, single, take


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser(prog="denpo simulator report")
    report.configure(parser)
    return report.run(parser.parse_args(arguments))


async def _write(path: Path, submits: list[Any]) -> None:
    ledger = Ledger(1000, Shelf.open(path))
    take(ledger, submits)
    await ledger.close()


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """A ledger without verdicts."""
    path = tmp_path / "clean"
    trio.run(_write, path, [*parts("あ" * 200), part(single(b"Hello"), time=TIME + 60)])
    return path


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """A ledger with one text sent twice, by a number and by a name, and one that was never completed."""
    path = tmp_path / "faulty"
    named = [part(single(b"secret", source_addr=b"[DENPO]"), system_id=b"[red]x") for _ in range(2)]
    trio.run(_write, path, [*named, parts("秘密" * 50)[0]])
    return path


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_a_ledger_without_fault_is_told_in_tables(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--ledger", str(clean), "--strict") == DONE
    out = capsys.readouterr().out
    assert "4 parts, 2 messages; 0 wait for parts, 0 parts forgotten" in out
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in out.splitlines()]
    for row in (["denpo", "4"], ["ucs2", "3"], ["gsm7", "1"], ["3", "1"], ["2023-11-14 22:13:20Z", "0.6", "█" * 40]):
        assert row in rows
    assert "no verdicts: nothing is wrong" in out


def test_verdicts_are_told_with_masked_numbers_and_no_body(faulty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--ledger", str(faulty)) == DONE
    out = capsys.readouterr().out
    assert "seen_twice" in out
    assert "never_completed" in out
    assert "********5678" in out
    assert "[DENPO]" in out
    assert "[red]x" in out
    for hidden in ("819012345678", "0005123456", "secret", "秘密"):
        assert hidden not in out


def test_whole_numbers_are_shown_when_asked_for(faulty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--ledger", str(faulty), "--show-numbers")
    out = capsys.readouterr().out
    assert "819012345678" in out
    assert "0005123456" in out


def test_strict_fails_when_there_is_a_verdict(faulty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--ledger", str(faulty), "--strict") == FAILED
    assert "seen_twice" in capsys.readouterr().out


def test_json_is_one_object_with_masked_numbers(faulty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--ledger", str(faulty), "--json") == DONE
    figures = json.loads(capsys.readouterr().out)
    assert (figures["parts"], figures["messages"]) == (3, 2)
    [example] = figures["verdicts"]["never_completed"]["examples"]
    assert (example["source"], example["destination"]) == ("******3456", "********5678")


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("819012345678", "********5678"),
        ("5678", "5678"),
        ("1", "1"),
        ("", ""),
        ("DENPO", "DENPO"),
        ("A12345", "**2345"),
    ],
)
def test_all_but_the_last_digits_of_a_number_are_hidden(number: str, masked: str) -> None:
    assert report._mask(number) == masked


@pytest.mark.parametrize("before", [True, False])
def test_the_ledger_may_be_named_before_the_word_report_or_after_it(
    faulty: Path, capsys: pytest.CaptureFixture[str], before: bool
) -> None:
    parser = argparse.ArgumentParser(prog="denpo simulator")
    cli.configure(parser)
    named = ["--ledger", str(faulty)]
    asked = parser.parse_args([*named, "report", "--json"] if before else ["report", *named, "--json"])
    assert cli.run(asked) == DONE
    assert json.loads(capsys.readouterr().out)["parts"] == 3


def test_a_simulator_may_be_named_before_the_word_report_too() -> None:
    parser = argparse.ArgumentParser(prog="denpo simulator")
    cli.configure(parser)
    ports = [
        parser.parse_args(arguments).http.port
        for arguments in (["report"], ["--http", "h:1", "report"], ["report", "--http", "h:2"])
    ]
    assert ports == [8775, 1, 2]


def test_an_empty_ledger_is_told_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trio.run(_write, tmp_path / "empty", [])
    assert run("--ledger", str(tmp_path / "empty"), "--strict") == DONE
    assert capsys.readouterr().out.startswith("0 parts, 0 messages")


def test_a_file_that_is_no_ledger_is_one_line_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--ledger", str(tmp_path / "nothing")) == FAILED
    [line] = capsys.readouterr().err.splitlines()
    assert line == f"denpo simulator report: {tmp_path}/nothing: unable to open database file"


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """An HTTP server that gives one answer to every GET; the address it listens on."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/report" else 500)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_simulator_that_runs_is_asked_and_no_proxy_is(
    clean: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert run("--ledger", str(clean), "--json") == DONE
    figures = capsys.readouterr().out
    with answering(200, figures.encode()) as address:
        assert run("--http", address, "--json") == DONE
    assert capsys.readouterr().out == figures


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, b"{}", "answers with 404: is it a simulator?"),
        (200, b"<html>", "no simulator answers"),
        (200, b"[]", "answers with something else: is it a simulator?"),
    ],
)
def test_something_else_that_answers_is_one_line_and_exit_code_1(
    status: int, body: bytes, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(status, body) as address:
        assert run("--http", address) == FAILED
    [line] = capsys.readouterr().err.splitlines()
    assert reason in line
    assert address in line


def test_nobody_there_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    assert run("--http", address) == FAILED
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"denpo simulator report: no simulator answers on {address}: ")
    assert "refused" in line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["--http", "8775"], 'must be "HOST:PORT"'), (["--http", "a:1", "--ledger", "x"], "not allowed with")],
)
def test_wrong_use_is_exit_code_2_and_says_what_is_right(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


def test_help_names_every_flag() -> None:
    parser = argparse.ArgumentParser()
    report.configure(parser)
    text = " ".join(parser.format_help().split())
    for words in ("127.0.0.1:8775", "--ledger", "--json", "--show-numbers", "--strict", "exit with code 1"):
        assert words in text
