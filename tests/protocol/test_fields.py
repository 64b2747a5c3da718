"""The kinds of field: what they carry, and what they say when they cannot."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.constants import Status
from protocol.errors import EncodingError, RemoteProtocolError
from protocol.fields import (
    ADDRESS_RANGE,
    DESTINATION,
    DESTINATION65,
    DL_NAME,
    ESME_ADDRESS,
    FIELD_SECTIONS,
    FINAL_DATE,
    MESSAGE_ID,
    PASSWORD,
    SCHEDULE,
    SERVICE_TYPE,
    SHORT_MESSAGE,
    SOURCE,
    SOURCE65,
    SYSTEM_ID,
    SYSTEM_TYPE,
    TLVS,
    U8,
    U32,
    VALIDITY,
    COctetString,
    CountedOctets,
    Integer,
    Kind,
)
from protocol.pdu import PDUS
from protocol.record import Entries, Record
from tests.protocol.wire import values

SIZED: list[Kind] = [U8, Integer(2), Integer(4), COctetString(6), SOURCE, DESTINATION, MESSAGE_ID, SHORT_MESSAGE]


@given(st.data(), st.sampled_from(SIZED), st.binary(max_size=9), st.binary(max_size=9))
def test_what_is_put_is_taken_wherever_it_stands(data: st.DataObject, kind: Kind, before: bytes, after: bytes) -> None:
    value = data.draw(values(kind))
    octets = kind.put(value, "field")
    end = len(before) + len(octets)
    assert kind.take(before + octets + after, len(before), end) == (value, end)


@pytest.mark.parametrize(
    ("kind", "value", "octets"),
    [
        (U8, 7, b"\x07"),
        (U32, 7, b"\0\0\0\x07"),
        (COctetString(6), b"hi", b"hi\0"),
        (SHORT_MESSAGE, b"hi", b"\x02hi"),
        (TLVS, ((0x0424, b"hi"), (0x0427, b"\x02")), b"\x04\x24\0\x02hi\x04\x27\0\x01\x02"),
    ],
)
def test_octets_typed_by_hand_are_what_is_put_and_taken(kind: Kind, value: Any, octets: bytes) -> None:  # noqa: ANN401
    assert kind.put(value, "field") == octets
    assert kind.take(octets, 0, len(octets)) == (value, len(octets))


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
        (U32, b"\0\0\0", Status.RINVCMDLEN),
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


@pytest.mark.parametrize(
    ("kind", "size", "status"),
    [
        (SYSTEM_ID, 16, Status.RINVSYSID),
        (PASSWORD, 9, Status.RINVPASWD),
        (SYSTEM_TYPE, 13, Status.RINVSYSTYP),
        (ADDRESS_RANGE, 41, Status.RINVPARLEN),
        (SERVICE_TYPE, 6, Status.RINVSERTYP),
        (SOURCE, 21, Status.RINVSRCADR),
        (SOURCE65, 65, Status.RINVSRCADR),
        (DESTINATION, 21, Status.RINVDSTADR),
        (DESTINATION65, 65, Status.RINVDSTADR),
        (ESME_ADDRESS, 65, Status.RINVPARLEN),
        (DL_NAME, 21, Status.RINVDLNAME),
        (SCHEDULE, 17, Status.RINVSCHED),
        (VALIDITY, 17, Status.RINVEXPIRY),
        (FINAL_DATE, 17, Status.RINVPARLEN),
        (MESSAGE_ID, 65, Status.RINVMSGID),
    ],
)
def test_a_string_without_its_nul_is_refused_with_the_status_of_its_field(
    kind: COctetString, size: int, status: Status
) -> None:
    assert kind.take(b"x" * (size - 1) + b"\0", 0, size) == (b"x" * (size - 1), size)
    for octets in (b"x" * size + b"\0", b"x" * (size - 1)):
        with pytest.raises(RemoteProtocolError) as caught:
            kind.take(octets, 0, len(octets))
        assert caught.value.status == status


@pytest.mark.parametrize(
    ("kind", "width"),
    [
        (U8, "integer, 1 octet"),
        (U32, "integer, 4 octets"),
        (SOURCE, "C-octet string, 1..21 octets"),
        (SHORT_MESSAGE, "a length of 1 octet, then 0..254 octets"),
        (TLVS, "optional parameters, to the end of the PDU"),
    ],
)
def test_a_kind_says_its_width_in_words(kind: Kind, width: str) -> None:
    assert kind.width == width


def records() -> list[type[Record]]:
    """Every PDU, and every entry of their lists."""
    lists = [kind for cls in PDUS.values() for _, kind in cls.row if isinstance(kind, Entries)]
    return [*PDUS.values(), *(sort for kind in lists for sort in kind.sorts)]


def test_every_field_of_every_pdu_has_its_section_and_no_other_name_has_one() -> None:
    assert {name for cls in records() for name, _ in cls.row} == set(FIELD_SECTIONS)


def test_the_sections_run_as_those_of_the_specification() -> None:
    """5.2.1 to 5.2.28 without those of the counts and the flag, which stand in lists and before the body."""
    numbers = {int(section[4:]) for section in FIELD_SECTIONS.values() if section.startswith("5.2.")}
    assert numbers == set(range(1, 29)) - {21, 24, 25, 26}


@pytest.mark.parametrize("kind", [COctetString(6), SOURCE, DESTINATION, MESSAGE_ID])
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
        (MESSAGE_ID, SECRET + b"\0"),
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
