"""A bind when answers do not come: what was written and not answered is unknown, never silently sent again."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from protocol.constants import Status
from tests.gateway.builders import LONG, bind_table, message, opened, settle
from tests.gateway.carriers import Reply, Taken, receipt

GRACE = {"carriers.alpha.response_timeout": 5.0, "carriers.alpha.unknown_grace": 20.0}


async def test_a_part_that_is_never_answered_is_sent_again_after_the_grace_and_says_so(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, GRACE) as house:
        house.smsc.reply = lambda taken: None if taken.at < 5.0 else house.smsc.number(taken)
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", on_unknown="resend"))
        await trio.sleep(10.0)
        [status] = await caller.look("status", "1")
        assert (status["state"], status["final"]) == ("unknown", False)
        [event] = await house.wait_events("submitted")
    assert event["possible_duplicate"] is True
    first, second = house.smsc.taken
    assert 25.0 <= second.at - first.at <= 26.0


async def test_a_part_that_is_never_answered_is_reported_and_never_sent_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, GRACE) as house:
        house.smsc.reply = lambda taken: None
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", on_unknown="report", meta={"order": 7}))
        [event] = await house.wait_events("unknown")
        assert (event["id"], event["final"], event["meta"]) == ("1", False, {"order": 7})
        assert "possible_duplicate" not in event
        await trio.sleep(100.0)
        [status] = await caller.look("status", "1")
    assert status["state"] == "unknown"
    assert len(house.smsc.taken) == 1


@pytest.mark.parametrize("on_unknown", ["resend", "report"])
async def test_a_late_answer_settles_what_was_unknown(
    tmp_path: Path, autojump_clock: MockClock, on_unknown: str
) -> None:
    async with opened(tmp_path, GRACE) as house:
        house.smsc.reply = lambda taken: None
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", on_unknown=on_unknown))
        [taken] = await house.smsc.wait_taken(1)
        await trio.sleep(10.0)
        line = house.smsc.lines[0]
        line.answer(taken, message_id=b"77")
        [event] = await house.wait_events("submitted")
        assert "possible_duplicate" not in event
        line.deliver(receipt(b"77"))
        await house.wait_events("submitted", "delivered")
        await trio.sleep(100.0)
    assert len(house.smsc.taken) == 1


async def test_a_late_answer_after_the_report_is_told_too(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, GRACE) as house:
        house.smsc.reply = lambda taken: None
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", on_unknown="report"))
        await house.wait_events("unknown")
        house.smsc.lines[0].answer(house.smsc.taken[0], message_id=b"77")
        await house.wait_events("unknown", "submitted")
        house.smsc.lines[0].deliver(receipt(b"77"))
        events = await house.wait_events("unknown", "submitted", "delivered")
    assert events[-1]["final"] is True


@pytest.mark.parametrize(("status", "sent"), [(Status.RINVDSTADR, 1), (Status.RTHROTTLED, 2)])
async def test_a_late_refusal_is_a_refusal(
    tmp_path: Path, autojump_clock: MockClock, status: Status, sent: int
) -> None:
    async with opened(tmp_path, GRACE) as house:
        house.smsc.reply = lambda taken: None if taken.at < 5.0 else house.smsc.number(taken)
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", on_unknown="resend"))
        [taken] = await house.smsc.wait_taken(1)
        await trio.sleep(10.0)
        house.smsc.lines[0].answer(taken, status)
        await house.wait_events("rejected" if sent == 1 else "submitted")
        await trio.sleep(100.0)
    assert len(house.smsc.taken) == sent


async def test_when_the_link_is_cut_what_was_answered_stays_and_the_rest_is_unknown(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, GRACE) as house:

        def reply(taken: Taken) -> Reply:
            return None if taken.text == "二" and taken.bind == 0 else house.smsc.number(taken)

        house.smsc.reply = reply
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await caller.submit(*(message(text, "一二三"[int(text) - 1]) for text in "123"))
        await house.wait_events("submitted", "submitted")
        await line.cut()
        await settle()
        states = {status["id"]: status["state"] for status in await caller.look("status", "1", "2", "3")}
        assert states == {"1": "submitted", "2": "unknown", "3": "submitted"}
        events = await house.wait_events("submitted", "submitted", "submitted")
    assert [event.get("possible_duplicate", False) for event in events] == [False, False, True]
    assert [taken.text for taken in house.smsc.taken] == ["一", "二", "三", "二"]


async def test_only_the_unknown_parts_of_a_cut_message_are_sent_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, GRACE | {"carriers.alpha.binds.0.window": 2}) as house:

        def reply(taken: Taken) -> Reply:
            return None if taken.part == 2 and taken.bind == 0 else house.smsc.number(taken)

        house.smsc.reply = reply
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await caller.submit(message("1", LONG))
        await house.smsc.wait_taken(3)
        await settle()
        await line.cut()
        [event] = await house.wait_events("submitted")
    assert event["possible_duplicate"] is True
    assert [(taken.bind, taken.part) for taken in house.smsc.taken] == [(0, 1), (0, 2), (0, 3), (1, 2)]


async def test_nothing_of_a_report_message_is_on_the_wire_before_the_mark_is_on_disk(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(0)
        house.disk.hold(after=1)
        await caller.submit(message("1", LONG, on_unknown="report"))
        await trio.sleep(5.0)
        assert house.smsc.taken == []
        house.disk.release()
        await house.wait_events("submitted")
    assert [taken.part for taken in house.smsc.taken] == [1, 2, 3]


async def test_a_report_message_that_expires_while_its_mark_is_written_is_not_sent(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(0)
        house.disk.hold(after=1)
        in_time, over = (house.core.clock() + seconds for seconds in (60.0, 3.0))
        await caller.submit(
            message("1", LONG, on_unknown="report", expires_at=over),
            message("2", on_unknown="report", expires_at=in_time),
        )
        await trio.sleep(5.0)
        house.disk.release()
        await house.wait_events("expired", "submitted")
    assert len(house.smsc.taken) == 1


async def test_a_resend_message_need_not_wait_for_a_mark(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(0)
        house.disk.hold(after=1)
        await caller.submit(message("1", on_unknown="resend"))
        await house.smsc.wait_taken(1)


@pytest.mark.parametrize("binds", [1, 2])
async def test_what_was_never_sent_goes_first_again_after_a_cut_and_is_no_possible_duplicate(
    tmp_path: Path, autojump_clock: MockClock, binds: int
) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds": [bind_table(window=1) for _ in range(binds)]}) as house:
        caller = await house.greet()
        first, *others = house.gateway.fleet.binds
        house.nursery.start_soon(first.run)
        line = await house.smsc.wait_bound(0)
        house.disk.hold(after=1)
        await caller.submit(message("1", "一", on_unknown="report"))
        await settle()  # the bind has taken it, and waits for its mark
        for bind in others:
            house.nursery.start_soon(bind.run)
            await house.smsc.wait_bound(1)
        await line.cut()
        await settle()
        house.disk.release()
        await caller.submit(message("2", "二"))
        events = await house.wait_events("submitted", "submitted")
    assert [taken.text for taken in house.smsc.taken] == ["一", "二"]
    assert not any("possible_duplicate" in event for event in events)


async def test_what_was_never_sent_goes_over_an_idle_bind_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds": [bind_table(), bind_table()]}) as house:
        caller = await house.greet()
        first, second = house.gateway.fleet.binds
        house.nursery.start_soon(first.run)
        line = await house.smsc.wait_bound(0)
        house.disk.hold(after=1)
        await caller.submit(message("1", on_unknown="report"))
        await settle()
        house.nursery.start_soon(second.run)
        await house.smsc.wait_bound(1)
        await line.cut()
        house.disk.release()
        await house.wait_events("submitted")
        assert trio.current_time() < 1.0


@pytest.mark.parametrize(("on_unknown", "last"), [("report", []), ("resend", [1])])
async def test_the_parts_that_never_left_go_over_the_next_bind_and_then_the_unknown_one_decides(
    tmp_path: Path, autojump_clock: MockClock, on_unknown: str, last: list[int]
) -> None:
    async with opened(tmp_path, GRACE | {"carriers.alpha.binds.0.window": 1}) as house:
        house.smsc.reply = lambda taken: None if taken.bind == 0 else house.smsc.number(taken)
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await caller.submit(message("1", LONG, on_unknown=on_unknown))
        await house.smsc.wait_taken(1)
        await line.cut()
        taken = await house.smsc.wait_taken(3)
        again = trio.current_time()
        [event] = await house.wait_events("unknown" if on_unknown == "report" else "submitted")
        assert trio.current_time() - again >= 20.0
        await trio.sleep(100.0)
        [status] = await caller.look("status", "1")
    assert [(part.bind, part.part) for part in taken] == [(0, 1), (1, 2), (1, 3), *((1, part) for part in last)]
    assert len({part.submit.short_message[3] for part in taken}) == 1
    assert event.get("possible_duplicate", False) is (on_unknown == "resend")
    states = [part["state"] for part in status["parts"]]
    assert states == ["unknown" if on_unknown == "report" else "accepted", "accepted", "accepted"]


async def test_what_is_unknown_when_its_time_is_over_is_told_as_such_and_is_not_sent_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, GRACE) as house:
        house.smsc.reply = lambda taken: None
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", on_unknown="resend", expires_at=house.core.clock() + 10.0))
        [event] = await house.wait_events("unknown")
        await trio.sleep(100.0)
    assert event["final"] is False
    assert len(house.smsc.taken) == 1
