"""Real processes: started, waited for until they are ready, and ended whatever happens.

    with started(["-m", "simulator.cli", "--listen", "127.0.0.1:0"]) as process:
        process.ready["smpp"]  # the fields of the log line with the event "ready"
        assert process.stop() == 0

Everything blocks, each call with a deadline; from Trio, use a thread.
"""

import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import IO, Any, Final

READY_SECONDS: Final = 20.0
STOP_SECONDS: Final = 15.0
MAX_LINES: Final = 10_000


class Process:
    """A command that runs, with its log lines from standard error: JSON objects, or {"text": line} for what is none."""

    def __init__(self, arguments: Sequence[str], env: dict[str, str] | None = None) -> None:
        self.ready: dict[str, Any] = {}
        """The fields of the log line with the event "ready"."""
        self._child = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env
        )
        assert self._child.stderr
        self._seen: deque[dict[str, Any]] = deque(maxlen=MAX_LINES)
        self._ended = False
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(self._child.stderr,), daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log lines so far, but the one that says "ready"; the newest MAX_LINES of them."""
        with self._news:
            return [line for line in self._seen if line is not self.ready]

    def wait_line(self, event: str, seconds: float = READY_SECONDS) -> dict[str, Any]:
        """Wait for the first log line with this event. Raises: AssertionError: it did not come; with what did."""
        self._wait(lambda: self._ended or self._find(event) is not None, seconds)
        line = self._find(event)
        if line is None:
            raise AssertionError(f"no log line says {event!r}; it said: {[*self._seen]}")
        return line

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._child.send_signal(number)

    def stop(self) -> int:
        """End it with SIGTERM. Returns: its exit code. Raises: AssertionError: it did not end; it was killed."""
        self._child.terminate()
        return self.wait()

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait until it ends by itself. Returns: its exit code. Raises: AssertionError: it did not; it was killed."""
        try:
            code = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still there after {seconds} s; it said: {[*self._seen]}") from None
        self._reader.join(STOP_SECONDS)
        return code

    def kill(self) -> None:
        """End it with SIGKILL, and wait for that."""
        self._child.kill()
        self._child.wait()
        self._reader.join(STOP_SECONDS)

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                with self._news:
                    self._seen.append(_parse(line))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _find(self, event: str) -> dict[str, Any] | None:
        return next((line for line in self._seen if line.get("event") == event), None)

    def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = monotonic() + seconds
        with self._news:
            while not condition() and (left := deadline - monotonic()) > 0:
                self._news.wait(left)


@contextmanager
def started(arguments: Sequence[str], env: dict[str, str] | None = None) -> Iterator[Process]:
    """Run `python ARGUMENTS` and wait until it says "ready"; end it at the end of the block, if it still runs.

    Args: env: its whole environment; None: ours.
    Raises: AssertionError: it did not become ready, or had to be killed.
    """
    process = Process(arguments, env)
    try:
        process.ready = process.wait_line("ready")
        yield process
        if process._child.poll() is None:
            process.stop()
    finally:
        process.kill()


def _parse(line: bytes) -> dict[str, Any]:
    text = line.decode(errors="replace").rstrip("\n")
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    return fields if isinstance(fields, dict) else {"text": text}
