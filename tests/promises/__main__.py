"""`make soak`: stories with everything in them, from seeds that nobody chose, until the time is over.

    python -m tests.promises --seconds 3600
    python -m tests.promises --seed 123456       the round that broke a promise once more, and shrunk

Each round of stories has a seed of its own. A story that breaks a promise is printed, and so is how to repeat it.
"""

import argparse
import secrets
import sys
import time
from collections import Counter
from typing import Any, Final

import trio
from hypothesis import HealthCheck, Phase, given, register_random, seed, settings

from tests.promises.checks import keeps_all, summarise
from tests.promises.lives import tell
from tests.promises.stories import ANYTHING, Story

ROUND: Final = 50
"""Stories told from one seed."""

# As pytest-trio does for the tests: trio chooses at random which task goes first, and a seed must decide that too.
register_random(trio._core._run._r)
trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]  # it is there to be set


def run_round(number: int, phases: tuple[Phase, ...]) -> Counter[str]:
    """Tell the stories of a seed. Returns: what happened in them. Raises: whatever breaks a promise."""
    seen = Counter[str]()

    @seed(number)
    @settings(max_examples=ROUND, phases=phases, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(ANYTHING)
    def tell_all(story: Story) -> None:
        record = tell(story)
        seen.update(summarise(record))
        keeps_all(record)

    tell_all()
    return seen


def main() -> int:
    """Go on until the time is over or a promise is broken; the exit code says which."""
    parser = argparse.ArgumentParser("python -m tests.promises", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600.0, help="how long to go on (%(default)s)")
    parser.add_argument("--seed", type=int, help="tell the stories of this seed, and no others")
    asked = parser.parse_args()
    until, seen = time.monotonic() + asked.seconds, Counter[str]()
    while True:
        number = secrets.randbelow(1 << 32) if asked.seed is None else asked.seed
        try:
            seen += run_round(number, (Phase.generate,) if asked.seed is None else (Phase.generate, Phase.shrink))
        except BaseException:
            print(f"seed {number} breaks a promise; again: python -m tests.promises --seed {number}", file=sys.stderr)
            raise
        if asked.seed is not None or time.monotonic() > until:
            return _print(seen)


def _print(seen: Counter[str]) -> int:
    figures: dict[str, Any] = dict(seen)
    print("no promise was broken: " + ", ".join(f"{count} {what}" for what, count in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
