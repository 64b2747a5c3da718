"""How late things were, summed up."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Self


@dataclass(frozen=True, slots=True)
class Latencies:
    """In milliseconds."""

    count: int
    median: float
    ninety_ninth: float
    longest: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Self:
        """Sum up two or more."""
        cuts = quantiles(seconds, n=100, method="inclusive")
        return cls(len(seconds), cuts[49] * 1e3, cuts[98] * 1e3, max(seconds) * 1e3)

    def __str__(self) -> str:
        return f"{self.count:8,} {self.median:10.2f} {self.ninety_ninth:10.2f} {self.longest:10.2f}"
