import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.constants import DATA_CODINGS, Coding, Concatenation, DataCoding, Tag
from protocol.joining import Concat
from protocol.pdu import SubmitSm
from protocol.text import Profile
from simulator.parts import Entry, describe, read_content
from tests.simulator.taken import TEXT, part, parts, single, submits

PACKED = {**DATA_CODINGS, DataCoding.DEFAULT.value: Coding.GSM7_PACKED}


def entry(submit: SubmitSm) -> Entry:
    content = read_content(submit)
    return Entry(part(submit), content, (), None, ())


def test_a_line_says_all_that_was_taken() -> None:
    one = parts("カ" * 100, reference=9)[0]
    one.index = 3
    found = Entry(one, read_content(one.submit), (3, 4), "カ" * 100, ("two_binds",))
    assert describe(found) == {
        "index": 3,
        "time": one.time,
        "message_id": one.message_id.decode(),
        "session": 1,
        "system_id": "denpo",
        "sequence_number": one.sequence_number,
        "source": "0005123456",
        "destination": "819012345678",
        "esm_class": 0x40,
        "data_coding": 8,
        "coding": "ucs2",
        "octets": "050003090201" + "30ab" * 67,
        "udh": "050003090201",
        "units": 67,
        "text": "カ" * 67,
        "concatenation": {"reference": 9, "total": 2, "number": 1},
        "joined": "カ" * 100,
        "verdicts": ["two_binds"],
    }


def test_a_message_payload_is_the_body() -> None:
    line = describe(entry(submits(TEXT, profile=Profile(concatenation=Concatenation.PAYLOAD))[0]))
    assert line["text"] == TEXT
    assert line["octets"] == TEXT.encode("utf-16-be").hex()


def test_a_header_in_a_message_payload_is_read() -> None:
    payload = ((Tag.MESSAGE_PAYLOAD, b"\5\0\3\1\2\2body"),)
    line = describe(entry(single(b"", esm_class=0x40, tlvs=payload)))
    assert (line["text"], line["concatenation"]["number"]) == ("body", 2)
    assert line["octets"] == payload[0][1].hex()


def test_reference_and_number_may_come_in_optional_parameters() -> None:
    first = read_content(submits(TEXT, profile=Profile(concatenation=Concatenation.SAR))[0])
    assert first.concat == Concat(7, 3, 1, 16)
    assert first.header == b""


def test_a_header_without_concatenation_leaves_it_to_the_optional_parameters() -> None:
    tlvs = ((Tag.SAR_MSG_REF_NUM, b"\0\7"), (Tag.SAR_TOTAL_SEGMENTS, b"\2"), (Tag.SAR_SEGMENT_SEQNUM, b"\1"))
    content = read_content(single(b"\6\5\4\1\1\2\2body", esm_class=0x40, tlvs=tlvs))
    assert content.concat == Concat(7, 2, 1, 16)
    assert content.body == b"body"


def test_a_packed_body_is_unpacked_where_the_table_says_so() -> None:
    profile = Profile(Coding.GSM7_PACKED, data_codings=PACKED)
    found = [read_content(submit, PACKED) for submit in submits("Hello, " * 30, profile=profile)]
    assert "".join(content.text or "" for content in found) == "Hello, " * 30
    assert [content.units for content in found] == [153, 57]


@pytest.mark.parametrize(
    ("octets", "data_coding", "units"),
    [
        (b"\x1be", 0, 2),
        ("あ🙏".encode("utf-16-be"), 8, 3),
        (b"\x30\x42\x30", 8, 2),
        (b"\x82\xa0", 9, 2),
        (b"\xff", 4, 1),
    ],
)
def test_units_are_those_of_the_coding(octets: bytes, data_coding: int, units: int) -> None:
    assert read_content(single(octets, data_coding=data_coding)).units == units


@pytest.mark.parametrize(
    ("submit", "readable"),
    [
        (single(b"Hello"), True),
        (single(b"Hello\x80"), False),
        (single(b""), True),
        (single(b"\xff\xff", data_coding=4), True),
        (single(b"\x30\x42", data_coding=8), True),
        (single(b"\x30", data_coding=8), False),
        (single(b"\xd8\x3d", data_coding=8), False),
        (single(b"\x82", data_coding=9), False),
        (single(b"\5\0\3\1\2", esm_class=0x40), False),
        (single(b"", esm_class=0x40), False),
        (single(b"\0Hello", esm_class=0x40), True),
        (single(b"\5\0\3\1\2", esm_class=0x40, data_coding=4), False),
    ],
)
def test_a_part_is_readable_alone_or_not(submit: SubmitSm, *, readable: bool) -> None:
    assert read_content(submit).readable is readable


@given(
    st.binary(max_size=254),
    st.integers(0, 255),
    st.integers(0, 255),
    st.lists(st.tuples(st.sampled_from([*Tag, 0x1400]), st.binary(max_size=5)), max_size=4),
)
def test_whatever_octets_come_the_line_is_json(
    octets: bytes, esm_class: int, data_coding: int, tlvs: list[tuple[int, bytes]]
) -> None:
    submit = single(octets, source_addr=octets[:20], esm_class=esm_class, data_coding=data_coding, tlvs=tuple(tlvs))
    line = describe(entry(submit))
    assert json.loads(json.dumps(line, ensure_ascii=False).encode()) == line
    assert octets == b"" or line["octets"] == octets.hex()


@pytest.mark.parametrize(("data_coding", "name"), [(0, "gsm7"), (DataCoding.UCS2, "ucs2"), (0x0E, "0x0E")])
def test_a_coding_is_named_or_shown_as_a_number(data_coding: int, name: str) -> None:
    assert describe(entry(single(b"", data_coding=data_coding)))["coding"] == name


def test_no_repr_shows_a_body() -> None:
    found = entry(single(b"\5\0\3\1\2\1secret", esm_class=0x40))
    assert "secret" not in repr(found)
    assert "0005123456" not in repr(found)
