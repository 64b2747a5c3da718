"""Frames and octets: what goes in comes out, the quick twins equal the table, octets typed by hand are read right."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.codec import (
    HEADER,
    decode,
    decode_body,
    decode_body_at,
    decode_response,
    encode,
    encode_received,
    encode_taken,
)
from protocol.constants import MAX_PDU_OCTETS, RESPONSE_BIT, CommandId, Status
from protocol.errors import EncodingError, RemoteProtocolError
from protocol.fields import TLVS, Tlvs
from protocol.pdu import (
    PDUS,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    CancelSmResp,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Pdu,
    QuerySmResp,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from tests.protocol.wire import FEWER, PDU, SEQUENCES, built, doubtful, frame

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
@FEWER
@given(data=st.data())
def test_every_pdu_makes_the_round_trip(cls: type[Pdu], data: st.DataObject) -> None:
    pdu = data.draw(built(cls))
    octets = encode(pdu, 7)
    assert HEADER.unpack_from(octets) == (len(octets), cls.id, 0, 7)
    assert decode(octets) == (pdu, 0, 7)


@given(TWINS.flatmap(doubtful))
@example(DeliverSm(tlvs=((0x0427, b"\x02"), (0xFFFF, b""), (0, bytes(0xFFFF)))))
@example(DeliverSm(tlvs=((0x0427, b"\x02"), (0x10000, b""))))
@example(SubmitSm(tlvs=((-1, b""),)))
@example(SubmitSm(tlvs=((0x0424, bytes(0x10000)),)))
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
    table = outcome(type(pdu).put, pdu)
    quick = outcome(encode, pdu, 1)
    assert (quick[16:] if isinstance(quick, bytes) else quick) == table


@given(st.binary(max_size=66) | st.text("0123456789abcdef-", max_size=66).map(str.encode), SEQUENCES)
@example(b"x" * 64, 1)
@example(b"x" * 65, 1)
@example(b"1\x002", 1)
def test_the_answer_to_a_submit_sm_that_was_taken_equals_the_one_encoded(message_id: bytes, sequence: int) -> None:
    assert outcome(encode_taken, message_id, sequence) == outcome(encode, SubmitSmResp(message_id), sequence)


@given(st.integers(1, 0x7FFFFFFF))
def test_the_quick_answer_to_a_deliver_sm_is_that_of_the_table(sequence: int) -> None:
    assert encode_received(sequence) == encode(DeliverSmResp(), sequence)


@given(TWINS, st.data(), st.binary(max_size=20), st.binary(max_size=30))
def test_the_quick_decoders_equal_the_table(cls: type[Pdu], data: st.DataObject, before: bytes, after: bytes) -> None:
    body = bytearray(data.draw(built(cls)).put())
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


@pytest.mark.parametrize("pdu", [SubmitSmResp(b"id"), BindTransceiverResp(b"smsc"), GenericNack(), UnbindResp()])
def test_an_error_is_a_header_and_no_more_where_its_section_says_so(pdu: Pdu) -> None:
    assert encode(pdu, 9, Status.RTHROTTLED) == frame(pdu.id, 9, status=0x58)


ERRORS = st.integers(1, 0xFFFFFFFF)


@pytest.mark.parametrize("cls", [PDUS[id_] for id_ in PDUS if id_ & RESPONSE_BIT], ids=lambda cls: cls.__name__)
@given(data=st.data(), status=ERRORS)
def test_any_other_error_keeps_its_body(cls: type[Pdu], data: st.DataObject, status: int) -> None:
    pdu = data.draw(built(cls).filter(begins_like_a_string))
    octets = encode(pdu, 9, status)
    assert HEADER.unpack_from(octets) == (len(octets), cls.id, status, 9)
    assert octets[16:] == (b"" if cls.bare_error else pdu.put())
    assert decode(octets) == (cls() if cls.bare_error else pdu, status, 9)


def begins_like_a_string(pdu: Pdu) -> bool:
    """Whether its first octet is not a control character, which would make it optional parameters without a body."""
    return not 0 < (pdu.put() or b"\0")[0] < 0x20 or pdu.row[0][0] == "tlvs"


def test_an_error_of_delivery_says_why() -> None:
    why = ((0x0425, b"\x03"), (0x0423, b"\x03\x00\x00"))
    body = b"42\0" + bytes.fromhex("0425000103 04230003030000")
    assert encode(DataSmResp(b"42", why), 1, Status.RDELIVERYFAILURE) == frame(0x80000103, 1, body, 0xFE)
    assert decode(frame(0x80000103, 1, body, 0xFE)) == (DataSmResp(b"42", why), 0xFE, 1)


BODIED = [PDUS[id_] for id_ in PDUS if id_ & RESPONSE_BIT and PDUS[id_].row]
EITHER = st.lists(st.tuples(st.integers(0x0100, 0x1FFF), st.binary(max_size=40)), max_size=3).map(tuple)
"""Tags that begin with a control character, as all but the oldest and some of a vendor's do."""


@pytest.mark.parametrize("cls", BODIED, ids=lambda cls: cls.__name__)
@given(tlvs=EITHER, status=ERRORS)
@example(tlvs=(), status=0x58)
@example(tlvs=((0x0423, b"\x03\x00\x00"),), status=0xFE)  # would do for a message_id and a tag, too
def test_an_error_of_optional_parameters_alone_or_of_nothing_is_read(
    cls: Callable[..., Pdu], tlvs: Tlvs, status: int
) -> None:
    assert_read(cls, TLVS.put(tlvs, "tlvs"), tlvs, status)


@pytest.mark.parametrize("cls", BODIED, ids=lambda cls: cls.__name__)
def test_an_error_of_one_nul_is_read(cls: Callable[..., Pdu]) -> None:
    assert_read(cls, b"\0", (), 0x58)


@pytest.mark.parametrize("cls", [SubmitSmResp, DeliverSmResp, DataSmResp, BindReceiverResp, CancelSmResp])
@given(tlvs=EITHER, status=ERRORS)
def test_an_error_of_one_nul_and_optional_parameters_is_read(cls: Callable[..., Pdu], tlvs: Tlvs, status: int) -> None:
    assert_read(cls, b"\0" + TLVS.put(tlvs, "tlvs"), tlvs, status)


def test_an_error_of_one_nul_and_optional_parameters_is_read_though_more_fields_are_missing() -> None:
    congested = ((0x0428, b"\x64"),)
    assert_read(SubmitMultiResp, b"\0" + TLVS.put(congested, "tlvs"), congested, 0x58)
    old = ((0x001D, b"too fast\0"),)
    assert_read(QuerySmResp, TLVS.put(old, "tlvs"), old, 0x58)


def assert_read(cls: Callable[..., Pdu], body: bytes, tlvs: Tlvs, status: int) -> None:
    """Both ways to read it say the same: these optional parameters and no more."""
    expected = cls(tlvs=tlvs)
    assert decode(frame(expected.id, 7, body, status)) == (expected, status, 7)
    octets = b"before" + body + b"after"
    assert decode_response(expected.id, status, octets, 6, 6 + len(body)) == expected


def test_a_success_without_its_body_is_refused_by_decode_and_read_as_empty_by_decode_response() -> None:
    assert outcome(decode, frame(CommandId.SUBMIT_SM_RESP, 1)) == (
        RemoteProtocolError,
        "message_id: no NUL within 65 octets",
        Status.RINVMSGID,
        False,
    )
    assert decode_response(CommandId.SUBMIT_SM_RESP, 0, b"", 0, 0) == SubmitSmResp()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"3039\0\0", SubmitSmResp(b"3039")),
        (b"3039\0\x04\x25\0\x02\x01", SubmitSmResp(b"3039")),
        (b"x" * 65 + b"\0\x04\x28\0\x01\x64", SubmitSmResp(b"", ((0x0428, b"\x64"),))),
        (b"3039", SubmitSmResp()),
        (b"3039\0\x02", QuerySmResp(b"3039")),
        (b"3039\0\0\x02", QuerySmResp(b"3039", b"", 2)),
        (b"3039\0" + b"2" * 17 + b"\0\x02\x09\x04\x28\0\x01\x64", QuerySmResp(b"3039", b"", 2, 9, ((0x428, b"d"),))),
        (b"3039\0", SubmitMultiResp(b"3039")),  # some leave the count out when it is 0
    ],
)
@pytest.mark.parametrize("status", [0, 0x45])
def test_of_a_broken_response_whatever_can_be_read_is_kept(body: bytes, expected: Pdu, status: int) -> None:
    assert decode_response(expected.id, status, b"before" + body + b"after", 6, 6 + len(body)) == expected


@given(st.sampled_from([id_ for id_ in PDUS if id_ & RESPONSE_BIT]), SEQUENCES, st.binary(max_size=60), st.data())
def test_no_octets_keep_a_response_from_being_read(
    command_id: int, status: int, octets: bytes, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(octets)))
    end = data.draw(st.integers(start, len(octets)))
    pdu = decode_response(command_id, status, octets, start, end)
    assert type(pdu) is PDUS[command_id]
    whole = outcome(decode, frame(command_id, 1, octets[start:end], status))
    assert isinstance(whole, tuple)
    assert whole[0] in (pdu, RemoteProtocolError)


@pytest.mark.parametrize("cls", PDUS.values(), ids=lambda cls: cls.__name__)
@FEWER
@given(data=st.data(), status=st.just(0) | ERRORS)
def test_a_frame_cut_short_is_read_or_refused_with_a_status(cls: type[Pdu], data: st.DataObject, status: int) -> None:
    body = data.draw(built(cls)).put()
    cut = body[: data.draw(st.integers(0, len(body)))]
    got = outcome(decode, frame(cls.id, 1, cut, status))
    assert isinstance(got, tuple)
    if got[0] is RemoteProtocolError:
        assert got[2] in set(Status) - {Status.ROK}
        assert got[3] is False
    else:
        assert type(got[0]) is cls


@pytest.mark.parametrize("cls", [Unbind, UnbindResp, EnquireLink, EnquireLinkResp, GenericNack])
@given(surplus=st.binary(max_size=9), status=SEQUENCES)
def test_a_pdu_that_is_a_header_is_read_whatever_stands_behind_it(cls: type[Pdu], surplus: bytes, status: int) -> None:
    assert decode(frame(cls.id, 1, surplus, status)) == (cls(), status, 1)


def test_a_frame_longer_than_a_peer_would_read_is_refused() -> None:
    room = MAX_PDU_OCTETS - len(encode(SubmitSm(tlvs=((0x0424, b""), (0x1400, b""))), 1))
    most = SubmitSm(tlvs=((0x0424, bytes(0xFFFF)), (0x1400, bytes(room - 0xFFFF))))
    assert len(encode(most, 1)) == MAX_PDU_OCTETS
    assert decode(encode(most, 1))[0] == most
    more = SubmitSm(tlvs=((0x0424, bytes(0xFFFF)), (0x1400, bytes(room - 0xFFFF + 1))))
    with pytest.raises(
        EncodingError, match=f"^a PDU may have {MAX_PDU_OCTETS} octets, would have {MAX_PDU_OCTETS + 1}$"
    ):
        encode(more, 1)


@pytest.mark.parametrize("octets", [b"", bytes(15), frame(0x15, 1)[:-1], frame(0x15, 1) + b"\0", b"\xff" * 16])
def test_a_wrong_length_is_fatal(octets: bytes) -> None:
    assert outcome(decode, octets) == (
        RemoteProtocolError,
        "command_length is not the frame's length",
        Status.RINVCMDLEN,
        True,
    )


def test_an_unknown_command_is_named_and_not_fatal() -> None:
    assert outcome(decode, frame(0x104, 1)) == (
        RemoteProtocolError,
        "unknown command_id 0x00000104",
        Status.RINVCMDID,
        False,
    )


@pytest.mark.parametrize(
    ("command_id", "body", "said", "status"),
    [
        (0x03, b"1\0\0\0\0\0\0", "2 octets after the last field", Status.RINVCMDLEN),
        (0x80000004, b"", "message_id: no NUL within 65 octets", Status.RINVMSGID),
        (0x01, b"id\0pw\0", "system_type: no NUL within 13 octets", Status.RINVSYSTYP),
        (0x01, b"x" * 16, "system_id: no NUL within 16 octets", Status.RINVSYSID),
        (0x0B, b"id\0" + b"x" * 9, "password: no NUL within 9 octets", Status.RINVPASWD),
        (0x04, b"x" * 6, "service_type: no NUL within 6 octets", Status.RINVSERTYP),
        (0x04, bytes(10) + b"1" * 17, "schedule_delivery_time: no NUL within 17 octets", Status.RINVSCHED),
        (0x04, bytes(11) + b"1" * 17, "validity_period: no NUL within 17 octets", Status.RINVEXPIRY),
        (0x04, bytes(16) + b"\x03hi", "short_message: sm_length reaches past the end of the body", Status.RINVMSGLEN),
        (0x04, bytes(18) + b"\x24", "tlvs: an optional parameter reaches past the end", Status.RINVOPTPARSTREAM),
        (0x21, b"\0\0\0\0\x01\x03", "dest_address: entry 0 is of no known sort", Status.RINVDESTFLAG),
        (0x05, b"\0\1", "source_addr_npi: the body ends inside an integer", Status.RINVCMDLEN),
        (0x04, b"\0\1\1" + b"1" * 22, "source_addr: no NUL within 21 octets", Status.RINVSRCADR),
        (0x04, bytes(6) + b"1" * 22, "destination_addr: no NUL within 21 octets", Status.RINVDSTADR),
    ],
)
def test_a_body_that_is_wrong_names_the_field(command_id: int, body: bytes, said: str, status: Status) -> None:
    assert outcome(decode, frame(command_id, 1, body)) == (RemoteProtocolError, said, status, False)


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
