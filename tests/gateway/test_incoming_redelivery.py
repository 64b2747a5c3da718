"""Messages from handsets that come again because our answer did not reach the SMSC: told once."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gateway import incoming
from gateway.incoming import REDELIVERY_SECONDS
from protocol.constants import Concatenation, Status
from tests.gateway.builders import opened, settle
from tests.gateway.carriers import receipt
from tests.gateway.fakes import NOW
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
    room.incoming.unanswered("alpha", [pdu], NOW)
    others = [replace(pdu, source_addr=b"2"), replace(pdu, destination_addr=b"2"), replace(pdu, short_message=b"2")]
    room.take(*others, replace(pdu, data_coding=1))
    room.take(pdu, carrier="beta")
    assert len(room.told) == 5
    room.take(pdu)
    assert len(room.told) == 5


def test_of_unanswered_deliveries_a_bounded_number_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "MAX_UNANSWERED", 3)
    pdus = [handset(str(n))[0] for n in range(5)]
    room = Room()
    room.incoming.unanswered("alpha", pdus, NOW)
    room.take(*pdus)
    assert room.told == ["0", "1"]


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
