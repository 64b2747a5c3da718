"""Pause, resume and drain: of one bind, and of a carrier."""

from pathlib import Path
from typing import Final

import pytest
import trio
from trio.testing import MockClock

from gateway.operations import UnknownName
from tests.gateway.builders import bind_table, message, opened, settle
from tests.gateway.carriers import receipt

PAIR: Final[dict[str, object]] = {"carriers.alpha.binds": [bind_table(), bind_table()]}
BETA: Final[dict[str, object]] = {
    "carriers.beta": {"parts_per_second": 0, "binds": [bind_table()]},
    "routes": [{"carriers": ["alpha", "beta"]}],
}


async def test_a_paused_bind_sends_nothing_new_and_goes_on_receiving(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await caller.submit(message("1"))
        await house.wait_events("submitted")
        house.gateway.operations.pause("alpha.0")
        await caller.submit(message("2"))
        assert await line.answered(line.deliver(receipt(b"1"))) == 0
        await house.wait_events("submitted", "delivered")
        await trio.sleep(1000.0)
        assert len(house.smsc.taken) == 1
        assert (line.bound, house.gateway.operations.states()) == (True, {"alpha.0": "paused"})
        house.gateway.operations.resume("alpha.0")
        await house.wait_events("submitted", "delivered", "submitted")
    assert house.gateway.operations.states() == {"alpha.0": "up"}


async def test_what_was_taken_and_not_written_goes_over_the_carriers_other_bind(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, PAIR) as house:
        caller = await house.greet()
        house.gateway.operations.pause("alpha.1")
        house.start_binds()
        await house.smsc.wait_bound(1)
        house.disk.hold(after=1)  # the acceptance; then the marks do not reach the disk
        await caller.submit(*(message(str(n), on_unknown="report") for n in range(3)))
        await settle()
        house.gateway.operations.pause("alpha.0")
        house.gateway.operations.resume("alpha.1")
        house.disk.release()
        taken = await house.smsc.wait_taken(3)
    assert {house.smsc.lines[each.bind].bound for each in taken} == {True}
    assert len({each.bind for each in taken}) == 1


async def test_what_waits_moves_on_when_all_binds_of_its_carrier_are_paused(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, PAIR | BETA) as house:
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(2)
        house.gateway.operations.pause("alpha.0")
        await caller.submit(message("1"))
        await house.wait_events("submitted")
        house.gateway.operations.pause("alpha")
        await caller.submit(message("2"))
        await house.wait_events("submitted", "submitted")
        house.gateway.operations.resume("alpha")
        await caller.submit(message("3"))
        await house.wait_events("submitted", "submitted", "submitted")
    assert [event["carrier"] for event in house.events] == ["alpha", "beta", "alpha"]


async def test_a_drained_bind_waits_for_its_answers_unbinds_and_stays_down_until_it_is_resumed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = house.smsc.after(3.0)
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await caller.submit(message("1"))
        await house.smsc.wait_taken(1)
        begun = trio.current_time()
        await house.gateway.operations.drain("alpha")
        assert 2.9 < trio.current_time() - begun < 3.1
        await settle()
        assert line.closed == "the peer unbound"
        await caller.submit(message("2"))
        await trio.sleep(1000.0)
        assert (len(house.smsc.dialled), house.gateway.operations.states()) == (1, {"alpha.0": "drained"})
        house.gateway.operations.resume("alpha")
        await house.smsc.wait_bound(1)
        await house.wait_events("submitted", "submitted")


async def test_a_carrier_is_up_as_long_as_one_of_its_binds_may_send(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, PAIR) as house:
        house.start_binds()
        await house.smsc.wait_bound(1)
        operations, up = house.gateway.operations, house.core.lanes.up
        for act, name, expected in (
            (operations.pause, "alpha.0", {"alpha"}),
            (operations.pause, "alpha.0", {"alpha"}),
            (operations.pause, "alpha.1", set()),
            (operations.resume, "alpha.0", {"alpha"}),
            (operations.resume, "alpha.0", {"alpha"}),
            (operations.pause, "alpha", set()),
            (operations.resume, "alpha", {"alpha"}),
        ):
            act(name)
            assert up == expected


async def test_a_drain_that_is_called_off_leaves_the_bind_as_it_was(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: None
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await caller.submit(message("1"))
        await house.smsc.wait_taken(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.gateway.operations.drain, "alpha.0")
            await trio.sleep(1.0)
            assert house.gateway.operations.states() == {"alpha.0": "draining"}
            house.gateway.operations.resume("alpha.0")
        await caller.submit(message("2"))
        await house.smsc.wait_taken(2)
        assert (line.bound, len(house.smsc.dialled)) == (True, 1)


async def test_a_bind_that_is_not_connected_is_drained_at_once_and_does_not_dial(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        house.smsc.unreachable = True
        house.start_binds()
        await trio.sleep(10.3)
        begun, dialled = trio.current_time(), len(house.smsc.dialled)
        await house.gateway.operations.drain("alpha.0")
        assert trio.current_time() == begun
        house.smsc.unreachable = False
        await trio.sleep(1000.0)
        assert len(house.smsc.dialled) == dialled
        house.gateway.operations.resume("alpha.0")
        await house.smsc.wait_bound(0)


async def test_a_stop_ends_what_was_drained_or_paused(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, PAIR) as house:
        house.start_binds()
        await house.smsc.wait_bound(1)
        house.gateway.operations.pause("alpha.1")
        await house.gateway.operations.drain("alpha.0")
        house.gateway.fleet.stop(10.0)
        with trio.fail_after(1.0):
            await house.binds_ended.wait()
        house.gateway.operations.resume("alpha")
        assert house.gateway.operations.states() == {"alpha.0": "drained", "alpha.1": "drained"}


@pytest.mark.parametrize("name", ["alfa", "alpha.2", "", "alpha."])
async def test_an_unknown_name_is_an_error_that_says_which_there_are(tmp_path: Path, name: str) -> None:
    async with opened(tmp_path, PAIR) as house:
        operations = house.gateway.operations
        for act in (operations.pause, operations.resume):
            with pytest.raises(UnknownName, match=rf"'{name}'; there are alpha, alpha\.0, alpha\.1$"):
                act(name)
        with pytest.raises(UnknownName):
            await operations.drain(name)
