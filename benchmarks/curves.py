"""What the speed depends on: the size of a batch, the window, how long answers take, and how many messages wait.

    python -m benchmarks.curves --charts docs/images --json curves.json

Each figure is the median of some runs of `benchmarks/gateway.py` with one thing changed. In the last two the line
sets a limit: W unanswered submit_sm on each of B binds, answered after T seconds, are W x B / T a second at most.
How it grows with what waits is told by `benchmarks/growth.py`, for one backlog after the other.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import growth
from benchmarks.charts import Bar, Chart, draw
from benchmarks.gateway import Plan, run_once

BATCHES: Final = (1, 10, 50, 200)
WINDOWS: Final = (1, 10, 50, 100, 500)
LATENCIES: Final = (0.0, 0.01, 0.05, 0.1, 0.2)
ROUND_TRIP: Final = 0.02
"""Seconds an answer takes where windows are compared: without any, a window is never full for long."""
SECONDS: Final = 6.0
"""How long a run on a long line takes, so that a slow one sends fewer messages."""
QUICK_MESSAGES: Final = 200
BACKLOGS: Final = (1_000, 10_000, 100_000, 1_000_000)
QUICK_BACKLOGS: Final = (100, 1_000)
GROWTH: Final = (
    ("submits", "backlog_submits_per_second", "Submits while so many wait", "messages/s; more is better", ",.0f"),
    ("drain", "backlog_drain_per_second", "Going out once the carrier is there", "messages/s; more is better", ",.0f"),
    ("memory", "backlog_mb", "Memory while so many wait", "MB of 1,000,000 octets; less is better", ",.0f"),
    ("start", "backlog_start_seconds", "Start while so many wait", "seconds to the ready line; less is better", ".2f"),
)
"""Charts of what grows with the backlog: (name, figure, title, unit, how it is shown)."""


def find_limit(plan: Plan) -> float:
    """Messages per second that the line allows; infinite where it answers at once."""
    return plan.binds * plan.window / plan.latency if plan.latency else float("inf")


def by_batch(plan: Plan) -> dict[str, Plan]:
    """Plans by what they are called in the chart."""
    return {f"{batch} in a submit": replace(plan, batch=batch) for batch in BATCHES}


def by_window(plan: Plan) -> dict[str, Plan]:
    """The same, of windows, on a line that takes its time."""
    return {f"window {window}": replace(plan, window=window, latency=ROUND_TRIP) for window in WINDOWS}


def by_latency(plan: Plan) -> dict[str, Plan]:
    """The same, of answers."""
    return {f"{latency * 1e3:.0f} ms": replace(plan, latency=latency) for latency in LATENCIES}


def fit(plan: Plan) -> Plan:
    """As many messages as the line carries in `SECONDS`, if it cannot carry all; whole batches."""
    messages = int(min(plan.messages, find_limit(plan) * SECONDS))
    return replace(plan, messages=max(messages // plan.batch, 1) * plan.batch)


def measure(plans: dict[str, Plan], runs: int) -> dict[str, float]:
    """Messages per second, by what the plans are called; prints each."""
    found = {}
    for name, plan in plans.items():
        found[name] = median(run_once(fit(plan)).messages_per_second for _ in range(runs))
        print(f"  {name:20} {found[name]:10,.0f}", flush=True)
    return found


def make_chart(what: str, note: str, found: dict[str, float], plans: dict[str, Plan]) -> str:
    """An SVG document. Beside each bar that the line limits stands what it allows."""
    bars = [Bar(name, speed, _show(speed, find_limit(plans[name])), ours=True) for name, speed in found.items()]
    return draw(Chart(f"Throughput by {what}", "messages/s until the receipt is told; more is better", bars, note))


def measure_growth(backlogs: Sequence[int], runs: int) -> dict[str, dict[str, float]]:
    """By what the figures are called: the medians by what waits; prints each."""
    found: dict[str, dict[str, float]] = {figure: {} for _, figure, *_ in GROWTH}
    for backlog in backlogs:
        measured = [growth.measure(backlog)[1] for _ in range(runs)]
        for _, figure, _, _, form in GROWTH:
            value = found[figure][f"{backlog:,}"] = median(each[figure] for each in measured)
            print(f"  {backlog:10,} {figure:28} {value:12{form}}", flush=True)
    return found


def draw_growth(found: dict[str, dict[str, float]], folder: Path) -> None:
    """Write its charts into a folder, as SVG."""
    for kind, figure, title, unit, form in GROWTH:
        bars = [Bar(f"{waits} wait", value, f"{value:{form}}", ours=True) for waits, value in found[figure].items()]
        chart = Chart(title, unit, bars, "texts of 40 characters; medians")
        (folder / f"growth-{kind}.svg").write_text(draw(chart), encoding="utf-8")


def _show(speed: float, limit: float) -> str:
    return f"{speed:,.0f}" if limit == float("inf") else f"{speed:,.0f} of {limit:,.0f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all, print tables, write what was asked for."""
    parser = argparse.ArgumentParser("python -m benchmarks.curves", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=40_000, help="in each run at most (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="of which the median counts (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="small runs, to show that it runs")
    parser.add_argument("--charts", type=Path, metavar="FOLDER", help="write charts there, as SVG")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    asked = parser.parse_args(arguments)
    plan, runs = (Plan(QUICK_MESSAGES), 1) if asked.quick else (Plan(asked.messages), asked.runs)
    on_line = f'2 binds, answers after {ROUND_TRIP * 1e3:.0f} ms; "of" is what the line allows; medians'
    sweeps = (
        ("batch", "size of a batch", "2 binds of window 100, answers at once; medians", by_batch(plan)),
        ("window", "window", on_line, by_window(plan)),
        (
            "latency",
            "time to answer",
            '2 binds of window 100; "of" is what the line allows; medians',
            by_latency(plan),
        ),
    )
    figures: dict[str, object] = {}
    for kind, what, note, plans in sweeps:
        print(f"messages/s by {what}")
        figures[kind] = found = measure(plans, runs)
        if asked.charts:
            chart = make_chart(what, note, found, plans)
            (asked.charts / f"throughput-by-{kind}.svg").write_text(chart, encoding="utf-8")
    print("by what waits while the carrier is down")
    figures["growth"] = grown = measure_growth(QUICK_BACKLOGS if asked.quick else BACKLOGS, runs)
    if asked.charts:
        draw_growth(grown, asked.charts)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
