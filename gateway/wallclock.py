"""When a wall clock somewhere shows what: times of day in a time zone, whatever is done to the clocks there. Pure.

Instants are whole Unix seconds: zones, and the times that people write down, know nothing smaller.
"""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

DAY: Final = 86_400


class WallClock:
    """The clock on a wall in one time zone (IANA name)."""

    def __init__(self, zone: str) -> None:
        """Raises: ZoneInfoNotFoundError: there is none of this name; the configuration is checked for that."""
        self._zone: Final = ZoneInfo(zone)

    def date(self, at: int) -> date:
        """The date that it shows."""
        return datetime.fromtimestamp(at, self._zone).date()

    def time(self, at: int) -> int:
        """The time of day that it shows, in seconds since midnight."""
        shown = datetime.fromtimestamp(at, self._zone)
        return shown.hour * 3600 + shown.minute * 60 + shown.second

    def text(self, at: int) -> str:
        """An instant as people there write it, with the offset from UTC (ISO 8601)."""
        return datetime.fromtimestamp(at, self._zone).isoformat()

    def next(self, at: int, time: int) -> int:
        """The first instant after this one when it shows a time of day, or is put forward or back before it does."""
        shown = at + ((time - self.time(at) - 1) % DAY) + 1
        return self._changed(at, shown) or shown

    def _changed(self, after: int, until: int) -> int | None:
        """When it was put to another time; None when it was not. In one day that happens once at most."""
        before = self._offset(after)
        if self._offset(until) == before:
            return None
        while until - after > 1:
            middle = (after + until) // 2
            after, until = (middle, until) if self._offset(middle) == before else (after, middle)
        return until

    def _offset(self, at: int) -> float:
        offset = datetime.fromtimestamp(at, self._zone).utcoffset()
        return offset.total_seconds() if offset else 0.0
