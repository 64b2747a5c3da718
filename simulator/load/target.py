"""Where a load goes: only to this machine, unless it is said in so many words that it may go anywhere.

A load tool that is pointed at a carrier by mistake sends real messages to real people.
"""

import ssl
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Final, TypeAlias

import trio

from config.addresses import Address, UnixAddress
from protocol.link import connect, explain
from simulator.load.run import LoadFailed

CONNECT_SECONDS: Final = 10.0
"""For connecting, and again for being greeted."""

Connect: TypeAlias = Callable[[], Awaitable[trio.abc.Stream]]
"""Opens a connection. Raises: LoadFailed."""


def is_local(address: Address) -> bool:
    """Tell whether an address is certainly on this machine: a Unix socket, a loopback address, or localhost."""
    if isinstance(address, UnixAddress):
        return True
    try:
        return ip_address(address.host).is_loopback
    except ValueError:
        return address.host.lower() == "localhost"  # other names may lead anywhere


def connector(address: Address, tls: ssl.SSLContext | None) -> Connect:
    """What opens a connection to an address."""

    async def open_stream() -> trio.abc.Stream:
        try:
            with trio.fail_after(CONNECT_SECONDS):
                return await _open(address, tls)
        except trio.TooSlowError:
            raise LoadFailed(f"cannot connect: no answer within {CONNECT_SECONDS:g} s") from None
        except (OSError, UnicodeError, trio.BrokenResourceError) as error:  # UnicodeError: no name of a host
            raise LoadFailed(f"cannot connect: {explain(error).lower()}") from None

    return open_stream


async def _open(address: Address, tls: ssl.SSLContext | None) -> trio.abc.Stream:
    if isinstance(address, UnixAddress):
        return await trio.open_unix_socket(address.path)
    return await connect(address.host, address.port, tls)
