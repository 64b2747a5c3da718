"""How fast `denpo load smpp` itself is: submit_sm per second against an SMSC that does nothing but answer.

The SMSC is a process of its own, so with two cores neither takes time from the other. Each message goes to a number of
its own; texts come from the default mix. A client that measures others must be well above what they can do.

    python -m benchmarks.load --messages 500000
"""

import argparse
import json
import multiprocessing
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from protocol.codec import HEADER, encode
from protocol.constants import RESPONSE_BIT, CommandId
from protocol.pdu import RESPONSES

READ_OCTETS: Final = 256 * 1024
SHAPES: Final = ((1, 100), (4, 100), (2, 1000))
"""Binds, and the window of each."""
_ANSWER: Final = HEADER.size + 11
"""Octets of a submit_sm_resp with an id of ten digits."""


class Peer:
    """One connection of the SMSC: what came in part, and how many it has taken."""

    def __init__(self, stream: socket.socket) -> None:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = stream
        self._rest = b""
        self._taken = 0

    def answer(self) -> bool:
        """Read once and answer every request in it; False at the end."""
        octets = self._stream.recv(READ_OCTETS)
        if not octets:
            self._stream.close()
            return False
        octets, start, answers = self._rest + octets, 0, []
        while len(octets) - start >= HEADER.size:
            length, command_id, _, sequence = HEADER.unpack_from(octets, start)
            if start + length > len(octets):
                break
            start += length
            if command_id == CommandId.SUBMIT_SM:
                self._taken += 1
                header = HEADER.pack(_ANSWER, CommandId.SUBMIT_SM_RESP, 0, sequence)
                answers.append(b"%b%010d\0" % (header, self._taken))
            elif not command_id & RESPONSE_BIT:
                answers.append(encode(RESPONSES[command_id](), sequence))
        self._rest = octets[start:]
        self._stream.sendall(b"".join(answers))
        return True


def serve(listener: socket.socket) -> None:
    """Answer for ever."""
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                stream, _ = listener.accept()
                selector.register(stream, selectors.EVENT_READ, Peer(stream))
            elif not key.data.answer():
                selector.unregister(key.fileobj)


@contextmanager
def smsc() -> Iterator[int]:
    """An SMSC in a process of its own; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = multiprocessing.get_context("fork").Process(target=serve, args=(listener,), daemon=True)
        process.start()
        try:
            yield listener.getsockname()[1]
        finally:
            process.terminate()
            process.join()


def measure(port: int, messages: int, binds: int, window: int) -> tuple[float, float, float]:
    """One run: submit_sm per second, processor time per submit_sm in microseconds, p99 in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "figures.json")
        shape = ["--binds", str(binds), "--window", str(window), "--count", str(messages)]
        target = ["--connect", f"127.0.0.1:{port}", "--closed", "--no-receipts", "--json", str(file)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "gateway.cli", "load", "smpp", *target, *shape]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        figures = json.loads(file.read_text(encoding="utf-8"))
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return figures["answers_per_second"], spent / figures["sent"] * 1e6, figures["latency"]["answer"]["p99"] * 1e3


def main() -> None:
    """Measure each shape and print a table."""
    parser = argparse.ArgumentParser("python -m benchmarks.load", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=500_000, help="in each run (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="of each shape (%(default)s)")
    asked = parser.parse_args()
    print("binds  window   submit_sm/s   us of processor   p99 ms")
    with smsc() as port:
        for binds, window in SHAPES * asked.runs:
            speed, spent, late = measure(port, asked.messages, binds, window)
            print(f"{binds:5}  {window:6}   {speed:11,.0f}   {spent:15.1f}   {late:6.2f}", flush=True)


if __name__ == "__main__":
    main()
