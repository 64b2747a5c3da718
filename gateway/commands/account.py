"""What every command that speaks to a gateway asks for: where it is, who asks, and the secret."""

import argparse
import signal
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import anyio

from config.addresses import Address, TcpAddress, parse_address
from config.certificates import add_tls, client_context, given
from config.command import FAILED, WRONG_USE, complain
from config.load import environment
from gateway.client import Client, ClientError, Options, connect

T = TypeVar("T")


class WrongUse(Exception):
    """What was asked for cannot be, and why."""


@dataclass(frozen=True, slots=True)
class Account:
    """One client of one gateway. address, tls: as `gateway.client.connect` takes them."""

    address: str
    client: str
    secret: str = field(repr=False)
    tls: ssl.SSLContext | None = None

    def connect(self) -> AbstractAsyncContextManager[Client]:
        """A greeted connection, which a command opens again itself if it wants to go on. Raises: ClientError."""
        return connect(self.address, self.client, self.secret, self.tls, Options(reconnect=False))


def add_account(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which gateway, and which of its clients."""
    add = parser.add_argument
    upstream = "the gateway's socket: unix:PATH, tcp:HOST:PORT or tls:HOST:PORT"
    add("--upstream", metavar="ADDRESS", required=True, help=upstream)
    add("--client", metavar="NAME", required=True, help="which client of the gateway you are")
    add("--secret-file", metavar="FILE", type=Path, help="read the secret from here instead of DENPO_SECRET")
    add_tls(parser)


def read_account(arguments: argparse.Namespace) -> Account:
    """The account that the flags name. Raises: WrongUse."""
    try:
        address = parse_address(arguments.upstream)
    except ValueError as error:
        raise WrongUse(f"--upstream: {error}") from None
    return Account(str(address), arguments.client, _secret(arguments.secret_file), _tls(address, arguments))


def run_as(command: str, arguments: argparse.Namespace, work: Callable[[Account], Awaitable[int]]) -> int:
    """Do what a command does with its gateway; returns the exit code. What goes wrong is said in one line."""
    try:
        return anyio.run(work, read_account(arguments))
    except WrongUse as error:
        return complain(command, str(error), WRONG_USE)
    except ClientError as error:
        return complain(command, str(error), FAILED)
    except BrokenPipeError:  # of our output; `denpo` knows what to do
        raise
    except OSError as error:
        return complain(command, error.strerror or str(error), FAILED)
    except UnicodeEncodeError:
        return complain(command, "what is to be sent, or the secret, is not UTF-8", WRONG_USE)


async def until_stopped(work: Callable[[], Awaitable[T]]) -> T | None:
    """Do something that SIGINT or SIGTERM may end where it waits; None when one did. Raises: what it raises."""
    done, failure = None, None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_on_signal, tasks.cancel_scope)
        try:
            done = await work()
        except Exception as error:  # raised outside, or it would come in a group
            failure = error
        tasks.cancel_scope.cancel()
    if failure:
        raise failure
    return done


async def _cancel_on_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
            return


def _tls(address: Address, arguments: argparse.Namespace) -> ssl.SSLContext | None:
    flags = given(arguments)
    if isinstance(address, TcpAddress) and address.tls:
        try:
            return client_context(arguments)
        except ValueError as error:
            raise WrongUse(str(error)) from None
    if flags:
        raise WrongUse(f"{', '.join(flags)}: only with --upstream tls:HOST:PORT")
    return None


def _secret(file: Path | None) -> str:
    try:
        secret = environment().get("DENPO_SECRET", "") if file is None else file.read_text(encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"--secret-file {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WrongUse(f"--secret-file {file}: is not UTF-8") from None
    if not secret.removesuffix("\n"):
        raise WrongUse("no secret: set DENPO_SECRET, or give --secret-file")
    return secret if file is None else secret.removesuffix("\n")
