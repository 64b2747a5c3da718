"""Our octets against those of smpplib, an independent library: each reads what the other writes, field by field.

It deviates from the specification, and is not asked to agree, in these:

- it has no classes for outbind, submit_multi, cancel_sm, replace_sm and what SMPP 5.0 adds;
- it cuts the addresses of data_sm and alert_notification at 20 characters, not at 64 (4.7.1, 4.12.1);
- it writes no query_sm with an empty message_id, and binds as version 3.4 whatever it is told;
- source_addr_subunit in submit_sm and source_telematics_id in data_sm are two octets wide, not one (5.3.2.2, 5.3.2.8);
- callback_num_atag and the subaddresses get a NUL at their end, and so do network_error_code and
  delivery_failure_reason in data_sm_resp: it takes all of them for C-octet strings;
- alert_on_message_delivery, which has no value, is never written;
- a short_message that is empty and ends the PDU is read as None.
"""

from inspect import getsource
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import command, consts, smpp
from smpplib.ptypes import flag, ostr

from protocol.codec import decode, encode
from protocol.constants import Tag
from protocol.fields import TLVS, COctetString, Kind
from protocol.pdu import PDUS, RESPONSES, Pdu, ShortMessage
from protocol.tags import FORMS

LATIN = st.characters(min_codepoint=1, max_codepoint=255)
"""smpplib writes its strings as Latin-1, but those of optional parameters as UTF-8."""
ASCII = st.characters(min_codepoint=1, max_codepoint=127)
KNOWN = [cls for cls in PDUS.values() if f"'{cls.id.name.lower()}'" in getsource(command.factory)]
CLASSES = pytest.mark.parametrize("cls", KNOWN, ids=lambda cls: cls.__name__)
SEQUENCE = st.integers(1, 0x7FFFFFFF)


def theirs(cls: type[Pdu], **fields: object) -> command.Command:
    return smpp.make_pdu(cls.id.name.lower(), **fields)


def fields_of(kind: Kind, name: str) -> st.SearchStrategy[Any]:
    if isinstance(kind, COctetString):
        most = 20 if name.endswith("_addr") else kind.size - 1
        return st.text(LATIN, min_size=1 if name == "message_id" else 0, max_size=most)
    return st.integers(0, 255)


def drawn_fields(data: st.DataObject, cls: type[Pdu]) -> dict[str, Any]:
    """Fields as smpplib wants them: strings as text, octets only for the body."""
    kinds = {name: kind for name, kind in cls.row if kind is not TLVS and name != "short_message"}
    fields = {name: data.draw(fields_of(kind, name), label=name) for name, kind in kinds.items()}
    if issubclass(cls, ShortMessage):
        fields["short_message"] = data.draw(st.binary(max_size=254), label="short_message")
    return fields | ({"interface_version": 0x34} if "interface_version" in kinds else {})


def agreed(cls: type[Pdu]) -> dict[str, st.SearchStrategy[Any]]:
    """The optional parameters of this PDU on which smpplib and the specification agree, with values for smpplib."""
    found: dict[str, st.SearchStrategy[Any]] = {}
    peer = theirs(cls, sequence=1)
    for name, param in peer.params.items():
        if not peer.field_is_optional(name) or param.type is flag:
            continue
        form = FORMS[consts.OPTIONAL_PARAMS[name]]
        if param.type is int and form.least <= param.size <= form.most:
            found[name] = st.integers(0, 256**param.size - 1)
        elif param.type is ostr:
            found[name] = st.binary(min_size=form.least or 1, max_size=min(form.most, 300))
        elif param.type is str and form.kind == "C-octet string":
            found[name] = st.text(ASCII, min_size=1, max_size=form.most - 1)
    return found


def drawn_tlvs(data: st.DataObject, cls: type[Pdu], *, payload: bool) -> dict[str, Any]:
    known = agreed(cls)
    if not payload:
        known.pop("message_payload", None)
    names = data.draw(st.lists(st.sampled_from(sorted(known)), max_size=4, unique=True)) if known else []
    return {name: data.draw(known[name], label=name) for name in names}


def ours_of(cls: type[Pdu], name: str, value: Any) -> tuple[int, bytes]:  # noqa: ANN401  # an int, text or octets
    tag = consts.OPTIONAL_PARAMS[name]
    if isinstance(value, int):
        return tag, value.to_bytes(theirs(cls, sequence=1).params[name].size, "big")
    return tag, value if isinstance(value, bytes) else value.encode() + b"\0"


def as_octets(value: object) -> object:
    return value.encode("latin-1") if isinstance(value, str) else value


def test_most_pdus_and_optional_parameters_are_compared() -> None:
    assert len(KNOWN) == 20
    compared = {consts.OPTIONAL_PARAMS[name] for cls in KNOWN for name in agreed(cls)}
    assert {tag.name for tag in Tag if tag in consts.OPTIONAL_PARAMS.values() and tag not in compared} == {
        *("CALLBACK_NUM_ATAG", "SOURCE_SUBADDRESS", "DEST_SUBADDRESS", "SOURCE_TELEMATICS_ID"),
        *("DELIVERY_FAILURE_REASON", "ALERT_ON_MESSAGE_DELIVERY", "SET_DPF"),
    }


@CLASSES
@given(data=st.data(), sequence=SEQUENCE)
def test_what_smpplib_writes_we_read_field_by_field(cls: type[Pdu], data: st.DataObject, sequence: int) -> None:
    fields = drawn_fields(data, cls)
    tlvs = drawn_tlvs(data, cls, payload=not fields.get("short_message"))
    peer = theirs(cls, sequence=sequence, **fields, **tlvs)
    peer.sequence = sequence  # its constructor takes the number and forgets it
    pdu, status, got = decode(peer.generate())
    assert (type(pdu), status, got) == (cls, 0, sequence)
    assert {name: getattr(pdu, name) for name in fields} == {name: as_octets(value) for name, value in fields.items()}
    assert sorted(getattr(pdu, "tlvs", ())) == sorted(ours_of(cls, *item) for item in tlvs.items())


@CLASSES
@given(data=st.data(), sequence=SEQUENCE)
def test_what_we_write_smpplib_reads_field_by_field(cls: type[Pdu], data: st.DataObject, sequence: int) -> None:
    fields = {name: as_octets(value) for name, value in drawn_fields(data, cls).items()}
    known = drawn_tlvs(data, cls, payload=True)
    tlvs = {"tlvs": tuple(ours_of(cls, *item) for item in known.items())} if known else {}
    read = smpp.parse_pdu(encode(cls(**fields, **tlvs), sequence), sequence=1)
    assert (read.command, read.status, read.sequence) == (cls.id.name.lower(), 0, sequence)
    assert {name: b"" if getattr(read, name) is None else getattr(read, name) for name in fields} == fields
    assert {name: getattr(read, name) for name in known} == {name: as_octets(value) for name, value in known.items()}


ANSWERS = pytest.mark.parametrize("cls", [cls for cls in RESPONSES.values() if cls in KNOWN], ids=lambda c: c.__name__)
ERRORS = st.integers(1, 0xFFFFFFFF)


@ANSWERS
@given(status=ERRORS)
def test_smpplib_reads_the_status_of_an_error_whether_it_has_a_body_or_not(cls: type[Pdu], status: int) -> None:
    read = smpp.parse_pdu(encode(cls(), 3, status), sequence=1)
    assert (read.command, read.status, read.sequence) == (cls.id.name.lower(), status, 3)


@ANSWERS
@given(data=st.data(), status=ERRORS)
def test_the_error_that_smpplib_writes_with_its_body_is_read(cls: type[Pdu], data: st.DataObject, status: int) -> None:
    fields = drawn_fields(data, cls)
    for name in fields.keys() & {"message_id", "system_id"}:
        fields[name] = f"id{fields[name]}"[:15]  # one that begins with a control character is no id, to us
    peer = theirs(cls, sequence=3, status=status, **fields)
    peer.sequence = 3
    pdu, got, sequence = decode(peer.generate())
    assert (type(pdu), got, sequence) == (cls, status, 3)
    assert {name: getattr(pdu, name) for name in fields} == {name: as_octets(value) for name, value in fields.items()}
