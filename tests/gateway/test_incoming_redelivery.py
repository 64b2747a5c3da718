"""Messages from handsets that come again because our answer did not reach the SMSC: told once."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway import repeats
from gateway.inbox import DOUBT_SECONDS
from gateway.repeats import REDELIVERY_SECONDS, Repeats
from protocol.constants import Concatenation, Status
from tests.gateway.builders import opened, settle
from tests.gateway.carriers import receipt
from tests.gateway.fakes import NOW, FakeStore
from tests.gateway.handsets import TEXT, Room, handset


@pytest.mark.parametrize("text", ["はい", TEXT])
async def test_what_was_kept_and_could_not_be_answered_is_not_told_twice(
    tmp_path: Path, autojump_clock: MockClock, text: str
) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        *answered, last = handset(text)
        for part in answered:
            assert await line.answered(line.deliver(part)) == 0
        house.disk.hold()
        line.deliver(last)
        await settle()
        await line.cut()
        house.disk.release()
        await house.wait_events("incoming")
        line = await house.smsc.wait_bound(1)
        assert await line.answered(line.deliver(last)) == 0
        await trio.sleep(1000.0)
        assert [event["text"] for event in house.events] == [text]


@pytest.mark.parametrize("died", ["link", "gateway"])
@pytest.mark.parametrize("text", ["はい", TEXT])
async def test_what_was_answered_a_moment_before_the_end_is_not_told_twice(
    tmp_path: Path, autojump_clock: MockClock, text: str, died: str
) -> None:
    parts = handset(text)
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        for part in parts:
            assert await line.answered(line.deliver(part)) == 0
        [event] = await house.wait_events("incoming")
        assert event["text"] == text
        if died == "link":
            await line.cut()
            line = await house.smsc.wait_bound(1)
            for part in parts:
                assert await line.answered(line.deliver(part)) == 0
            await trio.sleep(400.0)
            await house.wait_events("incoming")
            return
        house.crashed = True
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        for part in parts:
            assert await line.answered(line.deliver(part)) == 0
        await trio.sleep(400.0)
        assert house.events == []


@pytest.mark.parametrize("died", ["link", "gateway"])
async def test_what_was_answered_long_before_the_end_is_another_message_when_it_comes(
    tmp_path: Path, autojump_clock: MockClock, died: str
) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        assert await line.answered(line.deliver(*handset("1"))) == 0
        assert len(await house.store.repeats()) == 1
        await trio.sleep(60.0)  # the link is asked whether it lives, and says so
        await house.store.commit.wait()
        assert await house.store.repeats() == []
        if died == "link":
            await line.cut()
            line = await house.smsc.wait_bound(1)
            assert await line.answered(line.deliver(*handset("1"))) == 0
            await house.wait_events("incoming", "incoming")
            return
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        assert await line.answered(line.deliver(*handset("1"))) == 0
        await house.wait_events("incoming")


async def test_a_dead_link_casts_doubt_on_what_was_answered_when_it_was_heard_last(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        assert await line.answered(line.deliver(*handset("1"))) == 0
        line.mute()
        line = await house.smsc.wait_bound(1)
        assert trio.current_time() > 2 * DOUBT_SECONDS
        assert await line.answered(line.deliver(*handset("1"))) == 0
        await trio.sleep(10.0)
        await house.wait_events("incoming")


async def test_what_was_not_kept_for_want_of_room_is_told_when_it_comes_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"gateway.max_events": 1}) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        assert await line.answered(line.deliver(*handset("先"))) == 0
        assert await line.answered(line.deliver(*handset("1"))) == Status.RX_T_APPN
        await line.cut()
        line = await house.smsc.wait_bound(1)
        house.store.unacknowledged["bank"] = 0
        assert await line.answered(line.deliver(*handset("1"))) == 0
        await house.wait_events("incoming", "incoming")


async def test_the_same_text_sent_twice_is_told_twice(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        for _ in range(2):
            assert await line.answered(line.deliver(*handset("1"))) == 0
        await house.wait_events("incoming", "incoming")


def test_an_unanswered_delivery_is_recognised_as_often_as_it_is_expected_and_for_a_while() -> None:
    [pdu] = handset("1")
    room = Room()
    room.take(pdu, pdu)
    room.incoming.unanswered("alpha", [pdu, receipt(b"1"), pdu], NOW)
    room.take(pdu, at=NOW + REDELIVERY_SECONDS - 1)
    assert len(room.told) == 2
    room.incoming.unanswered("alpha", [pdu], NOW + 1)
    room.take(pdu, pdu, at=NOW + 2)
    assert len(room.told) == 2
    room.take(pdu, at=NOW + 3)
    assert len(room.told) == 3
    room.incoming.unanswered("alpha", [pdu], NOW)
    assert room.take(pdu, at=NOW + REDELIVERY_SECONDS) == [0]
    assert len(room.told) == 4


def test_only_what_is_the_same_octet_for_octet_is_recognised() -> None:
    [pdu] = handset("1")
    room = Room()
    room.take(pdu)
    room.incoming.unanswered("alpha", [pdu], NOW)
    others = [replace(pdu, source_addr=b"2"), replace(pdu, destination_addr=b"2"), replace(pdu, short_message=b"2")]
    room.take(*others, replace(pdu, data_coding=1))
    room.take(pdu, carrier="beta")
    assert len(room.told) == 6
    room.take(pdu)
    assert len(room.told) == 6


def test_of_unanswered_deliveries_a_bounded_number_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MAX_DOUBTED", 3)
    pdus = [handset(str(n))[0] for n in range(5)]
    room = Room()
    room.take(*pdus)
    room.store.flush()
    assert len(room.incoming.repeats) == len(room.store.repeat_rows) == 3
    room.incoming.unanswered("alpha", pdus, NOW)
    assert room.take(*reversed(pdus)) == [0] * 5
    assert room.told == ["0", "1", "2", "3", "4", "1", "0"]


def test_what_was_refused_is_refused_again_when_it_comes_again() -> None:
    room = Room((("clients",), {}))
    [pdu] = handset("はい")
    room.take(pdu)
    room.incoming.unanswered("alpha", [pdu], NOW)
    assert room.take(pdu) == [Status.RX_R_APPN]


@pytest.mark.parametrize("form", [Concatenation.UDH8, Concatenation.SAR])
def test_parts_of_the_same_octets_that_come_again_are_told_apart(form: Concatenation) -> None:
    parts = handset("あ" * 201, form)
    room = Room()
    room.take(parts[0])
    room.incoming.unanswered("alpha", parts[:1], NOW)
    room.take(*reversed(parts))
    assert room.told == ["あ" * 201]
    assert room.fragments == 0


def test_what_was_in_doubt_at_the_end_is_expected_after_a_restart() -> None:
    [pdu] = handset("1")
    room = Room()
    room.take(pdu, pdu)
    room = room.restart()
    room.take(pdu, pdu)
    assert room.told == ["1", "1"]
    room.take(pdu)
    assert room.told == ["1", "1", "1"]


class Model:
    """What Repeats promises, told plainly: each delivery by itself."""

    def __init__(self) -> None:
        self.doubted: list[bytes] = []
        self.expected: list[bytes] = []

    def note(self, digest: bytes) -> None:
        self.doubted.append(digest)

    def settle(self, digest: bytes) -> None:
        if digest in self.doubted:
            self.doubted.remove(digest)

    def expect(self, digest: bytes) -> None:
        if digest in self.doubted:
            self.doubted.remove(digest)
            self.expected.append(digest)

    def take(self, digest: bytes) -> bool:
        if digest not in self.expected:
            return False
        self.expected.remove(digest)
        self.doubted.append(digest)
        return True

    def restart(self) -> None:
        self.expected += self.doubted
        self.doubted = []


@given(st.lists(st.tuples(st.sampled_from(["note", "settle", "expect", "take", "restart"]), st.sampled_from(b"ab"))))
def test_as_many_are_expected_as_were_kept_and_are_in_doubt(steps: list[tuple[str, int]]) -> None:
    store, model = FakeStore(), Model()
    made = Repeats(store)
    for deed, letter in steps:
        digest = bytes((letter,))
        if deed == "restart":
            made = Repeats(store)
            made.load(sorted(store.repeat_rows.items()), NOW)
            model.restart()
        elif deed == "take":
            assert made.take(digest, NOW) is model.take(digest)
        elif deed == "expect":
            made.expect(digest, NOW)
            model.expect(digest)
        else:
            getattr(made, deed)(digest)
            getattr(model, deed)(digest)
        store.flush()
        assert sorted(store.repeat_rows.values()) == sorted(model.doubted + model.expected)
        assert len(made) == len(store.repeat_rows)
    made.expire(NOW + REDELIVERY_SECONDS)
    store.flush()
    assert sorted(store.repeat_rows.values()) == sorted(model.doubted)
