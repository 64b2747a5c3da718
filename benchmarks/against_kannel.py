"""denpo beside Kannel: the same SMSC, the same texts, one machine, in turn. It needs Debian's package `kannel`.

    python -m benchmarks.against_kannel --pairs 3 --charts docs/images --markdown README.md --json figures.json
    python -m benchmarks.against_kannel --read figures.json --charts docs/images --markdown README.md

denpo has its defaults: a submit is answered when it is on disk, synced, and there are 2 binds of window 100, batches of
50 where as many messages as possible are wanted, of 1 where they come steadily. Kannel has its best: 2 binds of window
1,000, HTTP over many keep-alive connections, one callback a message, no logs, and its store, which is flushed, not
synced. It does not set TCP_NODELAY; in the last row it is forced to, so that what is left is not that flag's doing.
CPU is that of a gateway's own processes. How each is put to the test is in `benchmarks/rivals.py`.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import kannel
from benchmarks.__main__ import about
from benchmarks.bars import QUIET, refresh
from benchmarks.charts import Bar, Chart, draw
from benchmarks.rivals import BINDS, DENPO, FORCED, KANNEL, Load, Outcome, Rival, choose_rivals
from benchmarks.wire import RATE

QUICK: Final = Load(messages=2000, outstanding=1000, seconds=0.5)
FIGURES: Final = ("messages_per_second", "own_cpu", "p50", "p99")
MARK: Final = "<!-- figures: written by python -m benchmarks.against_kannel --markdown -->"
_COLUMNS: Final = f"{'':26} messages/s   own us/message   p50 ms   p99 ms"
_LABELS: Final = {DENPO: "denpo, synced to disk", KANNEL: "Kannel, not synced", FORCED: "Kannel with TCP_NODELAY"}

Medians = Mapping[str, Mapping[str, float]]
"""The median of each figure, by the rival's name."""


def run_pairs(rivals: Mapping[str, Rival], load: Load, pairs: int) -> list[Outcome]:
    """All of them, so many times, each time another first; prints a line for each run."""
    outcomes = []
    order = list(rivals.values())
    print(f"{_COLUMNS}   load   us/message of each process")
    for n in range(pairs):
        first = n % len(order)
        for run in order[first:] + order[:first]:
            outcome = run(load)
            outcomes.append(outcome)
            each = ", ".join(f"{name} {spent:.0f}" for name, spent in outcome.cpu.items())
            print(f"{_row(outcome.name, _figures(outcome))}   {outcome.busy:4.1f}   {each}", flush=True)
    return outcomes


def find_medians(outcomes: Sequence[Outcome]) -> Medians:
    """Of all runs."""
    medians = {}
    for name in dict.fromkeys(outcome.name for outcome in outcomes):
        runs = [_figures(outcome) for outcome in outcomes if outcome.name == name]
        medians[name] = {figure: median(run[figure] for run in runs) for figure in FIGURES}
    return medians


def _figures(outcome: Outcome) -> dict[str, float]:
    return {figure: getattr(outcome, figure) for figure in FIGURES}


def _row(name: str, found: Mapping[str, float]) -> str:
    speed, cpu, p50, p99 = (found[figure] for figure in FIGURES)
    return f"{name:26} {speed:10,.0f}   {cpu:14.0f}   {p50:6.2f}   {p99:6.2f}"


def make_table(found: Mapping[str, Any]) -> str:
    """The medians as Markdown. Args: found: what is written as JSON."""
    machine, runs = found["machine"], found["runs"]
    busy = runs[0]["busy"]  # later ones come after our own
    lines = [
        "| | messages/s | µs of CPU a message | median ms to the wire | 99 % |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, each in found["medians"].items():
        speed, cpu, p50, p99 = (each[figure] for figure in FIGURES)
        lines.append(f"| {name} | {speed:,.0f} | {cpu:.0f} | {p50:.1f} | {p99:.1f} |")
    lines += [
        "",
        f"{machine['cores']} cores of {machine['cpu']}, Linux {machine['kernel']}, Python {machine['python']}, SQLite"
        f" {machine['sqlite']}, Kannel {found['kannel']}; commit `{found['commit']}`; medians of"
        f" {len(runs) // len(found['medians'])} runs of each, in turn.",
    ]
    if busy > QUIET:
        lines[-1] += (
            f" **Other work ran on the machine** (load average {busy:.1f}); the figures will be renewed in a quiet run."
        )
    return "\n".join(lines)


def make_charts(medians: Medians, load: Load) -> dict[str, str]:
    """SVG documents by the names of their files."""
    loop = f"{BINDS} binds, {load.outstanding:,} messages on their way, Japanese texts of 40 characters; medians"
    steady = f"from when a message is due to when the SMSC has read its submit_sm, at {RATE:,.0f}/s; medians"
    kinds = (
        ("", "Throughput", "messages/s until the receipt is told; more is better", "messages_per_second", ",.0f", loop),
        ("-cpu", "Processor time", "microseconds a message; less is better", "own_cpu", ",.0f", loop),
        ("-latency", "Latency, 99th percentile", "milliseconds; less is better", "p99", ",.1f", steady),
    )
    charts = {}
    for suffix, title, unit, figure, form, note in kinds:
        bars = [
            Bar(_LABELS[name], found[figure], format(found[figure], form), ours=name == DENPO)
            for name, found in medians.items()
        ]
        charts[f"against-kannel{suffix}.svg"] = draw(Chart(title, unit, bars, note))
    return charts


def _parse() -> argparse.Namespace:
    load = Load()
    parser = argparse.ArgumentParser("python -m benchmarks.against_kannel", description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=3, help="runs of each (%(default)s)")
    parser.add_argument("--messages", type=int, default=load.messages, help="in each closed loop (%(default)s)")
    parser.add_argument("--outstanding", type=int, default=load.outstanding, help="on their way at once (%(default)s)")
    parser.add_argument("--seconds", type=float, default=load.seconds, help="of the open loop (%(default)g)")
    parser.add_argument("--quick", action="store_true", help="one small run of each, to show that it runs")
    parser.add_argument("--charts", type=Path, metavar="FOLDER", help="write charts there, as SVG")
    parser.add_argument("--markdown", type=Path, metavar="PAGE", help="renew the table in this page")
    parser.add_argument("--read", type=Path, metavar="FILE", help="take the figures from there instead of running")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser.parse_args()


def measure(load: Load, pairs: int) -> dict[str, Any]:
    """Everything that was found, and where."""
    rivals = choose_rivals()
    if FORCED not in rivals:
        print("TCP_NODELAY is not forced on Kannel: there is no C compiler (cc) here")
    outcomes = run_pairs(rivals, load, pairs)
    runs = [asdict(outcome) for outcome in outcomes]
    return {
        **about(),
        "kannel": kannel.version(),
        "load": asdict(load),
        "medians": find_medians(outcomes),
        "runs": runs,
    }


def write(found: Mapping[str, Any], asked: argparse.Namespace) -> None:
    """What was asked for."""
    if asked.charts:
        for name, drawn in make_charts(found["medians"], Load(**found["load"])).items():
            (asked.charts / name).write_text(drawn, encoding="utf-8")
    if asked.markdown:
        page = asked.markdown.read_text(encoding="utf-8")
        asked.markdown.write_text(refresh(page, make_table(found), MARK), encoding="utf-8")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Run it, print a table, write what was asked for; the exit code is 2 when there is no Kannel here."""
    asked = _parse()
    if asked.read:
        found = json.loads(asked.read.read_text(encoding="utf-8"))
    elif absent := kannel.missing():
        print(absent, file=sys.stderr)
        return 2
    else:
        load = QUICK if asked.quick else Load(asked.messages, asked.outstanding, asked.seconds)
        found = measure(load, 1 if asked.quick else asked.pairs)
    print("medians")
    for name, figures in found["medians"].items():
        print(_row(name, figures))
    write(found, asked)
    return 0


if __name__ == "__main__":
    sys.exit(main())
