"""Tells a story: the real gateway, from its door to its binds, on a real disk, in virtual time, life after life."""

import os
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import msgpack
import pytest
import trio
from structlog.testing import capture_logs

from config.settings import Settings
from gateway.app import Gateway
from gateway.store.sqlite import SqliteStore
from tests.gateway.builders import House, in_virtual_time, now, settings
from tests.gateway.store.disk import crash
from tests.promises.bank import Bank
from tests.promises.smsc import Ledger, Smsc
from tests.promises.stories import ELSEWHERE, GRACE, RESPONSE_TIMEOUT, Death, Story
from tests.promises.wires import Crash, Disk, Fuse

if TYPE_CHECKING:
    import sqlite3

    from gateway.store import Commit

PATIENCE: Final = 300.0
"""Virtual seconds in which everything must be settled once nothing goes wrong any more."""
QUIET: Final = RESPONSE_TIMEOUT + GRACE + 2.0
"""Seconds to go on after that, in which nothing more may happen."""
BURST: Final = 3
MAX_PARTS: Final = 3
STOP: Final = Death(stop=True)
"""How the last life ends."""


@dataclass
class Record:
    """What came of a story."""

    story: Story
    bank: Bank
    ledger: Ledger
    deaths: list[float] = field(default_factory=list)
    """When each life ended in a crash, in virtual seconds."""
    stops: list[float] = field(default_factory=list)
    """When each life was ended as it should."""
    events: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Every event that reached the disk, by cursor."""
    log: list[MutableMapping[str, Any]] = field(default_factory=list)
    """What the life that is told of last has logged."""
    defects: list[MutableMapping[str, Any]] = field(default_factory=list)
    """What the gateway has said of defects of its own."""
    settled: bool = False
    """Whether all that was accepted came to an end."""
    live: int = 0
    """Messages in memory at the end."""


class FusedStore(SqliteStore):
    """A store that dies before or after any commit: one may reach the disk, and the gateway not hear of it."""

    def __init__(self, folder: Path, fuse: Fuse, most: int) -> None:
        super().__init__(folder, now, most)
        self._fuse = fuse

    def _write(self, commit: "Commit") -> None:
        self._fuse.burn()
        super()._write(commit)
        self._fuse.burn()


def tell(story: Story) -> Record:
    """Let it happen, from the first start of the gateway to the end of its last life."""

    async def work(folder: Path) -> Record:
        async with trio.open_nursery() as nursery:
            record = Record(story, Bank(story), Ledger())
            smsc = Smsc(nursery, story)
            record.ledger, place = smsc.ledger, folder / "first"
            for life, death in enumerate([*story.deaths, STOP]):
                smsc.ledger.life = life
                if await _live(record, smsc, death, place):
                    place = crash(place, folder / f"after-{life}")
            nursery.cancel_scope.cancel()
        return record

    return in_virtual_time(work)


async def _live(record: Record, smsc: Smsc, death: Death, folder: Path) -> bool:
    """One life, with its store in the folder; whether it ended in a crash."""
    fuse = smsc.fuse = Fuse(death.deeds, death.torn)
    disk = Disk(fuse, record.story.disk)
    try:
        with pytest.MonkeyPatch.context() as patch, capture_logs() as log:
            patch.setattr(trio.to_thread, "run_sync", disk.run_sync)
            patch.setattr("gateway.bind.connect", smsc.connect)
            record.log = log
            async with _housed(record, folder, fuse) as house:
                record.events.update(await _read_events(house))
                house.nursery.start_soon(record.bank.live, house, fuse)
                house.start_binds()
                await _go_on(record, smsc, death, await _kept(house, record))
                if not death.stop:
                    fuse.blow()
                await _stop(house, record)
    except* Crash:
        record.deaths.append(trio.current_time())
    else:
        record.stops.append(trio.current_time())
    record.defects += [entry for entry in record.log if entry["event"] == "defect"]
    return fuse.blown


@asynccontextmanager
async def _housed(record: Record, folder: Path, fuse: Fuse) -> AsyncIterator[House]:
    """A gateway with its store in the folder, all but its binds running."""
    chosen = _settings(record.story)
    store = FusedStore(folder, fuse, chosen.gateway.commit_batch)
    try:
        await store.open(now() + GRACE)
        async with trio.open_nursery() as nursery:
            house = House(Gateway(chosen, store), None, nursery, [])  # type: ignore[arg-type]  # the fuse has the disk
            store.committed = _listening(record, store.committed)
            await house.start()
            yield house
            nursery.cancel_scope.cancel()
        await store.close(clean=house.gateway.fleet.clean)
    except BaseException:
        _let_go(store)
        raise


async def _kept(house: House, record: Record) -> set[int]:
    """What former lives have left on disk: a lazy client may have heard of none of it."""
    ids = [str(n) for n in range(len(record.story.wanted))]
    return {int(id_) for id_ in await house.store.find_messages("bank", ids)}


async def _go_on(record: Record, smsc: Smsc, death: Death, kept: set[int]) -> None:
    """Let time pass until this life is to end. Args: kept: messages that were on disk at its beginning."""
    if death is not STOP:
        await trio.sleep(min(death.seconds, PATIENCE))
        return
    with trio.move_on_after(PATIENCE):
        while record.bank.open or smsc.owed or not all(_ended(record, n) for n in record.bank.accepted | kept):  # noqa: ASYNC110
            await trio.sleep(1.0)
        record.settled = True
    await trio.sleep(QUIET)


def _ended(record: Record, n: int) -> bool:
    told = record.bank.told(n)
    return bool(told) and (told[-1]["final"] or told[-1]["type"] in ("unknown", "submitted"))


async def _stop(house: House, record: Record) -> None:
    """The staged stop, as `gateway.app` does it."""
    record.live = len(house.core.outstanding.live)
    house.door.close()
    house.gateway.fleet.stop(1.0)
    await house.binds_ended.wait()
    await house.store.commit.wait()


async def _read_events(house: House) -> dict[int, dict[str, Any]]:
    found = await house.store.events("bank", 0, 1000)
    return {cursor: msgpack.unpackb(packed) for cursor, packed in found}


def _listening(record: Record, committed: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def listen(commit: Any) -> None:  # noqa: ANN401
        told = (event for events in commit.events.values() for event in events)
        record.events.update({cursor: msgpack.unpackb(packed) for cursor, packed in told})
        committed(commit)

    return listen


def _let_go(store: SqliteStore) -> None:
    """What the kernel does when a process is killed: nothing is written any more, files and locks are closed."""
    for attribute in ("_reader", "_connection"):
        connection: sqlite3.Connection | None = getattr(store, attribute, None)
        if connection:
            connection.close()
    lock: int | None = getattr(store, "_lock", None)
    if lock is not None:
        os.close(lock)


@cache
def _tree(story: tuple[Any, ...]) -> Settings:
    windows, beta, rate, piece, memory, apart = story
    binds = [(window, "transceiver") for window in windows]
    if apart:
        binds = [(windows[0], "transmitter"), (1, "receiver")]
    changes: dict[str, object] = {
        "profiles.small": {"part_units": piece, "max_parts": MAX_PARTS},
        "carriers.alpha": _carrier("alpha", rate, binds),
        "gateway.lane_window": memory,
        "gateway.outstanding": memory,
        "gateway.commit_batch": memory,
    }
    if beta:
        changes["carriers.beta"] = _carrier("beta", rate, [(beta, "transceiver")])
        changes["routes"] = [{"carriers": ["alpha", "beta"]}]
    with TemporaryDirectory() as folder:
        return settings(Path(folder), changes)


def _carrier(name: str, rate: float, binds: list[tuple[int, str]]) -> dict[str, object]:
    """A carrier's table. Args: binds: their windows and types."""
    account = {"system_id": "denpo", "password": {"env": "PASSWORD"}}
    return {
        "profile": "small",
        "parts_per_second": rate,
        "burst": BURST,
        "response_timeout": RESPONSE_TIMEOUT,
        "unknown_grace": GRACE,
        "bind_timeout": 2.0,
        "enquire_link_interval": 4.0,
        "enquire_link_timeout": 1.0,
        "reconnect_min": 0.5,
        "reconnect_max": 2.0,
        "already_bound_wait": 1.5,
        "max_attempts": 4,
        "retry_min": 0.5,
        "retry_max": 2.0,
        "statuses": {f"{ELSEWHERE:#x}": "elsewhere"},
        "binds": [
            {"host": f"{n}.{name}.invalid", "type": kind, "window": window, **account}
            for n, (window, kind) in enumerate(binds)
        ],
    }


def _settings(story: Story) -> Settings:
    return _tree((story.windows, story.beta, story.rate, story.piece, story.memory, story.apart))
