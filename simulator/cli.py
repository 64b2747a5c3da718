"""The `simulator` command: an SMSC on SMPP, and HTTP to look into it."""

import argparse
import secrets
import signal
import ssl
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Final

import structlog
import trio
from pydantic import SecretStr

from config.addresses import TcpAddress, parse_endpoint
from config.command import DONE, FAILED, WRONG_USE, Command, add_log_format, calm_collector, complain, set_up_log
from config.faults import ReceiptSettings
from config.load import ConfigError
from config.scenario import AccountSettings, Scenario, find_scenario, load_scenario, shipped_scenarios
from protocol import link
from simulator import report
from simulator.behaviour import Behaviour
from simulator.connection import Connection
from simulator.ledger import Ledger, LedgerFailed, Part, Shelf
from simulator.live import Hub
from simulator.parts import show
from simulator.pcap import Pcap, ends_of
from simulator.pdulog import PduTap
from simulator.smsc import LIMITS, STOP_SECONDS, Smsc, Terms
from simulator.web import serve_web
from simulator.wire import Direction, Tap

_DESCRIPTION: Final = """\
Stand in for a carrier: listen for SMPP binds, take messages and send receipts as a scenario says, and keep a ledger of
what was taken. The page at the HTTP address shows it as a phone would, hands in what a handset sends, and switches
faults; programs use the same address (docs/simulator.md). Runs until SIGTERM or SIGINT. Logs go to standard error, one
line each; the event "ready" names the addresses."""


class CannotListen(Exception):
    """An address that cannot be listened on, or a file that cannot be written, and why."""


class WrongUse(Exception):
    """Flags that do not go together, and why."""


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
    scenarios = ", ".join(shipped_scenarios())
    add("--scenario", metavar="NAME|FILE", help=f"how it behaves: a file, or one of {scenarios}; without it, friendly")
    add(
        "--receipt-delay",
        metavar="SECONDS",
        type=_seconds,
        help="from submit_sm to receipt, whatever the scenario says",
    )
    add("--ledger", metavar="FILE", type=Path, help="keep the ledger in this file, and go on with it (else: temporary)")
    add("--ledger-size", metavar="N", type=_count, default=1_000_000, help="parts to remember (%(default)s)")
    add("--window", metavar="N", type=_count, default=100, help="deliver_sm unanswered at once, per bind (%(default)s)")
    add("--tls-cert", metavar="FILE", type=Path, help="speak TLS: PEM file of the certificate and its chain")
    add("--tls-key", metavar="FILE", type=Path, help="PEM file of its key, without a passphrase")
    add("--pcap", metavar="FILE", type=Path, help="write every session into a file that Wireshark opens")
    add_log_format(parser)
    tasks = parser.add_subparsers(metavar="report", title="instead of running")
    inner = tasks.add_parser("report", help="say what a simulator was sent, and what was wrong with it")
    report.configure(inner, inherit=True)
    inner.set_defaults(task=report.run)
    parser.set_defaults(task=None)


def run(arguments: argparse.Namespace) -> int:
    """Run the simulator until a signal ends it; returns the exit code."""
    if arguments.task is not None:
        return int(arguments.task(arguments))
    if arguments.password is not None and arguments.system_id is None:
        return complain("simulator", "--password needs --system-id: without an account, any may bind", WRONG_USE)
    if (arguments.tls_cert is None) != (arguments.tls_key is None):
        return complain("simulator", "--tls-cert and --tls-key are needed together", WRONG_USE)
    try:
        scenario = Scenario()
        if arguments.scenario is not None:
            scenario = load_scenario(find_scenario(arguments.scenario))
        if arguments.receipt_delay is not None:
            scenario = _delayed(scenario, arguments.receipt_delay)
        accounts = _accounts(arguments, scenario)
        tls = _tls(arguments)
    except (ConfigError, WrongUse) as error:
        return complain("simulator", str(error), WRONG_USE)
    set_up_log(arguments.log_format)
    failures: list[BaseException] = []
    try:
        trio.run(_serve, arguments, scenario, accounts, tls)
    except* (CannotListen, LedgerFailed) as errors:
        failures += errors.exceptions
    while failures and isinstance(failures[0], BaseExceptionGroup):
        failures = [*failures[0].exceptions]
    return complain("simulator", str(failures[0]), FAILED) if failures else DONE


def _delayed(scenario: Scenario, delay: float) -> Scenario:
    """The scenario with another delay of receipts in all its phases, and in rules that have one of their own."""

    def delayed(receipts: ReceiptSettings) -> ReceiptSettings:
        return receipts.model_copy(update={"delay": delay})

    phases = []
    for phase in scenario.phases:
        rules = [rule.model_copy(update={"receipts": delayed(rule.receipts)}) for rule in phase.rules]
        phases.append(phase.model_copy(update={"receipts": delayed(phase.receipts), "rules": tuple(rules)}))
    return scenario.model_copy(update={"phases": tuple(phases)})


def _accounts(arguments: argparse.Namespace, scenario: Scenario) -> Sequence[AccountSettings]:
    if arguments.system_id is None:
        return scenario.accounts
    if scenario.accounts:
        raise WrongUse("--system-id and a scenario with accounts: leave out one of them")
    system_id, password = (each.decode("ascii") for each in (arguments.system_id, arguments.password or b""))
    return (AccountSettings(system_id=system_id, password=SecretStr(password)),)


def _tls(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    if arguments.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(arguments.tls_cert, arguments.tls_key, password=b"")  # else it would ask for one
    except (ssl.SSLError, OSError) as error:
        files = f"{arguments.tls_cert} and {arguments.tls_key}"
        raise WrongUse(f"--tls-cert and --tls-key: no certificate with its key in {files}: {error}") from None
    return context


async def _serve(
    arguments: argparse.Namespace,
    scenario: Scenario,
    accounts: Sequence[AccountSettings],
    tls: ssl.SSLContext | None,
) -> None:
    calm_collector()
    async with AsyncExitStack() as opened:
        signals = opened.enter_context(trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT))
        smpp = await _listen(arguments.listen, opened)
        http = await _listen(arguments.http, opened)
        seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
        ledger = Ledger(arguments.ledger_size, Shelf.open(arguments.ledger) if arguments.ledger else None)
        opened.push_async_callback(ledger.close)
        smsc = _make_smsc(arguments, (scenario, accounts), ledger, seed)
        hub = watch(smsc)
        pcap = _record(arguments.pcap, smsc, opened) if arguments.pcap else None
        stop = trio.Event()
        doors = [trio.SSLListener(each, tls) for each in smpp] if tls else smpp
        log = structlog.get_logger()
        log.info("ready", smpp=_name(smpp), http=_name(http), seed=seed)
        async with trio.open_nursery() as nursery:
            if pcap:
                nursery.start_soon(pcap.run)
            nursery.start_soon(smsc.serve, doors, stop)
            nursery.start_soon(serve_web, smsc, hub, http, stop)
            await anext(aiter(signals))
            stop.set()
            nursery.cancel_scope.deadline = trio.current_time() + 2 * STOP_SECONDS
        log.info("stopped", parts=smsc.ledger.parts, deliveries_pending=smsc.outbox.pending)


def _make_smsc(
    arguments: argparse.Namespace, played: tuple[Scenario, Sequence[AccountSettings]], ledger: Ledger, seed: int
) -> Smsc:
    scenario, accounts = played
    terms = Terms(
        accounts=accounts,
        any_password=arguments.password is None and arguments.system_id is not None,
        limits=replace(LIMITS, window=arguments.window),
    )
    started = trio.current_time()
    behaviour = Behaviour(scenario, seed, started)
    return Smsc(behaviour, ledger, terms, time.time() - started, seed)


def watch(smsc: Smsc) -> Hub:
    """Have what happens told to those who watch."""
    hub = Hub()

    def show_parts(parts: Sequence[Part]) -> None:
        for part in parts:
            hub.publish_made("part", partial(show_part, part))

    def show_session(connection: Connection) -> None:
        hub.publish_made("session", connection.describe)

    def tap(number: int, _stream: trio.abc.Stream, _opened_by: Direction) -> Sequence[Tap]:
        return (PduTap(hub, number, smsc.epoch),)

    smsc.ledger.on_part.append(show_parts)
    smsc.changed, smsc.settled = show_session, lambda: hub.publish("receipt", {})
    smsc.tapping = tap
    return hub


def show_part(part: Part) -> dict[str, Any]:
    """What is told of a part to those who watch."""
    submit = part.submit
    ends = {"number": show(submit.destination_addr), "other": show(submit.source_addr)}
    return {"index": part.index, "session": part.session, **ends}


def _record(path: Path, smsc: Smsc, opened: AsyncExitStack) -> Pcap:
    """Have every connection written into a file. Raises: CannotListen: it cannot be written."""
    try:
        pcap = Pcap(path, smsc.epoch)
    except OSError as error:
        raise CannotListen(f"cannot write {path}: {link.explain(error).lower()}") from None
    opened.callback(pcap.close)
    watching = smsc.tapping

    def tap(number: int, stream: trio.abc.Stream, opened_by: Direction) -> Sequence[Tap]:
        recording = pcap.record(ends_of(stream), trio.current_time(), opened_by)
        return (*watching(number, stream, opened_by), recording)

    smsc.tapping = tap
    return pcap


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
