"""What to do about a command_status other than 0 in a submit_sm_resp: pure (SMPP 3.4, 5.1.3)."""

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from protocol.statuses import StatusClass, status_class


class Action(Enum):
    """What becomes of the part."""

    PAUSE = auto()
    """Too fast or too full: the bind pauses, the part stays first in line, no attempt is used."""
    RETRY = auto()
    """The carrier refused it for the moment: again after a while, attempts are counted."""
    REBIND = auto()
    """The session is not what we think it is: nothing was accepted, bind again, no attempt is used."""
    ELSEWHERE = auto()
    """The number is not of this carrier's: the next of the plan is asked, no attempt is used."""
    REJECT = auto()
    """Refused for good."""


_ACTIONS: Final = {
    StatusClass.THROTTLE: Action.PAUSE,
    StatusClass.SESSION: Action.REBIND,
    StatusClass.ELSEWHERE: Action.ELSEWHERE,
    StatusClass.PERMANENT: Action.REJECT,
}


def decide(status: int, own: Mapping[int, StatusClass] = MappingProxyType({}), before: int = 0) -> Action:
    """Say what to do about a status; one that nobody has documented is tried again, as most vendors' are passing.

    What the peer could not read is sent once more: the fault may have been on the way.

    Args: own: what a carrier means by its statuses, where that differs. before: the status of the part's last refusal.
    """
    kind = own.get(status) or status_class(status)
    if kind is StatusClass.PROTOCOL and before and status_class(before) is kind:
        return Action.REJECT
    return _ACTIONS.get(kind, Action.RETRY)


def backoff(failures: int, least: float, most: float, chance: float) -> float:
    """Seconds to wait after so many failures in a row: exponential, with full jitter above `least`.

    Args: failures: 1 or more. chance: 0..1, from the caller's random source.
    """
    ceiling = min(most, least * 2.0 ** min(failures, 62))
    return least + (ceiling - least) * chance
