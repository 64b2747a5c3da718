"""The client of the benchmarks waits for nothing that waits for it."""

import socket
import threading
from pathlib import Path
from typing import Final

import msgpack

from benchmarks.upstream import Line

WELCOME: Final = msgpack.packb(["welcome", {"credit": 10}])
RESULT: Final = msgpack.packb(["result", 1, [{"ok": True, "parts": 1}]])
RESULTS: Final = 100_000
SECONDS: Final = 30.0


def answer_before_reading(listener: socket.socket, frames: int) -> None:
    """Welcome the client, then send more than any buffer holds, and only then read so many octets."""
    stream, _ = listener.accept()
    with stream:
        stream.settimeout(SECONDS)
        stream.recv(1024)
        stream.sendall(WELCOME)
        stream.sendall(RESULT * (RESULTS - 1))
        while frames > 0:
            frames -= len(stream.recv(1 << 20))
        stream.sendall(RESULT)


def test_it_reads_while_what_it_sends_has_no_room(tmp_path: Path) -> None:
    frames = b"x" * (8 << 20)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "upstream.sock"))
        listener.listen()
        gateway = threading.Thread(target=answer_before_reading, args=(listener, len(frames)))
        gateway.start()
        line = Line(tmp_path / "upstream.sock")
        line.send_packed(frames)
        while line.results < RESULTS:
            line.receive()
        line.close()
        gateway.join()
    assert line.parts == RESULTS
