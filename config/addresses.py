"""Addresses to listen on or connect to: `unix:PATH`, `tcp:HOST:PORT`, `tls:HOST:PORT`, and plain `HOST:PORT`."""

import re
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path
from typing import Final, TypeAlias

MAX_UNIX_OCTETS: Final = 107
"""Longest path of a Unix socket: Linux keeps it with its NUL in 108 octets (unix(7))."""

MAX_PORT: Final = 65535

_LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST: Final = re.compile(rf"(?=.{{1,254}}\Z){_LABEL}(\.{_LABEL})*\.?")
"""A name of labels of 1 to 63 characters (RFC 1035, 2.3.4): others can't even be asked for."""
_PORT: Final = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A Unix stream socket."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A TCP endpoint. host: a name, or an IP address without brackets; port: 0..65535, 0 for any free one.

    tls: TLS is spoken on it; only to connect to, for a listener's TLS has a certificate, and settings of its own.
    """

    host: str
    port: int
    tls: bool = False

    @property
    def authority(self) -> str:
        """HOST:PORT, an IPv6 address in brackets (RFC 3986, 3.2)."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{'tls' if self.tls else 'tcp'}:{self.authority}"


Address: TypeAlias = UnixAddress | TcpAddress


def parse_address(text: str) -> Address:
    """Read an address to connect to: `unix:PATH`, `tcp:HOST:PORT` or `tls:HOST:PORT`, an IPv6 host in brackets.

    Raises: ValueError: what must be there instead, without repeating the text.
    """
    scheme, _, rest = text.partition(":")
    if scheme == "unix":
        return UnixAddress(parse_socket_path(rest))
    if scheme in ("tcp", "tls"):
        return replace(parse_endpoint(rest, form=f"{scheme}:HOST:PORT"), tls=scheme == "tls")
    raise ValueError('must be "unix:PATH", "tcp:HOST:PORT" or "tls:HOST:PORT"')


def parse_listener(text: str) -> Address:
    """Read an address to listen on: `unix:PATH` or `tcp:HOST:PORT`, an IPv6 host in brackets.

    Raises: ValueError: what must be there instead, without repeating the text.
    """
    scheme = text.partition(":")[0]
    if scheme == "tls":
        raise ValueError('must be "tcp:HOST:PORT", which is TLS by a certificate and its key in upstream.tls')
    if scheme not in ("unix", "tcp"):
        raise ValueError('must be "unix:PATH" or "tcp:HOST:PORT"')
    return parse_address(text)


def parse_endpoint(text: str, form: str = "HOST:PORT") -> TcpAddress:
    """Read `HOST:PORT`, an IPv6 host in brackets; form: how an error names what was expected.

    Raises: ValueError: what must be there instead, without repeating the text.
    """
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError(f'must be "{form}", with a host and a port')
    if not _PORT.fullmatch(port) or int(port) > MAX_PORT:
        raise ValueError(f'must be "{form}" with a port of 0..{MAX_PORT}')
    return TcpAddress(_parse_host(host, form), int(port))


def parse_host(text: str) -> str:
    """Read a host alone: a name or an IP address, an IPv6 one with or without brackets.

    Raises: ValueError: what must be there instead, without repeating the text.
    """
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not _is_ipv6(bare) and not _HOST.fullmatch(text):
        raise ValueError("must be a host name or an IP address")
    return bare


def parse_socket_path(text: str) -> Path:
    """Read the path of a Unix socket.

    Raises: ValueError: it is empty, has a NUL or is longer than a socket's name may be.
    """
    if not text or "\0" in text:
        raise ValueError('must be "unix:PATH" with a path')
    if len(text.encode(errors="surrogateescape")) > MAX_UNIX_OCTETS:
        raise ValueError(f"must be a socket path of at most {MAX_UNIX_OCTETS} octets, its folder included")
    return Path(text)


def _parse_host(text: str, form: str) -> str:
    bracketed = text.startswith("[") and text.endswith("]")
    if ":" in text and not bracketed:
        raise ValueError(f'must be "{form}" with an IPv6 address in brackets, like [::1]')
    if bracketed and not _is_ipv6(text[1:-1]):
        raise ValueError(f'must be "{form}" with an IPv6 address between the brackets')
    if not bracketed and not _HOST.fullmatch(text):
        raise ValueError(f'must be "{form}" with a host name or an IP address')
    return text[1:-1] if bracketed else text


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True
