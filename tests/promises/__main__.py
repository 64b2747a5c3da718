"""`make soak`: stories with everything in them, from seeds that nobody chose, until the time is over.

    python -m tests.promises --seconds 3600
    python -m tests.promises --seed 123456       the round that broke a promise once more, and shrunk
    python -m tests.promises --shape disk=0.3,lazy=True      only stories with this in them

Each round of stories has a seed of its own, and how to tell it again is printed before it begins. A story that breaks a
promise is printed, and so is one that comes to no end, with the place where it hangs.
"""

import argparse
import ast
import faulthandler
import os
import secrets
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import trio
from hypothesis import HealthCheck, Phase, given, register_random, seed, settings

from tests.promises.checks import keeps_all, summarise
from tests.promises.lives import tell
from tests.promises.stories import ANYTHING, Story

ROUND: Final = 50
"""Stories told from one seed."""
HANGS: Final = 300.0
"""Seconds after which a story, which takes a tenth of one, comes to no end any more."""
HUNG: Final = 3
"""The exit code of a story that came to no end."""

# As pytest-trio does for the tests: trio chooses at random which task goes first, and a seed must decide that too.
register_random(trio._core._run._r)
trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]  # it is there to be set


@dataclass(frozen=True)
class Round:
    """Stories from one seed. shape: what is so in all of them, as it was spelled."""

    seed: int
    shape: str = ""
    shrunk: bool = False

    @property
    def command(self) -> str:
        """How to tell it again."""
        return f"python -m tests.promises --seed {self.seed}" + (f" --shape {self.shape}" if self.shape else "")

    def tell(self) -> Counter[str]:
        """Tell them. Returns: what happened in them. Raises: whatever breaks a promise."""
        seen, fixed = Counter[str](), read_shape(self.shape)
        phases = (Phase.generate, Phase.shrink) if self.shrunk else (Phase.generate,)

        @seed(self.seed)
        @settings(
            max_examples=ROUND, phases=phases, database=None, deadline=None, suppress_health_check=list(HealthCheck)
        )
        @given(ANYTHING.map(lambda story: replace(story, **fixed)))
        def tell_all(story: Story) -> None:
            with self._watched(story):
                record = tell(story)
                seen.update(summarise(record))
                keeps_all(record)

        tell_all()
        return seen

    @contextmanager
    def _watched(self, story: Story) -> Iterator[None]:
        """End the program when the story does not end, whatever it waits for."""

        def end() -> None:
            print(f"{self.command}\nhangs in {story}, here:", file=sys.stderr, flush=True)
            faulthandler.dump_traceback()
            os._exit(HUNG)

        watch = threading.Timer(HANGS, end)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()


def read_shape(spelled: str) -> dict[str, Any]:
    """Read "disk=0.3,lazy=True". Raises: ValueError: it is not spelled so."""
    pairs = (pair.partition("=") for pair in spelled.split(",") if pair)
    return {key: ast.literal_eval(value) for key, _, value in pairs}


def main() -> int:
    """Go on until the time is over or a promise is broken; the exit code says which."""
    _settle_hashes()
    parser = argparse.ArgumentParser("python -m tests.promises", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600.0, help="how long to go on (%(default)s)")
    parser.add_argument("--seed", type=int, help="tell the stories of this seed, and no others")
    parser.add_argument("--shape", default="", help="what is so in every story, as disk=0.3,lazy=True")
    asked = parser.parse_args()
    until, seen = time.monotonic() + asked.seconds, Counter[str]()
    while True:
        number = secrets.randbelow(1 << 32) if asked.seed is None else asked.seed
        told = Round(number, asked.shape, shrunk=asked.seed is not None)
        print(told.command, file=sys.stderr, flush=True)
        try:
            seen += told.tell()
        except BaseException:
            print(f"seed {number} breaks a promise; again: {told.command}", file=sys.stderr, flush=True)
            raise
        if asked.seed is not None or time.monotonic() > until:
            return _print(seen)


def _settle_hashes() -> None:
    """Begin anew with the hashes of strings that every run has: the order of a set must be the seed's, too."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        again = [sys.executable, "-m", "tests.promises", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, "PYTHONHASHSEED": "0"})


def _print(seen: Counter[str]) -> int:
    figures: dict[str, Any] = dict(seen)
    print("no promise was broken: " + ", ".join(f"{count} {what}" for what, count in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
