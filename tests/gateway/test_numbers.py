"""Numbers as people write them, against the phonenumbers library and against the table of Japan's numbering plan."""

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from gateway import numbers
from gateway.numbers import MAX_NUMBER, NumberError, normalise_number

FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
DIGITS = st.text("0123456789", min_size=4, max_size=4)
PREFIXES = st.sampled_from(["0", "+81"])
HYPHENS = st.sampled_from(["", "-"])


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """Numbers as the short way takes them, and some that it must not take."""
    area = draw(st.sampled_from(["60", "70", "80", "90", "50", "20", "30"]))
    return draw(PREFIXES) + area + draw(HYPHENS) + draw(DIGITS) + draw(HYPHENS) + draw(DIGITS)


def by_library(written: str) -> str | None:
    number = phonenumbers.parse(written, "JP")
    if phonenumbers.number_type(number) != PhoneNumberType.MOBILE or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")


def read(written: str) -> str | NumberError:
    try:
        return normalise_number(written)
    except NumberError as refused:
        return refused


def refusal(written: str) -> NumberError:
    with pytest.raises(NumberError) as refused:
        normalise_number(written)
    return refused.value


@given(spellings())
def test_the_short_way_and_the_library_agree(written: str) -> None:
    expected = by_library(written)
    if expected:
        assert normalise_number(written) == expected
    else:
        assert refusal(written).code == "not_mobile"


@given(spellings())
def test_what_the_short_way_takes_is_right_by_the_library(written: str) -> None:
    assume(numbers._PLAIN_MOBILE.fullmatch(written))
    assert normalise_number(written) == by_library(written)


@given(spellings(), st.sampled_from([" ", "-", "‐", "‑", "–", "ー", "－", ".", "(", "\u200b"]))
def test_separators_and_widths_do_not_change_the_number(written: str, separator: str) -> None:
    assume(numbers._PLAIN_MOBILE.fullmatch(written))
    plain = normalise_number(written)
    digits = "0" + plain.removeprefix("81")
    assert normalise_number(f"{digits[:3]}{separator}{digits[3:7]}{separator}{digits[7:]}") == plain
    assert normalise_number(written.translate(FULL_WIDTH).replace("-", "－")) == plain


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("090-1234-5678", "819012345678"),
        ("080-1234-5678", "818012345678"),
        ("070-1234-5678", "817012345678"),
        ("060-1234-5678", "816012345678"),
        ("09012345678", "819012345678"),
        ("+819012345678", "819012345678"),
        ("+81 90 1234 5678", "819012345678"),
        ("819012345678", "819012345678"),
        ("9012345678", "819012345678"),
        ("+81(0)90-1234-5678", "819012345678"),
        ("+8109012345678", "819012345678"),
        ("010 81 90 1234 5678", "819012345678"),
        ("０９０－１２３４－５６７８", "819012345678"),
        ("０９０ー１２３４ー５６７８", "819012345678"),
        ("090‐1234‑5678", "819012345678"),
        ("\u202a090-1234-5678\u202c", "819012345678"),
        ("090\u200b12345678", "819012345678"),
        ("(090) 1234-5678", "819012345678"),
        ("tel:090-1234-5678", "819012345678"),
        ("+447400123456", "447400123456"),
    ],
)
def test_a_mobile_number_is_read_however_it_is_written(written: str, expected: str) -> None:
    assert normalise_number(written) == expected


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("020-1234-5678", "pager"),
        ("0800-123-4567", "toll free"),
        ("0120-123-456", "toll free"),
        ("03-1234-5678", "fixed line"),
        ("0570-123-456", "uan"),
        ("0990-123-456", "premium rate"),
        ("050-1234-5678", "voip"),
        ("060-123-4567", "personal number"),
        ("0700-123-4567", "no such number"),
        ("0900-123-4567", "no such number"),
        ("02001234567890", "no such number"),
        ("184-090-1234-5678", "no such number"),
        ("18609012345678", "no such number"),
        ("0005123456", "no such number"),
        ("090-1234-56789", "no such number"),
        ("090-1234-567", "no such number"),
        ("110", "no such number"),
    ],
)
def test_what_takes_no_sms_is_refused_with_its_kind(written: str, kind: str) -> None:
    refused = refusal(written)
    assert refused.code == "not_mobile"
    assert str(refused) == f"to is no mobile number: {kind}"


@pytest.mark.parametrize(
    "written",
    ["", " ", "+", "-", "09O12345678", "電話番号", "090-1234-5678です", "1" * (MAX_NUMBER + 1)],
)
def test_what_is_no_number_is_a_bad_number(written: str) -> None:
    assert refusal(written).code == "bad_number"


@pytest.mark.parametrize("written", ["090-1234-567O8", "090-ABCD-EFGH", "０９０１２３４５６７ｌ８", "090-1234-5678x5"])
def test_a_letter_is_never_left_out_or_read_as_a_key(written: str) -> None:
    refused = refusal(written)
    assert refused.code == "bad_number"
    assert "letters" in str(refused)


@pytest.mark.parametrize("written", ["090-1234-5678#22", "090-1234-5678 # 5"])
def test_an_extension_takes_no_sms(written: str) -> None:
    refused = refusal(written)
    assert refused.code == "bad_number"
    assert "extension" in str(refused)


def test_a_number_is_looked_at_up_to_its_greatest_length() -> None:
    padded = "090-1234-5678".rjust(MAX_NUMBER)
    assert normalise_number(padded) == "819012345678"
    assert str(MAX_NUMBER + 1) in str(refusal(" " + padded))


@given(st.text(max_size=80) | st.text("0123456789+-() ー－", max_size=80))
def test_anything_is_either_a_number_or_refused_with_a_code_of_the_protocol(written: str) -> None:
    outcome = read(written)
    if isinstance(outcome, NumberError):
        assert outcome.code in ("bad_number", "not_mobile")
    else:
        assert outcome.isascii()
        assert outcome.isdigit()


@given(st.text("0123456789", min_size=4, max_size=20).map(lambda digits: "0" + digits))
def test_a_refusal_never_names_the_number(written: str) -> None:
    outcome = read(written)
    if isinstance(outcome, NumberError):
        assert written not in f"{outcome!r} {outcome}"
        assert written[-4:] not in str(outcome).replace("090-1234-5678", "").replace("+819012345678", "")
        assert outcome.__suppress_context__ or outcome.__context__ is None
