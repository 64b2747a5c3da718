"""An SMSC that costs as little as it can, so that what is measured is whatever talks to it: raw octets, no decoding.

    python -m benchmarks.smsc --listen 127.0.0.1:2775

It lets anybody bind, takes every submit_sm, and answers with an id of ten digits. When a receipt is asked for, a
deliver_sm in the form of SMPP 3.4, Appendix B follows on the same connection, all answers of a read before its
receipts, in one send. It believes every length and keeps no window: a fair peer for measuring, `denpo simulator` for
all else. It answers "counts" and "arrivals" on its standard input with a line of JSON.
"""

import argparse
import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.processes import Process
from protocol.codec import HEADER, encode
from protocol.constants import RESPONSE_BIT, CommandId
from protocol.pdu import RESPONSES

READ_OCTETS: Final = 256 * 1024
BACKLOG: Final = 512
"""Connections that may wait to be accepted: all binds of a gateway come at once."""
STOP_SECONDS: Final = 10.0
_SUBMIT_SM: Final = int(CommandId.SUBMIT_SM)  # comparing with a member of an enum costs more
_SUBMIT_SM_RESP: Final = int(CommandId.SUBMIT_SM_RESP)
_DELIVER_SM: Final = int(CommandId.DELIVER_SM)
_DELIVER_SM_RESP: Final = int(CommandId.DELIVER_SM_RESP)
_ANSWER: Final = HEADER.size + 11
"""Octets of a submit_sm_resp with an id of ten digits."""
_TEXT: Final = "sub:001 dlvrd:001 submit date:{0} done date:{0} stat:DELIVRD err:000 text:"


class Smsc:
    """What all connections share."""

    def __init__(self, latency: float, note: bytes) -> None:
        """Args: latency: seconds from a request to its answer. note: beginnings of numbers whose arrival is noted."""
        self.binds = 0
        """Connections that have been accepted."""
        self.taken = 0
        self.receipted = 0
        """Receipts that were answered."""
        self.latency = latency
        self.note = note
        self.arrivals: list[tuple[bytes, float]] = []
        """Numbers, and seconds on CLOCK_MONOTONIC, which all processes share, after the read that brought them."""
        self.later: deque[tuple[float, Peer, bytes]] = deque()
        self._dated, self._before, self._after = 0, b"", b""

    def receipt_text(self, now: float) -> tuple[bytes, bytes]:
        """What stands before and after the id in a receipt, from esm_class on; made anew each second."""
        if int(now) != self._dated:
            self._dated = int(now)
            after = " " + _TEXT.format(time.strftime("%y%m%d%H%M"))
            self._after = after.encode()
            length = len("id:0123456789" + after)
            self._before = b"\4\0\0\0\0\0\0\0\0%cid:" % length
        return self._before, self._after

    def answer(self, question: bytes) -> object:
        """What was taken so far: numbers; or arrivals that were not told before."""
        if question == b"counts":
            return {"binds": self.binds, "taken": self.taken, "receipted": self.receipted}
        arrivals, self.arrivals = self.arrivals, []
        return [[number.decode("ascii"), at] for number, at in arrivals]


class Peer:
    """One connection."""

    def __init__(self, stream: socket.socket, smsc: Smsc) -> None:
        self._stream = stream
        self._smsc = smsc
        self._rest = b""
        self._sequence = 0

    def read(self) -> bool:
        """Read once and answer every request in it; False at the end."""
        try:
            octets = self._stream.recv(READ_OCTETS)
            answer = self._answer(self._rest + octets, time.monotonic()) if octets else b""
            if answer and not self._smsc.latency:
                self._stream.sendall(answer)
        except ConnectionError:
            octets = b""
        if not octets:
            self._stream.close()
        elif answer and self._smsc.latency:
            self._smsc.later.append((time.monotonic() + self._smsc.latency, self, answer))
        return bool(octets)

    def send(self, octets: bytes) -> None:
        """Write what was kept back; nobody may be there any more."""
        try:
            self._stream.sendall(octets)
        except OSError:
            self._stream.close()

    def _answer(self, octets: bytes, now: float) -> bytes:
        smsc, note, unpack, pack = self._smsc, self._smsc.note, HEADER.unpack_from, HEADER.pack
        taken, sequence, start, end = smsc.taken, self._sequence, 0, len(octets)
        before, after = smsc.receipt_text(now)
        answers: list[bytes] = []
        receipts: list[bytes] = []
        while end - start >= HEADER.size:
            length, command_id, _, number = unpack(octets, start)
            if start + length > end:
                break
            if command_id == _SUBMIT_SM:
                taken += 1
                answers.append(b"%b%010d\0" % (pack(_ANSWER, _SUBMIT_SM_RESP, 0, number), taken))
                source = octets.find(0, start + HEADER.size) + 1  # at its TON, after service_type
                destination = octets.find(0, source + 2) + 1
                esm_class = octets.find(0, destination + 2) + 1
                to = octets[destination : esm_class - 1]
                if note and to.startswith(note, 2):
                    smsc.arrivals.append((to[2:], now))
                validity = octets.find(0, esm_class + 3) + 1
                if octets[octets.find(0, validity) + 1]:
                    sequence += 1
                    body = b"\0%b\0%b%b%010d%b" % (to, octets[source:destination], before, taken, after)
                    receipts.append(pack(HEADER.size + len(body), _DELIVER_SM, 0, sequence) + body)
            elif command_id == _DELIVER_SM_RESP:
                smsc.receipted += 1
            elif not command_id & RESPONSE_BIT:
                answers.append(encode(RESPONSES[command_id](), number))
            start += length
        self._rest, smsc.taken, self._sequence = octets[start:], taken, sequence
        return b"".join(answers + receipts)


def serve(listener: socket.socket, smsc: Smsc) -> None:
    """Answer until standard input ends."""
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(0, selectors.EVENT_READ, 0)
    while True:
        later = smsc.later
        for key, _ in selector.select(later[0][0] - time.monotonic() if later else None):
            if key.data is None:
                stream, _ = listener.accept()
                smsc.binds += 1
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(stream, selectors.EVENT_READ, Peer(stream, smsc))
            elif key.data == 0:
                asked = os.read(0, 4096).strip()
                if not asked:
                    return
                print(json.dumps(smsc.answer(asked)), flush=True)
            elif not key.data.read():
                selector.unregister(key.fileobj)
        while later and later[0][0] <= time.monotonic():
            _, peer, octets = later.popleft()
            peer.send(octets)


@dataclass(frozen=True, slots=True)
class RunningSmsc(Process):
    """It, in a process of its own."""

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self.ready["smpp"].rpartition(":")[2])

    @property
    def counts(self) -> dict[str, int]:
        """Binds, submit_sm taken, and receipts that were answered."""
        told: dict[str, int] = self._ask(b"counts\n")
        return told

    def arrivals(self) -> dict[str, float]:
        """The numbers that arrived since this was asked last, and when, on `time.monotonic`."""
        return dict(self._ask(b"arrivals\n"))

    def _ask(self, question: bytes) -> Any:  # noqa: ANN401  # what JSON has
        assert self.popen.stdin
        assert self.popen.stdout
        self.popen.stdin.write(question)
        self.popen.stdin.flush()
        return json.loads(self.popen.stdout.readline())


@contextmanager
def running_smsc(latency: float = 0.0, note: str = "", port: int = 0) -> Iterator[RunningSmsc]:
    """Run one until the block ends. Args: as of `Smsc`; port: 0: any free one."""
    flags = ["--listen", f"127.0.0.1:{port}", "--latency", str(latency), "--note", note]
    command = [sys.executable, "-m", "benchmarks.smsc", *flags]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as popen:
        assert popen.stdin
        assert popen.stdout
        yield RunningSmsc(popen, json.loads(popen.stdout.readline()))
        popen.stdin.close()
        popen.wait(STOP_SECONDS)


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser("python -m benchmarks.smsc", description=__doc__.partition("\n")[0])
    parser.add_argument("--listen", default="127.0.0.1:0", help="HOST:PORT (any free port of 127.0.0.1)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds from a request to its answer (%(default)g)")
    parser.add_argument("--note", default="", help="note when numbers that begin like this arrive")
    asked = parser.parse_args()
    host, _, port = asked.listen.rpartition(":")
    with socket.create_server((host, int(port)), backlog=BACKLOG) as listener:
        bound = listener.getsockname()
        print(json.dumps({"event": "ready", "smpp": f"{bound[0]}:{bound[1]}"}), flush=True)
        serve(listener, Smsc(asked.latency, asked.note.encode("ascii")))


if __name__ == "__main__":
    main()
