"""A link over memory streams and a virtual clock: the reader, the writer, the deadline, and every way to end."""

from collections.abc import Awaitable, Callable
from math import inf

import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair, wait_all_tasks_blocked

from protocol import link as module
from protocol.codec import encode
from protocol.constants import CommandId
from protocol.events import Answered, Closed, Event, Requested, Unanswered
from protocol.link import MAX_QUEUED_OCTETS, Link
from protocol.pdu import DeliverSm, DeliverSmResp, EnquireLink, EnquireLinkResp, SubmitSm, SubmitSmResp, Unbind
from protocol.session import Limits, Session
from protocol.states import Role, State
from tests.protocol.sessions import session_in

QUIET = Limits(enquire_link_interval=inf)


class Keeper:
    """Keeps the events it is handed; may do something else with each list first."""

    def __init__(self, also: Callable[[list[Event]], Awaitable[object]] | None = None) -> None:
        self.events: list[Event] = []
        self._also = also

    async def __call__(self, events: list[Event]) -> None:
        self.events += events
        if self._also:
            await self._also(events)


class Wire(trio.abc.Stream):
    """A stream whose peer is the test: `arriving` is given out one piece per read, and writes wait for `taking`."""

    def __init__(self, *arriving: bytes, endless: bytes = b"") -> None:
        self.arriving = list(arriving)
        self.endless = endless
        self.taking, self.closed = trio.Event(), trio.Event()
        self.taken: list[bytes] = []
        self.read = 0

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        if not self.arriving and not self.endless:
            await trio.sleep_forever()
        self.read += 1
        return self.arriving.pop(0) if self.arriving else self.endless

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.taking.wait()
        self.taken.append(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        await self.taking.wait()

    async def aclose(self) -> None:
        self.closed.set()
        await trio.lowlevel.checkpoint()


def bound(role: Role = Role.ESME, limits: Limits = QUIET) -> Session:
    return session_in(role, limits=limits, now=trio.current_time())


async def test_a_silent_carrier_costs_the_link_and_names_what_it_owed(autojump_clock: MockClock) -> None:
    ours, _theirs = memory_stream_pair()
    session = bound(limits=Limits(enquire_link_interval=30.0, enquire_link_timeout=10.0))
    session.request(SubmitSm(), opened := trio.current_time(), tag="m1")
    keep = Keeper()
    await Link(ours, session, write_timeout=5.0).run(keep)
    assert keep.events == [Closed("enquire_link was not answered", ["m1"])]
    assert trio.current_time() - opened == pytest.approx(40.0)


async def test_an_smsc_that_never_answers_the_bind_costs_the_link(autojump_clock: MockClock) -> None:
    ours, _theirs = memory_stream_pair()
    opened, keep = trio.current_time(), Keeper()
    await Link(ours, Session(Role.ESME, Limits(init_timeout=10.0), opened), write_timeout=5.0).run(keep)
    assert keep.events == [Closed("session was not bound in time")]
    assert trio.current_time() - opened == pytest.approx(10.0)


async def test_a_write_that_is_never_taken_ends_the_link(autojump_clock: MockClock) -> None:
    ours, _theirs = lockstep_stream_pair()
    session, keep = bound(), Keeper()
    session.request(SubmitSm(), opened := trio.current_time(), tag="m1")
    await Link(ours, session, write_timeout=7.0).run(keep)
    assert keep.events == [Closed("the peer took nothing for 7 s", ["m1"])]
    assert trio.current_time() - opened == pytest.approx(7.0, abs=0.01)


async def test_nothing_is_written_after_a_write_that_was_given_up(autojump_clock: MockClock) -> None:
    wire, session = Wire(), bound()
    session.request(SubmitSm(), trio.current_time(), tag="m1")

    async def take(events: list[Event]) -> None:
        wire.taking.set()

    link, keep = Link(wire, session, write_timeout=7.0), Keeper(take)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run, keep)
        await trio.sleep(1.0)
        session.request(SubmitSm(), trio.current_time(), tag="m2")
        link.flush()
    assert (keep.events, wire.taken) == ([Closed("the peer took nothing for 7 s", ["m1", "m2"])], [])


async def test_the_peer_closing_ends_the_link(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    session, keep = bound(), Keeper()
    session.request(SubmitSm(), trio.current_time(), tag="m1")
    await theirs.send_stream.aclose()
    await Link(ours, session, write_timeout=5.0).run(keep)
    assert keep.events == [Closed("the peer closed the connection", ["m1"])]
    assert await theirs.receive_some() == encode(SubmitSm(), 2)


async def test_a_read_that_breaks_ends_the_link(autojump_clock: MockClock) -> None:
    ours, _theirs = memory_stream_pair()

    async def breaks(max_bytes: int | None = None) -> bytes:
        raise trio.BrokenResourceError

    ours.receive_some = breaks  # type: ignore[method-assign]  # a connection reset by the peer
    session, keep = bound(), Keeper()
    await Link(ours, session, write_timeout=5.0).run(keep)
    assert keep.events == [Closed("the connection broke")]


async def test_a_write_that_breaks_ends_the_link(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    theirs.receive_stream.close()
    session, keep = bound(), Keeper()
    session.request(SubmitSm(), trio.current_time(), tag="m1")
    await Link(ours, session, write_timeout=5.0).run(keep)
    assert keep.events == [Closed("the connection broke", ["m1"])]


async def test_answers_that_arrived_before_the_write_broke_are_not_lost(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    session = bound()
    numbers = [session.request(SubmitSm(), trio.current_time(), tag=tag) for tag in ("m1", "m2", "m3")]

    async def meanwhile(events: list[Event]) -> None:
        if isinstance(events[0], Requested):
            await theirs.send_all(encode(SubmitSmResp(), numbers[0]) + encode(SubmitSmResp(), numbers[1]))
            theirs.receive_stream.close()
            session.respond(9, DeliverSmResp())
            link.flush()
            await wait_all_tasks_blocked()

    keep = Keeper(meanwhile)
    link = Link(ours, session, write_timeout=5.0)
    await theirs.send_all(encode(DeliverSm(), 9))
    await link.run(keep)
    assert [event.tag for event in keep.events if isinstance(event, Answered)] == ["m1", "m2"]
    assert keep.events[-1] == Closed("the connection broke", ["m3"])


async def test_many_requests_leave_in_one_write() -> None:
    wire, session = Wire(), bound(limits=Limits(window=100))
    wire.taking.set()
    link = Link(wire, session, write_timeout=5.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run, Keeper())
        await wait_all_tasks_blocked()
        numbers = [session.request(SubmitSm(), trio.current_time()) for _ in range(100)]
        link.flush()
        await wait_all_tasks_blocked()
        assert wire.taken == [b"".join(encode(SubmitSm(), number) for number in numbers)]
        link.close("seen enough")


async def test_a_flush_moves_the_deadline_earlier(autojump_clock: MockClock) -> None:
    ours, _theirs = memory_stream_pair()
    session, keep = bound(limits=Limits(enquire_link_interval=inf, response_timeout=5.0)), Keeper()
    link = Link(ours, session, write_timeout=5.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run, keep)
        await trio.sleep(100.0)
        number = session.request(SubmitSm(), trio.current_time(), tag="m1")
        link.flush()
        await trio.sleep(4.9)
        assert keep.events == []
        await trio.sleep(0.2)
        assert keep.events == [Unanswered("m1", number)]
        link.close("seen enough")


async def test_reading_stops_while_too_much_waits_to_be_written_and_goes_on_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_QUEUED_OCTETS", 1000)
    batch = encode(EnquireLink(), 1) * 20
    wire, session = Wire(endless=batch), bound()
    link = Link(wire, session, write_timeout=5.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run, Keeper())
        await wait_all_tasks_blocked()
        stopped_at = wire.read
        assert 1000 < session.queued <= 1000 + len(batch)
        wire.taking.set()
        while wire.read < stopped_at + 100:
            await trio.lowlevel.checkpoint()
        link.close("seen enough")
    assert b"".join(wire.taken).count(encode(EnquireLinkResp(), 1)) >= 20 * stopped_at


async def test_a_link_that_has_stopped_reading_may_still_be_closed(autojump_clock: MockClock) -> None:
    wire, session, keep = Wire(endless=encode(EnquireLink(), 1) * 4000), bound(), Keeper()
    link = Link(wire, session, write_timeout=50.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run, keep)
        await wait_all_tasks_blocked()
        assert session.queued > MAX_QUEUED_OCTETS
        link.close("shutting down")
        await wait_all_tasks_blocked()
        assert keep.events == [Closed("shutting down")]


async def test_what_the_owner_queued_and_never_flushed_does_not_stop_the_link(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    session = bound()

    async def answer(events: list[Event]) -> None:
        for _ in range(MAX_QUEUED_OCTETS // 16):
            session.respond(9, DeliverSmResp())

    await theirs.send_all(encode(DeliverSm(), 9) + encode(Unbind(), 10)[:8])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Link(ours, session, write_timeout=5.0).run, keep := Keeper(answer))
        await wait_all_tasks_blocked()
        await theirs.send_all(encode(Unbind(), 10)[8:])
    assert keep.events[-1] == Closed("the peer unbound")


async def test_a_flood_of_octets_never_starves_the_timers(mock_clock: MockClock) -> None:
    class Flood(Wire):
        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            mock_clock.jump(0.25)
            return await super().receive_some(max_bytes)

    session = bound(limits=Limits(response_timeout=5.0, inactivity_timeout=20.0))
    session.request(SubmitSm(), opened := trio.current_time(), tag="m1")
    wire, keep = Flood(endless=encode(EnquireLink(), 1) * 50), Keeper()
    wire.taking.set()
    await Link(wire, session, write_timeout=5.0).run(keep)
    assert keep.events == [Unanswered("m1", 2), Closed("unbind was not answered")]
    assert trio.current_time() - opened == pytest.approx(20.0 + session.limits.unbind_timeout, abs=0.5)


async def test_an_answer_that_arrived_during_a_stall_is_taken_before_the_peer_is_called_silent(
    autojump_clock: MockClock,
) -> None:
    ours, theirs = memory_stream_pair()
    limits = Limits(response_timeout=30.0, enquire_link_interval=30.0, enquire_link_timeout=10.0)
    session = bound(limits=limits)
    session.request(SubmitSm(), trio.current_time(), tag="m1")

    async def stall(events: list[Event]) -> None:
        await wait_all_tasks_blocked()
        enquiry = (await theirs.receive_some())[-16:]
        await theirs.send_all(encode(EnquireLinkResp(), int.from_bytes(enquiry[-4:], "big")))
        await trio.sleep(60.0)

    keep = Keeper(stall)
    with trio.move_on_after(95.0):
        await Link(ours, session, write_timeout=5.0).run(keep)
    assert (keep.events, session.state) == ([Unanswered("m1", 2)], State.BOUND_TRX)


async def test_a_link_may_be_closed_before_it_runs(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    link, keep = Link(ours, bound(), write_timeout=5.0), Keeper()
    link.close("never mind")
    await link.run(keep)
    assert (keep.events, await theirs.receive_some()) == ([Closed("never mind")], b"")


async def test_a_link_may_be_closed_while_it_reads_and_the_first_reason_counts(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    link, keep = Link(ours, bound(), write_timeout=5.0), Keeper()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run, keep)
        await wait_all_tasks_blocked()
        assert not link.closing
        link.close("shutting down")
        link.close("once more")
        assert link.closing
    assert (keep.events, await theirs.receive_some()) == ([Closed("shutting down")], b"")


async def test_a_link_may_be_closed_by_the_one_it_hands_events_to(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()

    async def close(events: list[Event]) -> None:
        link.close("a forged message")

    link, keep = Link(ours, bound(), write_timeout=5.0), Keeper(close)
    await theirs.send_all(encode(DeliverSm(), 9))
    await link.run(keep)
    assert keep.events == [Requested(DeliverSm(), 9), Closed("a forged message")]


async def test_closing_from_outside_does_not_wait_for_a_peer_that_takes_nothing(autojump_clock: MockClock) -> None:
    wire, session, keep = Wire(), bound(), Keeper()
    session.request(SubmitSm(), opened := trio.current_time(), tag="m1")
    link = Link(wire, session, write_timeout=7.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run, keep)
        await wait_all_tasks_blocked()
        link.close("shutting down")
        await wait_all_tasks_blocked()
        assert keep.events == [Closed("shutting down", ["m1"])]
    assert wire.closed.is_set()
    assert trio.current_time() - opened == pytest.approx(7.0, abs=0.01)


async def test_a_session_that_its_owner_closed_ends_the_link_at_the_next_flush(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    session, keep, opened = bound(), Keeper(), trio.current_time()
    link = Link(ours, session, write_timeout=5.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run, keep)
        await wait_all_tasks_blocked()
        assert session.close("by its owner") == [Closed("by its owner")]
        link.flush()
    assert (keep.events, await theirs.receive_some()) == ([], b"")
    assert trio.current_time() - opened == pytest.approx(0.0, abs=0.01)


async def test_the_last_octets_are_sent_before_the_stream_is_closed(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    keep = Keeper()
    await theirs.send_all(encode(Unbind(), 5))
    await Link(ours, bound(Role.SMSC), write_timeout=5.0).run(keep)
    assert keep.events == [Closed("the peer unbound")]
    assert (await theirs.receive_some())[4:8] == CommandId.UNBIND_RESP.to_bytes(4, "big")
    assert await theirs.receive_some() == b""


async def test_what_the_session_answers_itself_leaves_while_the_owner_is_busy(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    answered = trio.Event()

    async def busy(events: list[Event]) -> None:
        if isinstance(events[0], Requested):
            await answered.wait()

    link = Link(ours, bound(), write_timeout=5.0)
    await theirs.send_all(encode(DeliverSm(), 8) + encode(EnquireLink(), 9))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run, Keeper(busy))
        with trio.fail_after(1.0):
            assert await theirs.receive_some() == encode(EnquireLinkResp(), 9)
        answered.set()
        link.close("seen enough")


async def test_cancelling_closes_the_stream(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    keep = Keeper()
    with trio.move_on_after(5.0) as scope:
        await Link(ours, bound(), write_timeout=5.0).run(keep)
    assert scope.cancelled_caught
    assert (keep.events, await theirs.receive_some()) == ([], b"")


async def test_cancelling_while_a_write_waits_closes_the_stream(autojump_clock: MockClock) -> None:
    wire, session = Wire(), bound()
    session.request(SubmitSm(), trio.current_time())
    with trio.move_on_after(5.0):
        await Link(wire, session, write_timeout=50.0).run(Keeper())
    assert wire.closed.is_set()
    assert session.state is State.BOUND_TRX


async def test_an_error_of_the_owner_ends_the_link_and_closes_the_stream(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()

    async def fail(events: list[Event]) -> None:
        raise LookupError("no such part")

    await theirs.send_all(encode(DeliverSm(), 9))
    with pytest.RaisesGroup(pytest.RaisesExc(LookupError, match="no such part")):
        await Link(ours, bound(), write_timeout=5.0).run(Keeper(fail))
    assert await theirs.receive_some() == b""
