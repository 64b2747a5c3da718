from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.load.latency import LONGEST, RELATIVE_ERROR, Histogram

SECONDS = st.one_of(st.floats(0, 1e-5), st.floats(0, 1.0), st.floats(0, LONGEST))
LATENCIES = st.lists(SECONDS, min_size=1, max_size=200)


def filled(latencies: list[float]) -> Histogram:
    histogram = Histogram()
    histogram.add(latencies)
    return histogram


@given(LATENCIES, st.floats(0, 100))
def test_a_percentile_is_that_of_the_sorted_latencies_but_for_the_error(latencies: list[float], percent: float) -> None:
    rank = max(1, ceil(len(latencies) * percent / 100 - 1e-9))
    exact = sorted(latencies)[rank - 1]
    assert filled(latencies).percentile(percent) == pytest.approx(exact, rel=RELATIVE_ERROR, abs=1e-9)


@given(LATENCIES)
def test_percentiles_grow_and_end_at_the_exact_extremes(latencies: list[float]) -> None:
    histogram = filled(latencies)
    found = [histogram.percentile(percent) for percent in (0, 50, 90, 99, 99.9, 100)]
    assert found == sorted(found)
    assert histogram.longest == max(latencies)
    assert histogram.shortest == min(latencies)
    assert histogram.shortest <= found[0] <= found[-1] <= histogram.longest


@given(st.lists(LATENCIES, max_size=5))
def test_it_makes_no_difference_how_latencies_are_handed_over(batches: list[list[float]]) -> None:
    together, apart = filled([each for batch in batches for each in batch]), Histogram()
    for batch in batches:
        apart.add(batch)
    assert list(apart.buckets()) == list(together.buckets())
    assert (apart.count, apart.shortest, apart.longest) == (together.count, together.shortest, together.longest)
    assert apart.mean == pytest.approx(together.mean)


@given(LATENCIES)
def test_buckets_are_in_order_do_not_overlap_and_hold_everything(latencies: list[float]) -> None:
    buckets = list(filled(latencies).buckets())
    assert sum(bucket.held for bucket in buckets) == len(latencies)
    edges = [edge for bucket in buckets for edge in (bucket.low, bucket.high)]
    assert edges == sorted(edges)


@given(LATENCIES)
def test_memory_does_not_depend_on_what_was_counted(latencies: list[float]) -> None:
    assert filled(latencies).size == Histogram().size < 10_000


def test_what_is_longer_than_the_range_counts_and_its_maximum_is_exact() -> None:
    histogram = filled([10 * LONGEST, 0.001])
    assert histogram.longest == 10 * LONGEST
    assert histogram.count == sum(bucket.held for bucket in histogram.buckets()) == 2
    assert histogram.percentile(100) == pytest.approx(LONGEST, rel=RELATIVE_ERROR)


def test_a_latency_below_zero_counts_as_none() -> None:
    histogram = filled([-0.5])
    assert (histogram.count, histogram.percentile(50), histogram.longest) == (1, 0.0, 0.0)


def test_an_empty_histogram_has_no_latency() -> None:
    histogram = Histogram()
    histogram.add([])
    assert (histogram.count, histogram.mean, histogram.percentile(99), list(histogram.buckets())) == (0, 0.0, 0.0, [])
