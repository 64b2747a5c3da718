"""The table of PDUs: its widths against an independent one, and what it keeps to itself."""

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import command, consts

from protocol.constants import CommandId, Tag
from protocol.events import Answered, Requested
from protocol.fields import TLVS, U8, COctetString, CountedOctets, Integer
from protocol.pdu import PDUS, RESPONSES, BindTransceiver, DeliverSm, Pdu, SubmitSm, SubmitSmResp, find_tlv, pdu

PRIVATE = ("password", "address_range", "source_addr", "destination_addr", "short_message")


@pytest.mark.parametrize("cls", PDUS.values(), ids=lambda cls: cls.__name__)
def test_order_and_widths_are_those_an_independent_library_has(cls: type[Pdu]) -> None:
    peer = command.factory(cls.id.name.lower(), sequence=1)
    theirs = [name for name in peer.params_order if name not in consts.OPTIONAL_PARAMS and name != "sm_length"]
    ours = [(name, kind) for name, kind in cls.row if kind is not TLVS]
    assert [name for name, _ in ours] == theirs
    for name, kind in ours:
        param = peer.params[name]
        width = {int: Integer, str: COctetString}.get(param.type, CountedOctets)
        assert kind == width(param.size if width is Integer else param.max) or name in (
            "source_addr",
            "destination_addr",
        )
        assert not isinstance(kind, COctetString) or kind.size == param.max


@pytest.mark.parametrize("cls", PDUS.values(), ids=lambda cls: cls.__name__)
def test_optional_parameters_come_last_where_there_are_any(cls: type[Pdu]) -> None:
    assert TLVS not in [kind for _, kind in cls.row[:-1]]


def test_every_request_is_owed_the_response_of_its_name() -> None:
    owed = {CommandId(id_).name + "_RESP": response.id.name for id_, response in RESPONSES.items()}
    assert all(name == response for name, response in owed.items())
    assert len(owed) == 7
    assert set(PDUS) == set(CommandId)


@given(st.sampled_from(list(PDUS.values())), st.binary(min_size=4, max_size=8).map(bytes.hex))
def test_no_repr_shows_a_password_a_number_or_a_body(cls: type[Pdu], secret: str) -> None:
    octets = secret.encode()
    fields = {name: octets for name, kind in cls.row if name in PRIVATE}
    if cls.row and cls.row[-1][1] is TLVS:
        fields["tlvs"] = ((Tag.MESSAGE_PAYLOAD, octets),)  # type: ignore[assignment]  # the one field that is no octets
    made = cls(**fields)
    for said in (repr(made), str(made), f"{made}", repr(Requested(made, 1)), repr(Answered("tag", made, 0, 1))):
        assert secret not in said
        assert made.id.name.title().replace("_", "") in said


def test_a_repr_shows_what_anybody_may_read() -> None:
    assert repr(SubmitSmResp(b"3039")) == "SubmitSmResp(message_id=b'3039')"
    assert repr(BindTransceiver(b"bank", b"hunter2")).startswith("BindTransceiver(system_id=b'bank', system_type=b''")


def test_pdus_are_equal_when_class_and_fields_are() -> None:
    assert SubmitSm(short_message=b"hi") == SubmitSm(short_message=b"hi") != SubmitSm(short_message=b"ho")
    pdus: list[Pdu] = [SubmitSm(short_message=b"hi"), DeliverSm(short_message=b"hi")]
    assert pdus[0] != pdus[1]


def test_a_pdu_has_no_place_for_a_field_that_is_misspelt() -> None:
    with pytest.raises(AttributeError):
        SubmitSm().desination_addr = b"1"  # type: ignore[attr-defined]  # the point of the test


def test_a_row_with_a_kind_too_few_is_found_when_the_module_is_read() -> None:
    with pytest.raises(ValueError, match="shorter"):

        @pdu
        class Lopsided(Pdu):
            first: int = 0
            second: int = 0
            wire: ClassVar = (U8,)


def test_the_first_optional_parameter_of_a_tag_is_found() -> None:
    tlvs = ((0x1400, b"vendor"), (0x0424, b"first"), (0x0424, b"second"), (0x0427, b""))
    assert find_tlv(tlvs, Tag.MESSAGE_PAYLOAD) == b"first"
    assert find_tlv(tlvs, Tag.MESSAGE_STATE) == b""
    assert find_tlv(tlvs, Tag.NETWORK_ERROR_CODE) is None
