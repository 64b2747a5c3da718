"""The `load` command: how fast an SMSC or a gateway is, and how long it takes, told honestly."""

import argparse
import json
import signal
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import trio

from config.addresses import Address, UnixAddress
from config.certificates import client_context, given
from config.command import DONE, FAILED, WRONG_USE, Command, calm_collector, complain
from config.load import environment
from simulator.load.chart import draw_page, draw_svg
from simulator.load.figures import Figures, figures
from simulator.load.options import add_smpp, add_upstream, make_plan
from simulator.load.run import LoadFailed, Run
from simulator.load.smpp import Account, SmppClient
from simulator.load.target import connector, is_local
from simulator.load.upstream import Client, UpstreamClient

if TYPE_CHECKING:
    from rich.console import Console

_DESCRIPTION: Final = """\
Send messages at a rate of their own (--rate: an open loop, where a slow server cannot hide its delays) or as fast as
they are taken (--closed), and report how long each took. Stays on this machine unless --anywhere is given. Ctrl-C ends
it early, with a report of what was done."""
_SMPP: Final = "Load any SMSC that speaks SMPP 3.4, over transceiver binds."
_UPSTREAM: Final = """\
Load any gateway that speaks the upstream protocol, version 1. The secret comes from the environment variable
DENPO_SECRET or from --secret-file. Use a client of its own: all its events are taken and acknowledged. --to-range has
no default here: a gateway may lead to real carriers, and the numbers that it accepts may be somebody's."""

_Load: TypeAlias = SmppClient | UpstreamClient
_DRAWERS: Final[dict[str, Callable[[Figures], str]]] = {".svg": draw_svg, ".html": draw_page}


class WrongUse(Exception):
    """What was asked for cannot be, and why."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the two kinds of load, with their flags."""
    parser.description = _DESCRIPTION
    kinds = parser.add_subparsers(metavar="KIND", dest="kind", required=True)
    smpp = kinds.add_parser("smpp", help="load an SMSC", description=_SMPP)
    add_smpp(smpp)
    upstream = kinds.add_parser("upstream", help="load a gateway", description=_UPSTREAM)
    add_upstream(upstream)


def run(arguments: argparse.Namespace) -> int:
    """Make the load and report it; returns the exit code."""
    from rich.console import Console  # here, since every `denpo` command reads this file

    run = Run(make_plan(arguments))
    try:
        client = _make_client(run, arguments)
    except WrongUse as error:
        return complain("load", str(error), WRONG_USE)
    calm_collector()
    try:
        trio.run(_drive, run, client, Console(stderr=True))
    except* LoadFailed as group:
        run.failure = run.failure or str(_first(group))
    if not run.tally.sent:
        return complain("load", run.failure or "ended before anything was sent", FAILED)
    return _report(run, arguments)


def _make_client(run: Run, arguments: argparse.Namespace) -> _Load:
    address = arguments.address
    if not arguments.anywhere and not is_local(address):
        reason = (
            "a load that reaches a carrier by mistake sends real messages to real people; if you mean it, --anywhere"
        )
        raise WrongUse(f"{address} is not on this machine, and {reason}")
    connect = connector(address, _tls(address, arguments))
    if arguments.kind == "smpp":
        account = Account(arguments.system_id.encode("ascii"), arguments.password.encode("ascii"))
        return SmppClient(run, account, connect)
    return UpstreamClient(run, Client(arguments.client, _secret(arguments.secret_file)), connect)


def _tls(address: Address, arguments: argparse.Namespace) -> ssl.SSLContext | None:
    """Raises: WrongUse: a file is of no use, or nothing speaks TLS there."""
    if isinstance(address, UnixAddress):
        if arguments.tls or given(arguments):
            raise WrongUse("a Unix socket has no TLS")
        return None
    if not (address.tls or arguments.tls or given(arguments)):
        return None
    try:
        return client_context(arguments)
    except ValueError as error:
        raise WrongUse(str(error)) from None


def _secret(file: Path | None) -> str:
    """Raises: WrongUse: there is none."""
    try:
        secret = file.read_text(encoding="utf-8").removesuffix("\n") if file else environment().get("DENPO_SECRET", "")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise WrongUse(f"--secret-file {file}: {reason}") from None
    if not secret:
        raise WrongUse("no secret: set DENPO_SECRET, or give --secret-file")
    return secret


async def _drive(run: Run, client: _Load, console: "Console") -> None:
    from simulator.load.screen import show_live

    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_on, signals, run, nursery.cancel_scope)
            if console.is_terminal:
                nursery.start_soon(show_live, run, console)
            await client.load()
            nursery.cancel_scope.cancel()


async def _stop_on(signals: Any, run: Run, scope: trio.CancelScope) -> None:  # noqa: ANN401  # an async iterator that Trio does not name
    async for _ in signals:
        if not run.tally.started or run.finished.is_set():
            scope.cancel()
        run.stop()


def _report(run: Run, arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from simulator.load.screen import show_report

    address = arguments.address
    unit = "submit_sm" if arguments.kind == "smpp" else "messages"
    found = figures(run, f"denpo load {arguments.kind} {address}", unit)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a stream of text always; it may not be UTF-8
    show_report(found, Console())
    written: dict[Path, str] = {}
    if arguments.json:
        written[arguments.json] = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    if arguments.chart:
        written[arguments.chart] = _DRAWERS[arguments.chart.suffix](found)
    for path, text in written.items():
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            return complain("load", f"cannot write {path}: {error.strerror}", FAILED)
    if run.failure:
        return complain("load", run.failure, FAILED)
    if not run.tally.accepted:
        return complain("load", "nothing was accepted" if run.tally.answered else "nothing was answered", FAILED)
    return DONE


def _first(group: BaseExceptionGroup[LoadFailed]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


LOAD: Final = Command("load", "send messages in numbers, and measure what becomes of them", configure, run)
