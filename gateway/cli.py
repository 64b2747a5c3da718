"""The `denpo` command: the gateway's subcommands; those of rooms that it may not import come by entry points."""

import argparse
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from time import time
from typing import Any, Final

import structlog
import trio

from config.command import DONE, FAILED, WRONG_USE, Command, add_log_format, calm_collector, complain, set_up_log
from config.load import ConfigError, Loaded, load
from gateway.app import Gateway
from gateway.commands.bulk.cli import BULK
from gateway.commands.standing import CANCEL, STATUS
from gateway.commands.stream import EVENTS, LISTEN
from gateway.commands.trace import TRACE
from gateway.defects import report
from gateway.send import SEND
from gateway.store.sqlite import SqliteStore

SWITCH_SECONDS: Final = 0.0001
"""The store's thread asks for the interpreter's lock after so long, not after 5 ms: it needs it for a moment after each
statement, and meanwhile neither goes on (27,000 instead of 24,000 messages/s where the loop is always busy)."""

_ABOUT: Final = "An SMPP gateway for Japanese text, and an SMSC simulator to test it with."

_GATEWAY: Final = """\
Take messages from applications over the upstream socket, keep them on disk, and send them to the carriers' SMSCs.
Runs in the foreground. Logs go to standard error, one line each; the event "ready" names the addresses. SIGTERM or
SIGINT stops it: no new messages, then the answers that carriers owe, then unbind. SIGHUP has it read the configuration
again, and change what is other now."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns its exit code."""
    parsed = make_parser().parse_args(arguments)
    try:
        code: int = parsed.run(parsed)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = complain(parsed.command, "interrupted", FAILED)
    except BrokenPipeError:  # who reads our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    return code


def make_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands; what it parses has `run`."""
    parser = argparse.ArgumentParser("denpo", description=_ABOUT)
    subparsers = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    others: list[Command] = [entry.load() for entry in entry_points(group="denpo.commands")]
    commands = {command.name: command for command in [*others, *OWN]}
    for name in sorted(commands):
        subparser = subparsers.add_parser(name, help=commands[name].summary)
        commands[name].configure(subparser)
        subparser.set_defaults(run=commands[name].run)
    return parser


def _configure_gateway(parser: argparse.ArgumentParser) -> None:
    parser.description = _GATEWAY
    parser.add_argument("--config", metavar="FILE", type=Path, required=True, help="the configuration, TOML")
    parser.add_argument("--check", action="store_true", help="say what would run, or what is wrong, and end")
    add_log_format(parser)


def _run_gateway(arguments: argparse.Namespace) -> int:
    try:
        loaded = load(arguments.config)
    except ConfigError as error:
        return complain("gateway", f"{arguments.config} has errors\n{error}", WRONG_USE)
    if arguments.check:
        _show_plan(loaded)
        return DONE
    set_up_log(arguments.log_format)
    for warning in loaded.warnings:
        structlog.get_logger().warning("configuration", warning=warning)
    failures: list[str] = []
    try:
        trio.run(_serve, loaded)
    except* (OSError, ValueError) as errors:
        failures += map(_explain, _leaves(errors))
    except* sqlite3.Error as errors:
        failures += (f"the store in {loaded.settings.gateway.data_dir}: {error}" for error in _leaves(errors))
    return complain("gateway", failures[0], FAILED) if failures else DONE


async def _serve(loaded: Loaded) -> None:
    settings = loaded.settings
    store = SqliteStore(settings.gateway.data_dir, time, settings.gateway.commit_batch)
    grace = max(carrier.unknown_grace for carrier in settings.carriers.values())
    await store.open(unknown_until=time() + grace)
    gateway = Gateway(settings, store)
    sys.setswitchinterval(SWITCH_SECONDS)
    calm_collector()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async with trio.open_nursery() as nursery:
            asked, reloads = trio.open_memory_channel[None](1)
            nursery.start_soon(_obey, signals, gateway, asked)
            nursery.start_soon(_reload_on, reloads, loaded.path, gateway)
            await gateway.run(lambda addresses: structlog.get_logger().info("ready", **addresses))
            nursery.cancel_scope.cancel()
    structlog.get_logger().info("stopped")


async def _obey(signals: Any, gateway: Gateway, reload: trio.MemorySendChannel[None]) -> None:  # noqa: ANN401  # an async iterator that Trio does not name
    async for number in signals:
        if number == signal.SIGHUP:
            with suppress(trio.WouldBlock):  # one that has not begun will read the file as it is then
                reload.send_nowait(None)
        else:
            structlog.get_logger().info("stopping")
            gateway.stop()


async def _reload_on(asked: trio.MemoryReceiveChannel[None], path: Path, gateway: Gateway) -> None:
    """Reload whenever it is asked, one after the other; what is wrong changes nothing."""
    log = structlog.get_logger()
    async for _ in asked:
        try:
            loaded = await trio.to_thread.run_sync(load, path)
            for warning in loaded.warnings:
                log.warning("configuration", warning=warning)
            await gateway.reload(loaded.settings)
        except ConfigError as error:
            log.error("not_reloaded", reason=f"{path} has errors; nothing was changed", errors=error.lines)
        except OSError as error:
            log.error("not_reloaded", reason="nothing was changed", errors=[_explain(error)])
        except Exception as error:  # what is new is refused above; a defect must not end what runs by the old
            report(error, task="reload")
            gateway.core.counts.task_defects += 1


def _show_plan(loaded: Loaded) -> None:
    settings = loaded.settings
    print(f"{loaded.path} is right. It would run {settings.gateway.name}:")
    print(f"  store      {settings.gateway.data_dir}")
    print(f"  upstream   {', '.join(map(str, settings.upstream.listen))}")
    print(f"  web        {settings.web.listen.authority}")
    for name in settings.clients:
        print(f"  client     {name}")
    for name, carrier in settings.carriers.items():
        for bind in carrier.binds:
            rate = f"{carrier.parts_per_second:g} parts/s" if carrier.parts_per_second else "no rate limit"
            print(f"  carrier    {name}: {bind.type} {bind.place}, window {bind.window}, {rate}")
    for warning in loaded.warnings:
        print(f"  warning    {warning}")


def _explain(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)


def _leaves(group: BaseExceptionGroup[Exception]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


GATEWAY: Final = Command("gateway", "take messages and send them to carriers", _configure_gateway, _run_gateway)

OWN: Final = (BULK, CANCEL, EVENTS, GATEWAY, LISTEN, SEND, STATUS, TRACE)
"""The subcommands of this room."""


if __name__ == "__main__":
    sys.exit(main())
