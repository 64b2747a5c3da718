"""Delays, choices and chances, drawn from a generator that the caller brings."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from itertools import accumulate
from math import exp, log
from random import Random
from typing import Final, Generic, TypeVar

from config.faults import Lognormal, Uniform

T = TypeVar("T")

_Z99: Final = 2.3263478740408408
"""Standard deviations above the mean that 99 of 100 of a normal distribution stay below."""


def sampler(delay: float | Uniform | Lognormal, random: Random) -> Callable[[], float]:
    """Make what draws one delay after another, in seconds."""
    if isinstance(delay, Uniform):
        low, width = delay.min, delay.max - delay.min
        return lambda: low + width * random.random()
    if isinstance(delay, Lognormal):
        median, sigma = delay.median, log(delay.p99 / delay.median) / _Z99
        return lambda: median * exp(sigma * random.gauss())
    return lambda: delay


class Choice(Generic[T]):
    """A choice among outcomes by their weights, at least one of which is above 0."""

    def __init__(self, weights: Mapping[T, float]) -> None:
        likely = {outcome: weight for outcome, weight in weights.items() if weight}
        self._outcomes = tuple(likely)
        self._ends = tuple(accumulate(likely.values()))[:-1]
        self._total = sum(likely.values())

    def draw(self, random: Random) -> T:
        """Choose one; nothing is drawn when there is only one."""
        if not self._ends:
            return self._outcomes[0]
        return self._outcomes[bisect_right(self._ends, random.random() * self._total)]


def within(rate: float, seconds: float) -> float:
    """Say how likely something is in a time that has a chance of `rate` in each second, 0..1."""
    return 1.0 - float((1.0 - rate) ** seconds)
