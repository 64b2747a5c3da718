"""What a load has seen so far: plain counters and histograms, read while it runs and when it is over."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from simulator.load.latency import Histogram
from simulator.load.plan import MAX_SECONDS

_MAX_INDEX: Final = 2 * MAX_SECONDS
"""Seconds that are told apart; what comes later counts in the last one."""


class Series:
    """How many of something there were in each second since the start."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def add(self, count: int, second: float) -> None:
        """Count at a time since the start."""
        index = min(int(second), _MAX_INDEX)
        if index >= len(self.counts):
            self.counts += [0] * (index + 1 - len(self.counts))
        self.counts[index] += count


class Tally:
    """Counts requests (a submit_sm, or a message upstream), their answers, and what became of them."""

    def __init__(self) -> None:
        self.requests = 0
        """Made: sent, or waiting in a bind for room in its window."""
        self.sent = 0
        self.answered = 0
        self.unanswered = 0
        """No answer came in time, or the connection closed first; one that comes late takes it back."""
        self.refused: Counter[str] = Counter()
        """Answers that were an error, by status."""
        self.ends: Counter[str] = Counter()
        """What became of them, by state."""
        self.strays = 0
        """Receipts and events of nothing that is open: of another run, or the second of their kind."""
        self.incoming = 0
        """Messages from handsets."""
        self.untracked = 0
        """Accepted, but not followed to their end: too many were."""
        self.rebinds = 0
        """Times that a bind was lost and asked for anew."""
        self.answer, self.end, self.lag = Histogram(), Histogram(), Histogram()
        """From when a request should have left: to its answer, to its end, and to when our own clock woke us for it."""
        self.left, self.came, self.ended = Series(), Series(), Series()
        """Requests, answers and ends by second."""
        self.started = 0.0
        self.answered_at = self.heard_at = 0.0
        """When the last answer came, and when the last answer or end."""

    @property
    def unsettled(self) -> int:
        """Requests without an answer of which one may still come."""
        return self.requests - self.answered - self.unanswered

    @property
    def accepted(self) -> int:
        """Answers that were no error."""
        return self.answered - self.refused.total()

    @property
    def took(self) -> float:
        """Seconds from the start to the last answer."""
        return self.answered_at - self.started

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.took if self.took > 0 else 0.0

    def start(self, now: float) -> None:
        """Begin: all times count from here."""
        self.started = self.answered_at = self.heard_at = now

    def send(self, count: int, now: float) -> None:
        """So many requests leave now."""
        self.sent += count
        self.left.add(count, now - self.started)

    def take_answers(self, due: Sequence[float], now: float) -> None:
        """Answers came now, to requests that should have left at these times."""
        self.answered += len(due)
        self.answer.add([now - each for each in due])
        self.came.add(len(due), now - self.started)
        self.answered_at = self.heard_at = now

    def take_ends(self, due: Sequence[float], now: float) -> None:
        """Requests that should have left at these times have ended now, for good or ill."""
        self.end.add([now - each for each in due])
        self.ended.add(len(due), now - self.started)
        self.heard_at = now
