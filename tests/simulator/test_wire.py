"""A wire over memory streams and a virtual clock: what its taps see, how it is deaf and slow, that nothing is lost."""

from math import inf
from random import Random
from typing import Final

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, assert_checkpoints, memory_stream_pair, wait_all_tasks_blocked

from protocol.constants import HEADER_OCTETS, MAX_PDU_OCTETS
from simulator.wire import SLOW_STEP_SECONDS, Frames, Wire
from tests.simulator.wires import A_PDU, ANSWER, JUNK, PDU, RECEIVED, SENT, Pair, Seen

CHUNKS: Final = st.lists(st.binary(min_size=1, max_size=50), max_size=10)


@pytest.fixture
def clock() -> MockClock:
    return MockClock(autojump_threshold=0)


@pytest.fixture
def pair(nursery: trio.Nursery) -> Pair:
    return Pair(nursery)


@given(chunks=CHUNKS)
async def test_without_a_fault_all_passes_both_ways_and_is_shown(chunks: list[bytes]) -> None:
    near, far = memory_stream_pair()
    seen: Seen = []
    wire = Wire(near, taps=[lambda *chunk: seen.append(chunk)])
    for chunk in chunks:
        await far.send_all(chunk)
        assert await wire.receive_some(100) == chunk
        await wire.wait_send_all_might_not_block()
        await wire.send_all(bytearray(chunk))
        assert await far.receive_some() == chunk
    now = trio.current_time()
    shown = [(direction, octets) for direction, octets, time in seen if time <= now]
    assert shown == [(direction, chunk) for chunk in chunks for direction in (RECEIVED, SENT)]


async def test_each_tap_sees_each_chunk_with_its_time(clock: MockClock, pair: Pair) -> None:
    other: Seen = []
    pair.wire.taps.append(lambda *chunk: other.append(chunk))
    await trio.sleep(1)
    await pair.far.send_all(b"in")
    assert await pair.wire.receive_some() == b"in"
    await trio.sleep(1)
    await pair.wire.send_all(b"out")
    assert [(way, octets, at - pair.began) for way, octets, at in pair.seen] == [
        (RECEIVED, b"in", 1),
        (SENT, b"out", 2),
    ]
    assert other == pair.seen


async def test_the_end_of_each_side_is_shown_once(clock: MockClock, pair: Pair) -> None:
    await pair.far.aclose()
    assert await pair.wire.receive_some() == b""
    await pair.wire.aclose()
    await pair.wire.aclose()
    assert [chunk[:2] for chunk in pair.seen] == [(RECEIVED, b""), (SENT, b"")]


async def test_a_write_that_fails_is_not_shown(clock: MockClock, pair: Pair) -> None:
    await pair.far.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await pair.wire.send_all(PDU)
    assert pair.seen == []


async def test_a_deaf_wire_neither_reads_nor_writes_until_its_time(clock: MockClock, pair: Pair) -> None:
    await pair.far.send_all(b"in")
    pair.wire.deaf_until(pair.began + 10)
    pair.nursery.start_soon(pair.wire.send_all, b"out")
    assert await pair.wire.receive_some() == b"in"
    assert await pair.far.receive_some() == b"out"
    assert [at - pair.began for _, _, at in pair.seen] == [10, 10]


async def test_what_comes_to_a_reader_that_became_deaf_waits_too(clock: MockClock, pair: Pair) -> None:
    async def send_later() -> None:
        await trio.sleep(1)
        pair.wire.deaf_until(pair.began + 10)
        await pair.far.send_all(b"in")

    pair.nursery.start_soon(send_later)
    assert await pair.wire.receive_some() == b"in"
    assert pair.elapsed == 10
    await pair.far.send_all(b"more")
    assert await pair.wire.receive_some() == b"more"
    assert pair.elapsed == 10


async def test_a_deaf_wire_that_is_struck_again_while_it_reads_stays_deaf(clock: MockClock, pair: Pair) -> None:
    async def strike() -> None:
        await trio.sleep(3)
        pair.wire.deaf_until(pair.began + 10)
        await pair.far.send_all(b"in")

    pair.wire.deaf_until(pair.began + 2)
    pair.nursery.start_soon(strike)
    assert await pair.wire.receive_some() == b"in"
    assert pair.elapsed == 10


async def test_deafness_may_be_ended_before_its_time(clock: MockClock, pair: Pair) -> None:
    pair.wire.deaf_until(inf)
    pair.nursery.start_soon(pair.wire.send_all, PDU)
    await trio.sleep(5)
    pair.wire.deaf_until(-inf)
    assert await pair.far.receive_some() == PDU
    assert pair.elapsed == 5


async def test_a_reader_that_gives_up_while_the_wire_is_deaf_loses_nothing(clock: MockClock, pair: Pair) -> None:
    with trio.move_on_after(5):
        async with trio.open_nursery() as reading:
            reading.start_soon(pair.wire.receive_some)
            await wait_all_tasks_blocked()
            pair.wire.deaf_until(pair.began + 10)
            await pair.far.send_all(b"in")
    assert pair.elapsed == 5
    assert pair.seen == []
    await trio.sleep(10)
    pair.wire.slow(0)  # any command: it must not make the wire forget what it holds
    with assert_checkpoints():
        assert await pair.wire.receive_some() == b"in"
    assert pair.elapsed == 15


async def test_the_end_of_the_stream_is_not_noticed_while_deaf(clock: MockClock, pair: Pair) -> None:
    pair.wire.deaf_until(pair.began + 10)
    await pair.far.aclose()
    assert await pair.wire.receive_some() == b""
    assert pair.elapsed == 10


@given(size=st.integers(1, 400), rate=st.sampled_from([1.0, 7.0, 100.0, 5000.0]), most=st.sampled_from([1, 9, None]))
def test_a_slow_wire_reads_all_in_order_and_no_faster_than_told(size: int, rate: float, most: int | None) -> None:
    octets = Random(size).randbytes(size)
    step = max(1, rate * SLOW_STEP_SECONDS)

    async def read() -> float:
        near, far = memory_stream_pair()
        wire, got, began = Wire(near), b"", trio.current_time()
        wire.slow(rate)
        await far.send_all(octets)
        while len(got) < size:
            got += (chunk := await wire.receive_some(most))
            assert len(chunk) <= step
            assert len(got) <= rate * (trio.current_time() - began) + step + 1e-6
        assert got == octets
        return trio.current_time() - began

    assert trio.run(read, clock=MockClock(autojump_threshold=0)) <= size / rate + 1e-6


@pytest.mark.parametrize("before", [0, 10_000])
async def test_a_wire_that_becomes_slow_while_it_reads_is_slow_at_once(
    clock: MockClock, pair: Pair, before: float
) -> None:
    async def strike() -> None:
        await wait_all_tasks_blocked()
        pair.wire.slow(50)
        await pair.far.send_all(bytes(range(100)))

    pair.wire.slow(before)
    pair.nursery.start_soon(strike)
    got = b"".join([await pair.wire.receive_some(1000) for _ in range(20)])
    assert got == bytes(range(100))
    assert pair.elapsed == pytest.approx(19 * SLOW_STEP_SECONDS)


async def test_a_slow_wire_leaves_the_rest_unread_so_that_the_peer_must_wait(
    clock: MockClock, nursery: trio.Nursery
) -> None:
    pair = Pair(nursery, lockstep=True)
    pair.wire.slow(100)
    nursery.start_soon(pair.far.send_all, bytes(1000))
    assert len(await pair.wire.receive_some()) == 10
    with pytest.raises(trio.BusyResourceError):
        await pair.far.send_all(b"")


async def test_a_wire_told_to_be_less_slow_does_not_wait_for_what_was_read_before(clock: MockClock, pair: Pair) -> None:
    await pair.far.send_all(bytes(1000))
    pair.wire.slow(10)
    assert len(await pair.wire.receive_some()) == 1
    pair.wire.slow(100)
    assert len(await pair.wire.receive_some()) == 10
    pair.wire.slow(0)
    assert len(await pair.wire.receive_some()) == 989
    assert pair.elapsed == 0


@given(pdus=st.lists(A_PDU), sizes=st.lists(st.integers(1, 60), min_size=1))
def test_frames_are_the_pdus_however_the_octets_come(pdus: list[bytes], sizes: list[int]) -> None:
    frames, octets, got = Frames(), b"".join(pdus), []
    for size in sizes:
        found, note = frames.cut(octets[:size])
        octets = octets[size:]
        got += found
        assert note == ""
    got += frames.cut(octets)[0]
    assert got == pdus


@given(chunks=CHUNKS)
def test_frames_of_garbage_are_none_or_whole_and_no_octet_comes_twice(chunks: list[bytes]) -> None:
    frames, size = Frames(), 0
    for chunk in chunks:
        size += len(chunk)
        for pdu in frames.cut(chunk)[0]:
            assert len(pdu) == int.from_bytes(pdu[:4], "big")
            size -= len(pdu)
    assert size >= 0


@pytest.mark.parametrize("length", [0, HEADER_OCTETS - 1, MAX_PDU_OCTETS + 1])
def test_frames_pass_over_garbage_with_a_note_and_go_on_with_the_next_chunk(length: int) -> None:
    frames = Frames()
    junk = length.to_bytes(4, "big") + JUNK
    assert frames.cut(PDU + junk[:2]) == ([PDU], "")
    found, note = frames.cut(junk[2:])
    assert found == []
    assert note == f"24 octets passed over: command_length is {length}"
    assert frames.cut(ANSWER + PDU) == ([ANSWER, PDU], "")
