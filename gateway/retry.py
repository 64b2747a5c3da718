"""What to do about a command_status other than 0 in a submit_sm_resp: pure (SMPP 3.4, 5.1.3)."""

from enum import Enum, auto
from typing import Final

from protocol.constants import Status


class Action(Enum):
    """What becomes of the part."""

    PAUSE = auto()
    """Too fast or too full: the bind pauses, the part stays first in line, no attempt is used."""
    RETRY = auto()
    """The carrier refused it for the moment: again after a while, attempts are counted."""
    REBIND = auto()
    """The session is not what we think it is: nothing was accepted, bind again, no attempt is used."""
    REJECT = auto()
    """Refused for good."""


_ACTIONS: Final[dict[int, Action]] = {
    Status.RTHROTTLED: Action.PAUSE,
    Status.RMSGQFUL: Action.PAUSE,
    Status.RINVBNDSTS: Action.REBIND,
    Status.RSYSERR: Action.RETRY,
    Status.RX_T_APPN: Action.RETRY,
    Status.RSUBMITFAIL: Action.RETRY,
    Status.RSERTYPUNAVAIL: Action.RETRY,
    Status.RDELIVERYFAILURE: Action.RETRY,
    Status.RUNKNOWNERR: Action.RETRY,
    Status.RINVCMDLEN: Action.RETRY,
    Status.RINVCMDID: Action.RETRY,
}

_REFUSALS: Final = (
    *((0x01, 0x01), (0x06, 0x07), (0x0A, 0x0B), (0x15, 0x15), (0x33, 0x34), (0x40, 0x40), (0x42, 0x44)),
    *((0x48, 0x51), (0x54, 0x55), (0x61, 0x63), (0x65, 0x66), (0xC0, 0xC4), (0x100, 0x106)),
)
"""Ranges of statuses that will be the same next time: about the addresses, the fields or the account."""


def decide(status: int) -> Action:
    """Say what to do about a status; one that nobody has documented is tried again, as most vendors' are passing."""
    action = _ACTIONS.get(status)
    if action is not None:
        return action
    return Action.REJECT if any(first <= status <= last for first, last in _REFUSALS) else Action.RETRY


def backoff(failures: int, least: float, most: float, chance: float) -> float:
    """Seconds to wait after so many failures in a row: exponential, with full jitter above `least`.

    Args: failures: 1 or more. chance: 0..1, from the caller's random source.
    """
    ceiling = min(most, least * 2.0 ** min(failures, 62))
    return least + (ceiling - least) * chance
