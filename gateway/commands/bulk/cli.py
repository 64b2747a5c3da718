"""The command: looks at the file, shows what would be sent, asks, sends, and writes what became of each row."""

import argparse
import codecs
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time
from typing import Any, Final

from config.command import DONE, FAILED, WRONG_USE, Command, complain
from gateway.commands.account import Account, WrongUse, add_account, run_as, until_stopped
from gateway.commands.bulk.passes import FileChanged, Job, Progress, Sender, Summary, check, look
from gateway.commands.bulk.recipe import Recipe, Template, TemplateError
from gateway.commands.bulk.record import GOOD, Record
from gateway.commands.bulk.report import show_outcomes, show_summary
from gateway.commands.bulk.sheet import Sheet, SheetError, file_digest

_DESCRIPTION: Final = """\
Send a text to each row of a CSV file: column "to" (電話番号), and "text" (本文) if there is no --template. It may have
also id, sender, lane, not_before, expires_at (Japan's time when no zone is named), tags. UTF-8 or CP932; other columns
are for the template. Every row is checked first, and nothing is sent before you have typed how many texts that makes.
Interrupted, the same command goes on where it was; when all is sent, it asks again what has become of each. A text goes
to a number once for each --job, however often that is run within a day. What became of each row is in
FILE.results.csv, and what is needed to go on beside it, in FILE.results.csv.state."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.description = _DESCRIPTION
    add_account(parser)
    add = parser.add_argument
    add("file", metavar="FILE.csv", type=Path, help="the rows")
    add("--template", metavar="TEXT", help="the text of all rows; {column} is filled in from each")
    add("--sender", metavar="ID", help="of rows that name none; left out: the client's own")
    add("--lane", choices=("otp", "urgent", "normal", "bulk"), default="bulk", help="of rows that name none (bulk)")
    add("--job", metavar="NAME", help="another name sends the same texts again; left out: the file's name")
    add("--rate", metavar="N", type=_rate, default=0.0, help="submit so many texts a second at most (no limit)")
    add("--encoding", metavar="NAME", type=_encoding, help="of the file; left out: found out")
    add("--results", metavar="FILE", type=Path, help="where to write what became of each row")
    add("--dry-run", action="store_true", help="check every row, and end")
    add("--yes", metavar="COUNT", type=int, help="send without asking if so many rows are good")
    add("--json", action="store_true", help="JSON lines instead of tables")


def run(arguments: argparse.Namespace) -> int:
    """Check, ask, send, report; returns the exit code."""
    results = arguments.results or arguments.file.with_suffix(".results.csv")
    try:
        sheet, recipe = _read(arguments)
        if results.resolve() == arguments.file.resolve():
            raise WrongUse("--results: is the file itself")
        record = Record(results.with_name(f"{results.name}.state"))
    except (WrongUse, SheetError) as error:
        return complain("bulk", f"{arguments.file}: {error}", WRONG_USE)
    except OSError as error:
        return complain("bulk", f"{error.filename or arguments.file}: {error.strerror}", WRONG_USE)
    except sqlite3.Error as error:
        return complain("bulk", f"{results}.state: {error}; does another run use it?", FAILED)
    try:
        return Run(arguments, Job(sheet, recipe, record, arguments.rate), results).run()
    finally:
        record.close()


class Run:
    """One run of the command."""

    def __init__(self, arguments: argparse.Namespace, job: Job, results: Path) -> None:
        self._arguments = arguments
        self._job = job
        self._record = job.record
        self._results = results
        self._key = {"file": job.sheet.digest, "recipe": job.recipe.digest, "client": arguments.client}

    def run(self) -> int:
        """Go through all steps; returns the exit code."""
        if self._record.resumes(self._key) and not self._arguments.dry_run:
            left = self._record.count(GOOD)
            self._say(
                f"going on with the {left:,} texts that are left" if left else "all was sent; this is what became of it"
            )
        else:
            code = self._prepare()
            if code is not None:
                return code
        return run_as("bulk", self._arguments, self._send)

    def _prepare(self) -> int | None:
        """Check every row and have it confirmed; an exit code when nothing is to be sent."""
        self._record.begin(self._key)
        code: int | None = run_as("bulk", self._arguments, self._check)
        if code == DONE and not self._arguments.dry_run:
            code = self._confirm(self._record.count(GOOD))
        if code is None and file_digest(self._job.sheet.path) != self._job.sheet.digest:
            code = complain(
                "bulk", f"{self._job.sheet.path} has changed since it was checked; nothing was sent", FAILED
            )
        if code is None:
            self._record.confirm()
        else:
            self._record.discard()
        return code

    async def _check(self, account: Account) -> int:
        with _bar("checking", None) as progress:
            summary = await check(account, self._job, progress)
        self._show(summary)
        return DONE

    def _show(self, summary: Summary) -> None:
        sheet, record = self._job.sheet, self._record
        if self._arguments.json:
            print(
                json.dumps(
                    {"step": "checked", "encoding": sheet.encoding} | _figures(record, summary), ensure_ascii=False
                )
            )
        else:
            show_summary(sheet, record, summary, self._job.recipe)
        sys.stdout.flush()

    def _confirm(self, good: int) -> int | None:
        """Have the count typed; None when it is right."""
        if not good:
            return complain("bulk", "no row can be sent", FAILED)
        if self._arguments.yes is not None:
            wrong = f"{good} rows are good, not {self._arguments.yes}; nothing was sent"
            return None if self._arguments.yes == good else complain("bulk", wrong, FAILED)
        if not sys.stdin.isatty():
            return complain("bulk", f"nobody is there to ask; --yes {good} sends them", WRONG_USE)
        print(f"\nType {good} to send {good:,} texts, or anything else to leave it: ", end="", flush=True)
        return None if sys.stdin.readline().strip() == str(good) else complain("bulk", "nothing was sent", FAILED)

    async def _send(self, account: Account) -> int:
        try:
            stopped = await until_stopped(lambda: self._send_all(account)) is None
        finally:
            self._record.write_results(self._results)
        left = self._record.count(GOOD)
        if stopped:
            return complain("bulk", f"interrupted with {left} texts left; the same command goes on with them", FAILED)
        outcomes = self._record.outcomes()
        if self._arguments.json:
            print(json.dumps({"step": "sent", "outcomes": outcomes, "results": str(self._results)}, ensure_ascii=False))
        else:
            show_outcomes(outcomes, self._results)
        return DONE

    async def _send_all(self, account: Account) -> bool:
        doubtful = self._record.note_doubt(time())
        if doubtful:
            self._say(
                f"{doubtful} texts may or may not have been sent a day ago: not again; see in_doubt in the results"
            )
        try:
            with _bar("sending", self._record.count(GOOD)) as progress:
                await Sender(account, self._job, progress).run()
        except FileChanged:
            raise WrongUse("the file has changed since it was checked") from None
        with _bar("asking what became of them", None) as progress:
            await look(account, self._record, progress)
        return True

    def _say(self, what: str) -> None:
        complain("bulk", what, DONE)


def _read(arguments: argparse.Namespace) -> tuple[Sheet, Recipe]:
    """Read the header and the template. Raises: WrongUse; SheetError; OSError."""
    sheet = Sheet(arguments.file, arguments.encoding)
    try:
        template = None if arguments.template is None else Template(arguments.template)
    except TemplateError as error:
        raise WrongUse(f"--template: {error}") from None
    missing = sorted(template.columns - set(sheet.columns)) if template else []
    if missing:
        raise WrongUse(f"--template: there is no column {', '.join(missing)}")
    if template is None and "text" not in sheet.columns:
        raise WrongUse('no column is called "text", "本文" or the like, and there is no --template')
    return sheet, Recipe(arguments.job or arguments.file.name, template, arguments.sender, arguments.lane)


def _figures(record: Record, summary: Summary) -> dict[str, Any]:
    return {
        "good": record.count(GOOD),
        "parts": sum(summary.parts.values()),
        "parts_by_carrier": dict(summary.parts),
        "encodings": dict(summary.encodings),
        "warnings": dict(summary.warnings),
        "refused": {each.error: {"count": each.count, "rows": each.rows} for each in record.refused()},
    }


@contextmanager
def _bar(what: str, total: int | None) -> Iterator[Progress]:
    """A bar that goes on, for people; nothing when standard error is no terminal."""
    from rich import progress as bars  # here, since every `denpo` command reads this file
    from rich.console import Console

    columns = bars.TextColumn("{task.description}"), bars.BarColumn(), bars.TextColumn("{task.completed:,}")
    times = bars.TimeElapsedColumn(), bars.TimeRemainingColumn()
    with bars.Progress(*columns, *times, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda number: bar.advance(task, number)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1e6:
        raise argparse.ArgumentTypeError("must be a number, 0 to 1000000")
    return rate


def _encoding(text: str) -> str:
    try:
        return codecs.lookup(text).name
    except LookupError:
        raise argparse.ArgumentTypeError("must be the name of an encoding, like cp932") from None


BULK: Final = Command("bulk", "send a text to each row of a CSV file", configure, run)
