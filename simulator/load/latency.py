"""Latencies in a histogram of fixed size: buckets grow with the value, so the relative error is the same everywhere.

A value is a number of nanoseconds. Below 256 ns each has a bucket of its own; above, each power of two is cut into 128
buckets, so a bucket is at most 1/128 of its values wide and its middle at most 0.4 % off.
"""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Final, NamedTuple

RELATIVE_ERROR: Final = 0.01
"""How far a percentile may be off."""
LONGEST: Final = 4096.0
"""Seconds; what takes longer is counted as this long, but for the maximum."""

_UNIT: Final = 1e-9
_BITS: Final = 8
_HALF: Final = 1 << (_BITS - 1)
_TOP: Final = int(LONGEST / _UNIT)


class Bucket(NamedTuple):
    """How many latencies, `held`, lay from `low` to below `high`, in seconds."""

    low: float
    high: float
    held: int


class Histogram:
    """Counts latencies. Times in seconds."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.longest = 0.0
        self.shortest = 0.0
        self._counts = [0] * (_index(_TOP) + 1)

    @property
    def mean(self) -> float:
        """0 when nothing was counted."""
        return self.total / self.count if self.count else 0.0

    @property
    def size(self) -> int:
        """Buckets in memory; never changes."""
        return len(self._counts)

    def add(self, latencies: Sequence[float]) -> None:
        """Count latencies; what is below 0 counts as 0."""
        if not latencies:
            return
        shortest, longest = max(min(latencies), 0.0), max(max(latencies), 0.0)
        self.shortest = min(self.shortest, shortest) if self.count else shortest
        self.longest = max(self.longest, longest)
        self.count += len(latencies)
        self.total += sum(latencies)
        counts = self._counts
        for latency in latencies:
            value = int(latency * 1e9)
            shift = value.bit_length() - _BITS
            if shift > 0 and value < _TOP:
                counts[(shift << 7) + (value >> shift)] += 1
            else:  # the rare ends of the range
                counts[_index(min(max(value, 0), _TOP))] += 1

    def percentile(self, percent: float) -> float:
        """The latency that `percent` of all do not exceed (nearest rank); 0 when nothing was counted."""
        rank = max(1, ceil(self.count * percent / 100 - 1e-9))  # less a rounding error: 99.9 % of 1000 are 999
        passed = 0
        for low, high, held in self.buckets():
            passed += held
            if passed >= rank:
                return min(max((low + high) / 2, self.shortest), self.longest)
        return self.longest

    def buckets(self) -> Iterator[Bucket]:
        """All buckets that hold something, in order."""
        for index, held in enumerate(self._counts):
            if held:
                low, high = _bounds(index)
                yield Bucket(low * _UNIT, high * _UNIT, held)


def _index(value: int) -> int:
    shift = max(value.bit_length() - _BITS, 0)
    return shift * _HALF + (value >> shift)


def _bounds(index: int) -> tuple[int, int]:
    """The least value of a bucket, and the least of the next."""
    shift = max(index // _HALF - 1, 0)
    low = (index - shift * _HALF) << shift
    return low, low + (1 << shift)
