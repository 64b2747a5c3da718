"""The simulator against a client that others wrote, in Rust: smpp34's. It may hand over deliveries in another order."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
import smpp34
from smpplib import gsm

from protocol.constants import EsmClass, Tag
from tests.end_to_end.processes import Process, started
from tests.end_to_end.test_smpplib_peer import REPLY, SECONDS, SIMULATOR, TEXT, joined_texts, post_mo, throttled


@pytest.fixture(scope="module")
def simulator() -> Iterator[Process]:
    with started(SIMULATOR) as process:
        yield process


class Seen(NamedTuple):
    answers: list[smpp34.SubmitSmResp]
    receipts: list[smpp34.DeliverSmEvent]
    reply: list[smpp34.DeliverSmEvent]
    after_unbind: smpp34.DeliverSmEvent | smpp34.Disconnected


@asynccontextmanager
async def bound(simulator: Process) -> AsyncIterator[smpp34.Smsc]:
    host, port = simulator.ready["smpp"].split(":")
    client = smpp34.Client(host, int(port), "denpo", "secret", bind_type="TRX")
    async with asyncio.timeout(SECONDS):
        try:
            yield await client.connect()
        finally:
            await client.stop()


async def submit(smsc: smpp34.Smsc, text: str) -> list[smpp34.SubmitSmResp]:
    """Submit all parts at once."""
    parts, data_coding, esm_class = gsm.make_parts(text)
    submits = [
        smsc.submit_sm(
            "819012345678",
            part,
            source_addr="0005123456",
            dest_addr_ton=1,
            dest_addr_npi=1,
            data_coding=data_coding,
            esm_class=esm_class,
            registered_delivery=1,
        )
        for part in parts
    ]
    return await asyncio.gather(*submits)


async def receive(smsc: smpp34.Smsc, count: int) -> list[smpp34.DeliverSmEvent]:
    events = [await smsc.next() for _ in range(count)]
    return [event for event in events if isinstance(event, smpp34.DeliverSmEvent)]


async def converse(simulator: Process) -> Seen:
    async with bound(simulator) as smsc:
        answers = await submit(smsc, TEXT)
        receipts = await receive(smsc, len(answers))
        reply = await receive(smsc, await asyncio.to_thread(post_mo, simulator, REPLY))
        await smsc.unbind()
        return Seen(answers, receipts, reply, await smsc.next())


def join(parts: list[smpp34.DeliverSmEvent]) -> str:
    """Join as a handset does, by the header: 05 00 03, then reference, total and number of the part."""
    heads = {part.short_message[:5] for part in parts}
    [head] = heads
    assert head[:3] == b"\5\0\3"
    bodies = {part.short_message[5]: part.short_message[6:].decode("utf-16-be") for part in parts}
    assert sorted(bodies) == [*range(1, head[4] + 1)]
    return "".join([bodies[number] for number in sorted(bodies)])


def test_a_whole_conversation_in_japanese(simulator: Process) -> None:
    seen = asyncio.run(converse(simulator))
    ids = [answer.message_id or "" for answer in seen.answers]
    assert len(set(ids) - {""}) == len(gsm.make_parts(TEXT)[0]) > 1
    assert joined_texts(simulator, ids) == [TEXT] * len(ids)
    said = {
        tuple(tlv.as_string() if tlv.tag == Tag.RECEIPTED_MESSAGE_ID else tlv.as_int() for tlv in receipt.tlvs)
        for receipt in seen.receipts
    }
    assert said == {(message_id, 2) for message_id in ids}
    texts = sorted(receipt.short_message.decode() for receipt in seen.receipts)
    assert [text.split(" ")[0] for text in texts] == [f"id:{message_id}" for message_id in sorted(ids)]
    assert all(" stat:DELIVRD err:000 " in text for text in texts)
    assert {receipt.esm_class for receipt in seen.receipts} == {EsmClass.RECEIPT}
    assert {(part.esm_class, part.data_coding, part.source_addr) for part in seen.reply} == {
        (EsmClass.UDHI, 8, "819012345678")
    }
    assert join(seen.reply) == REPLY
    assert isinstance(seen.after_unbind, smpp34.Disconnected)


def test_a_throttled_answer_is_seen_as_one(simulator: Process) -> None:
    async def try_it() -> list[smpp34.SubmitSmResp]:
        async with bound(simulator) as smsc:
            answers = await submit(smsc, TEXT)
            await smsc.unbind()
            return answers

    with throttled(simulator):
        answers = asyncio.run(try_it())
    assert [answer.command_status for answer in answers] == [0x58] * len(gsm.make_parts(TEXT)[0])
