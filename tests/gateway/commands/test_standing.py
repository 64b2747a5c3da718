"""`denpo status` and `denpo cancel`: what is printed, and the exit code."""

import io
import json
from typing import Any

import pytest

from gateway.cli import main
from gateway.commands import standing
from protocol.upstream import Frame
from tests.gateway.servers import WELCOME, scripted

DELIVERED = {
    "ok": True,
    "state": "delivered",
    "final": True,
    "carrier": "alpha",
    "parts": [
        {"n": 1, "state": "delivered", "carrier_id": "A1", "status": 0, "at": 1_800_000_000.5},
        {"n": 2, "state": "rejected", "carrier_id": "", "status": 0x45, "at": 1_800_000_000.5},
    ],
}
WAITING = {"ok": True, "state": "waiting", "final": False, "carrier": "", "parts": []}
UNKNOWN = {"ok": False, "error": "not_found", "detail": "no message of this id is remembered"}
KNOWN = {"order-1": DELIVERED, "order-2": WAITING}


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DENPO_SECRET", "open-sesame")


def run(command: str, *arguments: str, asked: list[Frame] | None = None) -> int:
    """Run a command against a gateway that knows two messages; returns the exit code."""

    def answer(frame: Frame) -> list[Frame]:
        if asked is not None:
            asked.append(frame)
        if frame[0] == "hello":
            return [WELCOME]
        return [["result", frame[1], [{"id": id_} | KNOWN.get(id_, UNKNOWN) for id_ in frame[2]]]]

    with scripted(answer) as address:
        return main([command, "--upstream", address, "--client", "bank", *arguments])


def test_a_table_has_a_row_for_each_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "order-1", "order-2") == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["id", "state", "carrier"]
    first, second, third = (row.split() for row in rows)
    assert first[:6] == ["order-1", "delivered", "alpha", "1", "delivered", "A1"]
    assert second[:3] == ["2", "rejected", "0x45"]
    assert third == ["order-2", "waiting", "…"]


def test_json_is_the_gateways_answer_a_line_for_each_id(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "--json", "order-1", "none") == 1
    lines: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"id": "order-1"} | DELIVERED, {"id": "none"} | UNKNOWN]


def test_an_id_that_is_not_known_is_exit_code_1_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "none") == 1
    assert "not_found" in capsys.readouterr().out


def test_cancel_asks_to_cancel(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[Frame] = []
    assert run("cancel", "order-2", asked=asked) == 0
    assert (asked[1][0], asked[1][2]) == ("cancel", ["order-2"])


def test_many_ids_are_read_from_standard_input_and_asked_for_in_pieces(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"order-{n}" for n in range(standing.IDS + 1)]
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{id_}\n" for id_ in ids) + "\n"))
    asked: list[Frame] = []
    assert run("status", "-", asked=asked) == 1
    assert [id_ for frame in asked[1:] for id_ in frame[2]] == ids


def test_what_a_carrier_calls_a_part_is_no_command_for_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    KNOWN["evil"] = DELIVERED | {
        "parts": [{"n": 1, "state": "accepted", "carrier_id": "\x1b[2J", "status": 0, "at": 0}]
    }
    try:
        assert run("status", "evil") == 0
    finally:
        del KNOWN["evil"]
    assert "\\u001b[2J" in (out := capsys.readouterr().out)
    assert "\x1b" not in out
