"""The limits of a session as they are when nobody says otherwise."""

from dataclasses import FrozenInstanceError, fields

import pytest

from protocol.limits import Limits, Timer
from protocol.session import Session
from protocol.states import Role


def test_a_dead_link_is_noticed_before_a_peer_would_close_a_silent_one() -> None:
    limits = Limits()
    assert limits.enquire_link_interval + limits.enquire_link_timeout < limits.response_timeout


def test_a_session_that_is_never_bound_ends_after_the_init_timeout_and_says_so() -> None:
    limits = Limits(init_timeout=3.0)
    session = Session(Role.SMSC, limits, 100.0)
    assert session.next_deadline == 103.0
    [closed] = session.tick(103.0)
    assert closed.reason == Timer.INIT.value  # type: ignore[union-attr]  # the only event there is
    assert len({timer.value for timer in Timer}) == len(Timer)


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_limits_are_above_nothing_and_stay_as_they_were_made(name: str) -> None:
    limits = Limits()
    assert getattr(limits, name) > 0
    with pytest.raises(FrozenInstanceError):
        setattr(limits, name, 1)
