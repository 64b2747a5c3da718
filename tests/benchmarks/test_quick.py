"""All benchmarks as people run them, only small: that they run, and that no figure is missing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.bars import BARS, BEGIN, END

SECONDS = 240.0


@pytest.mark.slow
def test_every_benchmark_runs_and_every_demand_has_a_figure(tmp_path: Path) -> None:
    figures, page = tmp_path / "figures.json", tmp_path / "page.md"
    page.write_text(f"# Speed\n{BEGIN}\n{END}\n", encoding="utf-8")
    command = [sys.executable, "-W", "error", "-m", "benchmarks", "--quick"]
    written = ["--json", str(figures), "--markdown", str(page)]
    done = subprocess.run([*command, *written], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(figures.read_text(encoding="utf-8"))
    assert {bar.key for bar in BARS} <= told["figures"].keys()
    below = {key: figure["median"] for key, figure in told["figures"].items() if figure["median"] < 0}
    assert below.keys() <= {"replay_growth_mb"}, below
    assert told["machine"].keys() == {"cpu", "cores", "memory_gb", "kernel", "python", "sqlite"}
    assert [bar.name in page.read_text(encoding="utf-8") for bar in BARS] == [True] * len(BARS)
