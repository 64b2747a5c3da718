"""References of long messages: numbers that tell a handset which parts belong together (3GPP TS 23.040, 9.2.3.24.1).

A handset joins parts that have sender and reference in common, and may take an 8-bit and a 16-bit reference of the same
number for one. So each pair of source and destination counts for itself, through all numbers before one comes again.

What a pair has taken is kept as runs, oldest first: the numbers first..last, taken in this order and before those of
the next run, and the time of the last. Counting on makes the newest run longer, so most pairs need one, and a pair that
has been through all its numbers two or three. A run's older numbers count as held for as long as its last, which does
no harm: while one seems free, that is taken, and then the oldest, which is the first to be free.
"""

from collections import OrderedDict
from typing import TypeAlias

_Runs: TypeAlias = tuple[tuple[int, int, float], ...]


class References:
    """Hands out references, pair by pair; sans-IO: the caller brings the time, in seconds.

    Args: max_pairs: pairs remembered; the one not heard of for longest is forgotten first. hold: how long a reference
        is not to come again, for a handset may still wait for the rest of its message.
    """

    def __init__(self, max_pairs: int, hold: float) -> None:
        self._max_pairs = max_pairs
        self._hold = hold
        self._pairs: OrderedDict[tuple[str, str], _Runs] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pairs)

    def take(self, source: str, destination: str, bits: int, now: float) -> int:
        """Take the next reference of a pair.

        It counts on, over those that are held; when all are, it is the one taken longest ago. A pair that is not known
        begins at a number made of the time, so that a restart does not begin where the last one did.

        Args: bits: width of the reference, 8 or 16.
        Returns: 0..2**bits - 1.
        """
        runs, size = self._runs(source, destination, now), 1 << bits
        reference = _free(runs, (runs[-1][1] + 1 if runs else int(now)) % size, size)
        if reference is None:
            reference = next(first for first, _, _ in runs if first < size)
            runs = _without(runs, reference)
        self._keep(source, destination, _with(runs, reference, now))
        return reference

    def note(self, source: str, destination: str, reference: int, now: float) -> None:
        """Hold a reference that is still live from before a restart, as if it was taken now."""
        runs = _without(self._runs(source, destination, now), reference)
        self._keep(source, destination, _with(runs, reference, now))

    def _runs(self, source: str, destination: str, now: float) -> _Runs:
        """The runs of a pair that may be held, and always the newest, to count on from."""
        runs = self._pairs.get((source, destination), ())
        while len(runs) > 1 and runs[0][2] + self._hold <= now:
            runs = runs[1:]
        return runs

    def _keep(self, source: str, destination: str, runs: _Runs) -> None:
        self._pairs[source, destination] = runs
        self._pairs.move_to_end((source, destination))
        if len(self._pairs) > self._max_pairs:
            self._pairs.popitem(last=False)


def _free(runs: _Runs, start: int, size: int) -> int | None:
    """The first number from start on, and around, that is in no run."""
    reference, left = start, size
    while left > 0:
        end = _end(runs, reference)
        if end is None:
            return reference
        end = min(end, size - 1)
        left -= end + 1 - reference
        reference = (end + 1) % size
    return None


def _end(runs: _Runs, reference: int) -> int | None:
    """The last number of the run that a number is in."""
    for first, last, _ in runs:
        if first <= reference <= last:
            return last
    return None


def _without(runs: _Runs, reference: int) -> _Runs:
    kept: list[tuple[int, int, float]] = []
    for first, last, at in runs:
        if first <= reference <= last:
            kept += [part for part in ((first, reference - 1, at), (reference + 1, last, at)) if part[0] <= part[1]]
        else:
            kept.append((first, last, at))
    return tuple(kept)


def _with(runs: _Runs, reference: int, now: float) -> _Runs:
    if runs and runs[-1][1] + 1 == reference:
        return (*runs[:-1], (runs[-1][0], reference, now))
    return (*runs, (reference, reference, now))
