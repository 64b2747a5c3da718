"""The rarer operations, as an ESME sees them on the wire."""

from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from protocol import times
from protocol.constants import MessageState, Status, Tag
from protocol.events import Answered
from protocol.operations import (
    BroadcastSm,
    BroadcastSmResp,
    CancelBroadcastSm,
    CancelBroadcastSmResp,
    CancelSm,
    CancelSmResp,
    DataSm,
    DataSmResp,
    DistributionList,
    QueryBroadcastSm,
    QueryBroadcastSmResp,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    ReplaceSmResp,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    UnsuccessfulSme,
)
from protocol.pdu import DeliverSm, Pdu
from tests.simulator.esme import Esme
from tests.simulator.shown import shows_each
from tests.simulator.world import DELAY, EPOCH, World, id_of, make_smsc, phase, read

SOURCE = b"0005"
PAYLOAD = ((int(Tag.MESSAGE_PAYLOAD), b"hello"),)


async def ask(esme: Esme, pdu: Pdu) -> tuple[Any, int]:
    """The response to a request, and its command_status."""
    outcome = await esme.ask(pdu)
    assert isinstance(outcome, Answered)
    return outcome.pdu, outcome.status


async def submitted(esme: Esme, text: bytes = b"") -> bytes:
    return id_of(await esme.submit(source_addr=SOURCE, short_message=text)).encode()


@shows_each(
    ({"receipts.states": {"DELIVRD": 1.0}}, MessageState.DELIVERED),
    ({"receipts.states": {"EXPIRED": 1.0}, "receipts.double_rate": 1.0}, MessageState.EXPIRED),
    ({"receipts.states": {"REJECTD": 1.0}, "receipts.intermediate_rate": 1.0}, MessageState.REJECTED),
)
async def test_a_message_can_be_asked_for_from_its_answer_to_its_end_and_after(
    world: World, autojump_clock: MockClock, expected: MessageState
) -> None:
    esme = await world.bound()
    message_id = await submitted(esme)
    for wait, state in ((0.0, MessageState.ENROUTE), (DELAY - 0.1, MessageState.ENROUTE), (0.2, expected)):
        await trio.sleep(wait)
        response, status = await ask(esme, QuerySm(message_id, source_addr=SOURCE))
        assert isinstance(response, QuerySmResp)
        assert (status, response.message_id, response.message_state) == (Status.ROK, message_id, state)
        date = "" if state is MessageState.ENROUTE else times.absolute(EPOCH + world.began + DELAY)
        assert response.final_date.decode() == date


@shows_each(
    ({}, MessageState.DELIVERED),
    ({"receipts.states": {"EXPIRED": 1.0}}, MessageState.EXPIRED),
    ({"answers.queue_limit": 9}, MessageState.DELIVERED),
)
async def test_a_message_that_asked_for_no_receipt_ends_when_one_with_a_receipt_does(
    world: World, autojump_clock: MockClock, expected: MessageState
) -> None:
    esme = await world.bound()
    message_id = id_of(await esme.submit(source_addr=SOURCE, registered_delivery=0)).encode()
    for wait, state in ((0.0, MessageState.ENROUTE), (DELAY - 0.1, MessageState.ENROUTE), (0.2, expected)):
        await trio.sleep(wait)
        response, _ = await ask(esme, QuerySm(message_id, source_addr=SOURCE))
        assert (response.message_state, bool(response.final_date)) == (state, state is not MessageState.ENROUTE)
    await trio.sleep(100)
    assert (esme.deliveries, world.smsc.outbox.pending) == ([], 0)


async def test_what_asked_for_no_receipt_is_taken_back_alone(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    sent = [esme.send_submit(source_addr=SOURCE, registered_delivery=0) for _ in range(2)]
    first, second = [id_of(await esme.outcome(each)).encode() for each in sent]
    assert (await ask(esme, CancelSm(message_id=first, source_addr=SOURCE)))[1] == Status.ROK
    await trio.sleep(DELAY)
    states = [(await ask(esme, QuerySm(each, source_addr=SOURCE)))[0].message_state for each in (first, second)]
    assert states == [MessageState.DELETED, MessageState.DELIVERED]


@pytest.mark.parametrize(
    "asked", [QuerySm(b"none", source_addr=SOURCE), QuerySm(b"ID", source_addr=b"1"), QuerySm(b"", source_addr=SOURCE)]
)
async def test_a_message_that_is_not_known_cannot_be_asked_for(
    world: World, autojump_clock: MockClock, asked: QuerySm
) -> None:
    esme, other = await world.bound(), await world.bound(system_id=b"other")
    message_id = await submitted(esme)
    asked = QuerySm(message_id if asked.message_id == b"ID" else asked.message_id, source_addr=asked.source_addr)
    assert await ask(esme, asked) == (QuerySmResp(), Status.RINVMSGID)
    assert (await ask(other, QuerySm(message_id, source_addr=SOURCE)))[1] == Status.RINVMSGID
    assert [each.refused for each in world.connections] == [1, 1]


async def test_a_message_that_is_taken_back_has_a_receipt_that_says_so(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    first, second = await submitted(esme), await submitted(esme)
    assert await ask(esme, CancelSm(message_id=first, source_addr=SOURCE)) == (CancelSmResp(), Status.ROK)
    receipts = {read(each).message_id: read(each) for each in await esme.wait_deliveries(2)}
    assert receipts[first.decode()].state is MessageState.DELETED
    assert receipts[second.decode()].state is MessageState.DELIVERED
    assert (await ask(esme, QuerySm(first, source_addr=SOURCE)))[0].message_state == MessageState.DELETED
    assert (await ask(esme, CancelSm(message_id=second, source_addr=SOURCE)))[1] == Status.RCANCELFAIL


async def test_all_messages_for_one_destination_can_be_taken_back_together(
    world: World, autojump_clock: MockClock
) -> None:
    esme = await world.bound()
    for destination in (b"8190", b"8180", b"8190"):
        await esme.submit(destination, source_addr=SOURCE)
    assert (await ask(esme, CancelSm(source_addr=SOURCE, destination_addr=b"8190")))[1] == Status.ROK
    states = [(each.source_addr, read(each).state) for each in await esme.wait_deliveries(3)]
    assert sorted(states) == [
        (b"8180", MessageState.DELIVERED),
        (b"8190", MessageState.DELETED),
        (b"8190", MessageState.DELETED),
    ]


async def test_a_new_text_stands_in_the_ledger_as_well(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    message_id = await submitted(esme, b"old")
    asked = ReplaceSm(message_id, source_addr=SOURCE, short_message=b"new")
    assert await ask(esme, asked) == (ReplaceSmResp(), Status.ROK)
    assert [(row["message_id"], row["text"]) for row in await world.rows()] == [
        (message_id.decode(), "old"),
        (message_id.decode(), "new"),
    ]
    [receipt] = await esme.wait_deliveries(1)
    assert isinstance(receipt, DeliverSm)
    assert receipt.short_message.endswith(b" text:new")
    assert (await ask(esme, asked))[1] == Status.RREPLACEFAIL
    await trio.sleep(100)
    assert (len(await world.rows()), len(esme.deliveries)) == (2, 1)


async def test_a_data_sm_is_a_message_like_any_other(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    asked = DataSm(source_addr=SOURCE, destination_addr=b"8190", registered_delivery=1, tlvs=PAYLOAD)
    response, status = await ask(esme, asked)
    assert isinstance(response, DataSmResp)
    assert status == Status.ROK
    [row] = await world.rows()
    assert (row["message_id"], row["text"], row["destination"]) == (response.message_id.decode(), "hello", "8190")
    [receipt] = await esme.wait_deliveries(1)
    assert read(receipt).message_id == response.message_id.decode()
    assert (await ask(esme, QuerySm(response.message_id, source_addr=SOURCE)))[0].message_state == 2


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (DataSm(destination_addr=b"8190"), Status.RMISSINGOPTPARAM),
        (DataSm(destination_addr=b"not a number", tlvs=PAYLOAD), Status.RINVDSTADR),
        (DataSm(destination_addr=b"1" * 21, tlvs=PAYLOAD), Status.RINVDSTADR),
        (DataSm(source_addr=b"1" * 21, destination_addr=b"1" * 20, tlvs=PAYLOAD), Status.RINVSRCADR),
        (DataSm(source_addr=b"1" * 20, destination_addr=b"1" * 20, tlvs=PAYLOAD), Status.ROK),
    ],
)
async def test_a_data_sm_that_cannot_be_taken_is_refused(
    world: World, autojump_clock: MockClock, asked: DataSm, expected: Status
) -> None:
    esme = await world.bound()
    response, status = await ask(esme, asked)
    assert (status, response.message_id == b"") == (expected, expected != Status.ROK)
    assert len(await world.rows()) == (expected == Status.ROK)


async def test_a_message_for_many_is_one_for_each_under_one_id(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    ends = [b"8190", b"no number", b"8180", b"8170"]
    lists: list[SmeAddress | DistributionList] = [DistributionList(b"friends")]
    addresses = [SmeAddress(1, 1, end) for end in ends] + lists
    asked = SubmitMulti(
        source_addr=SOURCE, dest_address=tuple(addresses), registered_delivery=1, short_message=b"hello"
    )
    response, status = await ask(esme, asked)
    assert isinstance(response, SubmitMultiResp)
    assert status == Status.ROK
    assert response.unsuccess_sme == (
        UnsuccessfulSme(1, 1, b"no number", Status.RINVDSTADR),
        UnsuccessfulSme(0, 0, b"friends", Status.RINVDLNAME),
    )
    said = response.message_id.decode()
    rows = await world.rows()
    assert [(row["destination"], row["message_id"], row["text"]) for row in rows] == [
        (end, said, "hello") for end in ("8190", "8180", "8170")
    ]
    receipts = await esme.wait_deliveries(3)
    assert {each.source_addr for each in receipts} == {b"8190", b"8180", b"8170"}
    assert {read(each).message_id for each in receipts} == {said}


async def test_a_message_for_many_that_is_taken_back_reaches_nobody(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    addresses = tuple(SmeAddress(destination_addr=b"%d" % n) for n in range(5))
    asked = SubmitMulti(source_addr=SOURCE, dest_address=addresses, registered_delivery=1)
    message_id = (await ask(esme, asked))[0].message_id
    assert (await ask(esme, CancelSm(message_id=message_id, source_addr=SOURCE)))[1] == Status.ROK
    assert {read(each).state for each in await esme.wait_deliveries(5)} == {MessageState.DELETED}


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ((), Status.RINVNUMDESTS),
        ((SmeAddress(destination_addr=b"x"), DistributionList(b"y")), Status.RINVDSTADR),
        ((DistributionList(b"y"), SmeAddress(destination_addr=b"x")), Status.RINVDLNAME),
    ],
)
async def test_a_message_for_many_that_nobody_gets_is_refused(
    world: World, autojump_clock: MockClock, addresses: tuple[SmeAddress | DistributionList, ...], expected: Status
) -> None:
    esme = await world.bound()
    response, status = await ask(esme, SubmitMulti(dest_address=addresses))
    assert (status, response.message_id) == (expected, b"")
    assert await world.rows() == []


@pytest.mark.parametrize(
    ("asked", "answer", "expected"),
    [
        (BroadcastSm(), BroadcastSmResp, Status.RBCASTFAIL),
        (QueryBroadcastSm(), QueryBroadcastSmResp, Status.RBCASTQUERYFAIL),
        (CancelBroadcastSm(), CancelBroadcastSmResp, Status.RBCASTCANCELFAIL),
    ],
)
async def test_a_broadcast_is_refused_in_kind(
    world: World, autojump_clock: MockClock, asked: Pdu, answer: type, expected: Status
) -> None:
    esme = await world.bound(version=0x50)
    response, status = await ask(esme, asked)
    assert (type(response), status) == (answer, expected)
    assert isinstance(await esme.submit(), Answered)


@given(
    st.lists(st.binary(min_size=1, max_size=20).filter(lambda octets: b"\0" not in octets), min_size=1, max_size=40),
    st.floats(0.0, 1.0),
    st.integers(0, 99),
)
def test_of_a_message_for_many_each_destination_is_taken_or_named_with_its_error(
    ends: list[bytes], rate: float, seed: int
) -> None:
    async def main() -> None:
        tree = {"phases": [phase({"answers.statuses": {"RSYSERR": rate}})]}
        async with trio.open_nursery() as nursery:
            world = World(nursery, make_smsc(tree, seed))
            esme = await world.bound()
            addresses = tuple(SmeAddress(destination_addr=end) for end in ends)
            response, status = await ask(esme, SubmitMulti(dest_address=addresses))
            assert isinstance(response, SubmitMultiResp)
            taken = [row["destination"].encode() for row in await world.rows()]
            failed = [each.destination_addr for each in response.unsuccess_sme]
            if taken:
                assert status == Status.ROK
                assert all(each.error_status_code for each in response.unsuccess_sme)
                assert sorted(taken + failed) == sorted(ends)
            else:
                assert status != Status.ROK
            assert {row["message_id"].encode() for row in await world.rows()} <= {response.message_id}
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
