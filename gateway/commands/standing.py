"""`denpo status` and `denpo cancel`: where messages are, and stopping those that have not left, by your own ids."""

import argparse
import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import Final

from config.command import DONE, FAILED, Command
from gateway.client import Client, PartStatus, Status
from gateway.commands.account import Account, add_account, run_as
from gateway.commands.shown import clock, console, plain

IDS: Final = 100
"""Ids asked for at once: the answer about so many long messages still fits into one frame."""

_STATUS: Final = """\
Say where messages are: their state, and each part with what the carrier calls it. Exit code 1 when one is not known."""
_CANCEL: Final = """\
Stop messages of which no part is on its way yet. Exit code 1 when one could not be stopped."""


def _configure(parser: argparse.ArgumentParser, description: str) -> None:
    parser.description = description
    parser.add_argument("ids", metavar="ID", nargs="+", help="your own id of a message; - reads one a line from stdin")
    add_account(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line for each id, not a table")


def configure_status(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `denpo status`."""
    _configure(parser, _STATUS)


def configure_cancel(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `denpo cancel`."""
    _configure(parser, _CANCEL)


def run(arguments: argparse.Namespace) -> int:
    """Ask about all ids; returns the exit code."""
    return run_as(arguments.command, arguments, lambda account: _ask(account, arguments))


async def _ask(account: Account, arguments: argparse.Namespace) -> int:
    ids = _ids(arguments.ids)
    code = DONE
    async with account.connect() as client:
        async for results in _results(client, arguments.command, ids):
            if arguments.json:
                for result in results:
                    print(json.dumps(result, ensure_ascii=False))
            else:
                _show(results)
            if not all(result["ok"] for result in results):
                code = FAILED
    return code


async def _results(client: Client, kind: str, ids: Iterator[str]) -> AsyncIterator[Sequence[Status]]:
    while some := list(islice(ids, IDS)):
        yield await (client.cancel(some) if kind == "cancel" else client.status(some))


def _ids(given: Sequence[str]) -> Iterator[str]:
    for id_ in given:
        if id_ == "-":
            yield from filter(None, (line.strip() for line in sys.stdin))
        else:
            yield id_


def _show(results: Sequence[Status]) -> None:
    from rich.table import Table  # here, since every `denpo` command reads this file

    table = Table("id", "state", "carrier", "part", "part's state", "carrier's id", "status", "since", box=None)
    for result in results:
        if not result["ok"]:
            table.add_row(plain(result["id"]), result["error"], "", "", result["detail"])
            continue
        state = result["state"] if result["final"] else f"{result['state']} …"
        first = plain(result["id"]), state, result["carrier"]
        if not result["parts"]:
            table.add_row(*first)
        for part in result["parts"]:
            table.add_row(*first, *_part(part))
            first = "", "", ""
    console().print(table)


def _part(part: PartStatus) -> Iterator[str]:
    yield from (str(part["n"]), part["state"], plain(part["carrier_id"]))
    yield from (f"{part['status']:#x}" if part["status"] else "", clock(part["at"] or 0.0))


STATUS: Final = Command("status", "say where messages are", configure_status, run)
CANCEL: Final = Command("cancel", "stop messages that have not left yet", configure_cancel, run)
