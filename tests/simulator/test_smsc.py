"""The SMSC as a whole: whom it lets in, what it hands over, what is struck, and how it stops."""

import ssl
import struct

import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair, wait_all_tasks_blocked

from protocol.codec import encode
from protocol.constants import Coding, DataCoding, Status
from protocol.errors import TextError
from protocol.events import Bound
from protocol.joining import Joiner, split_udh
from protocol.link import listen
from protocol.pdu import BindReceiver, BindTransceiver, BindTransmitter, DeliverSm, SubmitSmResp
from simulator.faults import LinkFault
from simulator.messages import Incoming
from simulator.smsc import HANDSHAKE_SECONDS, STOP_SECONDS, TICK_SECONDS, NoReceiver, OutboxFull
from simulator.wire import Direction
from tests.gateway.certificates import Certificates, make_certificates
from tests.simulator.world import World, make_smsc

TEXT = "計画メンテナンスのお知らせです。ご不便をおかけします🙏" * 6
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


async def test_a_connection_too_many_is_closed_and_a_free_place_is_given_again(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = World(nursery, make_smsc(max_connections=1))
    first = await world.bound()
    second = world.connect()
    await second.wait_closed()
    assert world.elapsed == 0
    assert first.closed is None
    first.link.close("enough")
    await wait_all_tasks_blocked()
    await world.bound()


async def test_submits_are_refused_while_too_many_receipts_wait(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = World(nursery, make_smsc(max_pending=2))
    esme = await world.bound()
    assert [(await esme.submit()).status for _ in range(3)] == [0, 0, Status.RMSGQFUL]
    with pytest.raises(OutboxFull):
        world.smsc.inject(Incoming("1", "2", "x"))
    await esme.wait_deliveries(2)
    assert (await esme.submit()).status == 0


async def test_submits_are_refused_while_the_ledger_cannot_take_more(
    world: World, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    esme = await world.bound()
    with monkeypatch.context() as patch:
        patch.setattr("simulator.ledger.MAX_WAITING_OCTETS", 0)
        assert (await esme.submit()).status == Status.RMSGQFUL
    assert (await esme.submit()).status == 0
    assert len(await world.rows()) == 1


async def test_a_long_text_from_a_handset_arrives_as_parts_that_join(world: World, autojump_clock: MockClock) -> None:
    await world.bound(BindTransmitter)
    receiver = await world.bound(BindReceiver)
    parts = world.smsc.inject(Incoming("+819012345678", "0005123456", TEXT))
    joiner, whole = Joiner[bytes](60.0, 1), None
    for delivery in await receiver.wait_deliveries(parts):
        assert isinstance(delivery, DeliverSm)
        assert (delivery.source_addr, delivery.destination_addr) == (b"819012345678", b"0005123456")
        assert delivery.data_coding == DataCoding.UCS2
        concat, body = split_udh(delivery.short_message, delivery.esm_class)
        assert concat
        whole = joiner.add("key", concat, body, 0.0)
    assert whole
    assert len(whole) == parts > 1
    assert b"".join(whole).decode("utf-16-be") == TEXT


async def test_two_texts_from_handsets_have_references_of_their_own(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    references = set()
    for _ in range(3):
        esme.deliveries.clear()
        for delivery in await esme.wait_deliveries(world.smsc.inject(Incoming("1", "2", TEXT))):
            assert isinstance(delivery, DeliverSm)
            concat, _ = split_udh(delivery.short_message, delivery.esm_class)
            assert concat
            references.add(concat.reference)
    assert len(references) == 3


async def test_a_text_from_a_handset_goes_to_the_account_that_is_named(world: World, autojump_clock: MockClock) -> None:
    first, second = await world.bound(system_id=b"one"), await world.bound(system_id=b"two")
    assert world.smsc.inject(Incoming("1", "2", "x", Coding.GSM7), b"two") == 1
    [delivery] = await second.wait_deliveries(1)
    assert isinstance(delivery, DeliverSm)
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
    with pytest.raises(TextError):
        world.smsc.inject(Incoming("1", "2", "あ", Coding.ASCII))


FRAMING = "framing lost"
GONE = "the peer closed the connection"


@pytest.mark.parametrize(
    ("fault", "value", "reason"),
    [
        (LinkFault.CLOSE, None, GONE),
        (LinkFault.UNBIND, None, "the peer unbound"),
        (LinkFault.CUT, None, GONE),
        (LinkFault.GARBAGE, None, FRAMING),
        (LinkFault.HALF_OPEN, 20.0, ""),
        (LinkFault.SLOW, 100.0, ""),
    ],
)
async def test_a_fault_strikes_one_connection_at_once_and_no_other(
    world: World, autojump_clock: MockClock, fault: LinkFault, value: float | None, reason: str
) -> None:
    esme, other = await world.bound(), await world.bound()
    assert world.smsc.strike(fault, value, session=1) == 1
    assert world.smsc.strike(fault, value, session=99) == 0
    esme.send_submit()
    if reason:
        assert (await esme.wait_closed()).reason.startswith(reason)
        assert world.elapsed == 0
    else:
        await esme.wait(lambda: bool(esme.seen_of(SubmitSmResp)))
        assert world.elapsed == pytest.approx(20.0 if fault is LinkFault.HALF_OPEN else 0.5, rel=0.3)
    before = trio.current_time()
    await other.submit()
    assert trio.current_time() == before


async def test_a_pdu_of_a_wrong_length_and_a_half_open_time_of_the_scenario_strike_all_at_once(
    world: World, autojump_clock: MockClock
) -> None:
    esmes = [await world.bound() for _ in range(3)]
    assert world.smsc.strike(LinkFault.WRONG_LENGTH) == 3
    assert world.smsc.strike(LinkFault.HALF_OPEN) == 3
    for esme in esmes:
        await esme.wait_closed()
    assert world.elapsed >= 10


async def test_one_that_is_not_bound_is_closed_by_an_unbind_and_one_that_unbinds_already_is_left_alone(
    world: World, autojump_clock: MockClock
) -> None:
    unbound = world.connect()
    silent = world.wire()
    await silent.send_all(encode(BindTransceiver(b"denpo", b"secret"), 1))
    await wait_all_tasks_blocked()
    assert world.smsc.strike(LinkFault.UNBIND) == world.smsc.strike(LinkFault.UNBIND) == 2
    await unbound.wait_closed()
    await wait_all_tasks_blocked()
    assert len(world.connections) == 1
    await trio.sleep(STOP_SECONDS + 1)
    assert world.connections == []


async def test_what_happens_is_told_to_those_who_want_to_know(world: World, autojump_clock: MockClock) -> None:
    changes, octets = list[tuple[int, str]](), dict[tuple[int, Direction], bytes]()
    settled: list[float] = []

    def tap(number: int, _stream: trio.abc.Stream, opened_by: Direction) -> list[object]:
        assert opened_by is Direction.RECEIVED

        def see(direction: Direction, chunk: bytes, _now: float) -> None:
            octets[number, direction] = octets.get((number, direction), b"") + chunk

        return [see]

    world.smsc.tapping = tap  # type: ignore[assignment]  # a list of taps is a sequence of them
    world.smsc.changed = lambda connection: changes.append((connection.number, connection.session.state.name))
    world.smsc.settled = lambda: settled.append(world.elapsed)
    esme = await world.bound()
    for _ in range(5):
        await esme.submit()
    await esme.wait_deliveries(5)
    await trio.sleep(1.1 * TICK_SECONDS)
    assert len(settled) == 1
    assert esme.times[-1] - world.began <= settled[0] <= esme.times[-1] - world.began + TICK_SECONDS
    esme.link.close("gone")
    await wait_all_tasks_blocked()
    assert changes == [(1, "BOUND_TRX"), (1, "CLOSED")]
    assert octets[1, Direction.SENT] == esme.octets
    assert octets[1, Direction.RECEIVED].startswith(encode(BindTransceiver(b"denpo", b"secret"), 1))
    await trio.sleep(100)
    assert len(settled) == 1


async def test_stopping_unbinds_every_session(world: World, autojump_clock: MockClock) -> None:
    esmes = [await world.bound() for _ in range(3)]
    unbound = world.connect()
    await wait_all_tasks_blocked()
    world.stop.set()
    await world.stopped.wait()
    assert world.elapsed == 0
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
    world.stop.set()
    await world.stopped.wait()
    assert world.elapsed == pytest.approx(STOP_SECONDS)


async def test_an_esme_with_tls_is_served_like_any_other(
    world: World, autojump_clock: MockClock, certificates: Certificates
) -> None:
    ours, theirs = secured(certificates)
    world.hand_in(theirs)
    await ours.do_handshake()
    esme = world.attach(ours)
    assert isinstance(await esme.bind(), Bound)
    await esme.submit()
    await esme.wait_deliveries(1)


@pytest.mark.parametrize("way", ["silent", "in the clear", "gone"])
async def test_a_handshake_that_fails_costs_its_own_connection_only(
    world: World, autojump_clock: MockClock, certificates: Certificates, way: str
) -> None:
    ours, theirs = secured(certificates)
    other = await world.bound()
    world.hand_in(theirs)
    transport = ours.transport_stream
    if way == "in the clear":
        await transport.send_all(encode(BindTransceiver(b"denpo", b"secret"), 1))
    elif way == "gone":
        await transport.aclose()
    if way != "gone":
        async for _ in transport:
            pass
    await wait_all_tasks_blocked()
    assert world.elapsed == (HANDSHAKE_SECONDS if way == "silent" else 0)
    assert len(world.connections) == 1
    await other.submit()


def secured(certificates: Certificates) -> tuple[trio.SSLStream[trio.abc.Stream], trio.SSLStream[trio.abc.Stream]]:
    """Both ends of a wire of memory with TLS on it, before their handshake: the ESME's and the SMSC's."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.certificate("server"), certificates.key("server"))
    ours: trio.abc.Stream
    theirs: trio.abc.Stream
    ours, theirs = memory_stream_pair()
    client = certificates.context(shown=False)
    return (
        trio.SSLStream(ours, client, server_hostname="127.0.0.1"),
        trio.SSLStream(theirs, context, server_side=True),
    )


async def test_a_peer_that_has_gone_before_it_was_let_in_harms_nobody(nursery: trio.Nursery) -> None:
    world = World(nursery, make_smsc())
    [listener] = await listen("127.0.0.1", 0)
    async with listener:
        address = listener.socket.getsockname()
        gone = await trio.open_tcp_stream(*address)
        accepted = await listener.accept()
        gone.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, RESET_ON_CLOSE)
        await gone.aclose()
        await trio.lowlevel.wait_readable(accepted.socket)
        world.hand_in(accepted)
        stream = await trio.open_tcp_stream(*address)
        world.hand_in(await listener.accept())
        await world.attach(stream).bind()
        [connection] = world.connections
        assert (connection.number, connection.peer) == (2, "{}:{}".format(*stream.socket.getsockname()))
