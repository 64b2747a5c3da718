"""`denpo send`, against a gateway that says what it is told: what is printed, and the exit code."""

import os
from pathlib import Path
from typing import Any

import pytest

from gateway import send
from gateway.cli import main
from protocol.upstream import Frame
from tests.gateway.servers import WELCOME, Answer, scripted

ACCEPTED = {"ok": True, "message_id": "5f0", "encoding": "ucs2", "parts": 2, "units": 99}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret, and no pauses between questions."""
    monkeypatch.setenv("DENPO_SECRET", "open-sesame")
    monkeypatch.setattr(send, "ASK_SECONDS", 0.0)


class Gateway:
    """Accepts one message, and says that it has one state after the other; `asked` is what it was asked."""

    def __init__(self, *states: str, result: dict[str, Any] | None = None) -> None:
        self.asked: list[Frame] = []
        self._states = iter(states)
        self._result = result or ACCEPTED

    def answer(self, frame: Frame) -> list[Frame]:
        """Answer a frame."""
        self.asked.append(frame)
        kind, tag, *_ = frame
        if kind == "hello":
            return [WELCOME]
        if kind == "submit":
            return [["result", tag, [self._result | {"id": frame[2][0]["id"]}]]]
        state = next(self._states)
        final = state in ("delivered", "rejected", "expired")
        parts = [{"n": n, "carrier_id": f"c{n}" if state != "waiting" else ""} for n in (1, 2)]
        return [["result", tag, [{"ok": True, "state": state, "final": final, "carrier": "alpha", "parts": parts}]]]


def run(answer: Answer, *more: str) -> int:
    """Send a message; returns the exit code."""
    with scripted(answer) as address:
        return main(
            ["send", "--upstream", address, "--client", "bank", "--to", "090-1234-5678", "--text", "本文", *more]
        )


def test_each_state_is_printed_once_and_a_delivery_is_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = Gateway("waiting", "waiting", "submitted", "submitted", "delivered")
    assert run(gateway.answer) == 0
    assert capsys.readouterr().out.splitlines() == [
        "accepted   5f0 ucs2, parts: 2",
        "waiting    alpha",
        "submitted  alpha c1, c2",
        "delivered  alpha c1, c2",
    ]
    [hello, submit, *_] = gateway.asked
    assert (hello[1]["client"], hello[1]["secret"]) == ("bank", "open-sesame")
    [message] = submit[2]
    assert message.keys() == {"id", "to", "text"}
    assert "ack" not in {frame[0] for frame in gateway.asked}


@pytest.mark.parametrize("state", ["rejected", "expired", "unknown"])
def test_another_end_is_exit_code_1(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Gateway("waiting", state).answer) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith(state)


def test_the_flags_reach_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = Gateway("delivered")
    assert run(gateway.answer, "--id", "order-7", "--sender", "0120444444", "--lane", "otp") == 0
    [message] = gateway.asked[1][2]
    assert (message["id"], message["sender"], message["lane"]) == ("order-7", "0120444444", "otp")


def test_a_refusal_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    result = {"ok": False, "error": "bad_number", "detail": "no number"}
    assert run(Gateway(result=result).answer) == 1
    assert capsys.readouterr().err == "denpo send: refused: no number (bad_number)\n"


def test_a_message_that_does_not_end_in_time_is_one_line_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "ASK_SECONDS", 20.0)
    assert run(Gateway("submitted").answer, "--wait", "0.1") == 1
    assert capsys.readouterr().err == "denpo send: no end within 0.1 s; the gateway goes on with it\n"


def test_a_refused_greeting_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lambda frame: [["error", None, "denied", "unknown client or wrong secret"]]) == 1
    assert capsys.readouterr().err == "denpo send: unknown client or wrong secret (denied)\n"


def test_a_gateway_that_goes_away_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = Gateway()
    assert run(lambda frame: None if frame[0] == "status" else gateway.answer(frame)) == 1
    assert capsys.readouterr().err == "denpo send: the gateway closed the connection\n"


def test_no_gateway_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["send", "--upstream", "unix:/nowhere", "--client", "bank", "--to", "1", "--text", "x"]) == 1
    assert capsys.readouterr().err == "denpo send: no gateway at unix:/nowhere: No such file or directory\n"


def wrong(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Use it wrongly; returns the last line that says so."""
    complete = ["send", "--upstream", "unix:/nowhere", "--client", "bank", "--to", "1", "--text", "x"]
    try:
        code = main([*complete, *arguments])
    except SystemExit as ended:
        code = ended.code  # type: ignore[assignment]  # argparse always exits with a number
    assert code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("upstream", ["nowhere", "tcp:nowhere", "tcp:nowhere:99999", "unix:"])
def test_an_address_of_no_form_is_wrong_use(upstream: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert wrong(capsys, "--upstream", upstream).startswith("denpo send: --upstream: must be ")


@pytest.mark.parametrize("wait", ["-1", "nan", "inf", "soon"])
def test_a_wait_that_is_no_time_is_wrong_use(wait: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert wrong(capsys, "--wait", wait).endswith("--wait: must be a number of seconds, 0 or more")


def test_without_a_secret_it_says_how_to_give_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DENPO_SECRET")
    assert wrong(capsys) == "denpo send: no secret: set DENPO_SECRET, or give --secret-file"


def test_the_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from-file\n")
    gateway = Gateway("delivered")
    assert run(gateway.answer, "--secret-file", str(file)) == 0
    assert gateway.asked[0][1]["secret"] == "from-file"


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file or directory"), (b"\xff", "is not UTF-8")])
def test_a_secret_file_that_cannot_be_read_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, reason: str
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    assert wrong(capsys, "--secret-file", str(file)) == f"denpo send: --secret-file {file}: {reason}"


def test_arguments_that_are_no_utf_8_are_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    said = wrong(capsys, "--text", os.fsdecode(b"\xff"))
    assert said == "denpo send: what is to be sent, or the secret, is not UTF-8"


def test_an_interrupt_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("anyio.run", interrupt)
    assert main(["send", "--upstream", "unix:x", "--client", "bank", "--to", "1", "--text", "x"]) == 1
    assert capsys.readouterr().err == "denpo send: interrupted\n"
