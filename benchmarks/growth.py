"""What a long backlog costs while the carrier is down, at the next start, and when it drains; and the replay of events.

    python -m benchmarks.growth --messages 1000000

A gateway takes messages until so many wait, is stopped and started again, and then finds its SMSC. The client is away
meanwhile, so two events of each message wait for it; at last it comes back for them. Ids come one after the other, or
with `--scattered` in no order, which costs the store's index more the longer it is.
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
IN_ORDER: Final = "m-"
"""Ids that begin so and go on with a number."""
SCATTERED: Final = ""
"""Ids in no order, as of UUIDs: each is found at another place of the store's index."""
CHUNKS: Final = 50
"""In so many steps the backlog grows; the first and the last tenth of them are compared."""
LOOKS: Final = 200
"""Into how many a drain at 20,000 messages/s is divided by looks at how far it is."""
DRAIN_SECONDS: Final = 1200.0
MB: Final = 10**6


@dataclass(frozen=True, slots=True)
class Step:
    """What brought the backlog to so many messages: submits per second, microseconds of the gateway's processor time
    for each, and its memory in MB at the end."""

    messages: int
    per_second: float
    us: float
    memory: float


def grow(place: Rig, messages: int, ids: str) -> list[Step]:
    """Take so many messages with the carrier down. Args: ids: IN_ORDER or SCATTERED."""
    steps: list[Step] = []
    with place.gateway() as gateway:
        line, before = Line(place.socket), 0
        for stop in _stops(messages):
            count, spent = stop - before, gateway.cpu_seconds
            took = fill(line, pack_submits(texts.amounts_in(texts.SHORT), before, count, BATCH, id=ids), BATCH)
            us = (gateway.cpu_seconds - spent) / count * 1e6
            steps.append(Step(stop, count / took, us, gateway.memory_octets / MB))
            before = stop
        line.close()
    return steps


def _stops(messages: int) -> Iterator[int]:
    """Powers of ten up to a step, then every step."""
    step = max(messages // CHUNKS, BATCH)
    stop = 1000
    while stop < step:
        yield stop
        stop *= 10
    yield from range(step, messages + 1, step)


def compare(steps: list[Step]) -> dict[str, float]:
    """The first tenth of the steps beside the last: the rate at the end in percent of that at the start."""
    tenth = max(len(steps) // 10, 1)
    first, last = steps[:tenth], steps[-tenth:]
    start, end = (median(step.per_second for step in some) for some in (first, last))
    us = {f"backlog_us_at_{when}": median(s.us for s in some) for when, some in (("start", first), ("end", last))}
    return {"backlog_submits_per_second": end, "backlog_rate_kept_percent": end / start * 100, **us}


def drain(gateway: Process, smsc: RunningSmsc, messages: int) -> tuple[float, float]:
    """Wait until every receipt is answered. Returns: messages per second, and the most memory in MB.

    Raises: TimeoutError: it takes too long.
    """
    deadline, begun, most = time.monotonic() + DRAIN_SECONDS, 0.0, 0
    pause = min(max(messages / 20_000 / LOOKS, 0.002), 0.2)
    while (counts := smsc.counts)["receipted"] < messages:
        begun = begun or (time.monotonic() if counts["taken"] else 0.0)
        most = max(most, gateway.memory_octets)
        if time.monotonic() > deadline:
            raise TimeoutError(f"{counts} of {messages} after {DRAIN_SECONDS} s")
        time.sleep(pause)
    return messages / (time.monotonic() - (begun or time.monotonic() - pause)), most / MB


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


def measure(messages: int, ids: str = IN_ORDER) -> tuple[list[Step], dict[str, float]]:
    """One run of it all. Args: as of `grow`."""
    port = free_port()
    with rig() as place:
        place.configure(port, settings=QUICKLY_AGAIN)
        steps = grow(place, messages, ids)
        begun = time.perf_counter()
        with place.gateway() as gateway:
            started, after = time.perf_counter() - begun, gateway.memory_octets / MB
            spent = gateway.cpu_seconds
            with running_smsc(port=port) as smsc:
                drained, draining = drain(gateway, smsc, messages)
                replayed, growth = replay(place, gateway, 2 * messages)
    return steps, {
        "backlog_mb": max(step.memory for step in steps),
        **compare(steps),
        "backlog_start_seconds": started,
        "backlog_start_cpu_seconds": spent,
        "backlog_start_mb": after,
        "backlog_drain_per_second": drained,
        "backlog_drain_mb": draining,
        "replay_events_per_second": replayed,
        "replay_growth_mb": growth,
    }


def figures(quick: bool) -> dict[str, float]:
    """One run; and the growth alone once more, with ids in no order."""
    messages = QUICK_MESSAGES if quick else MESSAGES
    found = measure(messages)[1]
    with rig() as place:
        place.configure(free_port(), settings=QUICKLY_AGAIN)
        steps = grow(place, messages, SCATTERED)
    scattered = {"backlog_mb": max(step.memory for step in steps), **compare(steps)}
    return found | {name.replace("backlog", "scattered"): value for name, value in scattered.items()}


def main() -> None:
    """Run it once and print it."""
    parser = argparse.ArgumentParser("python -m benchmarks.growth", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=MESSAGES, help="in the backlog (%(default)s)")
    parser.add_argument("--scattered", action="store_true", help="ids in no order, as of UUIDs (one after the other)")
    asked = parser.parse_args()
    messages = max(asked.messages // (CHUNKS * BATCH), 1) * CHUNKS * BATCH
    steps, found = measure(messages, SCATTERED if asked.scattered else IN_ORDER)
    print("   waiting   submits/s   us/submit   gateway MB")
    for step in steps:
        print(f"{step.messages:10,} {step.per_second:11,.0f} {step.us:11.1f} {step.memory:12.1f}")
    for name, value in found.items():
        print(f"{name:28} {value:12,.1f}")


if __name__ == "__main__":
    main()
