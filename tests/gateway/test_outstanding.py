"""What is in memory, what it is called, and that both are bounded and let go of."""

import gc
import weakref
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.message import Message, PartState, State
from gateway.outstanding import Outstanding
from tests.gateway import builders
from tests.gateway.builders import opened, settle
from tests.gateway.fakes import message


def held(outstanding: Outstanding, key: int, *carrier_ids: str) -> Message:
    """A message in memory whose parts have names."""
    made = message(key, *(PartState.ACCEPTED for _ in carrier_ids))
    outstanding.live[key] = made
    for part, carrier_id in zip(made.parts, carrier_ids, strict=True):
        part.carrier_id = carrier_id
        outstanding.name("alpha", carrier_id, part)
    return made


def test_a_part_is_found_by_its_name_at_its_carrier() -> None:
    outstanding = Outstanding(10)
    made = held(outstanding, 1, "A", "B")
    assert outstanding.find("alpha", "B") is made.parts[1]
    assert outstanding.find("beta", "B") is None
    assert outstanding.find("alpha", "C") is None


def test_a_newer_part_takes_a_name_over_and_keeps_it_when_the_older_leaves() -> None:
    outstanding = Outstanding(10)
    older, newer = held(outstanding, 1, "A"), held(outstanding, 2, "A")
    outstanding.drop(older)
    assert outstanding.find("alpha", "A") is newer.parts[0]
    outstanding.drop(newer)
    assert outstanding.find("alpha", "A") is None


def test_what_leaves_memory_leaves_nothing_behind() -> None:
    outstanding = Outstanding(10)
    made = held(outstanding, 1, "A", "B")
    outstanding.submitted(made)
    assert len(outstanding) == 1
    outstanding.drop(made)
    outstanding.drop(made)
    assert (len(outstanding), outstanding.live) == (0, {})
    assert outstanding.find("alpha", "A") is outstanding.find("alpha", "B") is None


class Mark:
    """Something whose end can be seen."""


def ended(outstanding: Outstanding) -> Message:
    """A message in memory that was written once, answered, and delivered."""
    made = held(outstanding, 1, "A")
    made.parts[0].note_sent("alpha.0", 1, 1.0)
    made.parts[0].note_answer(0, 2.0)
    made.parts[0].state, made.state = PartState.DELIVERED, State.DELIVERED
    return made


def test_a_message_that_is_over_is_freed_without_the_collector() -> None:
    outstanding, mark = Outstanding(10), Mark()
    ended(outstanding).meta = {"mark": mark}
    seen = weakref.ref(mark)
    del mark
    gc.disable()
    try:
        outstanding.drop(outstanding.live[1])
        assert seen() is None
    finally:
        gc.enable()


async def test_a_message_that_leaves_while_somebody_reads_is_freed_when_that_is_done() -> None:
    outstanding, mark = Outstanding(10), Mark()
    ended(outstanding).meta = {"mark": mark}
    seen = weakref.ref(mark)
    del mark
    gc.disable()
    try:
        async with outstanding.reading() as left:
            outstanding.drop(outstanding.live[1])
            assert left[1].parts[0].message is left[1]
        del left
        assert seen() is None
    finally:
        gc.enable()


def test_what_is_too_much_for_memory_is_freed_without_the_collector() -> None:
    outstanding, mark = Outstanding(1), Mark()
    made = held(outstanding, 1, "A")
    made.parts[0].note_sent("alpha.0", 1, 1.0)
    made.parts[0].note_answer(0, 2.0)
    made.meta = {"mark": mark}
    outstanding.submitted(made)
    seen = weakref.ref(mark)
    del mark, made
    gc.disable()
    try:
        outstanding.submitted(held(outstanding, 2, "B"))
        assert seen() is None
    finally:
        gc.enable()


async def test_a_message_that_is_over_stays_whole_while_somebody_reads_the_disk() -> None:
    outstanding = Outstanding(10)
    of_disk = ended(outstanding)
    del outstanding.live[1]
    async with outstanding.reading():
        outstanding.drop(of_disk)
        assert of_disk.parts[0].message is of_disk


@given(st.integers(1, 8), st.lists(st.integers(0, 12), max_size=60))
def test_only_the_newest_await_their_receipts_in_memory(limit: int, keys: list[int]) -> None:
    outstanding, expected = Outstanding(limit), list[int]()
    for key in keys:
        outstanding.submitted(outstanding.live.get(key) or held(outstanding, key, f"N{key}"))
        if key not in expected:
            expected.append(key)
        expected = expected[-limit:]
    assert list(outstanding.live) == expected
    assert len(outstanding) == len(expected)
    for key in keys:
        assert (outstanding.find("alpha", f"N{key}") is not None) == (key in expected)


def test_what_does_not_await_a_receipt_is_never_pushed_out() -> None:
    outstanding = Outstanding(1)
    waiting = held(outstanding, 1)
    for key in (2, 3):
        outstanding.submitted(held(outstanding, key, f"N{key}"))
    assert set(outstanding.live) == {1, 3}
    assert outstanding.live[1] is waiting


async def test_whoever_reads_the_disk_gets_what_left_memory_meanwhile_as_it_left() -> None:
    outstanding = Outstanding(10)
    one, other, absent, last = held(outstanding, 1), held(outstanding, 2, "N2"), message(3), held(outstanding, 4)
    outstanding.drop(one)
    async with outstanding.reading() as left:
        outstanding.drop(other)
        outstanding.drop(absent)
        assert left == {2: other}
        assert outstanding.current(message(2)) is other
        assert outstanding.current(message(4)) is last
        assert outstanding.current(absent) is absent
        assert outstanding.find("alpha", "N2") is other.parts[0]
    assert outstanding.current(read := message(2)) is read
    assert outstanding.find("alpha", "N2") is None


async def test_what_is_sent_while_a_cancel_reads_the_disk_is_not_cancelled(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await caller.submit(builders.message("1", receipt=False))
        house.disk.hold_reads()
        await caller.send(["cancel", 5, ["1"]])
        await settle()
        house.disk.hold(after=1)  # the next but one says that the message is done
        house.start_binds()
        await house.smsc.wait_taken(1)
        await settle()
        house.disk.release_reads()
        await settle()
        house.disk.release()
        [result] = (await caller.read("result"))[2]
        assert (result["ok"], result["error"]) == (False, "too_late")
        await house.wait_events("submitted")
