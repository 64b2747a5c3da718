"""Which phase of a scenario it is."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import floor, inf, isfinite, nextafter

from config.scenario import PhaseSettings


class Timeline:
    """Phases one after another.

    Args: repeat: whether the first comes after the last; else the last has no end. started: when the first begins.
    """

    def __init__(self, phases: Sequence[PhaseSettings], repeat: bool, started: float) -> None:
        self._started = started
        self._ends = tuple(accumulate(inf if phase.lasts is None else phase.lasts for phase in phases))
        self._round = self._ends[-1] if repeat else inf

    def place(self, now: float) -> tuple[int, float]:
        """Say which phase it is, counted from 0, and when the next one begins: later than now, inf for never."""
        elapsed = max(0.0, now - self._started)
        begun = floor(elapsed / self._round) * self._round if isfinite(self._round) else 0.0
        index = min(bisect_right(self._ends, elapsed - begun), len(self._ends) - 1)
        return index, max(self._started + begun + self._ends[index], nextafter(now, inf))
