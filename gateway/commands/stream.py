"""`denpo events` and `denpo listen`: what became of messages, and what handsets wrote, as it comes.

Looking takes nothing from the application: events are acknowledged only when that is asked for, and only those that
have been printed and flushed.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Final

import anyio

from config.command import DONE, Command, complain
from gateway.client import Client, ClientError, Event
from gateway.commands.account import Account, add_account, run_as, until_stopped
from gateway.commands.shown import clock, mask, plain

QUIET_SECONDS: Final = 2.0
"""Without --follow: after so long without an event, all that waited have come."""
RETRY_SECONDS: Final = 2.0
"""Between attempts to find a gateway again that has gone away."""

_EVENTS: Final = """\
Print the events that no application has acknowledged, oldest first. They are left where they are: the application gets
them all the same. With --ack they are acknowledged once they are printed, and nobody gets them again; then texts from
handsets are printed whole, and otherwise by their length."""
_LISTEN: Final = """\
Print the texts that handsets send, as they come, from the oldest that no application has acknowledged. Ctrl-C ends it.
With --ack they are acknowledged once they are printed, and nobody gets them again: only up to the first event of
another kind, since that has not been printed."""

_Cursor = int | str


def _configure(parser: argparse.ArgumentParser, description: str) -> None:
    parser.description = description
    add_account(parser)
    add = parser.add_argument
    add("--ack", action="store_true", help="acknowledge what has been printed: the application will not get it")
    add("--after", metavar="CURSOR", type=_cursor, help="begin after this event, by the cursor that --json shows")
    add("--count", metavar="N", type=_count, help="end after so many")
    add("--json", action="store_true", help="one JSON object a line, whole, with its cursor")


def configure_events(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `denpo events`."""
    _configure(parser, _EVENTS)
    help_ = f"go on with what comes, until Ctrl-C; without it, end when nothing came for {QUIET_SECONDS:g} s"
    parser.add_argument("--follow", action="store_true", help=help_)


def configure_listen(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `denpo listen`."""
    _configure(parser, _LISTEN)
    parser.set_defaults(follow=True)


def run(arguments: argparse.Namespace) -> int:
    """Print events until there are no more, or it is ended; returns the exit code."""
    return run_as(arguments.command, arguments, lambda account: _run(account, arguments))


async def _run(account: Account, arguments: argparse.Namespace) -> int:
    only = "incoming" if arguments.command == "listen" else ""
    line = _json_line if arguments.json else _texts if only or arguments.ack else _lines
    printer = Printer(line, only, arguments.count, acknowledge=arguments.ack)
    await until_stopped(lambda: _follow(account, printer, arguments))
    return DONE


async def _follow(account: Account, printer: "Printer", arguments: argparse.Namespace) -> None:
    """Print what comes; with --follow, find a gateway again that was there and has gone away."""
    printer.cursor = arguments.after
    met = False
    while True:
        try:
            async with account.connect() as client:
                await client.subscribe(printer.cursor)
                met = True
                while (page := await _next_page(client, arguments.follow)) and not await printer.take(page, client):
                    pass
                return
        except ClientError as error:
            if not (met and arguments.follow and error.code == "connection"):
                raise
            complain(arguments.command, f"{error}; trying again", 0)
        await anyio.sleep(RETRY_SECONDS)


async def _next_page(client: Client, follow: bool) -> list[tuple[_Cursor, Event]]:
    if follow:
        return await client.next_page()
    with anyio.move_on_after(QUIET_SECONDS):
        return await client.next_page()
    return []


class Printer:
    """Prints events, and acknowledges what it has printed. only: the one type it prints; "": all."""

    def __init__(
        self, line: Callable[[_Cursor, Event], str], only: str, most: int | None, *, acknowledge: bool
    ) -> None:
        self.cursor: _Cursor | None = None
        """Of the last event that was dealt with."""
        self._line = line
        self._only = only
        self._left = most
        self._acknowledge = acknowledge

    async def take(self, page: Sequence[tuple[_Cursor, Event]], client: Client) -> bool:
        """Print a page of events.

        Returns: whether it has printed as many as it was to.
        Raises: OSError: standard output is gone, so nothing of it is acknowledged.
        """
        done = None
        for cursor, event in page:
            if self._left == 0:
                break
            self.cursor = cursor
            if not self._only or event["type"] == self._only:
                print(self._line(cursor, event))
                self._left = None if self._left is None else self._left - 1
            elif self._acknowledge:
                self._stop_acknowledging(event)
            if self._acknowledge:
                done = cursor
        sys.stdout.flush()
        if done is not None:
            await client.acknowledge(done)
        return self._left == 0

    def _stop_acknowledging(self, event: Event) -> None:
        self._acknowledge = False
        reason = f'an event "{event["type"]}" stands in front; from here on nothing is acknowledged'
        complain("listen", f"{reason} (denpo events --ack deals with it)", 0)


def _json_line(cursor: _Cursor, event: Event) -> str:
    return json.dumps({"cursor": cursor} | event, ensure_ascii=False, default=bytes.hex)


def _lines(_cursor: _Cursor, event: Event) -> str:
    """An event for people, without what a handset wrote."""
    if event["type"] == "incoming":
        said = f"{len(event['text'])} characters" if "text" in event else f"{len(event['data'])} octets"
        return f"{clock(event['at'])}  incoming     {mask(event['from'])} to {event['to']}  {said}"
    what = event.get("status_name") or event.get("reason") or ""
    doubt = "may have been sent twice" if event.get("possible_duplicate") else ""
    last = "" if event["final"] else "…"
    said = f"{clock(event['at'])}  {event['type'] + last:<12} {plain(event['id'])}  {event['carrier']}  {what} {doubt}"
    return said.rstrip()


def _texts(cursor: _Cursor, event: Event) -> str:
    """An event for people, whole."""
    if event["type"] != "incoming":
        return _lines(cursor, event)
    said = plain(event["text"]) if "text" in event else f"octets {event['data'].hex()}"
    return f"{clock(event['at'])}  {event['from']} to {event['to']}  {said}"


def _cursor(text: str) -> _Cursor:
    return int(text) if text.isdecimal() else text


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a number, 1 or more")
    return int(text)


EVENTS: Final = Command("events", "print what became of messages", configure_events, run)
LISTEN: Final = Command("listen", "print the texts that handsets send", configure_listen, run)
