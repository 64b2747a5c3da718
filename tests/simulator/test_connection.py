"""What one ESME gets on the wire: binds, answers and receipts, whatever version it speaks, by rule and by phase."""

from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from protocol.codec import HEADER, encode
from protocol.constants import Coding, Concatenation, EsmClass, MessageState, Status, Tag
from protocol.events import BindRefused, Bound, Requested
from protocol.operations import DataSm
from protocol.pdu import (
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
)
from protocol.session import Limits
from protocol.states import Role
from simulator.connection import FaultySession
from simulator.messages import Incoming
from tests.simulator.world import DELAY, EPOCH, World, id_of, make_smsc, phase, read

TEXT = "計画メンテナンスのお知らせです。ご不便をおかけします🙏" * 6
VERSIONS = {0x00: "0.0", 0x33: "3.3", 0x34: "3.4", 0x50: "5.0"}


@pytest.mark.parametrize(
    ("cls", "response", "kind"),
    [
        (BindTransmitter, BindTransmitterResp, "transmitter"),
        (BindReceiver, BindReceiverResp, "receiver"),
        (BindTransceiver, BindTransceiverResp, "transceiver"),
    ],
)
async def test_a_bind_is_answered_in_kind_and_described(
    world: World, autojump_clock: MockClock, cls: type, response: type, kind: str
) -> None:
    bound = await world.connect().bind(cls=cls)
    assert isinstance(bound, Bound)
    assert type(bound.pdu) is response
    [connection] = world.connections
    assert connection.describe() == {
        "session": 1,
        "system_id": "denpo",
        "peer": "",
        "type": kind,
        "state": {"transmitter": "bound_tx", "receiver": "bound_rx", "transceiver": "bound_trx"}[kind],
        "version": "3.4",
        "taken": 0,
        "refused": 0,
        "rate": 0.0,
        "window": 100,
        "in_flight": 0,
    }


@pytest.mark.parametrize(("version", "name"), VERSIONS.items())
async def test_a_peer_of_before_3_4_gets_no_optional_parameters_in_anything(
    world: World, autojump_clock: MockClock, version: int, name: str
) -> None:
    esme = world.connect()
    bound = await esme.bind(version=version)
    assert isinstance(bound, Bound)
    old = version < 0x34
    tlvs: Any = getattr(bound.pdu, "tlvs", None)
    assert tlvs == (() if old else ((Tag.SC_INTERFACE_VERSION, b"\x34"),))
    assert world.connections[0].describe()["version"] == name
    for faults in ({}, {"receipts.text": "empty"}, {"receipts.by_data_sm": True}, {"receipts.tlvs": True}):
        for fault, value in faults.items():
            world.smsc.behaviour.override(fault, value)
        answer = await esme.submit()
        esme.deliveries.clear()
        [receipt] = await esme.wait_deliveries(1)
        assert read(receipt).message_id == id_of(answer)
        world.smsc.behaviour.clear()
        if old:
            assert receipt.tlvs == ()
            assert not isinstance(receipt, DataSm)
    assert old == all(not getattr(each.pdu, "tlvs", ()) for each in esme.seen)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("concatenation", [Concatenation.UDH8, Concatenation.SAR, Concatenation.PAYLOAD])
async def test_what_a_handset_sends_is_given_up_when_it_takes_parameters_that_the_peer_has_not_heard_of(
    world: World, autojump_clock: MockClock, version: int, concatenation: Concatenation
) -> None:
    esme = await world.bound(version=version)
    parts = world.smsc.inject(Incoming("1", "2", "x" * 200, Coding.GSM7, concatenation))
    await trio.sleep(100)
    incoming = world.smsc.outbox.incoming
    carried = concatenation is Concatenation.UDH8 or version >= 0x34
    assert (incoming.delivered, incoming.given_up) == ((parts, 0) if carried else (0, parts))
    assert (incoming.pending, len(esme.deliveries)) == (0, incoming.delivered)
    assert esme.closed is None


async def test_a_second_bind_is_refused_and_counts_for_nothing(world: World, autojump_clock: MockClock) -> None:
    wire = world.wire()
    esme = world.attach(wire)
    await esme.bind()
    esme.octets = b""
    for cls in (BindTransceiver, BindReceiver):
        await wire.send_all(encode(cls(b"denpo", b"secret"), 77))
        await wait_all_tasks_blocked()
        assert HEADER.unpack_from(esme.octets)[2:] == (Status.RALYBND, 77)
        esme.octets = b""
    assert world.smsc.accounts.bound == {b"denpo": 1}


async def test_of_two_binds_in_one_go_only_the_first_counts(world: World, autojump_clock: MockClock) -> None:
    wire = world.wire()
    await wire.send_all(encode(BindTransmitter(b"one"), 1) + encode(BindTransceiver(b"two"), 2))
    octets = bytes(await wire.receive_some())
    second = HEADER.unpack_from(octets)[0]
    assert HEADER.unpack_from(octets, second)[2:] == (Status.RALYBND, 2)
    assert world.smsc.accounts.bound == {b"one": 1}
    await wire.aclose()
    await wait_all_tasks_blocked()
    assert world.smsc.accounts.bound == {}
    assert world.connections == []


async def test_a_connection_that_does_not_bind_is_closed(world: World, autojump_clock: MockClock) -> None:
    esme = world.connect()
    await esme.wait_closed()
    assert world.elapsed == pytest.approx(world.smsc.terms.limits.init_timeout)
    await wait_all_tasks_blocked()
    assert world.connections == []


async def test_what_was_refused_before_it_was_looked_at_is_counted_too(world: World, autojump_clock: MockClock) -> None:
    wire = world.wire()
    await world.attach(wire).bind(cls=BindReceiver)
    await wire.send_all(encode(SubmitSm(destination_addr=b"1"), 5))
    await wire.send_all(encode(SubmitSmResp(b"1"), 6))
    await wait_all_tasks_blocked()
    assert [each.refused for each in world.connections] == [1]


async def test_a_receipt_looks_as_the_message_did_seen_from_the_other_side(
    world: World, autojump_clock: MockClock
) -> None:
    esme = await world.bound()
    answer = await esme.submit(source_addr=b"INFO", source_addr_ton=5, dest_addr_ton=1, dest_addr_npi=1)
    [receipt] = await esme.wait_deliveries(1)
    assert (receipt.source_addr_ton, receipt.source_addr_npi, receipt.source_addr) == (1, 1, b"819012345678")
    assert (receipt.dest_addr_ton, receipt.dest_addr_npi, receipt.destination_addr) == (5, 0, b"INFO")
    assert receipt.esm_class == EsmClass.RECEIPT
    assert (read(receipt).message_id, read(receipt).state) == (id_of(answer), MessageState.DELIVERED)
    await wait_all_tasks_blocked()
    assert (world.smsc.outbox.receipts.delivered, world.smsc.outbox.pending) == (1, 0)


async def test_a_message_payload_gets_its_receipt_and_is_kept_in_the_ledger_alone(
    world: World, autojump_clock: MockClock
) -> None:
    esme = await world.bound()
    answer = await esme.submit(tlvs=((Tag.MESSAGE_PAYLOAD, b"x" * 1000),))
    fate = world.smsc.fates.known(id_of(answer).encode())
    assert fate
    assert fate.submit.tlvs == ()
    [receipt] = await esme.wait_deliveries(1)
    assert read(receipt).message_id == id_of(answer)
    assert [row["joined"] for row in await world.rows()] == ["x" * 1000]


async def test_a_refused_destination_leaves_no_trace_in_the_ledger(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    assert (await esme.submit(b"not a number")).status == Status.RINVDSTADR
    assert await world.rows() == []
    assert [(each.taken, each.refused) for each in world.connections] == [(0, 1)]


async def test_what_was_taken_stands_in_the_ledger_with_its_whole_text(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    octets = TEXT.encode("utf-16-be")
    bodies = [octets[:100], octets[100:200], octets[200:]]
    answers = {}
    for number in (3, 1, 2):
        header = bytes((5, 0, 3, 1, 3, number))
        answers[number] = await esme.submit(esm_class=0x40, data_coding=8, short_message=header + bodies[number - 1])
    rows = await world.rows()
    assert [row["message_id"] for row in rows] == [id_of(answers[number]) for number in (3, 1, 2)]
    assert [row["joined"] for row in rows] == [TEXT] * 3
    assert [(row["session"], row["system_id"]) for row in rows] == [(1, "denpo")] * 3
    assert rows[0]["time"] == pytest.approx(EPOCH + trio.current_time())


async def test_the_receipt_comes_to_another_bind_of_the_account_when_its_own_is_gone(
    world: World, autojump_clock: MockClock
) -> None:
    stranger = await world.bound(system_id=b"other")
    other = await world.bound(BindReceiver)
    esme = await world.bound()
    answer = await esme.submit()
    esme.link.close("gone")
    [receipt] = await other.wait_deliveries(1)
    assert read(receipt).message_id == id_of(answer)
    assert stranger.deliveries == []


async def test_receipts_wait_for_a_receiver_to_bind(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound(BindTransmitter)
    answers = [await esme.submit() for _ in range(3)]
    await trio.sleep(10 * DELAY)
    assert world.smsc.outbox.pending == 3
    receiver = await world.bound(BindReceiver)
    receipts = await receiver.wait_deliveries(3)
    assert [read(receipt).message_id for receipt in receipts] == [id_of(answer) for answer in answers]


async def test_a_receipt_that_was_on_its_way_when_the_link_broke_comes_again(
    world: World, autojump_clock: MockClock
) -> None:
    esme = await world.bound(take=lambda _: None)
    await esme.submit()
    await esme.wait_deliveries(1)
    esme.link.close("broken")
    again = await world.bound()
    assert await again.wait_deliveries(1) == esme.deliveries


@pytest.mark.parametrize(("status", "seconds"), [(Status.RX_T_APPN, 5.0), (None, 35.0)])
async def test_a_receipt_refused_or_not_answered_is_sent_again_three_times(
    world: World, autojump_clock: MockClock, status: Status | None, seconds: float
) -> None:
    esme = await world.bound(take=lambda _: status)
    await esme.submit()
    await esme.wait_deliveries(4)
    gaps = [later - earlier for earlier, later in zip(esme.times, esme.times[1:], strict=False)]
    assert gaps == [pytest.approx(seconds)] * 3
    await trio.sleep(1000)
    assert len(esme.deliveries) == 4
    assert (world.smsc.outbox.receipts.given_up, world.smsc.outbox.pending) == (1, 0)


async def test_an_answer_that_comes_when_nobody_waits_for_it_any_more_changes_nothing(
    world: World, autojump_clock: MockClock
) -> None:
    esme = await world.bound(take=lambda _: None)
    await esme.submit()
    await esme.wait_deliveries(1)
    await trio.sleep(31)
    esme.session.respond(esme.seen_of(DeliverSm)[0].sequence, DeliverSmResp())
    esme.link.flush()
    await esme.wait_deliveries(2)
    assert esme.deliveries[0] == esme.deliveries[1]
    assert (world.smsc.outbox.receipts.delivered, world.smsc.outbox.pending) == (0, 1)


async def test_a_window_holds_receipts_back_until_others_are_answered(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    account = {"system_id": "denpo", "password": "secret", "window": 2}
    world = World(nursery, make_smsc({"phases": [phase({})], "accounts": [account]}))
    esme = await world.bound(take=lambda _: None)
    for _ in range(5):
        await esme.submit()
    await trio.sleep(2 * DELAY)
    assert [(each["window"], each["in_flight"]) for each in [c.describe() for c in world.connections]] == [(2, 2)]
    assert len(esme.deliveries) == 2


async def test_a_rule_counts_for_its_prefix_and_the_longest_for_those_that_two_fit(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    rules = [
        {"prefix": "8190", "answers": {"statuses": {"RSYSERR": 1.0}}},
        {"prefix": "819099", "receipts": {"states": {"EXPIRED": 1.0}, "delay": 9.0}},
        {"source": "BANK", "answers": {"latency": 4.0}},
    ]
    world = World(nursery, make_smsc({"phases": [phase({"receipts.error": "077"}, rules=rules)]}))
    esme = await world.bound()
    assert (await esme.submit(b"819012345678")).status == Status.RSYSERR
    await esme.submit(b"819099345678")
    [expired] = await esme.wait_deliveries(1)
    assert (read(expired).state, read(expired).error) == (MessageState.EXPIRED, "077")
    assert world.elapsed == pytest.approx(9)
    await esme.submit(b"818012345678", source_addr=b"BANKING")
    assert world.elapsed == pytest.approx(13.0)


async def test_a_phase_ends_on_the_wire_at_its_second_and_the_first_comes_back_after_the_last(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    phases = [
        phase({}) | {"name": "calm", "lasts": 10.0},
        phase({"answers.statuses": {"RMSGQFUL": 1.0}}) | {"name": "busy", "lasts": 5.0},
        phase({"link.refuse_bind": "RSYSERR", "link.unbind_rate": 1.0}) | {"name": "closed", "lasts": 20.0},
    ]
    world = World(nursery, make_smsc({"phases": phases, "repeat": True}))
    esme = await world.bound()
    seen = []
    await trio.sleep(0.3)  # between the SMSC's looks at its links
    while esme.closed is None:
        seen.append((world.elapsed, (await esme.submit()).status))
        await trio.sleep(0.5)
    statuses = [(Status.RMSGQFUL if 10 <= time < 15 else Status.ROK) for time, _ in seen]
    assert [status for _, status in seen] == statuses
    assert 15.0 <= world.elapsed <= 16.0
    other = world.connect()
    assert await other.bind() == BindRefused(Status.RSYSERR)
    await trio.sleep_until(world.began + 35)
    assert isinstance(await world.connect().bind(), Bound)


class Pair:
    """A session that may be mute, and what it was sent."""

    def __init__(self) -> None:
        self.session = FaultySession(Role.SMSC, Limits(), 0.0)
        for event in self.session.receive(encode(BindTransceiver(), 1), 0.0):
            assert isinstance(event, Requested)
            self.session.respond(1, BindTransceiverResp())
        self.session.data_to_send()


@given(
    st.lists(st.sampled_from([SubmitSm(destination_addr=b"1"), EnquireLink(), Unbind()]), max_size=20), st.booleans()
)
def test_a_mute_session_leaves_out_the_answers_to_enquire_link_and_nothing_else(asked: list[Any], mute: bool) -> None:
    session = Pair().session
    session.mute = mute
    expected = []
    for sequence, pdu in enumerate(asked, 1):
        for event in session.receive(encode(pdu, sequence), 0.0):
            if isinstance(event, Requested):
                session.respond(sequence, SubmitSmResp(b"1"))
        if not (mute and isinstance(pdu, EnquireLink)):
            expected.append((pdu.id | 0x80000000, sequence))
        if isinstance(pdu, Unbind):
            break
    octets, found = session.data_to_send(), []
    while octets:
        length, command_id, _, sequence = HEADER.unpack_from(octets)
        found.append((command_id, sequence))
        octets = octets[length:]
    assert found == expected
    assert EnquireLinkResp.id == EnquireLink.id | 0x80000000


def test_for_a_halted_session_no_deadline_comes() -> None:
    session = Pair().session
    deadline = session.next_deadline
    session.halted_until = deadline + 100
    assert session.next_deadline == deadline + 100
    session.halted_until = deadline - 1
    assert session.next_deadline == deadline
