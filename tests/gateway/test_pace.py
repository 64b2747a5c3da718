"""A bind's pace: no limit until the SMSC gives one, then close below it, and up again."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pace import CUT, FREE_FACTOR, MIN_RATE, SETTLE_SECONDS, Pace
from gateway.throttle import Throttle

STEP = 0.005


def drive(limit: float, seconds: float, round_trip: float) -> tuple[list[float], list[float], Pace]:
    """Send as fast as a pace lets us to an SMSC that takes so many parts a second: when each was taken, or refused."""
    pace, smsc, flying = Pace(), Throttle(limit, max(1, int(limit)), 0.0), list[tuple[float, bool]]()
    taken: list[float] = []
    refused: list[float] = []
    now = 0.0
    while now < seconds:
        while flying and flying[0][0] <= now:
            _, well = flying.pop(0)
            (taken if well else refused).append(now)
            if well:
                pace.accepted(now)
            else:
                pace.refused(now)
        parts = int(min(100 - len(flying), pace.room(now)))
        for _ in range(parts):
            well = smsc.room(now) > 0
            if well:
                smsc.take(1, now)
            flying.append((now + round_trip, well))
        if parts:
            pace.sent(parts, now)
        now += STEP
    return taken, refused, pace


def test_without_a_refusal_there_is_no_limit() -> None:
    pace = Pace()
    pace.sent(10_000, 0.0)
    assert (pace.rate(0.0), pace.room(0.0), pace.opens_at(0.0)) == (inf, inf, -inf)


@pytest.mark.parametrize("limit", [20, 200, 1000])
@pytest.mark.parametrize("round_trip", [0.01, 0.1])
def test_it_settles_below_what_the_smsc_takes_with_few_refusals(limit: int, round_trip: float) -> None:
    taken, refused, _ = drive(limit, 60.0, round_trip)
    possible = min(limit, 100 / (round_trip + STEP))
    late = [at for at in taken if at >= 20.0]
    assert len(late) >= 0.9 * possible * 40.0
    assert sum(at >= 20.0 for at in refused) < 0.05 * len(late)


def test_a_cut_goes_a_little_below_what_was_accepted_before() -> None:
    pace = Pace()
    for n in range(300):
        pace.accepted(n / 100)
    assert pace.refused(3.0)
    assert pace.rate(3.0) == pytest.approx(100 * CUT, rel=0.05)


def test_refusals_of_what_was_sent_before_a_cut_cut_nothing_more() -> None:
    pace = Pace()
    for n in range(300):
        pace.accepted(n / 100)
    pace.refused(3.0)
    rate = pace.rate(3.0)
    assert not pace.refused(3.0 + SETTLE_SECONDS / 2)
    assert pace.rate(3.0) == rate
    assert pace.refused(3.0 + SETTLE_SECONDS)
    assert pace.rate(3.0 + SETTLE_SECONDS) < rate


def test_an_smsc_that_takes_nothing_is_still_asked_now_and_then() -> None:
    pace = Pace()
    for second in range(100):
        pace.refused(float(second))
    assert pace.rate(99.0) == MIN_RATE
    assert 99.0 < pace.opens_at(99.0) <= 99.0 + 1 / MIN_RATE


def test_a_pace_that_has_grown_far_beyond_its_cut_is_forgotten() -> None:
    pace = Pace()
    for n in range(300):
        pace.accepted(n / 100)
    pace.refused(3.0)
    assert pace.rate(60.0) < inf
    assert pace.rate(3.0 + 1000.0) == inf
    assert FREE_FACTOR > 1


@given(st.floats(1, 500), st.lists(st.floats(0.001, 2.0), min_size=1, max_size=200))
def test_what_it_lets_go_is_never_more_than_its_rate_and_one_step(rate: float, waits: list[float]) -> None:
    pace, now, sent = Pace(), 1.0, 0.0
    for n in range(int(rate * 2) + 1):
        pace.accepted(now + n / rate)
    now += 3.0
    pace.refused(now)
    began, first = now, pace.rate(now)
    for wait in waits:
        now += wait
        room = pace.room(now)
        if room == inf:
            break
        parts = int(room)
        pace.sent(parts, now)
        sent += parts
        assert sent <= pace.rate(now) * (now - began) + max(1.0, 0.1 * pace.rate(now)) + 1
    assert first >= MIN_RATE


@given(st.lists(st.tuples(st.sampled_from(["accepted", "refused", "sent"]), st.floats(0, 5)), max_size=200))
def test_its_rate_is_never_below_the_least_and_grows_while_nothing_is_refused(steps: list[tuple[str, float]]) -> None:
    pace, now = Pace(), 0.0
    for deed, wait in steps:
        before = pace.rate(now)
        now += wait
        assert pace.rate(now) >= before
        if deed == "sent":
            pace.sent(1, now)
        else:
            getattr(pace, deed)(now)
        assert pace.rate(now) >= MIN_RATE
