"""`make soak`, second half: a gateway killed again and again while it works; what it lost, doubled and did not flag.

Real processes, a real disk, SIGKILL at moments drawn from a seed. Half of the messages are to be reported when unknown,
half to be sent again; some have two parts. A message whose acceptance the client was not told of counts for nothing.

    python -m tests.end_to_end.kill --kills 50 --seed 1
"""

import argparse
import random
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import trio

from gateway.client import Client, ClientError, connect
from tests.end_to_end.gateways import CLIENT, SECRET, read_ledger, simulator, upstream, write_config
from tests.end_to_end.processes import Process

PARTS_PER_SECOND: Final = 300
BATCH: Final = 20
AT_ONCE: Final = 10
"""Batches that a client submits in a life, at most; it begins anew where the last life ended."""
LIFE_SECONDS: Final = 1.2
"""The longest life of a gateway, from its ready line."""
SETTLE_SECONDS: Final = 300.0
READY_SECONDS: Final = 120.0
LONG: Final = "【重要】ご登録のお客様番号を、必ずお手元にお控えください。" * 3


@dataclass
class Tally:
    """What was submitted and what came of it."""

    submitted: int = 0
    accepted: set[str] = field(default_factory=set)
    last: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The newest event of each message."""
    finals: dict[str, set[tuple[str, float]]] = field(default_factory=dict)
    """The final events of each message; one that comes again is the same."""


def message(n: int) -> dict[str, Any]:
    """Message n: each third has two parts, each second is reported."""
    text = f"{LONG}{n:06d}" if n % 3 == 0 else f"ご確認番号は{n:06d}です。"
    on_unknown = "report" if n % 2 else "resend"
    return {"id": f"k-{n}", "to": f"090{10_000_000 + n:08d}", "text": text, "on_unknown": on_unknown}


async def submit(client: Client, tally: Tally) -> None:
    """Submit batch after batch."""
    for _ in range(AT_ONCE):
        first, tally.submitted = tally.submitted, tally.submitted + BATCH
        results = await client.submit([message(n) for n in range(first, first + BATCH)])
        tally.accepted.update(result["id"] for result in results if result["ok"])


async def follow(client: Client, tally: Tally) -> None:
    """Keep every event."""
    async for event in client.events():
        tally.last[event["id"]] = dict(event)
        if event["final"]:
            tally.finals.setdefault(event["id"], set()).add((event["type"], event["at"]))


@contextmanager
def running(command: list[str]) -> Iterator[Process]:
    """A gateway until the end of the block; it may take long to start, for the machine may be busy with others."""
    process = Process(command)
    try:
        process.ready = process.wait_line("ready", READY_SECONDS)
        yield process
    finally:
        process.kill()


async def live(address: str, gateway: Process, seconds: float, tally: Tally) -> None:
    """One life: submit and follow until it is killed."""

    async def use() -> None:
        with suppress(ClientError, OSError):
            async with connect(address, CLIENT, SECRET) as client, trio.open_nursery() as nursery:
                nursery.start_soon(follow_quietly, client, tally)
                with suppress(ClientError):
                    await submit(client, tally)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(use)
        await trio.sleep(seconds)
        await trio.to_thread.run_sync(gateway.kill)
        nursery.cancel_scope.cancel()


async def follow_quietly(client: Client, tally: Tally) -> None:
    """Follow until the connection ends."""
    with suppress(ClientError):
        await follow(client, tally)


async def settle(address: str, tally: Tally) -> None:
    """The last life: wait until every accepted message has come to an end."""
    with trio.move_on_after(SETTLE_SECONDS):
        async with connect(address, CLIENT, SECRET) as client, trio.open_nursery() as nursery:
            nursery.start_soon(follow, client, tally)
            while not all(_ended(tally, id_) for id_ in tally.accepted):  # noqa: ASYNC110  # real processes
                await trio.sleep(0.2)
            nursery.cancel_scope.cancel()


def _ended(tally: Tally, id_: str) -> bool:
    event = tally.last.get(id_)
    return event is not None and (event["final"] or event["type"] == "unknown")


def judge(tally: Tally, ledger: list[dict[str, Any]]) -> dict[str, int]:
    """Count what matters."""
    taken: dict[str, Counter[int]] = {}
    for part in ledger:
        number = (part["concatenation"] or {"number": 1})["number"]
        taken.setdefault(part["destination"], Counter())[number] += 1
    figures = Counter[str](dict.fromkeys(("lost", "reported sent twice", "sent again unflagged", "ended twice"), 0))
    for n in range(tally.submitted):
        made = message(n)
        parts, event = taken.get(f"8190{10_000_000 + n:08d}", Counter()), tally.last.get(made["id"])
        again = sum(times - 1 for times in parts.values())
        if made["id"] in tally.accepted:
            whole = len(parts) == (2 if n % 3 == 0 else 1)
            told = event is not None and (event["type"] == "unknown" or (event["final"] and whole))
            figures["lost"] += not told
        figures["reported sent twice"] += bool(again and made["on_unknown"] == "report")
        figures["resend sent again"] += bool(again and made["on_unknown"] == "resend")
        unflagged = event is None or "possible_duplicate" not in event
        figures["sent again unflagged"] += bool(again and made["on_unknown"] == "resend" and unflagged)
        figures["reported unknown"] += event is not None and event["type"] == "unknown"
        figures["ended twice"] += len(tally.finals.get(made["id"], ())) > 1
    return dict(figures)


async def run(kills: int, chance: random.Random, folder: Path) -> dict[str, int]:
    """Kill so often, let the last one end its work, and judge."""
    tally = Tally()
    with simulator() as smsc:
        config = write_config(folder, smsc, PARTS_PER_SECOND)
        command = ["-m", "gateway.cli", "gateway", "--config", str(config)]
        for kill in range(kills):
            with running(command) as gateway:
                await live(upstream(folder), gateway, chance.uniform(0.0, LIFE_SECONDS), tally)
            print(f"kill {kill + 1} of {kills}: {len(tally.accepted)} accepted", file=sys.stderr)
        with running(command):
            await settle(upstream(folder), tally)
        ledger = await trio.to_thread.run_sync(read_ledger, smsc)
    counts = {"kills": kills, "messages": tally.submitted, "accepted": len(tally.accepted), "parts": len(ledger)}
    return counts | judge(tally, ledger)


def main() -> int:
    """Print the figures; the exit code is 1 when a promise was broken."""
    parser = argparse.ArgumentParser("python -m tests.end_to_end.kill", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50, help="(%(default)s)")
    parser.add_argument("--seed", type=int, help="of the moments at which it is killed")
    asked = parser.parse_args()
    seed = secrets.randbelow(1 << 32) if asked.seed is None else asked.seed
    print(f"seed {seed}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        figures = trio.run(run, asked.kills, random.Random(seed), Path(folder))
    print("\n".join(f"{count:8} {what}" for what, count in figures.items()))
    return int(any(figures[what] for what in ("lost", "reported sent twice", "sent again unflagged", "ended twice")))


if __name__ == "__main__":
    sys.exit(main())
