from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.faults import IdSpelling, ReceiptIdSpelling
from protocol.constants import IdForm
from protocol.receipt import candidates
from simulator.ids import END, FIRST, Ids, respell

SEEDS = st.integers(0, 2**64)
SPELLINGS = st.sampled_from(IdSpelling)
NUMBERS = st.integers(FIRST, END - 1)


def spelled(number: int, form: IdSpelling, seed: int = 1) -> bytes:
    ids = Ids(Random(seed))
    ids.next = number
    return ids.make(form)


@given(SEEDS, st.lists(SPELLINGS, max_size=100))
def test_no_id_is_made_twice_even_when_the_spelling_changes(seed: int, forms: list[IdSpelling]) -> None:
    ids = Ids(Random(seed))
    assert len({ids.make(form) for form in forms}) == len(forms)


@given(st.lists(NUMBERS, unique=True, min_size=2, max_size=2), SPELLINGS, SPELLINGS)
def test_two_numbers_are_never_spelled_alike(numbers: list[int], form: IdSpelling, other: IdSpelling) -> None:
    assert spelled(numbers[0], form).lower() != spelled(numbers[1], other).lower()


@given(NUMBERS)
def test_an_id_has_the_form_that_was_asked_for(number: int) -> None:
    assert spelled(number, IdSpelling.DECIMAL) == str(number).encode()
    assert spelled(number, IdSpelling.HEX) == f"{number:x}".encode()
    assert spelled(number, IdSpelling.CAPITAL_HEX) == f"{number:X}".encode()
    assert spelled(number, IdSpelling.PADDED) == f"{number:X}".zfill(10).encode()


@given(NUMBERS, SEEDS)
def test_a_uuid_is_one_of_version_four(number: int, seed: int) -> None:
    text = spelled(number, IdSpelling.UUID, seed).decode()
    assert str(UUID(text)) == text
    assert (UUID(text).version, UUID(text).variant) == (4, "specified in RFC 4122")


@given(SEEDS)
def test_the_short_way_makes_the_same_decimal_ids(seed: int) -> None:
    slow, fast = Ids(Random(seed)), Ids(Random(seed))
    assert [slow.make(IdSpelling.DECIMAL) for _ in range(5)] == [fast.make_decimal() for _ in range(5)]


def test_ids_begin_anew_after_the_last_one_of_ten_digits() -> None:
    for form in (0, 1):
        ids = Ids(Random(1))
        ids.next = END - 1
        found = [ids.make_decimal() if form else ids.make(IdSpelling.DECIMAL) for _ in range(2)]
        assert found == [b"9999999999", b"1000000000"]


@pytest.mark.parametrize(
    ("message_id", "form", "expected"),
    [
        (b"1234567890", ReceiptIdSpelling.SAME, b"1234567890"),
        (b"1234567890", ReceiptIdSpelling.DECIMAL, b"1234567890"),
        (b"1234567890", ReceiptIdSpelling.HEX, b"499602d2"),
        (b"1234567890", ReceiptIdSpelling.CAPITAL_HEX, b"499602D2"),
        (b"1234567890", ReceiptIdSpelling.PADDED, b"0000001234567890"),
        (b"499602d2", ReceiptIdSpelling.DECIMAL, b"1234567890"),
        (b"499602D2", ReceiptIdSpelling.HEX, b"499602d2"),
        (b"00499602D2", ReceiptIdSpelling.DECIMAL, b"1234567890"),
        (b"00499602D2", ReceiptIdSpelling.STRIPPED, b"499602D2"),
        (b"0", ReceiptIdSpelling.STRIPPED, b"0"),
        (b"123456789", ReceiptIdSpelling.DECIMAL, b"4886718345"),
        (b"", ReceiptIdSpelling.DECIMAL, b""),
        (b"not a number", ReceiptIdSpelling.HEX, b"not a number"),
        (b"e0e1a1b2-0000-4000-8000-000000000001", ReceiptIdSpelling.DECIMAL, b"e0e1a1b2-0000-4000-8000-000000000001"),
    ],
)
def test_a_receipt_respells_an_id(message_id: bytes, form: ReceiptIdSpelling, expected: bytes) -> None:
    assert respell(message_id, form) == expected


@given(NUMBERS, SPELLINGS, st.sampled_from(ReceiptIdSpelling))
def test_whoever_tries_all_spellings_finds_the_part_of_a_receipt(
    number: int, form: IdSpelling, told: ReceiptIdSpelling
) -> None:
    message_id = spelled(number, form)
    tried = [each.spelling.encode() for each in candidates(respell(message_id, told).decode(), IdForm.AUTO)]
    assert message_id in tried
