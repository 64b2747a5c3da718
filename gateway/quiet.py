"""Quiet hours: when messages of a client, or with a tag, are put aside, by the clock on the wall of a time zone. Pure.

It is quiet whenever the clock there shows a time from the beginning up to the end. So where clocks are put forward over
the end, it is over at that moment, and where they are put back behind it, the rest comes twice.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from gateway.message import Message, State
from gateway.wallclock import WallClock
from protocol.constants import Lane

if TYPE_CHECKING:
    from config.settings import QuietHours, Settings

EXEMPT: Final = frozenset({Lane.OTP, Lane.URGENT})
"""Lanes that know no quiet hours."""


class Hours:
    """The quiet hours of one client or tag, day by day."""

    def __init__(self, settings: "QuietHours") -> None:
        self._begin, self._end = (
            time.hour * 3600 + time.minute * 60 + time.second for time in (settings.begin, settings.end)
        )
        self._wall = WallClock(settings.zone)
        self._since = self._until = 0
        """Between these, it is quiet all the time, or not at all."""
        self._quiet = False

    def ends(self, now: float) -> float:
        """The first instant after the quiet hours that now is within, Unix seconds; 0: it is not quiet."""
        if not self._since <= now < self._until:
            self._look(int(now))
        return self._until if self._quiet else 0.0

    def _look(self, at: int) -> None:
        self._since, self._quiet = at, self._within(at)
        while self._within(at) == self._quiet:
            at = self._wall.next(at, self._end if self._quiet else self._begin)
        self._until = at

    def _within(self, at: int) -> bool:
        time = self._wall.time(at)
        if self._begin < self._end:
            return self._begin <= time < self._end
        return not self._end <= time < self._begin


class Quiet:
    """The quiet hours of all clients and tags."""

    def __init__(self, clients: Mapping[str, Hours], tags: Mapping[str, Hours]) -> None:
        self._clients = clients
        self._tags = tags

    @classmethod
    def of(cls, settings: "Settings") -> "Quiet | None":
        """Those of a configuration; None when there are none, so that nobody pays for them."""
        clients = {name: Hours(each.quiet_hours) for name, each in settings.clients.items() if each.quiet_hours}
        tags = {tag: Hours(each) for tag, each in settings.quiet_hours.items()}
        return cls(clients, tags) if clients or tags else None

    def until(self, message: Message, now: float) -> float:
        """When the quiet hours end that a message is not to be begun in, Unix seconds; 0: it may be sent now.

        Others may begin at that moment, so it is asked again then.
        """
        if message.lane in EXEMPT:
            return 0.0
        own = self._clients.get(message.client)
        ends = own.ends(now) if own else 0.0
        for tag in message.tags or ():
            if tag in self._tags:
                ends = max(ends, self._tags[tag].ends(now))
        return ends

    def put_aside(self, message: Message, now: float) -> bool:
        """Have a message wait for the end of its quiet hours, or for its own; False when it may be sent now."""
        until = self.until(message, now)
        if until:
            message.state, message.due = State.QUIET, min(until, message.expires_at or until)
        return until > 0

    def all(self, now: float) -> Iterator[tuple[str, str, bool]]:
        """Whose hours there are: (client, tag, whether it is quiet), one of the names being empty."""
        yield from ((name, "", hours.ends(now) > 0) for name, hours in self._clients.items())
        yield from (("", tag, hours.ends(now) > 0) for tag, hours in self._tags.items())
