"""`denpo events` and `denpo listen`: what is printed of what comes, and what is acknowledged."""

import json
import os
import signal
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.cli import main
from gateway.commands import stream
from protocol.upstream import Frame
from tests.gateway.servers import WELCOME, scripted_again

COMMON: dict[str, Any] = {"at": 1_800_000_000.5, "carrier": "alpha"}
SUBMITTED = COMMON | {"type": "submitted", "id": "order-1", "message_id": "5f", "final": False, "meta": None}
ENDED = {"type": "rejected", "id": "order-2", "message_id": "60", "final": True, "meta": None}
REJECTED = COMMON | ENDED | {"status": 69, "status_name": "ESME_RSUBMITFAIL", "possible_duplicate": True}
TEXT = "はい\x1b[2J\nありがとう"
INCOMING = COMMON | {"type": "incoming", "from": "819012345678", "to": "0005123456", "text": TEXT, "parts": 1}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret, and little patience."""
    monkeypatch.setenv("DENPO_SECRET", "open-sesame")
    monkeypatch.setattr(stream, "QUIET_SECONDS", 0.3)
    monkeypatch.setattr(stream, "RETRY_SECONDS", 0.0)


class Gateway:
    """Has these events; `asked` is what it was asked. stop: it interrupts whoever subscribes."""

    def __init__(self, *events: dict[str, Any], stop: bool = False) -> None:
        self.asked: list[Frame] = []
        self._events = [[n, event] for n, event in enumerate(events, 1)]
        self._stop = stop

    def answer(self, frame: Frame) -> list[Frame] | None:
        """Answer a frame."""
        self.asked.append(frame)
        if frame[0] == "hello":
            return [WELCOME]
        if frame[0] == "subscribe":
            if self._stop:
                os.kill(os.getpid(), signal.SIGINT)
            waiting = self._events[frame[2]["after"] or 0 :]
            return [["subscribed", frame[1], {"after": None}], *([["events", waiting]] if waiting else [])]
        return []

    @property
    def acknowledged(self) -> list[int]:
        """The cursors that were acknowledged."""
        return [frame[1] for frame in self.asked if frame[0] == "ack"]


def run(gateway: Gateway, command: str, *arguments: str) -> int:
    """Run a command; returns the exit code."""
    with scripted_again(gateway.answer) as address:
        return main([command, "--upstream", address, "--client", "bank", *arguments])


def shown(capsys: pytest.CaptureFixture[str]) -> Sequence[str]:
    """The lines that were printed, without their times."""
    return [line.split("  ", 1)[1] for line in capsys.readouterr().out.splitlines()]


def test_events_are_printed_and_left_where_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = Gateway(SUBMITTED, REJECTED, INCOMING)
    assert run(gateway, "events") == 0
    assert shown(capsys) == [
        "submitted…   order-1  alpha",
        "rejected     order-2  alpha  ESME_RSUBMITFAIL may have been sent twice",
        "incoming     ********5678 to 0005123456  12 characters",
    ]
    assert gateway.acknowledged == []


def test_what_is_acknowledged_was_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = Gateway(SUBMITTED, INCOMING)
    assert run(gateway, "events", "--ack") == 0
    assert shown(capsys)[1] == "819012345678 to 0005123456  はい\\u001b[2J\\nありがとう"
    assert gateway.acknowledged == [2]


def test_not_more_is_acknowledged_than_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = Gateway(SUBMITTED, REJECTED, INCOMING)
    assert run(gateway, "events", "--ack", "--count", "1") == 0
    assert (len(shown(capsys)), gateway.acknowledged) == (1, [1])


def test_json_has_the_whole_event_and_its_cursor_to_go_on_after(capsys: pytest.CaptureFixture[str]) -> None:
    data = {key: value for key, value in INCOMING.items() if key != "text"} | {"data": b"\x81\xff"}
    assert run(Gateway(SUBMITTED, data), "events", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"cursor": 1} | SUBMITTED, {"cursor": 2} | data | {"data": "81ff"}]
    assert run(Gateway(SUBMITTED, REJECTED), "events", "--json", "--after", "1") == 0
    assert [json.loads(line)["cursor"] for line in capsys.readouterr().out.splitlines()] == [2]


def test_nothing_is_acknowledged_that_could_not_be_printed() -> None:
    gateway = Gateway(SUBMITTED)

    class Gone:
        def write(self, _text: str) -> None:
            raise OSError(28, "No space left on device")

        def flush(self) -> None:
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", Gone())
        assert run(gateway, "events", "--ack") == 1
    assert gateway.acknowledged == []


def test_an_interrupt_is_the_usual_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Gateway(stop=True), "events", "--follow") == 0
    assert capsys.readouterr().err == ""


def test_a_gateway_that_was_never_there_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "--follow", "--upstream", "unix:/nowhere", "--client", "bank"]) == 1
    assert capsys.readouterr().err == "denpo events: no gateway at unix:/nowhere: No such file or directory\n"


def test_listen_prints_texts_from_handsets_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = Gateway(SUBMITTED, INCOMING, REJECTED)
    assert run(gateway, "listen", "--count", "1") == 0
    assert shown(capsys) == ["819012345678 to 0005123456  はい\\u001b[2J\\nありがとう"]
    assert gateway.acknowledged == []


def test_listen_never_acknowledges_past_what_it_has_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = Gateway(INCOMING, SUBMITTED, INCOMING)
    assert run(gateway, "listen", "--ack", "--count", "2") == 0
    assert gateway.acknowledged == [1]
    assert 'an event "submitted" stands in front' in capsys.readouterr().err


def test_a_gateway_that_goes_away_is_followed_when_it_is_back(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = Gateway(SUBMITTED, REJECTED)
    lost: list[Frame] = []

    def answer(frame: Frame) -> list[Frame] | None:
        if frame[0] == "ack" and not lost:
            lost.append(frame)
            return None
        said = gateway.answer(frame)
        if frame[0] == "subscribe" and said and not lost:
            said[1] = ["events", said[1][1][:1]]
        return said

    with scripted_again(answer) as address:
        where = ["--upstream", address, "--client", "bank"]
        assert main(["events", *where, "--follow", "--ack", "--json", "--count", "2"]) == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["cursor"] for line in out.splitlines()] == [1, 2]
    assert err.endswith("trying again\n")
    assert gateway.acknowledged == [2]
