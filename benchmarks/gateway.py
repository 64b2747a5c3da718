"""Messages per second from submit to the `delivered` event: gateway, simulator and load as separate processes.

Everything is as in production: the store on disk with synchronous=FULL, receipts on, all checks on. The load is a
closed loop: so many messages are on their way, and each one that is delivered makes room for another.

    python -m benchmarks.gateway --messages 100000 --json result.json
"""

import argparse
import json
import platform
import socket
import sqlite3
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgpack

from benchmarks.processes import Process, started

TEXT: Final = "【あおば銀行】本日、口座から12,800円を引き落としました。ご確認ください。"
SECRET: Final = "load"
DEADLINE_SECONDS: Final = 300.0

CONFIG: Final = """\
[gateway]
data_dir = "store"
[upstream]
listen = ["unix:upstream.sock"]
[web]
listen = "127.0.0.1:0"
[clients.load]
secret = {{ env = "DENPO_LOAD_SECRET" }}
sender = "0005123456"
[carriers.alpha]
parts_per_second = 0
{binds}
[[routes]]
carriers = ["alpha"]
"""
_BIND: Final = """\
[[carriers.alpha.binds]]
host = "127.0.0.1"
port = {port}
system_id = "load"
password = {{ env = "DENPO_LOAD_SECRET" }}
window = {window}
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, and how."""

    messages: int
    outstanding: int
    batch: int
    binds: int
    window: int
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run. CPU in microseconds per message, memory in MiB."""

    messages_per_second: float
    gateway_cpu: float
    simulator_cpu: float
    gateway_memory: float


class Load:
    """An upstream client that does as little as it can: frames are packed beforehand, events are only counted."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self._plan = plan
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30.0)
        self._socket.connect(str(path))
        self._unpacker = msgpack.Unpacker(raw=True)
        self._delivered = 0
        self._credit = 0
        self._acknowledge = 0

    def run(self) -> float:
        """Send everything; returns the seconds from the first submit to the last delivery."""
        frames = self._frames()
        self._send(["hello", {"version": 1, "client": "load", "secret": SECRET, "agent": "benchmark"}])
        self._send(["subscribe", 0, {"after": None}])
        begun = time.perf_counter()
        sent = 0
        while self._delivered < self._plan.messages:
            room = min(self._credit, self._plan.outstanding - (sent - self._delivered))
            ready = min(room // self._plan.batch, (self._plan.messages - sent) // self._plan.batch)
            if ready > 0:
                first = sent // self._plan.batch
                self._socket.sendall(b"".join(frames[first : first + ready]))
                sent += ready * self._plan.batch
            self._receive()
            if time.perf_counter() - begun > DEADLINE_SECONDS:
                raise TimeoutError(f"{self._delivered} of {self._plan.messages} were delivered in {DEADLINE_SECONDS} s")
        took = time.perf_counter() - begun
        self._socket.close()
        return took

    def _frames(self) -> list[bytes]:
        plan = self._plan
        numbers = [f"090{n % 90_000_000 + 10_000_000:08d}" for n in range(plan.messages)]
        messages = [{"id": f"m-{n}", "to": number, "text": plan.text} for n, number in enumerate(numbers)]
        starts = range(0, plan.messages, plan.batch)
        return [msgpack.packb(["submit", start, messages[start : start + plan.batch]]) for start in starts]

    def _send(self, frame: list[Any]) -> None:
        self._socket.sendall(msgpack.packb(frame))

    def _receive(self) -> None:
        octets = self._socket.recv(1 << 20)
        if not octets:
            raise ConnectionError("the gateway closed the connection")
        self._unpacker.feed(octets)
        for frame in self._unpacker:
            self._take(frame)
        if self._acknowledge:
            self._send(["ack", self._acknowledge])
            self._acknowledge = 0

    def _take(self, frame: list[Any]) -> None:
        kind = frame[0]
        if kind == b"events":
            for _, event in frame[1]:
                if event[b"type"] == b"delivered":
                    self._delivered += 1
                elif event[b"type"] != b"submitted":
                    raise ValueError(f"a message was {event[b'type'].decode()}")
            self._acknowledge = frame[1][-1][0]
        elif kind == b"credit":
            self._credit += frame[1]
        elif kind == b"welcome":
            self._credit = frame[1][b"credit"]
        elif kind == b"result":
            self._credit -= len(frame[2])
            if not all(result[b"ok"] for result in frame[2]):
                raise ValueError("a message was refused")
        elif kind == b"error":
            raise ValueError(f"the gateway answered {frame[2:]}")


def bind_tables(port: str, binds: int, window: int) -> str:
    """What CONFIG needs for its binds."""
    return _BIND.format(port=port, window=window) * binds


def run_once(plan: Plan) -> Outcome:
    """One run with fresh processes and a fresh store."""
    with tempfile.TemporaryDirectory(prefix="denpo-") as name:
        folder = Path(name)
        secret = {"DENPO_LOAD_SECRET": SECRET}
        flags = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--receipt-delay", "0", "--window", "1000"]
        with started(["simulator", *flags], folder / "simulator.log") as simulator:
            port = simulator.ready["smpp"].rpartition(":")[2]
            binds = bind_tables(port, plan.binds, plan.window)
            config = folder / "gateway.toml"
            config.write_text(CONFIG.format(binds=binds), encoding="utf-8")
            with started(["gateway", "--config", str(config)], folder / "gateway.log", secret) as gateway:
                return _measure(plan, folder, gateway, simulator)


def _measure(plan: Plan, folder: Path, gateway: Process, simulator: Process) -> Outcome:
    load = Load(folder / "upstream.sock", plan)
    before = gateway.cpu_seconds, simulator.cpu_seconds
    took = load.run()
    after = gateway.cpu_seconds, simulator.cpu_seconds
    ours, theirs = ((now - then) / plan.messages * 1e6 for then, now in zip(before, after, strict=True))
    return Outcome(plan.messages / took, ours, theirs, gateway.memory_octets / 2**20)


def main() -> None:
    """Run it as often as asked and print a table."""
    parser = argparse.ArgumentParser("python -m benchmarks.gateway", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=100_000, help="in each run (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--outstanding", type=int, default=2000, help="on their way at once (%(default)s)")
    parser.add_argument("--batch", type=int, default=50, help="messages in a submit (%(default)s)")
    parser.add_argument("--binds", type=int, default=2, help="(%(default)s)")
    parser.add_argument("--window", type=int, default=100, help="of each bind (%(default)s)")
    parser.add_argument("--text", default=TEXT, help="what to send (a Japanese text of 40 characters)")
    parser.add_argument("--quick", action="store_true", help="one small run, to show that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    asked = parser.parse_args()
    messages, runs = (2000, 1) if asked.quick else (asked.messages // asked.batch * asked.batch, asked.runs)
    plan = Plan(messages, asked.outstanding, asked.batch, asked.binds, asked.window, asked.text)
    print(f"{plan.messages} messages, {plan.outstanding} on their way, {plan.binds} binds of window {plan.window}")
    print("messages/s   gateway us/message   simulator us/message   gateway MiB")
    outcomes = []
    for _ in range(runs):
        outcome = run_once(plan)
        outcomes.append(outcome)
        print(
            f"{outcome.messages_per_second:10,.0f}   {outcome.gateway_cpu:18.1f}   {outcome.simulator_cpu:20.1f}"
            f"   {outcome.gateway_memory:11.1f}",
            flush=True,
        )
    middle = median(outcome.messages_per_second for outcome in outcomes)
    print(f"median {middle:,.0f} messages/s, submit to delivered event")
    if asked.json:
        machine = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, "machine": platform.machine()}
        figures = {"median": middle, "plan": asdict(plan), "runs": [asdict(each) for each in outcomes], **machine}
        asked.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
