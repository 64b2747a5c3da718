"""People look into a store: while the gateway writes it and after its end, and never change it."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from gateway.message import Message
from gateway.store import inspection, schema
from gateway.store.inspection import Inspection
from gateway.store.sqlite import DATABASE
from protocol.upstream import pack
from tests.gateway.fakes import TO, message
from tests.gateway.store.disk import Clock, keep, opened, several

OTHER = "818099999999"


def made(id_: str, to: str = TO, client: str = "bank") -> Message:
    one = message(id=id_, client=client)
    one.to = to
    return one


def ids(messages: list[Message]) -> list[str]:
    return [each.id for each in messages]


async def test_a_message_is_found_by_every_name_it_has(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        mine, others = made("order-1"), made("order-1", client="shop")
        await keep(store, mine, others)
        store.name_part("alpha", "A1", mine.key, 1)
        store.name_part("beta", "A1", others.key, 1)
        await store.commit.wait()
        look = Inspection(tmp_path)
        assert [each.client for each in look.with_id("order-1", None)] == ["shop", "bank"]
        assert [each.client for each in look.with_id("order-1", "bank")] == ["bank"]
        assert [each.key for each in look.with_id(mine.message_id, None)] == [mine.key]
        assert [each.key for each in look.with_id("A1", None)] == [others.key, mine.key]
        assert look.with_id("order-2", None) == []
        look.close()


@pytest.mark.parametrize("clean", [True, False])
async def test_a_store_that_nobody_writes_any_more_is_read_as_well(tmp_path: Path, clean: bool) -> None:
    async with opened(tmp_path / "live", clean=clean) as store:
        await keep(store, made("order-1"))
        if not clean:
            shutil.copytree(tmp_path / "live", tmp_path / "dead")
    look = Inspection(tmp_path / ("live" if clean else "dead"))
    assert ids(look.with_id("order-1", None)) == ["order-1"]
    look.close()


async def test_the_newest_messages_to_a_number_are_found_by_looking_through_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "CHUNK", 3)
    async with opened(tmp_path) as store:
        batch = [made(f"m{n}", TO if n % 4 == 0 else OTHER) for n in range(10)]
        batch[8].client = "shop"
        await keep(store, *batch)
    look = Inspection(tmp_path)
    found = look.with_number(TO, None, 10)
    assert (ids(found.messages), found.looked, found.all) == (["m8", "m4", "m0"], 10, True)
    assert ids(look.with_number(TO, None, 2).messages) == ["m8", "m4"]
    assert ids(look.with_number(TO, "bank", 2).messages) == ["m4", "m0"]
    assert look.with_number(TO[:-1], None, 2).messages == []
    monkeypatch.setattr(inspection, "SCANNED", 4)
    found = look.with_number(TO, None, 10)
    assert (ids(found.messages), found.looked, found.all, found.back_to) == (["m8", "m4"], 6, False, batch[4].key)
    look.close()


async def test_events_are_those_of_the_message_that_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "CHUNK", 2)
    clock = Clock()
    async with opened(tmp_path, clock) as store:
        first, second = several(2)
        await keep(store, first, second)
        for n in range(6):
            store.emit("bank", pack({"n": n, "message_id": (first, second)[n % 2].message_id}))
        store.emit("bank", pack({"type": "incoming"}))
        cursor = store.newest_cursor - 5
        store.acknowledge("bank", cursor)
        await store.commit.wait()
    look = Inspection(tmp_path)
    events, complete = look.events_of(first)
    assert ([event["n"] for _, event in events], complete) == ([2, 4], True)
    assert look.acknowledged("bank") == cursor
    assert look.acknowledged("nobody") == 0
    monkeypatch.setattr(inspection, "SCANNED_EVENTS", 2)
    assert look.events_of(first)[1] is False
    look.close()


def test_no_store_and_one_of_another_version_say_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Inspection(tmp_path)
    other = sqlite3.connect(tmp_path / DATABASE)
    other.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    other.close()
    with pytest.raises(ValueError, match=f"is of version {schema.VERSION + 1}"):
        Inspection(tmp_path)


async def test_looking_never_writes(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await keep(store, made("order-1"))
        look = Inspection(tmp_path)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            look._database.execute("DELETE FROM messages")
        look.close()
