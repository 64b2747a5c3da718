import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import encode
from protocol.constants import Coding, DataCoding, EsmClass, MessageState, Status, Tag
from protocol.pdu import (
    PDUS,
    AlertNotification,
    BindTransceiver,
    BindTransceiverResp,
    CancelSm,
    DataSm,
    DeliverSm,
    DistributionList,
    EnquireLink,
    Outbind,
    Pdu,
    QuerySmResp,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    UnsuccessfulSme,
)
from simulator.live import Hub
from simulator.pdulog import MAX_CHARACTERS, PduTap, describe_pdu
from simulator.wire import Direction
from tests.simulator.test_live import read_events

UDH = bytes.fromhex("0500032a0201")
SUBMIT = SubmitSm(
    source_addr_ton=5,
    source_addr=b"DENPO",
    dest_addr_ton=1,
    dest_addr_npi=1,
    destination_addr=b"819012345678",
    esm_class=EsmClass.UDHI,
    registered_delivery=1,
    data_coding=8,
    short_message=UDH + "電報🙏".encode("utf-16-be"),
    tlvs=((Tag.USER_MESSAGE_REFERENCE, b"\x01\x02"), (0x1400, b"\xff")),
)


def fields_of(pdu: Pdu, status: int = 0) -> dict[str, str]:
    return dict(describe_pdu(encode(pdu, 1, status))["fields"])


def test_a_pdu_is_shown_with_every_field_in_the_order_of_the_wire() -> None:
    shown = describe_pdu(encode(SUBMIT, 7))
    assert (shown["name"], shown["status"], shown["sequence"], shown["error"]) == ("submit_sm", "", 7, "")
    assert shown["length"] == len(encode(SUBMIT, 7))
    assert shown["fields"] == [
        ("service_type", ""),
        ("source_addr_ton", "5 (alphanumeric)"),
        ("source_addr_npi", "0 (unknown)"),
        ("source_addr", "DENPO"),
        ("dest_addr_ton", "1 (international)"),
        ("dest_addr_npi", "1 (isdn)"),
        ("destination_addr", "819012345678"),
        ("esm_class", "0x40 UDHI"),
        ("protocol_id", "0"),
        ("priority_flag", "0"),
        ("schedule_delivery_time", ""),
        ("validity_period", ""),
        ("registered_delivery", "0x01"),
        ("replace_if_present_flag", "0"),
        ("data_coding", "8 (ucs2)"),
        ("sm_default_msg_id", "0"),
        ("short_message", SUBMIT.short_message.hex(" ")),
        ("user_message_reference", "258"),
        ("0x1400", "ff"),
        ("(user data header)", "05 00 03 2a 02 01"),
        ("(text)", "電報🙏"),
    ]


def test_an_answer_is_shown_with_its_status_in_words() -> None:
    ok, error = (describe_pdu(encode(SubmitSmResp(b"1"), 1, status)) for status in (0, Status.RTHROTTLED))
    assert (ok["status"], ok["says"], ok["fields"]) == ("ESME_ROK", "No Error", [("message_id", "1")])
    assert error["status"] == "ESME_RTHROTTLED"
    assert error["says"]


@pytest.mark.parametrize("pdu", [BindTransceiver(b"denpo", b"secret"), Outbind(b"denpo", b"secret")])
def test_a_password_is_not_shown(pdu: Pdu) -> None:
    shown = describe_pdu(encode(pdu, 1))
    assert dict(shown["fields"])["password"] == "(6 octets)"
    assert "secret" not in json.dumps(shown)


def test_optional_parameters_are_shown_as_what_they_are_and_as_octets_where_they_are_not() -> None:
    tlvs = ((Tag.SC_INTERFACE_VERSION, b"\x34"), (Tag.MESSAGE_STATE, b"\2"), (Tag.MESSAGE_STATE, b"\2\2"))
    shown = describe_pdu(encode(BindTransceiverResp(b"smsc", (*tlvs, (Tag.RECEIPTED_MESSAGE_ID, b"12\0"))), 1))
    assert shown["fields"] == [
        ("system_id", "smsc"),
        ("sc_interface_version", "0x34"),
        ("message_state", "2 (delivered)"),
        ("message_state", "02 02"),
        ("receipted_message_id", "12"),
    ]


def test_lists_inside_a_pdu_are_shown_entry_by_entry() -> None:
    destinations = (SmeAddress(1, 1, b"8190"), DistributionList(b"all"))
    assert fields_of(SubmitMulti(dest_address=destinations))["dest_address"] == (
        "dest_addr_ton=1 (international) dest_addr_npi=1 (isdn) destination_addr=8190; dl_name=all"
    )
    failures = (UnsuccessfulSme(1, 1, b"8190", Status.RINVDSTADR),)
    assert fields_of(SubmitMultiResp(b"1", failures))["unsuccess_sme"].endswith("error_status_code=ESME_RINVDSTADR")


def test_what_is_no_known_value_is_shown_as_a_number() -> None:
    fields = fields_of(SubmitSm(source_addr_ton=77, data_coding=0xF4))
    assert (fields["source_addr_ton"], fields["data_coding"]) == ("77", "244")
    assert fields_of(QuerySmResp(b"1", message_state=MessageState.EXPIRED))["message_state"] == "3 (expired)"


def test_receipts_and_notifications_are_told_apart_from_messages() -> None:
    assert fields_of(DeliverSm(esm_class=EsmClass.RECEIPT))["esm_class"] == "0x04 receipt"
    assert fields_of(DeliverSm(esm_class=EsmClass.INTERMEDIATE))["esm_class"] == "0x20 intermediate notification"


def test_a_text_is_found_in_the_payload_too_and_read_by_the_table_given() -> None:
    octets = "電報".encode("shift_jis")
    pdu = encode(DataSm(data_coding=0xF4, tlvs=((Tag.MESSAGE_PAYLOAD, octets),)), 1)
    assert "(text)" not in dict(describe_pdu(pdu)["fields"])
    assert dict(describe_pdu(pdu, {0xF4: Coding.SHIFT_JIS})["fields"])["(text)"] == "電報"


@pytest.mark.parametrize("pdu", [EnquireLink(), AlertNotification(), CancelSm(b"1")])
def test_a_pdu_without_a_message_has_no_text(pdu: Pdu) -> None:
    assert not {"(text)", "(user data header)"} & fields_of(pdu).keys()


def test_what_cannot_be_read_is_shown_in_octets_with_the_reason() -> None:
    whole = encode(SUBMIT, 7)
    broken = describe_pdu((20).to_bytes(4, "big") + whole[4:16] + b"\1\2\3\4")
    assert (broken["name"], broken["fields"]) == ("submit_sm", [("octets", "01 02 03 04")])
    assert broken["error"].startswith("service_type: ")
    strange = describe_pdu(bytes.fromhex("00000010 00012345 00000000 00000001"))
    assert (strange["name"], strange["sequence"]) == ("0x00012345", 1)
    assert strange["error"]


def test_a_value_without_end_is_shortened() -> None:
    fields = fields_of(DataSm(data_coding=DataCoding.LATIN1, tlvs=((Tag.MESSAGE_PAYLOAD, b"x" * 60_000),)))
    for name in ("message_payload", "(text)"):
        assert len(fields[name]) == MAX_CHARACTERS + 1
        assert fields[name].endswith("…")


@given(st.binary(max_size=80), st.sampled_from(sorted(PDUS)), st.integers(0, 2**32 - 1))
def test_any_octets_with_a_length_that_is_right_can_be_shown(body: bytes, command_id: int, status: int) -> None:
    head = b"".join(number.to_bytes(4, "big") for number in (16 + len(body), command_id, status, 1))
    shown = describe_pdu(head + body)
    assert json.loads(json.dumps(shown))["name"] == PDUS[command_id].id.name.lower()
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in shown["fields"])


async def watch(tell: Callable[[PduTap], None], hub: Hub | None = None) -> list[dict[str, Any]]:
    hub = hub or Hub()
    tap = PduTap(hub, 3, 1_000_000.0)
    with hub.watch(pdus=True) as watcher:
        tell(tap)
        events = read_events(await anext(watcher))
    assert all(kind == "pdu" for kind, _ in events)
    return [fields for _, fields in events]


async def test_a_tap_tells_each_pdu_with_its_direction_session_and_time() -> None:
    def tell(tap: PduTap) -> None:
        tap(Direction.RECEIVED, encode(EnquireLink(), 1) + encode(SUBMIT, 2)[:20], 5.0)
        tap(Direction.SENT, encode(SubmitSmResp(b"1"), 2), 6.0)
        tap(Direction.RECEIVED, encode(SUBMIT, 2)[20:], 7.0)

    told = await watch(tell)
    assert [(each["name"], each["direction"], each["session"], each["at"]) for each in told] == [
        ("enquire_link", "received", 3, 1_000_005.0),
        ("submit_sm_resp", "sent", 3, 1_000_006.0),
        ("submit_sm", "received", 3, 1_000_007.0),
    ]


async def test_octets_that_are_no_pdu_are_told_with_a_note() -> None:
    def tell(tap: PduTap) -> None:
        tap(Direction.RECEIVED, encode(EnquireLink(), 1) + b"\0\0\0\1garbage", 0.0)
        tap(Direction.RECEIVED, encode(EnquireLink(), 2), 0.0)

    first, note, second = await watch(tell)
    assert (first["sequence"], note["name"], second["sequence"]) == (1, "", 2)
    assert note["error"] == "11 octets passed over: command_length is 1"


@pytest.mark.parametrize("middle", [encode(SUBMIT, 2)[20:], b"", b"\0\0\0\x10", b"\0\0\0\x10 not a PDU at all"])
async def test_who_begins_to_watch_in_the_middle_of_a_pdu_sees_the_next_ones(middle: bytes) -> None:
    def tell(tap: PduTap) -> None:
        tap(Direction.RECEIVED, middle, 0.0)
        tap(Direction.RECEIVED, encode(EnquireLink(), 3), 0.0)

    assert [each["sequence"] for each in await watch(tell)] == [3]


async def test_while_nobody_watches_nothing_is_kept_back() -> None:
    hub = Hub()
    tap = PduTap(hub, 1, 0.0)
    with hub.watch(pdus=True):
        tap(Direction.RECEIVED, encode(SUBMIT, 1)[:20], 0.0)
    tap(Direction.RECEIVED, encode(SUBMIT, 1)[20:], 0.0)
    with hub.watch(pdus=True) as watcher:
        tap(Direction.RECEIVED, encode(EnquireLink(), 2), 0.0)
        [(_, fields)] = read_events(await anext(watcher))
    assert (fields["name"], fields["sequence"]) == ("enquire_link", 2)
