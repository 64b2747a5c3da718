"""All benchmarks as people run them, only small: that they run, and that no figure is missing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.bars import BARS, BEGIN, END

SECONDS = 240.0
CURVES = {f"throughput-by-{what}.svg" for what in ("batch", "window", "latency")} | {
    f"growth-{what}.svg" for what in ("submits", "drain", "memory", "start")
}


def run(*command: str) -> None:
    """Run a benchmark as people do. A warning is an error."""
    whole = [sys.executable, "-W", "error", "-m", *command]
    done = subprocess.run(whole, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_every_curve_is_measured_and_drawn(tmp_path: Path) -> None:
    run("benchmarks.curves", "--quick", "--charts", str(tmp_path), "--json", str(tmp_path / "curves.json"))
    assert {path.name for path in tmp_path.glob("*.svg")} == CURVES
    found = json.loads((tmp_path / "curves.json").read_text(encoding="utf-8"))
    assert found.keys() == {"batch", "window", "latency", "growth"}
    assert all(value > 0 for figures in found["growth"].values() for value in figures.values())


@pytest.mark.slow
def test_links_that_are_long_or_slowed_are_measured() -> None:
    run("benchmarks.links", "--quick")


@pytest.mark.slow
def test_the_load_client_is_measured() -> None:
    run("benchmarks.load", "--messages", "2000", "--runs", "1")


@pytest.mark.slow
def test_every_benchmark_runs_and_every_demand_has_a_figure(tmp_path: Path) -> None:
    figures, page = tmp_path / "figures.json", tmp_path / "page.md"
    page.write_text(f"# Speed\n{BEGIN}\n{END}\n", encoding="utf-8")
    run("benchmarks", "--quick", "--json", str(figures), "--markdown", str(page))
    told = json.loads(figures.read_text(encoding="utf-8"))
    assert {bar.key for bar in BARS} <= told["figures"].keys()
    below = {key: figure["median"] for key, figure in told["figures"].items() if figure["median"] < 0}
    assert below.keys() <= {"replay_growth_mb"}, below
    assert told["machine"].keys() == {"cpu", "cores", "memory_gb", "kernel", "python", "sqlite"}
    assert [bar.name in page.read_text(encoding="utf-8") for bar in BARS] == [True] * len(BARS)
