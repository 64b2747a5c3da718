"""Two carriers, each with numbers of its own, and a gateway that does not know which has which."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from protocol.constants import Status
from protocol.pdu import BindTransceiver
from tests.gateway.builders import LONG, House, bind_table, in_virtual_time, message, opened
from tests.gateway.carriers import Reply, Taken, receipt

OURS: dict[str, Any] = {"parts_per_second": 0, "statuses": {"RINVDSTADR": "elsewhere"}}
TWO: dict[str, Any] = {
    "carriers.alpha": OURS | {"binds": [bind_table(system_id="alpha")]},
    "carriers.beta": OURS | {"binds": [bind_table(system_id="beta")]},
    "routes": [{"carriers": ["alpha", "beta"]}],
}
QUICK: dict[str, Any] = {
    "response_timeout": 5.0,
    "unknown_grace": 20.0,
    "retry_min": 2.0,
    "retry_max": 10.0,
    "reconnect_max": 4.0,
}
REFUSALS: Final = {"elsewhere": Status.RINVDSTADR, "busy": Status.RSYSERR, "throttle": Status.RTHROTTLED}


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
        house.nursery.start_soon(house.gateway.fleet.binds[0].run)
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


DEEDS: Final = ("accept", "elsewhere", "busy", "throttle", "silent", "late", "cut")


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(["resend", "report"])), min_size=1, max_size=5),
    st.lists(st.sampled_from(DEEDS), max_size=14),
    st.integers(1, 4),
)
def test_whatever_two_carriers_do_no_message_is_with_both_without_a_word(
    wanted: list[tuple[bool, str]], deeds: list[str], window: int
) -> None:
    async def send(folder: Path) -> None:
        changes = TWO | {f"carriers.{name}.{key}": value for name in ("alpha", "beta") for key, value in QUICK.items()}
        changes |= {f"carriers.{name}.binds.0.window": window for name in ("alpha", "beta")}
        async with opened(folder, changes) as house:
            left, may_have = iter(deeds), defaultdict[bytes, set[str]](set)

            def reply(taken: Taken) -> Reply:
                deed = next(left, "accept")
                if deed in REFUSALS:
                    return REFUSALS[deed], b""
                may_have[taken.submit.destination_addr].add(carrier_of(house, taken))
                if deed == "cut":
                    house.nursery.start_soon(house.smsc.lines[taken.bind].cut)
                elif deed == "late":
                    house.smsc.after(7.0)(taken)
                return house.smsc.number(taken) if deed == "accept" else None

            house.smsc.reply = reply
            caller = await house.greet()
            await bound(house)
            made = [
                message(str(n), LONG if long else "短い", to=f"0901234567{n}", on_unknown=on_unknown)
                for n, (long, on_unknown) in enumerate(wanted)
            ]
            await caller.submit(*made)
            await house.wait(lambda: {event["id"] for event in house.events} == {each["id"] for each in made})
            await trio.sleep(60.0)
            for event in house.events:
                carriers = may_have[f"81901234567{event['id']}".encode()]
                assert len(carriers) < 2 or event.get("possible_duplicate"), "two carriers may have it"
                assert event["type"] != "submitted" or carriers >= {event["carrier"]}
            ends = Counter(event["id"] for event in house.events)
            assert max(ends.values()) <= 2
            assert not any(each["state"] in ("waiting", "held") for each in await caller.look("status", *ends))

    in_virtual_time(send)
