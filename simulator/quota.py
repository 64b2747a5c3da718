"""Parts a second: token buckets of any number of senders."""

from collections.abc import Hashable
from typing import Final

_PRUNE_AT: Final = 1024


class Quota:
    """What each sender may still hand over; a sender not heard of has all of a second's worth."""

    def __init__(self) -> None:
        self._left: dict[Hashable, tuple[float, float, float]] = {}
        """Parts left, when that was, and when that will be a second's worth again."""
        self._prune_at = _PRUNE_AT

    def take(self, sender: Hashable, rate: float, now: float) -> bool:
        """Take a part, at most `rate` a second, and after a silence a second's worth, at least one, at once.

        Returns: whether there was room; if not, nothing is taken.
        """
        most = max(rate, 1.0)
        left, then, _ = self._left.get(sender, (most, now, now))
        left = min(most, left + (now - then) * rate)
        taken = left >= 1.0
        left -= taken
        self._left[sender] = (left, now, now + (most - left) / rate)
        if len(self._left) > self._prune_at:
            self._prune(now)
        return taken

    def _prune(self, now: float) -> None:
        self._left = {sender: each for sender, each in self._left.items() if each[2] > now}
        self._prune_at = max(_PRUNE_AT, 2 * len(self._left))
