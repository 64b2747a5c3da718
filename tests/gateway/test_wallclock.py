"""Times of day in zones that put their clocks forward and back; where they turn, each second is looked at."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wallclock import DAY, WallClock
from tests.gateway.zones import MOMENTS, ZONES

TIMES = st.integers(0, DAY - 1)


def offset(zone: str, at: int) -> timedelta | None:
    return datetime.fromtimestamp(at, ZoneInfo(zone)).utcoffset()


@given(ZONES, MOMENTS, TIMES)
def test_the_next_time_of_day_is_the_first_there_is(zone: str, at: int, time: int) -> None:
    wall = WallClock(zone)
    found = wall.next(at, time)
    assert at < found <= at + DAY
    changed = offset(zone, found) != offset(zone, at)
    assert changed or wall.time(found) == time
    if changed:
        assert offset(zone, found - 1) == offset(zone, at)
    for passed in range(max(at + 1, found - 300), found):
        assert wall.time(passed) != time
    for passed in range(at + 1, found, 599):
        assert (offset(zone, passed), wall.time(passed) == time) == (offset(zone, at), False)


@given(ZONES, MOMENTS)
def test_an_instant_is_written_so_that_it_can_be_read_anywhere(zone: str, at: int) -> None:
    assert datetime.fromisoformat(WallClock(zone).text(at)) == datetime.fromtimestamp(at, UTC)


@pytest.mark.parametrize(
    ("zone", "at", "shown"),
    [("Asia/Tokyo", 0, "09:00"), ("UTC", 0, "00:00"), ("Asia/Kathmandu", 1_800_000_000, "13:45")],
)
def test_it_shows_the_time_of_its_zone(zone: str, at: int, shown: str) -> None:
    seconds = WallClock(zone).time(at)
    assert f"{seconds // 3600:02}:{seconds // 60 % 60:02}" == shown


def test_the_day_that_samoa_left_out_is_left_out() -> None:
    wall = WallClock("Pacific/Apia")
    before = int(datetime(2011, 12, 29, 12, tzinfo=ZoneInfo("Pacific/Apia")).timestamp())
    assert [str(wall.date(at)) for at in (before, wall.next(before, 0))] == ["2011-12-29", "2011-12-31"]
