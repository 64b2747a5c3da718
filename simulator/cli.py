"""The `simulator` command: an SMSC on SMPP, and HTTP to look into it."""

import argparse
import secrets
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from math import inf
from typing import Final

import structlog
import trio

from config.addresses import TcpAddress, parse_endpoint
from config.command import DONE, FAILED, WRONG_USE, Command, add_log_format, calm_collector, complain, set_up_log
from protocol import link
from simulator.behaviour import Behaviour
from simulator.ledger import Ledger
from simulator.smsc import LIMITS, Smsc, Terms
from simulator.web import serve_web

_DESCRIPTION: Final = """\
Stand in for a carrier: listen for SMPP 3.4 binds, take every submit_sm, send receipts, and keep a ledger of what was
taken. The ledger and messages from handsets go over HTTP: GET /ledger, /summary, /sessions; DELETE /ledger; POST /mo.
Runs until SIGTERM or SIGINT. Logs go to standard error, one line each; the event "ready" names the addresses."""


class CannotListen(Exception):
    """An address that cannot be listened on, and why."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.description = _DESCRIPTION
    add = parser.add_argument
    port = "port 0: any free one (%(default)s)"
    add("--listen", metavar="HOST:PORT", type=_endpoint, default="127.0.0.1:2775", help=f"where ESMEs bind; {port}")
    add("--http", metavar="HOST:PORT", type=_endpoint, default="127.0.0.1:8775", help=f"where you look in; {port}")
    add("--system-id", metavar="ID", type=_octets(15), help="the one account that may bind; without it, any may")
    add("--password", metavar="WORD", type=_octets(8), help="what its bind must bring; without it, anything will do")
    add("--seed", metavar="N", type=int, help="repeat a run: decides the message ids (chosen at random if left out)")
    add(
        "--receipt-delay", metavar="SECONDS", type=_seconds, default=0.5, help="from submit_sm to receipt (%(default)s)"
    )
    add("--ledger-size", metavar="N", type=_count, default=200_000, help="parts to remember (%(default)s)")
    add("--window", metavar="N", type=_count, default=100, help="deliver_sm unanswered at once, per bind (%(default)s)")
    add_log_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the simulator until a signal ends it; returns the exit code."""
    if arguments.password is not None and arguments.system_id is None:
        return complain("simulator", "--password needs --system-id: without an account, any may bind", WRONG_USE)
    set_up_log(arguments.log_format)
    try:
        trio.run(_serve, arguments)
    except CannotListen as error:
        return complain("simulator", str(error), FAILED)
    return DONE


async def _serve(arguments: argparse.Namespace) -> None:
    calm_collector()
    async with AsyncExitStack() as opened:
        signals = opened.enter_context(trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT))
        smpp = await _listen(arguments.listen, opened)
        http = await _listen(arguments.http, opened)
        seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
        smsc = _make_smsc(arguments, seed)
        stop = trio.Event()
        log = structlog.get_logger()
        log.info("ready", smpp=_name(smpp), http=_name(http), seed=seed)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(smsc.serve, smpp, stop)
            nursery.start_soon(serve_web, smsc, http, stop)
            await anext(aiter(signals))
            stop.set()
        log.info("stopped", parts=smsc.ledger.parts, deliveries_pending=smsc.outbox.pending)


def _make_smsc(arguments: argparse.Namespace, seed: int) -> Smsc:
    terms = Terms(
        system_id=arguments.system_id,
        password=arguments.password,
        limits=replace(LIMITS, window=arguments.window),
    )
    behaviour = Behaviour(seed, arguments.receipt_delay)
    return Smsc(behaviour, Ledger(arguments.ledger_size), terms, epoch=time.time() - trio.current_time())


async def _listen(address: TcpAddress, opened: AsyncExitStack) -> list[trio.SocketListener]:
    try:
        listeners = await link.listen(address.host, address.port)
    except OSError as error:
        raise CannotListen(f"cannot listen on {address.authority}: {link.explain(error).lower()}") from None
    for listener in listeners:
        opened.push_async_callback(listener.aclose)
    return listeners


def _name(listeners: list[trio.SocketListener]) -> str:
    """The addresses really bound; a host name may stand for more than one."""
    names = [listener.socket.getsockname() for listener in listeners]
    return ",".join(TcpAddress(host, port).authority for host, port, *_ in names)


def _endpoint(text: str) -> TcpAddress:
    try:
        return parse_endpoint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _octets(most: int) -> Callable[[str], bytes]:
    def check(text: str) -> bytes:
        if not (text.isascii() and text.isprintable() and 1 <= len(text) <= most):
            raise argparse.ArgumentTypeError(f"must be 1 to {most} ASCII characters: SMPP has no room for others")
        return text.encode("ascii")

    return check


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 8 and 1 <= int(text) <= 10_000_000):
        raise argparse.ArgumentTypeError("must be a whole number, 1 to 10000000")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < inf:
        raise argparse.ArgumentTypeError("must be a number of seconds, 0 or more")
    return seconds


SIMULATOR: Final = Command("simulator", "run an SMSC that stands in for the carriers", configure, run)


def main() -> int:
    """Run the command by itself, without `denpo`."""
    parser = argparse.ArgumentParser(prog="python -m simulator.cli")
    configure(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
