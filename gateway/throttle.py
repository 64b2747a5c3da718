"""How fast an account may be fed: a token bucket in parts. Pure; times are seconds on a clock that never goes back."""

from math import inf
from typing import Final

ANY_NUMBER: Final = 1 << 30
"""Parts that may go when there is no limit: the window is one."""
_SLACK: Final = 1e-4
"""Parts that rounding may have eaten; they stay owed, so the rate is kept."""


class Throttle:
    """A token bucket: `rate` parts per second, up to `burst` at once after a silence; rate 0 is no limit."""

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self._tokens = float(burst)
        self._at = now

    def set_rate(self, rate: float, burst: int, now: float) -> None:
        """Go on at another rate; what was sent before counts."""
        self._fill(now)
        self.rate, self.burst = rate, burst
        self._fill(now)

    def room(self, now: float) -> int:
        """How many parts may go now; at most `burst`, without a rate any number."""
        if not self.rate:
            return ANY_NUMBER
        self._fill(now)
        return max(0, int(self._tokens + _SLACK))

    def take(self, parts: int, now: float) -> None:
        """Note that parts were sent. A message goes whole, so the bucket may go below empty: it is then waited out."""
        if self.rate:
            self._fill(now)
            self._tokens -= parts

    def opens_at(self, now: float) -> float:
        """When there is room for at least one part: a time to come, or -inf when there is room now."""
        if self.room(now) > 0:
            return -inf
        return now + (1 - self._tokens) / self.rate

    def _fill(self, now: float) -> None:
        self._tokens = min(float(self.burst), self._tokens + (now - self._at) * self.rate)
        self._at = now
