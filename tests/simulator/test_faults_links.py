"""Each fault of the links, as an ESME sees it on the wire."""

from dataclasses import replace
from math import inf

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from protocol.codec import HEADER
from protocol.constants import CommandId, Status
from protocol.events import Answered, BindRefused, Bound
from protocol.pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    EnquireLink,
    EnquireLinkResp,
    SubmitSmResp,
    Unbind,
)
from simulator.faults import FAULTS
from simulator.smsc import TICK_SECONDS
from tests.simulator import test_faults_answers, test_faults_receipts
from tests.simulator.esme import LIMITS, Esme
from tests.simulator.shown import SHOWN, shows, shows_each
from tests.simulator.world import DELAY, Faults, World

PATIENT = replace(LIMITS, enquire_link_interval=inf, response_timeout=inf)
"""Limits of an ESME that leaves it to the SMSC to end the session."""


def test_each_fault_there_is_is_shown_on_the_wire() -> None:
    assert test_faults_answers.__name__ != test_faults_receipts.__name__  # they show the rest
    assert set(FAULTS) == SHOWN


@pytest.mark.parametrize("cls", [BindTransmitter, BindReceiver, BindTransceiver])
@shows_each(
    ({"link.refuse_bind": "RSYSERR"}, Status.RSYSERR),
    ({"link.refuse_bind": "RBINDFAIL"}, Status.RBINDFAIL),
    ({"link.refuse_bind": "RTHROTTLED"}, Status.RTHROTTLED),
    ({"link.refuse_bind": "0x0000040B"}, 0x40B),
)
async def test_binds_are_refused_as_long_as_they_are_to_be_and_those_that_are_bound_stay_so(
    world: World, autojump_clock: MockClock, cls: type, expected: int
) -> None:
    world.smsc.behaviour.override("link.refuse_bind", "")
    bound = await world.bound()
    world.smsc.behaviour.clear()
    esme = world.connect()
    assert await esme.bind(cls=cls) == BindRefused(expected)
    assert await esme.bind(cls=cls) == BindRefused(expected)
    assert isinstance(await bound.submit(), Answered)
    world.smsc.behaviour.override("link.refuse_bind", "")
    assert isinstance(await esme.bind(cls=cls), Bound)
    assert [each.refused for each in world.connections] == [0, 2]


@shows({"link.close_rate": 1.0}, {"link.close_rate": 0.5})
async def test_a_connection_is_closed_without_a_word(world: World, autojump_clock: MockClock, faults: Faults) -> None:
    esmes = [await world.bound() for _ in range(40)]
    await trio.sleep(1.1)
    closed = [esme.closed.reason for esme in esmes if esme.closed]
    assert set(closed) == {"the peer closed the connection"}
    assert len(closed) == 40 if faults["link.close_rate"] == 1.0 else 10 <= len(closed) <= 30
    assert not any(esme.seen_of(Unbind) for esme in esmes)
    assert len(world.connections) == 40 - len(closed)


@shows({"link.unbind_rate": 1.0})
async def test_the_smsc_unbinds_and_waits_for_the_answer(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    assert (await esme.wait_closed()).reason == "the peer unbound"
    assert esme.closed_at - world.began == pytest.approx(TICK_SECONDS)
    await wait_all_tasks_blocked()
    assert world.connections == []


@shows({"link.half_open_rate": 1.0}, {"link.half_open_rate": 1.0, "link.half_open_for": 3600.0})
async def test_a_half_open_connection_is_silent_for_its_time_and_goes_on_then(
    world: World, autojump_clock: MockClock, faults: Faults
) -> None:
    esme = await world.bound(limits=PATIENT)
    await trio.sleep(1.2 * TICK_SECONDS)
    world.smsc.behaviour.override("link.half_open_rate", 0.0)
    answer = await esme.submit()
    lasts = faults.get("link.half_open_for", 60.0)
    assert world.elapsed == pytest.approx(TICK_SECONDS + lasts)
    await esme.wait_deliveries(1)
    assert esme.times == [pytest.approx(world.began + TICK_SECONDS + lasts + DELAY)]
    await trio.sleep(300)
    assert (answer.status, esme.closed) == (0, None)


async def test_a_delivery_that_was_begun_before_a_half_open_time_is_not_unanswered_after_it(
    world: World, autojump_clock: MockClock
) -> None:
    esme = await world.bound(limits=PATIENT)
    await esme.submit()
    await trio.sleep(DELAY - 0.1)
    world.smsc.behaviour.override("link.half_open_for", 50.0)
    world.smsc.behaviour.override("link.half_open_rate", 1.0)
    await trio.sleep(TICK_SECONDS)
    world.smsc.behaviour.override("link.half_open_rate", 0.0)
    await trio.sleep(300)
    assert len(esme.deliveries) == 1
    assert world.smsc.outbox.receipts.delivered == 1


async def test_an_esme_that_enquires_finds_a_half_open_connection_out(world: World, autojump_clock: MockClock) -> None:
    world.smsc.behaviour.override("link.half_open_rate", 1.0)
    esme = await world.bound()
    assert (await esme.wait_closed()).reason == "enquire_link was not answered"
    assert esme.closed_at - world.began == pytest.approx(40.0)


@shows({"link.cut_rate": 1.0})
async def test_a_connection_is_cut_in_the_middle_of_a_pdu(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    await trio.sleep(1.2 * TICK_SECONDS)
    before = len(esme.octets)
    esme.send_submit()
    assert (await esme.wait_closed()).reason == "the peer closed the connection"
    begun = esme.octets[before:]
    assert 0 < len(begun) < int.from_bytes(begun[:4], "big")
    assert begun[4:8] == CommandId.SUBMIT_SM_RESP.to_bytes(4, "big")
    assert esme.seen_of(SubmitSmResp) == []
    assert len(await world.rows()) == 1


@shows({"link.garbage_rate": 1.0})
async def test_garbage_comes_between_the_pdus(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    before = len(esme.octets)
    assert (await esme.wait_closed()).reason.startswith("framing lost")
    assert len(esme.octets) > before
    await wait_all_tasks_blocked()
    assert world.connections == []


@shows({"link.wrong_length_rate": 1.0})
async def test_a_pdu_comes_with_a_wrong_length(world: World, autojump_clock: MockClock) -> None:
    for _ in range(10):
        esme = await world.bound()
        before = len(esme.octets)
        assert (await esme.wait_closed()).reason.startswith(("framing lost", "a PDU was begun"))
        length, command_id, status, _ = HEADER.unpack_from(esme.octets, before)
        assert (command_id, status, length != 16) == (CommandId.ENQUIRE_LINK, 0, True)


@shows({"link.slow_read": 100})
async def test_an_smsc_that_reads_slowly_answers_slowly_from_the_first_octet_on(
    world: World, autojump_clock: MockClock
) -> None:
    esme = await world.bound()
    bound_at = world.elapsed
    assert bound_at > 0.2
    before, size = world.elapsed, len(b"\0" * 16) + 51
    for _ in range(10):
        esme.send_submit(short_message=b"x" * 10)
    await esme.wait(lambda: len(esme.seen_of(SubmitSmResp)) == 10)
    assert world.elapsed - before == pytest.approx(10 * size / 100, rel=0.2)
    world.smsc.behaviour.override("link.slow_read", 0)
    await trio.sleep(2 * TICK_SECONDS)
    now = trio.current_time()
    await esme.submit()
    assert trio.current_time() == now


@shows({"link.ignore_enquire_link": True})
async def test_enquire_link_is_not_answered_but_all_else_is(world: World, autojump_clock: MockClock) -> None:
    early = world.connect()
    early.send(EnquireLink())
    esme = await world.bound(limits=replace(LIMITS, enquire_link_interval=5.0))
    await esme.submit()
    await esme.wait_deliveries(1)
    assert (await esme.wait_closed()).reason == "enquire_link was not answered"
    assert early.seen_of(EnquireLinkResp) == esme.seen_of(EnquireLinkResp) == []


async def test_enquire_link_is_answered_by_a_friendly_smsc(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    esme.send(EnquireLink())
    await esme.wait(lambda: bool(esme.seen_of(EnquireLinkResp)))
    await trio.sleep(300)
    assert esme.closed is None


async def enquire(esme: Esme, times: int) -> None:
    for _ in range(times):
        await trio.sleep(4)
        esme.send(EnquireLink())


@shows({"link.idle_close": 5.0})
async def test_a_connection_is_closed_when_the_esme_has_sent_nothing_for_its_time(
    world: World, autojump_clock: MockClock
) -> None:
    esme = await world.bound()
    await enquire(esme, 5)
    assert esme.closed is None
    assert (await esme.wait_closed()).reason == "the peer closed the connection"
    assert 25.0 <= esme.closed_at - world.began <= 25.0 + TICK_SECONDS
    assert esme.seen_of(Unbind) == []
