"""Frames of the upstream protocol: any frame makes the round trip however it is cut; what is wrong breaks cleanly."""

import tracemalloc
from itertools import pairwise
from typing import Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.upstream import CLIENT_KINDS, GATEWAY_KINDS, HEADS, SHORTS, VERSION, Frame, Frames, pack, pack_results

PING = ["ping", 7]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXTS | st.binary()
ITEMS = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)
KINDS = CLIENT_KINDS | GATEWAY_KINDS


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """A frame of any kind with any items, sometimes more than it must have."""
    kind, items = draw(st.sampled_from(sorted(KINDS.items())))
    more = draw(st.lists(ITEMS, min_size=items - 1, max_size=items + 1))
    return [kind, *more]


def reader(max_frame: int = 1 << 20, max_depth: int = 8, kinds: dict[str, int] = CLIENT_KINDS) -> Frames:
    return Frames(kinds, max_frame=max_frame, max_depth=max_depth)


def read_all(octets: bytes, cuts: list[int], **limits: Any) -> tuple[list[Frame], str]:  # noqa: ANN401  # as `reader` takes
    """The frames found in the pieces and why the stream broke, if it did."""
    read = reader(**limits)
    found = [frame for start, end in pairwise([0, *cuts, len(octets)]) for frame in read.feed(octets[start:end])]
    return found, str(read.broken or "")


@given(st.lists(frames(), max_size=4), st.data())
def test_frames_make_the_round_trip_however_they_are_cut(sent: list[Frame], data: st.DataObject) -> None:
    octets = b"".join(map(pack, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=6)))
    for pieces in (cuts, list(range(len(octets)))):
        assert read_all(octets, pieces, kinds=KINDS, max_depth=100) == (sent, "")


@given(
    st.binary(max_size=60) | st.lists(frames() | ITEMS, max_size=3).map(lambda sent: b"".join(map(pack, sent))),
    st.data(),
)
@example(pack(PING) + b"\xc1" + pack(PING), None)
def test_garbage_breaks_the_stream_the_same_way_however_it_is_cut(octets: bytes, data: st.DataObject | None) -> None:
    whole = read_all(octets, [], max_frame=50, max_depth=2)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=6))) if data else [3]
    found, broken = read_all(octets, cuts, max_frame=50, max_depth=2)
    assert found == whole[0]
    assert bool(broken) == bool(whole[1])


ODD = {
    "unknown kind": (pack(["pong", 1]), "unknown kind of frame; known are hello, submit"),
    "no kind": (pack([1, 2]), "a frame is an array that begins with its kind"),
    "an octet string for a kind": (pack([b"ping", 2]), "a frame is an array that begins with its kind"),
    "empty": (pack([]), "a frame is an array that begins with its kind"),
    "no array": (pack({"ping": 1}), "a frame is an array that begins with its kind"),
    "only a number": (b"\x00", "a frame is an array that begins with its kind"),
    "too short": (pack(["submit", 1]), "submit has 3 items, not 2"),
    "reserved octet": (b"\x92\xa4ping\xc1", "what was sent is not msgpack"),
    "broken text": (b"\x92\xa4ping\xa1\xff", "what was sent is not msgpack"),
    "ext type": (pack(["ping", msgpack.ExtType(5, b"x")]), "what was sent is not msgpack without ext types"),
    "empty ext type": (pack(["ping", msgpack.ExtType(5, b"")]), "what was sent is not msgpack without ext types"),
    "timestamp": (pack(["ping", msgpack.Timestamp(1, 2)]), "what was sent is not msgpack without ext types"),
    "a number for a key": (pack(["ping", {1: 2}]), "what was sent is not msgpack"),
    "octets for a key": (pack(["ping", [{b"id": 2}]]), "what was sent is not msgpack without ext types and with str"),
    "an array for a key": (b"\x92\xa4ping\x81\x90\x01", "what was sent is not msgpack"),
    "nested 9 deep": (pack(["ping", [[[[[[[[]]]]]]]]]), "a frame may be nested 8 deep"),
    "maps nested 9 deep": (
        pack(["ping", {"": {"": {"": {"": {"": {"": {"": {}}}}}}}}]),
        "a frame may be nested 8 deep",
    ),
    "nested beyond any stack": (b"\x92\xa4ping" + b"\x91" * 100_000, "what was sent is not msgpack"),
    "too long": (pack(["ping", bytes(1 << 20)]), "a frame may have 1048576 octets"),
    "too long and not whole": (b"\x92\xa4ping\xc6\xff\xff\xff\xff" + bytes(1 << 20), "a frame may have 1048576 octets"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_wrong_breaks_the_stream_after_the_frames_before_it(name: str) -> None:
    octets, said = ODD[name]
    read = reader()
    assert read.feed(pack(PING) * 2 + octets + pack(PING)) == [PING, PING]
    assert read.broken is not None
    assert read.broken.code == "bad_frame"
    assert str(read.broken).startswith(said)
    assert read.feed(pack(PING)) == []


CLIENT: list[Frame] = [
    ["hello", {"version": VERSION, "client": "bank", "secret": "s", "agent": "a/1"}],
    *(["submit", 1, []], ["preview", "t", []], ["cancel", 1, ["id"]], ["status", 1, []]),
    *(["subscribe", 1, {"after": None}], ["ack", "c7"], ["ping", 1]),
]
GATEWAY: list[Frame] = [
    *(["welcome", {}], ["result", 1, []], ["subscribed", 1, {"after": 7}], ["events", [[8, {}]]]),
    *(["credit", 10], ["pong", 1], ["error", None, "bad_frame", "why"]),
]
"""One frame of each kind, as short as the page allows."""


@pytest.mark.parametrize(("sent", "kinds"), [(CLIENT, CLIENT_KINDS), (GATEWAY, GATEWAY_KINDS)])
def test_each_kind_has_the_items_that_the_page_says(sent: list[Frame], kinds: dict[str, int]) -> None:
    assert [frame[0] for frame in sent] == list(kinds)
    assert VERSION == 1
    for frame in sent:
        assert reader(kinds=kinds).feed(pack(frame)) == [frame]
        assert reader(kinds=kinds).feed(pack(frame[:-1])) == []


def test_what_is_just_within_the_limits_is_taken() -> None:
    deepest: Frame = ["ping", [[[{"": [[[]]]}]]]]
    longest: Frame = ["ping", bytes((1 << 20) - 11)]
    assert len(pack(longest)) == 1 << 20
    read = reader()
    assert read.feed(pack(deepest) + pack(longest)) == [deepest, longest]
    assert read.broken is None
    assert reader(max_frame=len(pack(longest)) - 1).feed(pack(longest)) == []


def test_a_long_stream_in_small_pieces_is_not_taken_for_a_long_frame() -> None:
    read, octets = reader(max_frame=100), pack(["ping", "x" * 60])
    for _ in range(50):
        assert read.feed(octets[:50]) == []
        assert read.feed(octets[50:]) == [["ping", "x" * 60]]
    assert read.broken is None


@pytest.mark.parametrize("size", [99, 100, 101])
def test_the_limit_counts_the_whole_frame_however_it_is_cut(size: int) -> None:
    octets = pack(["ping", "x" * (size - 8)])
    assert len(octets) == size
    for cut in range(1, size):
        found, broken = read_all(octets, [cut], max_frame=100)
        assert (len(found), bool(broken)) == ((1, False) if size <= 100 else (0, True))


@pytest.mark.parametrize(
    "header", [b"\xdd\x7f\xff\xff\xff", b"\xdf\x7f\xff\xff\xff", b"\xc6\x7f\xff\xff\xff", b"\xdd\0\x0f\xff\xff"]
)
def test_what_a_header_promises_costs_no_memory(header: bytes) -> None:
    read = reader()
    tracemalloc.start()
    try:
        read.feed(b"\x92\xa4ping" + header * 500)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_broken_stream_holds_nothing() -> None:
    read = reader(max_frame=1000)
    tracemalloc.start()
    try:
        for _ in range(100):
            read.feed(bytes([0xC6, 0xFF, 0xFF, 0xFF, 0xFF]) + bytes(100_000))
        assert tracemalloc.get_traced_memory()[0] < 150_000
    finally:
        tracemalloc.stop()
    assert read.broken is not None


def test_no_refusal_quotes_what_was_sent() -> None:
    for frame in (["secret-kind", 1], ["ping", {b"secret-kind": 1}], ["submit", "secret-kind"], "secret-kind"):
        read = reader()
        read.feed(pack(frame))
        assert "secret-kind" not in repr(read.broken)
        assert read.broken is not None


def test_a_text_that_is_not_utf_8_cannot_be_packed_and_harms_no_later_frame() -> None:
    with pytest.raises(UnicodeEncodeError):
        pack(["ping", "half an emoji: \ud83d"])
    assert pack(PING) == b"\x92\xa4ping\x07"


@given(st.integers(-(2**63), 2**64 - 1) | TEXTS, st.lists(ITEMS, max_size=20))
def test_results_that_are_packed_already_make_the_same_frame(tag: int | str, results: list[Any]) -> None:
    assert pack_results(tag, [pack(each) for each in results]) == pack(["result", tag, results])


def test_many_results_make_the_same_frame() -> None:
    assert pack_results(1, [b"\xc3"] * 1000) == pack(["result", 1, [True] * 1000])


def test_pieces_of_quick_twins_are_what_is_packed() -> None:
    assert [(HEADS[n] + "a" * n).encode("latin-1") for n in range(256)] == [pack("a" * n) for n in range(256)]
    assert [SHORTS[n].encode("latin-1") for n in range(256)] == [pack(n) for n in range(256)]
