"""What is reckoned from a run is what happened in it."""

import pytest

from benchmarks import texts
from benchmarks.rivals import Load, Outcome, find_waits
from benchmarks.wire import RATE

LOAD = Load(seconds=0.02)
BEGUN = 1000.0


def arrive(waits: list[float]) -> dict[str, float]:
    """What the SMSC notes when the messages came after such waits."""
    return {texts.number_of(n, "8190"): BEGUN + n / RATE + wait for n, wait in enumerate(waits)}


def test_a_wait_is_from_when_a_message_was_due_and_those_of_the_warm_up_do_not_count() -> None:
    waits = [0.5 - n / 100 for n in range(LOAD.steady)]
    found = find_waits(arrive(waits), LOAD.steady, BEGUN, LOAD)
    assert LOAD.warm_up == len(found) == 20
    assert found == pytest.approx(waits[20:])


@pytest.mark.parametrize(("arrivals", "taken"), [(39, 39), (39, 40), (40, 41), (41, 41)])
def test_a_message_that_is_lost_or_comes_twice_spoils_the_run(arrivals: int, taken: int) -> None:
    with pytest.raises(ValueError, match=f"of 40 messages came to the SMSC, in {taken} submit_sm"):
        find_waits(arrive([0.1] * arrivals), taken, BEGUN, LOAD)


def test_the_smsc_and_the_client_are_no_part_of_what_a_gateway_spends() -> None:
    spent = {"bearerbox": 100.0, "smsbox": 50.0, "smsc": 5.0, "client": 20.0}
    assert Outcome("Kannel", 1.0, spent, 1.0, 1.0, 0.0).own_cpu == 150.0
