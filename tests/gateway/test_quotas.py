"""Parts a day and a month, messages a second: what is let in, what is refused, and when it begins anew."""

from datetime import datetime
from math import ceil
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from gateway.guard import Refusal
from gateway.message import Message
from gateway.quotas import Allowance, Meter, Quotas
from gateway.wallclock import DAY, WallClock
from tests.gateway.fakes import message, settings
from tests.gateway.zones import MOMENTS, NAMES, ZONES

TOKYO: Final = ZoneInfo("Asia/Tokyo")
NOON: Final = datetime(2026, 11, 30, 12, tzinfo=TOKYO).timestamp()
OF_QUOTA: Final = ("clients", "bank", "quota")


def limited(**quota: object) -> Settings:
    return settings((OF_QUOTA, quota))


def allowance(chosen: Settings) -> Allowance:
    return Quotas(chosen, 0.0).clients["bank"]


def batch(*totals: int, first: int = 1) -> list[Message | Refusal]:
    return [message(n, id=f"m{n}", total=total) for n, total in enumerate(totals, first)]


def let_in(outcomes: list[Message | Refusal]) -> list[bool]:
    return [isinstance(outcome, Message) for outcome in outcomes]


def details(outcomes: list[Message | Refusal]) -> list[str]:
    return [outcome.detail for outcome in outcomes if isinstance(outcome, Refusal)]


def test_parts_are_counted_and_what_is_over_says_which_limit_and_when_it_begins_anew() -> None:
    bank = allowance(limited(parts_per_day=5))
    assert bank.admit(batch(2, 1), NOON)
    more = batch(3, 1, 2, 1)
    assert not bank.admit(more, NOON)
    bank.ration(more, {}, NOON)
    assert let_in(more) == [False, True, False, True]
    assert details(more) == [
        "parts_per_day: 3 of 5 parts are used, and this message has 3; it begins anew at 2026-12-01T00:00:00+09:00",
        "parts_per_day: 4 of 5 parts are used, and this message has 2; it begins anew at 2026-12-01T00:00:00+09:00",
    ]
    assert not bank.admit(batch(1), NOON + 12 * 3600 - 1)
    assert bank.admit(batch(5), NOON + 12 * 3600)


def test_of_two_limits_the_one_is_told_that_opens_later() -> None:
    bank = allowance(limited(parts_per_day=5, parts_per_month=5, zone="America/New_York"))
    assert bank.admit(batch(5), NOON)
    more = batch(1)
    bank.ration(more, {}, NOON)
    assert details(more) == [
        "parts_per_month: 5 of 5 parts are used, and this message has 1; it begins anew at 2026-12-01T00:00:00-05:00"
    ]
    december = datetime(2026, 12, 31, 23, 59, 59, tzinfo=ZoneInfo("America/New_York")).timestamp()
    assert bank.admit(batch(4), december - DAY)
    assert not bank.admit(batch(2), december)
    assert bank.admit(batch(5), december + 1)


def test_what_was_there_before_and_what_comes_twice_at_once_costs_nothing() -> None:
    bank = allowance(limited(parts_per_day=2))
    more = [*batch(1, 1), *batch(1, first=2), *batch(1, first=9)]
    bank.ration(more, {"m1": 0}, NOON)
    assert let_in(more) == [False, True, False, True]
    assert [meter.used for meter in bank.meters] == [2, 2]


def test_what_a_commit_finds_to_be_repeated_is_taken_off_in_its_own_period() -> None:
    quotas = Quotas(limited(parts_per_day=10), 0.0)
    bank, repeated = quotas.clients["bank"], message(1, total=3)
    assert bank.admit([repeated, message(2, total=4)], NOON)
    spent = bank.spent([repeated, message(2, total=4)])
    assert spent is not None
    quotas.settle([spent], {1})
    assert [meter.used for meter in bank.meters] == [4, 4]
    assert bank.admit(batch(6), NOON + DAY)
    quotas.settle([spent], {1})
    assert [meter.used for meter in bank.meters] == [6, 6]


def test_a_start_goes_on_from_what_is_on_disk_and_a_limit_that_comes_back_too() -> None:
    chosen, without = limited(parts_per_day=5), settings()
    quotas = Quotas(chosen, 0.0)
    quotas.clients["bank"].admit(batch(1), NOON)
    day, month = (meter.period for meter in quotas.clients["bank"].meters)
    again = Quotas(without, 0.0)
    again.load([("atm", 0, day, 5), ("bank", 0, day, 4), ("bank", 1, month, 9)])
    assert again.clients == {}
    again.reconfigure(chosen, 0.0)
    assert not again.clients["bank"].admit(batch(2), NOON)
    assert again.clients["bank"].admit(batch(1), NOON)
    again.reconfigure(without, 0.0)
    again.reconfigure(chosen, 0.0)
    assert not again.clients["bank"].admit(batch(1), NOON)
    assert [meter.used for meter in again.clients["bank"].meters] == [5, 10]


def test_another_limit_counts_what_was_counted() -> None:
    quotas = Quotas(limited(parts_per_day=5), 0.0)
    assert quotas.clients["bank"].admit(batch(5), NOON)
    quotas.reconfigure(limited(parts_per_day=7), 0.0)
    assert not quotas.clients["bank"].admit(batch(3), NOON)
    assert quotas.clients["bank"].admit(batch(2), NOON)


class Ration:
    """A client that submits at any time whatever comes to its mind."""

    def __init__(self, zone: str, limit: int) -> None:
        self.bank = allowance(limited(parts_per_day=limit, zone=zone))
        self.limit = limit
        self.accepted: dict[str, int] = {}

    def submit(self, now: float, totals: list[int], day: str) -> None:
        outcomes = batch(*totals)
        if not self.bank.admit(outcomes, now):
            self.bank.ration(outcomes, {}, now)
        parts = sum(outcome.total for outcome in outcomes if isinstance(outcome, Message))
        self.accepted[day] = self.accepted.get(day, 0) + parts
        least = min((outcome.total for outcome in outcomes if isinstance(outcome, Message)), default=0)
        assert least or self.limit - self.accepted[day] < min(totals)


@given(ZONES, MOMENTS, st.lists(st.tuples(st.integers(0, 50_000), st.lists(st.integers(1, 5), min_size=1, max_size=6))))
def test_no_day_of_any_zone_has_more_than_its_parts_and_none_is_kept_back(
    zone: str, at: int, submits: list[tuple[int, list[int]]]
) -> None:
    ration = Ration(zone, 8)
    for wait, totals in submits:
        at += wait
        ration.submit(at + 0.5, totals, str(WallClock(zone).date(at)))
    assert all(parts <= 8 for parts in ration.accepted.values())


@given(ZONES, MOMENTS, st.sampled_from([0, 1]))
def test_a_period_ends_with_the_last_second_of_its_date(zone: str, at: int, kind: int) -> None:
    def name(second: int) -> str:
        return str(WallClock(zone).date(second))[: 7 if kind else 10]

    meter, wall = Meter(kind), WallClock(zone)
    meter.roll(at + 0.5, wall)
    ends = ceil(meter.until)
    assert at < ends <= at + (32 if kind else 2) * DAY
    assert (name(ends - 1), name(ends) > name(at)) == (name(at), True)
    assert all(name(second) == name(at) for second in range(at, ends, 3571))


@given(st.sampled_from(NAMES), MOMENTS, st.integers(1, DAY))
def test_a_clock_that_goes_back_a_little_opens_no_quota_again(zone: str, at: int, back: int) -> None:
    meter, wall = Meter(0), WallClock(zone)
    meter.roll(at, wall)
    meter.used, began = 5, meter.period
    meter.until = -1.0  # as after a reload
    meter.roll(at - back, wall)
    assert (meter.period, meter.used) == (began, 5)
    assert meter.until > at


@pytest.mark.parametrize("kind", [0, 1])
def test_a_clock_that_was_years_ahead_harms_nobody_once_it_is_right(kind: int) -> None:
    meter, wall = Meter(kind), WallClock("Asia/Tokyo")
    meter.roll(NOON + 4000 * DAY, wall)
    meter.used = 5
    meter.roll(NOON, wall)
    assert (meter.used, meter.until <= NOON + 32 * DAY) == (0, True)


def paced(bank: Allowance, at: float, number: int) -> tuple[int, list[str]]:
    outcomes = batch(*[1] * number)
    bank.pace(outcomes, at)
    return sum(let_in(outcomes)), details(outcomes)


def test_what_is_over_the_rate_is_told_how_long_to_wait_for_its_turn() -> None:
    bank = allowance(settings((("clients", "bank", "submit_rate"), 2.0)))
    assert paced(bank, 0.0, 4) == (
        2,
        [f"submit_rate: more than 2 messages a second; there is room in {wait} s" for wait in ("0.5", "1.0")],
    )
    assert paced(bank, 0.25, 1)[0] == 0
    assert paced(bank, 0.5, 1)[0] == 1
    assert paced(bank, 100.0, 9)[0] == 2


def test_a_message_a_minute_is_a_rate_too_and_what_was_refused_before_uses_up_none_of_it() -> None:
    bank = allowance(settings((("clients", "bank", "submit_rate"), 1 / 60)))
    outcomes: list[Message | Refusal] = [Refusal("x", "bad_number", "no"), message(1), message(2)]
    bank.pace(outcomes, 0.0)
    assert let_in(outcomes) == [False, True, False]
    assert outcomes[0] == Refusal("x", "bad_number", "no")
    assert details(outcomes)[1].endswith("there is room in 60.0 s")


@given(st.floats(0.1, 50.0), st.lists(st.tuples(st.floats(0.0, 5.0), st.integers(1, 30)), min_size=1, max_size=20))
def test_in_no_time_more_is_let_in_than_the_rate_and_one_second_s_worth(
    rate: float, submits: list[tuple[float, int]]
) -> None:
    bank, at, passed = allowance(settings((("clients", "bank", "submit_rate"), rate))), 0.0, 0
    for wait, number in submits:
        at += wait
        passed += paced(bank, at, number)[0]
    assert passed <= ceil(rate) + at * rate + 0.01


def test_a_client_without_limits_is_not_there() -> None:
    chosen: Any = settings((("clients", "atm"), {"secret": "s", "submit_rate": 5}))
    assert set(Quotas(chosen, 0.0).clients) == {"atm"}
