"""Receipts in all the forms carriers send them."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol import receipt
from protocol.codec import decode, encode
from protocol.constants import DataCoding, MessageState, Tag
from protocol.pdu import DeliverSm
from protocol.receipt import (
    FINAL_STATES,
    STATE_NAMES,
    NetworkError,
    Receipt,
    format_receipt,
    is_intermediate,
    is_receipt,
    looks_like_receipt,
    parse,
    read_network_error,
)

DELIVERED = Receipt("0123456789", MessageState.DELIVERED, True, "DELIVRD", "000", "2612011200", "2612011201")
PLAIN = (
    b"id:0123456789 sub:001 dlvrd:001 submit date:2612011200 done date:2612011201 stat:DELIVRD err:000 "
    b"text:Your code is 1234567"
)
HEADER, HEADER_16 = bytes.fromhex("050003840101"), bytes.fromhex("06080484010101")
BARE = Receipt("77", None, False)
FAILED = Receipt("77", MessageState.UNDELIVERABLE, True, "FAILED", "", "", "0000000000")
IDS = st.text(st.sampled_from("0123456789abcdefABCDEF-"), min_size=1, max_size=64)


def changed(old: bytes, new: bytes) -> bytes:
    """Spell the plain receipt differently."""
    assert old in PLAIN
    return PLAIN.replace(old, new)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        pytest.param(PLAIN, DELIVERED, id="as Appendix B"),
        pytest.param(
            changed(b"2612011201", b"261201120130"), replace(DELIVERED, done_date="261201120130"), id="12 digits"
        ),
        pytest.param(
            changed(b"2612011201", b"20261201120130"), replace(DELIVERED, done_date="20261201120130"), id="14 digits"
        ),
        pytest.param(
            changed(b"2612011201", b"0000000000"), replace(DELIVERED, done_date="0000000000"), id="date of zeros"
        ),
        pytest.param(
            changed(b"DELIVRD", b"FAILED"), replace(DELIVERED, state=5, state_name="FAILED"), id="FAILED, in 6 letters"
        ),
        pytest.param(b"id:77 stat:FAILED done date:0000000000", FAILED, id="FAILED, little more"),
        pytest.param(changed(b"text:", b"Text:"), DELIVERED, id="Text:"),
        pytest.param(changed(b"text:", b"TEXT:"), DELIVERED, id="TEXT:"),
        pytest.param(changed(b" text:Your code is 1234567", b""), DELIVERED, id="no text"),
        pytest.param(changed(b"err:000", b"err:0012"), replace(DELIVERED, error="0012"), id="err of 4 digits"),
        pytest.param(changed(b"err:000 ", b""), replace(DELIVERED, error=""), id="no err"),
        pytest.param(changed(b"sub:001 dlvrd:001 ", b""), DELIVERED, id="no sub, no dlvrd"),
        pytest.param(
            changed(b"submit date", b"submit_date").replace(b"done date", b"donedate"), DELIVERED, id="keys joined"
        ),
        pytest.param(
            b"ID:0123456789 SUBMIT DATE:2612011200 Done Date:2612011201 Stat:delivrd ERR:000 TEXT:x",
            DELIVERED,
            id="case",
        ),
        pytest.param(
            b"stat:DELIVRD err:000 done date:2612011201 submit date:2612011200 id:0123456789 text:id:5",
            DELIVERED,
            id="another order",
        ),
        pytest.param(changed(b"id:", b"id: ").replace(b"stat:", b"stat: "), DELIVERED, id="spaces before values"),
        pytest.param(changed(b"id:0123456789", b"  id:  0123456789  "), DELIVERED, id="spaces around the id"),
        pytest.param(PLAIN.replace(b" ", b"\n", 3), DELIVERED, id="lines"),
        pytest.param(PLAIN + b"\0", DELIVERED, id="NUL after the text"),
        pytest.param(changed(b" text:Your code is 1234567", b"\0"), DELIVERED, id="NUL after err"),
        pytest.param(b"id:77 stat:DELIVRD\0", Receipt("77", 2, True, "DELIVRD"), id="NUL after stat"),
        pytest.param(b"id:77\0", BARE, id="NUL after the id"),
        pytest.param(b"id:77", BARE, id="no more than an id"),
        pytest.param(b"id:77 stat: err:1", replace(BARE, error="1"), id="empty stat"),
        pytest.param(b"id:77 stat:SOMETHINGNEW", replace(BARE, state_name="SOMETHINGNEW"), id="a state of their own"),
        pytest.param(
            changed(b"0123456789", b"a1:b2-c3"), replace(DELIVERED, message_id="a1:b2-c3"), id="colon in the id"
        ),
        pytest.param(PLAIN + b" stat:UNDELIV id:999 err:555", DELIVERED, id="the message speaks of receipts"),
        pytest.param(changed(b"text:", b"stat:UNDELIV id:999 "), DELIVERED, id="the first of two counts"),
        pytest.param(PLAIN.decode().encode("utf-16-be"), DELIVERED, id="UTF-16BE"),
        pytest.param(b"\xfe\xff" + PLAIN.decode().encode("utf-16-be"), DELIVERED, id="UTF-16BE with its mark"),
        pytest.param((PLAIN.decode() + "電報🙂").encode("utf-16-be")[:-1], DELIVERED, id="UTF-16BE, cut"),
        pytest.param(
            PLAIN[: PLAIN.index(b"text")] + "text:id:9 電報".encode("utf-16-be"), DELIVERED, id="UTF-16BE after ASCII"
        ),
    ],
)
@pytest.mark.parametrize("header", [b"", HEADER, HEADER_16], ids=["no header", "8 bits", "16 bits"])
def test_a_text_is_read_in_every_form_seen(octets: bytes, expected: Receipt, header: bytes) -> None:
    assert parse(header + octets, 0x04, ()) == expected
    assert parse(b"", 0x04, ((Tag.MESSAGE_PAYLOAD, header + octets),)) == expected
    if header:
        assert parse(header + octets, 0x44, ()) == expected
        assert parse(b"", 0x44, ((Tag.MESSAGE_PAYLOAD, header + octets),)) == expected


@pytest.mark.parametrize("data_coding", [0, DataCoding.LATIN1, DataCoding.UCS2, 0xF1])
@pytest.mark.parametrize("encoding", ["ascii", "utf-16-be"])
def test_data_coding_is_not_believed(data_coding: int, encoding: str) -> None:
    octets = PLAIN.decode().encode(encoding)[:254]
    sent = DeliverSm(esm_class=0x04, data_coding=data_coding, short_message=octets)
    came, _, _ = decode(encode(sent, 1))
    assert isinstance(came, DeliverSm)
    assert parse(came.short_message, came.esm_class, came.tlvs) == DELIVERED


@pytest.mark.parametrize(
    ("name", "state", "final"),
    [
        ("ENROUTE", 1, False),
        ("DELIVRD", 2, True),
        ("EXPIRED", 3, True),
        ("DELETED", 4, True),
        ("UNDELIV", 5, True),
        ("ACCEPTD", 6, False),
        ("UNKNOWN", 7, False),
        ("REJECTD", 8, True),
        ("DELIVERED", 2, True),
        ("UNDELIVERABLE", 5, True),
        ("ACKED", 6, False),
        ("BUFFRED", 1, False),
        ("BUFFERD", 1, False),
        ("FAILED", 5, True),
        ("SCHEDLD", 0, False),
        ("SCHEDULED", 0, False),
        ("SKIPPED", 9, True),
        ("", None, False),
        ("NEWSTATE", None, False),
    ],
)
def test_a_state_by_name_is_final_or_not(name: str, state: int | None, final: bool) -> None:
    read = parse(f"id:77 stat:{name} err:000".encode(), 0x04, ())
    assert read == Receipt("77", state, final, name, "000")


@pytest.mark.parametrize(
    ("number", "state", "final", "name"),
    [
        (1, MessageState.ENROUTE, False, "ENROUTE"),
        (2, MessageState.DELIVERED, True, "DELIVRD"),
        (3, MessageState.EXPIRED, True, "EXPIRED"),
        (4, MessageState.DELETED, True, "DELETED"),
        (5, MessageState.UNDELIVERABLE, True, "UNDELIV"),
        (6, MessageState.ACCEPTED, False, "ACCEPTD"),
        (7, MessageState.UNKNOWN, False, "UNKNOWN"),
        (8, MessageState.REJECTED, True, "REJECTD"),
        (0, MessageState.SCHEDULED, False, "SCHEDLD"),
        (9, MessageState.SKIPPED, True, "SKIPPED"),
        (10, 10, False, ""),
        (200, 200, False, ""),
    ],
)
def test_a_state_by_number_needs_no_text(number: int, state: int, final: bool, name: str) -> None:
    tlvs = ((Tag.RECEIPTED_MESSAGE_ID, b"33E95179\0"), (Tag.MESSAGE_STATE, bytes((number,))))
    read = parse(b"", 0x04, tlvs)
    assert read == Receipt("33E95179", state, final, name)
    assert isinstance(read.state, MessageState) == (number <= 9)


def test_every_state_has_a_name_that_reads_back() -> None:
    assert set(STATE_NAMES) == set(MessageState)
    for state, name in STATE_NAMES.items():
        assert parse(f"id:77 stat:{name}".encode(), 0x04, ()) == Receipt("77", state, state in FINAL_STATES, name)


@pytest.mark.parametrize("state", [MessageState.ACCEPTED, MessageState.UNKNOWN])
def test_a_carrier_may_have_more_states_that_are_final(state: MessageState) -> None:
    octets, tlvs = f"id:77 stat:{STATE_NAMES[state]}".encode(), ((Tag.MESSAGE_STATE, bytes((state,))),)
    for read in (parse(octets, 0x04, (), FINAL_STATES | {state}), parse(b"id:77", 0x04, tlvs, FINAL_STATES | {state})):
        assert read is not None
        assert read.final
    for name in ("ENROUTE", "NEWSTATE", ""):
        read = parse(f"id:77 stat:{name}".encode(), 0x04, (), FINAL_STATES | {state})
        assert read is not None
        assert not read.final


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"\x03\x00\x22", NetworkError(3, 0x22)),
        (b"\x08\x01\x02", NetworkError(8, 0x102)),
        (b"\x00\xff\xff", NetworkError(0, 0xFFFF)),
        (b"034", NetworkError(0, 34)),
        (b"000", NetworkError(0, 0)),
        (b"03A", NetworkError(0x30, 0x3341)),
        (b"", None),
        (b"\x03\x22", None),
        (b"0034", None),
        (b"\x03\x00\x00\x22", None),
    ],
)
def test_a_network_error_is_read_in_both_forms_and_kept_raw(value: bytes, error: NetworkError | None) -> None:
    assert read_network_error(value) == error
    read = parse(b"id:77", 0x04, ((Tag.NETWORK_ERROR_CODE, value),))
    assert read is not None
    assert read.network_error == value


@given(st.binary(max_size=4))
def test_no_network_error_is_too_broken_to_be_read(value: bytes) -> None:
    assert (read_network_error(value) is None) is (len(value) != 3)


def test_an_id_with_spaces_or_a_nul_around_it_is_read_from_its_tlv() -> None:
    for value in (b" 33E95179 \0", b"33E95179", b"  33E95179\0junk"):
        assert parse(b"", 0x04, ((Tag.RECEIPTED_MESSAGE_ID, value),)) == Receipt("33E95179", None, False)


SNIFFED = [
    PLAIN,
    changed(b"text:", b"Text:"),
    changed(b"2612011201", b"20261201120130"),
    changed(b"sub:001 dlvrd:001 ", b""),
    changed(b" text:Your code is 1234567", b""),
    changed(b" text:Your code is 1234567", b"\0"),
    changed(b"err:000", b"err:00AF"),
    b"ID: 77 DONE DATE:0000000000 STAT:FAILED",
    PLAIN.decode().encode("utf-16-be"),
]


@pytest.mark.parametrize("octets", SNIFFED)
def test_a_text_that_opens_like_a_receipt_is_known_by_it(octets: bytes) -> None:
    assert looks_like_receipt(octets)
    assert parse(octets, 0x00, ())


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"hello",
        b" " + PLAIN,
        b"Re: " + PLAIN,
        HEADER + PLAIN,
        b"id:77",
        b"id:77 stat:DELIVRD",
        b"id:77 done date:2612011201",
        b"id:77 sub:001 dlvrd:001 submit date:2612011200 stat:DELIVRD text:done date:2612011201",
        b"stat:DELIVRD done date:2612011201 id:77",
        b"id: done date:2612011201 stat:DELIVRD",
        b"id:77 done date:tomorrow stat:DELIVRD",
        b"id:77 done date:2612011201 stat:DELIVRD!",
        b"id:77 done date:2612011201 stat:DELIVRD err:000 is what it said",
        b"id:77 hello done date:2612011201 stat:DELIVRD",
        b"id:" + b"7" * 65 + b" done date:2612011201 stat:DELIVRD",
        "電報 id:77 done date:2612011201 stat:DELIVRD".encode("utf-16-be"),
    ],
)
def test_a_text_that_a_handset_may_write_does_not_look_like_a_receipt(octets: bytes) -> None:
    assert not looks_like_receipt(octets)


@given(st.binary(max_size=200), st.integers(0, 130))
def test_no_octets_are_too_broken_to_be_sniffed_and_what_looks_like_a_receipt_is_one(octets: bytes, at: int) -> None:
    for text in (octets, PLAIN[:at] + octets):
        assert not looks_like_receipt(text) or parse(text, 0x00, ()) is not None


def test_tlvs_win_over_the_text_and_leave_it_the_rest() -> None:
    tlvs = ((0x001E, b"33E95179\0junk"), (0x0427, b"\x05"), (0x0423, b"\x03\x00\x22"), (0x1400, b"?"))
    expected = Receipt("33E95179", 5, True, "UNDELIV", "000", "2612011200", "2612011201", b"\x03\x00\x22")
    assert parse(PLAIN, 0x04, tlvs) == expected


@pytest.mark.parametrize("said", [b"", b"\x00\x02"])
def test_a_state_of_the_wrong_size_leaves_the_word_to_the_text(said: bytes) -> None:
    assert parse(PLAIN, 0x04, ((0x0427, said), (0x001E, b"\0"))) == DELIVERED


def test_a_state_said_twice_keeps_the_spelling_of_the_text() -> None:
    read = parse(b"id:77 stat:FAILED", 0x04, ((0x0427, b"\x05"),))
    assert read == Receipt("77", MessageState.UNDELIVERABLE, True, "FAILED")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"hello",
        b"id: sub:001 dlvrd:001 stat:DELIVRD",
        b"id:",
        b"stat:DELIVRD text:id:77",
        b"paid:77 stat:DELIVRD",
        b"identity id77 stat:DELIVRD",
        "受取 text:id:77".encode("utf-16-be"),
    ],
)
def test_what_names_no_message_is_no_receipt(octets: bytes) -> None:
    assert parse(octets, 0x04, ((Tag.MESSAGE_STATE, b"\x02"),)) is None


def test_only_the_head_of_a_huge_payload_is_looked_at() -> None:
    assert parse(b"x" * 2_000 + b" id:77", 0x04, ()) is None


@given(st.binary(max_size=300), st.integers(0, 255), st.lists(st.tuples(st.sampled_from(Tag), st.binary(max_size=9))))
def test_no_octets_are_too_broken_to_be_parsed(octets: bytes, esm_class: int, tlvs: list[tuple[int, bytes]]) -> None:
    parse(octets, esm_class, tlvs)
    parse(b"id:" + octets, esm_class, tlvs)


@given(IDS, st.sampled_from(MessageState), st.integers(0, 9999), st.binary(max_size=40))
def test_a_formatted_receipt_parses_to_itself(message_id: str, state: MessageState, error: int, text: bytes) -> None:
    final, name = state in FINAL_STATES, STATE_NAMES[state]
    receipt = replace(DELIVERED, message_id=message_id, state=state, final=final, state_name=name, error=f"{error:03}")
    octets = format_receipt(receipt, text)
    assert parse(octets, 0x04, ()) == receipt
    assert octets.endswith(b" text:" + text[:20])


def test_a_formatted_receipt_is_as_appendix_b_shows_it() -> None:
    assert format_receipt(DELIVERED, b"Your code is 1234567890") == PLAIN
    assert b"dlvrd:000" in format_receipt(replace(DELIVERED, state=MessageState.EXPIRED))


@pytest.mark.parametrize(
    ("esm_class", "receipt", "intermediate"),
    [
        (0x00, False, False),
        (0x04, True, False),
        (0x44, True, False),
        (0x87, True, False),
        (0x20, False, True),
        (0x60, False, True),
        (0x08, False, False),
        (0x10, False, False),
        (0x18, False, False),
        (0x0C, False, False),
        (0x24, False, False),
    ],
)
def test_the_type_of_a_delivery_is_four_bits_of_esm_class(esm_class: int, receipt: bool, intermediate: bool) -> None:
    assert (is_receipt(esm_class), is_intermediate(esm_class)) == (receipt, intermediate)


SAID = {"id": "7", "sub": "1", "submit": "1", "done": "1", "stat": "DELIVRD", "err": "0", "text": "text:"}


@given(
    st.fixed_dictionaries(
        {
            "id": st.text("0123456789abcdefABCDEF-", min_size=1, max_size=66),
            "sub": st.sampled_from(["001", "1", "", "x"]),
            "submit": st.text("0123456789", max_size=15),
            "done": st.text("0123456789", max_size=15),
            "stat": st.text("DELIVRUN", max_size=9),
            "err": st.text("0123456789abc", max_size=9),
            "text": st.sampled_from(["text:", "Text:", "TEXT:", "", "text:id:9 stat:EXPIRED"]),
        }
    ),
    st.sampled_from([0x04, 0x44]),
    st.lists(
        st.tuples(
            st.sampled_from([Tag.RECEIPTED_MESSAGE_ID, Tag.MESSAGE_STATE, Tag.NETWORK_ERROR_CODE]),
            st.sampled_from([b"7\0", b"7", b"", b"8\0", b"\x02", b"\x05", b"\0", b"\x02\x02"]),
        ),
        max_size=3,
    ),
)
@example(SAID, 0x04, [])
@example(SAID, 0x04, [(Tag.RECEIPTED_MESSAGE_ID, b"7\0"), (Tag.MESSAGE_STATE, b"\x02")])
@example(SAID, 0x04, [(Tag.RECEIPTED_MESSAGE_ID, b"8\0"), (Tag.MESSAGE_STATE, b"\x02")])
@example(SAID, 0x04, [(Tag.RECEIPTED_MESSAGE_ID, b"7\0"), (Tag.MESSAGE_STATE, b"\x05")])
@example({**SAID, "stat": "VENDOR"}, 0x04, [(Tag.MESSAGE_STATE, b"\0")])
def test_the_quick_way_of_reading_a_receipt_reads_what_the_long_way_does(
    said: dict[str, str], esm_class: int, tlvs: list[tuple[int, bytes]]
) -> None:
    head = "id:{id} sub:{sub} dlvrd:001 submit date:{submit} done date:{done} stat:{stat} err:{err} {text}"
    octets = head.format(**said).encode("ascii")
    final = receipt.FINAL_STATES
    assert receipt.parse(octets, esm_class, tlvs) == receipt._parse_any(octets, esm_class, tlvs, final)


def test_what_is_kept_of_a_receipt_is_what_the_quick_way_reads() -> None:
    assert DELIVERED.said == receipt.parse_plain(PLAIN, 0x04, ())


def test_the_names_of_states_are_all_that_receipts_spell_them_by_and_no_others() -> None:
    names = receipt.names_of({MessageState.DELIVERED, MessageState.UNDELIVERABLE})
    assert {name for name, state in names.items() if state is MessageState.DELIVERED} == {"DELIVRD", "DELIVERED"}
    assert {name for name, state in names.items() if state is MessageState.UNDELIVERABLE} == {
        *("UNDELIV", "UNDELIVERABLE", "FAILED"),
    }
    assert len(names) == 5
