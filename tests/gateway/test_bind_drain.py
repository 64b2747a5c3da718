"""How a bind ends: nothing new, the answers that are owed, then unbind; each step bounded."""

from pathlib import Path

import trio
from trio.testing import MockClock

from tests.gateway.builders import House, message, opened, settle
from tests.gateway.carriers import receipt


async def drain(house: House, patience: float = 10.0) -> float:
    """Drain every bind and wait for their ends; returns the seconds that it took."""
    begun = trio.current_time()
    with trio.fail_after(patience + 60.0):
        async with trio.open_nursery() as nursery:
            for bind in house.gateway.binds:
                nursery.start_soon(bind.drain, patience)
        await house.binds_ended.wait()
    return trio.current_time() - begun


async def test_a_bind_that_owes_nothing_unbinds_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        assert await drain(house) < 0.1
        await settle()
        assert line.closed == "the peer unbound"
        await trio.sleep(100.0)
        assert len(house.smsc.dialled) == 1


async def test_it_waits_for_the_answers_that_are_owed_and_sends_nothing_new(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds.0.window": 1}) as house:
        house.smsc.reply = house.smsc.after(4.0)
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(0)
        await caller.submit(message("1"), message("2"))
        await house.smsc.wait_taken(1)
        assert 3.9 < await drain(house) < 4.1
        await house.wait_events("submitted")
        assert len(house.smsc.taken) == 1
        assert (await caller.look("status", "2"))[0]["state"] == "waiting"


async def test_what_is_not_answered_in_time_is_unknown_and_the_bind_ends_all_the_same(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: None
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(0)
        await caller.submit(message("1"))
        await house.smsc.wait_taken(1)
        assert 3.0 <= await drain(house, 3.0) < 3.1
        assert (await caller.look("status", "1"))[0]["state"] == "unknown"


async def test_an_smsc_that_does_not_answer_the_unbind_is_left(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        line.mute()
        assert 4.9 < await drain(house) < 5.1


async def test_deliveries_are_kept_and_answered_before_the_unbind(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await caller.submit(message("1"))
        await house.wait_events("submitted")
        house.disk.hold()
        sequence = line.deliver(receipt(b"1"))
        await settle()
        house.nursery.start_soon(drain, house)
        await trio.sleep(2.0)
        assert line.bound
        house.disk.release()
        assert await line.answered(sequence) == 0
        await house.wait_events("submitted", "delivered")


async def test_a_bind_that_is_connecting_or_waiting_to_ends_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.smsc.unreachable = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.gateway.binds[0].run)
            await trio.sleep(10.3)
            begun = trio.current_time()
            await house.gateway.binds[0].drain(10.0)
        assert trio.current_time() == begun


async def test_deliveries_that_were_lost_with_a_link_are_not_waited_for(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await caller.submit(message("1"))
        await house.wait_events("submitted")
        house.disk.hold()
        line.deliver(receipt(b"1"))
        await settle()
        await line.cut()
        house.disk.release()
        await house.smsc.wait_bound(1)
        assert await drain(house) < 0.1
