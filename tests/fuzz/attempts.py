"""What a fuzz target is, and how its inputs are tried and counted.

Invariant of every target: for any octets, `check` returns or raises what the target documents; anything else is a bug.
"""

import hashlib
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Target:
    """One promise over arbitrary octets.

    Attributes: documented: what `check` may raise. seeds: inputs to begin with, the same each time. close: ends what
    `check` has started, and returns what there is to tell about it; it raises when that was not as it should be.
    """

    name: str
    check: Callable[[bytes], None]
    documented: tuple[type[Exception], ...]
    seeds: Callable[[], list[bytes]]
    close: Callable[[], str] = str


@dataclass(slots=True)
class Attempts:
    """Inputs tried on one target. Findings go to `folder`, in hexadecimal."""

    target: Target
    folder: Path
    tried: int = 0
    raised: Counter[str] = field(default_factory=Counter)

    def attempt(self, octets: bytes) -> bool:
        """Try one input. Returns: False: it broke the promise; it was saved and the traceback printed."""
        self.tried += 1
        try:
            self.target.check(octets)
        except self.target.documented as refusal:
            self.raised[type(refusal).__name__] += 1
        except Exception:
            file = save(octets, self.folder, self.target.name)
            traceback.print_exc()
            print(f"{self.target.name}: undocumented, the input is in {file}", flush=True)
            return False
        return True

    def close(self) -> bool:
        """End it and tell what came of it. Returns: False: what ran beside it was not as it should be."""
        try:
            told = self.target.close()
        except Exception:
            traceback.print_exc()
            print(f"{self.target.name}: something was wrong at the end", flush=True)
            return False
        print("\n".join(filter(None, (self.summary(), told))), flush=True)
        return True

    def summary(self) -> str:
        """How many inputs, and how many of them raised what is documented."""
        raised = "".join(f", {count:,} {name}" for name, count in self.raised.most_common())
        return f"{self.target.name:8} {self.tried:12,} inputs{raised}"


def save(octets: bytes, folder: Path, name: str) -> Path:
    """Write an input as hexadecimal digits; the same input goes to the same file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}-{hashlib.sha256(octets).hexdigest()[:16]}.hex"
    file.write_text(octets.hex() + "\n", encoding="ascii")
    return file
