"""Which status does what, code by code, and how long is waited."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.retry import Action, backoff, decide
from protocol.statuses import StatusClass

PERMANENT = {
    *(0x01, 0x06, 0x07, 0x0A, 0x0B, 0x15, 0x33, 0x34, 0x40, 0x42, 0x43, 0x44, 0x54, 0x55, 0x61, 0x62, 0x63, 0x65, 0x66),
    *range(0x48, 0x52),
    *range(0xC0, 0xC5),
    *(0x0C, 0x11, 0x13, 0x67, 0x100, 0x101),  # what has failed is no submit, or no carrier says this of one
    *range(0x103, 0x113),
}
UNREAD = {0x02, 0x03}
PASSING = {0x08, 0x45, 0x64, 0xFE, 0xFF, 0x102, *UNREAD}
OF_THE_BIND = {0x05, 0x0D, 0x0E, 0x0F, 0x53}
KNOWN = PERMANENT | PASSING | {0x04, 0x14, 0x58}


@pytest.mark.parametrize("status", [0x14, 0x58])
def test_too_fast_and_too_full_only_pause(status: int) -> None:
    assert decide(status) is Action.PAUSE


def test_a_wrong_bind_state_binds_again() -> None:
    assert decide(0x04) is Action.REBIND


@pytest.mark.parametrize("status", sorted(PASSING), ids=hex)
def test_passing_faults_are_tried_again(status: int) -> None:
    assert decide(status) is Action.RETRY


@pytest.mark.parametrize("status", sorted(PERMANENT), ids=hex)
def test_what_will_be_the_same_next_time_is_rejected(status: int) -> None:
    assert decide(status) is Action.REJECT


@pytest.mark.parametrize("status", [*sorted(OF_THE_BIND), 0x22, 0x41, 0x400, 0x4FF, 1375, 0xFFFFFFFF], ids=hex)
def test_what_nobody_has_documented_for_a_submit_is_tried_again(status: int) -> None:
    assert decide(status) is Action.RETRY


def test_a_carrier_may_mean_something_else() -> None:
    own = {
        0x400: StatusClass.PERMANENT,
        0x08: StatusClass.THROTTLE,
        0x0B: StatusClass.TRANSIENT,
        0x45: StatusClass.SESSION,
    }
    expected = [Action.REJECT, Action.PAUSE, Action.RETRY, Action.REBIND]
    assert [decide(status, own) for status in own] == expected
    assert decide(0x58, own) is Action.PAUSE


@pytest.mark.parametrize("status", sorted(UNREAD), ids=hex)
def test_what_the_peer_could_not_read_is_sent_once_more_and_then_rejected(status: int) -> None:
    assert [decide(status, before=before) for before in (0, 0x08, 0x02, 0x03)] == [
        *(Action.RETRY, Action.RETRY, Action.REJECT, Action.REJECT)
    ]
    assert decide(0x08, before=status) is Action.RETRY


@given(st.integers(1, 0xFFFFFFFF))
def test_no_status_sends_a_message_to_another_carrier_unless_its_own_is_known_for_it(status: int) -> None:
    assert decide(status) is not Action.ELSEWHERE
    assert decide(status, {status: StatusClass.ELSEWHERE}) is Action.ELSEWHERE


@given(st.integers(1, 0xFFFFFFFF))
def test_every_other_status_is_tried_again(status: int) -> None:
    if status not in KNOWN:
        assert decide(status) is Action.RETRY


TIMES = st.floats(0.01, 86_400)


@given(st.integers(1, 2000), TIMES, TIMES, st.floats(0, 1))
def test_a_wait_is_never_shorter_than_the_least_nor_longer_than_the_most(
    failures: int, one: float, other: float, chance: float
) -> None:
    least, most = sorted((one, other))
    assert least <= backoff(failures, least, most, chance) <= most * (1 + 1e-12)


@given(st.integers(1, 100), st.floats(0, 1))
def test_waits_do_not_shrink_as_failures_go_on(failures: int, chance: float) -> None:
    assert backoff(failures + 1, 5, 600, chance) >= backoff(failures, 5, 600, chance)


def test_the_wait_doubles_and_is_spread_over_the_whole_range() -> None:
    assert [backoff(n, 5, 600, 1) for n in (1, 2, 3, 10)] == [10, 20, 40, 600]
    assert [backoff(n, 5, 600, 0) for n in (1, 2, 3, 10)] == [5, 5, 5, 5]
    assert backoff(2, 5, 600, 0.5) == 12.5
