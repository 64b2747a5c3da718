"""The comparison runs where Kannel is, says so where it is not, and draws what it found."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import kannel
from benchmarks.against_kannel import MARK, find_medians, main, make_charts, run_pairs
from benchmarks.rivals import DENPO, KANNEL, Load, Outcome

ROOT = Path(__file__).parents[2]
LOAD = Load(messages=10)


def outcome(name: str, speed: float) -> Outcome:
    """One run in which all that matters is how many it did."""
    return Outcome(name, speed, {name: 100.0}, 1.0, 2.0, 0.0)


def test_each_pair_begins_with_another_so_that_neither_always_comes_second(capsys: pytest.CaptureFixture[str]) -> None:
    rivals = {name: lambda _, name=name: outcome(name, 5.0) for name in (DENPO, KANNEL)}
    names = [run.name for run in run_pairs(rivals, LOAD, 3)]
    assert names == [DENPO, KANNEL, KANNEL, DENPO, DENPO, KANNEL]
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(names)


def test_the_median_of_each_figure_is_taken_over_the_runs_of_one() -> None:
    medians = find_medians([outcome(DENPO, 1.0), outcome(KANNEL, 9.0), outcome(DENPO, 3.0), outcome(DENPO, 2.0)])
    assert {name: found["messages_per_second"] for name, found in medians.items()} == {DENPO: 2.0, KANNEL: 9.0}
    assert medians[DENPO]["own_cpu"] == 100.0


def test_there_is_a_chart_for_throughput_processor_time_and_latency_that_shows_both() -> None:
    charts = make_charts(find_medians([outcome(DENPO, 8000.0), outcome(KANNEL, 4000.0)]), LOAD)
    assert set(charts) == {"against-kannel.svg", "against-kannel-cpu.svg", "against-kannel-latency.svg"}
    assert "denpo, synced to disk: 8,000; Kannel, not synced: 4,000." in charts["against-kannel.svg"]


def found(busy: float) -> dict[str, Any]:
    """What a run would write as JSON."""
    outcomes = [replace(outcome(name, speed), busy=busy) for name, speed in ((DENPO, 8000.0), (KANNEL, 4000.0))]
    machine = {"cores": 2, "cpu": "some", "kernel": "6.1", "python": "3.11.2", "sqlite": "3.40.1"}
    runs = [asdict(each) for each in outcomes]
    about = {"machine": machine, "commit": "abc", "kannel": "1.4.5"}
    return {**about, "load": asdict(LOAD), "medians": find_medians(outcomes), "runs": runs}


@pytest.mark.parametrize(("busy", "said"), [(0.1, False), (6.0, True)])
def test_the_table_in_a_page_is_renewed_from_earlier_figures_and_says_when_the_machine_was_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: float, said: bool
) -> None:
    page, figures = tmp_path / "page.md", tmp_path / "figures.json"
    page.write_text(f"before\n{MARK}\nold\n<!-- end of figures -->\nafter\n", encoding="utf-8")
    figures.write_text(json.dumps(found(busy)), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["against_kannel", "--read", str(figures), "--markdown", str(page)])
    assert main() == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{MARK}\n| | messages/s |")
    assert text.endswith("\n<!-- end of figures -->\nafter\n")
    assert "| denpo | 8,000 | 100 | 1.0 | 2.0 |" in text.splitlines()
    assert "old" not in text.splitlines()
    assert ("Other work ran" in text) is said


def test_without_kannel_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kannel, "PATH", os.devnull)
    monkeypatch.setattr(sys, "argv", ["against_kannel", "--quick"])
    assert main() == 2
    assert capsys.readouterr().err == "bearerbox and smsbox not found: apt-get install kannel\n"


@pytest.mark.slow
@pytest.mark.skipif(bool(kannel.missing()), reason=f"Kannel is measured here, but no part of denpo: {kannel.missing()}")
def test_a_small_run_measures_both_and_draws_charts(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.against_kannel", "--quick"]
    flags = ["--charts", str(tmp_path), "--json", str(tmp_path / "figures.json")]
    done = subprocess.run(command + flags, capture_output=True, text=True, timeout=300, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert set(figures["medians"]) >= {DENPO, KANNEL}
    assert all(run["messages_per_second"] > 0 and run["p99"] >= run["p50"] > 0 for run in figures["runs"])
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)+", figures["kannel"])
    assert len(list(tmp_path.glob("against-kannel*.svg"))) == 3
