"""How long a bind waits, by what went wrong and how often."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.accounts import CarrierSettings
from gateway.ladders import Cause, Ladders, cause_of
from protocol.constants import Status
from tests.gateway.fakes import settings

ALPHA = ("carriers", "alpha")


def ladders(**keys: float) -> Ladders:
    return Ladders(account(**keys))


def account(**keys: float) -> CarrierSettings:
    return settings(*(((*ALPHA, key), value) for key, value in keys.items())).carriers["alpha"]


OTHERS = sorted(set(Cause) - {Cause.ALREADY_BOUND, Cause.CREDENTIALS}, key=lambda cause: cause.value)


@pytest.mark.parametrize("cause", OTHERS)
def test_waits_double_with_each_failure_up_to_the_longest(cause: Cause) -> None:
    made = ladders(reconnect_min=1.0, reconnect_max=20.0)
    assert [made.wait(cause, 1.0) for _ in range(6)] == [2.0, 4.0, 8.0, 16.0, 20.0, 20.0]


@given(st.sampled_from(Cause), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=80))
def test_waits_are_drawn_between_the_shortest_and_what_doubling_has_reached(cause: Cause, chances: list[float]) -> None:
    made = ladders(reconnect_min=1.0, reconnect_max=60.0, already_bound_wait=70.0, credentials_wait=300.0)
    least, most = {Cause.ALREADY_BOUND: (70.0, 140.0), Cause.CREDENTIALS: (300.0, 600.0)}.get(cause, (1.0, 60.0))
    for n, chance in enumerate(chances, 1):
        assert least <= made.wait(cause, chance) <= min(most, least * 2.0**n)


@given(st.lists(st.sampled_from(Cause)), st.sampled_from(Cause))
def test_no_cause_makes_another_wait_longer(history: list[Cause], cause: Cause) -> None:
    mixed, alone = ladders(), ladders()
    for each in history:
        mixed.wait(each, 0.5)
        if each is cause:
            alone.wait(each, 0.5)
    assert mixed.wait(cause, 0.5) == alone.wait(cause, 0.5)


def test_a_bind_that_was_up_for_a_while_is_forgiven_and_one_that_flaps_is_not() -> None:
    made = ladders(settled_after=60.0)
    flapping = []
    for _ in range(3):
        flapping.append(made.wait(Cause.LOST, 1.0))
        made.was_up(59.9)
    assert all(later > earlier for earlier, later in pairwise(flapping))
    made.was_up(60.0)
    assert made.wait(Cause.LOST, 1.0) == flapping[0]


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (Status.RALYBND, Cause.ALREADY_BOUND),
        (Status.RBINDFAIL, Cause.REFUSED),
        (Status.RINVPASWD, Cause.CREDENTIALS),
        (Status.RINVSYSID, Cause.CREDENTIALS),
        (Status.RINVSYSTYP, Cause.CREDENTIALS),
        (Status.RSYSERR, Cause.REFUSED),
        (0, Cause.REFUSED),
        (0x0000_0567, Cause.REFUSED),
    ],
)
def test_each_refusal_of_a_bind_has_its_ladder(status: int, cause: Cause) -> None:
    assert cause_of(status) is cause


def test_the_causes_are_fit_for_a_label() -> None:
    assert all(cause.value.isascii() and cause.value.replace("_", "").islower() for cause in Cause)
    assert len({cause.value for cause in Cause}) == len(Cause)
