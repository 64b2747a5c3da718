"""A spreadsheet goes through the gateway, each row once, whatever interrupts it: real processes, real signals.

DENPO_BULK_ROWS=100000 sends as many rows, as fast as they are taken.
"""

import csv
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.end_to_end.gateways import SECRET, read_ledger, simulator, upstream, wait_parts, write_config
from tests.end_to_end.processes import started
from tests.end_to_end.sheets import Sheet, write_sheet

ROWS: Final = int(os.environ.get("DENPO_BULK_ROWS", "2400"))
RATE: Final = 250 if ROWS < 10_000 else 0
SECONDS: Final = 60.0 + ROWS / 200
INTERRUPTIONS: Final = [(0.1, signal.SIGINT), (0.3, signal.SIGKILL), (0.5, signal.SIGINT)]
"""After which share of the good rows the simulator has them, and how it is interrupted then."""
ENVIRON: Final = {**os.environ, "DENPO_SECRET": SECRET, "PYTHONWARNINGS": "error"}


def _bulk(folder: Path, sheet: Sheet, *more: str) -> "subprocess.Popen[str]":
    where = ["--upstream", upstream(folder), "--client", "bank", "--rate", str(RATE), *more]
    command = [sys.executable, "-m", "gateway.cli", "bulk", str(sheet.path), *where]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRON)


@pytest.mark.slow
def test_each_good_row_is_sent_once_though_it_is_interrupted_three_times(tmp_path: Path) -> None:
    sheet = write_sheet(tmp_path / "customers.csv", ROWS)
    good = len(sheet.numbers)
    with simulator() as smsc, started(["-m", "gateway.cli", "gateway", "--config", str(write_config(tmp_path, smsc))]):
        for share, number in INTERRUPTIONS:
            running = _bulk(tmp_path, sheet, "--yes", str(good))
            wait_parts(smsc, round(share * good), SECONDS)
            running.send_signal(number)
            out, err = running.communicate(timeout=SECONDS)
            assert running.returncode == (1 if number == signal.SIGINT else -number), (out, err)
            assert number != signal.SIGINT or "the same command goes on" in err
        out, err = (running := _bulk(tmp_path, sheet)).communicate(timeout=SECONDS)
        assert running.returncode == 0, (out, err)
        wait_parts(smsc, good, SECONDS)
        taken = Counter(part["destination"] for part in read_ledger(smsc))
    assert taken == Counter(sheet.numbers)
    with (tmp_path / "customers.results.csv").open(encoding="utf-8", newline="") as file:
        results = [*csv.DictReader(file)]
    assert Counter(row["error"] for row in results) == {"": good, **sheet.bad}
    assert len(results) == ROWS
    assert all(row["id"] and row["message_id"] and row["parts"] == "1" for row in results if not row["error"])
    print(f"\n{ROWS} rows, {good} good: {taken.total()} parts for {len(taken)} numbers; refused {sheet.bad}")
