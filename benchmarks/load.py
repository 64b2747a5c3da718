"""How fast `denpo load smpp` itself is: submit_sm per second against an SMSC that does nothing but answer.

The SMSC (`benchmarks/smsc.py`) is a process of its own, so with two cores neither takes time from the other. Each
message goes to a number of its own; texts come from the default mix. A client that measures others must be well above
what they can do.

    python -m benchmarks.load --messages 500000
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.smsc import running_smsc

SHAPES: Final = ((1, 100), (4, 100), (2, 1000))
"""Binds, and the window of each."""


def measure(port: int, messages: int, binds: int, window: int) -> tuple[float, float, float]:
    """One run: submit_sm per second, processor time per submit_sm in microseconds, p99 in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "figures.json")
        shape = ["--binds", str(binds), "--window", str(window), "--count", str(messages)]
        target = ["--connect", f"127.0.0.1:{port}", "--closed", "--no-receipts", "--json", str(file)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "gateway.cli", "load", "smpp", *target, *shape]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        figures = json.loads(file.read_text(encoding="utf-8"))
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return figures["answers_per_second"], spent / figures["sent"] * 1e6, figures["latency"]["answer"]["p99"] * 1e3


def main() -> None:
    """Measure each shape and print a table."""
    parser = argparse.ArgumentParser("python -m benchmarks.load", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=500_000, help="in each run (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="of each shape (%(default)s)")
    asked = parser.parse_args()
    print("binds  window   submit_sm/s   us of processor   p99 ms")
    with running_smsc() as smsc:
        for binds, window in SHAPES * asked.runs:
            speed, spent, late = measure(smsc.port, asked.messages, binds, window)
            print(f"{binds:5}  {window:6}   {speed:11,.0f}   {spent:15.1f}   {late:6.2f}", flush=True)


if __name__ == "__main__":
    main()
