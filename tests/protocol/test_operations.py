"""The rarer PDUs: their rows against the specification's tables, typed again, and octets typed by hand."""

import pytest

from protocol import operations
from protocol.codec import decode, encode
from protocol.fields import COctetString, CountedOctets, Integer, OptionalParameters
from protocol.operations import (
    CancelSm,
    DataSm,
    DistributionList,
    QuerySmResp,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    UnsuccessfulSme,
)
from protocol.record import Entries, Pdu, Record

SOURCE = "source_addr_ton 1 source_addr_npi 1 source_addr c21"
DESTINATION = "dest_addr_ton 1 dest_addr_npi 1 destination_addr c21"
TABLE = {
    "Outbind": "system_id c16 password c9",
    "SmeAddress": DESTINATION,
    "DistributionList": "dl_name c21",
    "UnsuccessfulSme": f"{DESTINATION} error_status_code 4",
    "SubmitMulti": f"service_type c6 {SOURCE} dest_address n esm_class 1 protocol_id 1 priority_flag 1 "
    "schedule_delivery_time c17 validity_period c17 registered_delivery 1 replace_if_present_flag 1 data_coding 1 "
    "sm_default_msg_id 1 short_message o254 tlvs t",
    "SubmitMultiResp": "message_id c65 unsuccess_sme n tlvs t",
    "DataSm": "service_type c6 source_addr_ton 1 source_addr_npi 1 source_addr c65 dest_addr_ton 1 dest_addr_npi 1 "
    "destination_addr c65 esm_class 1 registered_delivery 1 data_coding 1 tlvs t",
    "DataSmResp": "message_id c65 tlvs t",
    "QuerySm": f"message_id c65 {SOURCE}",
    "QuerySmResp": "message_id c65 final_date c17 message_state 1 error_code 1 tlvs t",
    "CancelSm": f"service_type c6 message_id c65 {SOURCE} {DESTINATION}",
    "CancelSmResp": "tlvs t",
    "ReplaceSm": f"message_id c65 {SOURCE} schedule_delivery_time c17 validity_period c17 registered_delivery 1 "
    "sm_default_msg_id 1 short_message o254 tlvs t",
    "ReplaceSmResp": "tlvs t",
    "AlertNotification": "source_addr_ton 1 source_addr_npi 1 source_addr c65 esme_addr_ton 1 esme_addr_npi 1 "
    "esme_addr c65 tlvs t",
    "BroadcastSm": f"service_type c6 {SOURCE} message_id c65 priority_flag 1 schedule_delivery_time c17 "
    "validity_period c17 replace_if_present_flag 1 data_coding 1 sm_default_msg_id 1 tlvs t",
    "BroadcastSmResp": "message_id c65 tlvs t",
    "QueryBroadcastSm": f"message_id c65 {SOURCE} tlvs t",
    "QueryBroadcastSmResp": "message_id c65 tlvs t",
    "CancelBroadcastSm": f"service_type c6 message_id c65 {SOURCE} tlvs t",
    "CancelBroadcastSmResp": "tlvs t",
}
"""Fields and kinds: "c" C-octet string, "o" counted octets, "n" a list, "t" optional parameters, else an integer."""
RECORDS = {
    name: found
    for name, found in vars(operations).items()
    if isinstance(found, type) and issubclass(found, Record) and "section" in vars(found) and found.__name__ == name
}


def kind_in_short(kind: object) -> str:
    match kind:
        case Integer(size):
            return str(size)
        case COctetString(size):
            return f"c{size}"
        case CountedOctets(most):
            return f"o{most}"
        case Entries():
            return "n"
        case OptionalParameters():
            return "t"
    raise AssertionError(kind)


def test_every_pdu_and_entry_is_in_the_table() -> None:
    assert set(RECORDS) == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_order_and_widths_are_those_of_the_specification(name: str) -> None:
    assert " ".join(f"{field} {kind_in_short(kind)}" for field, kind in RECORDS[name].row) == TABLE[name]


@pytest.mark.parametrize("name", [name for name in TABLE if issubclass(RECORDS[name], Pdu)])
def test_the_class_is_named_as_its_command(name: str) -> None:
    cls = RECORDS[name]
    assert issubclass(cls, Pdu)
    assert cls.id.name.title().replace("_", "") == name


BY_HAND: list[tuple[str, Pdu]] = [
    (
        "00000065 00000021 00000000 00000007  00  05 00 42414e4b00  03"
        "01 01 01 383139303132333435363738 00  02 66616d696c79 00  01 01 01 383139303837363534333231 00"
        "40 00 01  00 303030303032303030303030303030 52 00  11 00 08 00  04 3042 3044  0204 0002 1234",
        SubmitMulti(
            source_addr_ton=5,
            source_addr=b"BANK",
            dest_address=(
                SmeAddress(1, 1, b"819012345678"),
                DistributionList(b"family"),
                SmeAddress(1, 1, b"819087654321"),
            ),
            esm_class=0x40,
            priority_flag=1,
            validity_period=b"000002000000000R",
            registered_delivery=0x11,
            data_coding=8,
            short_message="あい".encode("utf-16-be"),
            tlvs=((0x0204, b"\x12\x34"),),
        ),
    ),
    (
        "0000002d 80000021 00000000 00000007  41424300  02  01 01 353535353500 00000005  02 08 363534353500 00000015",
        SubmitMultiResp(b"ABC", (UnsuccessfulSme(1, 1, b"55555", 5), UnsuccessfulSme(2, 8, b"65455", 0x15))),
    ),
    ("00000015 80000021 00000000 00000007  41424300  00", SubmitMultiResp(b"ABC")),
    (
        "00000034 00000103 00000000 00000001  574150 00  05 00 42414e4b00  01 01 383139303132333435363738 00"
        "00 01 04  0424 0003 010203",
        DataSm(b"WAP", 5, 0, b"BANK", 1, 1, b"819012345678", 0, 1, 4, ((0x0424, b"\1\2\3"),)),
    ),
    (
        "00000026 80000003 00000000 00000002  3132 00  323630313032303330343035303030 2b 00  02 00",
        QuerySmResp(b"12", b"260102030405000+", 2),
    ),
    (
        "0000002a 00000008 00000000 00000003  00 3132 00  05 00 42414e4b00  01 01 383139303132333435363738 00",
        CancelSm(b"", b"12", 5, 0, b"BANK", 1, 1, b"819012345678"),
    ),
]


@pytest.mark.parametrize(("typed", "pdu"), BY_HAND, ids=lambda value: type(value).__name__)
def test_octets_typed_by_hand_are_read_and_written_field_by_field(typed: str, pdu: Pdu) -> None:
    octets = bytes.fromhex(typed)
    sequence = octets[15]
    assert decode(octets) == (pdu, 0, sequence)
    assert encode(pdu, sequence) == octets
