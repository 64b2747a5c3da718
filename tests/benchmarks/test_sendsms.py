"""The application that loads Kannel asks for what it is given, and believes no callback that comes twice or says no."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest

from benchmarks import sendsms
from benchmarks.sendsms import Application

MESSAGES = [(f"8190123400{n:02}", f"{n:02}番のお知らせ") for n in range(20)]


@dataclass
class Boxes:
    """Takes messages as Kannel's smsbox does, and calls back at once: `states` says what each callback tells."""

    states: tuple[int, ...] = (1,)
    answer: bytes = b"HTTP/1.1 202 Accepted\r\nContent-Length: 26\r\n\r\n0: Accepted for delivery\r\n"
    asked: list[dict[str, str]] = field(default_factory=list)

    def serve(self, stream: socket.socket) -> None:
        """One connection of the application's, until it ends; callbacks go over one of their own."""
        with suppress(OSError), stream, stream.makefile("rb") as lines:
            while line := lines.readline():
                if line.startswith(b"GET "):
                    query = parse_qs(urlsplit(line.split()[1].decode("ascii")).query)
                    asked = {key: value[0] for key, value in query.items()}
                    self.asked.append(asked)
                    half = len(self.answer) // 2
                    stream.sendall(self.answer[:half])
                    stream.sendall(self.answer[half:])
                    self._call_back(asked["dlr-url"])

    def _call_back(self, url: str) -> None:
        port = urlsplit(url).port
        with socket.create_connection(("127.0.0.1", port)) as sink:
            for state in self.states:
                path = urlsplit(url).path.replace("%d", str(state))
                sink.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode("ascii"))
            sink.recv(1024)


@contextmanager
def asking(boxes: Boxes) -> Iterator[Application]:
    """An application that is connected to them."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        threading.Thread(target=_accept, args=(listener, boxes), daemon=True).start()
        with closing(Application(listener.getsockname()[1], MESSAGES)) as application:
            yield application


def _accept(listener: socket.socket, boxes: Boxes) -> None:
    with suppress(OSError):
        while True:
            stream, _ = listener.accept()
            threading.Thread(target=boxes.serve, args=(stream,), daemon=True).start()


@pytest.fixture(autouse=True)
def few_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a thread here."""
    monkeypatch.setattr(sendsms, "CONNECTIONS", 4)


def test_it_asks_for_every_message_once_in_ucs2_with_one_callback_for_a_final_state() -> None:
    boxes = Boxes()
    with asking(boxes) as application:
        application.run(outstanding=3)
    assert sorted((asked["to"], asked["text"]) for asked in boxes.asked) == MESSAGES
    assert {(asked["coding"], asked["charset"], asked["dlr-mask"]) for asked in boxes.asked} == {("2", "UTF-8", "3")}


def test_a_steady_stream_ends_when_all_are_called_back() -> None:
    boxes = Boxes()
    with asking(boxes) as application:
        application.run_steadily(rate=2000.0)
    assert sorted(asked["to"] for asked in boxes.asked) == [number for number, _ in MESSAGES]


@pytest.mark.parametrize("states", [(1, 1), (2,)])
def test_a_callback_that_comes_twice_or_says_failed_spoils_the_run(states: tuple[int, ...]) -> None:
    with asking(Boxes(states)) as application, pytest.raises(ValueError, match="called back"):
        application.run(outstanding=1)


def test_a_message_that_is_not_accepted_spoils_the_run() -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    with asking(Boxes(answer=refusal)) as application, pytest.raises(ValueError, match="Kannel answered b'no'"):
        application.run(outstanding=1)
