"""What is said of an upstream application: who it is, what it sends as, and how much it may."""

from datetime import time
from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import Field, ValidationInfo, field_validator

from config.fields import LaneName, Many, Secret, Sender, Table, TimeOfDay, TimeZone, between, conflict
from protocol.constants import Lane

Parts: TypeAlias = Annotated[int, between(1, 1_000_000_000_000)]


class Events(StrEnum):
    """Which events a client gets: all, or those that end a message, unknown, and incoming."""

    ALL = "all"
    FINAL = "final"


class QuotaSettings(Table):
    """How many parts a client may have accepted, as they are counted and billed when they are accepted.

    Days and months are those of the calendar in the zone. Above, messages are refused with quota.
    """

    parts_per_day: Parts | None = None
    """Parts accepted from midnight to midnight, 1..1000000000000; left out: no limit. This, or the other, or both."""
    parts_per_month: Parts | None = None
    """Parts accepted from the first of a month to the next, 1..1000000000000; left out: no limit."""
    zone: TimeZone = "Asia/Tokyo"
    """Time zone whose midnight counts, by its IANA name."""

    @field_validator("parts_per_month")
    @classmethod
    def _check_any(cls, value: int | None, validation: ValidationInfo) -> int | None:
        if value is None and validation.data.get("parts_per_day", 0) is None:
            raise conflict("is missing; or give parts_per_day, or both")
        return value


class QuietHours(Table):
    """When nothing is begun to be sent, day by day; it is put aside till the end. Lanes otp and urgent are exempt."""

    begin: TimeOfDay
    """Time of day from which on it is quiet, "00:00".."23:59"."""
    end: TimeOfDay
    """Time of day at which it is over, likewise; when it is before the beginning, of the next day."""
    zone: TimeZone = "Asia/Tokyo"
    """Time zone whose clocks show these times, by its IANA name."""

    @field_validator("end")
    @classmethod
    def _check_length(cls, value: time, validation: ValidationInfo) -> time:
        if value == validation.data.get("begin"):
            raise conflict("must not be the same as begin: that is no time at all, or all day")
        return value


class ClientSettings(Table):
    """One upstream application."""

    secret: Secret
    """What the client proves itself with in hello, 1..1024 characters."""
    sender: Sender | None = None
    """Sender id of messages that name none, up to 20 digits or 11 ASCII characters; else each must name one."""
    senders: Many[Sender] | None = None
    """Sender ids the client may use; left out: any."""
    lane: LaneName = Lane.NORMAL
    """Lane of messages that name none: otp, urgent, normal, bulk."""
    events: Annotated[Events, Field(strict=False)] = Events.ALL
    """all, or final: only events that end a message, unknown, and incoming."""

    quota: QuotaSettings | None = None
    """Parts it may have accepted in a day and in a month; left out: any number."""
    submit_rate: Annotated[float, between(0, 100_000)] = 0.0
    """Messages per second it may submit, a second's worth at once, 0..100000; 0: no limit. Above, they are refused with
    quota."""

    quiet_hours: QuietHours | None = None
    """When its messages are put aside; left out: never."""

    @field_validator("senders")
    @classmethod
    def _check_own_sender(cls, value: tuple[str, ...] | None, validation: ValidationInfo) -> tuple[str, ...] | None:
        sender = validation.data.get("sender")
        if value is not None and sender is not None and sender not in value:
            raise conflict("must contain the client's own sender")
        return value
