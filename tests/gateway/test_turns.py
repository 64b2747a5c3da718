"""Upper lanes first, and yet a share for each, whatever waits and however little is taken at once."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Final

import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from config.settings import LaneShares
from gateway import lanes
from gateway.message import LANE_NUMBERS, LANES, Message
from gateway.turns import MOST, Turns
from protocol.constants import Lane
from tests.gateway.fakes import message
from tests.gateway.world import World

PLENTY: Final = 5000
"""Messages in memory and with a lease, so that nothing but the turns decides."""
SHARES = st.builds(LaneShares, urgent=st.integers(1, 20), normal=st.integers(1, 15), bulk=st.integers(1, 15))
WIDE = (
    st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30))
    .filter(lambda shares: sum(shares) <= 50)
    .map(lambda shares: LaneShares(urgent=shares[0], normal=shares[1], bulk=shares[2]))
)
LENGTHS = st.lists(st.integers(1, 3), min_size=1, max_size=5)
"""Parts of the messages of a lane, over and over."""
SOME = st.integers(0, 60)
STEPS = st.lists(st.sampled_from([1, 1, 2, 3, 7, 40, 100]), min_size=1, max_size=8)
"""Parts that are taken at once, over and over."""


@asynccontextmanager
async def a_world(shares: LaneShares | None = None, window: int = PLENTY) -> AsyncIterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "LEASE_AHEAD", PLENTY)
        async with trio.open_nursery() as nursery:
            world = World(window, nursery, shares=shares)
            world.lanes.carrier_up("alpha")
            await wait_all_tasks_blocked()
            yield world
            nursery.cancel_scope.cancel()


def add(world: World, lane: int, lengths: Sequence[int], count: int) -> None:
    """Have so many messages wait in a lane."""
    made = [message(lane=LANES[lane], total=total) for total, _ in zip(cycle(lengths), range(count), strict=False)]
    world.store.add(made)
    world.waiting.update({each.key: each for each in made})
    world.store.flush()


def parts_of(taken: list[Message]) -> list[int]:
    """Parts by lane."""
    return [sum(each.total for each in taken if each.lane is lane) for lane in Lane]


@given(SHARES, st.sets(st.integers(0, 3), min_size=2), st.lists(LENGTHS, min_size=4, max_size=4), STEPS)
async def test_every_lane_that_waits_gets_its_share(
    shares: LaneShares, used: set[int], lengths: list[list[int]], steps: list[int]
) -> None:
    async with a_world(shares) as world:
        for lane in used:
            add(world, lane, lengths[lane], 400)
        taken: list[Message] = []
        for step in cycle(steps):
            taken += world.lanes.take("alpha", step)
            if len(taken) > 300:
                break
    got = parts_of(taken)
    for lane in used - {min(used)}:
        assert got[lane] >= shares.fractions[lane - 1] * sum(got) - 8, (got, lane)
    assert got[min(used)] >= 0.5 * sum(got) - 8


@given(WIDE, st.lists(st.lists(st.integers(1, 10), min_size=1, max_size=3), min_size=4, max_size=4), STEPS, SOME)
@example(LaneShares(urgent=1, normal=30, bulk=1), [[1], [10], [1], [1]], [1], 50)
async def test_an_otp_is_taken_after_one_message_of_each_lower_lane_at_most(
    shares: LaneShares, lengths: list[list[int]], steps: list[int], before: int
) -> None:
    async with a_world(shares) as world:
        for lane in (1, 2, 3):
            add(world, lane, lengths[lane], 300)
        for step, _ in zip(cycle(steps), range(before), strict=False):
            world.lanes.take("alpha", min(step, 4))
        add(world, 0, [1], 1)
        first: list[Message] = []
        for step in cycle(steps):
            first += world.lanes.take("alpha", step)
            if any(each.lane is Lane.OTP for each in first):
                break
    ahead = [each.lane for each in first[: [each.lane for each in first].index(Lane.OTP)]]
    assert len(set(ahead)) == len(ahead), ahead


@given(SHARES, st.integers(1, 3), st.integers(1, 300))
async def test_a_lane_that_had_nobody_above_it_is_not_made_to_pay_for_it(
    shares: LaneShares, length: int, alone: int
) -> None:
    async with a_world(shares) as world:
        add(world, 2, [length], 320)
        add(world, 3, [1], 320)
        for _ in range(alone):
            world.lanes.take("alpha", 1)
        add(world, 0, [1], 400)
        taken: list[Message] = []
        while not any(each.lane is Lane.NORMAL for each in taken):
            taken += world.lanes.take("alpha", 1)
    assert len(taken) <= length / shares.fractions[1] + 3


async def test_in_one_round_the_upper_lanes_go_first_and_leave_the_others_their_shares() -> None:
    async with a_world(LaneShares(urgent=10, normal=5, bulk=2)) as world:
        for lane in (3, 1, 0, 2):
            add(world, lane, [1], 1500)
        taken = world.take("alpha", 1000)
    assert parts_of(taken) == [830, 100, 50, 20]
    assert [LANE_NUMBERS[each.lane] for each in taken] == sorted(LANE_NUMBERS[each.lane] for each in taken)


def test_a_lane_that_is_owed_much_leaves_the_upper_ones_half_of_each_round() -> None:
    turns = Turns((0.1, 0.05, 0.02))
    turns.took(0, 1_000_000, 1, [0, 1, 3])  # while the disk kept the others waiting
    assert turns.reserve([0, 1, 3], 40) == [20, 20, 0]
    assert turns.reserve([0, 1, 3], 1) == [0, 0, 0]
    turns.took(3, int(MOST), 1, [0, 1, 3])
    assert turns.reserve([0, 3], 40) == [0, 0]


async def test_what_lower_lanes_do_not_need_the_upper_ones_get() -> None:
    async with a_world(LaneShares(urgent=10, normal=5, bulk=2)) as world:
        add(world, 0, [1], 1500)
        add(world, 1, [1], 3)
        assert parts_of(world.take("alpha", 1000)) == [997, 3, 0, 0]


@pytest.mark.parametrize("backlog", [10, 20_000])
async def test_a_backlog_of_bulk_puts_one_part_before_an_otp_however_long_it_is(backlog: int) -> None:
    async with a_world(window=2000) as world:
        add(world, 3, [1], backlog)
        await wait_all_tasks_blocked()
        for _ in range(5):
            assert parts_of(world.take("alpha", 1)) == [0, 0, 0, 1]
        add(world, 0, [1], 1)
        taken = world.take("alpha", 1) + world.take("alpha", 1)
    assert parts_of(taken)[0] == 1
    assert sum(each.total for each in taken[: [each.lane for each in taken].index(Lane.OTP)]) <= 1
