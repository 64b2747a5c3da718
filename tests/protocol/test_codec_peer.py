"""Our octets against those of smpplib, an independent library: each reads what the other writes, field by field."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import smpp
from smpplib.command import Command

from protocol.codec import decode, encode
from protocol.constants import Tag
from protocol.fields import TLVS, COctetString, Kind
from protocol.pdu import PDUS, RESPONSES, Pdu, ShortMessage

# smpplib writes its strings as Latin-1, always binds as version 3.4 and knows these optional parameters of ours.
LATIN = st.characters(min_codepoint=1, max_codepoint=255)
NUMBERS = {
    "user_message_reference": (Tag.USER_MESSAGE_REFERENCE, 2),
    "sar_msg_ref_num": (Tag.SAR_MSG_REF_NUM, 2),
    "sar_total_segments": (Tag.SAR_TOTAL_SEGMENTS, 1),
    "sar_segment_seqnum": (Tag.SAR_SEGMENT_SEQNUM, 1),
    "sc_interface_version": (Tag.SC_INTERFACE_VERSION, 1),
    "message_state": (Tag.MESSAGE_STATE, 1),
}
OCTETS = {"network_error_code": Tag.NETWORK_ERROR_CODE, "message_payload": Tag.MESSAGE_PAYLOAD}
CLASSES = pytest.mark.parametrize("cls", PDUS.values(), ids=lambda cls: cls.__name__)
SEQUENCE = st.integers(1, 0x7FFFFFFF)


def theirs(cls: type[Pdu], **fields: object) -> Command:
    return smpp.make_pdu(cls.id.name.lower(), **fields)


def fields_of(kind: Kind) -> st.SearchStrategy[Any]:
    if isinstance(kind, COctetString):
        return st.text(LATIN, max_size=kind.size - 1)
    return st.integers(0, 255)


def drawn_fields(data: st.DataObject, cls: type[Pdu]) -> dict[str, Any]:
    """Fields as smpplib wants them: strings as text, octets only for the body."""
    kinds = {name: kind for name, kind in cls.row if kind is not TLVS and name != "short_message"}
    fields = {name: data.draw(fields_of(kind), label=name) for name, kind in kinds.items()}
    if issubclass(cls, ShortMessage):
        fields["short_message"] = data.draw(st.binary(max_size=254), label="short_message")
    return fields | ({"interface_version": 0x34} if "interface_version" in kinds else {})


def drawn_tlvs(data: st.DataObject, cls: type[Pdu], *, payload: bool) -> dict[str, Any]:
    """Optional parameters that smpplib knows for this PDU, by name."""
    known = theirs(cls, sequence=1).params
    fields: dict[str, Any] = {
        name: data.draw(st.integers(0, 256**size - 1), label=name)
        for name, (_, size) in NUMBERS.items()
        if name in known and data.draw(st.booleans())
    }
    if "network_error_code" in known and data.draw(st.booleans()):
        fields["network_error_code"] = data.draw(st.binary(min_size=3, max_size=3))
    if "message_payload" in known and payload:
        fields["message_payload"] = data.draw(st.binary(min_size=1, max_size=300))
    return fields


def ours_of(name: str, value: Any) -> tuple[int, bytes]:  # noqa: ANN401  # an int or octets
    if name in NUMBERS:
        tag, size = NUMBERS[name]
        return tag, value.to_bytes(size, "big")
    return OCTETS[name], value


def as_octets(value: object) -> object:
    return value.encode("latin-1") if isinstance(value, str) else value


@CLASSES
@given(data=st.data(), sequence=SEQUENCE)
def test_what_smpplib_writes_we_read_field_by_field(cls: type[Pdu], data: st.DataObject, sequence: int) -> None:
    fields = drawn_fields(data, cls)
    tlvs = drawn_tlvs(data, cls, payload="short_message" in fields and not fields["short_message"])
    peer = theirs(cls, sequence=sequence, **fields, **tlvs)
    peer.sequence = sequence  # its constructor takes the number and forgets it
    pdu, status, got = decode(peer.generate())
    assert (type(pdu), status, got) == (cls, 0, sequence)
    assert {name: getattr(pdu, name) for name in fields} == {name: as_octets(value) for name, value in fields.items()}
    assert sorted(getattr(pdu, "tlvs", ())) == sorted(ours_of(*item) for item in tlvs.items())


@CLASSES
@given(data=st.data(), sequence=SEQUENCE)
def test_what_we_write_smpplib_reads_field_by_field(cls: type[Pdu], data: st.DataObject, sequence: int) -> None:
    fields = {name: as_octets(value) for name, value in drawn_fields(data, cls).items()}
    known = drawn_tlvs(data, cls, payload=True) if cls.row and cls.row[-1][1] is TLVS else {}
    tlvs = {"tlvs": tuple(ours_of(*item) for item in known.items())} if known else {}
    read = smpp.parse_pdu(encode(cls(**fields, **tlvs), sequence), sequence=1)
    assert (read.command, read.status, read.sequence) == (cls.id.name.lower(), 0, sequence)
    assert {name: getattr(read, name) for name in fields} == fields
    assert {name: getattr(read, name) for name in known} == known


@pytest.mark.parametrize("cls", RESPONSES.values(), ids=lambda cls: cls.__name__)
@given(status=st.integers(1, 0xFFFFFFFF))
def test_smpplib_reads_the_status_of_an_answer_without_body(cls: type[Pdu], status: int) -> None:
    read = smpp.parse_pdu(encode(cls(), 3, status), sequence=1)
    assert (read.command, read.status, read.sequence) == (cls.id.name.lower(), status, 3)
