"""`denpo simulator report`: what a simulator was sent and what was wrong with it, as tables or as JSON.

It asks a simulator that runs, or reads a ledger's file. Bodies are never shown, numbers only when that is asked for.
"""

import argparse
import json
import urllib.error
import urllib.request
from argparse import SUPPRESS
from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any, Final

import trio
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from config.addresses import TcpAddress, parse_endpoint
from config.command import DONE, FAILED, complain
from simulator.ledger import Ledger, LedgerFailed, Shelf
from simulator.survey import survey

SECONDS: Final = 300.0
"""How long a simulator may take to look through its ledger."""

SHOWN_DIGITS: Final = 4
_HTTP: Final = "127.0.0.1:8775"
_BAR: Final = 40

_DESCRIPTION: Final = """\
Say what a simulator was sent: parts and messages, by account and by coding, over time, and what is wrong with them.
In a ledger's file nothing more is expected, so a message that is not complete there counts as never completed."""


class Unreachable(Exception):
    """No report can be had from an address, and why."""


def configure(parser: argparse.ArgumentParser, *, inherit: bool = False) -> None:
    """Add the flags of the command. inherit: those of a place that are left out may stand before the command's name."""
    parser.description = _DESCRIPTION
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--http",
        metavar="HOST:PORT",
        type=_endpoint,
        default=SUPPRESS if inherit else _HTTP,
        help=f"where the simulator answers ({_HTTP})",
    )
    where.add_argument(
        "--ledger",
        metavar="FILE",
        type=Path,
        default=SUPPRESS if inherit else None,
        help="read a ledger's file instead",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--show-numbers", action="store_true", help="show whole phone numbers, not their last digits")
    parser.add_argument("--strict", action="store_true", help="exit with code 1 when there is any verdict")


def run(arguments: argparse.Namespace) -> int:
    """Show the report; returns the exit code."""
    try:
        figures = _fetch(arguments.http) if arguments.ledger is None else trio.run(_read, arguments.ledger)
    except (LedgerFailed, Unreachable) as error:
        return complain("simulator report", str(error), FAILED)
    if not arguments.show_numbers:
        figures = _masked(figures)
    if arguments.json:
        print(json.dumps(figures, ensure_ascii=False))
    else:
        show_tables(figures, Console(markup=False, emoji=False, highlight=False))
    return FAILED if arguments.strict and any(found["parts"] for found in figures["verdicts"].values()) else DONE


def show_tables(figures: Mapping[str, Any], console: Console) -> None:
    """Print a survey for people."""
    parts, messages, waiting = figures["parts"], figures["messages"], figures["messages_waiting"]
    console.print(
        f"{parts:,} parts, {messages:,} messages; {waiting:,} wait for parts, {figures['forgotten']:,} parts forgotten"
    )
    for title, name in (("account", "accounts"), ("coding", "codings"), ("parts per message", "parts_per_message")):
        if figures[name]:
            console.print(_counts(title, figures[name]))
    if figures["rate"]["parts"]:
        console.print(_rate(figures["rate"]))
    found = {name: verdict for name, verdict in figures["verdicts"].items() if verdict["parts"]}
    for name, verdict in found.items():
        console.print(_verdict(name, verdict))
    if not found:
        console.print("no verdicts: nothing is wrong")


def _counts(title: str, counts: Mapping[str, int]) -> Table:
    table = Table(title, "count")
    table.columns[1].justify = "right"
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    return table


def _rate(rate: Mapping[str, Any]) -> Table:
    table = Table("from", "parts/s", "")
    table.columns[1].justify = "right"
    most = max(count for _, count in rate["parts"])
    for start, count in rate["parts"]:
        table.add_row(_clock(start), f"{count / rate['seconds']:,.1f}", "█" * round(_BAR * count / most))
    return table


def _verdict(name: str, verdict: Mapping[str, Any]) -> Table:
    title = f"{name}: {verdict['parts']:,} parts, the first of them"
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("index", "time", "message id", "account", "source", "destination"):
        table.add_column(column, overflow="fold")
    for example in verdict["examples"]:
        words = [example[field] for field in ("message_id", "system_id", "source", "destination")]
        table.add_row(str(example["index"]), _clock(example["time"]), *words)
    return table


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _masked(figures: dict[str, Any]) -> dict[str, Any]:
    for verdict in figures["verdicts"].values():
        for example in verdict["examples"]:
            example.update({name: _mask(example[name]) for name in ("source", "destination")})
    return figures


def _mask(number: str) -> str:
    """Hide all but the last digits; a sender that is a word is no number."""
    if not any(character.isdigit() for character in number):
        return number
    return "*" * (len(number) - SHOWN_DIGITS) + number[-SHOWN_DIGITS:]


def _fetch(address: TcpAddress) -> dict[str, Any]:
    try:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"http://{address.authority}/report", timeout=SECONDS) as answer:
            figures = json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        raise Unreachable(f"{address.authority} answers with {error.code}: is it a simulator?") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise Unreachable(f"no simulator answers on {address.authority}: {str(reason).lower()}") from None
    if not isinstance(figures, dict) or "verdicts" not in figures:
        raise Unreachable(f"{address.authority} answers with something else: is it a simulator?")
    return figures


async def _read(path: Path) -> dict[str, Any]:
    ledger = Ledger(2**62, Shelf.read_only(path))
    try:
        return await survey(ledger, inf)
    finally:
        await ledger.close()


def _endpoint(text: str) -> TcpAddress:
    try:
        return parse_endpoint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
