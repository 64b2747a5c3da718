"""One bind: its connection is made, bound, kept, made again, drained; `Pump` feeds it, `Inbox` answers deliveries."""

import errno
import ssl
from typing import TYPE_CHECKING, Final

import structlog
import trio

from gateway.inbox import Inbox
from gateway.message import Part
from gateway.pump import Pump
from gateway.retry import backoff
from protocol.constants import BindType, Status, status_name, status_text
from protocol.events import Answered, BindRefused, Bound, Closed, Event, LateAnswer, Refused, Requested, Unanswered
from protocol.link import Link, connect, explain
from protocol.pdu import BindReceiver, BindTransceiver, BindTransmitter, Pdu
from protocol.session import Limits, Session
from protocol.states import Role

if TYPE_CHECKING:
    from config.settings import BindSettings
    from gateway.carrier import Carrier

_log = structlog.get_logger()

_REQUESTS: Final = {
    BindType.TRANSMITTER: BindTransmitter,
    BindType.RECEIVER: BindReceiver,
    BindType.TRANSCEIVER: BindTransceiver,
}


_CREDENTIALS: Final = {Status.RINVPASWD, Status.RINVSYSID, Status.RINVSYSTYP}


class Bind:
    """One connection to an SMSC. `run` is its whole life; `drain` ends it."""

    def __init__(self, carrier: "Carrier", number: int) -> None:
        self.name = f"{carrier.name}.{number}"
        self.carrier = carrier
        self.settings: BindSettings = carrier.settings.binds[number]
        self.session: Session | None = None
        """The session while it is bound."""
        self._link: Link | None = None
        self._connecting = trio.CancelScope()
        self._stopping = trio.Event()
        self._changed = trio.Event()
        self._reason = ""
        self._refusal = 0
        """The status with which the SMSC refused the last bind; 0: it did not."""
        self._failures = 0
        self.pump = Pump(self.name, carrier, self.settings)
        self._inbox = Inbox(carrier, self._change)
        key = f"carriers.{carrier.name}.binds.{number}"
        self._tls = _tls(self.settings, key) if self.settings.tls else None

    async def run(self) -> None:
        """Keep it bound until it is drained: connect, bind, serve, and again after a while that grows with failures."""
        settings = self.carrier.settings
        while not self._stopping.is_set():
            await self._serve_once()
            if self._stopping.is_set():
                return
            self._failures += 1
            self.carrier.counts.bind_failures += 1
            least = self._least_wait()
            wait = backoff(self._failures, least, max(settings.reconnect_max, least), self.carrier.core.chance())
            log = _log.error if self._refusal in _CREDENTIALS else _log.warning
            log("bind_down", bind=self.name, reason=self._reason, retry_in=round(wait, 1))
            with trio.move_on_after(wait):
                await self._stopping.wait()

    def _least_wait(self) -> float:
        """Seconds to wait at least, by what ended the last attempt."""
        settings = self.carrier.settings
        if self._refusal == Status.RALYBND:
            return settings.already_bound_wait
        return settings.credentials_wait if self._refusal in _CREDENTIALS else settings.reconnect_min

    async def drain(self, patience: float) -> None:
        """Send nothing more, wait so long (seconds) for the answers owed to us, then unbind and close."""
        self._stopping.set()
        self.pump.stop()
        self._connecting.cancel()
        with trio.move_on_after(patience):
            while self.session and (self.session.in_flight or self._inbox.held):
                self._changed = trio.Event()
                await self._changed.wait()
        if self._link and self.session:
            await self._handle(self.session.unbind(trio.current_time()))
            self._link.flush()
        elif self._link:
            self._link.close("stopping")

    async def _serve_once(self) -> None:
        settings = self.carrier.settings
        self._refusal = 0
        stream = await self._connect()
        if stream is None:
            return
        limits = Limits(
            init_timeout=settings.bind_timeout,
            response_timeout=settings.response_timeout,
            enquire_link_interval=settings.enquire_link_interval,
            enquire_link_timeout=settings.enquire_link_timeout,
            window=self.settings.window,
        )
        session = Session(Role.ESME, limits, trio.current_time())
        session.request(_request(self.settings), trio.current_time())
        self._link = Link(stream, session, write_timeout=settings.write_timeout)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.pump.run, session, self._link)
                nursery.start_soon(self._inbox.run, session, self._link)
                await self._link.run(self._handle)
                nursery.cancel_scope.cancel()
        finally:
            self._link = None

    async def _connect(self) -> trio.abc.Stream | None:
        host, port, timeout = self.settings.host, self.settings.port, self.carrier.settings.connect_timeout
        self._reason = f"no connection to {host}:{port} within {timeout:g} s"
        with trio.move_on_after(timeout) as self._connecting:
            try:
                return await connect(host, port, self._tls)
            except (OSError, trio.BrokenResourceError) as error:
                self._reason = f"cannot connect to {host}:{port}: {explain(error)}"
        return None

    async def _handle(self, events: list[Event]) -> None:
        assert self._link is not None
        now, link, settle = self.carrier.core.clock(), self._link, self.pump.settle
        for event in events:
            if isinstance(event, Answered):
                settle(event, now, link)
            elif isinstance(event, Requested):
                self._inbox.add(event)
            else:
                self._note(event, now, link)
        self.pump.wake()
        self._change()
        await self._inbox.wait_room()

    def _change(self) -> None:
        """Have `drain` look whether it may go on."""
        self._changed.set()

    def _note(self, event: Event, now: float, link: Link) -> None:
        counts = self.carrier.counts
        match event:
            case LateAnswer():
                self.pump.settle(event, now, link)
            case Unanswered(tag=part):
                counts.unknown += 1
                self.carrier.core.settler.unanswered([part], now)
            case Bound():
                self._up(link.session)
            case BindRefused(status=status):
                self._refusal = status
                link.close(f"the SMSC refused the bind: {status_name(status)} {status_text(status)}".rstrip())
            case Refused(reason=reason):
                counts.malformed += 1
                _log.warning("pdu_refused", bind=self.name, command_id=f"{event.command_id:#010x}", reason=reason)
            case Closed(reason=reason, unanswered=parts):
                counts.unknown += len(parts)
                self._down(reason, parts, now)

    def _up(self, session: Session) -> None:
        self.session = session
        self._failures = 0
        self.carrier.counts.binds += 1
        _log.info("bind_up", bind=self.name, host=self.settings.host, port=self.settings.port)
        if self.pump.submits:
            self.carrier.bind_up()

    def _down(self, reason: str, unanswered: list[Part], now: float) -> None:
        self._reason = reason
        self._inbox.link_lost()
        self.pump.link_lost(unanswered, now)
        if self.session:
            self.session = None
            if self.pump.submits:
                self.carrier.bind_down()
        self._change()


def _request(settings: "BindSettings") -> Pdu:
    return _REQUESTS[settings.type](
        system_id=settings.system_id.encode("ascii"),
        password=settings.password.get_secret_value().encode("ascii"),
        system_type=settings.system_type.encode("ascii"),
    )


def _tls(settings: "BindSettings", key: str) -> ssl.SSLContext:
    """Verify the certificate and the host name; show ours if we have one. Raises: OSError: a file is of no use."""
    try:
        context = ssl.create_default_context(cafile=settings.ca)
        if settings.cert:
            context.load_cert_chain(settings.cert, settings.key)
    except (ssl.SSLError, OSError) as error:
        files = ", ".join(str(file) for file in (settings.ca, settings.cert, settings.key) if file)
        raise OSError(errno.EINVAL, f"{key}: no PEM certificate, or not with its key, in {files}: {error}") from None
    return context
