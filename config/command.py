"""What the rooms that bring a subcommand of `denpo` agree on: its shape, its exit codes, and how logs are written."""

import argparse
import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

DONE: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 2

LOG_FORMATS: Final = ("json", "console")

_GC_THRESHOLDS: Final = (10_000, 20, 20)


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand of `denpo`. run returns the exit code: 0 done, 1 failed, 2 wrong use."""

    name: str
    summary: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def add_log_format(parser: argparse.ArgumentParser) -> None:
    """Add the flag that `set_up_log` is told by."""
    help_ = "for programs or for people (%(default)s)"
    parser.add_argument("--log-format", choices=LOG_FORMATS, default=LOG_FORMATS[0], help=help_)


def set_up_log(form: str) -> None:
    """Write one line per event to standard error: JSON, or columns for people."""
    last: Any = structlog.dev.ConsoleRenderer() if form == "console" else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            last,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def calm_collector() -> None:
    """Have the garbage collector look less often, and never again at what is there now.

    A server makes few cycles and many short-lived objects: it costs 40 MB more in the gateway under load, and saves 7 %
    of its processor time a message, 18 % of the simulator's (`benchmarks/gateway.py`, with and without, in turn).
    """
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.freeze()


def complain(command: str, reason: str, code: int) -> int:
    """Write the one line that says why the command ends; returns the code."""
    print(f"denpo {command}: {reason}", file=sys.stderr)
    return code
