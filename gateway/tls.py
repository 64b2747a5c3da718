"""TLS as the settings want it: towards an SMSC, and at our own door."""

import errno
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.settings import BindSettings, UpstreamTls


def bind_context(settings: "BindSettings", name: str) -> ssl.SSLContext | None:
    """Verify the certificate and the host name; show ours if we have one; None: no TLS.

    For an outbind we are the server: `ca` says whose certificates the SMSC must show; without, none is asked for.

    Raises: OSError: a file is of no use.
    """
    if not settings.tls:
        return None
    purpose = ssl.Purpose.CLIENT_AUTH if settings.outbind else ssl.Purpose.SERVER_AUTH
    try:
        context = ssl.create_default_context(purpose, cafile=settings.ca)
        if settings.ca:
            context.verify_mode = ssl.CERT_REQUIRED
        if settings.cert:
            context.load_cert_chain(settings.cert, settings.key)
    except (ssl.SSLError, OSError) as error:
        files = ", ".join(str(file) for file in (settings.ca, settings.cert, settings.key) if file)
        key = "carriers." + name.replace(".", ".binds.")
        raise OSError(errno.EINVAL, f"{key}: no PEM certificate, or not with its key, in {files}: {error}") from None
    return context


def server_context(settings: "UpstreamTls") -> ssl.SSLContext:
    """Show our certificate, and ask for one if authorities are given. Raises: OSError: a file is of no use."""
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings.client_ca)
        context.load_cert_chain(settings.cert, settings.key)
    except (ssl.SSLError, OSError) as error:
        files = ", ".join(str(file) for file in (settings.cert, settings.key, settings.client_ca) if file)
        reason = f"upstream.tls: no PEM certificate, or not with its key, in {files}: {error}"
        raise OSError(errno.EINVAL, reason) from None
    if settings.client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
