"""The kinds of field: what they carry, and what they say when they cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.constants import Status
from protocol.errors import EncodingError, RemoteProtocolError
from protocol.fields import (
    C65,
    DESTINATION,
    SHORT_MESSAGE,
    SOURCE,
    TLVS,
    U8,
    COctetString,
    CountedOctets,
    Integer,
    Kind,
)
from tests.protocol.wire import values

SIZED: list[Kind] = [U8, Integer(2), Integer(4), COctetString(6), SOURCE, DESTINATION, C65, SHORT_MESSAGE]


@given(st.data(), st.sampled_from(SIZED), st.binary(max_size=9), st.binary(max_size=9))
def test_what_is_put_is_taken_wherever_it_stands(data: st.DataObject, kind: Kind, before: bytes, after: bytes) -> None:
    value = data.draw(values(kind))
    octets = kind.put(value, "field")
    end = len(before) + len(octets)
    assert kind.take(before + octets + after, len(before), end) == (value, end)


@given(values(TLVS), st.binary(max_size=9), st.binary(max_size=9))
def test_optional_parameters_fill_the_body_to_its_end(value: object, before: bytes, after: bytes) -> None:
    octets = TLVS.put(value, "tlvs")  # type: ignore[arg-type]  # drawn by kind
    end = len(before) + len(octets)
    assert TLVS.take(before + octets + after, len(before), end) == (value, end)


@given(st.data(), st.sampled_from([*SIZED, TLVS]))
def test_a_field_cut_short_is_refused_whatever_comes_after_the_body(data: st.DataObject, kind: Kind) -> None:
    octets = kind.put(data.draw(values(kind).filter(lambda value: value != ())), "field")
    last = (
        4 + (octets[2] << 8 | octets[3]) if kind is TLVS else len(octets)
    )  # whole optional parameters may end anywhere
    end = data.draw(st.integers(0 if kind is not TLVS else 1, last - 1))
    with pytest.raises(RemoteProtocolError):
        kind.take(octets + octets, 0, end)


@pytest.mark.parametrize(
    ("kind", "octets", "status"),
    [
        (U8, b"", Status.RINVCMDLEN),
        (Integer(2), b"\x01", Status.RINVCMDLEN),
        (COctetString(6), b"abcdef\0", Status.RINVPARLEN),
        (COctetString(6), b"abc", Status.RINVPARLEN),
        (SOURCE, b"1" * 21 + b"\0", Status.RINVSRCADR),
        (DESTINATION, b"1" * 21 + b"\0", Status.RINVDSTADR),
        (SHORT_MESSAGE, b"", Status.RINVMSGLEN),
        (SHORT_MESSAGE, b"\x03hi", Status.RINVMSGLEN),
        (TLVS, b"\x04\x24\x00", Status.RINVOPTPARSTREAM),
        (TLVS, b"\x04\x24\x00\x03hi", Status.RINVOPTPARSTREAM),
    ],
)
def test_each_way_to_be_wrong_has_its_status(kind: Kind, octets: bytes, status: Status) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        kind.take(octets, 0, len(octets))
    assert (caught.value.status, caught.value.fatal) == (status, False)


@pytest.mark.parametrize("kind", [COctetString(6), SOURCE, DESTINATION, C65])
def test_the_width_counts_the_nul(kind: COctetString) -> None:
    longest = b"x" * (kind.size - 1)
    assert kind.take(kind.put(longest, "f"), 0, kind.size) == (longest, kind.size)
    assert kind.take(kind.put(b"", "f"), 0, 1) == (b"", 1)
    with pytest.raises(EncodingError, match=f"^f may have {kind.size - 1} octets, has {kind.size}$"):
        kind.put(longest + b"x", "f")


def test_two_optional_parameters_with_one_tag_stay_two_and_in_order() -> None:
    twice = ((0x0424, b"a"), (0xFFFF, b""), (0, b""), (0x0424, b"b"))
    assert TLVS.put(twice, "tlvs").hex() == "04240001" + "61" + "ffff0000" + "00000000" + "04240001" + "62"
    assert TLVS.take(TLVS.put(twice, "tlvs"), 0, 18) == (twice, 18)


def test_the_longest_optional_parameter_is_carried() -> None:
    payload = ((0x0424, bytes(0xFFFF)),)
    assert TLVS.take(TLVS.put(payload, "tlvs"), 0, 4 + 0xFFFF) == (payload, 4 + 0xFFFF)


@pytest.mark.parametrize(("kind", "value"), [(U8, 256), (U8, -1), (Integer(2), 65536), (Integer(4), 1 << 32)])
def test_an_integer_out_of_range_is_refused_by_name(kind: Integer, value: int) -> None:
    with pytest.raises(EncodingError, match=f"^esm_class must be 0..{256**kind.size - 1}, is {value}$"):
        kind.put(value, "esm_class")


SECRET = b"09012345678-hunter2"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (COctetString(9), SECRET),
        (C65, SECRET + b"\0"),
        (SOURCE, SECRET * 2),
        (CountedOctets(10), SECRET),
        (TLVS, ((0x10000, SECRET),)),
        (TLVS, ((-1, SECRET),)),
        (TLVS, ((0x0424, SECRET + bytes(0x10000 - len(SECRET))),)),
    ],
)
def test_a_refusal_names_the_field_and_not_what_was_in_it(kind: Kind, value: object) -> None:
    with pytest.raises(EncodingError) as caught:
        kind.put(value, "the_field")
    said = f"{caught.value!r} {caught.value.__cause__!r}"
    assert "the_field" in said
    assert "0901" not in said
    assert "hunter" not in said
