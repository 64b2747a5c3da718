"""SMPP times as text, to and from seconds since 1970 in UTC (SMPP 3.4, 7.1.1)."""

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

MAX_RELATIVE_SECONDS: Final = 31 * 86_400
"""Longest relative time we write: whole months mean a different length to every SMSC."""

MAX_QUARTERS: Final = 48
"""Farthest a clock may be from UTC, in quarter hours: half a day."""

_QUARTER_SECONDS: Final = 900
_RECEIPT_DATE: Final = re.compile(r"[0-9]{10}(?:[0-9]{2})?")
_TIME: Final = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d)(\d\d)([-+R])", re.ASCII)


def absolute(unix_seconds: float, quarters: int = 0) -> str:
    """Write a point in time as YYMMDDhhmmsstnnp, cut to tenths of a second.

    Args: quarters: quarter hours that the clock it is written by is ahead of UTC, -48..48; 36 in Japan.
    Raises: ValueError: no such clock, or by it not in the years 2000 to 2099, the only ones two digits can mean here.
    """
    if not -MAX_QUARTERS <= quarters <= MAX_QUARTERS:
        raise ValueError(f"a clock is {MAX_QUARTERS} quarter hours from UTC at most, not {quarters}")
    at = _moment(unix_seconds + quarters * _QUARTER_SECONDS)
    day, time = at.year % 100 * 10_000 + at.month * 100 + at.day, at.hour * 10_000 + at.minute * 100 + at.second
    sign = "-" if quarters < 0 else "+"
    return f"{day:06}{time:06}{at.microsecond // 100_000}{abs(quarters):02}{sign}"  # by strftime it takes 1 us more


def relative(seconds: float) -> str:
    """Write a time from now as 0000DDhhmmss000R, cut to whole seconds.

    Raises: ValueError: under 1 second or over 31 days.
    """
    if not 1 <= seconds <= MAX_RELATIVE_SECONDS:
        raise ValueError(f"a relative time is 1 to {MAX_RELATIVE_SECONDS} seconds, not {seconds}")
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"0000{day:02}{hour:02}{minute:02}{second:02}000R"


def parse(text: str, now: float) -> float | None:
    """Read a time as written in schedule_delivery_time and validity_period.

    Args: now: seconds since 1970; a relative time counts from it, its years and months by the calendar.
    Returns: seconds since 1970; None for an empty text, which leaves the time to the SMSC.
    Raises: ValueError: not 16 characters of that form, or a date that does not exist.
    """
    if not text:
        return None
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError(f"a time is 16 characters, YYMMDDhhmmsstnnp, not {text[:20]!r}")
    *digits, sign = found.groups()
    numbers = [int(part) for part in digits]
    return _from_now(numbers, now) if sign == "R" else _at(numbers, sign)


def receipt_date(unix_seconds: float, *, seconds: bool = False) -> str:
    """Write a date as receipts do, YYMMDDhhmm or YYMMDDhhmmss, in UTC (SMPP 3.4, Appendix B).

    Raises: ValueError: not in the years 2000 to 2099.
    """
    return _moment(unix_seconds).strftime("%y%m%d%H%M%S" if seconds else "%y%m%d%H%M")


def parse_receipt_date(text: str, quarters: int) -> float | None:
    """Read a date as receipts spell it: YYMMDDhhmm, YYMMDDhhmmss, or YYYYMMDDhhmmss (SMPP 3.4, Appendix B).

    Args: quarters: quarter hours that the SMSC's clock is ahead of UTC, for a receipt does not say it; 36 in Japan.
    Returns: seconds since 1970; None for zeros and all else that is no date of the years 2000 to 2099; never raises.
    """
    digits = text[2:] if len(text) == 14 and text.startswith("20") else text
    if not _RECEIPT_DATE.fullmatch(digits):
        return None
    year, month, day, hour, minute, second = (int(digits[at : at + 2] or 0) for at in range(0, 12, 2))
    try:
        at = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return at.timestamp() - quarters * _QUARTER_SECONDS


def _moment(unix_seconds: float) -> datetime:
    try:
        at = datetime.fromtimestamp(unix_seconds, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise ValueError(f"{unix_seconds} is no time in the years 2000 to 2099") from error
    if not 2000 <= at.year <= 2099:
        raise ValueError(f"the year {at.year} can't be written in two digits; 2000 to 2099 can")
    return at


def _at(numbers: list[int], sign: str) -> float:
    year, month, day, hour, minute, second, tenth, quarters = numbers
    if quarters > MAX_QUARTERS:
        raise ValueError(f"the offset from UTC is 0 to {MAX_QUARTERS} quarter hours, not {quarters}")
    offset = timedelta(seconds=_QUARTER_SECONDS * (quarters if sign == "+" else -quarters))
    at = datetime(2000 + year, month, day, hour, minute, second, tenth * 100_000, timezone(offset))
    return at.timestamp()


def _from_now(numbers: list[int], now: float) -> float:
    years, months, days, hours, minutes, seconds, _tenth, _quarters = numbers
    start = _moment(now)
    year, month = divmod(start.year * 12 + start.month - 1 + years * 12 + months, 12)
    day = min(start.day, monthrange(year, month + 1)[1])
    moved = start.replace(year=year, month=month + 1, day=day)
    return (moved + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)).timestamp()
