from collections.abc import Iterator
from itertools import permutations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from protocol.constants import DATA_CODINGS, Coding, Concatenation, DataCoding, Tag
from protocol.joining import read_sar, split_udh
from protocol.text import Profile
from simulator import ledger as ledger_module
from simulator.ledger import Ledger, Part, Query, describe
from simulator.verdicts import JOIN_SECONDS, Verdict
from tests.simulator.taken import (
    BLOCK,
    DESTINATION,
    TEXT,
    TIME,
    concatenated,
    part,
    parts,
    read_all,
    single,
    singles,
    small_blocks,
    take,
)


@pytest.fixture(autouse=True, scope="module")
def _small_blocks() -> Iterator[None]:
    with small_blocks():
        yield


async def write(ledger: Ledger) -> None:
    """Let everything that fills a block go to disk."""
    await ledger._write_all()


async def bodies(ledger: Ledger, query: Query | None = None, start: int = 0) -> list[tuple[int, bytes]]:
    found = await read_all(ledger, query, start)
    return [(entry.part.index, entry.part.submit.short_message) for entry in found]


async def joined(ledger: Ledger) -> list[str | None]:
    return [entry.joined for entry in await read_all(ledger)]


# 0..29: take so many; -1: write to disk; -2: clear
STEPS = st.lists(st.one_of(st.integers(0, 29), st.sampled_from([-1, -2])), max_size=12)


@given(st.integers(1, 40), STEPS, st.integers(0, 100))
async def test_the_newest_parts_are_kept_and_found_by_their_index(size: int, steps: list[int], start: int) -> None:
    ledger, taken, cleared = Ledger(size), list[Part](), 0
    for step in steps:
        if step == -1:
            await write(ledger)
        elif step == -2:
            ledger.clear()
            cleared = len(taken)
        else:
            new = singles(step)
            take(ledger, new)
            taken += new
    begin = max(cleared, len(taken) - size)
    kept = [(index, each.submit.short_message) for index, each in enumerate(taken)][begin:]
    assert await bodies(ledger, start=start) == kept[max(0, start - begin) :]
    assert (ledger.begin, ledger.end) == (begin, len(taken))
    assert (ledger.parts, ledger.messages) == (len(taken) - cleared,) * 2
    assert ledger.forgotten == begin - cleared
    await ledger.close()


FEW = st.sampled_from([b"1", b"12", b"7777"])
SOME = st.lists(st.tuples(FEW, FEW, st.integers(1, 2), st.booleans()), min_size=20, max_size=50)


@given(SOME, st.integers(0, 50), st.none() | st.sampled_from([Verdict.UNDECODABLE, Verdict.SEEN_TWICE]), st.data())
async def test_a_query_finds_what_looking_at_every_part_finds(
    rows: list[tuple[bytes, bytes, int, bool]], on_disk: int, verdict: Verdict | None, data: st.DataObject
) -> None:
    ledger = Ledger(30)
    taken = [
        part(
            single(b"\xff" if bad else b"x", source_addr=source, destination_addr=destination),
            session=session,
            message_id=b"m" + destination,
        )
        for source, destination, session, bad in rows
    ]
    take(ledger, taken[:on_disk])
    await write(ledger)
    take(ledger, taken[on_disk:])
    query = Query(
        source=data.draw(st.none() | FEW),
        destination=data.draw(st.none() | FEW),
        session=data.draw(st.none() | st.integers(1, 2)),
        message_id=data.draw(st.sampled_from([None, b"m1"])),
        verdict=verdict,
    )
    every = await read_all(ledger)
    wanted = [
        entry.part.index
        for entry in every
        if query.wants(entry.part) and (verdict is None or (verdict.name or "").lower() in entry.verdicts)
    ]
    assert [index for index, _ in await bodies(ledger, query)] == wanted
    await ledger.close()


@given(
    st.integers(0, 40),
    st.integers(0, 40),
    st.integers(1, 40),
    st.integers(0, 12),
    st.none() | st.sampled_from([b"1", b"7"]),
)
async def test_reading_back_finds_the_same_from_the_other_end(
    on_disk: int, more: int, size: int, left: int, destination: bytes | None
) -> None:
    ledger, query = Ledger(size), Query(destination=destination)
    taken = [part(single(b"", destination_addr=b"%d" % (n % 5))) for n in range(on_disk + more)]
    take(ledger, taken[:on_disk])
    await write(ledger)
    take(ledger, taken[on_disk:])
    stop = max(ledger.end - left, 0)
    wanted = [each.index for each in taken if ledger.begin <= each.index < stop and query.wants(each)]
    found: list[int] = []
    while stop > ledger.begin:
        entries, following = await ledger.read_back(query, stop)
        assert following < stop
        stop = following
        found = [entry.part.index for entry in entries] + found
    assert found == wanted
    assert await ledger.read_back(query, 0) == ([], 0)
    await ledger.close()


async def test_a_search_goes_through_all_that_is_on_disk_for_what_is_nowhere() -> None:
    ledger, query = Ledger(1000), Query(destination=b"nobody")
    take(ledger, singles(10 * BLOCK))
    await write(ledger)
    assert await bodies(ledger, query) == []
    steps, stop = 0, ledger.end
    while stop > 0:
        entries, stop = await ledger.read_back(query, stop)
        assert entries == []
        steps += 1
    assert steps == 4
    await ledger.close()


# what is joined


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("concatenation", [Concatenation.UDH8, Concatenation.UDH16, Concatenation.SAR])
async def test_a_text_in_three_parts_is_joined_on_every_part_whatever_their_order(
    order: tuple[int, ...], concatenation: Concatenation
) -> None:
    ledger, pieces = Ledger(10), parts(profile=Profile(concatenation=concatenation))
    for step, n in enumerate(order):
        assert await joined(ledger) == [None] * step
        ledger.take(pieces[n])
    assert await joined(ledger) == [TEXT] * 3
    assert [entry.indexes for entry in await read_all(ledger)] == [tuple(order.index(n) for n in range(3))] * 3


async def test_parts_far_apart_are_joined_from_disk() -> None:
    ledger, (first, second) = Ledger(200), parts("あ" * 100)
    take(ledger, [first, *singles(50), second, *singles(50)])
    await write(ledger)
    lines = [
        describe(entry)
        for entry in await read_all(ledger, Query(source=b"0005123456"))
        if entry.part in (first, second) or len(entry.indexes) > 1
    ]
    assert [line["joined"] for line in lines] == ["あ" * 100] * 2
    await ledger.close()


async def test_a_message_with_a_forgotten_part_is_not_joined() -> None:
    ledger, (first, second) = Ledger(BLOCK), parts("あ" * 100)
    take(ledger, [first, *singles(2), second])
    assert (await joined(ledger))[-1] == "あ" * 100
    take(ledger, singles(1))
    assert await joined(ledger) == ["0", "1", None, "0"]


async def test_an_emoji_that_was_cut_in_half_spoils_the_parts_but_not_the_whole() -> None:
    octets = ("あ" * 66 + "😀" + "い" * 10).encode("utf-16-be")
    ledger = Ledger(10)
    take(ledger, [part(submit) for submit in concatenated([octets[:134], octets[134:]])])
    lines = [describe(entry) for entry in await read_all(ledger)]
    assert [line["text"] for line in lines] == [None, None]
    assert [line["joined"] for line in lines] == ["あ" * 66 + "😀" + "い" * 10] * 2


async def test_what_is_no_text_is_joined_to_none() -> None:
    ledger = Ledger(10)
    take(ledger, [part(submit) for submit in concatenated([b"\1", b"\2"], data_coding=4)])
    assert [(entry.joined, entry.indexes) for entry in await read_all(ledger)] == [(None, (0, 1))] * 2


async def test_a_message_of_one_part_is_whole_at_once_numbered_or_not() -> None:
    ledger = Ledger(10)
    take(ledger, [*parts("短い"), *[part(submit) for submit in concatenated(["短い".encode("utf-16-be")])]])
    assert [(entry.joined, entry.indexes) for entry in await read_all(ledger)] == [("短い", (0,)), ("短い", (1,))]


async def test_packed_septets_are_joined_where_the_table_says_so() -> None:
    packed = {**DATA_CODINGS, DataCoding.DEFAULT.value: Coding.GSM7_PACKED}
    ledger = Ledger(10, data_codings=packed)
    take(ledger, parts("Hello, " * 30, profile=Profile(Coding.GSM7_PACKED, data_codings=packed)))
    assert await joined(ledger) == ["Hello, " * 30] * 2


async def test_a_message_that_waits_is_counted_and_judged_once_time_is_up() -> None:
    ledger = Ledger(10)
    ledger.take(parts("あ" * 100)[0])
    [entry] = await read_all(ledger, now=TIME)
    assert (entry.verdicts, ledger.waiting) == ((), 1)
    [entry] = await read_all(ledger, now=TIME + JOIN_SECONDS)
    assert (entry.verdicts, ledger.waiting) == (("never_completed",), 0)


UDH = st.builds(lambda head, rest: head + rest, st.sampled_from([b"", b"\5\0\3", b"\6\x08\4\0"]), st.binary(max_size=6))
SAR = st.tuples(st.sampled_from([Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM]), st.just(b"\2"))


@given(UDH, st.sampled_from([0, 0x40]), st.lists(SAR, max_size=4))
def test_a_message_is_counted_with_its_last_part(octets: bytes, esm_class: int, tlvs: list[tuple[int, bytes]]) -> None:
    ledger = Ledger(10)
    ledger.take(part(single(octets, esm_class=esm_class, tlvs=tuple(tlvs))))
    concat = split_udh(octets, esm_class)[0] or read_sar(tlvs)
    assert ledger.messages == (concat is None or concat.number == concat.total)


# what is bounded


async def test_octets_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MAX_OCTETS", 10_000)
    ledger = Ledger(1000)
    take(ledger, [part(single(b"x" * 200)) for _ in range(200)])
    await write(ledger)
    kept = ledger.end - ledger.begin
    assert 0 < kept < 10_000 / 200
    assert len(await read_all(ledger)) == kept
    assert ledger.forgotten == 200 - kept
    await ledger.close()


def test_a_block_with_long_optional_parameters_is_closed_before_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MAX_TLV_OCTETS", 500)
    ledger = Ledger(100)
    take(ledger, [part(single(b"", tlvs=((Tag.MESSAGE_PAYLOAD, b"x" * 300),))) for _ in range(6)])
    assert [block.count for block in ledger._blocks] == [2, 2, 2]


async def test_memory_stays_small_while_everything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, most = Ledger(10_000), 0
    take(ledger, singles(500))
    await write(ledger)
    stop, start = await ledger.examine(TIME), 0
    while start < stop:
        entries, start = await ledger.read(Query(), start, stop)
        most = max(most, len(entries))
    assert most == BLOCK
    assert len(ledger._unpacked) == 2
    assert all(block.packed == b"" for block in ledger._blocks)
    await ledger.close()


# what changes meanwhile


async def test_clear_forgets_parts_and_begun_messages_but_no_index() -> None:
    ledger, (first, second) = Ledger(10), parts("あ" * 100)
    ledger.take(first)
    assert len(await read_all(ledger)) == 1
    ledger.clear()
    assert (ledger.parts, ledger.messages, ledger.forgotten, await read_all(ledger)) == (0, 0, 0, [])
    ledger.take(second)
    assert [(entry.part.index, entry.joined) for entry in await read_all(ledger)] == [(1, None)]
    assert (ledger.parts, ledger.forgotten) == (1, 0)


@given(st.sampled_from([0, 3 * BLOCK]), st.booleans(), st.booleans())
async def test_reading_goes_on_whatever_is_taken_forgotten_or_cleared_meanwhile(
    unwritten: int, cleared: bool, destination: bool
) -> None:
    ledger = Ledger(6 * BLOCK)
    take(ledger, singles(6 * BLOCK - unwritten))
    await write(ledger)
    take(ledger, singles(unwritten))
    stop, start, found = await ledger.examine(TIME), 0, list[int]()
    query = Query(destination=DESTINATION) if destination else Query()
    while start < stop:
        entries, start = await ledger.read(query, start, stop)
        found += [entry.part.index for entry in entries]
        if len(found) == BLOCK:
            take(ledger, singles(2 * BLOCK))
            await write(ledger)
            if cleared:
                ledger.clear()
    assert found == ([*range(BLOCK)] if cleared else [*range(BLOCK), *range(2 * BLOCK, 6 * BLOCK)])
    await ledger.close()


async def test_two_may_examine_at_once() -> None:
    ledger = Ledger(1000)
    take(ledger, singles(100))
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(ledger.examine, TIME)
    assert [entry.verdicts for entry in await read_all(ledger)] == [()] * 100


async def test_whoever_subscribes_is_told_of_every_part_that_comes(autojump_clock: MockClock) -> None:
    ledger, told = Ledger(1000), list[int]()
    take(ledger, singles(3))
    ledger.on_part.append(lambda some: told.extend(each.index for each in some))
    async with trio.open_nursery() as nursery:
        await nursery.start(ledger.run)
        take(ledger, singles(1))
        await wait_all_tasks_blocked()
        assert told == [3]
        take(ledger, singles(2 * BLOCK))
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert told == list(range(3, 4 + 2 * BLOCK))
    await ledger.close()
