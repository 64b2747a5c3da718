"""What the benchmark of the door says of memory, and that its crowd runs as people start it, only small."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from benchmarks.door import LOOK_SECONDS, watched

SMALL = "--seconds 0.5 --connections 5 --crowd-rate 50 --rounds 1 --fill 100"


async def test_memory_has_grown_from_what_it_was_to_its_highest(autojump_clock: MockClock) -> None:
    sizes, grown = iter([100, 90, 150]), list[int]()
    async with watched(lambda: next(sizes, 120), grown):
        await trio.sleep(LOOK_SECONDS * 5)
    assert grown == [50]


@pytest.mark.slow
def test_the_growth_of_both_kinds_of_phases_is_told(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    command = [sys.executable, "-W", "error", "-m", "benchmarks.door", *SMALL.split(), "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120.0, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text(encoding="utf-8"))
    assert {"steady", "alone", "beside", "growth_alone", "growth_beside"} <= found.keys()
    assert "MiB beside a hung one" in done.stdout
