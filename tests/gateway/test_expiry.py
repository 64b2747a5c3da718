"""When a message must not be sent any more, how the SMSC is told, and what waits for its time through a restart."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from protocol import times
from protocol.constants import Status
from tests.gateway.builders import EPOCH, LONG, bind_table, message, opened

DAY = 86_400.0


def told(validity: str) -> dict[str, object]:
    """A carrier that wants to be told so."""
    return {"carriers.alpha.profile": "own", "profiles.own.validity": validity}


async def test_the_expiry_is_absolute_in_utc_unless_the_carrier_wants_it_otherwise(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", expires_at=EPOCH + DAY), message("2"))
        taken = await house.smsc.wait_taken(2)
    assert times.parse(taken[0].submit.validity_period.decode(), 0.0) == EPOCH + DAY
    assert taken[0].submit.validity_period.endswith(b"00+")
    assert taken[1].submit.validity_period == b""


async def test_a_carrier_may_want_to_be_told_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, told("none")) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", expires_at=EPOCH + DAY))
        [taken] = await house.smsc.wait_taken(1)
    assert taken.submit.validity_period == b""


async def test_a_relative_expiry_is_what_is_left_when_each_part_is_sent_and_never_more(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    changes = {"carriers.alpha.binds": [bind_table(window=1)], "carriers.alpha.response_timeout": 1000.0}
    async with opened(tmp_path, told("relative") | changes) as house:
        house.smsc.reply = house.smsc.after(100.5)
        caller = await house.greet()
        await caller.submit(message("1", LONG, expires_at=EPOCH + 400.0))
        await trio.sleep(50.0)
        house.start_binds()
        taken = await house.smsc.wait_taken(3)
    assert [part.submit.validity_period for part in taken] == [
        *(b"000000000550000R", b"000000000409000R", b"000000000229000R")
    ]
    for part in taken:
        assert (times.parse(part.submit.validity_period.decode(), EPOCH + part.at) or 0.0) <= EPOCH + 400.0


@pytest.mark.parametrize(("left", "sent"), [(0.9, 0), (1.0, 1)])
async def test_less_than_a_second_cannot_be_told_relatively_and_is_too_late(
    tmp_path: Path, autojump_clock: MockClock, left: float, sent: int
) -> None:
    async with opened(tmp_path, told("relative")) as house:
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(0)
        await caller.submit(message("1", expires_at=house.core.clock() + left + 1e-3))
        await house.wait_events("submitted" if sent else "expired")
    assert len(house.smsc.taken) == sent


async def test_no_relative_expiry_is_longer_than_the_form_allows(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, told("relative")) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", expires_at=EPOCH + 400 * DAY))
        [taken] = await house.smsc.wait_taken(1)
    assert taken.submit.validity_period == b"000031000000000R"


async def test_a_try_that_comes_too_late_is_not_made(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, {"carriers.alpha.retry_min": 60.0}) as house:
        house.smsc.reply = lambda taken: (Status.RSYSERR, b"")
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", expires_at=EPOCH + 30.0))
        [event] = await house.wait_events("expired")
        await trio.sleep(1000.0)
    assert 30.0 <= event["at"] - EPOCH <= 31.5
    assert len(house.smsc.taken) == 1


async def test_a_message_the_carrier_has_is_the_carriers_to_expire(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: house.smsc.number(taken) if taken.at else None
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("sent", expires_at=EPOCH + 30.0))
        await house.smsc.wait_taken(1)
        await trio.sleep(10.0)
        await caller.submit(message("taken", expires_at=EPOCH + 30.0))
        await trio.sleep(45.0)
        states = {each["id"]: each["state"] for each in await caller.look("status", "sent", "taken")}
    assert states == {"sent": "sending", "taken": "submitted"}


@pytest.mark.parametrize("clean", [True, False])
async def test_what_is_scheduled_waits_for_its_time_through_a_restart(
    tmp_path: Path, autojump_clock: MockClock, clean: bool
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", not_before=EPOCH + 500.0, expires_at=EPOCH + 900.0))
        await trio.sleep(100.0)
        house.crashed = not clean
    async with opened(tmp_path) as house:
        house.start_binds()
        [taken] = await house.smsc.wait_taken(1)
        assert 500.0 <= taken.at <= 502.0
        [event] = await house.wait_events("submitted")
    assert times.parse(taken.submit.validity_period.decode(), 0.0) == EPOCH + 900.0
    assert "possible_duplicate" not in event


@pytest.mark.parametrize("clean", [True, False])
async def test_the_schedule_of_tries_and_their_count_survive_a_restart(
    tmp_path: Path, autojump_clock: MockClock, clean: bool
) -> None:
    tries = {"carriers.alpha.retry_min": 100.0, "carriers.alpha.retry_max": 1000.0, "carriers.alpha.max_attempts": 3}
    sent: list[float] = []
    for start in (0.0, 60.0, 200.0):
        async with opened(tmp_path, tries) as house:
            house.smsc.reply = lambda taken: (Status.RSYSERR, b"")
            house.start_binds()
            if not start:
                caller = await house.greet()
                await caller.submit(message("1"))
            await trio.sleep_until(start + 60.0 if start < 200.0 else 2000.0)
            sent += [taken.at for taken in house.smsc.taken]
            house.crashed = not clean
            kinds = [(event["type"], event.get("possible_duplicate", False)) for event in house.events]
    assert kinds == [("rejected", False)]
    assert len(sent) == 3
    assert [150.0 <= sent[1] <= 152.0, sent[2] - sent[1] >= 250.0 - 1.0] == [True, True]
