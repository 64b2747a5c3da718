"""Frames and octets: what goes in comes out, the quick twins equal the table, octets typed by hand are read right."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.codec import HEADER, decode, decode_body, decode_body_at, encode, encode_body
from protocol.constants import CommandId, Status
from protocol.errors import EncodingError, RemoteProtocolError
from protocol.pdu import (
    PDUS,
    BindTransceiver,
    BindTransceiverResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    GenericNack,
    Pdu,
    SubmitSm,
    SubmitSmResp,
)
from tests.protocol.wire import PDU, SEQUENCES, built, doubtful, frame

TWINS = st.sampled_from([SubmitSm, DeliverSm, SubmitSmResp, DeliverSmResp])


def outcome(attempt: Any, *args: Any) -> object:  # noqa: ANN401  # any function of the codec
    """What came of a call: its value, or which error with which words and status."""
    try:
        return attempt(*args)
    except (EncodingError, RemoteProtocolError) as error:
        return type(error), str(error), getattr(error, "status", None), getattr(error, "fatal", None)


@given(PDU, SEQUENCES)
def test_what_is_encoded_decodes_to_itself(pdu: Pdu, sequence: int) -> None:
    assert decode(encode(pdu, sequence)) == (pdu, 0, sequence)


@pytest.mark.parametrize("cls", PDUS.values(), ids=lambda cls: cls.__name__)
@given(data=st.data())
def test_every_pdu_makes_the_round_trip(cls: type[Pdu], data: st.DataObject) -> None:
    pdu = data.draw(built(cls))
    octets = encode(pdu, 7)
    assert HEADER.unpack_from(octets) == (len(octets), cls.id, 0, 7)
    assert decode(octets) == (pdu, 0, 7)


@given(TWINS.flatmap(doubtful))
@example(SubmitSm(short_message=bytes(254)))
@example(SubmitSm(short_message=bytes(255)))
@example(SubmitSm(b"x" * 5, 255, 255, b"1" * 20, 255, 255, b"2" * 20, validity_period=b"3" * 16))
@example(DeliverSm(source_addr=b"1" * 21))
@example(DeliverSm(destination_addr=b"1\x002"))
@example(SubmitSm(source_addr=b"1\x002"))
@example(SubmitSm(service_type=b"x" * 6))
@example(SubmitSm(service_type=b"x\x00"))
@example(DeliverSm(schedule_delivery_time=b"1" * 17))
@example(DeliverSm(schedule_delivery_time=b"1\x00"))
@example(SubmitSm(validity_period=b"1" * 17))
@example(SubmitSm(validity_period=b"\x00"))
@example(SubmitSm(data_coding=256))
@example(SubmitSm(esm_class=-1))
@example(SubmitSmResp(b"x" * 64))
@example(SubmitSmResp(b"x" * 65))
@example(DeliverSmResp(b"\0"))
def test_the_quick_encoders_equal_the_table(pdu: Pdu) -> None:
    table = outcome(encode_body, pdu)
    quick = outcome(encode, pdu, 1)
    assert (quick[16:] if isinstance(quick, bytes) else quick) == table


@given(TWINS, st.data(), st.binary(max_size=20), st.binary(max_size=30))
def test_the_quick_decoders_equal_the_table(cls: type[Pdu], data: st.DataObject, before: bytes, after: bytes) -> None:
    body = bytearray(encode_body(data.draw(built(cls))))
    for _ in range(data.draw(st.integers(0, 2))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.sampled_from((0, 1, 65, 255)))
    start, end = len(before), len(before) + data.draw(st.integers(0, len(body)) | st.just(len(body)))
    octets = before + bytes(body) + after
    assert outcome(decode_body_at, cls.id, octets, start, end) == outcome(decode_body, cls.id, octets, start, end)


@given(TWINS, st.binary(max_size=90), st.data())
@example(SubmitSmResp, b"", None)
@example(SubmitSm, bytes(16), None)  # ends before sm_length
@example(SubmitSm, b"\0\1\1\0\x1a\1" + bytes(5) + b"x" * 20, None)  # validity_period never ends
@example(DeliverSm, bytes(17) + b"\x04\x24\0", None)
@example(DeliverSm, bytes(17) + b"\x04\x24\0\x01", None)
def test_the_quick_decoders_equal_the_table_for_any_octets(cls: type[Pdu], octets: bytes, data: Any) -> None:  # noqa: ANN401
    start = data.draw(st.integers(0, len(octets))) if data else 0
    end = data.draw(st.integers(start, len(octets))) if data else len(octets)
    assert outcome(decode_body_at, cls.id, octets, start, end) == outcome(decode_body, cls.id, octets, start, end)


SUBMIT_SM = """
    0000004e 00000004 00000000 00000005
    434d5400  01 01  383139303132333435363738 00  02 08  30333132333400
    40  7f  03  303030303032303030303030303030 52 00  00
    11 01 08 05  08 3042 3044 d83d de00
"""
"""Octets typed by hand from the table of 4.4.1, one group per field."""


def test_a_submit_sm_typed_by_hand_is_read_field_by_field() -> None:
    octets = bytes.fromhex(SUBMIT_SM)
    expected = SubmitSm(
        service_type=b"CMT",
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr=b"819012345678",
        dest_addr_ton=2,
        dest_addr_npi=8,
        destination_addr=b"031234",
        esm_class=0x40,
        protocol_id=0x7F,
        priority_flag=3,
        schedule_delivery_time=b"000002000000000R",
        validity_period=b"",
        registered_delivery=0x11,
        replace_if_present_flag=1,
        data_coding=8,
        sm_default_msg_id=5,
        short_message="あい😀".encode("utf-16-be"),
    )
    assert decode(octets) == (expected, 0, 5)
    assert encode(expected, 5) == octets


BIND_TRANSCEIVER = """
    0000002f 00000009 00000000 00000001
    534d50503354455354 00  736563726574 3038 00  5355424d495431 00
    34 01 01  00
"""


def test_a_bind_transceiver_typed_by_hand_is_read_field_by_field() -> None:
    octets = bytes.fromhex(BIND_TRANSCEIVER)
    expected = BindTransceiver(b"SMPP3TEST", b"secret08", b"SUBMIT1", 0x34, 1, 1, b"")
    assert decode(octets) == (expected, 0, 1)
    assert encode(expected, 1) == octets


RECEIPT_TEXT = (
    b"id:0123456789 sub:001 dlvrd:001 submit date:2501010900 done date:2501010901 stat:DELIVRD err:000 text:hello"
)
DELIVER_SM = """
    000000bd 00000005 00000000 80000002
    00  01 01  3831393031323334353637 38 00  05 00  42414e4b00
    04  00 00  00  00  00 00 00 00  6b
"""
RECEIPT_TLVS = "0427 0001 02   0423 0003 030000   1401 0002 beef   001e 000b 30313233343536373839 00"


def test_a_receipt_typed_by_hand_is_read_with_its_unknown_optional_parameter() -> None:
    octets = bytes.fromhex(DELIVER_SM) + RECEIPT_TEXT + bytes.fromhex(RECEIPT_TLVS)
    pdu, status, sequence = decode(octets)
    assert isinstance(pdu, DeliverSm)
    assert (pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr) == (1, 1, b"819012345678")
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr) == (5, 0, b"BANK")
    assert (pdu.esm_class, pdu.data_coding, pdu.short_message) == (0x04, 0, RECEIPT_TEXT)
    assert pdu.tlvs == (
        (0x0427, b"\x02"),
        (0x0423, b"\x03\x00\x00"),
        (0x1401, b"\xbe\xef"),
        (0x001E, b"0123456789\x00"),
    )
    assert (status, sequence) == (0, 0x80000002)
    assert encode(pdu, sequence) == octets


@pytest.mark.parametrize("pdu", [SubmitSmResp(b"id"), DeliverSmResp(), BindTransceiverResp(b"smsc"), GenericNack()])
def test_a_response_with_an_error_is_a_header_and_no_more(pdu: Pdu) -> None:
    assert encode(pdu, 9, Status.RTHROTTLED) == frame(pdu.id, 9, status=0x58)


@pytest.mark.parametrize("octets", [b"", bytes(15), frame(0x15, 1)[:-1], frame(0x15, 1) + b"\0", b"\xff" * 16])
def test_a_wrong_length_is_fatal(octets: bytes) -> None:
    assert outcome(decode, octets) == (
        RemoteProtocolError,
        "command_length is not the frame's length",
        Status.RINVCMDLEN,
        True,
    )


def test_an_unknown_command_is_named_and_not_fatal() -> None:
    assert outcome(decode, frame(0x103, 1)) == (
        RemoteProtocolError,
        "unknown command_id 0x00000103",
        Status.RINVCMDID,
        False,
    )


@pytest.mark.parametrize(
    ("command_id", "body", "said"),
    [
        (CommandId.ENQUIRE_LINK, b"\0\0", ("2 octets after the last field", Status.RINVCMDLEN)),
        (CommandId.SUBMIT_SM_RESP, b"", ("message_id: no NUL within 65 octets", Status.RINVPARLEN)),
        (CommandId.BIND_RECEIVER, b"id\0pw\0", ("system_type: no NUL within 13 octets", Status.RINVPARLEN)),
        (CommandId.DELIVER_SM, b"\0\1", ("source_addr_npi: the body ends inside an integer", Status.RINVCMDLEN)),
        (CommandId.SUBMIT_SM, b"\0\1\1" + b"1" * 22, ("source_addr: no NUL within 21 octets", Status.RINVSRCADR)),
    ],
)
def test_a_body_that_is_wrong_names_the_field(command_id: int, body: bytes, said: tuple[str, Status]) -> None:
    assert outcome(decode, frame(command_id, 1, body)) == (RemoteProtocolError, *said, False)


@given(st.binary(max_size=60), st.sampled_from(sorted(PDUS)) | SEQUENCES)
def test_any_octets_decode_or_raise_the_one_error(body: bytes, command_id: int) -> None:
    got = outcome(decode, frame(command_id, 1, body))
    assert isinstance(got, tuple)


def test_a_value_that_does_not_fit_names_its_field() -> None:
    with pytest.raises(EncodingError, match=r"^destination_addr may have 20 octets, has 21$"):
        encode(SubmitSm(destination_addr=b"0" * 21), 1)
    with pytest.raises(EncodingError, match=r"^password may have 8 octets, has 9$"):
        encode(BindTransceiver(password=b"hunter2!!"), 1)


def test_an_enquire_link_is_a_bare_header() -> None:
    assert encode(EnquireLink(), 0x7FFFFFFF).hex() == "00000010" + "00000015" + "00000000" + "7fffffff"
