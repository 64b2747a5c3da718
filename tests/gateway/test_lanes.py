"""Nothing that waits is skipped or handed out twice, whatever is read, offered and taken at the same time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from gateway import lanes
from gateway.message import LANE_NUMBERS, Part, PartState, State
from gateway.store import Commit
from protocol.constants import Lane
from tests.gateway.fakes import message
from tests.gateway.world import CARRIERS, OPERATIONS, World

NORMAL = LANE_NUMBERS[Lane.NORMAL]


@asynccontextmanager
async def a_world(window: int, left: int = 0, up: tuple[str, ...] = ()) -> AsyncIterator[World]:
    """A world with so many messages left on disk and these carriers up; it ends with the block."""
    async with trio.open_nursery() as nursery:
        world = World(window, nursery, [message() for _ in range(left)])
        for carrier in up:
            world.lanes.carrier_up(carrier)
        yield world
        nursery.cancel_scope.cancel()


async def rest(world: World) -> None:
    """Let everything be written, told and read."""
    for _ in range(5):
        await wait_all_tasks_blocked()
        world.store.flush()


def keys(world: World, carrier: str = "alpha", parts: int = 1000) -> list[int]:
    return [each.key for each in world.take(carrier, parts)]


@given(st.integers(1, 6), st.integers(0, 8), st.integers(1, 4), OPERATIONS)
@example(1, 2, 500, [("cancel", 0), ("cancel", 0)])
async def test_whatever_happens_all_is_handed_out_once_and_in_order(
    window: int, left: int, ahead: int, operations: list[tuple[str, *tuple[object, ...]]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "LEASE_AHEAD", ahead)
        async with a_world(window, left) as world:
            for operation in operations:
                await world.do(operation)
            await world.finish()


@pytest.mark.parametrize("window", [1, 2, 3, 10])
async def test_a_long_backlog_passes_through_a_small_window(window: int) -> None:
    async with a_world(window, left=50, up=CARRIERS) as world:
        handed: list[int] = []
        for _ in range(200):
            await rest(world)
            assert world.lanes.waiting("alpha") <= window
            handed += keys(world, parts=3)
        assert handed == list(range(1, 51))


async def test_what_comes_while_the_backlog_is_looked_for_waits_its_turn() -> None:
    async with a_world(100, left=3, up=CARRIERS) as world:
        await world.do_slow()
        await wait_all_tasks_blocked()
        await world.do_add(2, NORMAL, 0)
        world.store.flush()
        assert keys(world) == []
        await world.do_go()
        await rest(world)
        assert keys(world) == [1, 2, 3, 4, 5]


async def test_a_lane_that_runs_dry_while_another_is_read_is_filled_again() -> None:
    async with a_world(2, up=CARRIERS) as world:
        await world.do_add(6, 0, 0)
        await world.do_add(6, 1, 0)
        await rest(world)
        assert keys(world, parts=3) == [1, 2]
        await world.do_slow()
        await rest(world)
        assert keys(world, parts=3) == [7, 8]
        await world.do_go()
        await world.finish()


async def test_an_older_message_that_finds_no_room_is_read_before_younger_ones() -> None:
    async with a_world(4, left=12, up=CARRIERS) as world:
        await rest(world)
        assert keys(world, parts=2) == [1, 2]
        await world.do_hold(0)
        await world.do_hold(0)
        await rest(world)
        await world.do_resume(0)
        await world.do_resume(0)
        await rest(world)
        assert world.lanes.waiting("alpha") == 4
        assert keys(world, parts=2) == [3, 4]
        await rest(world)
        assert keys(world, parts=4) == [1, 2, 5, 6]
        await world.finish()


async def test_upper_lanes_go_first() -> None:
    async with a_world(10, up=CARRIERS) as world:
        await rest(world)
        for lane in (3, 1, 0, 2):
            await world.do_add(1, lane, 0)
        await rest(world)
        assert [each.lane for each in world.take("alpha", 100)] == list(Lane)


@pytest.mark.parametrize(
    ("parts", "taken"), [(0, []), (1, [1]), (2, [1, 2]), (3, [1, 2]), (4, [1, 2, 3]), (99, [1, 2, 3])]
)
async def test_messages_are_taken_whole_until_there_are_enough_parts(parts: int, taken: list[int]) -> None:
    async with a_world(10, up=CARRIERS) as world:
        await rest(world)
        await world.do_add(3, NORMAL, 0)  # of 1, 2 and 3 parts
        await rest(world)
        assert keys(world, parts=parts) == taken


async def test_a_message_put_back_goes_first_again() -> None:
    async with a_world(10, left=4, up=CARRIERS) as world:
        await rest(world)
        assert keys(world, parts=3) == [1, 2, 3]
        await world.do_back(2)
        await world.do_back(1)
        await world.do_back(0)
        assert keys(world) == [1, 2, 3, 4]


async def test_nothing_goes_before_its_lease_is_on_disk() -> None:
    async with a_world(10, up=CARRIERS) as world:
        await rest(world)
        await world.do_add(2, NORMAL, 0)
        assert keys(world) == []
        world.store.flush()
        assert world.store.leased == {("alpha", NORMAL): 2}
        assert keys(world) == [1, 2]


async def test_a_lease_runs_ahead_of_the_head_of_its_lane_and_not_of_its_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "LEASE_AHEAD", 3)
    async with a_world(50, left=20, up=CARRIERS) as world:
        await rest(world)
        assert world.store.leased == {("alpha", NORMAL): 3}
        assert keys(world) == [1, 2, 3]
        await rest(world)
        assert world.store.leased == {("alpha", NORMAL): 6}


@pytest.mark.parametrize(("ahead", "leased"), [(0, {("alpha", NORMAL): 3}), (2, {("alpha", NORMAL): 1}), (3, {})])
async def test_what_waits_in_commits_before_it_is_counted_in_the_lease_of_a_commit(
    monkeypatch: pytest.MonkeyPatch, ahead: int, leased: dict[tuple[str, int], int]
) -> None:
    monkeypatch.setattr(lanes, "LEASE_AHEAD", 3)
    async with a_world(50, up=CARRIERS) as world:
        await rest(world)
        added = [message(key) for key in range(1, 5)]
        assert world.lanes.leases(Commit(added=added, ahead=ahead)) == leased


async def test_no_more_is_read_at_once_than_the_loop_makes_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "READ", 4)
    async with a_world(50, left=40, up=CARRIERS) as world:
        await rest(world)
        assert world.store.largest_read == 4


async def test_while_no_carrier_is_up_no_lease_moves() -> None:
    async with a_world(10, left=3) as world:
        await rest(world)
        await world.do_add(4, NORMAL, 0)
        await rest(world)
        assert (world.store.leased, keys(world)) == ({}, [])
        world.lanes.carrier_up("beta")  # not in the plan
        await rest(world)
        assert world.store.leased == {}
        world.lanes.carrier_up("alpha")
        await rest(world)
        assert world.store.leased == {("alpha", NORMAL): 7}
        world.lanes.carrier_down("alpha")
        await world.do_add(4, NORMAL, 0)
        await rest(world)
        assert world.store.leased == {("alpha", NORMAL): 7}


async def test_what_waits_moves_to_a_carrier_that_is_up_and_back_again() -> None:
    async with a_world(10, up=CARRIERS) as world:
        await rest(world)
        await world.do_add(3, NORMAL, 1)
        await rest(world)
        assert (world.lanes.waiting("alpha"), world.lanes.waiting("beta")) == (3, 0)
        world.lanes.carrier_down("alpha")
        assert (world.lanes.waiting("alpha"), world.lanes.waiting("beta")) == (0, 3)
        world.lanes.carrier_up("alpha")
        assert (world.lanes.waiting("alpha"), world.lanes.waiting("beta")) == (3, 0)
        world.lanes.carrier_down("alpha")
        world.lanes.carrier_down("beta")
        assert (world.lanes.waiting("alpha"), world.lanes.waiting("beta")) == (3, 0)


@pytest.mark.parametrize("repeated", [True, False])
async def test_a_message_that_a_carrier_has_a_part_of_stays_with_it(repeated: bool) -> None:
    async with a_world(10, up=CARRIERS) as world:
        await rest(world)
        await world.do_add(1, NORMAL, 1)
        await rest(world)
        (made,) = world.take("alpha", 1)
        made.parts = [Part(made, 1, PartState.WAITING if repeated else PartState.ACCEPTED), Part(made, 2)]
        made.repeated = repeated
        await world.do_back(0)
        world.lanes.carrier_down("alpha")
        assert (world.lanes.waiting("alpha"), world.lanes.waiting("beta")) == (1, 0)


async def test_messages_are_shared_by_weight() -> None:
    async with a_world(1000, up=CARRIERS) as world:
        await rest(world)
        await world.do_add(300, NORMAL, 2)
        await rest(world)
        assert world.lanes.waiting("alpha") == pytest.approx(200, abs=40)
        assert world.lanes.waiting("alpha") + world.lanes.waiting("beta") == 300


async def test_what_is_over_is_passed_by_and_its_place_is_free_again() -> None:
    async with a_world(3, left=6, up=CARRIERS) as world:
        await rest(world)
        await world.do_cancel(0)
        await world.do_cancel(1)
        await rest(world)
        assert keys(world) == [3]
        await world.finish()
        assert set(world.outstanding.live) == {3, 4, 5, 6}


async def test_what_is_over_does_not_come_into_memory_again_when_carriers_change() -> None:
    async with a_world(10, left=2, up=CARRIERS) as world:
        await rest(world)
        await world.do_cancel(0)
        await rest(world)
        world.lanes.carrier_down("alpha")
        world.lanes.carrier_up("alpha")
        assert set(world.outstanding.live) == {2}
        assert world.lanes.waiting("alpha") == 1


async def test_what_is_canceled_while_it_is_being_read_is_not_handed_out() -> None:
    async with a_world(2, left=6, up=CARRIERS) as world:
        await rest(world)
        await world.do_slow()
        assert keys(world) == [1, 2]
        await rest(world)
        await world.do_cancel(0)
        await rest(world)
        await world.do_go()
        await world.finish()


async def test_what_is_read_before_anybody_is_told_of_it_is_not_taken_in_again() -> None:
    async with a_world(4, left=5, up=CARRIERS) as world:
        await rest(world)
        assert keys(world, parts=3) == [1, 2, 3]
        await world.do_reading(late=True)
        await world.do_add(1, NORMAL, 0)
        world.store.write()
        await world.do_go()
        world.store.tell()
        await world.finish()
        assert sorted(world.out) == [1, 2, 3, 4, 5, 6]


async def test_what_comes_while_the_disk_is_read_is_read_next() -> None:
    async with a_world(4, left=5, up=CARRIERS) as world:
        await rest(world)
        assert keys(world, parts=3) == [1, 2, 3]
        await world.do_reading()
        await world.do_add(2, NORMAL, 0)
        world.store.flush()
        await world.do_go()
        await rest(world)
        assert keys(world) == [4, 5, 6, 7]


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_what_ends_around_a_read_of_older_messages_is_not_handed_out_again(when: str) -> None:
    async with a_world(2, left=4, up=CARRIERS) as world:
        await rest(world)
        assert keys(world) == [1, 2]
        await rest(world)
        await world.do_hold(0)
        await rest(world)
        await world.do_resume(0)
        await rest(world)
        assert keys(world) == [3, 4]  # now it will be read from 1 on
        if when == "before":
            await world.do_finish(0)
            await wait_all_tasks_blocked()
        await world.do_reading()
        if when == "meanwhile":
            await world.do_finish(0)
        await world.do_go()
        await world.finish()
        assert sorted(world.out) == [1, 3, 4]


async def test_a_lease_does_not_run_ahead_to_what_is_not_in_memory() -> None:
    async with a_world(2, left=6, up=CARRIERS) as world:
        await rest(world)
        await world.do_add(3, NORMAL, 0)
        await rest(world)
        assert world.store.leased == {("alpha", NORMAL): 2}


async def test_a_message_stands_in_its_lane_once() -> None:
    async with a_world(10, left=1, up=CARRIERS) as world:
        await rest(world)
        (made,) = world.take("alpha", 1)
        await world.do_back(0)
        world.lanes.put_back(made)
        world.lanes.resume(made)
        assert keys(world) == [1]


async def test_a_lane_in_which_all_was_canceled_is_filled_again_when_its_carrier_is_up() -> None:
    async with a_world(1, left=3) as world:
        await rest(world)
        await world.do_cancel(0)
        await rest(world)
        world.lanes.carrier_up("alpha")
        await rest(world)
        assert keys(world) == [2]


async def test_only_what_waits_is_taken_in() -> None:
    async with a_world(10, up=CARRIERS) as world:
        await rest(world)
        held = message(state=State.HELD)
        world.store.add([held])
        await rest(world)
        assert (keys(world), world.outstanding.live) == ([], {})


async def test_carriers_are_woken_when_there_is_something_for_them() -> None:
    async with a_world(10, up=CARRIERS) as world:
        await rest(world)
        world.woken.clear()
        await world.do_add(1, NORMAL, 0)
        assert world.woken == []
        world.store.flush()
        assert set(world.woken) == {"alpha"}
        assert keys(world) == [1]
        world.woken.clear()
        await world.do_back(0)
        assert set(world.woken) == {"alpha"}


async def test_a_message_with_a_part_unknown_is_taken_in_again_though_there_is_no_room() -> None:
    async with a_world(2, left=4, up=CARRIERS) as world:
        await rest(world)
        [made] = world.take("alpha", 1)
        await rest(world)
        assert world.lanes.waiting("alpha") == 2
        made.parts = [Part(made, 1, PartState.UNKNOWN), Part(made, 2)]
        made.state, made.total, made.plan = State.WAITING, 2, "alpha"
        world.waiting[made.key] = world.out.pop(made.key)
        async with world.outstanding.on_disk:
            world.lanes.resume(made)
        assert world.outstanding.live[made.key] is made
        assert made in world.take("alpha", 1)


async def test_what_waits_for_a_carrier_that_is_gone_moves_to_others_of_its_plan_or_waits_on_disk() -> None:
    async with a_world(10, up=CARRIERS) as world:
        await rest(world)
        await world.do_add(2, NORMAL, 0)  # for alpha
        await world.do_add(2, NORMAL, 1)  # for alpha, else beta
        await rest(world)
        await world.do_know(("beta",))
        assert [each.plan for each in world.take("beta", 100)] == ["alpha,beta"] * 2
        assert set(world.outstanding.live) == {3, 4}
        await world.do_know(CARRIERS)
        world.lanes.carrier_up("alpha")
        await rest(world)
        assert keys(world) == [1, 2]


@pytest.mark.parametrize("back_at_once", [True, False])
async def test_what_is_put_back_for_a_carrier_that_is_gone_is_read_when_it_is_there_again(back_at_once: bool) -> None:
    async with a_world(2, left=6, up=CARRIERS) as world:
        await rest(world)
        assert keys(world) == [1, 2]
        await world.do_reading()
        await world.do_know(("beta",))
        await world.do_back(0)
        if back_at_once:  # while what is above it is still being read
            await world.do_know(CARRIERS)
        await world.do_go()
        await rest(world)
        assert back_at_once or set(world.outstanding.live) == {2}
        await world.finish()
        assert sorted(world.out) == [1, 2, 3, 4, 5, 6]


async def test_a_message_that_is_committed_when_its_carrier_has_just_gone_waits_on_disk() -> None:
    async with a_world(10, up=CARRIERS) as world:
        await rest(world)
        await world.do_add(1, NORMAL, 0)
        world.store.write()
        await world.do_know(("beta",))
        world.store.tell()
        assert world.outstanding.live == {}
        await world.finish()
        assert sorted(world.out) == [1]
