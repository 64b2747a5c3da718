"""The flags of commands that connect with TLS, and the context that they ask for."""

import argparse
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FLAGS: Final = ("--tls-ca", "--tls-cert", "--tls-key")


def add_tls(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    add = parser.add_argument
    ca = "verify the server against the PEM certificates in this file, not the system's authorities"
    add("--tls-ca", metavar="FILE", type=Path, help=ca)
    add("--tls-cert", metavar="FILE", type=Path, help="show this PEM certificate; needs --tls-key")
    add("--tls-key", metavar="FILE", type=Path, help="the key to it, PEM, without a passphrase")


def given(arguments: argparse.Namespace) -> list[str]:
    """Which of the flags were used."""
    return [flag for flag, file in zip(FLAGS, _files(arguments), strict=True) if file is not None]


def client_context(arguments: argparse.Namespace) -> ssl.SSLContext:
    """What verifies the server's certificate and host name, and shows ours if there is one.

    Raises: ValueError: which flag is of no use, and why.
    """
    ca, cert, key = _files(arguments)
    if (cert is None) != (key is None):
        raise ValueError("--tls-cert and --tls-key need each other")
    for flag, file in zip(FLAGS, (ca, cert, key), strict=True):
        if file is not None:
            _check_readable(flag, file)
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError:  # an ssl.SSLError is one
        raise ValueError(f"--tls-ca {ca}: no PEM certificates there") from None
    if cert:
        _show(context, cert, key)
    return context


def _files(arguments: argparse.Namespace) -> Iterator[Path | None]:
    yield from (arguments.tls_ca, arguments.tls_cert, arguments.tls_key)


def _check_readable(flag: str, file: Path) -> None:
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise ValueError(f"{flag} {file}: {error.strerror}") from None


def _show(context: ssl.SSLContext, cert: Path, key: Path | None) -> None:
    try:
        context.load_cert_chain(cert, key, password="")  # or OpenSSL would ask for one at the terminal
    except OSError:
        wrong = "no PEM certificate and its key, or the key has a passphrase"
        raise ValueError(f"--tls-cert {cert}, --tls-key {key}: {wrong}") from None
