"""What is done about a defect of ours: it ends what it struck and nothing else, and is told so that it can be mended.

A failure of the store is another matter: nobody may be told "accepted" any more, so it ends the gateway.
"""

import sqlite3
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
import trio

if TYPE_CHECKING:
    from gateway.metrics import Counts

RESTART_SECONDS: Final = 1.0
"""Before a task that a defect has ended begins anew."""

_log = structlog.get_logger()


def report(error: Exception, **where: Any) -> None:  # noqa: ANN401  # fields of a log line
    """Log a defect by its kind and its place, never by its text: that may hold a secret, a number or a body.

    Raises: the error itself, when the store has failed.
    """
    causes = list(_leaves(error))
    if any(isinstance(cause, sqlite3.Error) for cause in causes):
        raise error
    for cause in causes:
        _log.error("defect", **where, kind=type(cause).__name__, traceback=_places(cause))


async def keep_running(work: Callable[[], Awaitable[None]], counts: "Counts", task: str) -> None:
    """Run what is to run for ever, and again when a defect has ended it. Raises: the store has failed.

    Whatever it is, it is told and counted; being cancelled is none, and is passed on even when both come together.
    """
    while True:
        try:
            await work()
        except* Exception as errors:
            report(errors, task=task)
            counts.task_defects += 1
        await trio.sleep(RESTART_SECONDS)


def _places(error: BaseException) -> list[str]:
    """Where it happened, outermost call first."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error
