"""Our octets against those of smpp34, a compiled independent library: each reads what the other writes, field by field.

It has classes for submit_sm and deliver_sm; of every other PDU it reads the header and hands out the body. It deviates
from the specification, and is not asked to agree, in these:

- its strings are UTF-8, and it reads others with U+FFFD in the place of what it cannot read;
- it writes strings longer than their field and with NULs inside;
- replace_if_present_flag can be read but not set.
"""

from typing import Any, Final

import pytest
import smpp34
from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import decode, encode
from protocol.constants import Status, Tag
from protocol.fields import TLVS, COctetString, Kind
from protocol.pdu import PDUS, DeliverSm, Pdu, ShortMessage, SubmitSm
from tests.protocol.wire import FEWER, SEQUENCES, built, values
from tests.protocol.wire import TLVS as ANY_TLVS

THEIRS: Final[dict[type[ShortMessage], Any]] = {SubmitSm: smpp34.SubmitSm, DeliverSm: smpp34.DeliverSm}
CLASSES = pytest.mark.parametrize("cls", THEIRS, ids=lambda cls: cls.__name__)
ASCII = st.characters(min_codepoint=1, max_codepoint=127)


def fields_of(kind: Kind) -> st.SearchStrategy[Any]:
    """Values as smpp34 wants them: strings as text."""
    return st.text(ASCII, max_size=kind.size - 1) if isinstance(kind, COctetString) else values(kind)


MESSAGE = st.fixed_dictionaries({name: fields_of(kind) for name, kind in ShortMessage.row if kind is not TLVS})


def as_octets(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value.encode() if isinstance(value, str) else value for name, value in fields.items()}


@CLASSES
@given(fields=MESSAGE, tlvs=ANY_TLVS, sequence=SEQUENCES)
def test_what_smpp34_writes_we_read_field_by_field(
    cls: type[ShortMessage], fields: dict[str, Any], tlvs: tuple[tuple[int, bytes], ...], sequence: int
) -> None:
    settable = {name: value for name, value in fields.items() if name != "replace_if_present_flag"}
    theirs = THEIRS[cls](**settable, tlvs=[smpp34.Tlv(*tlv) for tlv in tlvs], sequence_number=sequence)
    assert decode(theirs.encode()) == (cls(**as_octets(settable), tlvs=tlvs), 0, sequence)


@CLASSES
@given(fields=MESSAGE, tlvs=ANY_TLVS, sequence=SEQUENCES)
def test_what_we_write_smpp34_reads_field_by_field(
    cls: type[ShortMessage], fields: dict[str, Any], tlvs: tuple[tuple[int, bytes], ...], sequence: int
) -> None:
    octets = encode(cls(**as_octets(fields), tlvs=tlvs), sequence)
    read = smpp34.decode(octets)
    assert isinstance(read, THEIRS[cls])
    assert (read.command_id, read.sequence_number) == (cls.id, sequence)
    assert {name: getattr(read, name) for name in fields} == fields
    assert read.sm_length == len(fields["short_message"])
    assert [(tlv.tag, tlv.value) for tlv in read.tlvs] == list(tlvs)
    assert read.encode() == octets


@pytest.mark.parametrize("cls", [cls for cls in PDUS.values() if cls not in THEIRS], ids=lambda cls: cls.__name__)
@FEWER
@given(data=st.data(), sequence=SEQUENCES, status=SEQUENCES)
def test_of_any_other_pdu_smpp34_reads_the_header_and_hands_out_the_body(
    cls: type[Pdu], data: st.DataObject, sequence: int, status: int
) -> None:
    pdu = data.draw(built(cls))
    octets = encode(pdu, sequence, status)
    read = smpp34.decode(octets)
    assert isinstance(read, smpp34.RawPdu)
    assert (read.command_length, read.command_id) == (len(octets), cls.id)
    assert (read.command_status, read.sequence_number) == (status, sequence)
    assert read.body == (b"" if status and cls.bare_error else pdu.put())


def test_the_tags_and_statuses_are_the_same() -> None:
    tags = {name.removeprefix("TLV_"): getattr(smpp34, name) for name in dir(smpp34) if name.startswith("TLV_")}
    assert tags == {tag.name: tag.value for tag in Tag if tag.name in tags}
    statuses = {name.removeprefix("ESME_"): getattr(smpp34, name) for name in dir(smpp34) if name.startswith("ESME_")}
    assert statuses == {status.name: status.value for status in Status if status.name in statuses}
    assert (len(tags), len(statuses)) == (44, 11)
