from hypothesis import given
from hypothesis import strategies as st

from simulator.quota import Quota

RATES = st.floats(0.01, 1e4)
GAPS = st.lists(st.floats(0, 5), max_size=200)


@given(RATES, GAPS)
def test_never_more_is_taken_than_the_rate_allows(rate: float, gaps: list[float]) -> None:
    quota, now, taken = Quota(), 0.0, 0
    for gap in gaps:
        now += gap
        taken += quota.take("a", rate, now)
        assert taken <= max(rate, 1.0) + rate * now + 1e-6


@given(st.integers(1, 50), st.floats(0, 1e6))
def test_after_a_silence_a_seconds_worth_is_taken_at_once(rate: int, now: float) -> None:
    quota = Quota()
    assert [quota.take("a", rate, now) for _ in range(rate + 1)] == [True] * rate + [False]
    assert [quota.take("a", rate, now + 10.0) for _ in range(rate + 1)] == [True] * rate + [False]


def test_what_is_slower_than_one_a_second_takes_one_at_once() -> None:
    quota = Quota()
    times = (0.0, 1.0, 1.9, 2.0, 3.9, 4.0)
    assert [quota.take("a", 0.5, now) for now in times] == [True, False, False, True, False, True]


def test_senders_do_not_share() -> None:
    quota = Quota()
    assert [quota.take(sender, 1.0, 0.0) for sender in ("a", "b", "a", "b")] == [True, True, False, False]


def test_senders_that_went_away_are_forgotten_and_others_are_not() -> None:
    quota = Quota()
    for session in range(100_000):
        quota.take(session, 1.0, session * 0.01)
    assert len(quota._left) < 3000
    assert not quota.take(99_999, 1.0, 999.99)


def test_many_senders_at_once_are_all_kept() -> None:
    quota = Quota()
    assert all(quota.take(session, 1.0, 0.0) for session in range(5000))
    assert not any(quota.take(session, 1.0, 0.0) for session in range(5000))
