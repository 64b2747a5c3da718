"""A wire over memory streams and a virtual clock: cut, injected into, closed, and what links make of all that."""

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Final

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from protocol.events import Closed, Event
from protocol.link import Link
from protocol.session import Limits
from protocol.states import Role
from simulator.wire import MAX_INJECTED_OCTETS, Wire
from tests.gateway.certificates import make_certificates
from tests.protocol.sessions import session_in
from tests.simulator.wires import A_PDU, ANSWER, JUNK, PDU, SENT, Pair, Seen, fails_to_read, fails_to_write

QUIET: Final = Limits(enquire_link_interval=inf)


@pytest.fixture
def clock() -> MockClock:
    return MockClock(autojump_threshold=0)


@pytest.fixture
def pair(nursery: trio.Nursery) -> Pair:
    return Pair(nursery)


@given(before=st.lists(A_PDU), last=A_PDU)
async def test_a_cut_write_ends_in_the_middle_of_its_last_pdu(before: list[bytes], last: bytes) -> None:
    near, far = memory_stream_pair()
    wire = Wire(near)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wire.run)
        wire.cut_next()
        with pytest.raises(trio.BrokenResourceError):
            await wire.send_all(b"".join([*before, last]))
        got = b"".join([bytes(octets) async for octets in far])
    whole = b"".join(before)
    assert got.startswith(whole)
    assert 0 < len(got) - len(whole) < len(last)
    assert last.startswith(got[len(whole) :])


async def test_a_cut_connection_is_over_for_its_reader_and_writer_too(clock: MockClock, pair: Pair) -> None:
    pair.nursery.start_soon(fails_to_read, pair.wire)
    await wait_all_tasks_blocked()
    pair.wire.cut_next()
    with pytest.raises(trio.BrokenResourceError):
        await pair.wire.send_all(PDU)
    await wait_all_tasks_blocked()
    await fails_to_write(pair.wire)
    await fails_to_read(pair.wire)
    assert pair.passed(SENT) == PDU[: len(PDU) // 2]


async def test_octets_are_injected_though_nobody_writes(clock: MockClock, pair: Pair) -> None:
    pair.wire.inject(JUNK)
    pair.wire.inject(PDU)
    assert await pair.far.receive_some() == JUNK + PDU
    await pair.wire.send_all(ANSWER)
    assert await pair.far.receive_some() == ANSWER
    assert pair.passed(SENT) == JUNK + PDU + ANSWER


async def test_octets_are_injected_between_writes_that_never_pause(clock: MockClock, nursery: trio.Nursery) -> None:
    pair = Pair(nursery, lockstep=True)

    async def write_on() -> None:
        with suppress(trio.ClosedResourceError):
            while True:
                await pair.wire.send_all(PDU)

    nursery.start_soon(write_on)
    for _ in range(5):
        assert await pair.far.receive_some(len(PDU)) == PDU
    for _ in range(10):  # writer and injector wake in any order
        await wait_all_tasks_blocked()
        pair.wire.inject(JUNK)
        assert await pair.far.receive_some(len(PDU)) == PDU
        assert await pair.far.receive_some(len(JUNK)) == JUNK
    pair.wire.close_now()


async def test_a_write_waits_for_an_injection_that_goes_on(clock: MockClock, nursery: trio.Nursery) -> None:
    pair = Pair(nursery, lockstep=True)
    pair.wire.inject(JUNK)
    await wait_all_tasks_blocked()
    pair.wire.slow(0)  # any command: it must not make the wire forget who writes
    nursery.start_soon(pair.wire.send_all, PDU)
    await wait_all_tasks_blocked()
    assert await pair.far.receive_some() == JUNK
    assert await pair.far.receive_some() == PDU


async def test_an_injection_waits_while_the_wire_is_deaf(clock: MockClock, pair: Pair) -> None:
    pair.wire.deaf_until(pair.began + 10)
    pair.wire.inject(JUNK)
    assert await pair.far.receive_some() == JUNK
    assert pair.elapsed == 10


async def test_a_deaf_wire_keeps_no_more_to_inject_than_it_may(clock: MockClock, pair: Pair) -> None:
    pair.wire.deaf_until(pair.began + 10)
    for _ in range(10):
        pair.wire.inject(bytes(MAX_INJECTED_OCTETS // 4))
    assert len(await pair.far.receive_some()) == MAX_INJECTED_OCTETS


async def test_an_injection_into_a_broken_stream_ends_the_wire(clock: MockClock, pair: Pair) -> None:
    await pair.far.aclose()
    pair.wire.inject(JUNK)
    await wait_all_tasks_blocked()
    await fails_to_read(pair.wire)
    pair.wire.inject(JUNK)
    await fails_to_write(pair.wire)


async def test_closing_now_ends_reader_and_writer_and_injection_that_wait_for_the_peer(
    clock: MockClock, nursery: trio.Nursery
) -> None:
    writing, injecting = Pair(nursery, lockstep=True), Pair(nursery, lockstep=True)
    nursery.start_soon(fails_to_write, writing.wire)
    injecting.wire.inject(JUNK)
    await wait_all_tasks_blocked()
    nursery.start_soon(fails_to_write, injecting.wire)
    for pair in (writing, injecting):
        nursery.start_soon(fails_to_read, pair.wire)
        await wait_all_tasks_blocked()
        pair.wire.close_now()
        await pair.read_all()
        assert pair.seen == []


async def test_closing_now_ends_those_who_wait_for_a_fault_to_end(clock: MockClock, pair: Pair) -> None:
    pair.wire.deaf_until(inf)
    pair.nursery.start_soon(fails_to_read, pair.wire)
    pair.nursery.start_soon(fails_to_write, pair.wire)
    await trio.sleep(1000)
    pair.wire.close_now()
    assert await pair.read_all() == b""


async def test_a_wire_that_is_closed_or_cancelled_ends_its_run_and_closes_the_stream() -> None:
    for way in ("closed", "cancelled", "closed before"):
        near, far = memory_stream_pair()
        wire = Wire(near)
        if way == "closed before":
            wire.close_now()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wire.run)
            await wait_all_tasks_blocked()
            if way == "closed":
                await wire.aclose()
            elif way == "cancelled":
                nursery.cancel_scope.cancel()
        assert await far.receive_some() == b""


@pytest.mark.parametrize("way", ["now", "at leisure"])
async def test_closing_ends_a_tls_connection_too(
    clock: MockClock, nursery: trio.Nursery, tmp_path: Path, way: str
) -> None:
    certificates = make_certificates(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificates.certificate("server"), certificates.key("server"))
    near, far = memory_stream_pair()
    theirs = trio.SSLStream(far, certificates.context(shown=False), server_hostname="127.0.0.1")
    wire = Wire(trio.SSLStream(near, server, server_side=True))
    nursery.start_soon(wire.run)
    nursery.start_soon(theirs.send_all, PDU)
    assert await wire.receive_some() == PDU
    nursery.start_soon(fails_to_read, wire)
    await wait_all_tasks_blocked()
    if way == "now":
        wire.close_now()
    else:
        await wire.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await theirs.receive_some()


class Linked:
    """Two links, the SMSC's on a wire, both bound already; `events` is what became of each."""

    def __init__(self, nursery: trio.Nursery, limits: Limits) -> None:
        near, far = memory_stream_pair()
        self.wire = Wire(near)
        now = trio.current_time()
        self.smsc = Link(self.wire, session_in(Role.SMSC, limits=QUIET, now=now), write_timeout=10.0)
        self.esme = Link(far, session_in(Role.ESME, limits=limits, now=now), write_timeout=10.0)
        self.events: list[list[Event]] = [[], []]
        nursery.start_soon(self.wire.run)
        for link, events in zip((self.smsc, self.esme), self.events, strict=True):
            nursery.start_soon(link.run, keeping(events))


def keeping(kept: list[Event]) -> Callable[[list[Event]], Awaitable[None]]:
    async def keep(events: list[Event]) -> None:
        kept.extend(events)
        await trio.lowlevel.checkpoint()

    return keep


async def test_an_esme_finds_a_half_open_connection_by_its_enquire_link(clock: MockClock) -> None:
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        linked = Linked(nursery, Limits(enquire_link_interval=30.0, enquire_link_timeout=5.0))
        await trio.sleep(100)
        linked.wire.deaf_until(inf)
        await trio.sleep(36)
        assert linked.events == [[], [Closed("enquire_link was not answered")]]
        linked.wire.deaf_until(-inf)
    assert [type(event) for event in linked.events[0]] == [Closed]
    assert trio.current_time() - began == 136


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n\r\n", bytes(16), b"\x00\x00\x00\x11" + bytes(12)])
async def test_an_esme_does_not_live_on_after_what_is_no_pdu(clock: MockClock, octets: bytes) -> None:
    async with trio.open_nursery() as nursery:
        linked = Linked(nursery, Limits(enquire_link_interval=30.0, enquire_link_timeout=5.0))
        linked.wire.inject(octets)
    [smsc, esme] = [events[-1] for events in linked.events]
    assert isinstance(smsc, Closed)
    assert isinstance(esme, Closed)
    found_out = "framing lost: ", "a PDU was begun and not finished", "the peer closed the connection"
    assert esme.reason.startswith(found_out)


async def test_a_link_whose_wire_is_closed_now_sends_nothing_more(clock: MockClock) -> None:
    seen: Seen = []
    async with trio.open_nursery() as nursery:
        linked = Linked(nursery, QUIET)
        linked.wire.taps.append(lambda *chunk: seen.append(chunk))
        await wait_all_tasks_blocked()
        linked.wire.close_now()
        linked.smsc.session.unbind(trio.current_time())
        linked.smsc.flush()
    assert [type(event) for events in linked.events for event in events] == [Closed, Closed]
    assert [chunk[:2] for chunk in seen] == [(SENT, b"")]
