"""Whose turn it is among the lanes of one carrier: the upper ones', but each lane that waits gets its share. Pure.

For every part of the lanes above it a lane is owed a fraction of one. A round of taking leaves the lower lanes what
they are owed, and takes it last, so that upper lanes are at the front of what is sent. When rounds are too small for
that, one message of a lane that is owed a part opens the next round. It does so once, until the lanes above it have had
something: so what comes into an upper lane waits for one message of each lower lane at most. A lane that nobody stands
above is owed nothing: it takes all there is, and is not made to pay for it later.
"""

from collections.abc import Sequence
from typing import Final

MOST: Final = 100.0
"""Parts a lane is owed at most, as when its messages wait for the disk."""


class Turns:
    """What the lanes of one carrier are owed. Lanes are numbers, the first is 0; `waiting` are those that hold any."""

    def __init__(self, shares: Sequence[float]) -> None:
        """Args: shares: of all parts, 0..1, the least that each lane below the first gets while it waits."""
        self._shares: Final = (0.0, *shares)
        self._rates: Final = [share / (1 - sum(self._shares[n:], 0.0)) for n, share in enumerate(self._shares)]
        """Parts a lane is owed for each part of the lanes above it, so that it has its share of them all."""
        self._owed = [0.0] * len(self._shares)
        self._opened = [False] * len(self._shares)
        """Whether a lane has opened a round since the lanes above it had something."""

    def opens(self, lane: int) -> bool:
        """Whether one message of a lane goes before those of the lanes above it; it then does not again for a while."""
        if self._owed[lane] < 1 or self._opened[lane]:
            return False
        self._opened[lane] = True
        return True

    def reserve(self, waiting: Sequence[int], parts: int) -> list[int]:
        """Parts that each of the waiting lanes leaves to those below it, of so many that are taken: half at most."""
        left, reserved = 0, [0] * len(waiting)
        for place in range(len(waiting) - 1, 0, -1):
            lane = waiting[place]
            left += max(0, int(self._owed[lane] + self._shares[lane] * parts))
            reserved[place - 1] = min(left, parts // 2)
        return reserved

    def took(self, lane: int, parts: int, total: int, waiting: Sequence[int]) -> None:
        """Note that a lane was given so many parts; the last of its messages had `total`."""
        owed = self._owed
        owed[lane] = max(owed[lane] - parts, 1 - total)
        for lower in waiting:
            if lower > lane:
                owed[lower] = min(owed[lower] + parts * self._rates[lower], MOST)
                self._opened[lower] = False
