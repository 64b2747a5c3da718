"""What a long backlog costs while the carrier is down, at the next start, and when it drains; and the replay of events.

    python -m benchmarks.growth --messages 1000000

A gateway takes messages until so many wait, is stopped and started again, and then finds its SMSC. The client is away
meanwhile, so two events of each message wait for it; at last it comes back for them.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks import texts
from benchmarks.processes import Process
from benchmarks.rig import QUICKLY_AGAIN, Rig, free_port, rig
from benchmarks.smsc import RunningSmsc, running_smsc
from benchmarks.upstream import Line, fill, pack_submits

MESSAGES: Final = 1_000_000
QUICK_MESSAGES: Final = 2000
BATCH: Final = 100
CHUNKS: Final = 50
"""In so many steps the backlog grows; the first and the last tenth of them are compared."""
LOOK_SECONDS: Final = 0.2
DRAIN_SECONDS: Final = 1200.0
MB: Final = 10**6


@dataclass(frozen=True, slots=True)
class Step:
    """When so many messages wait: submits per second in the last step, and the gateway's memory in MB."""

    messages: int
    per_second: float
    memory: float


def grow(place: Rig, messages: int) -> tuple[list[Step], list[float]]:
    """Take so many messages with the carrier down. Returns: each power of ten, and the rate of each step."""
    steps: list[Step] = []
    rates: list[float] = []
    with place.gateway() as gateway:
        line, before = Line(place.socket), 0
        for stop in _stops(messages):
            frames = pack_submits(texts.amounts_in(texts.SHORT), before, stop - before, BATCH)
            rates.append((stop - before) / fill(line, frames, BATCH))
            before = stop
            if stop == messages or str(stop).strip("0") == "1":
                steps.append(Step(stop, rates[-1], gateway.memory_octets / MB))
        line.close()
    return steps, rates


def _stops(messages: int) -> Iterator[int]:
    """Powers of ten up to a step, then every step."""
    step = max(messages // CHUNKS, BATCH)
    stop = 1000
    while stop < step:
        yield stop
        stop *= 10
    yield from range(step, messages + 1, step)


def kept_up(rates: list[float]) -> float:
    """The rate of submits at the end, in percent of that at the start."""
    tenth = max(len(rates) // 10, 1)
    return median(rates[-tenth:]) / median(rates[:tenth]) * 100


def drain(gateway: Process, smsc: RunningSmsc, messages: int) -> tuple[float, float]:
    """Wait until every receipt is answered. Returns: messages per second, and the most memory in MB.

    Raises: TimeoutError: it takes too long.
    """
    deadline, begun, most = time.monotonic() + DRAIN_SECONDS, 0.0, 0
    while (counts := smsc.counts)["receipted"] < messages:
        begun = begun or (time.monotonic() if counts["taken"] else 0.0)
        most = max(most, gateway.memory_octets)
        if time.monotonic() > deadline:
            raise TimeoutError(f"{counts} of {messages} after {DRAIN_SECONDS} s")
        time.sleep(LOOK_SECONDS)
    return messages / (time.monotonic() - (begun or time.monotonic() - LOOK_SECONDS)), most / MB


def replay(place: Rig, gateway: Process, events: int) -> tuple[float, float]:
    """Come back for so many events. Returns: events per second, and by how many MB the gateway grew at most."""
    line, before, most, reads = Line(place.socket), gateway.memory_octets, 0, 0
    begun = time.perf_counter()
    line.subscribe()
    while line.events < events:
        line.receive()
        reads += 1
        most = max(most, gateway.memory_octets) if reads % 100 == 1 else most
    took = time.perf_counter() - begun
    line.close()
    return events / took, (max(most, gateway.memory_octets) - before) / MB


def measure(messages: int) -> tuple[list[Step], dict[str, float]]:
    """One run of it all."""
    port = free_port()
    with rig() as place:
        place.configure(port, settings=QUICKLY_AGAIN)
        steps, rates = grow(place, messages)
        begun = time.perf_counter()
        with place.gateway() as gateway:
            started, after = time.perf_counter() - begun, gateway.memory_octets / MB
            spent = gateway.cpu_seconds
            with running_smsc(port=port) as smsc:
                drained, draining = drain(gateway, smsc, messages)
                replayed, growth = replay(place, gateway, 2 * messages)
    return steps, {
        "backlog_mb": steps[-1].memory,
        "backlog_submits_per_second": rates[-1],
        "backlog_rate_kept_percent": kept_up(rates),
        "backlog_start_seconds": started,
        "backlog_start_cpu_seconds": spent,
        "backlog_start_mb": after,
        "backlog_drain_per_second": drained,
        "backlog_drain_mb": draining,
        "replay_events_per_second": replayed,
        "replay_growth_mb": growth,
    }


def figures(quick: bool) -> dict[str, float]:
    """One run."""
    return measure(QUICK_MESSAGES if quick else MESSAGES)[1]


def main() -> None:
    """Run it once and print it."""
    parser = argparse.ArgumentParser("python -m benchmarks.growth", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=MESSAGES, help="in the backlog (%(default)s)")
    asked = parser.parse_args()
    steps, found = measure(max(asked.messages // (CHUNKS * BATCH), 1) * CHUNKS * BATCH)
    print("   waiting   submits/s   gateway MB")
    for step in steps:
        print(f"{step.messages:10,} {step.per_second:11,.0f} {step.memory:13.1f}")
    for name, value in found.items():
        print(f"{name:28} {value:12,.1f}")


if __name__ == "__main__":
    main()
