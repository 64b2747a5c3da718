"""SMPP times against hand-written ones, and round trips."""

from datetime import UTC, datetime
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.times import absolute, parse, parse_receipt_date, receipt_date, relative


def moment(*when: int) -> float:
    """Seconds since 1970 of a date and time in UTC."""
    return datetime(*when, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]  # the numbers of a date


NOON = moment(2026, 12, 1, 12)
FIRST, LAST = moment(2000, 1, 1), moment(2099, 12, 31, 23, 59, 59)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (NOON, "261201120000000+"),
        (NOON + 0.95, "261201120000900+"),
        (moment(2028, 2, 29, 23, 59, 58), "280229235958000+"),
        (FIRST, "000101000000000+"),
        (LAST, "991231235959000+"),
    ],
)
def test_a_point_in_time_is_written_in_utc(at: float, text: str) -> None:
    assert absolute(at) == text


@pytest.mark.parametrize(
    ("at", "quarters", "text"),
    [
        (NOON, 36, "261201210000036+"),
        (NOON + 0.5, 22, "261201173000522+"),
        (NOON, -14, "261201083000014-"),
        (NOON, 48, "261202000000048+"),
        (NOON, -48, "261201000000048-"),
        (FIRST - 3_600, 4, "000101000000004+"),
    ],
)
def test_a_point_in_time_is_written_by_another_clock(at: float, quarters: int, text: str) -> None:
    assert absolute(at, quarters) == text
    assert parse(text, 0.0) == at


@pytest.mark.parametrize("quarters", [-49, 49])
def test_a_clock_farther_from_utc_than_half_a_day_is_refused(quarters: int) -> None:
    with pytest.raises(ValueError, match="48 quarter hours from UTC at most"):
        absolute(NOON, quarters)


def test_a_time_that_another_clock_puts_into_the_next_century_is_refused() -> None:
    with pytest.raises(ValueError, match="2000 to 2099"):
        absolute(LAST, 4)


@pytest.mark.parametrize("at", [FIRST - 1, LAST + 1, -1e20, 1e20, inf, nan])
def test_a_time_that_two_digits_of_a_year_cannot_say_is_refused(at: float) -> None:
    with pytest.raises(ValueError, match="2000 to 2099"):
        absolute(at)
    with pytest.raises(ValueError, match="2000 to 2099"):
        receipt_date(at)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "000000000001000R"),
        (59.9, "000000000059000R"),
        (2 * 86_400, "000002000000000R"),
        (86_400 + 3 * 3_600 + 4 * 60 + 5, "000001030405000R"),
        (31 * 86_400, "000031000000000R"),
    ],
)
def test_a_time_from_now_is_written_in_days_and_below(seconds: float, text: str) -> None:
    assert relative(seconds) == text


@pytest.mark.parametrize("seconds", [0, 0.9, -5, 31 * 86_400 + 1, inf, nan])
def test_a_time_from_now_that_cannot_be_said_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="1 to 2678400 seconds"):
        relative(seconds)


@given(st.floats(FIRST + 43_200, LAST - 43_200), st.integers(-48, 48))
def test_an_absolute_time_reads_back_to_the_tenth(at: float, quarters: int) -> None:
    read = parse(absolute(at, quarters), 0.0)
    assert read is not None
    assert -0.00001 <= at - read <= 0.10001


@given(st.floats(1, 31 * 86_400), st.integers(int(FIRST), int(LAST)))
def test_a_relative_time_reads_back_to_the_second(seconds: float, now: int) -> None:
    assert parse(relative(seconds), now) == now + int(seconds)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("261201210000036+", NOON),
        ("261201120000000-", NOON),
        ("261201043000030-", NOON),
        ("261201120000500+", NOON + 0.5),
        ("000000000001000R", NOON + 1),
        ("000100000000000R", moment(2027, 1, 1, 12)),
        ("010200000000000R", moment(2028, 2, 1, 12)),
        ("020610233429000R", moment(2029, 6, 12, 11, 34, 29)),
        ("000031000000000R", NOON + 31 * 86_400),
        ("991130235959000R", moment(2126, 12, 2, 11, 59, 59)),
        ("", None),
    ],
)
def test_the_forms_of_a_time_are_read(text: str, at: float | None) -> None:
    assert parse(text, NOON) == at


def test_a_month_from_the_end_of_a_long_month_ends_with_the_short_one() -> None:
    assert parse("000100000000000R", moment(2028, 1, 31)) == moment(2028, 2, 29)


@pytest.mark.parametrize(
    "text",
    [
        "261201120000",
        "261201120000000",
        "261201120000000Z",
        "261301120000000+",
        "260230120000000+",
        "261201240000000+",
        "261201120000049+",
        "26120112000000٠+",
        "2612011200000 0+",
        "261201120000000+\n",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a time is|must be in|out of range|quarter hours"):
        parse(text, NOON)


@given(st.text() | st.from_regex(r"[0-9]{15}[-+R]", fullmatch=True), st.floats(FIRST, LAST))
def test_no_text_makes_more_than_a_value_error(text: str, now: float) -> None:
    try:
        at = parse(text, now)
    except ValueError:
        return
    assert (at is None) == (text == "")


@pytest.mark.parametrize(("seconds", "text"), [(False, "2612011200"), (True, "261201120007")])
def test_a_receipt_date_has_seconds_when_asked(seconds: bool, text: str) -> None:
    assert receipt_date(NOON + 7.9, seconds=seconds) == text


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2612011200", NOON),
        ("261201120007", NOON + 7),
        ("20261201120007", NOON + 7),
        ("2001011200", moment(2020, 1, 1, 12)),
        ("0000000000", None),
        ("000000000000", None),
        ("00000000000000", None),
        ("19991201120007", None),
        ("2613011200", None),
        ("2602301200", None),
        ("261201120060", None),
        ("26120112", None),
        ("26120112000", None),
        ("2612011200000000", None),
        ("", None),
        ("NONE", None),
        ("2612011200\n", None),
        ("26120112٠٠", None),
        ("-612011200", None),
    ],
)
def test_the_forms_of_a_receipt_date_are_read_and_nonsense_is_none(text: str, at: float | None) -> None:
    assert parse_receipt_date(text, 0) == at


@given(st.integers(int(FIRST), int(LAST)), st.integers(-48, 48))
def test_a_receipt_date_reads_back_by_the_clock_of_its_smsc(local: int, quarters: int) -> None:
    text, at = receipt_date(local, seconds=True), local - quarters * 900
    assert parse_receipt_date(text, quarters) == parse_receipt_date(f"20{text}", quarters) == at
    assert parse_receipt_date(receipt_date(local), quarters) == at - at % 60


@given(st.text(max_size=15) | st.text("0123456789", max_size=15), st.integers())
def test_no_receipt_date_is_too_broken_to_be_read(text: str, quarters: int) -> None:
    parse_receipt_date(text, quarters)
