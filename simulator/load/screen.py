"""What people see in the terminal: a line while the load runs, a table and a histogram at the end."""

from collections.abc import Sequence
from math import floor, log10
from typing import Final

import trio
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from simulator.load.figures import PERCENTS, Figures, duration, loop, round_time
from simulator.load.run import Run

REFRESH_SECONDS: Final = 0.25
BAR_CELLS: Final = 32
MAX_ROWS: Final = 16
"""Of a histogram; more are gathered into coarser ones."""
_FINE: Final = (1.0, 1.25, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.3, 8.0)
_COARSE: Final = (1.0, 2.0, 5.0)
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


async def show_live(run: Run, console: Console) -> None:
    """Keep one line up to date until cancelled."""
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            line = Text(_line(run, trio.current_time()), no_wrap=True, overflow="ellipsis")
            live.update(line, refresh=True)
            await trio.sleep(REFRESH_SECONDS)


def show_report(figures: Figures, console: Console) -> None:
    """Write the table and the histogram."""
    console.print(f"{figures['target']}: {loop(figures['plan'])}", highlight=False)
    console.print(_counts(figures))
    console.print(_latencies(figures))
    for name, title in (("answer", "to the answer"), ("end", "to the end")):
        latency = figures["latency"][name]
        if latency["count"]:
            console.print(_histogram(latency, title))


def bins(buckets: Sequence[Sequence[float]]) -> list[tuple[float, int]]:
    """Gather buckets into rows with round limits: each row's upper end, and how many lie between it and the last one.

    Returns: without gaps, from the first to the last row that holds something. A bucket counts by its middle.
    """
    rows = _gather(buckets, _FINE)
    return rows if len(rows) <= MAX_ROWS else _gather(buckets, _COARSE)


def _gather(buckets: Sequence[Sequence[float]], steps: Sequence[float]) -> list[tuple[float, int]]:
    rows: dict[int, int] = {}
    for low, high, held in buckets:
        row = _row((low + high) / 2, steps)
        rows[row] = rows.get(row, 0) + int(held)
    return [(_edge(row, steps), rows.get(row, 0)) for row in range(min(rows), max(rows) + 1)] if rows else []


def _row(seconds: float, steps: Sequence[float]) -> int:
    """The number of the first limit above; 0 is 1 ns."""
    row = len(steps) * max(0, floor(log10(max(seconds, 1e-9) * 1e9)))
    while _edge(row, steps) <= seconds:
        row += 1
    return row


def _edge(row: int, steps: Sequence[float]) -> float:
    return steps[row % len(steps)] * 10.0 ** (row // len(steps) - 9)


def _line(run: Run, now: float) -> str:
    tally = run.tally
    if not tally.started:
        return "connecting"
    parts = [
        f"{now - tally.started:5.1f} s",
        f"{tally.sent:,} sent",
        f"{tally.rate:,.0f}/s",
        f"p50 {duration(tally.answer.percentile(50))}",
        f"p99 {duration(tally.answer.percentile(99))}",
        f"refused {tally.refused.total():,}",
        f"open {tally.unsettled:,}",
    ]
    if run.plan.rate:
        parts.append(f"in line {run.supply.waiting:,}")
    if run.plan.receipts:
        parts.append(f"without end {len(run.followed):,}")
    return "  ".join(parts)


def _counts(figures: Figures) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    if figures["unit"] != "messages":  # a long one has several requests
        table.add_row("messages", f"{figures['messages']:,}")
    table.add_row(figures["unit"], f"{figures['sent']:,} sent, {figures['answered']:,} answered")
    speed = f"{figures['answers_per_second']:,.0f} answers/s over {duration(figures['seconds'])}"
    table.add_row("throughput", speed)
    table.add_row("accepted", f"{figures['accepted']:,}")
    for title, key in (("refused", "refused"), ("ended", "ends")):
        if figures[key]:
            table.add_row(title, ", ".join(f"{name} {count:,}" for name, count in figures[key].items()))
    rare = {
        "unanswered": "unanswered",
        "without end": "without_end",
        "never sent": "not_sent",
        "longest line": "longest_line",
        "strays": "strays",
        "from handsets": "incoming",
        "bound anew": "rebinds",
    }
    for title, key in rare.items():
        if figures[key]:
            table.add_row(title, f"{figures[key]:,}")
    return table


def _latencies(figures: Figures) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for name in ("mean", *PERCENTS, "max"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, title in (("answer", "to the answer"), ("end", "to the end"), ("lag", "our own lag")):
        latency = figures["latency"][name]
        if latency["count"]:
            table.add_row(title, *(duration(latency[column]) for column in ("mean", *PERCENTS, "max")))
    return table


def _histogram(latency: Figures, title: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    rows = bins(latency["buckets"])
    most = max(held for _, held in rows)
    for edge, held in rows:
        share = f"{held / latency['count']:.2%}"
        table.add_row(f"below {round_time(edge)}", Text(_bar(held / most), style="cyan"), f"{share}  {held:,}")
    return table


def _bar(share: float) -> str:
    eighths = round(share * BAR_CELLS * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
