"""Start `denpo` commands for a benchmark or the demo, on loopback, and end them again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

READY_SECONDS: Final = 20.0
STOP_SECONDS: Final = 30.0
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """A running command; `ready` is what its ready line says."""

    popen: subprocess.Popen[bytes]
    ready: dict[str, Any]

    @property
    def cpu_seconds(self) -> float:
        """Processor time used so far, user and system (proc(5), stat)."""
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def memory_octets(self) -> int:
        """Resident memory (proc(5), statm)."""
        return int(Path(f"/proc/{self.popen.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def started(
    arguments: Sequence[str],
    log: Path,
    secrets: dict[str, str] | None = None,
    ready_seconds: float = READY_SECONDS,
) -> Iterator[Process]:
    """Run `denpo ARGUMENTS` until the block ends; its log goes to a file. Raises: RuntimeError: it is not ready."""
    with log.open("w") as file:
        command = [sys.executable, "-m", "gateway.cli", *arguments]
        popen = subprocess.Popen(command, stderr=file, env={**os.environ, **(secrets or {})})
    try:
        yield Process(popen, _wait_ready(popen, log, ready_seconds))
    finally:
        stop(popen)


def stop(popen: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and end it when it does not."""
    popen.send_signal(signal.SIGTERM)
    try:
        popen.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()


def _wait_ready(popen: subprocess.Popen[bytes], log: Path, seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and popen.poll() is None:
        for line in log.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line) if line.startswith("{") and line.endswith("}") else {}
            if entry.get("event") == "ready":
                found: dict[str, Any] = entry
                return found
        time.sleep(0.02)
    raise RuntimeError(f"not ready: {log.read_text(encoding='utf-8').strip()}")
