"""The load client of the benchmarks: what it counts is what came."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest

from benchmarks import texts
from benchmarks.upstream import Line, fill, pack_submits

WELCOME = ["welcome", {"version": 1, "credit": 10_000}]


def event(kind: str) -> dict[str, Any]:
    return {"type": kind, "at": 1.5, "id": "m-1", "message_id": "abc", "carrier": "alpha", "final": True, "meta": None}


def events(first: int, *kinds: str) -> list[Any]:
    """A frame of events, with cursors as large as the gateway's."""
    return ["events", [[(1 << 50) + first + n, event(kind)] for n, kind in enumerate(kinds)]]


@contextmanager
def gateway(folder: Path) -> Iterator[tuple[Line, socket.socket]]:
    """One that has welcomed the client; gives both ends."""
    path = folder / "socket"
    streams: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def welcome() -> None:
            streams.append(listener.accept()[0])
            streams[0].settimeout(10.0)
            streams[0].sendall(msgpack.packb(WELCOME))

        thread = threading.Thread(target=welcome)
        thread.start()
        line = Line(path)
        thread.join()
    try:
        yield line, streams[0]
    finally:
        line.close()
        streams[0].close()


def say(stream: socket.socket, *frames: list[Any]) -> None:
    stream.sendall(b"".join(map(msgpack.packb, frames)))


def heard(stream: socket.socket, kind: str) -> list[Any]:
    """Read until the client has said this."""
    unpacker = msgpack.Unpacker()
    while True:
        unpacker.feed(stream.recv(1 << 16))
        for frame in unpacker:
            if frame[0] == kind:
                return list(frame)


def test_events_are_counted_by_kind_and_the_last_one_is_acknowledged(tmp_path: Path) -> None:
    with gateway(tmp_path) as (line, stream):
        say(stream, events(1, "submitted", "delivered", "submitted"), events(7, "delivered"))
        while line.events < 4:
            line.receive()
        assert (line.submitted, line.delivered) == (2, 2)
        assert heard(stream, "ack") == ["ack", (1 << 50) + 7]


@pytest.mark.parametrize(
    "frame",
    [
        events(1, "submitted", "rejected"),
        ["result", 0, [{"id": "m-0", "ok": False, "error": "rejected", "detail": "for a reason"}]],
        ["error", None, "rejected", "for a reason"],
    ],
)
def test_whatever_goes_wrong_ends_the_run(tmp_path: Path, frame: list[Any]) -> None:
    with gateway(tmp_path) as (line, stream):
        say(stream, frame)
        with pytest.raises(ValueError, match="rejected"):
            line.receive()


def test_parts_are_counted_as_the_gateway_counts_them(tmp_path: Path) -> None:
    frames = [*pack_submits(texts.amounts_in(texts.LONG), 0, 3, 1)]
    with gateway(tmp_path) as (line, stream):
        say(stream, *(["result", n, [{"id": f"m-{n}", "ok": True, "parts": 2}]] for n in range(3)))
        fill(line, frames, 1)
        assert (line.results, line.parts) == (3, 6)


def test_submits_name_each_message_once_and_keep_to_the_batch() -> None:
    frames = [msgpack.unpackb(each) for each in pack_submits(texts.amounts_in(texts.SHORT), 5, 7, 3, lane="otp")]
    assert [len(frame[2]) for frame in frames] == [3, 3, 1]
    messages = [message for frame in frames for message in frame[2]]
    assert [message["id"] for message in messages] == [f"m-{n}" for n in range(5, 12)]
    assert {message["lane"] for message in messages} == {"otp"}
    assert len({message["to"] for message in messages}) == len({message["text"] for message in messages}) == 7
