"""The figures of a load as plain values: what `--json` writes, and what table and chart are drawn from."""

from collections.abc import Mapping
from math import inf
from typing import Any, Final

from simulator.load.latency import Histogram
from simulator.load.run import Run

PERCENTS: Final = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9}

Figures = Mapping[str, Any]


def figures(run: Run, target: str, unit: str) -> Figures:
    """All figures of a load. Times in seconds.

    Args: target: where it went, in words. unit: what a request is, in the plural.
    """
    plan, tally, supply = run.plan, run.tally, run.supply
    return {
        "target": target,
        "unit": unit,
        "plan": {
            "loop": "open" if plan.rate else "closed",
            "rate": plan.rate or None,
            "arrivals": ("poisson" if plan.poisson else "even") if plan.rate else None,
            "count": plan.count,
            "seconds": plan.seconds if plan.seconds < inf else None,
            "binds": plan.binds,
            "window": plan.window,
            "batch": plan.batch,
            "mix": dict(plan.mix),
            "receipts": plan.receipts,
            "seed": plan.seed,
            "wait": plan.wait,
        },
        "failure": run.failure or None,
        "seconds": tally.took,
        "answers_per_second": tally.rate,
        "messages": supply.taken,
        "sent": tally.sent,
        "answered": tally.answered,
        "accepted": tally.accepted,
        "refused": dict(tally.refused.most_common()),
        "unanswered": tally.sent - tally.answered,
        "ends": dict(tally.ends.most_common()),
        "without_end": len(run.followed) + tally.untracked,
        "not_sent": supply.dropped + supply.waiting + tally.requests - tally.sent,
        "longest_line": supply.longest,
        "strays": tally.strays,
        "incoming": tally.incoming,
        "rebinds": tally.rebinds,
        "latency": {"answer": _describe(tally.answer), "end": _describe(tally.end), "lag": _describe(tally.lag)},
        "by_second": {"sent": tally.left.counts, "answered": tally.came.counts, "ended": tally.ended.counts},
    }


def duration(seconds: float) -> str:
    """Write a time for people, in three digits: 12.3 ms."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.{2 if seconds < 10 * size else 1 if seconds < 100 * size else 0}f} {unit}"
    return f"{seconds * 1e6:.0f} µs"


def round_time(seconds: float) -> str:
    """Write a round time for people: 20 ms."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size * 0.999:  # a sum or power of floats may be a trifle less
            return f"{seconds / size:g} {unit}"
    return f"{seconds / 1e-9:g} ns"


def loop(plan: Figures) -> str:
    """How the load was made, in words."""
    if plan["loop"] == "closed":
        return f"closed loop, window {plan['window']:,}"
    return f"open loop, {plan['rate']:,g} messages/s, arrivals {plan['arrivals']}"


def _describe(histogram: Histogram) -> dict[str, Any]:
    percentiles = {name: histogram.percentile(percent) for name, percent in PERCENTS.items()}
    return {
        "count": histogram.count,
        "mean": histogram.mean,
        "min": histogram.shortest,
        **percentiles,
        "max": histogram.longest,
        "buckets": [list(bucket) for bucket in histogram.buckets()],
    }
