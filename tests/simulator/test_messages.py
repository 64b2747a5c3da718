from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import decode, encode
from protocol.constants import Coding, DataCoding, EsmClass, MessageState, Tag, Ton
from protocol.errors import TextError
from protocol.joining import Concat, split_udh
from protocol.pdu import SubmitSm, find_tlv
from protocol.receipt import parse
from protocol.text import decode_body
from simulator.behaviour import Outcome
from simulator.messages import Incoming, incoming_pdus, receipt_pdu

SUBMIT = SubmitSm(
    source_addr_ton=5,
    source_addr_npi=0,
    source_addr=b"INFO",
    dest_addr_ton=1,
    dest_addr_npi=1,
    destination_addr=b"819012345678",
    short_message=b"Hello, how are you today?",
)
DATES = (1_700_000_000.0, 1_700_000_065.5)
JAPANESE = st.text(st.sampled_from("あいう漢字カナ。、abc123\n€😀👨‍👩‍👧が"), min_size=1, max_size=600)


@pytest.mark.parametrize("state", MessageState)
def test_a_receipt_says_the_same_in_text_and_in_parameters(state: MessageState) -> None:
    receipt = receipt_pdu(SUBMIT, b"1234567890", Outcome(0.0, state, "042"), DATES)
    by_text = parse(receipt.short_message, receipt.esm_class, ())
    by_parameters = parse(b"", receipt.esm_class, receipt.tlvs)
    assert by_text
    assert by_parameters
    assert (by_text.message_id, by_text.state, by_text.error) == ("1234567890", state, "042")
    assert (by_parameters.message_id, by_parameters.state) == ("1234567890", state)
    assert (by_text.submit_date, by_text.done_date) == ("2311142213", "2311142214")


def test_a_receipt_looks_like_the_one_of_appendix_b() -> None:
    receipt = receipt_pdu(SUBMIT, b"1234567890", Outcome(0.0, MessageState.DELIVERED), DATES)
    assert receipt.short_message == (
        b"id:1234567890 sub:001 dlvrd:001 submit date:2311142213 done date:2311142214 stat:DELIVRD err:000 "
        b"text:Hello, how are you t"
    )
    assert receipt.esm_class == EsmClass.RECEIPT
    assert find_tlv(receipt.tlvs, Tag.RECEIPTED_MESSAGE_ID) == b"1234567890\0"
    assert decode(encode(receipt, 1))[0] == receipt


def test_a_receipt_goes_back_from_the_destination_to_the_source() -> None:
    receipt = receipt_pdu(SUBMIT, b"1", Outcome(0.0, MessageState.DELIVERED), DATES)
    assert (receipt.source_addr_ton, receipt.source_addr_npi, receipt.source_addr) == (1, 1, b"819012345678")
    assert (receipt.dest_addr_ton, receipt.dest_addr_npi, receipt.destination_addr) == (5, 0, b"INFO")


@pytest.mark.parametrize(("esm_class", "data_coding"), [(0, DataCoding.UCS2), (EsmClass.UDHI, DataCoding.DEFAULT)])
def test_a_receipt_quotes_only_what_can_be_read_as_it_stands(esm_class: int, data_coding: int) -> None:
    submit = replace(SUBMIT, esm_class=esm_class, data_coding=data_coding)
    receipt = receipt_pdu(submit, b"1", Outcome(0.0, MessageState.DELIVERED), DATES)
    assert receipt.short_message.endswith(b" text:")


@given(
    JAPANESE.filter(lambda text: not text.isspace()),
    st.integers(0, 10_000),
    st.sampled_from([Coding.AUTO, Coding.UCS2]),
)
def test_the_parts_from_a_handset_join_to_its_text(text: str, reference: int, coding: Coding) -> None:
    pdus = incoming_pdus(Incoming("09012345678", "0005123456", text, coding), reference)
    found = [split_udh(pdu.short_message, pdu.esm_class) for pdu in pdus]
    if len(pdus) > 1:
        assert [concat for concat, _ in found] == [
            Concat(reference & 0xFF, len(pdus), number, 8) for number in range(1, len(pdus) + 1)
        ]
    assert decode_body(b"".join(body for _, body in found), pdus[0].data_coding) == text
    assert all(decode(encode(pdu, 1))[0] == pdu for pdu in pdus)


@pytest.mark.parametrize(
    ("number", "ton", "octets"),
    [
        ("+819012345678", Ton.INTERNATIONAL, b"819012345678"),
        ("09012345678", Ton.NATIONAL, b"09012345678"),
        ("819012345678", Ton.UNKNOWN, b"819012345678"),
    ],
)
def test_the_type_of_a_number_is_what_its_writing_shows(number: str, ton: Ton, octets: bytes) -> None:
    pdu = incoming_pdus(Incoming(number, number, "x"), 0)[0]
    assert (pdu.source_addr_ton, pdu.source_addr) == (pdu.dest_addr_ton, pdu.destination_addr) == (ton, octets)


@pytest.mark.parametrize("number", ["", "+", "abc", "1" * 21, "09０", "1 2", "1\n"])
@pytest.mark.parametrize("field", ["source", "destination"])
def test_an_address_that_is_no_number_is_refused_by_its_field_name(number: str, field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field} must be") as caught:
        Incoming(**{"source": "1", "destination": "2", "text": "x", field: number})  # type: ignore[arg-type]  # only strings
    assert number == "" or number not in str(caught.value)


def test_a_text_may_need_255_parts() -> None:
    assert len(incoming_pdus(Incoming("1", "2", "あ" * (67 * 255)), 0)) == 255


def test_a_text_that_no_255_parts_can_carry_is_refused() -> None:
    with pytest.raises(TextError) as caught:
        incoming_pdus(Incoming("1", "2", "あ" * (67 * 255 + 1)), 0)
    assert caught.value.code == "too_long"


def test_neither_numbers_nor_text_show_in_a_repr() -> None:
    assert "0901" not in repr(Incoming("09012345678", "09012345679", "秘密"))
    assert "秘密" not in repr(Incoming("09012345678", "09012345679", "秘密"))
