"""What each client may still submit: parts a day and a month, messages a second. Pure.

Parts are counted here as soon as they are let in, and on disk by the commit that carries them, so that a start goes on
from what was really accepted. What turns out, with the commit, to have been there before is taken off again.
"""

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeAlias

from gateway.guard import Refusal
from gateway.message import Message
from gateway.throttle import Throttle
from gateway.wallclock import DAY, WallClock

if TYPE_CHECKING:
    from datetime import date

    from config.settings import ClientSettings, QuotaSettings, Settings

Spent: TypeAlias = tuple[str, int, int, list[Message]]
"""New messages that count: (client, number of the day, of the month, messages)."""

KEYS: Final = ("parts_per_day", "parts_per_month")
"""The kinds of period, by their number on disk."""


class Meter:
    """The parts of one client in the day, or the month, that runs. Periods are numbered, so that a later one has more.

    It goes on to the next period and never to the last: when the clock is set back a little, or its zone is another,
    what was counted stands until the end of what had begun.
    """

    def __init__(self, kind: int, period: int = 0, used: int = 0) -> None:
        self.kind = kind
        self.period = period
        self.used = used
        """Parts that were let in, those not yet on disk among them."""
        self.until = -math.inf
        """The end of the period, Unix seconds."""

    def roll(self, now: float, wall: WallClock) -> None:
        """Be in the period that runs now."""
        if now < self.until <= now + _LONGEST[self.kind]:
            return
        running, at = self._number(wall.date(int(now))), int(now)
        if running > self.period or self._number(wall.date(at + DAY)) < self.period:
            self.period, self.used = running, 0
        while self._number(wall.date(at)) <= self.period:
            at = wall.next(at, 0)
        self.until = at

    def _number(self, day: "date") -> int:
        return day.year * 12 + day.month if self.kind else day.toordinal()


_LONGEST: Final = (2.2 * DAY, 32.2 * DAY)
"""Seconds to the end of a period at most, by its kind; from further away, the clock was wrong when it was reckoned."""


class Allowance:
    """What one client may submit; changes what the checks have made of its messages into refusals."""

    def __init__(self, client: str, settings: "ClientSettings", refused: dict[tuple[str, str], int], at: float) -> None:
        """Args: refused: counts messages by client and limit. at: seconds on a clock that never goes back."""
        self._client = client
        self._refused = refused
        self.meters: tuple[Meter, Meter] = (Meter(0), Meter(1))
        self._throttle = Throttle(settings.submit_rate, _burst(settings.submit_rate), at)
        self.reconfigure(settings, at)

    def reconfigure(self, settings: "ClientSettings", at: float) -> None:
        """Go by these settings from now on; what was counted counts."""
        self.rate = settings.submit_rate
        self._throttle.set_rate(self.rate, _burst(self.rate), at)
        self.quota: QuotaSettings | None = settings.quota
        self._wall = WallClock(settings.quota.zone) if settings.quota else None
        for meter in self.meters:
            meter.until = -math.inf

    def pace(self, outcomes: list[Message | Refusal], at: float) -> None:
        """Refuse the messages over the rate, and say of each when there would be room for it."""
        if not self.rate:
            return
        room, passed = self._throttle.room(at), 0
        opens = max(self._throttle.opens_at(at) - at, 0.0)
        for n, outcome in enumerate(outcomes):
            if isinstance(outcome, Refusal):
                continue
            if passed >= room:
                wait = opens + (passed - max(room - 1, 0)) / self.rate
                detail = f"submit_rate: more than {self.rate:g} messages a second; there is room in {wait:.1f} s"
                outcomes[n] = self._refuse(outcome, "submit_rate", detail)
            passed += 1
        self._throttle.take(min(passed, room), at)

    def admit(self, outcomes: Sequence[Message | Refusal], now: float) -> bool:
        """Count the parts of all messages; False, and none is counted, when they are more than is left."""
        if self.quota is None:
            return True
        parts = sum(outcome.total for outcome in outcomes if isinstance(outcome, Message))
        self._roll(now)
        if any(meter.used + parts > limit for meter, limit in self.limits()):
            return False
        self._count(parts)
        return True

    def ration(self, outcomes: list[Message | Refusal], known: Container[str], now: float) -> None:
        """Count the parts of messages as long as they fit, and refuse the others.

        Args: known: ids that were there before. They are refused uncounted: who is refused is asked for its first
            answer.
        """
        self._roll(now)
        seen: set[str] = set()
        for n, outcome in enumerate(outcomes):
            if isinstance(outcome, Refusal):
                continue
            full = [(meter, limit) for meter, limit in self.limits() if meter.used + outcome.total > limit]
            if outcome.id in known or outcome.id in seen:
                outcomes[n] = Refusal(outcome.id, "quota", "this id was there before")
            elif full:
                outcomes[n] = self._refuse(outcome, *self._explain(*max(full, key=lambda each: each[0].until), outcome))
            else:
                seen.add(outcome.id)
                self._count(outcome.total)

    def spent(self, messages: list[Message]) -> Spent | None:
        """What a commit is to note of messages that were just let in; None when nothing is counted."""
        return (self._client, self.meters[0].period, self.meters[1].period, messages) if self.quota else None

    def give_back(self, periods: tuple[int, int], parts: int) -> None:
        """Take parts off again that were counted in these periods."""
        for meter, period in zip(self.meters, periods, strict=True):
            if meter.period == period:
                meter.used -= parts

    def used(self, now: float) -> Iterable[tuple[Meter, int]]:
        """The meters that have a limit, as they are now."""
        self._roll(now)
        return self.limits()

    def limits(self) -> list[tuple[Meter, int]]:
        """The meters that have a limit, with it."""
        quota = self.quota
        limits = (quota.parts_per_day, quota.parts_per_month) if quota else (None, None)
        return [(meter, limit) for meter, limit in zip(self.meters, limits, strict=True) if limit is not None]

    def _roll(self, now: float) -> None:
        if self._wall is not None:
            for meter in self.meters:
                meter.roll(now, self._wall)

    def _count(self, parts: int) -> None:
        for meter in self.meters:
            meter.used += parts

    def _explain(self, meter: Meter, limit: int, message: Message) -> tuple[str, str]:
        assert self._wall is not None
        key, opens = KEYS[meter.kind], self._wall.text(int(meter.until))
        used = f"{meter.used} of {limit} parts are used"
        return key, f"{key}: {used}, and this message has {message.total}; it begins anew at {opens}"

    def _refuse(self, message: Message, limit: str, detail: str) -> Refusal:
        key = self._client, limit
        self._refused[key] = self._refused.get(key, 0) + 1
        return Refusal(message.id, "quota", detail)


class Quotas:
    """The allowances of all clients that have one."""

    def __init__(self, settings: "Settings", at: float) -> None:
        """Args: at: seconds on a clock that never goes back."""
        self.clients: dict[str, Allowance] = {}
        """By name; a client without any limit is not there."""
        self.refused: dict[tuple[str, str], int] = {}
        """Messages over a limit: by client, and by the key of the limit."""
        self._known: dict[str, Allowance] = {}
        """Of all that have been counted since the start: a limit may come back."""
        self._rows: dict[str, dict[int, tuple[int, int]]] = {}
        """What was on disk at the start: by client and kind, the period and its parts."""
        self.reconfigure(settings, at)

    def reconfigure(self, settings: "Settings", at: float) -> None:
        """Go by these settings from now on."""
        self.clients = {
            name: self._allowance(name, client, at)
            for name, client in settings.clients.items()
            if client.quota or client.submit_rate
        }

    def load(self, rows: Iterable[tuple[str, int, int, int]]) -> None:
        """Go on from what is on disk: (client, kind, period, parts), in order of clients."""
        for client, those in groupby(rows, key=lambda row: row[0]):
            self._rows[client] = {kind: (period, parts) for _, kind, period, parts in those}
        for name, allowance in self._known.items():
            _restore(allowance, self._rows.get(name, {}))

    def settle(self, spent: Iterable[Spent], repeated: Container[int]) -> None:
        """Take off what a commit has found to have been there before. Args: repeated: keys of such messages."""
        for client, day, month, messages in spent:
            parts = sum(message.total for message in messages if message.key in repeated)
            self._known[client].give_back((day, month), parts)

    def _allowance(self, name: str, settings: "ClientSettings", at: float) -> Allowance:
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = Allowance(name, settings, self.refused, at)
            _restore(known, self._rows.get(name, {}))
        else:
            known.reconfigure(settings, at)
        return known


def _burst(rate: float) -> int:
    """Messages at once after a silence: a second's worth, one at least."""
    return math.ceil(rate) or 1


def _restore(allowance: Allowance, rows: Mapping[int, tuple[int, int]]) -> None:
    for meter in allowance.meters:
        meter.period, meter.used = rows.get(meter.kind, (0, 0))
