"""Receipts find their parts however ids are spelled and used again, whenever they come and over whichever bind."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgpack
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import MockClock

from gateway import upkeep
from gateway.deliveries import STEADY, Habit
from gateway.metrics import CarrierCounts
from protocol.pdu import DeliverSm
from protocol.receipt import IdRule
from tests.gateway.builders import House, bind_table, in_virtual_time, message, opened, settle
from tests.gateway.carriers import receipt

DAY: Final = 86_400.0
PAIRS: Final = [
    *[(b"10", b"10"), (b"16", b"16"), (b"10", b"16"), (b"16", b"10"), (b"22", b"16")],
    *[(b"A", b"a"), (b"0000000A", b"A"), (b"A", b"0000000a"), (b"10", b"A"), (b"A", b"10")],
]
"""Ids in an answer and in its receipt, in every form, that collide with each other in every way."""

Step = tuple[str, int]


def marked(n: int, id_: bytes) -> DeliverSm:
    """The receipt of the message of this number, that says so in its error."""
    made = receipt(id_, f"81901{n:07}".encode())
    return replace(made, short_message=made.short_message.replace(b"err:000", b"err:%03d" % n))


class World:
    """A gateway that sends messages to as many numbers, step by step and life after life."""

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]], changes: dict[str, object]) -> None:
        self.pairs = pairs
        self.changes = changes | {
            "carriers.alpha.response_timeout": 3600.0,
            "carriers.alpha.binds": [bind_table(), bind_table()],
        }
        self.submitted = False

    async def live(self, folder: Path, steps: Sequence[Step]) -> list[dict[str, Any]]:
        """Take these steps in one life; returns all events so far."""
        async with opened(folder, self.changes) as house:
            house.smsc.reply = lambda taken: None
            caller = await house.greet()
            house.start_binds()
            await house.smsc.wait_bound(1)
            if not self.submitted:
                await caller.submit(*(message(str(n), to=f"0901{n:07}") for n in range(len(self.pairs))))
                self.submitted = True
            for kind, n in steps:
                await (self._answer(house, n) if kind == "answer" else self._deliver(house, n, int(kind)))
                await settle()
            assert len(house.core.early) == len(await house.store.early())
            return [msgpack.unpackb(packed) for _, packed in await house.store.events("bank", 0, 1000)]

    async def _answer(self, house: House, n: int) -> None:
        number = f"81901{n:07}".encode()
        await house.smsc.wait(lambda: any(taken.submit.destination_addr == number for taken in house.smsc.taken))
        taken = [taken for taken in house.smsc.taken if taken.submit.destination_addr == number][-1]
        house.smsc.lines[taken.bind].answer(taken, message_id=self.pairs[n][0])

    async def _deliver(self, house: House, n: int, bind: int) -> None:
        line = house.smsc.lines[bind]
        assert await line.answered(line.deliver(marked(n, self.pairs[n][1]))) == 0


@settings(max_examples=25)
@given(st.data())
def test_each_part_gets_exactly_its_own_receipt(data: st.DataObject) -> None:
    """In any order, over any bind, once or again, with any ids, in memory or on disk, through restarts."""
    pairs = data.draw(st.lists(st.sampled_from(PAIRS), min_size=1, max_size=5))
    binds = st.sampled_from(["0", "1"])
    steps = [("answer", n) for n in range(len(pairs))]
    steps += [(data.draw(binds), n) for n in range(len(pairs)) for _ in range(data.draw(st.integers(1, 2)))]
    steps = data.draw(st.permutations(steps))
    cut = data.draw(st.lists(st.integers(0, len(steps)), max_size=2).map(sorted))
    world = World(pairs, {"gateway.outstanding": data.draw(st.sampled_from([1, 50]))})

    async def live(folder: Path) -> None:
        told: list[dict[str, Any]] = []
        for start, end in zip([0, *cut], [*cut, len(steps)], strict=True):
            told = await world.live(folder, steps[start:end])
        told += await world.live(folder, [])
        ends = {event["id"]: event for event in told if event["type"] != "submitted"}
        assert {id_: (event["type"], event["receipt"]["error"]) for id_, event in ends.items()} == {
            str(n): ("delivered", f"{n:03}") for n in range(len(pairs))
        }

    in_virtual_time(live)


@pytest.mark.parametrize("memory", [1, 50])
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_receipt_that_comes_after_72_hours_ends_its_message(
    tmp_path: Path, autojump_clock: MockClock, restarted: bool, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"gateway.outstanding": memory}
    monkeypatch.setattr(upkeep, "FORGET_IDS_EVERY", 60)
    async with opened(tmp_path, changes) as house:
        caller, line = await house.begin()
        await caller.submit(message("a"), message("b"))
        await house.wait_events("submitted", "submitted")
        before = house.core.clock
        monkeypatch.setattr(house.core, "clock", lambda: before() + 3 * DAY)
        await trio.sleep(61.0)  # a round of forgetting messages, and one of forgetting ids
        if not restarted:
            line.deliver(receipt(b"1"))
            await house.wait_events("submitted", "submitted", "delivered")
            return
    async with opened(tmp_path, changes) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        line.deliver(receipt(b"1"))
        [event] = await house.wait_events("delivered")
    assert event["id"] == "a"


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
async def test_an_id_that_is_used_again_finds_the_part_whose_number_the_receipt_names(
    tmp_path: Path, autojump_clock: MockClock, order: tuple[str, str]
) -> None:
    numbers = {"a": b"819011111111", "b": b"819022222222"}
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: (0, b"7")
        caller, line = await house.begin()
        await caller.submit(message("a", to="09011111111"), message("b", to="09022222222"))
        await house.wait_events("submitted", "submitted")
        for id_ in order:
            assert await line.answered(line.deliver(receipt(b"7", numbers[id_]))) == 0
        events = await house.wait_events("submitted", "submitted", "delivered", "delivered")
    assert [event["id"] for event in events[2:]] == list(order)


async def test_of_an_id_used_again_for_one_number_the_newest_open_part_gets_a_receipt_and_a_repeat_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: (0, b"7")
        caller, line = await house.begin()
        await caller.submit(message("a"), message("b"))
        await house.wait_events("submitted", "submitted")
        first, second = receipt(b"7"), receipt(b"7", state=b"UNDELIV")
        for each in (first, first, second):
            assert await line.answered(line.deliver(each)) == 0
        events = await house.wait_events("submitted", "submitted", "delivered", "undelivered")
    assert [event["id"] for event in events[2:]] == ["b", "a"]


async def test_what_a_carrier_says_of_a_part_after_its_end_changes_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        await caller.submit(message("a"))
        await house.wait_events("submitted")
        for state in (b"DELIVRD", b"ENROUTE", b"ACCEPTD", b"UNKNOWN", b"EXPIRED", b"UNDELIV"):
            assert await line.answered(line.deliver(receipt(b"1", state=state))) == 0
        await trio.sleep(100.0)
        await house.wait_events("submitted", "delivered")
        assert (await caller.look("status", "a"))[0]["state"] == "delivered"


# By which rule


def test_a_rule_is_learnt_in_silence_and_its_change_is_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    counts = CarrierCounts()
    habit = Habit("alpha", counts)
    rows = [(IdRule.EXACT, STEADY), (IdRule.DEC_TO_HEX, STEADY - 1), (IdRule.EXACT, 1), (IdRule.DEC_TO_HEX, STEADY - 1)]
    for rule, times in rows:
        for _ in range(times):
            habit.note(rule)
    assert counts.rule_changes == 0
    habit.note(IdRule.DEC_TO_HEX)
    assert counts.rule_changes == 1
    for rule in (IdRule.EXACT, IdRule.DEC_TO_HEX) * 3:
        for _ in range(STEADY):
            habit.note(rule)
    assert counts.rule_changes == 7
    said = capfd.readouterr().out
    assert said.count("receipt_rule_changed") == 2
    assert counts.matched[IdRule.EXACT] == 4 * STEADY + 1


@given(st.lists(st.tuples(st.sampled_from((IdRule.EXACT, IdRule.ZEROS, IdRule.CASE)), st.integers(1, 2 * STEADY))))
def test_rules_noted_by_the_row_are_learnt_as_one_by_one(rows: list[tuple[IdRule, int]]) -> None:
    one_by_one, by_row = CarrierCounts(), CarrierCounts()
    first, second = Habit("alpha", one_by_one), Habit("alpha", by_row)
    with capture_logs():
        for rule, times in rows:
            second.note(rule, times)
            for _ in range(times):
                first.note(rule)
            assert (by_row, second._learnt) == (one_by_one, first._learnt)


async def test_a_carrier_that_begins_to_spell_ids_in_another_form_is_matched_and_alarmed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: (0, b"%X" % (0xABC0 + house.smsc.taken.index(taken)))
        caller, line = await house.begin()
        await caller.submit(*(message(str(n)) for n in range(3 * STEADY)))
        await house.wait_events(*["submitted"] * 3 * STEADY)
        for n in range(3 * STEADY):
            form = b"%X" if n < STEADY else b"%d"
            await line.answered(line.deliver(receipt(form % (0xABC0 + n))))
        await house.wait_events(*["submitted"] * 3 * STEADY, *["delivered"] * 3 * STEADY)
    [warning] = [entry for entry in house.log if entry["event"] == "receipt_rule_changed"]
    assert (warning["carrier"], warning["before"], warning["rule"]) == ("alpha", "exact", "dec_to_hex")
    assert house.core.counts.carriers["alpha"].rule_changes == 1


@pytest.mark.parametrize(
    ("form", "answers", "receipts"),
    [
        ("same", (b"10", b"16"), (b"10", b"16")),
        ("hex_to_dec", (b"10", b"16"), (b"16", b"22")),
        ("dec_to_hex", (b"16", b"10"), (b"10", b"A")),
    ],
)
async def test_in_a_fixed_form_an_early_receipt_is_not_taken_for_another_to_the_same_number(
    tmp_path: Path, autojump_clock: MockClock, form: str, answers: tuple[bytes, bytes], receipts: tuple[bytes, bytes]
) -> None:
    async with opened(tmp_path, {"carriers.alpha.profile": "own", "profiles.own.message_id": form}) as house:
        house.smsc.reply = lambda taken: None
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await caller.submit(message("1"), message("2"))
        first, second = await house.smsc.wait_taken(2)
        line.answer(first, message_id=answers[0])
        await house.wait_events("submitted")
        assert await line.answered(line.deliver(receipt(receipts[1], state=b"UNDELIV"))) == 0
        line.answer(second, message_id=answers[1])
        await house.wait_events("submitted", "submitted", "undelivered")
        line.deliver(receipt(receipts[0]))
        events = await house.wait_events("submitted", "submitted", "undelivered", "delivered")
    assert [event["id"] for event in events] == ["1", "2", "2", "1"]


async def test_a_receipt_that_comes_twice_at_once_is_settled_once_though_its_message_was_on_disk(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1"))
        await house.wait_events("submitted")
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        again = [line.session.request(receipt(b"1"), trio.current_time()) for _ in range(2)]
        line.link.flush()
        assert [await line.answered(sequence) for sequence in again] == [0, 0]
        await house.wait_events("delivered")
        assert [entry for entry in house.log if entry["event"] == "defect"] == []


@pytest.mark.parametrize("states", [(b"DELIVRD", b"UNDELIV"), (b"UNDELIV", b"DELIVRD"), (b"DELIVRD", b"DELIVRD")])
async def test_of_receipts_in_one_read_the_first_of_a_message_counts(
    tmp_path: Path, autojump_clock: MockClock, states: tuple[bytes, bytes]
) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        await caller.submit(message("1"), message("2"), message("3"))
        await house.wait_events(*["submitted"] * 3)
        first, second = states
        said = [(b"1", first), (b"2", b"DELIVRD"), (b"1", second), (b"3", b"EXPIRED"), (b"2", b"DELIVRD")]
        asked = [line.session.request(receipt(id_, state=state), trio.current_time()) for id_, state in said]
        line.link.flush()
        assert [await line.answered(sequence) for sequence in asked] == [0] * 5
        kinds = ["delivered" if first == b"DELIVRD" else "undelivered", "delivered", "expired"]
        events = await house.wait_events(*["submitted"] * 3, *kinds)
        assert [event["id"] for event in events[3:]] == ["1", "2", "3"]
        assert house.core.counts.receipts_repeated == 2
        assert house.core.counts.carriers["alpha"].matched == {"exact": 5}
