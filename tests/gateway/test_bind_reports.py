"""What hurt users of other clients on the connection itself, by their public reports, and does not happen here."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from protocol.codec import encode
from protocol.constants import CommandId, Status
from protocol.pdu import GenericNack
from tests.gateway.builders import LONG, message, opened, settle
from tests.gateway.carriers import Reply, Taken, receipt
from tests.protocol.wire import frame


async def test_a_round_trip_of_100_ms_costs_no_more_than_the_window_allows(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """jasmin#1168, jasmin#1167, jasmin#441: one message in flight, so ten a second."""
    async with opened(tmp_path, {"carriers.alpha.binds.0.window": 10}) as house:
        house.smsc.reply = house.smsc.after(0.1)
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(0)
        begun = trio.current_time()
        await caller.submit(*(message(str(n)) for n in range(100)))
        await house.wait_events(*["submitted"] * 100)
        assert trio.current_time() - begun == pytest.approx(1.0, abs=0.1)


async def test_answers_are_settled_though_receipts_before_them_wait_for_the_disk(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """jsmpp#63: answers stood behind receipts, were called late, and users got the message twice."""
    async with opened(tmp_path, {"carriers.alpha.response_timeout": 5.0}) as house:
        house.smsc.reply = lambda taken: None
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await caller.submit(message("1"), message("2"))
        first, second = await house.smsc.wait_taken(2)
        line.answer(first, message_id=b"1")
        await house.wait_events("submitted")
        house.disk.hold()
        line.deliver(receipt(b"1"))
        line.answer(second, message_id=b"2")
        await settle()
        counts = house.core.counts.carriers["alpha"]
        assert (counts.accepted, counts.unknown) == (2, 0), "though nothing has reached the disk yet"
        await trio.sleep(10.0)
        house.disk.release()
        await house.wait_events("submitted", "submitted", "delivered")
    assert len(house.smsc.taken) == 2


async def test_every_part_of_a_long_message_has_its_share_of_the_rate(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """ksmppd#6, ksmppd#126: the second part of one long message was always throttled."""
    changes = {"carriers.alpha.parts_per_second": 1.0, "carriers.alpha.binds.0.parts_per_second": 1.0}
    async with opened(tmp_path, changes) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", LONG), message("2", LONG))
        await house.wait_events("submitted", "submitted")
    assert [taken.part for taken in house.smsc.taken] == [1, 2, 3] * 2
    assert house.core.counts.carriers["alpha"].refused == {}


@pytest.mark.parametrize("body", [b"", b"\0", b"\x14\x00\x00\x02hi", b"\xff\xff"])
@pytest.mark.parametrize("status", [Status.RINVDSTADR, 0x22, 1375])
async def test_an_error_in_whatever_form_is_an_outcome_and_the_bind_lives(
    tmp_path: Path, autojump_clock: MockClock, status: int, body: bytes
) -> None:
    """gosmpp#117, python-smpplib#160, python-smpplib#37, jasmin#325: it closed the bind or lost its number."""
    async with opened(tmp_path, {"carriers.alpha.max_attempts": 1}) as house:

        def reply(taken: Taken) -> Reply:
            if taken.text != "悪い":
                return house.smsc.number(taken)
            line = house.smsc.lines[taken.bind]
            line.session._queue(frame(CommandId.SUBMIT_SM_RESP, taken.sequence, body, status))
            return None

        house.smsc.reply = reply
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", "悪い"), message("2", "良い"))
        await house.wait(lambda: len(house.events) == 2)
        assert {event["id"]: event["type"] for event in house.events} == {"1": "rejected", "2": "submitted"}
        assert len(house.smsc.lines) == 1


async def test_a_generic_nack_with_our_number_is_an_outcome_and_the_bind_lives(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.max_attempts": 1}) as house:

        def reply(taken: Taken) -> Reply:
            house.smsc.lines[taken.bind].session._queue(encode(GenericNack(), taken.sequence, Status.RINVCMDID))
            return None

        house.smsc.reply = reply
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1"))
        [event] = await house.wait_events("rejected")
        assert event["id"] == "1"
        assert len(house.smsc.lines) == 1
