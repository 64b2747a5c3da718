"""How a bind ends: nothing new, the answers that are owed, then unbind; each step bounded."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.gateway.builders import LONG, House, bind_table, message, opened, settle
from tests.gateway.carriers import Line, receipt


async def drain(house: House, patience: float = 10.0) -> float:
    """Stop every bind and wait for their ends; returns the seconds that it took."""
    begun = trio.current_time()
    with trio.fail_after(patience + 60.0):
        house.gateway.fleet.stop(patience)
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
        caller, _ = await house.begin()
        await caller.submit(message("1"), message("2"))
        await house.smsc.wait_taken(1)
        assert 3.9 < await drain(house) < 4.1
        await house.wait_events("submitted")
        assert len(house.smsc.taken) == 1
        assert (await caller.look("status", "2"))[0]["state"] == "waiting"


@pytest.mark.parametrize("on_unknown", ["resend", "report"])
async def test_the_rest_of_a_message_that_was_begun_is_sent_before_the_unbind_and_nothing_new(
    tmp_path: Path, autojump_clock: MockClock, on_unknown: str
) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds.0.window": 1}) as house:
        house.smsc.reply = house.smsc.after(2.0)
        caller, _ = await house.begin()
        await caller.submit(message("1", LONG, on_unknown=on_unknown), message("2", LONG, on_unknown=on_unknown))
        await house.smsc.wait_taken(1)
        assert 5.9 < await drain(house) < 6.1
        await house.wait_events("submitted")
        assert [taken.part for taken in house.smsc.taken] == [1, 2, 3]
        assert (await caller.look("status", "2"))[0]["state"] == "waiting"


async def test_a_rest_that_was_refused_for_its_speed_is_sent_before_the_unbind(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds": [bind_table(), bind_table()]}) as house:
        late = house.smsc.after(0.5)
        house.smsc.reply = lambda taken: (0x58, b"") if len(house.smsc.taken) == 3 else late(taken)
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(1)
        await caller.submit(message("1", LONG))
        await house.smsc.wait_taken(3)
        await settle()
        assert await drain(house) < 10.0
        await house.wait_events("submitted")
    assert [taken.part for taken in house.smsc.taken] == [1, 2, 3, 3]


async def test_a_rest_that_is_not_wanted_any_more_is_not_waited_for(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds.0.window": 1}) as house:
        house.smsc.reply = lambda taken: None
        caller, line = await house.begin()
        await caller.submit(message("1", LONG))
        [taken] = await house.smsc.wait_taken(1)

        async def refuse() -> None:
            await trio.sleep(1.0)
            line.answer(taken, 0x0B)

        house.nursery.start_soon(refuse)
        assert 0.9 < await drain(house) < 1.1
        await house.wait_events("rejected")


async def test_what_is_not_answered_in_time_is_unknown_and_the_bind_ends_all_the_same(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: None
        caller, _ = await house.begin()
        await caller.submit(message("1"))
        await house.smsc.wait_taken(1)
        assert 3.0 <= await drain(house, 3.0) < 8.1  # and it may drain before it answers our unbind
        assert (await caller.look("status", "1"))[0]["state"] == "unknown"


async def test_an_smsc_that_does_not_answer_the_unbind_is_left(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        line.mute()
        assert 4.9 < await drain(house) < 5.1


async def test_deliveries_are_kept_and_answered_before_the_unbind(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
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
            nursery.start_soon(house.gateway.fleet.binds[0].run)
            await trio.sleep(10.3)
            begun = trio.current_time()
            await house.gateway.fleet.binds[0].stop(10.0)
        assert trio.current_time() == begun


async def test_deliveries_that_were_lost_with_a_link_are_not_waited_for(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        await caller.submit(message("1"))
        await house.wait_events("submitted")
        house.disk.hold()
        line.deliver(receipt(b"1"))
        await settle()
        await line.cut()
        house.disk.release()
        await house.smsc.wait_bound(1)
        assert await drain(house) < 0.1


def unbind(line: Line) -> None:
    """Have the SMSC ask to unbind."""
    line.session.unbind(trio.current_time())
    line.link.flush()


async def test_when_the_smsc_unbinds_what_is_in_flight_is_waited_for_and_nothing_new_goes(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds.0.window": 2}) as house:
        house.smsc.reply = lambda taken: house.smsc.after(2.0)(taken) if taken.bind == 0 else house.smsc.number(taken)
        caller, line = await house.begin()
        await caller.submit(*(message(str(n), f"便{n}") for n in range(4)))
        await house.smsc.wait_taken(2)
        unbind(line)
        events = await house.wait_events(*["submitted"] * 4)
        assert line.closed == "unbound", "with unbind_resp"
    assert [taken.bind for taken in house.smsc.taken] == [0, 0, 1, 1]
    assert not any("possible_duplicate" in event for event in events)
    [down] = [each for each in house.log if each["event"] == "bind_down"]
    assert (down["cause"], down["reason"]) == ("lost", "the peer unbound")


async def test_when_the_smsc_unbinds_the_deliveries_we_hold_are_answered_first(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        await caller.submit(message("1"))
        await house.wait_events("submitted")
        house.disk.hold()
        sequence = line.deliver(receipt(b"1"))
        await settle()
        unbind(line)
        await trio.sleep(2.0)
        assert line.bound, "the receipt is not on disk yet"
        house.disk.release()
        assert await line.answered(sequence) == 0
        await house.smsc.wait(lambda: line.closed == "unbound")
        await house.wait_events("submitted", "delivered")


async def test_what_the_smsc_does_not_answer_after_its_unbind_is_unknown(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.peer_unbind_timeout": 4.0}) as house:
        house.smsc.reply = lambda taken: None
        caller, line = await house.begin()
        await caller.submit(message("1"))
        await house.smsc.wait_taken(1)
        begun = trio.current_time()
        unbind(line)
        await house.smsc.wait(lambda: line.closed == "unbound")
        assert trio.current_time() - begun == pytest.approx(4.0, abs=0.01)
        await settle()
        assert (await caller.look("status", "1"))[0]["state"] == "unknown"


async def test_what_waits_goes_to_another_carrier_as_soon_as_the_smsc_asks_to_unbind(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    changes = {
        "carriers.alpha.binds.0.window": 1,
        "carriers.beta": {"binds": [bind_table()]},
        "routes": [{"carriers": ["alpha", "beta"]}],
    }
    async with opened(tmp_path, changes) as house:
        house.smsc.reply = lambda taken: None
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(1)
        await caller.submit(message("1"), message("2"))
        [taken] = await house.smsc.wait_taken(1)
        unbind(house.smsc.lines[taken.bind])
        await settle()
        _, other = await house.smsc.wait_taken(2)
        assert other.bind != taken.bind
        assert trio.current_time() < 1.0
