"""What limits a run is known before it, and said beside its bar."""

from benchmarks.curves import SECONDS, by_latency, by_window, find_limit, fit, make_chart
from benchmarks.gateway import Plan

PLAN = Plan(messages=40_000, batch=50, binds=2, window=100)


def test_a_line_that_answers_at_once_limits_nothing_and_a_slow_one_its_windows() -> None:
    plans = by_latency(PLAN)
    assert find_limit(plans["0 ms"]) == float("inf")
    assert find_limit(plans["100 ms"]) == 2000.0
    assert find_limit(by_window(PLAN)["window 1"]) == 100.0


def test_a_run_on_a_slow_line_sends_whole_batches_for_as_long_as_the_others_take() -> None:
    assert fit(PLAN).messages == 40_000
    assert fit(by_latency(PLAN)["100 ms"]).messages == 2000.0 * SECONDS
    assert fit(Plan(messages=40_000, window=1, binds=1, latency=1.0)).messages == PLAN.batch


def test_a_bar_says_how_much_of_what_the_line_allows_it_reached() -> None:
    drawn = make_chart("time to answer", "2 binds", {"0 ms": 9000.0, "100 ms": 1900.0}, by_latency(PLAN))
    assert "0 ms: 9,000; 100 ms: 1,900 of 2,000." in drawn
