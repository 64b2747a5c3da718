"""What handsets send: told once, whole when it can be, and answered only when it is on disk."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from trio.testing import MockClock

from gateway import incoming as module
from gateway.exposition import make_registry
from protocol.constants import Coding, Concatenation, DataCoding, Status, Tag
from protocol.pdu import DeliverSm
from protocol.text import Profile, cut, user_data
from tests.gateway.builders import message, now, opened, settle
from tests.gateway.carriers import receipt
from tests.gateway.fakes import NOW
from tests.gateway.handsets import TEXT, Room, handset

SECOND_CLIENT: dict[str, object] = {"clients.shop": {"secret": {"env": "SECRET"}, "senders": ["+81501111", "20"]}}
OPTIONS = st.tuples(st.sampled_from(list(Tag)), st.binary(max_size=9))
DELIVERIES = st.builds(
    DeliverSm,
    source_addr=st.binary(max_size=4),
    destination_addr=st.binary(max_size=4),
    esm_class=st.integers(0, 255),
    data_coding=st.sampled_from([0, 1, 3, 4, 8]) | st.integers(0, 255),
    short_message=st.binary(max_size=12) | st.binary(max_size=9).map(lambda rest: b"\5\0\3\1" + rest),
    tlvs=st.lists(OPTIONS, max_size=4).map(tuple),
)


async def test_a_short_message_is_told_to_the_client(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await caller.subscribe()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        assert await line.answered(line.deliver(*handset("はい"))) == 0
        [(_, event)] = await caller.read_events(1)
        at = now()
    assert event.pop("at") == pytest.approx(at, abs=1.0)
    said = {"from": "819012345678", "to": "0005123456", "text": "はい"}
    assert event == {"type": "incoming", **said, "carrier": "alpha", "parts": 1}
    assert house.core.counts.events == {"incoming": 1}


@pytest.mark.parametrize("text", ["はい", TEXT])
async def test_a_message_is_answered_only_when_it_is_on_disk(
    tmp_path: Path, autojump_clock: MockClock, text: str
) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        house.disk.hold()
        sequence = line.deliver(handset(text)[0])
        await trio.sleep(5.0)
        assert (line.answers, house.events) == ({}, [])
        house.disk.release()
        assert await line.answered(sequence) == 0


async def test_parts_are_joined_though_the_gateway_was_started_anew_between_them(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    first, *others = handset(TEXT)
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        assert await line.answered(line.deliver(first)) == 0
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        for part in others:
            assert await line.answered(line.deliver(part)) == 0
        [event] = await house.wait_events("incoming")
        assert (event["text"], event["parts"]) == (TEXT, 3)
        assert "missing" not in event
        assert await house.store.fragments() == []


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_came_of_a_message_is_told_when_the_rest_does_not_come(
    tmp_path: Path, autojump_clock: MockClock, restarted: bool
) -> None:
    one, _, three = handset(TEXT)
    pieces = cut(TEXT, Profile()).pieces
    async with opened(tmp_path, {"gateway.join_timeout": 60.0}) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        for part in (three, one):
            assert await line.answered(line.deliver(part)) == 0
        await trio.sleep(30.0)
        assert house.events == []
        if not restarted:
            await house.wait_events("incoming")
    async with opened(tmp_path, {"gateway.join_timeout": 60.0}) as again:
        if restarted:
            await again.wait_events("incoming")
        await trio.sleep(300.0)
        [event] = house.events + again.events
        assert await again.store.fragments() == []
    assert event["text"].encode("utf-16-be") == pieces[0] + pieces[2]
    assert (event["parts"], event["missing"]) == (2, 1)


async def test_what_no_client_takes_is_refused_and_one_line_a_minute_says_so(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, SECOND_CLIENT) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        for part in handset(TEXT, destination_addr=b"999"):
            assert await line.answered(line.deliver(part)) == Status.RX_R_APPN
        await trio.sleep(60.0)
        assert await line.answered(line.deliver(*handset("また", destination_addr=b"999"))) == Status.RX_R_APPN
        assert await line.answered(line.deliver(*handset("はい"))) == 0
        await house.wait_events("incoming")
        metrics = generate_latest(make_registry(house.gateway)).decode()
    warnings = [entry for entry in house.log if entry["event"] == "incoming_unrouted"]
    assert len(warnings) == 2
    assert all("999" not in str(value) and "8190" not in str(value) for line in warnings for value in line.values())
    assert 'denpo_incoming_unrouted_total{carrier="alpha"} 4.0' in metrics
    assert 'denpo_incoming_parts_total{carrier="alpha"} 5.0' in metrics


async def test_receipts_and_messages_that_come_together_are_each_answered(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, SECOND_CLIENT) as house:
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await caller.submit(message("a"))
        await house.wait_events("submitted")
        unrouted = handset("?", destination_addr=b"999")
        house.disk.hold()
        first = line.deliver(*handset("先"))
        await settle()
        together = [line.deliver(pdu) for pdu in (receipt(b"1"), *unrouted, *handset("はい"), receipt(b"9"))]
        await settle()
        house.disk.release()
        answers = [await line.answered(sequence) for sequence in (first, *together)]
        await house.wait_events("submitted", "incoming", "incoming", "delivered")
    assert answers == [0, 0, Status.RX_R_APPN, 0, 0]


@pytest.mark.parametrize("form", [form for form in Concatenation if form is not Concatenation.LARGE])
@pytest.mark.parametrize("text", [TEXT, "Reply STOP to end [now]. " * 20])
def test_parts_are_joined_in_any_form_and_order(form: Concatenation, text: str) -> None:
    room = Room()
    room.take(*reversed(handset(text, form)))
    assert room.told == [text]
    assert room.fragments == 0


@pytest.mark.parametrize(
    ("coding", "text"),
    [
        (Coding.GSM7_PACKED, "Reply [STOP] to end. " * 20),
        (Coding.CP932, "髙﨑①" * 50),
        (Coding.ISO_2022_JP, "停止 STOP" * 30),
    ],
)
def test_a_carriers_own_data_codings_are_read(coding: Coding, text: str) -> None:
    profile = Profile(coding, data_codings={0: coding}, max_parts=255)
    made = cut(text, profile)
    assert len(made.pieces) > 1
    users = [user_data(made, n, 7, profile) for n in range(1, len(made.pieces) + 1)]
    like, room = handset("あ")[0], Room(profile=profile)
    room.take(*(replace(like, esm_class=0x40, data_coding=0, short_message=each.short_message) for each in users))
    assert room.told == [text]


def test_a_character_that_is_cut_between_two_parts_is_read() -> None:
    room, octets = Room(), "📎".encode("utf-16-be")
    header = [b"\5\0\3\1\2" + bytes((n,)) for n in (1, 2)]
    like = handset("あ")[0]
    room.take(*(replace(like, esm_class=0x40, short_message=header[n] + octets[2 * n : 2 * n + 2]) for n in (0, 1)))
    assert room.told == ["📎"]


@pytest.mark.parametrize(
    ("octets", "data_coding"),
    [(b"\x00\xff", DataCoding.OCTETS), (b"\x30", DataCoding.UCS2), (b"\xd8\x3d", DataCoding.UCS2), (b"F\\K|", 4)],
)
def test_what_can_not_be_read_is_told_as_octets(octets: bytes, data_coding: int) -> None:
    room = Room()
    room.take(replace(handset("あ")[0], short_message=octets, data_coding=data_coding))
    [event] = room.store.told
    assert event["data"] == octets
    assert "text" not in event


def test_a_reference_that_is_used_again_mixes_no_texts() -> None:
    room = Room()
    old, new = handset("あ" * 134), handset("い" * 134)
    room.take(old[0], new[0], at=NOW)
    assert room.restart().take(new[1]) == [0]
    assert room.told == ["あ" * 67, "い" * 134]
    assert room.store.told[0]["missing"] == 1
    assert room.fragments == 0


def test_a_part_that_comes_too_late_is_not_added_to_what_is_told_already() -> None:
    room = Room()
    parts = handset("あ" * 201)
    room.take(parts[0])
    room.take(parts[1], at=NOW + 300)
    assert [(event["parts"], event["missing"]) for event in room.store.told] == [(1, 2)]
    room.incoming.answered("alpha", parts)
    room.restart().take(parts[0], parts[2], at=NOW + 301)
    assert room.told == ["あ" * 67, "あ" * 201]
    assert room.fragments == 0


def test_parts_that_differ_in_the_number_the_carrier_or_the_coding_are_not_joined() -> None:
    room = Room()
    one, two = handset("あ" * 134)
    room.take(one)
    room.take(two, carrier="beta")
    room.take(replace(two, source_addr=b"2"), replace(two, destination_addr=b"2"), replace(two, data_coding=4))
    assert room.told == []
    assert room.fragments == 5


def test_of_too_many_messages_the_oldest_is_told_as_it_is() -> None:
    room = Room((("gateway", "max_fragments"), 2))
    room.take(*(handset(f"{n}" + "あ" * 100, reference=n)[0] for n in range(4)))
    assert [text[0] for text in room.told] == ["0", "1"]
    assert room.fragments == 2


@pytest.mark.parametrize(
    ("destination", "client"),
    [
        *((b"0005123456", "bank"), (b"+0005123456", "bank"), (b"20", "bank")),
        *((b"81501111", "shop"), (b"+81501111", "shop")),
        *((b"++20", None), (b"", None), (b"\xff", None)),
    ],
)
def test_a_message_goes_to_the_first_client_that_sends_from_its_number(destination: bytes, client: str | None) -> None:
    both = {
        "bank": {"secret": "s", "sender": "0005123456", "senders": ["0005123456", "20"]},
        "shop": {"secret": "s", "senders": ["+81501111", "20"]},
    }
    room = Room((("clients",), both))
    assert room.take(*handset("はい", destination_addr=destination)) == [0 if client else Status.RX_R_APPN]
    assert [*room.store.commit.events] == ([client] if client else [])


def test_the_only_client_takes_what_is_for_any_number() -> None:
    assert Room().take(*handset("はい", destination_addr=b"999")) == [0]


@given(st.data())
def test_every_message_is_told_once_in_whatever_order_its_parts_come_through_restarts(data: st.DataObject) -> None:
    """Parts may come again as long as their message is not complete: the SMSC did not see our answer."""
    count = data.draw(st.integers(1, 5))
    texts = [f"{n}" + "あ" * data.draw(st.integers(0, 300)) for n in range(count)]
    forms = st.sampled_from([Concatenation.UDH8, Concatenation.UDH16, Concatenation.SAR])
    queues = []
    for reference, text in enumerate(texts):
        parts = handset(text, data.draw(forms), reference)
        *early, last = data.draw(st.permutations(parts))
        queues.append(
            [*early, *data.draw(st.lists(st.sampled_from(early), max_size=3) if early else st.just([])), last]
        )
    room = Room()
    while any(queues):
        queue = data.draw(st.sampled_from([queue for queue in queues if queue]))
        assert room.take(queue.pop(0)) == [0]
        if data.draw(st.booleans()):
            room = room.restart()
    assert Counter(room.told) == Counter(texts)
    assert room.fragments == 0
    assert not any("missing" in event for event in room.store.told)


@given(st.lists(DELIVERIES, max_size=8))
def test_whatever_is_delivered_is_told_in_the_end_and_leaves_nothing_behind(deliveries: list[DeliverSm]) -> None:
    room = Room()
    assert room.take(*deliveries) == [0] * len(deliveries)
    room = room.restart()
    room.incoming.expire(NOW + 10_000)
    assert bool(room.told) == any(module.is_incoming(pdu.esm_class) for pdu in deliveries)
    assert room.fragments == 0
