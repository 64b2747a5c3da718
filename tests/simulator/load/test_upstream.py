from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import Any

import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair

from protocol.upstream import CLIENT_KINDS, Frames, pack
from simulator.load.plan import Numbers, Plan
from simulator.load.run import LoadFailed, Run
from simulator.load.upstream import WRITE_SECONDS, Client, UpstreamClient

Message = dict[str, Any]
SECRET = "s3cret"


def accept(message: Message) -> dict[str, Any]:
    return {"id": message["id"], "ok": True, "message_id": "m", "encoding": "ucs2", "parts": 1, "units": 1}


def delivered(message: Message) -> list[dict[str, Any]]:
    return [{"type": kind, "id": message["id"], "final": kind == "delivered"} for kind in ("submitted", "delivered")]


@dataclass(slots=True)
class Gateway:
    """A gateway on a wire of memory: what it is sent it keeps, what it answers is for the test to say."""

    nursery: trio.Nursery
    credit: int = 1000
    max_batch: int = 1000
    max_frame: int = 1 << 20
    check: Callable[[Message], dict[str, Any]] = accept
    events: Callable[[Message], list[dict[str, Any]]] = delivered
    answer_delay: float = 0.1
    event_delay: float = 1.0
    hellos: list[Message] = field(default_factory=list)
    batches: list[list[Message]] = field(default_factory=list)
    acks: list[Any] = field(default_factory=list)
    most_unanswered: int = 0
    stream: trio.abc.Stream = field(init=False)
    on_hello: Callable[[], None] | None = None
    """What it does instead of welcoming."""
    on_submit: Callable[[int], None] | None = None
    """What it does instead of answering, with the tag."""
    _out: trio.MemorySendChannel[bytes] = field(init=False)
    _unanswered: int = 0
    _cursor: int = 0

    @property
    def messages(self) -> list[Message]:
        return [message for batch in self.batches for message in batch]

    async def connect(self) -> trio.abc.Stream:
        ours, self.stream = memory_stream_pair()
        self._out, queued = trio.open_memory_channel[bytes](inf)
        self.nursery.start_soon(self._serve, self.stream)
        self.nursery.start_soon(self._write, self.stream, queued)
        return ours

    def send(self, *frame: Any) -> None:  # noqa: ANN401  # whatever the test wants
        self.send_octets(pack(list(frame)))

    def send_octets(self, octets: bytes) -> None:
        self._out.send_nowait(octets)

    async def _write(self, stream: trio.abc.Stream, queued: trio.MemoryReceiveChannel[bytes]) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for octets in queued:
                await stream.send_all(octets)

    async def _serve(self, stream: trio.abc.Stream) -> None:
        frames = Frames(CLIENT_KINDS, max_frame=1 << 20, max_depth=8)
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while octets := await stream.receive_some(1 << 16):
                for frame in frames.feed(bytes(octets)):
                    self._take(frame)
                assert not frames.broken

    def _take(self, frame: list[Any]) -> None:
        if frame[0] == "hello":
            self.hellos.append(frame[1])
            limits = {"credit": self.credit, "max_batch": self.max_batch, "max_frame": self.max_frame}
            if self.on_hello:
                self.on_hello()
            else:
                self.send("welcome", limits)
        elif frame[0] == "subscribe":
            self.send("subscribed", frame[1], frame[2])
        elif frame[0] == "ack":
            self.acks.append(frame[1])
        elif frame[0] == "submit":
            self.batches.append(frame[2])
            self._unanswered += len(frame[2])
            self.most_unanswered = max(self.most_unanswered, self._unanswered)
            if self.on_submit:
                self.on_submit(frame[1])
            else:
                self.nursery.start_soon(self._answer, frame[1], frame[2])

    async def _answer(self, tag: int, messages: list[Message]) -> None:
        await trio.sleep(self.answer_delay)
        self._unanswered -= len(messages)
        results = [self.check(message) for message in messages]
        self.send("result", tag, results)
        self.send("credit", len(messages))
        await trio.sleep(self.event_delay)
        events = [event for message in messages for event in self.events(message)]
        self._cursor += len(events)
        self.send("events", [[self._cursor - len(events) + n + 1, event] for n, event in enumerate(events)])


def plan(**fields: Any) -> Plan:  # noqa: ANN401  # the fields of a Plan
    usual: dict[str, Any] = {"numbers": Numbers(9012340000, 10_000, 11), "mix": {"japanese": 1}, "count": 100}
    return Plan(**usual | fields)


async def load(gateway: Gateway, plan: Plan) -> Run:
    run = Run(plan)
    with trio.fail_after(3600):
        await UpstreamClient(run, Client("bank", SECRET), gateway.connect).load()
    return run


@pytest.fixture
def gateway(nursery: trio.Nursery) -> Gateway:
    return Gateway(nursery)


async def test_messages_go_out_in_batches_and_are_followed_to_their_end(
    autojump_clock: MockClock, gateway: Gateway
) -> None:
    run = await load(gateway, plan(count=120, batch=50))
    assert [len(batch) for batch in gateway.batches] == [50, 50, 20]
    assert len({message["id"] for message in gateway.messages}) == 120
    assert [message["to"] for message in gateway.messages] == [f"0901234{n:04}" for n in range(120)]
    assert (run.tally.answered, run.tally.accepted, run.tally.ends) == (120, 120, {"delivered": 120})
    assert run.tally.answer.percentile(99) == pytest.approx(0.1, rel=0.01)
    assert run.tally.end.percentile(99) == pytest.approx(1.1, rel=0.01)
    assert gateway.hellos[0]["client"] == "bank"
    assert gateway.hellos[0]["secret"] == SECRET


async def test_all_events_are_acknowledged(autojump_clock: MockClock, gateway: Gateway) -> None:
    await load(gateway, plan(count=100, batch=50, window=50))
    assert gateway.acks[0] == 100


async def test_a_second_run_has_ids_of_its_own(autojump_clock: MockClock, gateway: Gateway) -> None:
    await load(gateway, plan(count=10))
    await load(gateway, plan(count=10))
    assert len({message["id"] for message in gateway.messages}) == 20


@pytest.mark.parametrize(("window", "credit", "most"), [(30, 1000, 30), (500, 40, 40), (60, 60, 50)])
async def test_neither_window_nor_credit_is_overrun(
    autojump_clock: MockClock, gateway: Gateway, window: int, credit: int, most: int
) -> None:
    gateway.credit = credit
    run = await load(gateway, plan(count=300, window=window, receipts=False))
    assert run.tally.answered == 300
    assert gateway.most_unanswered == most


async def test_a_closed_loop_with_receipts_keeps_so_many_on_their_way_until_they_end(
    autojump_clock: MockClock, gateway: Gateway
) -> None:
    run = await load(gateway, plan(count=200, window=50, batch=50))
    assert run.tally.took == pytest.approx(3 * 1.1 + 0.1)


async def test_an_open_loop_sends_by_its_schedule_and_does_not_wait_for_a_batch(
    autojump_clock: MockClock, gateway: Gateway
) -> None:
    gateway.answer_delay = 2.0
    run = await load(gateway, plan(rate=10, count=30, window=1000))
    assert [len(batch) for batch in gateway.batches] == [1] * 30
    assert run.tally.left.counts == [10, 10, 10]
    assert run.tally.answer.longest == pytest.approx(2.0)


async def test_an_open_loop_counts_from_when_a_message_should_have_left(
    autojump_clock: MockClock, gateway: Gateway
) -> None:
    gateway.answer_delay = 1.0
    run = await load(gateway, plan(rate=10, count=20, window=1, receipts=False))
    assert run.tally.answer.longest == pytest.approx(20 - 1.9)


async def test_the_gateways_limits_bound_a_batch(autojump_clock: MockClock, gateway: Gateway) -> None:
    gateway.max_batch = 7
    await load(gateway, plan(count=20))
    assert max(len(batch) for batch in gateway.batches) == 7
    gateway.max_batch, gateway.max_frame = 1000, 3 * 1024
    gateway.batches.clear()
    await load(gateway, plan(count=20))
    assert max(len(batch) for batch in gateway.batches) == 3


async def test_without_receipts_none_are_asked_for_and_no_end_is_waited_for(
    autojump_clock: MockClock, gateway: Gateway
) -> None:
    run = await load(gateway, plan(receipts=False))
    assert {message["receipt"] for message in gateway.messages} == {False}
    assert run.tally.took == pytest.approx(0.1)
    assert (run.tally.ends, run.tally.strays, run.followed) == ({}, 0, {})


async def test_a_sender_is_named_when_it_is_given(autojump_clock: MockClock, gateway: Gateway) -> None:
    await load(gateway, plan(count=1))
    await load(gateway, plan(count=1, sender="0005123456"))
    assert [message.get("sender") for message in gateway.messages] == [None, "0005123456"]


async def test_refusals_are_counted_by_code_and_no_end_is_waited_for(
    autojump_clock: MockClock, gateway: Gateway
) -> None:
    def check(message: Message) -> dict[str, Any]:
        refused = message["to"].endswith("7")
        return {"id": message["id"], "ok": False, "error": "not_mobile", "detail": ""} if refused else accept(message)

    gateway.check = check
    gateway.events = lambda message: [] if message["to"].endswith("7") else delivered(message)
    run = await load(gateway, plan())
    assert run.tally.refused == {"not_mobile": 10}
    assert run.tally.ends == {"delivered": 90}
    assert not run.followed


async def test_every_end_is_counted_by_its_type(autojump_clock: MockClock, gateway: Gateway) -> None:
    ends = ["delivered", "undelivered", "rejected", "expired", "unknown"]

    def events(message: Message) -> list[dict[str, Any]]:
        kind = ends[int(message["to"][-1]) % 5]
        return [{"type": kind, "id": message["id"], "final": kind != "unknown"}, {"type": "incoming", "text": "hi"}]

    gateway.events = events
    run = await load(gateway, plan())
    assert run.tally.ends == dict.fromkeys(ends, 20)
    assert run.tally.incoming == 100


async def test_events_of_others_are_acknowledged_and_passed_over(autojump_clock: MockClock, gateway: Gateway) -> None:
    gateway.events = lambda message: [*delivered(message), {"type": "delivered", "id": "another", "final": True}]
    run = await load(gateway, plan(count=50))
    assert run.tally.ends == {"delivered": 50}
    assert run.tally.strays == 0


async def test_a_second_end_is_a_stray(autojump_clock: MockClock, gateway: Gateway) -> None:
    gateway.events = lambda message: delivered(message)[1:] * 2
    run = await load(gateway, plan(count=50, batch=50))
    assert (run.tally.ends, run.tally.strays) == ({"delivered": 50}, 50)


async def test_a_batch_that_is_refused_as_a_whole_counts_for_each_of_its_messages(
    autojump_clock: MockClock, gateway: Gateway
) -> None:
    gateway.on_submit = lambda tag: gateway.send("error", tag, "no_credit", "wait for results")
    run = await load(gateway, plan(count=30, batch=30))
    assert run.tally.refused == {"no_credit": 30}
    assert not run.followed


async def test_a_wrong_secret_fails_the_load_in_the_gateways_words(autojump_clock: MockClock, gateway: Gateway) -> None:
    gateway.on_hello = lambda: gateway.send("error", None, "denied", "unknown client or wrong secret")
    with pytest.RaisesGroup(pytest.RaisesExc(LoadFailed, match=r"wrong secret \(denied\)")):
        await load(gateway, plan())


async def test_no_welcome_fails_the_load(autojump_clock: MockClock, gateway: Gateway) -> None:
    gateway.on_hello = lambda: None
    with pytest.RaisesGroup(pytest.RaisesExc(LoadFailed, match="no welcome")):
        await load(gateway, plan())


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        pack(["welcome", {}]),
        pack(["welcome", 7]),
        pack(["result", 99, []]),
        pack(["events", []]),
        pack(["events", [[1, {"type": "delivered"}]]]),
        pack(["credit", "many"]),
    ],
)
async def test_what_is_no_gateway_is_told_in_words(autojump_clock: MockClock, gateway: Gateway, octets: bytes) -> None:
    gateway.on_hello = lambda: gateway.send_octets(octets)
    with pytest.RaisesGroup(pytest.RaisesExc(LoadFailed, match="this is no gateway")):
        await load(gateway, plan())


async def test_a_connection_that_is_lost_ends_the_load_and_says_why(
    autojump_clock: MockClock, gateway: Gateway
) -> None:
    async def cut() -> None:
        await trio.sleep(2.05)
        await gateway.stream.aclose()

    gateway.nursery.start_soon(cut)
    run = await load(gateway, plan(rate=10, count=100))
    assert run.failure == "the gateway closed the connection"
    assert run.tally.sent == 21
    assert run.tally.answered == 20


async def test_a_gateway_that_falls_silent_ends_the_load_after_the_wait(
    autojump_clock: MockClock, gateway: Gateway
) -> None:
    gateway.answer_delay = inf
    run = await load(gateway, plan(wait=5.0))
    assert (run.tally.sent, run.tally.answered) == (100, 0)
    assert trio.current_time() == pytest.approx(5.0)


async def test_a_gateway_that_reads_no_more_ends_the_load(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    async def serve(stream: trio.abc.Stream) -> None:
        while b"subscribe" not in await stream.receive_some(1 << 16):
            pass
        await stream.send_all(pack(["welcome", {"credit": 100, "max_batch": 100, "max_frame": 1 << 20}]))
        await trio.sleep_forever()

    async def connect() -> trio.abc.Stream:
        ours, theirs = lockstep_stream_pair()
        nursery.start_soon(serve, theirs)
        return ours

    run = Run(plan(wait=3000.0))
    await UpstreamClient(run, Client("bank", SECRET), connect).load()
    assert run.failure == f"the gateway read nothing for {WRITE_SECONDS:g} s"
    nursery.cancel_scope.cancel()
