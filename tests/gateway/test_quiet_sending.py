"""Quiet hours of a running gateway: held at the door, in the lanes and in the pump, over restarts and reloads.

Virtual time begins at 05:26:40 in Tokyo, so that it is quiet from 20 s to 200 s.
"""

from pathlib import Path
from typing import Any, Final

import pytest
import trio
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from trio.testing import MockClock

from protocol.constants import Status
from tests.gateway.builders import EPOCH, LONG, House, bind_table, in_virtual_time, message, opened, settings
from tests.gateway.callers import Caller
from tests.gateway.carriers import Reply, Taken
from tests.gateway.store.disk import crash
from tests.gateway.test_metrics import Figures

BEGIN: Final = 20.0
END: Final = 200.0
TICK: Final = 1.5
"""Seconds within which what may go again is sent."""
HOURS: Final = {"begin": "05:27", "end": "05:30"}
QUIET: Final[dict[str, object]] = {"clients.bank.quiet_hours": HOURS}
SLOW: Final[dict[str, object]] = {"carriers.alpha.parts_per_second": 1, "carriers.alpha.burst": 1}
SHORT: Final[dict[str, object]] = {"profiles.generic.max_parts": 1}


def within(moment: float) -> bool:
    return BEGIN <= moment < END


def times(house: House) -> list[float]:
    return [taken.at for taken in house.smsc.taken]


def texts(house: House) -> list[str]:
    return [taken.text for taken in house.smsc.taken]


async def states(caller: Caller, *ids: str) -> list[str]:
    return [each["state"] for each in await caller.look("status", *ids)]


async def submit(caller: Caller, *texts: str, **keys: object) -> list[dict[str, Any]]:
    """Submit messages whose id is the number of their text's first character."""
    return await caller.submit(*(message(str(ord(text[0])), text, **keys) for text in texts))


async def test_what_comes_in_quiet_hours_is_held_till_their_end(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, QUIET) as house:
        caller = await house.greet()
        house.start_binds()
        await trio.sleep_until(BEGIN + 1)
        assert [each["ok"] for each in await submit(caller, "壱", "弐")] == [True, True]
        await submit(caller, "参", lane="otp")
        await submit(caller, "肆", lane="urgent")
        await house.wait_events("submitted", "submitted")
        assert texts(house) == ["参", "肆"]
        await house.wait_events(*["submitted"] * 4)
    assert texts(house)[2:] == ["壱", "弐"]
    assert all(END <= each < END + TICK for each in times(house)[2:])


async def test_a_message_that_is_held_says_so_and_can_be_cancelled(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, QUIET) as house:
        caller = await house.greet()
        house.start_binds()
        await trio.sleep_until(BEGIN + 1)
        await caller.submit(message("1"), message("2"))
        assert await states(caller, "1", "2") == ["held", "held"]
        [result] = await caller.look("cancel", "1")
        assert (result["state"], result["final"]) == ("canceled", True)
        await house.wait_events("canceled", "submitted")
        assert len(house.smsc.taken) == 1


async def test_it_is_held_though_no_bind_is_there_to_hold_it(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, QUIET) as house:
        caller = await house.greet()
        await caller.submit(message("1", not_before=EPOCH + BEGIN + 30))
        await trio.sleep_until(BEGIN + 1)
        await caller.submit(message("2"))
        assert await states(caller, "1", "2") == ["held", "held"]
        await trio.sleep_until(BEGIN + 40)
        assert await states(caller, "1", "2") == ["held", "held"]
        await trio.sleep_until(END + TICK)
        assert await states(caller, "1", "2") == ["waiting", "waiting"]


async def test_a_backlog_stops_when_quiet_hours_begin_and_goes_on_in_order(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    numbers = "一二三四五六七八九十" * 4
    async with opened(tmp_path, QUIET | SLOW | SHORT | {"gateway.lane_window": 7}) as house:
        caller = await house.greet()
        [bind] = house.start_binds()
        await house.smsc.wait_bound(0)
        await caller.submit(*(message(str(n), text) for n, text in enumerate(numbers)))
        await trio.sleep_until(BEGIN + 12)
        before = len(house.smsc.taken)
        assert 15 < before < 25
        assert await states(caller, str(before), "39") == ["held", "held"]
        assert bind.pump.progress == 40
        assert Figures(house)("quiet") == 40 - before
        assert Figures(house)("quiet_hours", client="bank", tag="") == 1
        await house.wait_events(*["submitted"] * 40)
    assert "".join(texts(house)) == numbers
    assert not any(map(within, times(house)))
    assert not any("possible_duplicate" in event for event in house.events)
    assert len(house.smsc.lines) == 1


async def test_others_behind_a_backlog_that_is_held_are_not(tmp_path: Path, autojump_clock: MockClock) -> None:
    shop = {"clients.shop": {"secret": {"env": "SECRET"}, "sender": "0005999999"}}
    async with opened(tmp_path, QUIET | SLOW | SHORT | shop | {"gateway.lane_window": 7}) as house:
        bank, other = await house.greet(), await house.greet("shop")
        house.start_binds()
        await bank.submit(*(message(str(n)) for n in range(60)))
        await submit(other, "店")
        await house.smsc.wait(lambda: "店" in texts(house))
        assert BEGIN <= trio.current_time() < BEGIN + 2


async def test_a_retry_waits_for_the_end(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, QUIET | {"carriers.alpha.retry_min": 9.0, "carriers.alpha.retry_max": 9.0}) as house:
        house.smsc.reply = lambda taken: (0, b"1") if len(house.smsc.taken) > 1 else (Status.RX_T_APPN, b"")
        caller = await house.greet()
        house.start_binds()
        await trio.sleep_until(BEGIN - 5)
        await caller.submit(message("1"))
        await trio.sleep_until(BEGIN + 10)
        assert await states(caller, "1") == ["held"]
        await house.wait_events("submitted")
    assert [int(each) for each in times(house)] in ([BEGIN - 5, END], [BEGIN - 5, END + 1])


async def test_what_the_carrier_was_too_busy_for_waits_too(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, QUIET) as house:
        house.smsc.reply = lambda taken: (0, b"1") if taken.at > END else (Status.RTHROTTLED, b"")
        caller = await house.greet()
        house.start_binds()
        await trio.sleep_until(BEGIN - 3)
        await caller.submit(message("1"))
        await house.wait_events("submitted")
    assert len(house.smsc.taken) > 1
    assert not any(map(within, times(house)))


async def test_a_message_that_was_begun_is_sent_whole(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, QUIET | {"carriers.alpha.binds.0.window": 1}) as house:
        house.smsc.reply = house.smsc.after(2.0)
        caller = await house.greet()
        house.start_binds()
        await trio.sleep_until(BEGIN - 3)
        await caller.submit(message("1", LONG), message("2", LONG))
        await house.wait_events("submitted")
        assert [taken.part for taken in house.smsc.taken] == [1, 2, 3]
        assert (within(times(house)[2]), await states(caller, "2")) == (True, ["held"])
        await house.wait_events("submitted", "submitted")
    assert not any(map(within, times(house)[3:]))


async def test_a_part_that_comes_back_is_sent_when_the_carrier_has_others_of_its_message(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, QUIET) as house:
        house.smsc.reply = lambda taken: (
            (Status.RTHROTTLED, b"") if taken.part == 2 and taken.at < BEGIN + 5 else house.smsc.number(taken)
        )
        caller = await house.greet()
        house.start_binds()
        await trio.sleep_until(BEGIN - 1)
        await caller.submit(message("1", LONG))
        await house.wait_events("submitted")
    assert BEGIN + 5 <= times(house)[-1] < BEGIN + 15


async def test_a_message_whose_time_is_over_in_quiet_hours_expires_then(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, QUIET | SLOW | SHORT) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(*(message(str(n), expires_at=EPOCH + 100.0) for n in range(30)))
        await trio.sleep_until(BEGIN + 5)
        await caller.submit(message("late", expires_at=EPOCH + 90.0))
        await trio.sleep_until(END + 50)
        sent = len(house.smsc.taken)
        assert [event["type"] for event in house.events].count("expired") == 31 - sent
        ends = {round(event["at"] - EPOCH) for event in house.events if event["type"] == "expired"}
    assert ends <= {90, 91, 100, 101}
    assert not any(map(within, times(house)))


async def test_what_was_being_marked_when_they_began_is_put_aside(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, QUIET) as house:
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(0)
        await trio.sleep_until(BEGIN - 1.5)
        house.disk.hold(1)  # the message itself, and not its mark
        await caller.submit(message("1", lane="bulk"))
        await trio.sleep_until(BEGIN + 2)
        house.disk.release()
        await trio.sleep(5.0)
        assert (await states(caller, "1"), house.smsc.taken) == (["held"], [])
        await house.wait_events("submitted")
    assert END <= times(house)[0] < END + TICK


async def test_what_was_taken_and_waits_for_the_rate_when_they_begin_is_put_aside(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    two: dict[str, object] = {"carriers.alpha.binds": [bind_table(), bind_table()], "profiles.generic.max_parts": 1}
    async with opened(tmp_path, QUIET | two | {"carriers.alpha.parts_per_second": 0.1}) as house:
        caller = await house.greet()
        binds = house.start_binds()
        await house.smsc.wait_bound(1)
        await trio.sleep_until(BEGIN - 2)
        await caller.submit(message("1", lane="bulk"), message("2", lane="bulk"))
        await trio.sleep(1.0)
        assert [len(bind.pump._parts) for bind in binds] in ([0, 1], [1, 0])  # each saw room for one
        await trio.sleep_until(BEGIN + 30)
        assert sorted(await states(caller, "1", "2")) == ["held", "submitted"]
        await house.wait_events("submitted", "submitted")
    assert (times(house)[0] < BEGIN, END <= times(house)[1] < END + TICK) == (True, True)


async def test_a_scheduled_message_that_falls_due_in_quiet_hours_waits_for_their_end(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, QUIET) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", not_before=EPOCH + BEGIN + 30), message("2", not_before=EPOCH + END + 30))
        await trio.sleep_until(BEGIN + 40)
        assert await states(caller, "1", "2") == ["held", "held"]
        await house.wait_events("submitted", "submitted")
    assert [int(each) // 10 for each in times(house)] == [END // 10, (END + 30) // 10]


async def test_tags_have_quiet_hours_of_their_own(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, {"quiet_hours": {"大売出し": HOURS}}) as house:
        caller = await house.greet()
        house.start_binds()
        await trio.sleep_until(BEGIN + 1)
        await submit(caller, "売", tags=["大売出し", "vip"])
        await submit(caller, "普", tags=["vip"])
        await house.wait_events("submitted", "submitted")
    assert (texts(house), within(times(house)[0]), within(times(house)[1])) == (["普", "売"], True, False)


@pytest.mark.parametrize("killed", [False, True])
async def test_a_restart_goes_on_holding(tmp_path: Path, autojump_clock: MockClock, killed: bool) -> None:
    place = tmp_path / "first"
    chosen = QUIET | SLOW | SHORT
    async with opened(tmp_path, chosen | {"gateway.data_dir": str(place)}) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(*(message(str(n)) for n in range(30)))
        await trio.sleep_until(BEGIN + 5)
        await caller.submit(message("new"))
        sent = len(house.smsc.taken)
        if killed:
            place = crash(place, tmp_path / "after")
    async with opened(tmp_path, chosen | {"gateway.data_dir": str(place)}) as house:
        caller = await house.greet()
        house.start_binds()
        await trio.sleep_until(END - 5)
        assert house.smsc.taken == []
        assert await states(caller, "29", "new") == ["held", "held"]
        await house.smsc.wait_taken(31 - sent)
        await trio.sleep(20.0)
        assert len(house.smsc.taken) == 31 - sent
    assert min(times(house)) >= END


async def test_a_restart_without_quiet_hours_sends_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, QUIET) as house:
        await trio.sleep_until(BEGIN + 5)
        await (await house.greet()).submit(message("1"))
    async with opened(tmp_path) as house:
        house.start_binds()
        await house.wait_events("submitted")
    assert BEGIN < times(house)[0] < BEGIN + 10


async def test_a_reload_holds_and_lets_go_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, SLOW | SHORT) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(*(message(str(n)) for n in range(60)))
        await trio.sleep_until(BEGIN + 10.5)
        assert len(house.smsc.taken) > 25
        await house.gateway.reload(settings(tmp_path, QUIET | SLOW | SHORT))
        held = len(house.smsc.taken)
        await trio.sleep_until(BEGIN + 20)
        assert (len(house.smsc.taken), await states(caller, "59")) == (held, ["held"])
        later = {"clients.bank.quiet_hours": {"begin": "05:27", "end": "05:28"}}
        await house.gateway.reload(settings(tmp_path, later | SLOW | SHORT))
        await trio.sleep_until(75.0)
        assert len(house.smsc.taken) == held
        await trio.sleep_until(85.0)
        assert len(house.smsc.taken) > held
        await house.gateway.reload(settings(tmp_path, QUIET | SLOW | SHORT))
        held = len(house.smsc.taken)
        await trio.sleep(5.0)
        await house.gateway.reload(settings(tmp_path, SLOW | SHORT))
        await trio.sleep(5.0)
        assert held < len(house.smsc.taken) < 60
        await house.wait_events(*["submitted"] * 60)
    assert max(times(house)) < END
    assert len(house.smsc.taken) == 60


async def test_what_is_held_counts_as_waiting(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, QUIET | {"gateway.max_waiting": 10}) as house:
        caller = await house.greet()
        await trio.sleep_until(BEGIN + 5)
        await caller.submit(*(message(str(n)) for n in range(10)))
        await trio.sleep(15.0)
        [result] = await caller.submit(message("more"))
        assert result["error"] == "queue_full"


async def test_more_than_a_page_is_let_go(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, QUIET | {"carriers.alpha.binds": [bind_table(window=1000)]}) as house:
        caller = await house.greet()
        house.start_binds()
        await trio.sleep_until(BEGIN + 5)
        await caller.submit(*(message(str(n)) for n in range(1000)))
        await caller.submit(*(message(str(n)) for n in range(1000, 1200)))
        await house.gateway.reload(settings(tmp_path, {"carriers.alpha.binds": [bind_table(window=1000)]}))
        await house.smsc.wait_taken(1200)
        assert trio.current_time() < BEGIN + 20


STEP = st.tuples(
    st.floats(0.0, 40.0),
    st.sampled_from(["normal", "bulk", "otp"]),
    st.integers(1, 4),
    st.sampled_from([message("")["text"], LONG]),
)


class Watch:
    """An SMSC that refuses the first part of each message once, and notes what is begun when it should not be."""

    def __init__(self, house: House, delay: float, refusal: int) -> None:
        self.house = house
        self.begun: list[tuple[bytes, float]] = []
        """Senders, of which each message has its own, and when the first part came, of those that were taken."""
        self._accept = house.smsc.after(delay)
        self._refusal = refusal
        self._refused: set[bytes] = set()
        self._taken: set[bytes] = set()

    def reply(self, taken: Taken) -> Reply:
        sender = taken.submit.source_addr
        if sender not in self._taken:
            self.begun.append((sender, taken.at))
        if self._refusal and taken.part < 2 and sender not in self._refused:
            self._refused.add(sender)
            return self._refusal, b""
        self._taken.add(sender)
        return self._accept(taken)


@hypothesis_settings(max_examples=30, deadline=None)
@given(
    st.lists(STEP, min_size=1, max_size=8),
    st.floats(0.0, 6.0),
    st.sampled_from([0, 1, 3]),
    st.integers(1, 4),
    st.sampled_from([0, Status.RTHROTTLED, Status.RMSGQFUL, Status.RX_T_APPN]),
)
def test_nothing_is_ever_begun_in_quiet_hours(
    steps: list[tuple[float, str, int, str]], delay: float, rate: int, window: int, refusal: int
) -> None:
    async def run(folder: Path) -> None:
        binds = [bind_table(window=window), bind_table(window=window)]
        changes = {"carriers.alpha.binds": binds, "carriers.alpha.parts_per_second": rate}
        async with opened(folder, QUIET | changes | {"carriers.alpha.retry_min": 3.0}) as house:
            watch = Watch(house, delay, refusal)
            house.smsc.reply = watch.reply
            caller = await house.greet()
            house.start_binds()
            exempt: set[bytes] = set()
            sent = 0
            for wait, lane, number, text in steps:
                await trio.sleep(wait)
                for _ in range(number):
                    sent += 1
                    exempt |= {b"%d" % sent} if lane == "otp" else set()
                    await caller.submit(message(str(sent), text, sender=str(sent), lane=lane))
            await house.wait(lambda: len(house.events) == sent)
            assert [at for sender, at in watch.begun if within(at) and sender not in exempt] == []
            assert {event["type"] for event in house.events} == {"submitted"}

    in_virtual_time(run)
