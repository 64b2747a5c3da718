"""SMPP times against hand-written ones, and round trips."""

from datetime import UTC, datetime
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.times import absolute, parse, receipt_date, relative


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


@given(st.floats(FIRST, LAST))
def test_an_absolute_time_reads_back_to_the_tenth(at: float) -> None:
    read = parse(absolute(at), 0.0)
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
