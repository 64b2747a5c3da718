"""What was waited for is on disk; the rest of the gateway trusts in that."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import OnUnknown
from gateway.message import LANE_NUMBERS, Message, Part, PartState, State
from gateway.store.schema import NEWEST_NAMED
from gateway.store.sqlite import SqliteStore
from protocol.constants import Lane
from tests.gateway.fakes import NOW, message
from tests.gateway.store.disk import Clock, keep, opened, several

P = PartState
NORMAL = LANE_NUMBERS[Lane.NORMAL]


def kept(made: Message) -> dict[str, Any]:
    """All of a message that is to survive, parts included."""
    values = {name: getattr(made, name) for name in Message.__slots__ if name not in ("cut", "cut_for", "queued")}
    names = [name for name in Part.__slots__ if name != "message"]
    return values | {"parts": [[getattr(part, name) for name in names] for part in made.parts]}


async def read(store: SqliteStore, made: Message) -> Message:
    return (await store.find_messages(made.client, [made.id]))[made.id]


# Adding


async def test_a_message_that_was_waited_for_is_there_after_reopening(tmp_path: Path) -> None:
    made = message(lane=Lane.OTP, plan="alpha:3,beta:1", meta={"a": [1, None, b"\0"]}, tags=["x"], operator="suzuki")
    made.on_unknown, made.receipt, made.state, made.due = OnUnknown.REPORT, False, State.HELD, NOW + 5.5
    made.not_before, made.expires_at = NOW + 5.5, NOW + 10
    async with opened(tmp_path) as store:
        await keep(store, made)
    async with opened(tmp_path) as store:
        assert kept(await read(store, made)) == kept(made)


async def test_keys_are_the_time_and_grow_even_when_the_clock_does_not(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as store:
        first, second = several(2)
        await keep(store, first, second)
        clock.now -= 1000
        third = message(id="m2")
        await keep(store, third)
    assert [first.key, second.key, third.key] == [int(NOW * 1e6) + n for n in range(3)]
    async with opened(tmp_path, clock) as store:
        fourth = message(id="m3")
        await keep(store, fourth)
        assert fourth.key == third.key + 1


async def test_an_id_that_comes_again_is_told_of_and_not_added(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        first, other = several(2)
        await keep(store, first, other)
        first.state = State.SUBMITTED
        store.save(first)
        await store.commit.wait()
        again, new = message(id="m0"), message(id="m2")
        commit = await keep(store, again, new)
        assert commit.added == [new]
        assert list(commit.duplicates) == [again.key]
        assert kept(commit.duplicates[again.key]) == kept(first)
        assert (await read(store, first)).key == first.key


async def test_an_id_that_comes_twice_in_one_commit_is_added_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        first, again = message(id="m0"), message(id="m0")
        commit = await keep(store, first, again)
        assert commit.added == [first]
        assert {key: made.key for key, made in commit.duplicates.items()} == {again.key: first.key}


async def test_other_clients_have_ids_of_their_own(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        ours, theirs = message(id="m0"), message(id="m0", client="shop")
        commit = await keep(store, ours, theirs)
        assert (commit.added, commit.duplicates) == ([ours, theirs], {})
        assert (await read(store, theirs)).key == theirs.key
        assert await store.find_messages("nobody", ["m0"]) == {}


BATCHES = st.lists(
    st.lists(st.tuples(st.sampled_from(["bank", "shop"]), st.integers(0, 9)), min_size=1, max_size=12),
    min_size=1,
    max_size=6,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BATCHES)
async def test_whatever_comes_again_each_id_is_added_once_and_all_hear_of_the_first(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[str, int]]]
) -> None:
    first: dict[tuple[str, str], int] = {}
    async with opened(tmp_path_factory.mktemp("store")) as store:
        for batch in batches:
            made = [message(client=client, id=f"m{n}") for client, n in batch]
            commit = await keep(store, *made)
            for each in made:
                expected = first.setdefault((each.client, each.id), each.key)
                assert (each in commit.added) == (expected == each.key)
                assert expected == (commit.duplicates[each.key].key if each.key in commit.duplicates else each.key)
        assert sum(count for _, count in await store.count_waiting()) == len(first)


async def test_large_batches_are_added_whole(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        made = several(1000)
        await keep(store, *made)
        repeated = several(1000)
        commit = await keep(store, *repeated, message(id="new"))
        assert (len(commit.added), len(commit.duplicates)) == (1, 1000)
        found = await store.find_messages("bank", [each.id for each in made])
        assert {id_: each.key for id_, each in found.items()} == {each.id: each.key for each in made}


# Changing and finding


async def test_the_last_change_of_a_message_is_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        made = message(id="m0")
        await keep(store, made)
        made.parts = [Part(made, 1, P.ACCEPTED, "A1", 0, NOW), Part(made, 2, P.SENT)]
        made.state, made.due, made.carrier, made.attempts, made.repeated = State.UNKNOWN, NOW + 9, "alpha", 3, True
        store.save(made)
        made.parts[1].state, made.parts[1].receipt = P.DELIVERED, ("A2", "", "", "DELIVRD", "0")
        store.save(made)
        await store.commit.wait()
        assert kept(await read(store, made)) == kept(made)
    async with opened(tmp_path) as store:
        assert kept(await read(store, made)) == kept(made)


async def test_a_part_is_found_by_what_its_carrier_calls_it_and_the_newest_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        older, newer = several(2)
        await keep(store, older, newer)
        for made in (newer, older):
            store.name_part("alpha", "A1", made.key, 2)
        store.name_part("alpha", "A2", older.key, 1)
        store.name_part("beta", "B1", older.key, 1)
        found = await store.find_parts("alpha", ["A1", "A2", "B1", "A3"])  # sees what was only noted
        assert {id_: [(made.key, n) for made, n in named] for id_, named in found.items()} == {
            "A1": [(newer.key, 2), (older.key, 2)],
            "A2": [(older.key, 1)],
        }
        assert await store.find_parts("alpha", []) == {}


async def test_of_the_parts_that_a_carrier_calls_alike_the_newest_are_read(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        made = several(NEWEST_NAMED + 5)
        await keep(store, *made)
        for each in made:
            store.name_part("alpha", "0", each.key, 1)
        found = (await store.find_parts("alpha", ["0", "1"]))["0"]
        assert [each.key for each, _ in found] == [each.key for each in reversed(made[5:])]


async def test_what_waits_is_read_lane_by_lane_in_order_and_page_by_page(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        made = several(7)
        made[2].state = State.HELD
        made[3].lane, made[4].plan = Lane.BULK, "beta"
        await keep(store, *made)
        keys = [each.key for each in made]
        assert [each.key for each in await store.waiting("alpha", NORMAL, 0, 2)] == keys[:2]
        assert [each.key for each in await store.waiting("alpha", NORMAL, keys[1], 9)] == keys[5:]
        assert await store.waiting("alpha", NORMAL, keys[6], 9) == []
        assert sorted(await store.queues()) == [("alpha", NORMAL), ("alpha", NORMAL + 1), ("beta", NORMAL)]
        assert sorted(await store.count_waiting()) == [(NORMAL, 5), (NORMAL + 1, 1)]
        made[0].state = State.SENDING
        store.save(made[0])
        await store.commit.wait()
        assert [each.key for each in await store.waiting("alpha", NORMAL, 0, 1)] == keys[1:2]


async def test_what_falls_due_is_paged_through_even_when_all_is_due_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        dues = [NOW, NOW, NOW, NOW - 5, NOW + 1, 0.0, NOW]
        made = [message(id=f"m{n}", due=due, state=State.HELD) for n, due in enumerate(dues)]
        await keep(store, *made)
        after, seen = (0.0, 0), []
        while page := await store.due(NOW, after, 2):
            seen += [each.id for each in page]
            after = page[-1].due, page[-1].key
        assert seen == ["m3", "m0", "m1", "m2", "m6"]


# Events


async def test_events_are_read_in_order_until_they_are_acknowledged(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.emit("bank", b"0")
        store.emit_all("bank", [b"1", b"2", b"3"])
        store.emit("shop", b"theirs")
        store.emit("bank", b"4")
        await store.commit.wait()
        events = await store.events("bank", 0, 99)
        cursors = [cursor for cursor, _ in events]
        assert [packed for _, packed in events] == [b"%d" % n for n in range(5)]
        assert cursors == sorted(set(cursors))
        assert cursors[0] == int(NOW * 1e6)
        assert await store.events("bank", cursors[1], 2) == events[2:4]
        store.acknowledge("bank", cursors[2])
        store.acknowledge("bank", cursors[0])
        await store.commit.wait()
        assert await store.events("bank", 0, 99) == events[3:]
        assert len(await store.events("shop", 0, 99)) == 1
        assert (await store.acknowledged("bank"), await store.acknowledged("shop")) == (cursors[2], 0)


@pytest.mark.parametrize("acknowledge", [True, False])
async def test_cursors_never_come_again(tmp_path: Path, acknowledge: bool) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as store:
        store.emit("bank", b"1")
        store.emit("aardvark", b"2")
        newest = store.newest_cursor
        await store.commit.wait()
        if acknowledge:
            store.acknowledge("bank", newest)
            store.acknowledge("aardvark", newest)
    clock.now -= 5000
    async with opened(tmp_path, clock) as store:
        assert store.newest_cursor == newest
        store.emit("bank", b"3")
        assert store.newest_cursor == newest + 1
        await store.commit.wait()
        assert (newest + 1, b"3") in await store.events("bank", 0, 9)


async def test_an_acknowledgement_never_goes_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for cursor in (7, 3):
            store.acknowledge("bank", cursor)
            await store.commit.wait()
        assert await store.acknowledged("bank") == 7


# Receipts that came early, and handsets' messages in parts


async def test_early_receipts_are_kept_until_they_are_no_longer_needed(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for key in (5, 6, 7, 8):
            store.keep_early(key, "alpha" if key < 7 else "beta", b"%d" % key, NOW + key)
        await store.commit.wait()
        for key in (6, 9):
            store.forget_early(key)
        store.keep_early(10, "alpha", b"came and went", NOW)
        store.forget_early(10)
    async with opened(tmp_path) as store:
        expected = [(5, "alpha", b"5", NOW + 5), (7, "beta", b"7", NOW + 7), (8, "beta", b"8", NOW + 8)]
        assert await store.early() == expected


async def test_parts_of_handsets_messages_are_kept_replaced_and_forgotten(tmp_path: Path) -> None:
    first = ("bank", "alpha", b"8190", b"0005", 8, 1, 7, 2, 1)
    second = (*first[:8], 2)
    async with opened(tmp_path) as store:
        store.keep_fragment(second, b"two", NOW + 1)
        store.keep_fragment(first, b"one", NOW)
        await store.commit.wait()
        store.keep_fragment(first, b"new", NOW)
    async with opened(tmp_path) as store:
        assert await store.fragments() == [(*first, b"new", NOW), (*second, b"two", NOW + 1)]
        store.forget_fragments([first, second])
        store.keep_fragment(second, b"2", NOW + 2)
        await store.commit.wait()
        assert await store.fragments() == [(*second, b"2", NOW + 2)]


# Forgetting


async def test_only_old_messages_with_which_nothing_more_is_to_happen_are_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as store:
        old = [message(id=f"old{state.name}", state=state) for state in State]
        await keep(store, *old)
        clock.now += 100
        new = message(id="new", state=State.DELIVERED)
        await keep(store, new)
        third = await store.forget(NOW + 50, 0, 3)
        assert third == sorted(each.key for each in old if each.state >= State.SUBMITTED)[2]
        assert await store.forget(NOW + 50, third, 99) is None
        await store.commit.wait()
        left = await store.find_messages("bank", [each.id for each in [*old, new]])
        assert set(left) == {f"old{state.name}" for state in State if state < State.SUBMITTED} | {"new"}


async def test_a_message_scheduled_long_ago_is_remembered_from_when_it_was_sent(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as store:
        sent, idle = message(1, P.ACCEPTED, id="sent"), message(1, P.ACCEPTED, id="idle")
        await keep(store, sent, idle)
        for made, at in ((sent, NOW + 90), (idle, NOW + 10)):
            made.state, made.parts[0].carrier_id, made.parts[0].at = State.SUBMITTED, made.id, at
            store.save(made)
            store.name_part("alpha", made.id, made.key, 1)
        await store.commit.wait()
        await store.forget(NOW + 50, 0, 99)
        await store.commit.wait()
        await store.forget_ids(NOW + 50, ("", ""), 99)
        await store.commit.wait()
        assert set(await store.find_messages("bank", ["sent", "idle"])) == {"sent"}
        assert set(await store.find_parts("alpha", ["sent", "idle"])) == {"sent"}


async def test_names_of_old_parts_are_forgotten_page_by_page(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as store:
        old = message(id="old", state=State.DELIVERED)
        await keep(store, old)
        clock.now += 100
        new = message(id="new")
        await keep(store, new)
        for n in range(5):
            store.name_part("alpha", f"A{n}", old.key, 1)
            store.name_part("beta", f"A{n}", (old if n % 2 else new).key, 1)
        store.name_part("alpha", "A2", new.key, 1)
        await store.forget(NOW + 50, 0, 9)
        await store.commit.wait()
        place: tuple[str, str] | None = ("", "")
        pages = 0
        while place:
            place = await store.forget_ids(NOW + 50, place, 2)
            await store.commit.wait()
            pages += 1
        assert pages >= 5
        names = [f"A{n}" for n in range(5)]
        assert set(await store.find_parts("alpha", names)) == {"A2"}
        assert set(await store.find_parts("beta", names)) == {"A0", "A2", "A4"}
