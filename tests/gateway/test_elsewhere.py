"""Two carriers, each with numbers of its own, and a gateway that does not know which has which."""

from pathlib import Path
from typing import Any

import trio
from trio.testing import MockClock

from protocol.constants import Status
from protocol.pdu import BindTransceiver
from tests.gateway.builders import LONG, House, bind_table, message, opened
from tests.gateway.carriers import Reply, Taken, receipt

OURS: dict[str, Any] = {"parts_per_second": 0, "statuses": {"RINVDSTADR": "elsewhere"}}
TWO: dict[str, Any] = {
    "carriers.alpha": OURS | {"binds": [bind_table(system_id="alpha")]},
    "carriers.beta": OURS | {"binds": [bind_table(system_id="beta")]},
    "routes": [{"carriers": ["alpha", "beta"]}],
}


def carrier_of(house: House, taken: Taken) -> str:
    """Whose SMSC was given this."""
    [bind] = house.smsc.lines[taken.bind].requests[:1]
    assert isinstance(bind, BindTransceiver)
    return bind.system_id.decode()


def owns(house: House, **numbers: bytes) -> None:
    """Have each carrier take only numbers that end so."""

    def reply(taken: Taken) -> Reply:
        if taken.submit.destination_addr.endswith(numbers[carrier_of(house, taken)]):
            return house.smsc.number(taken)
        return Status.RINVDSTADR, b""

    house.smsc.reply = reply


def asked(house: House) -> list[tuple[str, int]]:
    """Which carrier was given which part, in order."""
    return [(carrier_of(house, taken), taken.part) for taken in house.smsc.taken]


async def bound(house: House) -> None:
    house.start_binds()
    for number in range(2):
        await house.smsc.wait_bound(number)


async def test_a_number_that_has_moved_is_found_and_next_time_asked_for_at_once_after_a_restart_too(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, TWO) as house:
        owns(house, alpha=b"no", beta=b"5678")
        caller = await house.greet()
        await bound(house)
        await caller.submit(message("1", LONG, max_parts=3))
        [event] = await house.wait_events("submitted")
        assert asked(house) == [(name, part) for name in ("alpha", "beta") for part in (1, 2, 3)]
        assert len({taken.submit.short_message[3] for taken in house.smsc.taken}) == 1
        assert (event["carrier"], event.get("possible_duplicate")) == ("beta", None)
        line = house.smsc.lines[house.smsc.taken[-1].bind]
        for name in (b"4", b"5", b"6"):
            line.deliver(receipt(name))
        await house.wait_events("submitted", "delivered")
        await caller.submit(message("2"))
        await house.wait_events("submitted", "delivered", "submitted")
        assert asked(house)[6:] == [("beta", 0)]
    async with opened(tmp_path, TWO) as house:
        owns(house, alpha=b"no", beta=b"5678")
        caller = await house.greet()
        await bound(house)
        await caller.submit(message("3"), message("4", carrier="alpha"))
        await house.wait_events("submitted", "submitted")
        assert sorted(asked(house)) == [("alpha", 0), ("beta", 0), ("beta", 0)]


async def test_who_has_a_number_is_forgotten_in_time(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, TWO | {"gateway.home_hold": 500.0}) as house:
        owns(house, alpha=b"no", beta=b"5678")
        caller = await house.greet()
        await bound(house)
        await caller.submit(message("1"))
        await house.wait_events("submitted")
        assert await house.store._fetch("SELECT carrier FROM homes") == [("beta",)]
        await trio.sleep(600.0)
        assert await house.store._fetch("SELECT carrier FROM homes") == []


async def test_a_number_that_no_carrier_has_is_rejected_with_the_last_status(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, TWO) as house:
        owns(house, alpha=b"no", beta=b"no")
        caller = await house.greet()
        await bound(house)
        await caller.submit(message("1"))
        [event] = await house.wait_events("rejected")
        await trio.sleep(1000.0)
    assert (event["status"], event["carrier"]) == (Status.RINVDSTADR, "beta")
    assert asked(house) == [("alpha", 0), ("beta", 0)]


async def test_what_was_refused_elsewhere_goes_on_to_the_next_carrier_after_a_restart(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, TWO) as house:
        owns(house, alpha=b"no", beta=b"5678")
        caller = await house.greet()
        house.nursery.start_soon(house.gateway.binds[0].run)
        await caller.submit(message("1"))
        await house.smsc.wait_taken(1)
        await trio.sleep(100.0)
    async with opened(tmp_path, TWO) as house:
        owns(house, alpha=b"no", beta=b"5678")
        await bound(house)
        await house.wait_events("submitted")
        assert asked(house) == [("beta", 0)]


async def test_parts_that_were_not_sent_yet_are_not_offered_to_who_has_disowned_the_number(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    one_by_one = {f"carriers.{name}.binds.0.window": 1 for name in ("alpha", "beta")}
    async with opened(tmp_path, TWO | one_by_one) as house:
        owns(house, alpha=b"no", beta=b"5678")
        caller = await house.greet()
        await bound(house)
        await caller.submit(message("1", LONG))
        await house.wait_events("submitted")
    assert asked(house) == [("alpha", 1), ("beta", 1), ("beta", 2), ("beta", 3)]


async def test_a_refusal_for_the_moment_is_tried_at_the_other_carrier(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, TWO) as house:
        busy = Status.RSYSERR, b""
        house.smsc.reply = lambda taken: busy if carrier_of(house, taken) == "alpha" else house.smsc.number(taken)
        caller = await house.greet()
        await bound(house)
        await caller.submit(message("1"))
        await house.wait_events("submitted")
        assert trio.current_time() < 60.0
    assert asked(house) == [("alpha", 0), ("beta", 0)]
