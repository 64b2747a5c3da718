"""What 200 binds cost while nobody sends anything: share of a core, and memory.

    python -m benchmarks.idle --seconds 60

The binds ask every 30 s whether the line is alive, as by default, so a measurement of 60 s sees each ask twice.
"""

import argparse
import time
from typing import Final

from benchmarks.rig import rig
from benchmarks.smsc import running_smsc

BINDS: Final = 200
SECONDS: Final = 60.0
QUICK_SECONDS: Final = 0.5
SETTLE_SECONDS: Final = 3.0
"""Between the first bind and the measurement: the last one has bound by then."""


def figures(quick: bool, seconds: float = SECONDS, binds: int = BINDS) -> dict[str, float]:
    """One run."""
    with rig() as place, running_smsc() as smsc:
        place.configure(smsc.port, binds)
        with place.gateway() as gateway:
            time.sleep(QUICK_SECONDS if quick else SETTLE_SECONDS)
            before, begun = gateway.cpu_seconds, time.perf_counter()
            time.sleep(QUICK_SECONDS if quick else seconds)
            spent, took = gateway.cpu_seconds - before, time.perf_counter() - begun
            bound = smsc.counts["binds"]
            if bound < binds and not quick:
                raise ValueError(f"{bound} of {binds} binds are up")
            return {"idle_percent": spent / took * 100, "idle_mb": gateway.memory_octets / 10**6}


def main() -> None:
    """Run it once and print it."""
    parser = argparse.ArgumentParser("python -m benchmarks.idle", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="(%(default)g)")
    parser.add_argument("--binds", type=int, default=BINDS, help="(%(default)s)")
    asked = parser.parse_args()
    share, memory = figures(False, asked.seconds, asked.binds).values()
    print(f"{asked.binds} idle binds: {share:.2f} % of a core, {memory:.1f} MB")


if __name__ == "__main__":
    main()
