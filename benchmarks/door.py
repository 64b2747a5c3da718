"""How long the door takes from submit to result: at a steady rate, and beside a client that hangs.

Gateway and SMSC are processes of their own, the store is on disk with synchronous=FULL, all checks are on; the
clients are the client library's, so its own time counts. Every latency is taken from when the message was due, not from
when it could be written: a door that stalls cannot hide it (an open loop).

    python -m benchmarks.door --json result.json

`steady`: one client, 1,000 messages/s in batches of 10. `crowd`: 200 connections that submit one message each in turn;
in every second phase one more has subscribed to all events, asks and asks, and reads nothing. What that costs in
memory is the difference between the phases with it and those without. The gateway's memory grows with what is stored,
too, until the store's page cache is full, so the crowd begins when that is so.
"""

import argparse
import gc
import json
import platform
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Any, Final

import trio

from benchmarks import texts
from benchmarks.latencies import Latencies
from benchmarks.processes import Process
from benchmarks.rig import rig
from benchmarks.smsc import running_smsc
from benchmarks.upstream import SECRET
from gateway.client import Client, connect
from protocol.upstream import VERSION, pack

WARM_UP_SECONDS: Final = 1.0
FILL: Final = 20_000
"""Messages submitted before the crowd, and again as long as the gateway's memory grows with them."""
SETTLE_SECONDS: Final = 5.0
"""Of the crowd, before the phases that count, and again likewise: what was filled in is still being delivered."""
MAX_ROUNDS: Final = 20
FLAT_OCTETS: Final = 1024 * 1024
"""Growth in one such round that is none."""
FILL_BATCH: Final = 500
FILL_TASKS: Final = 8
LOOK_SECONDS: Final = 0.1
"""Between two looks at the gateway's memory."""
HUNG_BATCH: Final = 100
"""Ids in each question of the client that reads nothing."""
HUNG_PAUSE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Bench:
    """A gateway that feeds an SMSC."""

    address: str
    gateway: Process

    def memory(self) -> int:
        """Octets that the gateway has."""
        return self.gateway.memory_octets


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many connections, how many messages a second, how long and how often without and with one that hangs."""

    connections: int = 200
    rate: float = 400.0
    seconds: float = 20.0
    rounds: int = 3
    fill: int = FILL


class Offers:
    """Submits on schedule, whatever became of those before."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._numbers = count()
        self._text = texts.amounts_in(texts.SHORT)

    async def run(self, clients: list[Client], rate: float, batch: int, seconds: float) -> None:
        """Offer so many messages per second, in batches, to one client after the other; wait for all results."""
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            for n in range(int(rate * seconds / batch)):
                due = begun + n * batch / rate
                await trio.sleep_until(due)
                nursery.start_soon(self._submit, clients[n % len(clients)], batch, due)

    async def _submit(self, client: Client, batch: int, due: float) -> None:
        numbers = [next(self._numbers) for _ in range(batch)]
        name = f"{id(self):x}"
        messages = [{"id": f"{name}-{n}", "to": texts.number_of(n), "text": self._text(n)} for n in numbers]
        results = await client.submit(messages)
        self.seconds += [trio.current_time() - due] * batch
        if not all(result["ok"] for result in results):
            raise ValueError("a message was refused")

    def sum_up(self) -> Latencies:
        """The latencies so far."""
        return Latencies.of(self.seconds)


@contextmanager
def calm() -> Iterator[None]:
    """Keep our own collector from looking at all that was imported: it takes 30 ms, and is no latency of the door."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def running() -> Iterator[Bench]:
    """Start both processes with a fresh store."""
    with rig() as place, running_smsc() as smsc:
        place.configure(smsc.port)
        with place.gateway() as gateway:
            yield Bench(f"unix:{place.socket}", gateway)


async def measure_steady(bench: Bench, rate: float, batch: int, seconds: float) -> Latencies:
    """One client, whose events are read and acknowledged as an application would."""
    async with connect(bench.address, "load", SECRET) as client, trio.open_nursery() as nursery:
        nursery.start_soon(follow, client)
        await Offers().run([client], rate, batch, WARM_UP_SECONDS)
        offers = Offers()
        await offers.run([client], rate, batch, seconds)
        nursery.cancel_scope.cancel()
    return offers.sum_up()


async def measure_crowd(bench: Bench, crowd: Crowd) -> dict[str, Any]:
    """Many connections, in turn without and with one that reads nothing; memory: MiB grown in the median phase."""
    alone, beside = Offers(), Offers()
    grown: dict[str, list[int]] = {"alone": [], "beside": []}
    async with AsyncExitStack() as stack:
        opening = (connect(bench.address, "load", SECRET) for _ in range(crowd.connections))
        clients = [await stack.enter_async_context(each) for each in opening]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow, clients[0])
            firsts, settling = count(0, crowd.fill), min(crowd.seconds, SETTLE_SECONDS)
            await until_flat(bench, lambda: submit_all(clients[0], next(firsts), crowd.fill))
            await until_flat(bench, lambda: Offers().run(clients, crowd.rate, 1, settling))
            for _ in range(crowd.rounds):
                async with watched(bench.memory, grown["alone"]):
                    await alone.run(clients, crowd.rate, 1, crowd.seconds)
                async with watched(bench.memory, grown["beside"]), hung(bench.address):
                    await beside.run(clients, crowd.rate, 1, crowd.seconds)
            nursery.cancel_scope.cancel()
    growth = {f"growth_{name}": median(octets) / 2**20 for name, octets in grown.items()}
    return {"alone": alone.sum_up(), "beside": beside.sum_up(), **growth}


async def until_flat(bench: Bench, work: Callable[[], Awaitable[None]]) -> None:
    """Do some work again and again until the gateway's memory stays as it is."""
    for _ in range(MAX_ROUNDS):
        before = bench.memory()
        await work()
        if bench.memory() - before < FLAT_OCTETS:
            break


async def submit_all(client: Client, first: int, messages: int) -> None:
    """Submit so many, and wait for their results."""
    numbers = iter(range(first, first + messages))

    async def submit() -> None:
        while some := list(islice(numbers, FILL_BATCH)):
            text = texts.SHORT
            await client.submit([{"id": f"fill-{n}", "to": texts.number_of(n), "text": text} for n in some])

    async with trio.open_nursery() as nursery:
        for _ in range(FILL_TASKS):
            nursery.start_soon(submit)


@asynccontextmanager
async def watched(memory: Callable[[], int], grown: list[int]) -> AsyncIterator[None]:
    """Add to a list by how many octets a memory has grown meanwhile, when it was most."""
    before = most = memory()

    async def look() -> None:
        nonlocal most
        while True:
            most = max(most, memory())
            await trio.sleep(LOOK_SECONDS)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        yield
        nursery.cancel_scope.cancel()
    grown.append(most - before)


async def follow(client: Client) -> None:
    """Read and acknowledge all events."""
    async for _ in client.events():
        pass


@asynccontextmanager
async def hung(address: str) -> AsyncIterator[None]:
    """A client that subscribes and asks, as long as the gateway takes its questions, and never reads an answer."""
    hello = {"version": VERSION, "client": "load", "secret": SECRET, "agent": "hung"}
    asked = pack(["status", 2, [f"nobody-{n}" for n in range(HUNG_BATCH)]])
    async with await trio.open_unix_socket(address.removeprefix("unix:")) as stream, trio.open_nursery() as nursery:

        async def ask() -> None:
            await stream.send_all(pack(["hello", hello]) + pack(["subscribe", 1, {"after": None}]))
            while True:
                await stream.send_all(asked)
                await trio.sleep(HUNG_PAUSE)

        nursery.start_soon(ask)
        yield
        nursery.cancel_scope.cancel()


def figures(quick: bool) -> dict[str, float]:
    """One run at a steady rate, from due to result; times in milliseconds."""
    with running() as bench, calm():
        late = trio.run(measure_steady, bench, 1000.0, 10, 0.3 if quick else 20.0)
    return {"door_p50_ms": late.median, "door_p99_ms": late.ninety_ninth, "door_max_ms": late.longest}


def main() -> None:
    """Run both and print a table."""
    parser = argparse.ArgumentParser("python -m benchmarks.door", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement or phase (%(default)g)")
    parser.add_argument("--rate", type=float, default=1000.0, help="messages per second, steady (%(default)g)")
    parser.add_argument("--batch", type=int, default=10, help="messages in a submit, steady (%(default)s)")
    parser.add_argument("--connections", type=int, default=200, help="in the crowd (%(default)s)")
    parser.add_argument("--crowd-rate", type=float, default=400.0, help="messages per second, crowd (%(default)g)")
    parser.add_argument("--rounds", type=int, default=3, help="of the crowd without and with (%(default)s)")
    parser.add_argument(
        "--fill", type=int, default=FILL, help="messages before the crowd, while memory grows (%(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    asked = parser.parse_args()
    print(f"{'ms':16} {'messages':>8} {'median':>10} {'99 %':>10} {'longest':>10}")
    with running() as bench, calm():
        steady = trio.run(measure_steady, bench, asked.rate, asked.batch, asked.seconds)
        print(f"{'steady':16} {steady}", flush=True)
    asked_crowd = Crowd(asked.connections, asked.crowd_rate, asked.seconds, asked.rounds, asked.fill)
    with running() as bench, calm():
        crowd = trio.run(measure_crowd, bench, asked_crowd)
    print(f"{'crowd':16} {crowd['alone']}\n{'  beside a hung':16} {crowd['beside']}")
    grown = (
        f"{crowd['growth_alone']:.1f} MiB in a phase of the crowd, {crowd['growth_beside']:.1f} MiB beside a hung one"
    )
    print(f"the gateway's memory grew by {grown}")
    if asked.json:
        found = {"steady": asdict(steady), **{name: plain(value) for name, value in crowd.items()}}
        asked.json.write_text(json.dumps(found | {"python": platform.python_version()}, indent=1))


def plain(value: Latencies | float) -> object:
    """A figure for JSON."""
    return asdict(value) if isinstance(value, Latencies) else value


if __name__ == "__main__":
    main()
