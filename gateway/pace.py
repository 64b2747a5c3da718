"""How fast a bind goes after the SMSC said "too fast": down at once, up again little by little (AIMD). Pure.

Nobody says how much an SMSC takes, and it takes another rate at another hour. So a bind is not slowed down until it is
told to; then it goes on a little below what was accepted just before, and grows until it is told again, or is as fast
as it has anything to send. Times are seconds on a clock that never goes back.
"""

from collections import deque
from math import inf
from typing import Final

MEASURED_SECONDS: Final = 2.0
"""What was accepted in this time says how much the SMSC takes."""
SETTLE_SECONDS: Final = 1.0
"""Refusals within this time of a cut are of what was sent before it, and cut nothing more."""
CUT: Final = 0.95
"""To this much of what was accepted a cut goes down."""
GROWTH: Final = 0.01
"""So much of the rate is added in each second, and MIN_GROWTH at least."""
MIN_GROWTH: Final = 0.5
"""Parts a second."""
MIN_RATE: Final = 1.0
"""Parts a second below which no cut goes, so that a carrier that takes nothing is still asked now and then."""
FREE_FACTOR: Final = 4.0
"""Grown to so many times the rate of its last cut, a pace is forgotten."""
_STEP: Final = 0.1


class Pace:
    """The rate of one bind, `inf` until it is told that it is too fast."""

    def __init__(self) -> None:
        self._rate = inf
        self._cut_at = -inf
        self._cut_rate = inf
        self._grown_at = 0.0
        self._next = -inf
        """When the next part may go."""
        self._accepted: deque[list[float]] = deque()
        """[since, parts] of the last steps, oldest first."""

    def rate(self, now: float) -> float:
        """Parts a second that may be sent now; inf: any number."""
        if self._rate < inf and now > self._grown_at:
            self._rate += max(self._rate * GROWTH, MIN_GROWTH) * (now - self._grown_at)
            self._grown_at = now
            if self._rate > self._cut_rate * FREE_FACTOR:
                self._rate = inf
        return self._rate

    def room(self, now: float) -> float:
        """Parts that may go at once: what is due in a step, one at least when its time has come; inf: any number."""
        rate = self.rate(now)
        if rate == inf:
            return inf
        return max(1.0, rate * _STEP) if now >= self._next else 0.0

    def opens_at(self, now: float) -> float:
        """When the next part may go: a time to come, or -inf when it may go now."""
        return self._next if self.rate(now) < inf and now < self._next else -inf

    def sent(self, parts: int, now: float) -> None:
        """Note that parts were sent."""
        rate = self.rate(now)
        if rate < inf:
            self._next = max(self._next, now) + parts / rate

    def accepted(self, now: float, parts: int = 1) -> None:
        """Note that parts were accepted."""
        accepted = self._accepted
        if accepted and now - accepted[-1][0] < _STEP:
            accepted[-1][1] += parts
        else:
            accepted.append([now, parts])
        while accepted[0][0] < now - MEASURED_SECONDS:
            accepted.popleft()

    def refused(self, now: float) -> bool:
        """Note that the SMSC said "too fast"; whether the rate was cut for it."""
        if now < self._cut_at + SETTLE_SECONDS:
            return False
        while self._accepted and self._accepted[0][0] < now - MEASURED_SECONDS:
            self._accepted.popleft()
        parts = sum(count for _, count in self._accepted)
        taken = parts / max(now - self._accepted[0][0], SETTLE_SECONDS) if self._accepted else 0.0
        limit = min(taken, self.rate(now))
        self._rate = self._cut_rate = max(limit * CUT, MIN_RATE)
        self._cut_at = self._grown_at = now
        self._next = now + 1 / self._rate
        return True
