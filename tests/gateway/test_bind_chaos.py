"""Binds against an SMSC that does anything: no message is lost, or ends twice, or is sent twice without a word."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgpack
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.constants import Status
from tests.gateway.builders import LONG, House, bind_table, in_virtual_time, message, opened
from tests.gateway.carriers import Reply, Taken

MEMORY: Final = 2
"""Messages in memory once everything has been sent."""
CHANGES: Final = {
    "carriers.alpha.response_timeout": 5.0,
    "carriers.alpha.unknown_grace": 20.0,
    "carriers.alpha.retry_min": 2.0,
    "carriers.alpha.retry_max": 10.0,
    "carriers.alpha.reconnect_max": 4.0,
    "gateway.lane_window": 2,
    "gateway.outstanding": MEMORY,
}
REFUSALS: Final = {"throttle": Status.RTHROTTLED, "retry": Status.RSYSERR, "forgot": Status.RINVBNDSTS}
DEEDS: Final = ("accept", "accept", "slow", "late", "silent", "cut", "reject", *REFUSALS)


@dataclass
class Villain:
    """Deals with one part after the other as it was told, and with all that follow as it should."""

    house: House
    deeds: Iterable[str]
    maybe: Counter[tuple[bytes, int]] = field(default_factory=Counter)
    """How often a part may have been taken, by number and part."""

    def __post_init__(self) -> None:
        self._left = iter(self.deeds)

    def reply(self, taken: Taken) -> Reply:
        """Decide, do it, and note what the handset may get."""
        deed = next(self._left, "accept")
        if deed in REFUSALS or deed == "reject":
            return REFUSALS.get(deed, Status.RINVDSTADR), b""
        self.maybe[taken.submit.destination_addr, taken.part] += 1
        if deed == "accept":
            return self.house.smsc.number(taken)
        if deed == "cut":
            self.house.nursery.start_soon(self.house.smsc.lines[taken.bind].cut)
        elif deed != "silent":
            self.house.smsc.after(1.0 if deed == "slow" else 7.0)(taken)
        return None


def by_number(events: list[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    return [event for event in events if event["id"] == str(number)]


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(["resend", "report"])), min_size=1, max_size=6),
    st.lists(st.sampled_from(DEEDS), max_size=12),
    st.lists(st.integers(1, 4), min_size=1, max_size=2),
)
def test_whatever_the_smsc_does(wanted: list[tuple[bool, str]], deeds: list[str], windows: list[int]) -> None:
    async def send(folder: Path) -> None:
        changes = CHANGES | {"carriers.alpha.binds": [bind_table(window=window) for window in windows]}
        async with opened(folder, changes) as house:
            villain = Villain(house, deeds)
            house.smsc.reply = villain.reply
            caller = await house.greet()
            house.start_binds()
            messages = [
                message(str(n), LONG if long else "短い", to=f"0901234567{n}", on_unknown=on_unknown)
                for n, (long, on_unknown) in enumerate(wanted)
            ]
            await caller.submit(*messages)
            await house.wait(lambda: {event["id"] for event in house.events} == {each["id"] for each in messages})
            await trio.sleep(60.0)
            assert len(house.core.outstanding.live) <= MEMORY
            for n, (long, on_unknown) in enumerate(wanted):
                check(by_number(house.events, n), villain.maybe, f"81901234567{n}".encode(), long, on_unknown)
            for status in await caller.look("status", *(each["id"] for each in messages)):
                never_left = any(part["state"] == "waiting" for part in status["parts"])
                assert status["state"] == "rejected" or not never_left

    in_virtual_time(send)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(["resend", "report"])), min_size=1, max_size=6),
    st.lists(st.sampled_from(DEEDS), max_size=8),
    st.integers(1, 4),
    st.floats(0.0, 40.0),
    st.integers(0, 8),
)
def test_whenever_the_gateway_dies(
    wanted: list[tuple[bool, str]], deeds: list[str], window: int, seconds: float, commits: int
) -> None:
    maybe: Counter[tuple[bytes, int]] = Counter()
    messages = [
        message(str(n), LONG if long else "短い", to=f"0901234567{n}", on_unknown=on_unknown)
        for n, (long, on_unknown) in enumerate(wanted)
    ]

    async def live_twice(folder: Path) -> None:
        changes = CHANGES | {"carriers.alpha.binds": [bind_table(window=window)]}
        async with opened(folder, changes) as house:
            house.smsc.reply = Villain(house, deeds, maybe).reply
            caller = await house.greet()
            house.start_binds()
            await caller.submit(*messages)
            house.disk.hold(after=commits)
            await trio.sleep(seconds)
            house.crashed = True
        async with opened(folder, changes) as house:
            house.smsc.reply = Villain(house, [], maybe).reply
            await trio.sleep(1.0)
            house.start_binds()
            await trio.sleep(120.0)
            told = [msgpack.unpackb(packed) for _, packed in await house.store.events("bank", 0, 1000)]
            for n, (long, on_unknown) in enumerate(wanted):
                check(by_number(told, n), maybe, f"81901234567{n}".encode(), long, on_unknown)

    in_virtual_time(live_twice)


def check(
    events: list[dict[str, Any]], maybe: Counter[tuple[bytes, int]], number: bytes, long: bool, on_unknown: str
) -> None:
    """Check what one message's client was told against what its handset may have got."""
    kinds = [event["type"] for event in events]
    assert kinds in (["submitted"], ["rejected"], ["unknown"], ["unknown", "submitted"], ["unknown", "rejected"])
    counts = [maybe[number, part] for part in ((1, 2, 3) if long else (0,))]
    if kinds[-1] == "submitted":
        assert min(counts) >= 1
    if on_unknown == "report":
        assert max(counts) <= 1
    elif max(counts) > 1:
        assert events[-1]["possible_duplicate"] is True
