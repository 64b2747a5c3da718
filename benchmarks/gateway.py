"""Messages per second from submit to the `delivered` event: gateway, SMSC and load as separate processes.

Everything is as in production: the store on disk with synchronous=FULL, receipts on, all checks on. The load is a
closed loop: so many messages are on their way, and each one that is delivered makes room for another. Each message has
a number and an amount of its own. The SMSC does nothing but answer (`benchmarks/smsc.py`); `--simulator` takes ours.

    python -m benchmarks.gateway --messages 100000 --json result.json
    python -m benchmarks.gateway --long
"""

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import texts
from benchmarks.processes import Process
from benchmarks.rig import Rig, rig
from benchmarks.smsc import running_smsc
from benchmarks.upstream import Line, closed_loop, pack_submits

QUICK_MESSAGES: Final = 2000


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, and how."""

    messages: int = 100_000
    outstanding: int = 2000
    batch: int = 50
    binds: int = 2
    window: int = 100
    text: str = texts.SHORT
    simulator: bool = False
    latency: float = 0.0
    """Seconds until the SMSC answers a submit_sm; our own answers at once."""

    def frames(self) -> list[bytes]:
        """All submits, packed."""
        return list(pack_submits(texts.amounts_in(self.text), 0, self.messages, self.batch))


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run. CPU in microseconds per message of each process, memory in MB."""

    messages_per_second: float
    parts_per_second: float
    gateway_cpu: float
    smsc_cpu: float
    load_cpu: float
    gateway_memory: float


def run_once(plan: Plan) -> Outcome:
    """One run with fresh processes and a fresh store."""
    with rig() as place, _smsc(plan, place) as (port, smsc):
        place.configure(port, plan.binds, plan.window)
        with place.gateway() as gateway:
            frames, line = plan.frames(), Line(place.socket)
            line.subscribe()
            before = gateway.cpu_seconds, smsc.cpu_seconds, time.process_time()
            took = closed_loop(line, frames, plan.batch, plan.outstanding)
            after = gateway.cpu_seconds, smsc.cpu_seconds, time.process_time()
            ours, smscs, loads = ((now - then) / plan.messages * 1e6 for then, now in zip(before, after, strict=True))
            line.close()
            memory = gateway.memory_octets / 10**6
            return Outcome(plan.messages / took, line.parts / took, ours, smscs, loads, memory)


@contextmanager
def _smsc(plan: Plan, place: Rig) -> Iterator[tuple[str, Process]]:
    if plan.simulator:
        with place.simulator() as simulator:
            yield simulator.ready["smpp"].rpartition(":")[2], simulator
    else:
        with running_smsc(plan.latency) as smsc:
            yield str(smsc.port), smsc


def figures(quick: bool) -> dict[str, float]:
    """One run with short and one with long texts."""
    messages = QUICK_MESSAGES if quick else 100_000
    short, long = run_once(Plan(messages)), run_once(Plan(messages, text=texts.LONG))
    return {
        "delivered_per_second": short.messages_per_second,
        "long_parts_per_second": long.parts_per_second,
        "gateway_us_per_message": short.gateway_cpu,
        "smsc_us_per_message": short.smsc_cpu,
        "load_us_per_message": short.load_cpu,
        "gateway_mb": max(short.gateway_memory, long.gateway_memory),
    }


def main() -> None:
    """Run it as often as asked and print a table."""
    plan = Plan()
    parser = argparse.ArgumentParser("python -m benchmarks.gateway", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=plan.messages, help="in each run (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--outstanding", type=int, default=plan.outstanding, help="on their way at once (%(default)s)")
    parser.add_argument("--batch", type=int, default=plan.batch, help="messages in a submit (%(default)s)")
    parser.add_argument("--binds", type=int, default=plan.binds, help="(%(default)s)")
    parser.add_argument("--window", type=int, default=plan.window, help="of each bind (%(default)s)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--text", default=texts.SHORT, help='"{amount}" differs by message (40 characters, one part)')
    what.add_argument("--long", action="store_const", dest="text", const=texts.LONG, help="texts of two parts")
    parser.add_argument("--simulator", action="store_true", help="our own SMSC instead of one that only answers")
    parser.add_argument("--quick", action="store_true", help="one small run, to show that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    asked = parser.parse_args()
    messages, runs = (QUICK_MESSAGES, 1) if asked.quick else (asked.messages // asked.batch * asked.batch, asked.runs)
    shape = asked.outstanding, asked.batch, asked.binds, asked.window
    plan = Plan(messages, *shape, asked.text, asked.simulator)
    print(f"{plan.messages} messages, {plan.outstanding} on their way, {plan.binds} binds of window {plan.window}")
    print("messages/s    parts/s   us/message: gateway   SMSC   load   gateway MB")
    outcomes = []
    for _ in range(runs):
        each = run_once(plan)
        outcomes.append(each)
        print(
            f"{each.messages_per_second:10,.0f} {each.parts_per_second:10,.0f}   {each.gateway_cpu:19.1f}"
            f" {each.smsc_cpu:6.1f} {each.load_cpu:6.1f}   {each.gateway_memory:11.1f}",
            flush=True,
        )
    middle = median(outcome.messages_per_second for outcome in outcomes)
    print(f"median {middle:,.0f} messages/s, submit to delivered event")
    if asked.json:
        found = {"median": middle, "plan": asdict(plan), "runs": [asdict(each) for each in outcomes]}
        asked.json.write_text(json.dumps(found, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
