from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.faults import ReceiptText
from protocol.codec import decode, encode
from protocol.constants import Coding, Concatenation, DataCoding, EsmClass, MessageState, Tag, Ton
from protocol.errors import TextError
from protocol.joining import read_sar, split_udh
from protocol.operations import DataSm
from protocol.pdu import DeliverSm, SubmitSm, find_tlv
from protocol.receipt import is_intermediate, is_receipt, parse
from protocol.text import decode_body
from simulator.behaviour import Outcome
from simulator.fates import Fate
from simulator.messages import Incoming, ReadyReceipt, incoming_pdus, make_receipt, receipt_pdu
from simulator.plan import STANDARD_FORM, ReceiptForm
from tests.protocol.wire import built

SUBMIT = SubmitSm(
    source_addr_ton=5,
    source_addr_npi=0,
    source_addr=b"INFO",
    dest_addr_ton=1,
    dest_addr_npi=1,
    destination_addr=b"819012345678",
    short_message=b"Hello, how are you today?",
)
STANDARD = ReceiptForm()
UUID = b"01234567-89ab-4def-8123-456789abcdef"
DATES = (1_700_000_000.0, 1_700_000_065.5)
JAPANESE = st.text(st.sampled_from("あいう漢字カナ。、abc123\n€😀👨‍👩‍👧が"), min_size=1, max_size=600)


FORMS = st.builds(
    ReceiptForm, st.sampled_from(ReceiptText), st.booleans(), st.sampled_from([0, 1, 8, 0xF0]), st.booleans()
)


def outcome(
    state: MessageState = MessageState.DELIVERED,
    error: str = "000",
    form: ReceiptForm = STANDARD,
    *,
    message_id: bytes = b"1234567890",
    final: bool = True,
) -> Outcome:
    return Outcome(0.0, state, error, message_id, False, False, final, form)


@pytest.mark.parametrize("state", MessageState)
def test_a_receipt_says_the_same_in_text_and_in_parameters(state: MessageState) -> None:
    receipt = receipt_pdu(SUBMIT, outcome(state, "042"), DATES)
    assert isinstance(receipt, DeliverSm)
    by_text = parse(receipt.short_message, receipt.esm_class, ())
    by_parameters = parse(b"", receipt.esm_class, receipt.tlvs)
    assert by_text
    assert by_parameters
    assert (by_text.message_id, by_text.state, by_text.error) == ("1234567890", state, "042")
    assert (by_parameters.message_id, by_parameters.state) == ("1234567890", state)
    assert (by_text.submit_date, by_text.done_date) == ("2311142213", "2311142214")


def test_a_receipt_looks_like_the_one_of_appendix_b() -> None:
    receipt = receipt_pdu(SUBMIT, outcome(), DATES)
    assert isinstance(receipt, DeliverSm)
    assert receipt.short_message == (
        b"id:1234567890 sub:001 dlvrd:001 submit date:2311142213 done date:2311142214 stat:DELIVRD err:000 "
        b"text:Hello, how are you t"
    )
    assert (receipt.esm_class, receipt.data_coding) == (EsmClass.RECEIPT, DataCoding.DEFAULT)
    assert find_tlv(receipt.tlvs, Tag.RECEIPTED_MESSAGE_ID) == b"1234567890\0"
    assert decode(encode(receipt, 1))[0] == receipt


@given(FORMS, st.sampled_from(MessageState), st.booleans(), st.booleans(), st.sampled_from([b"1", b"F" * 16, UUID]))
def test_a_receipt_of_any_form_can_be_sent_and_read_back(
    form: ReceiptForm, state: MessageState, final: bool, plain: bool, message_id: bytes
) -> None:
    told = outcome(state, "042", form, message_id=message_id, final=final)
    made = receipt_pdu(replace(SUBMIT, short_message=b"\xa0" * 254), told, DATES, plain=plain)
    assert decode(encode(made, 1))[0] == made
    assert is_receipt(made.esm_class) == final
    assert is_intermediate(made.esm_class) != final
    assert isinstance(made, DataSm) == (form.by_data_sm and not plain)
    assert made.data_coding == (DataCoding.UCS2 if form.text is ReceiptText.UTF16 else form.data_coding)
    if plain:
        assert made.tlvs == ()
    receipt = parse(getattr(made, "short_message", b""), made.esm_class, made.tlvs)
    assert receipt
    assert (receipt.message_id.encode(), receipt.state) == (message_id, state)


@given(
    FORMS | st.just(STANDARD_FORM),
    st.sampled_from(MessageState),
    st.booleans(),
    st.booleans(),
    built(SubmitSm),
    st.integers(10**9, 2 * 10**9),
)
def test_a_receipt_that_is_made_ready_equals_the_one_that_is_encoded_field_by_field(
    form: ReceiptForm, state: MessageState, final: bool, deleted: bool, submit: SubmitSm, epoch: int
) -> None:
    told = outcome(state, "042", form, message_id=b"499602D2", final=final)
    made = make_receipt(Fate(submit, b"denpo", -1.5, [told], deleted), told, epoch + 1.5)
    said = replace(told, state=MessageState.DELETED) if deleted and final else told
    assert encode(made, 7) == encode(receipt_pdu(submit, said, (epoch, epoch + 1.5)), 7)
    assert isinstance(made, ReadyReceipt) == (form is STANDARD_FORM and final)


def test_one_form_of_a_failure_is_spelled_with_six_letters_and_other_states_are_not() -> None:
    form = replace(STANDARD, text=ReceiptText.FAILED)
    spelled = {state: receipt_pdu(SUBMIT, outcome(state, form=form), DATES) for state in MessageState}
    failed = [state for state, made in spelled.items() if b" stat:FAILED " in getattr(made, "short_message", b"")]
    assert failed == [MessageState.UNDELIVERABLE]


def test_a_receipt_goes_back_from_the_destination_to_the_source() -> None:
    for by_data_sm in (False, True):
        receipt = receipt_pdu(SUBMIT, outcome(form=replace(STANDARD, by_data_sm=by_data_sm)), DATES)
        assert (receipt.source_addr_ton, receipt.source_addr_npi, receipt.source_addr) == (1, 1, b"819012345678")
        assert (receipt.dest_addr_ton, receipt.dest_addr_npi, receipt.destination_addr) == (5, 0, b"INFO")


@pytest.mark.parametrize(
    ("esm_class", "data_coding", "text"),
    [
        (0, DataCoding.UCS2, ReceiptText.STANDARD),
        (EsmClass.UDHI, DataCoding.DEFAULT, ReceiptText.STANDARD),
        (0, DataCoding.DEFAULT, ReceiptText.NO_TEXT),
    ],
)
def test_a_receipt_quotes_only_what_can_be_read_as_it_stands(
    esm_class: int, data_coding: int, text: ReceiptText
) -> None:
    submit = replace(SUBMIT, esm_class=esm_class, data_coding=data_coding)
    receipt = receipt_pdu(submit, outcome(form=replace(STANDARD, text=text)), DATES)
    assert isinstance(receipt, DeliverSm)
    assert receipt.short_message.endswith(b" err:000" if text is ReceiptText.NO_TEXT else b" text:")


@given(
    JAPANESE.filter(lambda text: not text.isspace()),
    st.integers(0, 10_000),
    st.sampled_from([Coding.AUTO, Coding.UCS2]),
    st.sampled_from([Concatenation.UDH8, Concatenation.UDH16, Concatenation.SAR, Concatenation.PAYLOAD]),
    st.booleans(),
)
def test_the_parts_from_a_handset_join_to_its_text(
    text: str, reference: int, coding: Coding, concatenation: Concatenation, shuffle: bool
) -> None:
    incoming = Incoming("09012345678", "0005123456", text, coding, concatenation, shuffle)
    pdus = incoming_pdus(incoming, reference, Random(1))
    parts = []
    for pdu in pdus:
        concat, body = split_udh(pdu.short_message, pdu.esm_class)
        concat = concat or read_sar(pdu.tlvs)
        parts.append((concat, body or find_tlv(pdu.tlvs, Tag.MESSAGE_PAYLOAD) or b""))
    if len(pdus) > 1:
        width = 8 if concatenation is Concatenation.UDH8 else 16
        assert {concat and (concat.reference, concat.total, concat.width) for concat, _ in parts} == {
            (reference & (0xFF if width == 8 else 0xFFFF), len(pdus), width)
        }
        numbers = [concat.number for concat, _ in parts if concat]
        assert (sorted(numbers) if shuffle else numbers) == list(range(1, len(pdus) + 1))
        parts.sort(key=lambda part: part[0].number if part[0] else 0)
    assert decode_body(b"".join(body for _, body in parts), pdus[0].data_coding) == text
    assert all(decode(encode(pdu, 1))[0] == pdu for pdu in pdus)


def test_shuffled_parts_come_in_another_order_and_in_the_same_for_the_same_seed() -> None:
    def numbers(seed: int) -> list[int]:
        incoming = Incoming("1", "2", "あ" * 670, shuffle=True)
        return [pdu.short_message[5] for pdu in incoming_pdus(incoming, 0, Random(seed))]

    assert numbers(1) == numbers(1) != sorted(numbers(1))
    assert numbers(1) != numbers(2)


@pytest.mark.parametrize(
    ("coding", "text", "data_coding", "octets"),
    [
        (Coding.AUTO, "abc", DataCoding.DEFAULT, b"abc"),
        (Coding.GSM7_PACKED, "abc", DataCoding.DEFAULT, b"\x61\xf1\x18"),
        (Coding.ASCII, "abc", DataCoding.IA5, b"abc"),
        (Coding.LATIN1, "é", DataCoding.LATIN1, b"\xe9"),
        (Coding.UCS2, "電", DataCoding.UCS2, "電".encode("utf-16-be")),
        (Coding.SHIFT_JIS, "電", DataCoding.PICTOGRAM, "電".encode("shift_jis")),
        (Coding.CP932, "①", DataCoding.PICTOGRAM, "①".encode("cp932")),
        (Coding.EUC_JP, "電", DataCoding.JIS, "電".encode("euc_jp")),
        (Coding.ISO_2022_JP, "電", DataCoding.ISO2022JP, "電".encode("iso2022_jp")),
    ],
)
def test_a_text_is_written_in_the_coding_that_was_asked_for(
    coding: Coding, text: str, data_coding: int, octets: bytes
) -> None:
    [pdu] = incoming_pdus(Incoming("1", "2", text, coding), 0, Random(1))
    assert (pdu.data_coding, pdu.short_message) == (data_coding, octets)


@pytest.mark.parametrize(
    ("number", "ton", "octets"),
    [
        ("+819012345678", Ton.INTERNATIONAL, b"819012345678"),
        ("09012345678", Ton.NATIONAL, b"09012345678"),
        ("819012345678", Ton.UNKNOWN, b"819012345678"),
    ],
)
def test_the_type_of_a_number_is_what_its_writing_shows(number: str, ton: Ton, octets: bytes) -> None:
    pdu = incoming_pdus(Incoming(number, number, "x"), 0, Random(1))[0]
    assert (pdu.source_addr_ton, pdu.source_addr) == (pdu.dest_addr_ton, pdu.destination_addr) == (ton, octets)


@pytest.mark.parametrize("number", ["", "+", "abc", "1" * 21, "09０", "1 2", "1\n"])
@pytest.mark.parametrize("field", ["source", "destination"])
def test_an_address_that_is_no_number_is_refused_by_its_field_name(number: str, field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field} must be") as caught:
        Incoming(**{"source": "1", "destination": "2", "text": "x", field: number})  # type: ignore[arg-type]  # only strings
    assert number == "" or number not in str(caught.value)


def test_a_text_may_need_255_parts() -> None:
    assert len(incoming_pdus(Incoming("1", "2", "あ" * (67 * 255)), 0, Random(1))) == 255


def test_a_text_that_no_255_parts_can_carry_is_refused() -> None:
    with pytest.raises(TextError) as caught:
        incoming_pdus(Incoming("1", "2", "あ" * (67 * 255 + 1)), 0, Random(1))
    assert caught.value.code == "too_long"


def test_neither_numbers_nor_text_show_in_a_repr() -> None:
    assert "0901" not in repr(Incoming("09012345678", "09012345679", "秘密"))
    assert "秘密" not in repr(Incoming("09012345678", "09012345679", "秘密"))
