"""All benchmarks, one after the other; one table with what is demanded, and one JSON with everything.

    python -m benchmarks --json figures.json --markdown docs/performance.md
    python -m benchmarks --only gateway --only session --runs 1
    python -m benchmarks --read figures.json --markdown docs/performance.md

Each run has processes and a store of its own; a figure is the median of its runs. Let nothing else run meanwhile.
"""

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeAlias

from benchmarks import codec, door, gateway, growth, idle, session, stages, wire
from benchmarks.bars import BARS, refresh, table

Figures: TypeAlias = Callable[[bool], dict[str, float]]
"""One run, quick or not."""

SUBJECTS: Final[Mapping[str, Figures]] = {
    "codec": codec.figures,
    "session": session.figures,
    "stages": stages.figures,
    "gateway": gateway.figures,
    "wire": wire.figures,
    "door": door.figures,
    "idle": idle.figures,
    "otp": wire.otp_figures,
    "growth": growth.figures,
}


def run(subjects: list[str], runs: int, quick: bool) -> dict[str, Any]:
    """Measure, saying each figure as it comes."""
    load = os.getloadavg()[0]
    figures: dict[str, dict[str, Any]] = {}
    for subject in subjects:
        for number in range(runs):
            begun = time.perf_counter()
            for key, value in SUBJECTS[subject](quick).items():
                figures.setdefault(key, {"runs": []})["runs"].append(value)
            print(f"{subject}: run {number + 1} of {runs}, {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    for figure in figures.values():
        figure["median"] = median(figure["runs"])
    return {**about(), "runs": runs, "quick": quick, "load_before": load, "figures": figures}


def about() -> dict[str, Any]:
    """The machine, the versions and the commit; nothing that names a host."""
    cpu = (line.partition(":")[2].strip() for line in _read("/proc/cpuinfo") if line.startswith("model name"))
    machine = {
        "cpu": next(cpu, platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9,
        "kernel": platform.release().partition("-")[0],
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    commit, changed = _git("rev-parse", "--short=12", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")
    taken = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"taken": taken, "machine": machine, "commit": commit or "unknown", "changed": bool(changed)}


def _read(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def show(found: Mapping[str, Any]) -> None:
    """Print all figures, then how far each demand is met."""
    for key, figure in found["figures"].items():
        runs = ", ".join(f"{value:,.2f}" for value in figure["runs"])
        print(f"{key:44} {figure['median']:14,.2f}   {runs if len(figure['runs']) > 1 else ''}")
    print()
    for bar in BARS:
        if bar.key in found["figures"]:
            value = found["figures"][bar.key]["median"]
            print(f"{bar.name:60} {bar.demand:>10} {value:12,.2f} {bar.unit:12} {bar.verdict(value)}")


def main() -> None:
    """Run, or read; print, and write what was asked for."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", action="append", choices=SUBJECTS, help="this one; may be given again (all)")
    parser.add_argument("--runs", type=int, default=3, help="of each (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="everything small and once, to show that it runs")
    parser.add_argument("--read", type=Path, metavar="FILE", help="take the figures from there instead of running")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--markdown", type=Path, metavar="PAGE", help="renew the table in this page")
    asked = parser.parse_args()
    if asked.read:
        found = json.loads(asked.read.read_text(encoding="utf-8"))
    else:
        found = run(asked.only or [*SUBJECTS], 1 if asked.quick else asked.runs, asked.quick)
    show(found)
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if asked.markdown:
        asked.markdown.write_text(refresh(asked.markdown.read_text(encoding="utf-8"), table(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
