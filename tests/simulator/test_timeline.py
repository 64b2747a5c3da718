from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.scenario import PhaseSettings
from simulator.timeline import Timeline

LASTS = st.lists(st.floats(0.01, 1e4), min_size=1, max_size=5)
TIMES = st.floats(-1e5, 1e7)


def timeline(lasts: list[float | None], repeat: bool, started: float) -> Timeline:
    phases = [PhaseSettings(name=f"p{n}", lasts=each) for n, each in enumerate(lasts)]
    return Timeline(phases, repeat, started)


@pytest.mark.parametrize(
    ("repeat", "now", "place"),
    [
        (False, 99.0, (0, 110.0)),
        (False, 100.0, (0, 110.0)),
        (False, 109.9, (0, 110.0)),
        (False, 110.0, (1, 115.0)),
        (False, 115.0, (2, inf)),
        (False, 1e9, (2, inf)),
        (True, 109.9, (0, 110.0)),
        (True, 115.0, (2, 116.0)),
        (True, 116.0, (0, 126.0)),
        (True, 100.0 + 16 * 1000 + 12, (1, 100.0 + 16 * 1000 + 15)),
    ],
)
def test_one_phase_follows_the_other(repeat: bool, now: float, place: tuple[int, float]) -> None:
    assert timeline([10.0, 5.0, 1.0 if repeat else None], repeat, 100.0).place(now) == place


@given(LASTS, st.booleans(), TIMES, TIMES)
def test_the_next_change_is_always_ahead(lasts: list[float], repeat: bool, started: float, now: float) -> None:
    index, change = timeline([*lasts[:-1], lasts[-1] if repeat else None], repeat, started).place(now)
    assert 0 <= index < len(lasts)
    assert change > now


@given(LASTS, st.integers(0, 20))
def test_every_phase_is_reached_in_its_turn(lasts: list[float], rounds: int) -> None:
    line = timeline([*lasts], True, 0.0)
    for n, length in enumerate(lasts):
        middle = rounds * sum(lasts) + sum(lasts[:n]) + length / 2
        index, change = line.place(middle)
        assert index == n
        assert change == pytest.approx(middle + length / 2)
