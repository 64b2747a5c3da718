"""Open a stream to a gateway: a Unix socket, TCP, or TCP with TLS."""

import os
import ssl
from typing import Final

import anyio
from anyio.abc import ByteStream

from gateway.client.errors import ClientError
from gateway.client.shapes import Target

MAX_PORT: Final = 65535
_FORMS: Final = '"unix:PATH", "tcp:HOST:PORT" or "tls:HOST:PORT"'


async def open_stream(target: Target, seconds: float) -> ByteStream:
    """Connect. Raises: ClientError: nobody is there within so many seconds, or that is no address."""
    kind, _, where = target.address.partition(":")
    host, _, port = where.rpartition(":")
    endpoint = kind in ("tcp", "tls") and host and port.isdecimal() and int(port) <= MAX_PORT
    if not endpoint and (kind != "unix" or not where):
        raise ClientError("connection", f'an address is {_FORMS}, not "{target.address}"')
    if kind == "unix" and target.tls:
        raise ClientError("connection", "TLS is for TCP; a Unix socket needs none")
    try:
        with anyio.fail_after(seconds):
            if kind == "unix":
                return await anyio.connect_unix(where)
            return await _connect(host.strip("[]"), int(port), target.tls or _standard(kind))
    except (OSError, TimeoutError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
        raise ClientError("connection", f"no gateway at {target.address}: {explain(error)}") from None


async def _connect(host: str, port: int, tls: ssl.SSLContext | None) -> ByteStream:
    if tls is None:
        return await anyio.connect_tcp(host, port)
    return await anyio.connect_tcp(host, port, ssl_context=tls, tls_hostname=host, tls_standard_compatible=False)


def _standard(kind: str) -> ssl.SSLContext | None:
    return ssl.create_default_context() if kind == "tls" else None


def explain(error: BaseException) -> str:
    """The plainest reason: of several attempts to connect, the first one's."""
    if isinstance(error, TimeoutError):
        return "no answer"
    while error.__cause__ is not None:
        error = error.__cause__
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ssl.SSLError):
        return getattr(error, "verify_message", "") or (error.reason or "no TLS").replace("_", " ").lower()
    number = getattr(error, "errno", None)
    return os.strerror(number) if number and number > 0 else str(getattr(error, "strerror", None) or error)
