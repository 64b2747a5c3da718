from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair, wait_all_tasks_blocked

from protocol.codec import encode
from protocol.constants import Coding, DataCoding, MessageState, Status, Tag
from protocol.events import Answered, BindRefused, Bound
from protocol.joining import Joiner, split_udh
from protocol.pdu import (
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    DeliverSm,
    SubmitSmResp,
    find_tlv,
)
from protocol.receipt import parse
from protocol.times import receipt_date
from simulator.behaviour import Behaviour
from simulator.ledger import Ledger, describe
from simulator.messages import Incoming
from simulator.smsc import STOP_SECONDS, NoReceiver, OutboxFull, Smsc, Terms
from tests.simulator.esme import Esme, take_all

DELAY = 2.5
EPOCH = 1_700_000_000.0
TEXT = "計画メンテナンスのお知らせです。ご不便をおかけします🙏" * 6

Take: TypeAlias = Callable[[DeliverSm], int | None]


def make_smsc(terms: Terms | None = None) -> Smsc:
    account = Terms(system_id=b"denpo", password=b"secret")
    return Smsc(Behaviour(1, DELAY), Ledger(1000), terms or account, EPOCH)


class Wires(trio.abc.Listener[trio.abc.Stream]):
    """A listener that hands out the far ends of wires of memory."""

    def __init__(self, ends: trio.MemoryReceiveChannel[trio.abc.Stream]) -> None:
        self._ends = ends

    async def accept(self) -> trio.abc.Stream:
        return await self._ends.receive()

    async def aclose(self) -> None:
        await self._ends.aclose()


class World:
    """An SMSC and the ESMEs on its wires."""

    def __init__(self, nursery: trio.Nursery, smsc: Smsc) -> None:
        self.smsc = smsc
        self.stop, self.stopped = trio.Event(), trio.Event()
        self._nursery = nursery
        self._wires, self._accepted = trio.open_memory_channel[trio.abc.Stream](100)
        nursery.start_soon(self._serve)

    async def _serve(self) -> None:
        listeners: list[Any] = [Wires(self._accepted)]
        await self.smsc.serve(listeners, self.stop)
        self.stopped.set()

    def wire(self, make: Callable[[], tuple[Any, Any]] = memory_stream_pair) -> trio.abc.Stream:
        """Connect; returns the ESME's end."""
        ours: trio.abc.Stream
        ours, theirs = make()
        self._wires.send_nowait(theirs)
        return ours

    def connect(self, take: Take = take_all) -> Esme:
        esme = Esme(self.wire(), take)
        self._nursery.start_soon(esme.run)
        return esme

    async def bound(self, cls: type = BindTransceiver, take: Take = take_all, system_id: bytes = b"denpo") -> Esme:
        esme = self.connect(take)
        assert isinstance(await esme.bind(system_id, cls=cls), Bound)
        return esme


@pytest.fixture
def world(nursery: trio.Nursery) -> World:
    return World(nursery, make_smsc())


def message_id(answer: Answered) -> str:
    assert isinstance(answer.pdu, SubmitSmResp)
    return answer.pdu.message_id.decode()


def receipted(delivery: DeliverSm) -> str:
    receipt = parse(delivery.short_message, delivery.esm_class, delivery.tlvs)
    assert receipt
    assert receipt.state == MessageState.DELIVERED
    return receipt.message_id


@pytest.mark.parametrize(
    ("system_id", "password", "status"),
    [
        (b"denpo", b"wrong", Status.RINVPASWD),
        (b"denpo", b"", Status.RINVPASWD),
        (b"other", b"secret", Status.RINVSYSID),
        (b"", b"", Status.RINVSYSID),
    ],
)
async def test_a_wrong_account_is_refused_and_may_try_again(
    world: World, autojump_clock: MockClock, system_id: bytes, password: bytes, status: Status
) -> None:
    esme = world.connect()
    assert await esme.bind(system_id, password) == BindRefused(status)
    assert world.smsc.outbox.receiver() is None
    assert isinstance(await esme.bind(), Bound)


@pytest.mark.parametrize(
    ("cls", "response", "state"),
    [
        (BindTransmitter, BindTransmitterResp, "bound_tx"),
        (BindReceiver, BindReceiverResp, "bound_rx"),
        (BindTransceiver, BindTransceiverResp, "bound_trx"),
    ],
)
async def test_a_bind_is_answered_in_kind_with_the_interface_version(
    world: World, autojump_clock: MockClock, cls: type, response: type, state: str
) -> None:
    bound = await world.connect().bind(cls=cls)
    assert isinstance(bound, Bound)
    assert type(bound.pdu) is response
    assert find_tlv(bound.pdu.tlvs, Tag.SC_INTERFACE_VERSION) == b"\x34"  # type: ignore[attr-defined]  # every bind response has them
    assert [connection.describe() for connection in world.smsc.connections.values()] == [
        {"session": 1, "system_id": "denpo", "state": state, "taken": 0, "refused": 0, "deliveries_unanswered": 0}
    ]


async def test_without_an_account_any_bind_is_accepted(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = World(nursery, make_smsc(Terms()))
    assert isinstance(await world.connect().bind(b"anybody", b"anything"), Bound)


async def test_a_connection_that_does_not_bind_is_closed(world: World, autojump_clock: MockClock) -> None:
    esme = world.connect()
    start = trio.current_time()
    await esme.wait(lambda: esme.closed is not None)
    assert trio.current_time() - start == pytest.approx(world.smsc.terms.limits.init_timeout)
    await wait_all_tasks_blocked()
    assert world.smsc.connections == {}


async def test_a_connection_too_many_is_closed_and_a_free_place_is_given_again(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = World(nursery, make_smsc(Terms(max_connections=1)))
    first = await world.bound()
    start = trio.current_time()
    second = world.connect()
    await second.wait(lambda: second.closed is not None)
    assert trio.current_time() == start
    assert first.closed is None
    first.link.close("enough")
    await wait_all_tasks_blocked()
    await world.bound()


async def test_the_receipt_comes_after_exactly_the_delay(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    await trio.sleep(3600)
    submitted = trio.current_time()
    answer = await esme.submit()
    assert trio.current_time() == submitted
    [receipt] = await esme.wait_deliveries(1)
    assert esme.times == [pytest.approx(submitted + DELAY)]
    assert receipted(receipt) == message_id(answer)
    for words in ("submit", "done"):
        assert f"{words} date:{receipt_date(EPOCH + submitted)}".encode() in receipt.short_message
    await wait_all_tasks_blocked()
    assert (world.smsc.outbox.receipts.delivered, world.smsc.outbox.pending) == (1, 0)


async def test_a_message_payload_gets_its_receipt_too(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    answer = await esme.submit(tlvs=((Tag.MESSAGE_PAYLOAD, b"x" * 1000),))
    [receipt] = await esme.wait_deliveries(1)
    assert receipted(receipt) == message_id(answer)
    assert describe(*world.smsc.ledger.read(0, 1)[0])["joined"] == "x" * 1000


async def test_no_receipt_comes_unasked(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    await esme.submit(registered_delivery=0)
    await trio.sleep(10 * DELAY)
    assert esme.deliveries == []


async def test_a_refused_destination_leaves_no_trace_in_the_ledger(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    assert (await esme.submit(b"not a number")).status == Status.RINVDSTADR
    assert world.smsc.ledger.parts == 0
    assert [connection.refused for connection in world.smsc.connections.values()] == [1]


async def test_the_receipt_comes_to_another_bind_of_the_account_when_its_own_is_gone(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = World(nursery, make_smsc(Terms()))
    stranger = await world.bound(system_id=b"other")
    other = await world.bound(BindReceiver)
    esme = await world.bound()
    answer = await esme.submit()
    esme.link.close("gone")
    [receipt] = await other.wait_deliveries(1)
    assert receipted(receipt) == message_id(answer)
    assert stranger.deliveries == []


async def test_receipts_wait_for_a_receiver_to_bind(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound(BindTransmitter)
    answers = [await esme.submit() for _ in range(3)]
    await trio.sleep(10 * DELAY)
    assert world.smsc.outbox.pending == 3
    receiver = await world.bound(BindReceiver)
    receipts = await receiver.wait_deliveries(3)
    assert [receipted(receipt) for receipt in receipts] == [message_id(answer) for answer in answers]


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


async def test_submits_are_refused_while_too_many_receipts_wait(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = World(nursery, make_smsc(Terms(max_pending=2)))
    esme = await world.bound()
    assert [(await esme.submit()).status for _ in range(3)] == [0, 0, Status.RMSGQFUL]
    with pytest.raises(OutboxFull):
        world.smsc.inject(Incoming("1", "2", "x"))
    await esme.wait_deliveries(2)
    assert (await esme.submit()).status == 0


async def test_what_was_taken_stands_in_the_ledger_with_its_whole_text(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    octets = TEXT.encode("utf-16-be")
    bodies = [octets[:100], octets[100:200], octets[200:]]
    answers = {}
    for number in (3, 1, 2):
        header = bytes((5, 0, 3, 1, 3, number))
        answers[number] = await esme.submit(esm_class=0x40, data_coding=8, short_message=header + bodies[number - 1])
    lines = [describe(*found) for found in world.smsc.ledger.read(0, 10)]
    assert [line["message_id"] for line in lines] == [message_id(answers[number]) for number in (3, 1, 2)]
    assert [line["joined"] for line in lines] == [TEXT] * 3
    assert lines[0]["time"] == pytest.approx(EPOCH + trio.current_time())


async def test_a_long_text_from_a_handset_arrives_as_parts_that_join(world: World, autojump_clock: MockClock) -> None:
    await world.bound(BindTransmitter)
    receiver = await world.bound(BindReceiver)
    parts = world.smsc.inject(Incoming("+819012345678", "0005123456", TEXT))
    joiner, whole = Joiner[bytes](60.0, 1), None
    for delivery in await receiver.wait_deliveries(parts):
        assert (delivery.source_addr, delivery.destination_addr) == (b"819012345678", b"0005123456")
        assert delivery.data_coding == DataCoding.UCS2
        concat, body = split_udh(delivery.short_message, delivery.esm_class)
        assert concat
        whole = joiner.add("key", concat, body, 0.0)
    assert whole
    assert len(whole) == parts > 1
    assert b"".join(whole).decode("utf-16-be") == TEXT


async def test_a_text_from_a_handset_goes_to_the_account_that_is_named(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = World(nursery, make_smsc(Terms()))
    first, second = await world.bound(system_id=b"one"), await world.bound(system_id=b"two")
    assert world.smsc.inject(Incoming("1", "2", "x", Coding.GSM7), b"two") == 1
    [delivery] = await second.wait_deliveries(1)
    assert delivery.short_message == b"x"
    assert first.deliveries == []
    with pytest.raises(NoReceiver, match="system_id"):
        world.smsc.inject(Incoming("1", "2", "x"), b"three")


async def test_a_text_from_a_handset_is_refused_while_nobody_can_take_it(
    world: World, autojump_clock: MockClock
) -> None:
    await world.bound(BindTransmitter)
    with pytest.raises(NoReceiver):
        world.smsc.inject(Incoming("1", "2", "x"))


async def test_stopping_unbinds_every_session(world: World, autojump_clock: MockClock) -> None:
    esmes = [await world.bound() for _ in range(3)]
    unbound = world.connect()
    await wait_all_tasks_blocked()
    start = trio.current_time()
    world.stop.set()
    await world.stopped.wait()
    assert trio.current_time() == start
    await wait_all_tasks_blocked()
    assert [esme.closed and esme.closed.reason for esme in esmes] == ["the peer unbound"] * 3
    assert unbound.closed is not None


async def test_stopping_waits_only_so_long_for_an_esme_that_does_not_answer(
    world: World, autojump_clock: MockClock
) -> None:
    esme = world.wire(lockstep_stream_pair)  # what is not read has not been sent
    await esme.send_all(encode(BindTransceiver(b"denpo", b"secret"), 1))
    assert await esme.receive_some() != b""
    await wait_all_tasks_blocked()
    start = trio.current_time()
    world.stop.set()
    await world.stopped.wait()
    assert trio.current_time() - start == pytest.approx(STOP_SECONDS)
