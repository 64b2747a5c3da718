"""Fuzz every target for its share of the time, one after the other, each in a process of its own.

    python -m tests.fuzz --seconds 600

Coverage guides the mutations (atheris). What is worth keeping stays in var/fuzz/TARGET for the next run, what broke a
promise in var/fuzz/findings, as hexadecimal digits; then the exit code is 1.
"""

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Final

FOLDER: Final = Path("var/fuzz")
FINDINGS: Final = FOLDER / "findings"
LONGEST_INPUT: Final = 1024
INPUT_SECONDS: Final = 10
"""One input that takes longer is a finding, too."""
GRACE_SECONDS: Final = 60.0
LOG_LINES: Final = 40


def main() -> int:
    """Run all targets, or the one that was asked for."""
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600.0, help="for all targets together (%(default)s)")
    parser.add_argument("--target", metavar="NAME", help="only this one, with all the time, in this process")
    asked = parser.parse_args()
    if asked.target:
        fuzz(asked.target, asked.seconds)
    from tests.fuzz.targets import TARGETS  # not before: `fuzz` must see protocol/ being imported

    clean = [run(name, asked.seconds / len(TARGETS)) for name in TARGETS]
    return 0 if all(clean) else 1


def run(name: str, seconds: float) -> bool:
    """Fuzz one target in a process. Returns: whether it kept its promise; if not, the end of the log was printed."""
    from tests.fuzz.attempts import save

    FINDINGS.mkdir(parents=True, exist_ok=True)
    log = FOLDER / f"{name}.log"
    command = [sys.executable, "-m", "tests.fuzz", "--target", name, "--seconds", str(seconds)]
    with log.open("wb") as file:
        code = subprocess.run(command, stderr=file, timeout=seconds + GRACE_SECONDS, check=False).returncode
    for raw in FOLDER.glob(f"{name}.raw-*"):  # what took too much time or memory
        print(f"{name}: {raw.suffix[5:]}, the input is in {save(raw.read_bytes(), FINDINGS, name)}")
        raw.unlink()
    if code:
        print("\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:]), flush=True)
    return code == 0


def fuzz(name: str, seconds: float) -> None:
    """Fuzz one target until the time is over or it breaks its promise; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["protocol"]):
        from tests.fuzz.attempts import Attempts
        from tests.fuzz.targets import TARGETS
    attempts = Attempts(TARGETS[name], FINDINGS)
    corpus = FOLDER / name
    corpus.mkdir(parents=True, exist_ok=True)
    for octets in attempts.target.seeds():
        (corpus / hashlib.sha256(octets).hexdigest()[:40]).write_bytes(octets)
    deadline = monotonic() + seconds

    def attempt(octets: bytes) -> None:
        kept = attempts.attempt(octets)
        if not kept or monotonic() >= deadline:
            os._exit(not (attempts.close() and kept))  # libFuzzer has no end of its own that would let us speak

    limits = [f"-max_len={LONGEST_INPUT}", f"-timeout={INPUT_SECONDS}", f"-artifact_prefix={FOLDER / name}.raw-"]
    atheris.Setup([sys.argv[0], *limits, str(corpus)], attempt)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
