"""What is to be done at a time that has not come yet, in the order of the times. Pure: the caller brings the time."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from math import inf


class Later:
    """Deeds and their times; those of one time are done in the order in which they were added."""

    def __init__(self) -> None:
        self._numbers = count()
        self._deeds: list[tuple[float, int, Callable[[], None]]] = []

    def __len__(self) -> int:
        return len(self._deeds)

    @property
    def next_due(self) -> float:
        """When `run` has something to do; inf when nothing waits."""
        return self._deeds[0][0] if self._deeds else inf

    def add(self, due: float, deed: Callable[[], None]) -> None:
        """Do something at a time, or as soon after it as `run` is called."""
        heappush(self._deeds, (due, next(self._numbers), deed))

    def run(self, now: float) -> None:
        """Do what is due."""
        while self._deeds and self._deeds[0][0] <= now:
            heappop(self._deeds)[2]()
