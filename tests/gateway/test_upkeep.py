"""What time brings: messages fall due, the backlog is counted, old things are forgotten."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gateway import upkeep
from tests.gateway.builders import House, message, opened
from tests.gateway.carriers import receipt

DAY = 86_400.0


async def test_a_scheduled_message_is_sent_when_its_time_has_come_and_not_before(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", not_before=house.core.clock() + 100.0), message("2"))
        taken = await house.smsc.wait_taken(2)
        assert taken[0].at == 0.0
        assert 100.0 <= taken[1].at <= 101.5


@pytest.mark.parametrize("bound", [False, True])
async def test_a_message_expires_where_it_waits(tmp_path: Path, autojump_clock: MockClock, bound: bool) -> None:
    changes = {
        "carriers.alpha.parts_per_second": 0.0001,
        "carriers.alpha.burst": 1,
        "carriers.alpha.profile": "one",
        "profiles.one.max_parts": 1,
        "gateway.lane_window": 1,
    }
    async with opened(tmp_path, changes) as house:
        caller = await house.greet()
        if bound:
            house.start_binds()
            await caller.submit(message("0"))
            await house.wait_events("submitted")
        soon, later = house.core.clock() + 10.0, house.core.clock() + 20.0
        held = message("3", not_before=soon, expires_at=later)
        await caller.submit(message("1", expires_at=soon), message("2", expires_at=later), held)
        events = await house.wait_events(*["submitted"] * bound, "expired", "expired", "expired")
    assert events[bound]["id"] == "1"
    assert 10.0 <= events[bound]["at"] - 1_780_000_000.0 <= 12.0
    assert all(event["final"] for event in events[bound:])


async def test_what_expires_is_told_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await caller.submit(message("1", expires_at=house.core.clock() + 5.0))
        await house.wait_events("expired")
        house.start_binds()
        await trio.sleep(60.0)
        await house.wait_events("expired")
        assert house.smsc.taken == []
        assert not house.core.outstanding.live


async def test_more_messages_than_a_page_fall_due_together(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "PAGE", 3)
    async with opened(tmp_path, {"gateway.lane_window": 4}) as house:
        caller = await house.greet()
        house.start_binds()
        due = house.core.clock() + 10.0
        await caller.submit(*(message(str(n), not_before=due) for n in range(20)))
        await house.wait_events(*["submitted"] * 20)


async def test_the_backlog_is_counted_by_lane(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await caller.submit(message("1"), message("2", lane="otp"), message("3"))
        assert house.core.backlog == 3
        await trio.sleep(11.0)
        assert house.core.waiting == {0: 1, 2: 2}
        house.start_binds()
        await house.wait_events("submitted", "submitted", "submitted")
        await trio.sleep(11.0)
        assert house.core.waiting == {}
        assert house.core.backlog == 0
    async with opened(tmp_path) as house:
        await (await house.greet()).submit(message("4"))
        assert house.core.backlog == 1


async def forget(house: House, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let so much time pass for the gateway's clock, and a round of forgetting for its tasks."""
    clock = house.core.clock
    monkeypatch.setattr(house.core, "clock", lambda: clock() + seconds)
    await trio.sleep(61.0)


async def test_what_has_ended_is_forgotten_after_the_retention_and_not_before(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, {"gateway.retention": DAY}) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", receipt=False), message("2", not_before=house.core.clock() + 3 * DAY))
        await house.wait_events("submitted")
        await forget(house, monkeypatch, DAY - 200.0)
        assert [each["ok"] for each in await caller.look("status", "1", "2")] == [True, True]
        await forget(house, monkeypatch, 300.0)
        assert [each["ok"] for each in await caller.look("status", "1", "2")] == [False, True]
        assert (await caller.submit(message("1")))[0]["duplicate"] is False


async def test_an_early_receipt_that_never_finds_its_message_is_given_up_and_counted(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"gateway.early_hold": 1000.0}) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        assert await line.answered(line.deliver(receipt(b"77"))) == 0
        await trio.sleep(900.0)
        assert await house.store.early()
        await trio.sleep(102.0)
        assert not await house.store.early()
        assert house.core.counts.carriers["alpha"].receipts_unmatched == 1
