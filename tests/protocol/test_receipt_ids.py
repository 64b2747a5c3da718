"""The spellings of the id of a receipt, and which rule made them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.constants import IdForm
from protocol.receipt import Candidate, IdRule, candidates

IDS = st.text(st.sampled_from("0123456789abcdefABCDEF-"), min_size=1, max_size=64)


def spellings(message_id: str, form: IdForm) -> list[str]:
    """All candidates, without their rules."""
    return [spelling for spelling, _ in candidates(message_id, form)]


@pytest.mark.parametrize(
    ("stored", "receipt", "form", "rule"),
    [
        ("33E95179", "870928761", IdForm.AUTO, IdRule.DEC_TO_HEX),
        ("33E95179", "870928761", IdForm.HEX_TO_DEC, IdRule.DEC_TO_HEX),
        ("33e95179", "0870928761", IdForm.AUTO, IdRule.DEC_TO_HEX),
        ("0e999f21", "E999F21", IdForm.AUTO, IdRule.ZEROS),
        ("E999F21", "0e999f21", IdForm.AUTO, IdRule.ZEROS),
        ("0E999F21", "244948769", IdForm.HEX_TO_DEC, IdRule.DEC_TO_HEX),
        ("000e999f21", "244948769", IdForm.AUTO, IdRule.DEC_TO_HEX),
        ("870928761", "33e95179", IdForm.AUTO, IdRule.HEX_TO_DEC),
        ("870928761", "33E95179", IdForm.DEC_TO_HEX, IdRule.HEX_TO_DEC),
        ("0870928761", "33E95179", IdForm.DEC_TO_HEX, IdRule.HEX_TO_DEC),
        ("0012345678", "12345678", IdForm.AUTO, IdRule.ZEROS),
        ("12345678", "0012345678", IdForm.AUTO, IdRule.ZEROS),
        ("AbCdEf12", "AbCdEf12", IdForm.AUTO, IdRule.EXACT),
        ("ABCDEF12", "abcdef12", IdForm.AUTO, IdRule.CASE),
        ("0", "0000", IdForm.AUTO, IdRule.ZEROS),
        ("87C2A1B3F04D9E6655", "2504335138510073652821", IdForm.AUTO, IdRule.DEC_TO_HEX),
        ("2504335138510073652821", "87c2a1b3f04d9e6655", IdForm.DEC_TO_HEX, IdRule.HEX_TO_DEC),
        ("2504335138510073652821", "2504335138510073652821", IdForm.AUTO, IdRule.EXACT),
        ("2504335138510073652821", "0002504335138510073652821", IdForm.AUTO, IdRule.ZEROS),
    ],
)
def test_a_stored_id_is_found_by_the_spelling_of_its_receipt(
    stored: str, receipt: str, form: IdForm, rule: IdRule
) -> None:
    assert Candidate(stored, rule) in candidates(receipt, form)


@pytest.mark.parametrize(
    "message_id",
    [
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "0F8FAD5BD9CB469FA16570867728950E",
        "01234567890123456789012345678901",
        "12:34",
        "0x1F",
        "",
        "１２",
        "12 ",
    ],
)
@pytest.mark.parametrize("form", IdForm)
def test_an_id_that_is_no_number_stays_as_it_is(message_id: str, form: IdForm) -> None:
    assert list(candidates(message_id, form)) == [(message_id, IdRule.EXACT)]


def test_a_fixed_form_looks_for_nothing_else() -> None:
    assert list(candidates("870928761", IdForm.SAME)) == [("870928761", IdRule.EXACT)]
    assert "870928761" not in spellings("870928761", IdForm.HEX_TO_DEC)
    assert list(candidates("33E95179", IdForm.HEX_TO_DEC)) == [("33E95179", IdRule.EXACT)]
    assert list(candidates("33E95179", IdForm.DEC_TO_HEX)) == [
        ("870928761", IdRule.HEX_TO_DEC),
        ("0870928761", IdRule.HEX_TO_DEC),
    ]


def test_the_nearest_spelling_comes_first() -> None:
    rules = [rule for _, rule in candidates("00123aB", IdForm.AUTO)]
    assert rules == sorted(rules, key=list(IdRule).index)
    assert spellings("aBcdef12", IdForm.AUTO)[:3] == ["aBcdef12", "ABCDEF12", "abcdef12"]
    assert list(candidates("0255", IdForm.AUTO)) == [
        ("0255", IdRule.EXACT),
        ("255", IdRule.ZEROS),
        ("00000255", IdRule.ZEROS),
        ("0000000255", IdRule.ZEROS),
        ("FF", IdRule.DEC_TO_HEX),
        ("ff", IdRule.DEC_TO_HEX),
        ("000000FF", IdRule.DEC_TO_HEX),
        ("000000ff", IdRule.DEC_TO_HEX),
        ("00000000FF", IdRule.DEC_TO_HEX),
        ("00000000ff", IdRule.DEC_TO_HEX),
        ("597", IdRule.HEX_TO_DEC),
        ("0000000597", IdRule.HEX_TO_DEC),
    ]


@given(IDS, st.sampled_from(IdForm))
def test_the_spellings_of_an_id_are_few_and_all_different(message_id: str, form: IdForm) -> None:
    found = spellings(message_id, form)
    assert 1 <= len(found) <= 12
    assert len(set(found)) == len(found)
    assert form not in (IdForm.AUTO, IdForm.SAME) or found[0] == message_id


@given(IDS, st.sampled_from(IdForm))
def test_a_spelling_is_what_its_rule_says(message_id: str, form: IdForm) -> None:
    for spelling, rule in candidates(message_id, form):
        obeyed = {
            IdRule.EXACT: spelling == message_id,
            IdRule.CASE: spelling.lower() == message_id.lower(),
            IdRule.ZEROS: spelling.lstrip("0").lower() == message_id.lstrip("0").lower(),
            IdRule.DEC_TO_HEX: message_id.isdecimal() and f"{int(message_id):x}" == spelling.lstrip("0").lower(),
            IdRule.HEX_TO_DEC: spelling.isdecimal() and f"{int(spelling):x}" == message_id.lstrip("0").lower(),
        }
        assert obeyed[rule] or not spelling.strip("0")


@given(st.integers(0, 10**25), st.sampled_from(["{:X}", "{:x}", "{:08X}", "{:08x}", "{:010x}"]))
def test_hexadecimal_responses_are_found_from_decimal_receipts(number: int, spelling: str) -> None:
    assert spelling.format(number) in spellings(str(number), IdForm.AUTO)
    assert spelling.format(number) in spellings(f"{number:010}", IdForm.HEX_TO_DEC)
    assert str(number) in spellings(spelling.format(number), IdForm.DEC_TO_HEX)
