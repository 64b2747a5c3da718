"""`denpo send`: submit one message and wait for its end.

It asks for the status instead of subscribing to events: acknowledging them would take them from the application.
"""

import argparse
import uuid
from math import inf
from typing import Final

import anyio

from config.command import DONE, FAILED, Command, complain
from gateway.client import Client
from gateway.commands.account import Account, add_account, run_as

_DESCRIPTION: Final = """\
Submit one message through a running gateway and wait until it has ended: delivered, or not. Prints each state. The
client's secret comes from the environment variable DENPO_SECRET or from --secret-file, never from the command line."""

ASK_SECONDS: Final = 0.2
"""Between questions about the message's state."""
_GOOD: Final = {"delivered", "submitted"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.description = _DESCRIPTION
    add = parser.add_argument
    add_account(parser)
    add("--to", metavar="NUMBER", required=True, help="the number, as people write it: 090-1234-5678")
    add("--text", metavar="TEXT", required=True, help="the message")
    add("--sender", metavar="ID", help="sender id; left out: the client's own")
    add("--lane", choices=("otp", "urgent", "normal", "bulk"), help="left out: the client's own")
    add("--id", metavar="ID", help="your own id; the same id is never sent twice (made up if left out)")
    add("--wait", metavar="SECONDS", type=_seconds, default=60.0, help="for the end of the message (%(default)g)")


def run(arguments: argparse.Namespace) -> int:
    """Submit and wait; returns the exit code."""
    return run_as("send", arguments, lambda account: _send(account, arguments))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < inf:
        raise argparse.ArgumentTypeError("must be a number of seconds, 0 or more")
    return seconds


async def _send(account: Account, arguments: argparse.Namespace) -> int:
    optional = {"sender": arguments.sender, "lane": arguments.lane}
    message = {"id": arguments.id or uuid.uuid4().hex, "to": arguments.to, "text": arguments.text}
    message |= {key: value for key, value in optional.items() if value is not None}
    "".join(message.values()).encode()  # UnicodeEncodeError: an argument was not UTF-8
    async with account.connect() as client:
        [result] = await client.submit([message])
        if not result["ok"]:
            return complain("send", f"refused: {result['detail']} ({result['error']})", FAILED)
        print(f"accepted   {result['message_id']} {result['encoding']}, parts: {result['parts']}", flush=True)
        with anyio.move_on_after(arguments.wait):
            return await _follow(client, message["id"])
    return complain("send", f"no end within {arguments.wait:g} s; the gateway goes on with it", FAILED)


async def _follow(client: Client, id_: str) -> int:
    """Print each state the message comes to, until it has ended."""
    shown = ""
    while True:
        [status] = await client.status([id_])
        state = status["state"]
        if state != shown:
            ids = ", ".join(part["carrier_id"] for part in status["parts"] if part["carrier_id"])
            print(f"{state:<10} {status['carrier']} {ids}".rstrip(), flush=True)
            shown = state
        if status["final"] or state == "unknown":
            return DONE if state in _GOOD else FAILED
        await anyio.sleep(ASK_SECONDS)


SEND: Final = Command("send", "submit one message and wait for its end", configure, run)
