from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.load import supply as supply_module
from simulator.load.plan import Numbers, Plan
from simulator.load.supply import Supply

NUMBERS = Numbers(819000000000, 1000, 12)
RATES = st.floats(0.1, 1000)


def make(*, poisson: bool = False, rate: float = 0.0, count: int = 100, seconds: float = inf, seed: int = 0) -> Supply:
    plan = Plan(numbers=NUMBERS, mix={"long": 1}, rate=rate, count=count, seconds=seconds, poisson=poisson, seed=seed)
    supply = Supply(plan)
    supply.start(10.0)
    return supply


def drain(supply: Supply, now: float = inf) -> list[float]:
    return list(iter(lambda: supply.take(now), None))


def all_arrivals(supply: Supply) -> list[float]:
    due: list[float] = []
    while supply.next_arrival < inf:
        due += supply.arrive(supply.next_arrival)
    return due


@given(RATES, st.integers(1, 300))
def test_even_arrivals_keep_to_the_rate_and_the_count(rate: float, count: int) -> None:
    assert all_arrivals(make(rate=rate, count=count)) == [10.0 + n / rate for n in range(count)]


@given(RATES, st.booleans(), st.lists(st.floats(0, 5), max_size=30))
def test_the_schedule_does_not_depend_on_when_it_is_looked_at(rate: float, poisson: bool, gaps: list[float]) -> None:
    lazy, eager = make(rate=rate, poisson=poisson), make(rate=rate, poisson=poisson)
    now, late = 10.0, list[float]()
    for gap in gaps:
        now += gap
        late += lazy.arrive(now)
    assert all(due <= now for due in late)
    assert late + all_arrivals(lazy) == all_arrivals(eager)
    assert drain(lazy) == drain(eager)


@given(RATES, st.floats(0.01, 20), st.booleans())
def test_no_message_is_due_after_the_time_is_up(rate: float, seconds: float, poisson: bool) -> None:
    due = all_arrivals(make(rate=rate, seconds=seconds, count=1000, poisson=poisson))
    assert all(10.0 <= each < 10.0 + seconds for each in due)


def test_random_arrivals_have_the_rate_that_was_asked_and_the_seed_repeats_them() -> None:
    due = all_arrivals(make(rate=100, count=20_000, poisson=True, seed=7))
    assert due[-1] - 10.0 == pytest.approx(200, rel=0.03)
    gaps = [later - sooner for sooner, later in pairwise(due)]
    assert sum(gap > 0.01 for gap in gaps) / len(gaps) == pytest.approx(0.3679, rel=0.03)  # 1/e of them exceed the mean
    assert all_arrivals(make(rate=100, count=20_000, poisson=True, seed=7)) == due
    assert all_arrivals(make(rate=100, count=20_000, poisson=True, seed=8)) != due


def test_an_open_loop_hands_out_only_what_is_due_and_says_when_it_was() -> None:
    supply = make(rate=2, count=4)
    assert supply.take(10.0) is None
    assert supply.arrive(10.6) == [10.0, 10.5]
    assert (supply.waiting, supply.longest, supply.next_arrival) == (2, 2, 11.0)
    assert drain(supply, 10.6) == [10.0, 10.5]
    assert not supply.ended(10.6)
    supply.arrive(20.0)
    assert not supply.ended(20.0)
    assert drain(supply, 20.0) == [11.0, 11.5]
    assert supply.ended(20.0)
    assert supply.taken == 4


def test_a_line_that_is_full_drops_arrivals_and_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply_module, "MAX_WAITING", 3)
    supply = make(rate=10, count=5)
    assert len(supply.arrive(20.0)) == 5
    assert (supply.waiting, supply.dropped) == (3, 2)
    assert drain(supply) == [10.0, 10.1, 10.2]


def test_a_closed_loop_gives_as_many_as_are_taken_up_to_the_count() -> None:
    supply = make(count=3)
    assert [supply.take(11.0), supply.take(12.0)] == [11.0, 12.0]
    assert not supply.ended(12.0)
    assert [supply.take(13.0), supply.take(14.0)] == [13.0, None]
    assert supply.ended(14.0)


def test_a_closed_loop_ends_with_its_time() -> None:
    supply = make(seconds=5)
    assert supply.take(14.9) == 14.9
    assert supply.take(15.0) is None
    assert supply.ended(15.0)


@pytest.mark.parametrize("rate", [0.0, 5.0])
def test_nothing_is_handed_out_before_the_start_and_after_the_stop(rate: float) -> None:
    supply = Supply(Plan(numbers=NUMBERS, mix={"long": 1}, rate=rate))
    assert supply.take(1.0) is None
    assert not supply.ended(1.0)
    supply.start(10.0)
    supply.arrive(12.0)
    supply.stop()
    assert supply.take(12.0) is None
    assert supply.ended(12.0)
    assert supply.next_arrival == inf
