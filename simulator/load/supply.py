"""When messages are to leave: by the clock (open loop), or whenever there is room (closed loop). Pure: time is given.

In an open loop the schedule does not know the server. A message that cannot leave waits in line, and its latency counts
from when it should have left: a server that stalls cannot hide it by being asked less.
"""

from collections import deque
from math import inf, log
from random import Random

from simulator.load.plan import MAX_WAITING, Plan


class Supply:
    """Hands out messages, one by one, each with the time when it should leave."""

    def __init__(self, plan: Plan) -> None:
        self.taken = 0
        self.dropped = 0
        """Arrivals that found the line full; they are never sent."""
        self.longest = 0
        """The most messages that waited in line."""
        self.next_arrival = inf
        """When `arrive` has something to do; inf when never (again)."""
        self._plan = plan
        self._random = Random(plan.seed)
        self._line: deque[float] = deque()
        self._arrived = 0
        self._started = 0.0
        self._ends = inf
        self._begun = self._stopped = False

    @property
    def waiting(self) -> int:
        """Messages that are due and have not left."""
        return len(self._line)

    def start(self, now: float) -> None:
        """Begin the schedule: the first message is due at once."""
        self._begun, self._started = True, now
        self._ends = now + self._plan.seconds
        if self._plan.rate:
            self._expect(now + (self._gap() if self._plan.poisson else 0.0))

    def ended(self, now: float) -> bool:
        """Whether it has begun, and no message is left to leave, now and later."""
        if not self._begun or self._stopped:
            return self._stopped
        if self._plan.rate:
            return self.next_arrival == inf and not self._line
        return self.taken >= self._plan.count or now >= self._ends

    def stop(self) -> None:
        """Hand out nothing more."""
        self._stopped = True
        self.next_arrival = inf

    def arrive(self, now: float) -> list[float]:
        """Let in what is due by now; returns when each should have left."""
        due: list[float] = []
        while self.next_arrival <= now:
            due.append(self.next_arrival)
            self._schedule()
        admitted = due[: MAX_WAITING - len(self._line)]
        self.dropped += len(due) - len(admitted)
        self._line += admitted
        self.longest = max(self.longest, len(self._line))
        return due

    def take(self, now: float) -> float | None:
        """The next message's time to leave, if one may leave now."""
        if self._plan.rate:
            if not self._line or self._stopped:
                return None
            self.taken += 1
            return self._line.popleft()
        if not self._begun or self.ended(now):
            return None
        self.taken += 1
        return now

    def _schedule(self) -> None:
        self._arrived += 1
        if self._plan.poisson:
            self._expect(self.next_arrival + self._gap())
        else:  # from the start, so that no rounding adds up
            self._expect(self._started + self._arrived / self._plan.rate)

    def _expect(self, arrival: float) -> None:
        over = self._arrived >= self._plan.count or arrival >= self._ends
        self.next_arrival = inf if over else arrival

    def _gap(self) -> float:
        return -log(1.0 - self._random.random()) / self._plan.rate
