"""Receipts in every form that the field has seen, in bursts, and while nobody listens."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import trio
from trio.testing import MockClock

from protocol.constants import Concatenation, MessageState, Tag
from protocol.pdu import DeliverSm
from tests.gateway.builders import bind_table, message, opened, settle
from tests.gateway.carriers import receipt
from tests.gateway.handsets import TEXT, handset

PLAIN: Final = receipt(b"1")
BURST: Final = 300


def as_payload(pdu: DeliverSm) -> DeliverSm:
    return replace(pdu, short_message=b"", tlvs=((int(Tag.MESSAGE_PAYLOAD), pdu.short_message),))


def as_tlvs(pdu: DeliverSm) -> DeliverSm:
    state = bytes((MessageState.DELIVERED,))
    return replace(
        pdu, short_message=b"", tlvs=((int(Tag.RECEIPTED_MESSAGE_ID), b"1\0"), (int(Tag.MESSAGE_STATE), state))
    )


FORMS: Final[dict[str, Callable[[DeliverSm], DeliverSm]]] = {
    "as it should be": lambda pdu: pdu,
    "ascii that says it is ucs2": lambda pdu: replace(pdu, data_coding=8),
    "ascii that says it is latin1": lambda pdu: replace(pdu, data_coding=3),
    "ascii that says it is octets": lambda pdu: replace(pdu, data_coding=4),
    "a data_coding that nobody knows": lambda pdu: replace(pdu, data_coding=0xF1),
    "ucs2 that says it is the default": lambda pdu: replace(
        pdu, short_message=pdu.short_message.decode().encode("utf-16-be")
    ),
    "a header before it": lambda pdu: replace(pdu, esm_class=0x44, short_message=b"\5\0\3\1\2\1" + pdu.short_message),
    "a header that esm_class keeps silent about": lambda pdu: replace(
        pdu, short_message=b"\5\0\3\1\2\1" + pdu.short_message
    ),
    "a japanese text after it": lambda pdu: replace(pdu, short_message=pdu.short_message + "電".encode("cp932")),
    "in message_payload": as_payload,
    "in optional parameters alone": as_tlvs,
    "from our number to the handset's": lambda pdu: replace(
        pdu, source_addr=pdu.destination_addr, destination_addr=b"+819012345678"
    ),
    "the number as in Japan": lambda pdu: replace(pdu, source_addr=b"09012345678"),
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_receipt_is_read_in_whatever_form_it_comes(
    tmp_path: Path, autojump_clock: MockClock, form: str
) -> None:
    async with opened(tmp_path) as house:
        caller, line = await house.begin()
        await caller.submit(message("a"))
        await house.wait_events("submitted")
        assert await line.answered(line.deliver(FORMS[form](PLAIN))) == 0
        [_, event] = await house.wait_events("submitted", "delivered")
        assert event["receipt"]["message_id"] == "1"


@pytest.mark.parametrize("memory", [1, 1000])
async def test_a_burst_of_receipts_while_the_disk_is_slow_and_the_client_is_away_is_told_when_it_is_back(
    tmp_path: Path, autojump_clock: MockClock, memory: int
) -> None:
    changes = {"carriers.alpha.binds": [bind_table(window=1000), bind_table()], "gateway.outstanding": memory}
    async with opened(tmp_path, changes) as house:
        caller = await house.greet()
        house.nursery.start_soon(house.gateway.fleet.binds[0].run)
        house.nursery.start_soon(house.gateway.fleet.binds[1].run)
        lines = [await house.smsc.wait_bound(n) for n in (0, 1)]
        await caller.submit(*(message(str(n), to=f"0901{n:07}") for n in range(BURST)))
        await house.wait_events(*["submitted"] * BURST)
        numbers = [taken.submit.destination_addr for taken in house.smsc.taken]
        await caller.close()
        house.disk.hold()
        sent = [
            (lines[n % 2], lines[n % 2].deliver(receipt(b"%d" % (n + 1), number))) for n, number in enumerate(numbers)
        ]
        await settle()
        house.disk.release()
        assert [await line.answered(sequence) for line, sequence in sent] == [0] * BURST
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await caller.subscribe()
        told: list[dict[str, object]] = []
        while len(told) < 2 * BURST:
            told += [event for _, event in await caller.read_events(1)]
        kinds = {n: [event["type"] for event in told if event["id"] == str(n)] for n in range(BURST)}
        assert kinds == {n: ["submitted", "delivered"] for n in range(BURST)}


async def test_parts_from_a_handset_are_joined_in_any_order_over_any_bind(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds": [bind_table(), bind_table(type="receiver")]}) as house:
        house.start_binds()
        lines = [await house.smsc.wait_bound(n) for n in (0, 1)]
        first, second = handset(TEXT), handset(TEXT[::-1], Concatenation.SAR, reference=9)
        for n, part in enumerate([first[2], second[1], first[0], second[2], second[0], first[1]]):
            assert await lines[n % 2].answered(lines[n % 2].deliver(part)) == 0
        events = await house.wait_events("incoming", "incoming")
        await trio.sleep(400.0)
        assert [event["text"] for event in events] == [TEXT[::-1], TEXT]
