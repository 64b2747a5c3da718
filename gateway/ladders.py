"""How long a bind waits before it is tried again: a ladder for each cause, so that no trouble hides another. Pure.

An SMSC that can't be reached is asked often, one that says "already bound" is given time to notice that we are gone,
and one that does not know our password is not asked until it locks the account. Times are seconds.
"""

from enum import Enum
from typing import TYPE_CHECKING, Final

from gateway.retry import backoff
from protocol.constants import Status

if TYPE_CHECKING:
    from config.settings import CarrierSettings

STRETCH: Final = 2.0
"""The longest wait on a ladder with a wait of its own, in terms of that wait."""


class Cause(Enum):
    """Why a bind is not up; the values are those of a metric's label."""

    UNREACHABLE = "unreachable"
    """No connection: no such name, no route, refused, or not in time."""
    TLS = "tls"
    """No TLS: a certificate that is not trusted, on either side, or no common terms."""
    UNANSWERED = "bind_unanswered"
    """Connected, but there was no answer to our bind: not in time, or the connection ended."""
    ALREADY_BOUND = "already_bound"
    REFUSED = "bind_refused"
    CREDENTIALS = "credentials"
    """The SMSC does not know our system_id, password or system_type."""
    OUTBIND = "outbind"
    """We can't listen for the SMSC."""
    LOST = "lost"
    """It was bound."""
    DEFECT = "defect"
    """A defect of ours; told with its place already."""


LOUD: Final = {Cause.TLS, Cause.CREDENTIALS, Cause.OUTBIND}
"""What does not mend itself: an error in the log each time."""
_CREDENTIALS: Final = {Status.RINVPASWD, Status.RINVSYSID, Status.RINVSYSTYP}


def cause_of(status: int) -> Cause:
    """Say why an SMSC refused a bind (5.1.3)."""
    if status == Status.RALYBND:
        return Cause.ALREADY_BOUND
    return Cause.CREDENTIALS if status in _CREDENTIALS else Cause.REFUSED


class Ladders:
    """The failures of one bind, counted for each cause by itself."""

    def __init__(self, settings: "CarrierSettings") -> None:
        self.settings = settings
        self._failures = dict.fromkeys(Cause, 0)

    def wait(self, cause: Cause, chance: float) -> float:
        """Count a failure; seconds until the next attempt: exponential, with full jitter. chance: random, 0..1."""
        settings = self.settings
        self._failures[cause] += 1
        least, most = settings.reconnect_min, settings.reconnect_max
        if cause is Cause.ALREADY_BOUND:
            least, most = settings.already_bound_wait, settings.already_bound_wait * STRETCH
        elif cause is Cause.CREDENTIALS:
            least, most = settings.credentials_wait, settings.credentials_wait * STRETCH
        return backoff(self._failures[cause], least, most, chance)

    def was_up(self, seconds: float) -> None:
        """Note that it was bound for so long; after `settled_after` all failures are forgotten."""
        if seconds >= self.settings.settled_after:
            self._failures = dict.fromkeys(Cause, 0)
