from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.faults import Lognormal, Uniform
from simulator.chance import Choice, sampler, within

SEEDS = st.integers(0, 2**64)


@given(SEEDS, st.floats(0, 1e6))
def test_a_fixed_delay_is_always_the_same_and_draws_nothing(seed: int, delay: float) -> None:
    random = Random(seed)
    before = random.getstate()
    assert {sampler(delay, random)() for _ in range(3)} == {delay}
    assert random.getstate() == before


@given(SEEDS, st.floats(0, 1e5), st.floats(0, 1e5))
def test_a_uniform_delay_stays_between_its_limits(seed: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    draw = sampler(Uniform(min=low, max=high), Random(seed))
    assert all(low <= draw() <= high * 1.000001 for _ in range(20))


def test_a_uniform_delay_is_anywhere_between_its_limits() -> None:
    draw = sampler(Uniform(min=1.0, max=3.0), Random(1))
    found = [draw() for _ in range(10_000)]
    assert [sum(1 + n / 2 <= each < 1.5 + n / 2 for each in found) for n in range(4)] == pytest.approx(
        [2500] * 4, rel=0.05
    )


def test_a_lognormal_delay_has_its_median_and_its_ninety_ninth_percentile() -> None:
    draw = sampler(Lognormal(median=2.0, p99=30.0), Random(1))
    found = sorted(draw() for _ in range(100_000))
    assert found[0] > 0
    assert found[50_000] == pytest.approx(2.0, rel=0.02)
    assert found[99_000] == pytest.approx(30.0, rel=0.05)


def test_a_lognormal_delay_without_width_is_its_median() -> None:
    assert sampler(Lognormal(median=2.0, p99=2.0), Random(1))() == 2.0


@given(SEEDS, st.dictionaries(st.integers(), st.floats(0, 1e6), min_size=1).filter(lambda found: any(found.values())))
def test_a_choice_is_never_what_has_no_weight(seed: int, weights: dict[int, float]) -> None:
    random = Random(seed)
    choice = Choice(weights)
    assert all(weights[choice.draw(random)] > 0 for _ in range(20))


def test_a_choice_is_in_proportion_to_the_weights() -> None:
    random, choice = Random(1), Choice({"a": 1.0, "b": 2.0, "never": 0.0, "c": 7.0})
    found = [choice.draw(random) for _ in range(100_000)]
    assert [found.count(each) for each in "abc"] == pytest.approx([10_000, 20_000, 70_000], rel=0.03)


def test_a_choice_of_one_draws_nothing() -> None:
    random = Random(1)
    before = random.getstate()
    assert Choice({"a": 0.5, "b": 0.0}).draw(random) == "a"
    assert random.getstate() == before


@given(st.floats(0, 1), st.floats(0, 1e3), st.floats(0, 1e3))
def test_a_chance_in_two_times_is_that_in_the_whole(rate: float, one: float, other: float) -> None:
    neither = (1 - within(rate, one)) * (1 - within(rate, other))
    assert 1 - neither == pytest.approx(within(rate, one + other), abs=1e-9)


@given(st.floats(0.001, inf, exclude_max=True))
def test_no_chance_stays_none_and_certainty_stays_certain(seconds: float) -> None:
    assert (within(0.0, seconds), within(1.0, seconds)) == (0.0, 1.0)
