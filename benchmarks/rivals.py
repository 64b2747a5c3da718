"""denpo and Kannel, each put to the same two tests: as many messages as it can, and a steady stream.

Throughput is a closed loop, from the submit to the `delivered` event, or from the request to the callback of the
receipt. Latency is an open loop, from when a message was due to be handed over to when the SMSC has read its submit_sm.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks import gateway, kannel, texts, wire
from benchmarks.latencies import Latencies
from benchmarks.sendsms import Application
from benchmarks.smsc import RunningSmsc, running_smsc
from benchmarks.wire import RATE, WARM_UP_SECONDS

BINDS: Final = 2
DENPO: Final = "denpo"
KANNEL: Final = "Kannel"
FORCED: Final = "Kannel, TCP_NODELAY forced"
_PREFIX: Final = "8190"
"""Of the numbers, as the SMSC gets them."""
_NOT_THEIRS: Final = ("smsc", "client")


@dataclass(frozen=True, slots=True)
class Load:
    """What each run is given. outstanding: on their way at once. seconds: of the open loop."""

    messages: int = 50_000
    outstanding: int = 2000
    seconds: float = 10.0

    @property
    def warm_up(self) -> int:
        """Messages of the open loop that do not count, for as long as with `benchmarks/wire.py`."""
        return int(RATE * min(self.seconds, WARM_UP_SECONDS))

    @property
    def steady(self) -> int:
        """Messages of the open loop, warm-up included."""
        return self.warm_up + int(RATE * self.seconds)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run. cpu: microseconds a message of each process; p50, p99: milliseconds; busy: the machine's load before."""

    name: str
    messages_per_second: float
    cpu: dict[str, float]
    p50: float
    p99: float
    busy: float

    @property
    def own_cpu(self) -> float:
        """Of the gateway's own processes."""
        return sum(spent for name, spent in self.cpu.items() if name not in _NOT_THEIRS)


Rival = Callable[[Load], Outcome]


def choose_rivals() -> dict[str, Rival]:
    """Who can run here, by name."""
    rivals: dict[str, Rival] = {DENPO: run_denpo, KANNEL: run_kannel}
    if kannel.has_compiler():
        rivals[FORCED] = partial(run_kannel, force=True)
    return rivals


def run_denpo(load: Load) -> Outcome:
    """One run of each test, with fresh processes and a fresh store."""
    busy = os.getloadavg()[0]
    found = gateway.run_once(gateway.Plan(load.messages, load.outstanding, binds=BINDS))
    cpu = {"gateway": found.gateway_cpu, "smsc": found.smsc_cpu, "client": found.load_cpu}
    late, _, _ = wire.measure_steady(1, load.seconds)
    return Outcome(DENPO, found.messages_per_second, cpu, late.median, late.ninety_ninth, busy)


def run_kannel(load: Load, force: bool = False) -> Outcome:
    """The same of Kannel. Args: force: TCP_NODELAY on all its sockets. Raises: RuntimeError: it does not run here."""
    busy = os.getloadavg()[0]
    with running_smsc() as smsc, _kannel(smsc, force) as boxes:
        speed, cpu = _request_all(boxes, smsc, load)
    with running_smsc(note=_PREFIX) as smsc, _kannel(smsc, force) as boxes:
        with closing(Application(boxes.sendsms, _messages(load.steady))) as application:
            begun = application.run_steadily(RATE)
        waits = find_waits(smsc.arrivals(), smsc.counts["taken"], begun, load)
    late = Latencies.of(waits)
    return Outcome(FORCED if force else KANNEL, speed, cpu, late.median, late.ninety_ninth, busy)


@contextmanager
def _kannel(smsc: RunningSmsc, force: bool) -> Iterator[kannel.Kannel]:
    with tempfile.TemporaryDirectory(prefix="kannel-") as name:
        folder = Path(name)
        preload = kannel.build_nodelay(folder) if force else None
        with kannel.running(smsc.port, BINDS, folder, preload) as boxes:
            yield boxes


def _request_all(boxes: kannel.Kannel, smsc: RunningSmsc, load: Load) -> tuple[float, dict[str, float]]:
    meters: dict[str, Callable[[], float]] = {
        "bearerbox": lambda: boxes.bearerbox.cpu_seconds,
        "smsbox": lambda: boxes.smsbox.cpu_seconds,
        "smsc": lambda: smsc.cpu_seconds,
        "client": time.process_time,
    }
    with closing(Application(boxes.sendsms, _messages(load.messages))) as application:
        before = {name: read() for name, read in meters.items()}
        took = application.run(load.outstanding)
        cpu = {name: (read() - before[name]) / load.messages * 1e6 for name, read in meters.items()}
    return load.messages / took, cpu


def _messages(count: int) -> list[tuple[str, str]]:
    text = texts.amounts_in(texts.SHORT)
    return [(texts.number_of(n, _PREFIX), text(n)) for n in range(count)]


def find_waits(arrivals: Mapping[str, float], taken: int, begun: float, load: Load) -> list[float]:
    """Seconds from due to the wire, of each message but those of the warm-up.

    Args: arrivals: when each number came. taken: submit_sm in all. Raises: ValueError: they did not come once each.
    """
    numbers = {texts.number_of(n, _PREFIX): n for n in range(load.steady)}
    if arrivals.keys() != numbers.keys() or taken != load.steady:
        came = len(arrivals.keys() & numbers.keys())
        raise ValueError(f"{came} of {load.steady} messages came to the SMSC, in {taken} submit_sm")
    waits = {n: arrivals[number] - begun - n / RATE for number, n in numbers.items()}
    return [wait for n, wait in waits.items() if n >= load.warm_up]
