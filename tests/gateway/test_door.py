"""Connections of clients: the greeting in time, frames that break the rules, and clients that do not read."""

from pathlib import Path

import msgpack
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from protocol.upstream import pack
from tests.config.documents import SECRET
from tests.gateway.builders import House, in_virtual_time, message, opened, settle
from tests.gateway.callers import Caller

HELLO = pack(["hello", {"version": 1, "client": "bank", "secret": SECRET}])


async def test_who_says_nothing_is_told_so_after_five_seconds(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = house.call()
        await caller.stream.send_all(HELLO[:-1])
        [error] = await caller.read_end()
        assert error[:3] == ["error", None, "hello_timeout"]
        assert trio.current_time() == pytest.approx(5.0)
        await settle()
        assert not house.door.connections


async def test_who_has_said_hello_may_be_silent_for_ever(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await trio.sleep(500.0)
        assert (await caller.submit(message("1")))[0]["ok"]


async def test_a_hello_may_come_octet_by_octet(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = house.call()
        for octet in HELLO:
            await caller.stream.send_all(bytes([octet]))
            await trio.sleep(0.01)
        await caller.read("welcome")


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


BROKEN = {
    "an unknown kind": pack(["dance", 1]),
    "no array": pack({"submit": 1}),
    "an empty array": pack([]),
    "too few items": pack(["submit", 1]),
    "octets as kind": msgpack.packb([b"ping", 1]),
    "an extension": msgpack.packb(["ping", msgpack.ExtType(5, b"x")]),
    "no msgpack": b"\xc1",
    "a time": msgpack.packb(["ping", msgpack.Timestamp(5)]),
    "octets as key": msgpack.packb(["submit", 1, [{b"id": "1"}]]),
    "wrong UTF-8": b"\x92\xa4ping\xa1\xff",
    "too deep": pack(["submit", 1, nested(8)]),
    "far too deep": b"\x91" * 100_000,
    "too long": pack(["ping", "x" * 4096]),
    "too long, and never whole": b"\xdd\xff\xff\xff\xff\xa4ping" + b"\xc0" * 5000,
}


@pytest.mark.parametrize("octets", BROKEN.values(), ids=BROKEN)
async def test_what_breaks_the_framing_gets_an_error_and_loses_nothing_that_was_accepted(
    tmp_path: Path, autojump_clock: MockClock, octets: bytes
) -> None:
    async with opened(tmp_path, {"upstream.max_frame": 4096}) as house:
        caller = await house.greet()
        await caller.stream.send_all(pack(["submit", 1, [message("1")]]) + octets + pack(["ping", 2]))
        frames = await caller.read_end()
        assert frames[-1][:3] == ["error", None, "bad_frame"]
        assert ["pong", 2] not in frames
        again = await house.greet()
        assert (await again.submit(message("1")))[0]["duplicate"] is True


@settings(max_examples=20)
@given(st.binary(min_size=1, max_size=200), st.booleans())
def test_garbage_never_hurts_anybody_else(garbage: bytes, greeted: bool) -> None:
    async def send(folder: Path) -> None:
        async with opened(folder) as house:
            good = await house.greet()
            bad = house.call()
            await bad.stream.send_all((HELLO if greeted else b"") + garbage)
            await trio.sleep(10.0)
            assert (await good.submit(message("1")))[0]["ok"]

    in_virtual_time(send)


async def test_a_frame_of_exactly_the_longest_size_and_depth_is_taken(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"upstream.max_frame": 4096}) as house:
        caller = await house.greet()
        octets = pack(["ping", "x" * (4096 - 9)])
        assert len(octets) == 4096
        await caller.stream.send_all(octets)
        await caller.read("pong")
        assert (await caller.ask("submit", [{"id": "1", "meta": nested(4)}]))[0] == "result"


async def test_a_client_that_closes_after_its_question_loses_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.disk.hold()
        await caller.send(["submit", 1, [message("1")]])
        await settle()
        await caller.close()
        await settle()
        house.disk.release()
        again = await house.greet()
        assert (await again.submit(message("1")))[0]["duplicate"] is True
        assert len(house.door.connections) == 1


async def deaf(house: House) -> trio.abc.Stream:
    """A subscribed client on a wire that holds nothing, so that it must read what is written."""
    ours, theirs = trio.testing.lockstep_stream_pair()
    house.connect(theirs)
    caller = Caller(ours)
    await caller.greet("bank", SECRET)
    await caller.subscribe()
    return ours


async def test_a_client_that_never_reads_is_disconnected_and_slows_nobody(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"upstream.write_timeout": 20.0}) as house:
        stream = await deaf(house)
        reader = await house.greet()
        await reader.subscribe()
        begun = trio.current_time()
        await reader.submit(message("1", not_before=house.core.clock() + 99.0))
        await reader.look("cancel", "1")
        assert len(await reader.read_events(1)) == 1
        assert trio.current_time() == begun
        assert len(house.door.connections) == 2
        await trio.sleep(21.0)
        assert len(house.door.connections) == 1
        assert [line["code"] for line in house.log if line["event"] == "connection_closed"] == ["write_timeout"]
        await stream.aclose()


async def test_a_client_that_only_asks_is_read_no_further_than_its_answers_may_wait(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        ours, theirs = trio.testing.lockstep_stream_pair()
        house.connect(theirs)
        await Caller(ours).greet("bank", SECRET)
        sent = 0
        with trio.move_on_after(10.0):
            for _ in range(100):
                await ours.send_all(pack(["ping", "x" * 100_000]))
                sent += 1
        assert 10 <= sent < 30


async def test_answers_that_wait_for_the_disk_are_bounded_too(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        ours, theirs = trio.testing.lockstep_stream_pair()
        house.connect(theirs)
        await Caller(ours).greet("bank", SECRET)
        house.disk.hold()
        sent = 0
        with trio.move_on_after(10.0):
            for _ in range(2000):
                await ours.send_all(pack(["status", sent, ["1"]]))
                sent += 1
        assert 1000 <= sent < 1100


async def test_no_more_connections_than_allowed(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, {"upstream.max_connections": 2}) as house:
        first, second = await house.greet(), await house.greet()
        third = house.call()
        assert await third.read_end() == []
        await first.close()
        await settle()
        await house.greet()
        await second.send(["ping", 1])
        await second.read("pong")


async def test_many_connections_of_one_client_each_have_their_own_credit(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"upstream.credit": 2}) as house:
        callers = [await house.greet() for _ in range(20)]
        house.disk.hold()
        for n, caller in enumerate(callers):
            await caller.send(["submit", 1, [message(f"{n}a"), message(f"{n}b")]])
        house.disk.release()
        for n, caller in enumerate(callers):
            assert [result["id"] for result in (await caller.read("result"))[2]] == [f"{n}a", f"{n}b"]


async def test_who_asks_nothing_for_long_is_told_so_when_that_is_wished(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"upstream.idle_timeout": 60.0}) as house:
        caller = await house.greet()
        for _ in range(3):
            await trio.sleep(50.0)
            await caller.send(["ping", 1])
            await caller.read("pong")
        asked = trio.current_time()
        [error] = await caller.read_end()
        assert error[:3] == ["error", None, "idle_timeout"]
        assert trio.current_time() - asked == pytest.approx(60.0)
