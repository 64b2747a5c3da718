"""`denpo send`: submit one message and wait for its end.

It asks for the status instead of subscribing to events: acknowledging them would take them from the application.
"""

import argparse
import uuid
from math import inf
from pathlib import Path
from typing import Final

import anyio

from config.addresses import parse_address
from config.command import DONE, FAILED, WRONG_USE, Command, complain
from config.load import environment
from gateway.client import Client, ClientError, Options, connect

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
    add("--upstream", metavar="ADDRESS", required=True, help="the gateway's socket: unix:PATH or tcp:HOST:PORT")
    add("--client", metavar="NAME", required=True, help="which client of the gateway you are")
    add("--to", metavar="NUMBER", required=True, help="the number, as people write it: 090-1234-5678")
    add("--text", metavar="TEXT", required=True, help="the message")
    add("--sender", metavar="ID", help="sender id; left out: the client's own")
    add("--lane", choices=("otp", "urgent", "normal", "bulk"), help="left out: the client's own")
    add("--id", metavar="ID", help="your own id; the same id is never sent twice (made up if left out)")
    add("--secret-file", metavar="FILE", type=Path, help="read the secret from here instead of DENPO_SECRET")
    add("--wait", metavar="SECONDS", type=_seconds, default=60.0, help="for the end of the message (%(default)g)")


def run(arguments: argparse.Namespace) -> int:
    """Submit and wait; returns the exit code."""
    try:
        address = str(parse_address(arguments.upstream))
    except ValueError as error:
        return complain("send", f"--upstream: {error}", WRONG_USE)
    try:
        secret = _secret(arguments.secret_file)
    except OSError as error:
        return complain("send", f"--secret-file {arguments.secret_file}: {error.strerror}", WRONG_USE)
    except UnicodeDecodeError:
        return complain("send", f"--secret-file {arguments.secret_file}: is not UTF-8", WRONG_USE)
    if not secret:
        return complain("send", "no secret: set DENPO_SECRET, or give --secret-file", WRONG_USE)
    try:
        return anyio.run(_send, address, secret, arguments)
    except ClientError as error:
        return complain("send", str(error), FAILED)
    except UnicodeEncodeError:
        return complain("send", "what is to be sent, or the secret, is not UTF-8", WRONG_USE)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < inf:
        raise argparse.ArgumentTypeError("must be a number of seconds, 0 or more")
    return seconds


def _secret(file: Path | None) -> str:
    if file is None:
        return environment().get("DENPO_SECRET", "")
    return file.read_text(encoding="utf-8").removesuffix("\n")


async def _send(address: str, secret: str, arguments: argparse.Namespace) -> int:
    optional = {"sender": arguments.sender, "lane": arguments.lane}
    message = {"id": arguments.id or uuid.uuid4().hex, "to": arguments.to, "text": arguments.text}
    message |= {key: value for key, value in optional.items() if value is not None}
    "".join(message.values()).encode()  # UnicodeEncodeError: an argument was not UTF-8
    async with connect(address, arguments.client, secret, options=Options(reconnect=False)) as client:
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
