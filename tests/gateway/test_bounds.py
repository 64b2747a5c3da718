"""What is not taken in for want of room comes again, and what was accepted before is told all the same."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import trio
from prometheus_client import generate_latest
from trio.testing import MockClock

from gateway.bounds import Bounds
from gateway.exposition import make_registry
from gateway.store.schema import LOG_OCTETS
from protocol.constants import Status
from protocol.upstream import pack
from tests.gateway.builders import House, message, opened
from tests.gateway.carriers import Line, receipt
from tests.gateway.fakes import FakeStore, settings
from tests.gateway.handsets import TEXT, Room, handset

GIGABYTE = 2**30


class Disk:
    """What `os.statvfs` says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 100 * GIGABYTE
        monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=self.free // 4096, f_frsize=4096))


async def deliver_until_taken(line: Line, *pdus: object) -> list[int]:
    """Deliver as an SMSC does, again and again until it is taken; returns the answers before that."""
    refused = []
    for pdu in pdus:
        while status := await line.answered(line.deliver(pdu)):  # type: ignore[arg-type] # PDUs all
            refused.append(status)
            await trio.sleep(1.0)
    return refused


async def test_with_a_full_disk_nothing_new_is_taken_in_and_later_all_of_it(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    async with opened(tmp_path, {"gateway.min_free": GIGABYTE}) as house:
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await caller.submit(message("a"))
        await house.wait_events("submitted")
        disk.free = GIGABYTE // 2
        await trio.sleep(2.0)
        [result] = await caller.submit(message("b"))
        assert (result["ok"], result["error"]) == (False, "queue_full")
        parts = handset(TEXT)
        for pdu in (receipt(b"1"), *parts):
            assert await line.answered(line.deliver(pdu)) == Status.RX_T_APPN
        await house.wait_events("submitted")
        disk.free = 2 * GIGABYTE
        await trio.sleep(2.0)
        assert await deliver_until_taken(line, receipt(b"1"), *parts) == []
        assert (await caller.submit(message("b")))[0]["ok"]
        events = await house.wait_events("submitted", "delivered", "incoming", "submitted")
        assert events[2]["text"] == TEXT
        assert len(house.smsc.lines) == 1
    assert [entry["event"] for entry in house.log if "disk" in entry["event"]] == ["disk_full", "disk_has_room"]
    assert house.core.counts.carriers["alpha"].deferred == 4


async def behind(house: House) -> Line:
    """A client that has as many unacknowledged events as it may."""
    caller = await house.greet()
    house.start_binds()
    line = await house.smsc.wait_bound(0)
    await caller.submit(message("a"), message("b"))
    await house.wait_events("submitted", "submitted")
    return line


async def test_a_client_that_acknowledges_nothing_gets_what_it_is_owed_and_nothing_new(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"gateway.max_events": 2}) as house:
        line = await behind(house)
        caller = await house.greet()
        [result] = await caller.submit(message("c"))
        assert (result["ok"], result["error"]) == (False, "queue_full")
        assert await line.answered(line.deliver(*handset("はい"))) == Status.RX_T_APPN
        assert await line.answered(line.deliver(receipt(b"1"))) == 0
        await house.wait_events("submitted", "submitted", "delivered")
        await caller.subscribe()
        told = await caller.read_events(3)
        await caller.send(["ack", told[-1][0]])
        await house.wait(lambda: house.store.unacknowledged == {"bank": 0})
        assert (await caller.submit(message("c")))[0]["ok"]
        await house.wait_events("submitted", "submitted", "delivered", "submitted")
        assert await deliver_until_taken(line, *handset("はい"), receipt(b"2")) == []
        await house.wait_events("submitted", "submitted", "delivered", "submitted", "incoming", "delivered")


async def test_what_a_client_is_behind_with_is_counted_through_a_restart_and_shown(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        await behind(house)
        assert house.store.unacknowledged == {"bank": 2}
    async with opened(tmp_path, {"gateway.max_events": 2}) as house:
        assert house.store.unacknowledged == {"bank": 2}
        await trio.sleep(3.0)
        assert [entry["client"] for entry in house.log if entry["event"] == "client_behind"] == ["bank"]
        metrics = generate_latest(make_registry(house.gateway)).decode()
        assert 'denpo_events_unacknowledged{client="bank"} 2.0' in metrics
        caller = await house.greet()
        await caller.subscribe()
        told = await caller.read_events(2)
        await caller.send(["ack", told[0][0]])
        await house.wait(lambda: house.store.unacknowledged == {"bank": 1})
        assert (await caller.submit(message("c")))[0]["ok"]


def test_one_client_that_is_behind_is_no_other_clients_concern() -> None:
    clients = {"bank": {"secret": "s", "senders": ["1"]}, "shop": {"secret": "s", "senders": ["2"]}}
    room = Room((("clients",), clients), (("gateway", "max_events"), 5))
    room.store.unacknowledged = {"bank": 5, "shop": 4}
    one, two = handset("a", destination_addr=b"1") + handset("b", destination_addr=b"2")
    assert room.take(one, two) == [Status.RX_T_APPN, 0]
    assert room.told == ["b"]


async def test_free_pages_of_the_database_are_room_only_while_the_disk_has_some_for_its_log(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    async with opened(tmp_path) as house:
        for _ in range(200):
            house.store.emit("bank", pack({"type": "x" * 4000}))
        house.core.store.acknowledge("bank", house.store.newest_cursor)
        await house.store.commit.wait()
        assert await house.store.room() > disk.free + 500_000
        disk.free = LOG_OCTETS // 2
        assert await house.store.room() == disk.free


async def test_no_bound_means_no_refusal(autojump_clock: MockClock) -> None:
    store = FakeStore()
    bounds = Bounds(settings((("gateway", "min_free"), 0)).gateway, store)
    store.free = 0
    await bounds.look()
    assert (bounds.refusal("bank"), bounds.disk_full) == ("", False)
