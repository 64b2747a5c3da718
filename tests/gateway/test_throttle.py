"""The rate is never exceeded and never wasted, whatever the pattern of takes."""

from math import ceil, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.throttle import ANY_NUMBER, Throttle

RATES = st.floats(0.01, 100_000)
BURSTS = st.integers(1, 5000)
STARTS = st.floats(0, 1e6)
"""Trio's clock begins anywhere below a million seconds."""
STEPS = st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1)), min_size=1, max_size=60)
"""Seconds that pass, and the share of the room that is taken then."""


@given(RATES, BURSTS, STARTS, STEPS)
def test_no_second_sees_more_than_the_rate_and_one_burst(
    rate: float, burst: int, start: float, steps: list[tuple[float, float]]
) -> None:
    throttle, now, taken = Throttle(rate, burst, start), start, []
    for passed, share in steps:
        now += passed
        parts = ceil(throttle.room(now) * share)
        throttle.take(parts, now)
        taken.append((now, parts))
    for first, _ in taken:
        window = sum(parts for at, parts in taken if first <= at <= first + 1)
        assert window <= rate + burst + 0.01 * len(steps)


@given(RATES, BURSTS, STARTS, st.integers(0, 10_000), st.floats(0, 100))
def test_it_opens_at_the_time_it_names_and_not_before(
    rate: float, burst: int, start: float, taken: int, passed: float
) -> None:
    throttle = Throttle(rate, burst, start)
    throttle.take(taken, start)
    now = start + passed
    opens = throttle.opens_at(now)
    if opens == -inf:
        assert throttle.room(now) > 0
        return
    assert opens > now
    assert throttle.room(now) == 0
    early = now + (opens - now) * 0.9
    assert throttle.room(early) == 0 or (opens - early) * rate < 0.001
    assert throttle.room(opens) > 0
    assert throttle.opens_at(opens) == -inf


@given(RATES, BURSTS, STEPS)
def test_a_steady_taker_gets_the_whole_rate(rate: float, burst: int, steps: list[tuple[float, float]]) -> None:
    throttle, now, taken = Throttle(rate, burst, 0.0), 0.0, 0
    for _ in range(50):
        opens = throttle.opens_at(now)
        now = max(now, opens)
        room = throttle.room(now)
        throttle.take(room, now)
        taken += room
    assert taken >= burst + int(rate * now) - 1


@given(RATES, BURSTS, st.floats(0, 1e6))
def test_a_silence_fills_one_burst_and_no_more(rate: float, burst: int, silence: float) -> None:
    throttle = Throttle(rate, burst, 0.0)
    throttle.take(burst, 0.0)
    assert throttle.room(silence) <= burst
    assert throttle.room(silence + burst / rate + 1) == burst


def test_a_message_that_goes_whole_is_waited_out() -> None:
    throttle = Throttle(10, 2, 0.0)
    throttle.take(5, 0.0)
    assert throttle.room(0.3) == 0
    assert throttle.opens_at(0.3) == pytest.approx(0.4)
    assert throttle.room(0.4) == 1


def test_rate_0_is_no_limit() -> None:
    throttle = Throttle(0, 30, 0.0)
    for _ in range(10):
        throttle.take(30, 0.0)
        assert throttle.room(0.0) == ANY_NUMBER
        assert throttle.opens_at(0.0) == -inf
