"""What the two clients share: the clock that lets messages leave, who waits for which receipt, and when it is over."""

from collections.abc import Callable
from math import inf
from typing import Final, TypeAlias

import trio

from simulator.load.plan import Plan
from simulator.load.supply import Supply
from simulator.load.tally import Tally

MAX_FOLLOWED: Final = 1_000_000
"""Accepted messages whose end is waited for at once; those on top are counted as untracked."""

Fill: TypeAlias = Callable[[float], None]
Submit: TypeAlias = tuple[float, bytes]
"""When a request should have left, and the number it goes to. A plain tuple: one is made for each request."""


class LoadFailed(Exception):
    """The load could not be begun, and why, in words."""


class Run:
    """One load, as far as it has come. Only one client works with it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.supply = Supply(plan)
        self.tally = Tally()
        self.followed: dict[str, Submit] = {}
        """Accepted and not ended, by id."""
        self.finished = trio.Event()
        self.failure = ""
        """Why it ended before its time, when it did."""

    async def drive(self, fill: Fill) -> None:
        """Let messages leave until all have an answer and an end, or nothing comes any more.

        Args: fill: sends as much as may leave at the time it is given.
        """
        now = trio.current_time()
        self.supply.start(now)
        self.tally.start(now)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch)
            nursery.start_soon(self._pace, fill)
            await self.finished.wait()
            nursery.cancel_scope.cancel()

    def follow(self, id_: str, submit: Submit) -> None:
        """Wait for the end of a message."""
        if len(self.followed) < MAX_FOLLOWED:
            self.followed[id_] = submit
        else:
            self.tally.untracked += 1

    def check(self, now: float) -> None:
        """Finish when nothing is owed any more."""
        if not self.tally.unsettled and not self.followed and self.supply.ended(now):
            self.finished.set()

    def stop(self, failure: str = "") -> None:
        """Finish at once; what has no answer counts as unanswered."""
        self.failure = failure
        self.supply.stop()
        self.finished.set()

    async def _pace(self, fill: Fill) -> None:
        now = trio.current_time()
        fill(now)
        while self.supply.next_arrival < inf:
            await trio.sleep_until(self.supply.next_arrival)
            now = trio.current_time()
            self.tally.lag.add([now - due for due in self.supply.arrive(now)])
            fill(now)
        self.check(now)

    async def _watch(self) -> None:
        """Finish when nothing has come for too long, though something is owed."""
        while True:
            arrival = self.supply.next_arrival
            deadline = max(self.tally.heard_at, arrival if arrival < inf else 0.0) + self.plan.wait
            if deadline <= trio.current_time():
                break
            await trio.sleep_until(deadline)
        self.stop()
