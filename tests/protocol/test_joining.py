"""Headers of every shape, and parts that come in every order, twice, or never."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.joining import Concat, Joiner, read_sar, split_udh

UDHI = 0x40


def joiner(timeout: float = 60.0, max_open: int = 10) -> Joiner[str]:
    """Return an empty joiner."""
    return Joiner(timeout, max_open)


@pytest.mark.parametrize(
    ("header", "concat"),
    [
        ("05 00 03 cd 03 02", Concat(0xCD, 3, 2, 8)),
        ("06 08 04 ab cd 03 02", Concat(0xABCD, 3, 2, 16)),
        ("0b 05 04 0b 84 23 f0 00 03 cd 03 02", Concat(0xCD, 3, 2, 8)),
        ("0b 00 03 cd 03 02 05 04 0b 84 23 f0", Concat(0xCD, 3, 2, 8)),
        ("0a 24 01 01 25 01 01 08 04 ab cd", None),
        ("0c 24 01 01 25 01 01 08 04 ab cd 03 02", Concat(0xABCD, 3, 2, 16)),
        ("06 05 04 0b 84 23 f0", None),
        ("00", None),
        ("02 70 00", None),
        ("0a 00 03 cd 00 01 00 03 ce 02 01", Concat(0xCE, 2, 1, 8)),
        ("0a 00 03 cd 02 01 00 03 ce 02 01", Concat(0xCE, 2, 1, 8)),
        ("05 00 03 cd 03 00", None),
        ("05 00 03 cd 03 04", None),
        ("04 00 02 cd 03", None),
        ("06 00 03 cd 03 02 ff", None),
        ("05 00 04 cd 03 02", None),
        ("01 00", None),
    ],
)
def test_a_header_is_taken_off_and_read(header: str, concat: Concat | None) -> None:
    assert split_udh(bytes.fromhex(header) + b"body", UDHI) == (concat, b"body")


def test_a_header_is_taken_off_a_payload_of_any_length() -> None:
    body = b"x" * 60_000
    assert split_udh(bytes.fromhex("06 08 04 ab cd 03 02") + body, UDHI) == (Concat(0xABCD, 3, 2, 16), body)


@pytest.mark.parametrize("octets", [b"", b"\x05", b"\x05\x00\x03\x01\x02", b"hello"])
def test_a_header_longer_than_the_octets_is_none(octets: bytes) -> None:
    assert split_udh(octets, UDHI) == (None, octets)


@pytest.mark.parametrize("esm_class", [0x00, 0x04, 0x80, 0xBF])
def test_without_udhi_all_is_body(esm_class: int) -> None:
    octets = bytes.fromhex("050003cd0302") + b"body"
    assert split_udh(octets, esm_class) == (None, octets)


@given(st.binary(max_size=60), st.integers(0, 255))
def test_no_header_is_too_broken_to_be_split(octets: bytes, esm_class: int) -> None:
    concat, body = split_udh(octets, esm_class)
    assert octets.endswith(body)
    assert concat is None or 1 <= concat.number <= concat.total <= 255


@pytest.mark.parametrize(
    ("tlvs", "concat"),
    [
        (((0x020C, b"\xab\xcd"), (0x020E, b"\x03"), (0x020F, b"\x02")), Concat(0xABCD, 3, 2, 16)),
        (((0x020F, b"\x01"), (0x020E, b"\x01"), (0x020C, b"\x00\x00")), Concat(0, 1, 1, 16)),
        (((0x020E, b"\x03"), (0x020F, b"\x02")), None),
        (((0x020C, b"\xab\xcd"), (0x020F, b"\x02")), None),
        (((0x020C, b"\xab\xcd"), (0x020E, b"\x03")), None),
        (((0x020C, b"\xab\xcd"), (0x020E, b"\x03"), (0x020F, b"\x04")), None),
        (((0x020C, b"\xab\xcd"), (0x020E, b"\x03"), (0x020F, b"\x00")), None),
        (((0x020C, b"\xab\xcd"), (0x020E, b"\x03\x00"), (0x020F, b"\x02")), None),
        (((0x020C, b"\xab\xcd\xef"), (0x020E, b"\x03"), (0x020F, b"\x02")), None),
        ((), None),
    ],
)
def test_sar_parameters_count_only_when_all_three_make_sense(
    tlvs: tuple[tuple[int, bytes], ...], concat: Concat | None
) -> None:
    assert read_sar(tlvs) == concat


@given(st.integers(1, 12).flatmap(lambda total: st.permutations(range(1, total + 1))))
def test_a_message_is_complete_with_its_last_missing_part_in_any_order(order: list[int]) -> None:
    parts = joiner()
    results = [parts.add("a", Concat(1, len(order), number, 8), str(number), 0.0) for number in order]
    assert results[:-1] == [None] * (len(order) - 1)
    assert results[-1] == [str(number) for number in range(1, len(order) + 1)]
    assert (len(parts), parts.next_deadline, parts.expire(inf)) == (0, inf, [])


@given(st.integers(2, 6).flatmap(lambda total: st.lists(st.integers(1, total), max_size=30).map(lambda n: (total, n))))
def test_parts_in_any_order_and_any_number_of_times_are_whole_or_handed_back_in_order(
    case: tuple[int, list[int]],
) -> None:
    total, numbers = case
    parts, came = joiner(), set[int]()
    for number in numbers:
        came.add(number)
        whole = parts.add("a", Concat(1, total, number, 8), str(number), 0.0)
        assert whole == ([str(each) for each in sorted(came)] if len(came) == total else None)
        came = set() if whole else came
    fragments = [list(message.fragments.items()) for message in parts.expire(inf)]
    assert fragments == ([[(number, str(number)) for number in sorted(came)]] if came else [])


def test_a_part_that_comes_twice_counts_once() -> None:
    parts = joiner()
    assert parts.add("a", Concat(1, 2, 1, 8), "x", 0.0) is None
    assert parts.add("a", Concat(1, 2, 1, 8), "x", 1.0) is None
    assert parts.add("a", Concat(1, 2, 2, 8), "y", 2.0) == ["x", "y"]


def test_a_reference_used_again_never_mixes_two_messages() -> None:
    parts = joiner()
    parts.add("a", Concat(1, 2, 1, 8), "old", 0.0)
    assert parts.add("a", Concat(1, 2, 1, 8), "new", 1.0) is None
    assert parts.next_deadline == -inf
    (old,) = parts.expire(1.0)
    assert (old.key, old.reference, old.total, old.since, old.fragments) == ("a", 1, 2, 0.0, {1: "old"})
    assert parts.add("a", Concat(1, 2, 2, 8), "end", 2.0) == ["new", "end"]


@pytest.mark.parametrize(
    ("key", "concat"),
    [
        (("account", "source", "other"), Concat(1, 2, 2, 8)),
        (("account", "other", "destination"), Concat(1, 2, 2, 8)),
        (("other", "source", "destination"), Concat(1, 2, 2, 8)),
        (("account", "source", "destination"), Concat(2, 2, 2, 8)),
        (("account", "source", "destination"), Concat(1, 3, 2, 8)),
        (("account", "source", "destination"), Concat(1, 2, 2, 16)),
    ],
)
def test_parts_of_different_messages_stay_apart(key: tuple[str, str, str], concat: Concat) -> None:
    parts = joiner()
    parts.add(("account", "source", "destination"), Concat(1, 2, 1, 8), "x", 0.0)
    assert parts.add(key, concat, "y", 0.0) is None
    assert len(parts) == 2


def test_a_message_is_given_up_when_its_time_is_over_counted_from_its_first_part() -> None:
    parts = joiner(timeout=10.0)
    parts.add("a", Concat(1, 3, 3, 8), "z", 100.0)
    parts.add("b", Concat(1, 2, 1, 8), "y", 105.0)
    parts.add("a", Concat(1, 3, 1, 8), "x", 109.0)
    assert parts.next_deadline == 110.0
    assert parts.expire(109.9) == []
    (given_up,) = parts.expire(110.0)
    assert list(given_up.fragments.items()) == [(1, "x"), (3, "z")]
    assert parts.next_deadline == 115.0
    assert [message.key for message in parts.expire(200.0)] == ["b"]


def test_the_oldest_message_is_given_up_when_there_is_no_room() -> None:
    parts = joiner(max_open=2)
    for key in ("a", "b", "c"):
        parts.add(key, Concat(1, 2, 1, 8), key, 0.0)
    assert (len(parts), parts.next_deadline) == (2, -inf)
    assert [message.key for message in parts.expire(0.0)] == ["a"]
    assert parts.next_deadline == 60.0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3), st.floats(0, 5)), max_size=60))
def test_every_part_is_joined_or_given_up_exactly_once(parts: list[tuple[int, int, float]]) -> None:
    kept, now = joiner(timeout=7.0, max_open=3), 0.0
    seen: list[str] = []
    for index, (key, number, wait) in enumerate(parts):
        now += wait
        seen += kept.add(key, Concat(1, 3, number, 8), str(index), now) or ()
        assert len(kept) <= 3
        seen += [body for message in kept.expire(now) for body in message.fragments.values()]
        assert now < kept.next_deadline
        assert (kept.next_deadline <= now + 7.0) is (len(kept) > 0)
    seen += [body for message in kept.expire(inf) for body in message.fragments.values()]
    assert len(kept) == 0
    assert sorted(seen) == sorted(str(index) for index in range(len(parts)))


def test_an_incomplete_message_does_not_show_its_text_or_its_numbers() -> None:
    parts = joiner()
    parts.add("09012345678", Concat(1, 2, 1, 8), "secret", 0.0)
    (message,) = parts.expire(inf)
    assert "secret" not in repr(message)
    assert "0901234" not in repr(message)
