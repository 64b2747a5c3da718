"""How a client is told of events: cursors, acknowledgements, and many connections of one client."""

from pathlib import Path

import pytest
from trio.testing import MockClock

from tests.gateway.builders import House, message, opened, settle
from tests.gateway.callers import Caller


async def cancelled(house: House, caller: Caller, *ids: str) -> None:
    """Make an event for each id."""
    before = len(house.events)
    await caller.submit(*(message(id_, not_before=house.core.clock() + 1000.0) for id_ in ids))
    await caller.look("cancel", *ids)
    await house.wait(lambda: len(house.events) == before + len(ids))


async def test_events_come_from_the_oldest_that_is_not_acknowledged(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await cancelled(house, caller, "1", "2")
        await caller.subscribe()
        events = await caller.read_events(2)
        await cancelled(house, caller, "3")
        events += await caller.read_events(1)
        await caller.send(["ack", events[1][0]])
        later = await house.greet()
        await later.subscribe()
        again = await later.read_events(1)
    assert [event["id"] for _, event in events] == ["1", "2", "3"]
    assert [cursor for cursor, _ in events] == sorted({cursor for cursor, _ in events})
    assert again == events[2:]


async def test_events_come_after_a_cursor(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await cancelled(house, caller, "1", "2", "3")
        await caller.subscribe()
        events = await caller.read_events(3)
        other = await house.greet()
        assert await other.ask("subscribe", {"after": events[0][0]}) == ["subscribed", 1, {"after": events[0][0]}]
        assert await other.read_events(2) == events[1:]


@pytest.mark.parametrize("asked", [{"after": "x"}, {"after": True}, {"after": 1.5}, 5, None])
async def test_a_cursor_of_another_kind_is_an_error(tmp_path: Path, autojump_clock: MockClock, asked: object) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        assert (await caller.ask("subscribe", asked))[2] == "bad_cursor"


@pytest.mark.parametrize("cursor", [-1, "x", None, True, 2**63])
async def test_an_acknowledgement_of_no_event_ends_the_connection(
    tmp_path: Path, autojump_clock: MockClock, cursor: object
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await caller.send(["ack", cursor])
        [error] = await caller.read_end()
    assert error[:3] == ["error", None, "bad_cursor"]


async def test_only_final_events_for_a_client_that_wants_no_others(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, {"clients.bank.events": "final"}) as house:
        caller = await house.greet()
        await caller.subscribe()
        house.start_binds()
        await caller.submit(message("1"), message("2", receipt=False))
        [(_, event)] = await caller.read_events(1)
    assert (event["id"], event["type"], event["final"]) == ("2", "submitted", True)


async def test_every_subscribed_connection_of_a_client_is_told_and_no_other_client(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    changes = {"clients.shop": {"secret": {"env": "PASSWORD"}, "sender": "0120444444"}}
    async with opened(tmp_path, changes) as house:
        first, second, silent = await house.greet(), await house.greet(), await house.greet()
        stranger = await house.greet("shop", "sesame")
        for each in (first, second, stranger):
            await each.subscribe()
        await cancelled(house, silent, "1", "2")
        assert [event["id"] for _, event in await first.read_events(2)] == ["1", "2"]
        assert [event["id"] for _, event in await second.read_events(2)] == ["1", "2"]
        await settle()
        for each in (silent, stranger):
            await each.send(["ping", 9])
            await each.read("pong")
            assert "events" not in {frame[0] for frame in each.inbox}


async def test_an_acknowledgement_from_any_connection_moves_the_cursor_of_the_client(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        reader, other = await house.greet(), await house.greet()
        await cancelled(house, other, "1", "2")
        await reader.subscribe()
        events = await reader.read_events(2)
        await other.send(["ack", events[0][0]])
        await settle()
    async with opened(tmp_path) as house:
        later = await house.greet()
        await later.subscribe()
        assert await later.read_events(1) == events[1:]


async def test_events_come_again_after_every_reconnect_until_they_are_acknowledged(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        await cancelled(house, await house.greet(), "1", "2", "3")
        seen = []
        for _ in range(3):
            caller = await house.greet()
            await caller.subscribe()
            seen.append(await caller.read_events(3))
            await caller.close()
    assert seen[0] == seen[1] == seen[2]


async def test_an_acknowledgement_of_something_older_changes_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await cancelled(house, caller, "1", "2", "3")
        await caller.subscribe()
        events = await caller.read_events(3)
        await caller.send(["ack", events[1][0]], ["ack", events[0][0]])
        later = await house.greet()
        await settle()
        await later.subscribe()
        assert await later.read_events(1) == events[2:]


async def test_what_is_acknowledged_is_not_told_again_though_it_is_still_on_disk(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await cancelled(house, caller, "1", "2", "3")
        await caller.subscribe()
        events = await caller.read_events(3)
        house.disk.hold()
        await caller.send(["ack", events[1][0]])
        await settle()
        later = await house.greet()
        await later.subscribe()
        assert await later.read_events(1) == events[2:]


async def test_subscribing_again_begins_again_from_there(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await cancelled(house, caller, "1", "2", "3")
        await caller.send(["subscribe", "a", {"after": None}], ["subscribe", "b", {"after": None}])
        await caller.read("subscribed")
        assert (await caller.read("subscribed"))[1] == "b"
        first = await caller.read_events(3)
        await caller.subscribe(first[0][0])
        assert await caller.read_events(2) == first[1:]


async def test_subscribing_again_while_the_disk_is_read_loses_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await cancelled(house, caller, "1", "2", "3")
        await caller.subscribe()
        events = await caller.read_events(3)
        other = await house.greet()
        house.disk.hold_reads()
        await other.send(["subscribe", 1, {"after": events[1][0]}])
        await settle()
        await other.send(["subscribe", 2, {"after": None}])
        await settle()
        house.disk.release()
        seen: list[str] = []
        while len(seen) < 3 or seen[-3:] != ["1", "2", "3"]:
            seen += [event["id"] for _, event in await other.read_events(1)]


@pytest.mark.parametrize("kept", [1, 2, 100])
async def test_no_event_is_missed_however_few_are_held_in_memory(
    tmp_path: Path, autojump_clock: MockClock, kept: int
) -> None:
    async with opened(tmp_path, {"upstream.events_in_memory": kept}) as house:
        caller, asker = await house.greet(), await house.greet()
        await caller.subscribe()
        for n in range(5):
            await cancelled(house, asker, *(f"{n}-{each}" for each in range(4)))
        events = await caller.read_events(20)
    assert [event["id"] for _, event in events] == [f"{n}-{each}" for n in range(5) for each in range(4)]
