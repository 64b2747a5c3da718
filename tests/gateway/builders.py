"""A gateway without sockets or threads, in virtual time: its disk, its clients and its carrier are the test's.

async with opened(tmp_path, {"carriers.alpha.response_timeout": 5.0}) as house:
    caller = await house.greet()
    house.start_binds()
    await caller.submit(message("1"))
    [taken] = await house.smsc.wait_taken(1)
"""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

import msgpack
import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from config.settings import Settings
from gateway.app import Gateway
from gateway.bind import Bind
from gateway.store import Commit
from gateway.store.sqlite import SqliteStore
from gateway.upkeep import Upkeep
from tests.config.documents import SECRET, load_tree, plant
from tests.gateway.callers import Caller
from tests.gateway.carriers import Line, Smsc

EPOCH: Final = 1_780_000_000.0
"""Unix seconds at the zero of virtual time."""
PATIENCE: Final = 10_000.0
"""Virtual seconds after which a test gives up waiting."""
NUMBER: Final = "090-1234-5678"
E164: Final = b"819012345678"
LONG: Final = "電" * 150
"""A text of three parts."""
MEMORY: Final = "/dev/shm"
"""Linux's files in memory."""
MEMORY_OCTETS: Final = 1 << 30
"""Room that must be there: the gateway takes nothing in with less than half of it (`gateway.min_free`)."""

T = TypeVar("T")
Event = dict[str, Any]


def settings(folder: Path, changes: Mapping[str, object] | None = None) -> Settings:
    """Settings with one client, one carrier and one bind, and what a test changes: {"carriers.alpha.burst": 3}."""
    bind = {"host": "smsc.invalid", "system_id": "denpo", "password": {"env": "PASSWORD"}}
    tree: dict[str, Any] = {
        "gateway": {"data_dir": "store"},
        "upstream": {"listen": ["unix:upstream.sock"]},
        "web": {"listen": "127.0.0.1:0"},
        "clients": {"bank": {"secret": {"env": "SECRET"}, "sender": "0005123456"}},
        "carriers": {"alpha": {"parts_per_second": 0, "binds": [bind]}},
        "routes": [{"carriers": ["alpha"]}],
    }
    for path, value in (changes or {}).items():
        plant(tree, tuple(int(part) if part.isdigit() else part for part in path.split(".")), value)
    return load_tree(folder, tree).settings


def bind_table(**keys: object) -> dict[str, object]:
    """A bind for the array `carriers.alpha.binds`."""
    return {"host": "smsc.invalid", "system_id": "denpo", "password": {"env": "PASSWORD"}, **keys}


def message(id_: str, text: str = "こんにちは", **keys: object) -> dict[str, Any]:
    """A message as a client writes it."""
    return {"id": id_, "to": NUMBER, "text": text, **keys}


def now() -> float:
    """Unix seconds in virtual time."""
    return EPOCH + trio.current_time()


class Disk:
    """Does the work of the store's threads on the loop, where virtual time waits for it; which may be held back."""

    def __init__(self) -> None:
        self._open = trio.Event()
        self._open.set()
        self._left = 0
        self._readable = trio.Event()
        self._readable.set()

    def hold(self, after: int = 0) -> None:
        """Let no commit reach the disk until `release`, but for so many that come first."""
        self._open, self._left = trio.Event(), after

    def hold_reads(self) -> None:
        """Let nothing be read until `release`."""
        self._readable = trio.Event()

    def release_reads(self) -> None:
        """Let reads go on, whatever is held back of commits."""
        self._readable.set()

    def release(self) -> None:
        """Let everything go on."""
        self._open.set()
        self._readable.set()

    async def run_sync(self, work: Callable[..., T], *arguments: object, **_options: object) -> T:
        """Stand in for `trio.to_thread.run_sync`."""
        await trio.lowlevel.checkpoint()
        if "write" in work.__name__:
            self._left -= 1
            if self._left < 0:
                await self._open.wait()
        else:
            await self._readable.wait()
        return work(*arguments)


class House:
    """A gateway whose parts the test starts one by one. `events` are all that were committed, in order."""

    def __init__(
        self, gateway: Gateway, disk: Disk, nursery: trio.Nursery, log: list[MutableMapping[str, Any]]
    ) -> None:
        self.gateway = gateway
        self.core, self.door, self.store = gateway.core, gateway.door, gateway.store
        self.core.clock = now
        self.core.chance = self.core.settler.chance = lambda: 0.5
        self.disk = disk
        self.log = log
        """What was logged, as structlog's event dictionaries."""
        self.smsc = Smsc(nursery)
        self.events: list[Event] = []
        self.nursery = nursery
        self.binds_ended = trio.Event()
        self.crashed = False
        """Set it to lose, at the end of the block, what has not reached the disk."""
        self._news = trio.Event()
        self._publish = gateway.store.committed
        gateway.store.committed = self._committed

    async def start(self) -> None:
        """Start all but the binds and the listeners."""
        self.nursery.start_soon(self.store.run)
        upkeep = Upkeep(self.core)
        await upkeep.start()
        self.nursery.start_soon(self.core.lanes.run)
        self.nursery.start_soon(upkeep.run)

    def start_binds(self) -> list[Bind]:
        """Start every bind; `binds_ended` is set when the fleet was stopped."""
        self.nursery.start_soon(self._run_binds)
        return self.gateway.fleet.binds

    def connect(self, stream: trio.abc.Stream) -> None:
        """Serve one end of a stream as a client's connection."""
        self.nursery.start_soon(self.door._serve, stream)

    def call(self) -> Caller:
        """A client on a wire of memory, that has not said hello."""
        ours, theirs = trio.testing.memory_stream_pair()
        self.connect(theirs)
        return Caller(ours)

    async def greet(self, client: str = "bank", secret: str = SECRET) -> Caller:
        """A client that has been welcomed."""
        caller = self.call()
        await caller.greet(client, secret)
        return caller

    async def begin(self) -> tuple[Caller, Line]:
        """A client that has been welcomed, and the connection of the first bind, once it is bound."""
        caller = await self.greet()
        self.start_binds()
        return caller, await self.smsc.wait_bound(0)

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until a commit makes the condition true."""
        with trio.fail_after(PATIENCE):
            while not condition():
                self._news = trio.Event()
                await self._news.wait()

    async def wait_events(self, *kinds: str) -> list[Event]:
        """Wait until the events are of exactly these types, in order. Raises: AssertionError: they never are."""
        try:
            await self.wait(lambda: [event["type"] for event in self.events] == list(kinds))
        except trio.TooSlowError:
            raise AssertionError(f"{[event['type'] for event in self.events]} instead of {list(kinds)}") from None
        return self.events

    async def _run_binds(self) -> None:
        await self.gateway.fleet.run()
        self.binds_ended.set()

    def _committed(self, commit: Commit) -> None:
        self.events += [msgpack.unpackb(packed) for events in commit.events.values() for _, packed in events]
        self._publish(commit)
        self._news.set()


@asynccontextmanager
async def opened(folder: Path, changes: Mapping[str, object] | None = None) -> AsyncIterator[House]:
    """A gateway with its store in the folder; use it again for a second start. It ends without unbinding."""
    disk = Disk()
    chosen = settings(folder, changes)
    with pytest.MonkeyPatch.context() as patch, capture_logs() as log:
        patch.setattr(trio.to_thread, "run_sync", disk.run_sync)
        store = SqliteStore(chosen.gateway.data_dir, now, chosen.gateway.commit_batch)
        await store.open(now() + max(carrier.unknown_grace for carrier in chosen.carriers.values()))
        async with trio.open_nursery() as nursery:
            house = House(Gateway(chosen, store), disk, nursery, log)
            patch.setattr("gateway.bind.connect", house.smsc.connect)
            await house.start()
            try:
                yield house
            finally:
                disk.release()
                nursery.cancel_scope.cancel()
        if house.crashed:
            store._sealed.clear()
            store._gathering = None
        await store.close(clean=False)


def in_virtual_time(work: Callable[[Path], Awaitable[T]]) -> T:
    """Run with a new folder and a new virtual clock, for properties that are tried many times over.

    The folder is in memory where there is room: these tests crash a store by what was written, never by what a disk
    has lost, so they need not wait for one at each commit.
    """
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_OCTETS
    with TemporaryDirectory(dir=MEMORY if roomy else None) as folder:
        return trio.run(work, Path(folder), clock=trio.testing.MockClock(autojump_threshold=0))


async def settle() -> None:
    """Wait until nothing more happens at this moment of virtual time."""
    await trio.testing.wait_all_tasks_blocked()
