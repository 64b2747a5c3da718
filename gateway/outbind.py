"""The SMSC connects to us and asks us to bind: its connection, once it has proven itself (SMPP 3.4, 2.2.1, 4.1.7).

Anybody may connect. So no more than `max_connections` are heard at once, each has `timeout` to send an outbind with the
right credentials, and nobody is told what was wrong with theirs. While a bind is up nobody is listened to.
"""

import hmac
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import structlog
import trio

from protocol.events import Closed, Event, Notified
from protocol.link import answer_call, explain, listen, read_first
from protocol.operations import Outbind
from protocol.session import Session

if TYPE_CHECKING:
    from config.settings import OutbindSettings

ACCEPT_PAUSE_SECONDS: Final = 0.1
"""After a connection could not be accepted: mostly for want of file descriptors."""

_log = structlog.get_logger()


class Outbinds:
    """Listens for the SMSC of one bind, again for each connection.

    Args: tls: our side, when the SMSC has to speak TLS. make_session: for each connection.
    """

    def __init__(
        self, bind: str, settings: "OutbindSettings", tls: ssl.SSLContext | None, make_session: Callable[[], Session]
    ) -> None:
        self._bind = bind
        self._settings = settings
        self._tls = tls
        self._make_session = make_session
        self._heard = 0
        """Connections that have not proven themselves yet."""
        self._met: tuple[trio.abc.Stream, Session] | None = None

    def follow(self, bind: str, tls: ssl.SSLContext | None) -> None:
        """Go by another name, and by another side of TLS, for the connections to come."""
        self._bind, self._tls = bind, tls

    async def meet(self) -> tuple[trio.abc.Stream, Session]:
        """Listen until the SMSC has proven itself; then no longer. Raises: OSError: can't listen there."""
        self._met = None
        address = self._settings.listen
        listeners = await listen(address.host, address.port)
        try:
            async with trio.open_nursery() as nursery:
                for listener in listeners:
                    nursery.start_soon(self._accept, listener, nursery)
        except trio.Cancelled:
            if self._met:
                await trio.aclose_forcefully(self._met[0])
            raise
        finally:
            for listener in listeners:
                listener.socket.close()
        assert self._met is not None, "nothing else ends the nursery"
        return self._met

    async def _accept(self, listener: trio.SocketListener, nursery: trio.Nursery) -> None:
        while True:
            try:
                stream = await listener.accept()
            except OSError as error:
                self._refuse("", f"cannot accept: {explain(error)}")
                await trio.sleep(ACCEPT_PAUSE_SECONDS)
                continue
            if self._heard >= self._settings.max_connections:
                self._refuse(_peer(stream), "too many connections wait to prove themselves")
                await trio.aclose_forcefully(stream)
            else:
                self._heard += 1
                nursery.start_soon(self._hear, stream, nursery)

    async def _hear(self, caller: trio.SocketStream, nursery: trio.Nursery) -> None:
        """Hear one connection out, which is closed if it is not the SMSC's."""
        reason, stream = f"no outbind came within {self._settings.timeout:g} s", None
        try:
            with trio.move_on_after(self._settings.timeout):
                session = self._make_session()
                try:
                    stream = await answer_call(caller, self._tls)
                    reason = self._check(await read_first(stream, session))
                except trio.BrokenResourceError as error:
                    reason = f"TLS failed: {explain(error)}"
            if not reason and stream is not None and self._met is None:
                self._met = stream, session
                nursery.cancel_scope.cancel()
                return
            self._refuse(_peer(caller), reason)
        finally:
            self._heard -= 1
            if self._met is None or self._met[0] is not stream:
                await trio.aclose_forcefully(caller)

    def _check(self, events: list[Event]) -> str:
        """Why this is not the SMSC; empty when it is."""
        match events[0]:
            case Notified(pdu=Outbind(system_id=system_id, password=password)):
                expected = self._settings
                known = hmac.compare_digest(system_id, expected.system_id.encode("ascii"))
                proven = hmac.compare_digest(password, expected.password.get_secret_value().encode("ascii"))
                return "" if known & proven else "its outbind has the wrong system_id or password"
            case Closed(reason=reason):
                return f"it sent no outbind: {reason}"
            case _:
                return "what it sent first was no outbind"

    def _refuse(self, peer: str, reason: str) -> None:
        _log.warning("outbind_refused", bind=self._bind, peer=peer, reason=reason)


def _peer(stream: trio.SocketStream) -> str:
    """The address at the other end; empty when it is gone."""
    try:
        return str(stream.socket.getpeername()[0])
    except OSError:
        return ""
