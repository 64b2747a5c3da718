"""Quiet hours by the clock on the wall: when it is quiet, and to the second until when."""

from datetime import datetime, time
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import QuietHours
from gateway.message import Message, State
from gateway.quiet import EXEMPT, Hours, Quiet
from gateway.wallclock import DAY
from protocol.constants import Lane
from tests.gateway.fakes import message, settings
from tests.gateway.zones import MOMENTS, ZONES

TIMES = st.times(max_value=time(23, 59)).map(lambda each: each.replace(second=0, microsecond=0))
NEW_YORK: Final = ZoneInfo("America/New_York")


def hours(begin: str, end: str, zone: str = "Asia/Tokyo") -> Hours:
    return Hours(QuietHours.model_validate({"begin": begin, "end": end, "zone": zone}))


def at(text: str, zone: ZoneInfo, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def is_quiet(begin: time, end: time, zone: str, second: int) -> bool:
    """What is promised, said once more in another way."""
    shown = datetime.fromtimestamp(second, ZoneInfo(zone)).time()
    return begin <= shown < end if begin < end else shown >= begin or shown < end


@given(ZONES, TIMES, TIMES, MOMENTS, st.lists(st.integers(-DAY, DAY), max_size=5))
def test_within_quiet_hours_nothing_may_be_sent_and_their_end_is_the_first_instant_that_is_not(
    zone: str, begin: time, end: time, moment: int, steps: list[int]
) -> None:
    if begin == end:
        return
    found = Hours(QuietHours(begin=begin, end=end, zone=zone))
    for second in (moment, *(moment + step for step in steps)):  # on one object, which remembers what it found
        ends = found.ends(second + 0.5)
        assert (ends > 0) == is_quiet(begin, end, zone, second)
        if ends:
            assert ends > second
            assert not is_quiet(begin, end, zone, int(ends))
            assert found.ends(ends) == 0
            assert all(is_quiet(begin, end, zone, each) for each in range(second, int(ends), 907))
            assert all(is_quiet(begin, end, zone, each) for each in range(max(second, int(ends) - 60), int(ends)))
            assert found.ends(ends - 0.01) == ends


@given(ZONES, TIMES, TIMES, MOMENTS)
def test_it_becomes_quiet_at_the_beginning_though_it_was_asked_before(
    zone: str, begin: time, end: time, moment: int
) -> None:
    if begin == end:
        return
    found = Hours(QuietHours(begin=begin, end=end, zone=zone))
    for second in range(moment, moment + 2 * DAY, 1787):
        assert (found.ends(second) > 0) == is_quiet(begin, end, zone, second)


def test_a_night_goes_past_midnight() -> None:
    tokyo, night = ZoneInfo("Asia/Tokyo"), hours("21:00", "08:00")
    assert night.ends(at("2026-11-30T20:59:59", tokyo)) == 0
    for inside in ("2026-11-30T21:00:00", "2026-12-01T00:00:00", "2026-12-01T07:59:59"):
        assert night.ends(at(inside, tokyo)) == at("2026-12-01T08:00:00", tokyo)
    assert night.ends(at("2026-12-01T08:00:00", tokyo)) == 0


def test_where_the_clock_is_put_forward_over_the_end_it_is_over_at_that_moment() -> None:
    night = hours("21:00", "02:30", "America/New_York")
    assert night.ends(at("2026-03-08T01:59:00", NEW_YORK)) == at("2026-03-08T03:00:00", NEW_YORK)


def test_where_the_clock_is_put_back_behind_the_end_the_rest_comes_twice() -> None:
    night = hours("21:00", "01:30", "America/New_York")
    assert night.ends(at("2026-11-01T01:29:00", NEW_YORK)) == at("2026-11-01T01:30:00", NEW_YORK)
    assert night.ends(at("2026-11-01T01:59:00", NEW_YORK)) == 0
    assert night.ends(at("2026-11-01T01:00:00", NEW_YORK, fold=1)) == at("2026-11-01T01:30:00", NEW_YORK, fold=1)


def quiet(**of: dict[str, str]) -> Quiet:
    """Quiet hours of the client bank, and of tags: bank={"begin": …}, sale={…}."""
    own = of.pop("bank", None)
    made = settings((("clients", "bank", "quiet_hours"), own), (("quiet_hours",), of))
    found = Quiet.of(made)
    assert found is not None
    return found


NIGHT: Final = {"begin": "21:00", "end": "08:00"}
NOON: Final = {"begin": "11:00", "end": "13:00", "zone": "UTC"}
AT_NIGHT: Final = at("2026-11-30T22:00:00", ZoneInfo("Asia/Tokyo"))  # 13:00 in UTC
MORNING: Final = at("2026-12-01T08:00:00", ZoneInfo("Asia/Tokyo"))


def test_a_configuration_without_quiet_hours_has_none() -> None:
    assert Quiet.of(settings()) is None


@pytest.mark.parametrize("lane", list(Lane))
def test_some_lanes_know_no_quiet_hours(lane: Lane) -> None:
    assert {Lane.OTP, Lane.URGENT} == EXEMPT
    ends = quiet(bank=NIGHT, sale=NIGHT).until(message(lane=lane, tags=["sale"]), AT_NIGHT)
    assert ends == (0 if lane in EXEMPT else MORNING)


def test_of_a_client_and_of_tags_those_count_that_end_last() -> None:
    found = quiet(bank=NOON, sale=NIGHT)
    assert found.until(message(), AT_NIGHT) == 0
    assert found.until(message(), AT_NIGHT - 1) == AT_NIGHT
    assert found.until(message(tags=["vip", "sale"]), AT_NIGHT - 1) == MORNING
    assert found.until(message(client="shop"), AT_NIGHT - 1) == 0
    assert found.until(message(client="shop", tags=["sale"]), AT_NIGHT) == MORNING
    assert list(found.all(AT_NIGHT)) == [("bank", "", False), ("", "sale", True)]


def aside(made: Message, now: float) -> tuple[bool, State, float]:
    return quiet(bank=NIGHT).put_aside(made, now), made.state, made.due


def test_what_is_put_aside_waits_for_the_end_of_the_hours_or_for_its_own() -> None:
    assert aside(message(), AT_NIGHT) == (True, State.QUIET, MORNING)
    assert aside(message(expires_at=MORNING - 1), AT_NIGHT) == (True, State.QUIET, MORNING - 1)
    assert aside(message(expires_at=MORNING + 1), AT_NIGHT) == (True, State.QUIET, MORNING)
    assert aside(message(due=7.0), MORNING) == (False, State.WAITING, 7.0)
