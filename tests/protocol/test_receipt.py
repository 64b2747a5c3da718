"""Receipts in all the forms carriers send them, and the spellings of ids."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import receipt
from protocol.constants import IdForm, MessageState, Tag
from protocol.receipt import Receipt, candidates, format_receipt, is_intermediate, is_receipt, parse

DELIVERED = Receipt("0123456789", MessageState.DELIVERED, True, "DELIVRD", "000", "2612011200", "2612011201")
PLAIN = (
    b"id:0123456789 sub:001 dlvrd:001 submit date:2612011200 done date:2612011201 stat:DELIVRD err:000 "
    b"text:Your code is 1234567"
)
HEADER = bytes.fromhex("050003840101")
BARE = Receipt("77", None, False)
IDS = st.text(st.sampled_from("0123456789abcdefABCDEF-"), min_size=1, max_size=64)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (PLAIN, DELIVERED),
        (PLAIN.replace(b"text:", b"Text:"), DELIVERED),
        (PLAIN.replace(b" text:Your code is 1234567", b""), DELIVERED),
        (PLAIN.replace(b"sub:001 dlvrd:001 ", b""), DELIVERED),
        (b"ID:0123456789 SUBMIT DATE:2612011200 Done Date:2612011201 Stat:delivrd ERR:000 TEXT:x", DELIVERED),
        (PLAIN.replace(b"submit date", b"submit_date").replace(b"done date", b"donedate"), DELIVERED),
        (PLAIN.replace(b" ", b"\n", 3), DELIVERED),
        (PLAIN.replace(b"id:", b"id: ").replace(b"stat:", b"stat: "), DELIVERED),
        (PLAIN + b" stat:UNDELIV id:999 err:555", DELIVERED),
        (PLAIN.replace(b"text:", b"stat:UNDELIV id:999 "), DELIVERED),
        (PLAIN.replace(b"id:0123456789 ", b"").replace(b" text:", b" id:0123456789 text:id:5"), DELIVERED),
        (PLAIN[: PLAIN.index(b"text")] + "text:id:9 電報".encode("utf-16-be"), DELIVERED),
        (PLAIN.decode().encode("utf-16-be"), DELIVERED),
        (b"\xfe\xff" + PLAIN.decode().encode("utf-16-be"), DELIVERED),
        ((PLAIN.decode() + "電報🙂").encode("utf-16-be")[:-1], DELIVERED),
        (PLAIN.replace(b"2612011201", b"261201120130"), replace(DELIVERED, done_date="261201120130")),
        (PLAIN.replace(b"err:000", b"err:0012"), replace(DELIVERED, error="0012")),
        (PLAIN.replace(b"err:000 ", b""), replace(DELIVERED, error="")),
        (PLAIN.replace(b"0123456789", b"a1:b2-c3", 1), replace(DELIVERED, message_id="a1:b2-c3")),
        (b"id:77 stat:FAILED done date:0000000000", Receipt("77", 5, True, "FAILED", "", "", "0000000000")),
        (b"id:77 stat:DELIVRD\0", Receipt("77", 2, True, "DELIVRD")),
        (b"id:77", BARE),
        (b"id:77 stat: err:1", replace(BARE, error="1")),
        (b"id:77 stat:SOMETHINGNEW", replace(BARE, state_name="SOMETHINGNEW")),
    ],
)
def test_a_text_is_read_in_every_form_seen(octets: bytes, expected: Receipt) -> None:
    assert parse(octets, 0x04, ()) == expected
    assert parse(b"", 0x04, ((Tag.MESSAGE_PAYLOAD, octets),)) == expected
    assert parse(HEADER + octets, 0x44, ()) == expected
    assert parse(b"", 0x44, ((Tag.MESSAGE_PAYLOAD, HEADER + octets),)) == expected


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
        (0, 0, False, ""),
        (9, 9, True, ""),
        (200, 200, False, ""),
    ],
)
def test_a_state_by_number_needs_no_text(number: int, state: int, final: bool, name: str) -> None:
    tlvs = ((Tag.RECEIPTED_MESSAGE_ID, b"33E95179\0"), (Tag.MESSAGE_STATE, bytes((number,))))
    read = parse(b"", 0x04, tlvs)
    assert read == Receipt("33E95179", state, final, name)
    assert isinstance(read.state, MessageState) == (1 <= number <= 8)


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
    name = parse(b"id:1", 0x04, ((Tag.MESSAGE_STATE, bytes((state,))),))
    assert name is not None
    receipt = replace(
        DELIVERED, message_id=message_id, state=state, final=name.final, state_name=name.state_name, error=f"{error:03}"
    )
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


@pytest.mark.parametrize(
    ("stored", "receipt", "form"),
    [
        ("33E95179", "870928761", IdForm.AUTO),
        ("33E95179", "870928761", IdForm.HEX_TO_DEC),
        ("33e95179", "0870928761", IdForm.AUTO),
        ("0e999f21", "E999F21", IdForm.AUTO),
        ("E999F21", "0e999f21", IdForm.AUTO),
        ("0E999F21", "244948769", IdForm.HEX_TO_DEC),
        ("000e999f21", "244948769", IdForm.AUTO),
        ("870928761", "33e95179", IdForm.AUTO),
        ("870928761", "33E95179", IdForm.DEC_TO_HEX),
        ("0870928761", "33E95179", IdForm.DEC_TO_HEX),
        ("0012345678", "12345678", IdForm.AUTO),
        ("12345678", "0012345678", IdForm.AUTO),
        ("AbCdEf12", "AbCdEf12", IdForm.AUTO),
        ("ABCDEF12", "abcdef12", IdForm.AUTO),
        ("0", "0000", IdForm.AUTO),
        ("87C2A1B3F04D9E6655", "2504335138510073652821", IdForm.AUTO),
        ("2504335138510073652821", "87c2a1b3f04d9e6655", IdForm.DEC_TO_HEX),
    ],
)
def test_a_stored_id_is_found_by_the_spelling_of_its_receipt(stored: str, receipt: str, form: IdForm) -> None:
    assert stored in candidates(receipt, form)


@pytest.mark.parametrize(
    "message_id",
    ["0f8fad5b-d9cb-469f-a165-70867728950e", "0F8FAD5BD9CB469FA16570867728950E", "12:34", "0x1F", "", "１２", "12 "],
)
@pytest.mark.parametrize("form", IdForm)
def test_an_id_that_is_no_number_stays_as_it_is(message_id: str, form: IdForm) -> None:
    assert candidates(message_id, form) == (message_id,)


def test_a_fixed_form_looks_for_nothing_else() -> None:
    assert candidates("870928761", IdForm.SAME) == ("870928761",)
    assert "870928761" not in candidates("870928761", IdForm.HEX_TO_DEC)
    assert candidates("33E95179", IdForm.HEX_TO_DEC) == ("33E95179",)
    assert candidates("33E95179", IdForm.DEC_TO_HEX) == ("870928761", "0870928761")


@given(IDS, st.sampled_from(IdForm))
def test_the_spellings_of_an_id_are_few_and_all_different(message_id: str, form: IdForm) -> None:
    found = candidates(message_id, form)
    assert 1 <= len(found) <= 12
    assert len(set(found)) == len(found)
    assert form not in (IdForm.AUTO, IdForm.SAME) or found[0] == message_id


@given(st.integers(0, 2**64), st.sampled_from(["{:X}", "{:x}", "{:08X}", "{:08x}", "{:010x}"]))
def test_hexadecimal_responses_are_found_from_decimal_receipts(number: int, spelling: str) -> None:
    assert spelling.format(number) in candidates(str(number), IdForm.AUTO)
    assert spelling.format(number) in candidates(f"{number:010}", IdForm.HEX_TO_DEC)
    assert str(number) in candidates(spelling.format(number), IdForm.DEC_TO_HEX)


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
)
def test_the_quick_way_of_reading_a_receipt_reads_what_the_long_way_does(said: dict[str, str], esm_class: int) -> None:
    head = "id:{id} sub:{sub} dlvrd:001 submit date:{submit} done date:{done} stat:{stat} err:{err} {text}"
    octets = head.format(**said).encode("ascii")
    assert dict(receipt._read_fields(octets, esm_class)) == dict(receipt._scan_fields(octets, esm_class))
