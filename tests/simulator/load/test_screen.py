import io
import json

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from trio.testing import MockClock

from simulator.load.figures import duration, figures, round_time
from simulator.load.latency import Histogram
from simulator.load.run import Run
from simulator.load.screen import MAX_ROWS, bins, show_live, show_report
from tests.simulator.load.smscs import make_plan


def report(run: Run, unit: str = "submit_sm") -> str:
    written = io.StringIO()
    show_report(figures(run, "here", unit), Console(file=written, width=100))
    return written.getvalue()


@given(st.lists(st.floats(0, 4000), min_size=1, max_size=100))
def test_rows_hold_everything_without_gaps_and_each_below_its_limit(latencies: list[float]) -> None:
    histogram = Histogram()
    histogram.add(latencies)
    rows = bins(list(histogram.buckets()))
    assert sum(held for _, held in rows) == len(latencies)
    assert [edge for edge, _ in rows] == sorted({edge for edge, _ in rows})
    assert rows[0][1]
    assert rows[-1][1]
    for edge, _ in rows:
        below = sum(held for limit, held in rows if limit <= edge)
        near = sum(latency < edge * 0.99 for latency in latencies), sum(latency < edge * 1.01 for latency in latencies)
        assert near[0] <= below <= near[1]


def test_a_narrow_histogram_is_fine_and_a_wide_one_coarse() -> None:
    narrow, wide = Histogram(), Histogram()
    narrow.add([0.0011, 0.0013, 0.0017])
    wide.add([1e-6, 1.0])
    assert [round_time(edge) for edge, _ in bins(list(narrow.buckets()))] == ["1.25 ms", "1.6 ms", "2 ms"]
    rows = bins(list(wide.buckets()))
    assert len(rows) > MAX_ROWS
    assert {round_time(edge)[0] for edge, _ in rows} == {"1", "2", "5"}
    assert bins([]) == []


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.0, "0 µs"),
        (0.000456, "456 µs"),
        (0.00123, "1.23 ms"),
        (0.0456, "45.6 ms"),
        (0.456, "456 ms"),
        (7.0, "7.00 s"),
    ],
)
def test_a_duration_has_three_digits(seconds: float, written: str) -> None:
    assert duration(seconds) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(20.0, "20 s"), (1e-3, "1 ms"), (10.0 ** (-15 / 3 + 2), "1 ms"), (1e-4, "100 µs"), (2e-9, "2 ns")],
)
def test_a_round_time_has_no_more_digits_than_it_needs(seconds: float, written: str) -> None:
    assert round_time(seconds) == written


def test_the_report_says_what_was_sent_what_came_and_what_went_wrong() -> None:
    run = Run(make_plan(rate=10, receipts=True))
    tally = run.tally
    tally.start(5.0)
    tally.requests = 12
    tally.send(10, 5.0)
    tally.take_answers([5.0] * 9, 7.0)
    tally.take_ends([5.0] * 4, 8.0)
    tally.refused["ESME_RTHROTTLED"] = 3
    tally.ends["DELIVRD"] = 4
    tally.rebinds = 1
    run.supply.dropped = 5
    run.follow("x", (5.0, b""))
    text = " ".join(report(run).split())
    for part in (
        "10 sent, 9 answered",
        "4 answers/s over 2.00 s",
        "accepted 6",
        "refused ESME_RTHROTTLED 3",
        "ended DELIVRD 4",
        "unanswered 1",
        "without end 1",
        "never sent 7",
        "bound anew 1",
        "to the answer 2.00 s",
        "to the end 3.00 s",
    ):
        assert part in text


def test_what_never_happened_is_not_in_the_report() -> None:
    run = Run(make_plan())
    text = report(run, "messages")
    for word in ("refused", "strays", "to the end", "below"):
        assert word not in text


def test_the_figures_are_json_and_have_every_bucket() -> None:
    run = Run(make_plan(rate=3.5, poisson=True))
    run.tally.start(0.0)
    run.tally.take_answers([0.0, 0.0, 0.5], 1.0)
    told = json.loads(json.dumps(figures(run, "here", "submit_sm")))
    assert told["plan"]["arrivals"] == "poisson"
    assert told["plan"]["seconds"] is None
    assert [held for _, _, held in told["latency"]["answer"]["buckets"]] == [1, 2]
    assert told["by_second"]["answered"] == [0, 3]


async def test_a_line_shows_how_far_the_load_has_come(autojump_clock: MockClock) -> None:
    written = io.StringIO()
    run = Run(make_plan(rate=10, receipts=True))
    with trio.move_on_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(show_live, run, Console(file=written, force_terminal=True, width=120))
            await trio.sleep(0.5)
            run.tally.start(trio.current_time())
            run.tally.send(1234, trio.current_time())
    assert "connecting" in written.getvalue()
    assert "1,234 sent" in written.getvalue()
    assert "in line 0" in written.getvalue()
