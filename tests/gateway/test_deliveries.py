"""What the binds of an account bring: what receipts make of messages, whichever way and whenever they come."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from protocol.constants import Tag
from protocol.operations import DataSm
from protocol.pdu import DeliverSm
from tests.gateway.builders import LONG, bind_table, message, opened, settle
from tests.gateway.carriers import receipt

OTHER = b"819099999999"


@pytest.mark.parametrize(
    ("state", "kind", "reason"),
    [
        (b"DELIVRD", "delivered", None),
        (b"EXPIRED", "expired", None),
        (b"UNDELIV", "undelivered", "UNDELIV"),
        (b"DELETED", "undelivered", "DELETED"),
        (b"REJECTD", "undelivered", "REJECTD"),
    ],
)
async def test_a_final_receipt_ends_the_message(
    tmp_path: Path, autojump_clock: MockClock, state: bytes, kind: str, reason: str | None
) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        await caller.submit(message("a", meta={"order": 7}))
        await house.wait_events("submitted")
        assert await line.answered(line.deliver(receipt(b"1", state=state))) == 0
        event = (await house.wait_events("submitted", kind))[-1]
    assert (event["id"], event["final"], event["carrier"], event["meta"]) == ("a", True, "alpha", {"order": 7})
    assert event.get("reason") == reason
    assert (event["receipt"]["message_id"], event["receipt"]["state"]) == ("1", state.decode())
    assert event["receipt"].keys() == {"message_id", "state", "error", "submit_date", "done_date"}


@pytest.mark.parametrize("state", [b"ENROUTE", b"ACCEPTD", b"UNKNOWN"])
async def test_a_receipt_that_is_not_final_changes_nothing(
    tmp_path: Path, autojump_clock: MockClock, state: bytes
) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        await caller.submit(message("a"))
        await house.wait_events("submitted")
        assert await line.answered(line.deliver(receipt(b"1", state=state))) == 0
        assert await line.answered(line.deliver(receipt(b"1"))) == 0
        await house.wait_events("submitted", "delivered")


@pytest.mark.parametrize(("state", "kind"), [(b"ACCEPTD", "delivered"), (b"UNKNOWN", "undelivered")])
async def test_a_carrier_may_have_final_states_of_its_own(
    tmp_path: Path, autojump_clock: MockClock, state: bytes, kind: str
) -> None:
    async with opened(
        tmp_path, {"profiles.own.final_states": ["accepted", "unknown"], "carriers.alpha.profile": "own"}
    ) as house:
        caller, line = await house.begin()
        await caller.submit(message("a"))
        await house.wait_events("submitted")
        line.deliver(receipt(b"1", state=state))
        await house.wait_events("submitted", kind)


@pytest.mark.parametrize("error", ["é", "1" * 300])
async def test_a_receipt_whose_words_are_strange_or_long_is_told_as_it_is(
    tmp_path: Path, autojump_clock: MockClock, error: str
) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        await caller.submit(message("a"))
        await house.wait_events("submitted")
        pdu = receipt(b"1")
        strange = pdu.short_message.replace(b"err:000", b"err:" + error.encode("latin-1"))
        tlvs = ((int(Tag.MESSAGE_PAYLOAD), strange),)
        assert await line.answered(line.deliver(replace(pdu, short_message=b"", tlvs=tlvs))) == 0
        event = (await house.wait_events("submitted", "delivered"))[-1]
    assert event["receipt"]["error"] == error


@pytest.mark.parametrize("by_text", [True, False])
async def test_a_text_is_a_receipt_only_where_the_carrier_sends_them_so(
    tmp_path: Path, autojump_clock: MockClock, by_text: bool
) -> None:
    async with opened(tmp_path, {"profiles.own.receipts_by_text": by_text, "carriers.alpha.profile": "own"}) as house:
        caller, line = await house.begin()
        await caller.submit(message("a"))
        await house.wait_events("submitted")
        line.deliver(replace(receipt(b"1"), esm_class=0))
        await house.wait_events("submitted", "delivered" if by_text else "incoming")


async def test_how_ids_differ_is_counted(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        house.smsc.reply = lambda taken: (0, b"%X" % (255 + house.smsc.taken.index(taken)))
        await caller.submit(message("a"), message("b"))
        await house.wait_events("submitted", "submitted")
        for id_ in (b"FF", b"256"):
            await line.answered(line.deliver(receipt(id_)))
        await house.wait_events("submitted", "submitted", "delivered", "delivered")
    assert house.core.counts.carriers["alpha"].matched == {"exact": 1, "dec_to_hex": 1}


async def test_a_delivery_is_answered_only_when_what_it_brings_is_on_disk(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        await caller.submit(message("a"))
        await house.wait_events("submitted")
        house.disk.hold()
        sequence = line.deliver(receipt(b"1"))
        await trio.sleep(5.0)
        assert line.answers == {}
        assert [event["type"] for event in house.events] == ["submitted"]
        house.disk.release()
        assert await line.answered(sequence) == 0
        await house.wait_events("submitted", "delivered")


async def test_a_delivery_that_was_not_kept_when_the_link_broke_is_never_answered_and_may_come_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        await caller.submit(message("a"))
        await house.wait_events("submitted")
        house.disk.hold()
        line.deliver(receipt(b"1"))
        await settle()
        await line.cut()
        house.disk.release()
        line = await house.smsc.wait_bound(1)
        assert await line.answered(line.deliver(receipt(b"1"))) == 0
        await house.wait_events("submitted", "delivered")


async def test_a_receipt_may_come_over_another_bind_of_the_account(tmp_path: Path, autojump_clock: MockClock) -> None:
    binds = [bind_table(type="transmitter"), bind_table(type="receiver")]
    async with opened(tmp_path, {"carriers.alpha.binds": binds}) as house:
        caller = await house.greet()
        house.nursery.start_soon(house.gateway.fleet.binds[0].run)
        await house.smsc.wait_bound(0)
        house.nursery.start_soon(house.gateway.fleet.binds[1].run)
        receiver = await house.smsc.wait_bound(1)
        await caller.submit(message("a"))
        await house.wait_events("submitted")
        assert await receiver.answered(receiver.deliver(receipt(b"1"))) == 0
        await house.wait_events("submitted", "delivered")


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_receipt_that_overtakes_its_answer_waits_for_it(
    tmp_path: Path, autojump_clock: MockClock, restarted: bool
) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: None
        caller, line = await house.begin()
        await caller.submit(message("a"))
        [taken] = await house.smsc.wait_taken(1)
        assert await line.answered(line.deliver(receipt(b"77"))) == 0
        assert house.events == []
        if not restarted:
            line.answer(taken, message_id=b"77")
            await house.wait_events("submitted", "delivered")
            return
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: (0, b"77")
        house.start_binds()
        await house.wait_events("submitted", "delivered")


async def test_a_receipt_that_comes_twice_counts_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        await caller.submit(message("a"))
        await house.wait_events("submitted")
        assert await line.answered(line.deliver(receipt(b"1"))) == 0
        assert await line.answered(line.deliver(receipt(b"1"))) == 0
        assert await line.answered(line.deliver(receipt(b"1", state=b"UNDELIV"))) == 0
        await house.wait_events("submitted", "delivered")
        assert (await caller.look("status", "a"))[0]["state"] == "delivered"


async def test_a_receipt_finds_a_message_that_has_left_memory(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, {"gateway.outstanding": 1}) as house:
        caller, line = await house.begin()
        await caller.submit(message("a"), message("b", LONG), message("c"))
        await house.wait_events("submitted", "submitted", "submitted")
        assert len(house.core.outstanding) == 1
        answers = [await line.answered(line.deliver(receipt(b"%d" % n))) for n in (2, 3, 1, 4, 5)]
        await house.wait_events(*["submitted"] * 3, *["delivered"] * 3)
        assert answers == [0] * 5
        assert not house.core.outstanding.live
    assert [event["id"] for event in house.events[3:]] == ["a", "b", "c"]


async def test_a_receipt_finds_its_message_after_a_restart(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("a", LONG))
        await house.wait_events("submitted")
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        for n in (1, 2, 3):
            line.deliver(receipt(b"%d" % n))
        await house.wait_events("delivered")


async def test_a_receipt_that_names_another_number_is_not_credited(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        await caller.submit(message("a"))
        await house.wait_events("submitted")
        assert await line.answered(line.deliver(receipt(b"1", OTHER, b"UNDELIV"))) == 0
        assert (await caller.look("status", "a"))[0]["state"] == "submitted"
        line.deliver(receipt(b"1"))
        await house.wait_events("submitted", "delivered")


async def test_an_early_receipt_that_names_another_number_is_not_credited(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: None
        caller, line = await house.begin()
        await caller.submit(message("a"))
        [taken] = await house.smsc.wait_taken(1)
        assert await line.answered(line.deliver(receipt(b"77", OTHER))) == 0
        line.answer(taken, message_id=b"77")
        await house.wait_events("submitted")
        await trio.sleep(5.0)
        assert (await caller.look("status", "a"))[0]["state"] == "submitted"
        line.deliver(receipt(b"77"))
        await house.wait_events("submitted", "delivered")


async def test_an_early_receipt_is_credited_once_though_its_id_can_be_spelled_in_many_ways(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: None
        caller, line = await house.begin()
        await caller.submit(message("a"), message("b"))
        first, second = await house.smsc.wait_taken(2)
        assert await line.answered(line.deliver(receipt(b"100"))) == 0
        line.answer(first, message_id=b"100")
        line.answer(second, message_id=b"256")  # which is 0x100
        await house.wait(lambda: len(house.events) == 3)
        await trio.sleep(5.0)
        assert [status["state"] for status in await caller.look("status", "a", "b")] == ["delivered", "submitted"]


@pytest.mark.parametrize("state", [b"DELIVRD", b"UNDELIV"])
async def test_a_long_message_is_delivered_only_when_all_its_parts_are(
    tmp_path: Path, autojump_clock: MockClock, state: bytes
) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        await caller.submit(message("a", LONG))
        await house.wait_events("submitted")
        for id_ in (b"3", b"1"):
            assert await line.answered(line.deliver(receipt(id_))) == 0
        await house.wait_events("submitted")
        line.deliver(receipt(b"2", state=state))
        await house.wait_events("submitted", "delivered" if state == b"DELIVRD" else "undelivered")
        [status] = await caller.look("status", "a")
    assert [(part["n"], part["carrier_id"]) for part in status["parts"]] == [(1, "1"), (2, "2"), (3, "3")]


async def test_what_a_carrier_hands_over_by_data_sm_is_kept_and_answered_as_such(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        await caller.submit(message("a"))
        await house.wait_events("submitted")
        told = receipt(b"1")
        payload = ((int(Tag.MESSAGE_PAYLOAD), told.short_message),)
        data = DataSm(source_addr=told.source_addr, destination_addr=told.destination_addr, esm_class=4, tlvs=payload)
        assert await line.answered(line.deliver(data)) == 0
        await house.wait_events("submitted", "delivered")


async def test_a_malformed_delivery_is_refused_however_often_it_comes_and_the_bind_lives(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        for _ in range(100):
            assert await line.answered(line.deliver_body(b"\xff\xff\xff\xff")) != 0
            await trio.sleep(10.0)
        await caller.submit(message("a"))
        await house.wait_events("submitted")
        assert await line.answered(line.deliver(receipt(b"1"))) == 0
        await house.wait_events("submitted", "delivered")
        assert len(house.smsc.lines) == 1
    assert house.core.counts.carriers["alpha"].malformed == 100


@pytest.mark.parametrize(
    ("text", "unreadable"),
    [
        (b"stat:DELIVRD", 1),
        (b"", 1),
        (b"id:1", 1),
        (b"id:1 stat:SOMEHOW", 1),
        ("お世話になっております".encode("utf-16-be"), 1),
        (b"id:1 stat:ENROUTE", 0),
        (b"id:1 stat:UNKNOWN", 0),
    ],
)
async def test_a_receipt_that_can_not_be_read_is_counted_and_taken_and_is_no_message(
    tmp_path: Path, autojump_clock: MockClock, text: bytes, unreadable: int
) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        for _ in range(2):
            pdu = DeliverSm(source_addr=b"819012345678", destination_addr=b"0005123456", esm_class=4)
            assert await line.answered(line.deliver(replace(pdu, short_message=text))) == 0
        await trio.sleep(10.0)
        assert (house.events, await house.store.early()) == ([], [])
    assert house.core.counts.carriers["alpha"].receipts_unreadable == 2 * unreadable
    assert [entry["event"] for entry in house.log].count("receipt_unreadable") == unreadable


async def test_no_more_is_read_than_may_be_undelivered(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, {"carriers.alpha.max_undelivered": 2}) as house:
        caller, line = await house.begin()
        await caller.submit(*(message(str(n)) for n in range(1, 10)))
        await house.wait_events(*["submitted"] * 9)
        house.disk.hold()
        sequences = []
        for n in range(1, 10):
            sequences.append(line.deliver(receipt(b"%d" % n)))
            await settle()
        house.disk.release()
        assert [await line.answered(sequence) for sequence in sequences] == [0] * 9
        await house.wait_events(*["submitted"] * 9, *["delivered"] * 9)
