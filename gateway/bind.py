"""One bind: kept bound, fed from the lanes as the throttle and the window allow, its answers and receipts settled."""

import errno
import ssl
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Final

import structlog
import trio

from config.settings import OnUnknown
from gateway.message import Message, Part, PartState
from gateway.pace import Pace
from gateway.retry import Action, backoff
from protocol.constants import BindType, Status, status_name, status_text
from protocol.errors import TextError
from protocol.events import Answered, BindRefused, Bound, Closed, Event, LateAnswer, Refused, Requested, Unanswered
from protocol.link import Link, connect, explain
from protocol.operations import DataSm
from protocol.pdu import RESPONSES, BindReceiver, BindTransceiver, BindTransmitter, DeliverSm, Pdu, SubmitSmResp
from protocol.session import Limits, Session
from protocol.states import Role, State

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
        self._paused_until = -inf
        self.pace = Pace()
        """How fast the SMSC lets it go."""
        self._wake = trio.Event()
        self._parts: deque[Part] = deque()
        """Taken and not yet written, though they count as sent; the first may be the rest of a message."""
        self._marking: list[Part] = []
        """Taken; they go when the mark that they are being sent is on disk."""
        self._deliveries: list[tuple[DeliverSm, int, type[Pdu]]] = []
        """Read and not yet kept, with their sequence numbers."""
        self._keeping = 0
        """Deliveries that are being kept."""
        self._delivered, self._kept = trio.Event(), trio.Event()
        key = f"carriers.{carrier.name}.binds.{number}"
        self._tls = _tls(self.settings, key) if self.settings.tls else None

    @property
    def submits(self) -> bool:
        """Whether messages may go out over it."""
        return self.settings.type is not BindType.RECEIVER

    def wake(self) -> None:
        """Have it look whether there is something to send."""
        self._wake.set()

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
        self._connecting.cancel()
        with trio.move_on_after(patience):
            while self.session and (self.session.in_flight or self._deliveries or self._keeping):
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
                nursery.start_soon(self._pump, session, self._link)
                nursery.start_soon(self._answer, session, self._link)
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
        now = self.carrier.core.clock()
        for event in events:
            if isinstance(event, Answered):
                self._settle(event, now)
            elif isinstance(event, Requested):
                self._deliveries.append((_delivery(event.pdu), event.sequence_number, RESPONSES[event.pdu.id]))
            else:
                self._note(event, now)
        self._wake.set()
        self._changed.set()
        if self._deliveries:
            self._delivered.set()
            while len(self._deliveries) >= self.carrier.settings.max_undelivered:
                self._kept = trio.Event()
                await self._kept.wait()

    def _settle(self, event: Answered | LateAnswer, now: float) -> None:
        settler, counts, part = self.carrier.core.settler, self.carrier.counts, event.tag
        status = event.status if isinstance(event.pdu, SubmitSmResp) else event.status or Status.RSYSERR
        carrier_id = event.pdu.message_id.decode("latin-1") if isinstance(event.pdu, SubmitSmResp) else ""
        if isinstance(event, LateAnswer):
            counts.late += 1
            settler.late(part, status, carrier_id, now)
        elif not status:
            counts.accepted += 1
            self.pace.accepted(trio.current_time())
            settler.accepted(part, carrier_id, now)
        else:
            counts.refused[status] = counts.refused.get(status, 0) + 1
            self._obey(settler.refused(part, status, now), status)

    def _obey(self, action: Action, status: int) -> None:
        if action is Action.PAUSE:
            now = trio.current_time()
            if self.pace.refused(now):
                self._paused_until = now + self.carrier.settings.throttle_pause
        elif action is Action.REBIND and self._link:
            self._link.close(f"the SMSC answered {status_name(status)}")

    def _note(self, event: Event, now: float) -> None:
        counts = self.carrier.counts
        match event:
            case LateAnswer():
                self._settle(event, now)
            case Unanswered(tag=part):
                counts.unknown += 1
                self.carrier.core.settler.unanswered([part], now)
            case Bound():
                self._up()
            case BindRefused(status=status) if self._link:
                self._refusal = status
                self._link.close(f"the SMSC refused the bind: {status_name(status)} {status_text(status)}".rstrip())
            case Refused(reason=reason):
                counts.malformed += 1
                _log.warning("pdu_refused", bind=self.name, command_id=f"{event.command_id:#010x}", reason=reason)
            case Closed(reason=reason, unanswered=parts):
                counts.unknown += len(parts)
                self._down(reason, parts, now)

    def _up(self) -> None:
        assert self._link is not None
        self.session = self._link.session
        self._failures = 0
        self.carrier.counts.binds += 1
        _log.info("bind_up", bind=self.name, host=self.settings.host, port=self.settings.port)
        if self.submits:
            self.carrier.bind_up()

    def _down(self, reason: str, unanswered: list[Part], now: float) -> None:
        self._reason = reason
        unsent = [*self._parts, *self._marking]
        self._parts.clear()
        self._marking.clear()
        self._deliveries.clear()  # not answered, so the SMSC will deliver them again
        self._keeping = 0
        for part in unsent:
            if part.state is PartState.SENT:
                part.state = PartState.WAITING
        settler = self.carrier.core.settler
        settler.unanswered(unanswered, now)
        for message in {part.message.key: part.message for part in unsent}.values():
            settler.unsent(message, now)
        if self.session:
            self.session = None
            if self.submits:
                self.carrier.bind_down()
        self._changed.set()

    async def _pump(self, session: Session, link: Link) -> None:
        """Send whenever there is room, something to send, and leave to send it."""
        while True:
            self._wake = trio.Event()
            look_again = await self._feed(session, link) if self.submits else inf
            with trio.move_on_at(look_again):
                await self._wake.wait()

    async def _feed(self, session: Session, link: Link) -> float:
        """Send what may go now.

        Returns: when to look again, if nothing happens before; inf: only when something happens.
        """
        while session.room > 0 and not link.closing and not self._stopping.is_set():
            now = trio.current_time()
            opens = max(self.carrier.throttle.opens_at(now), self.pace.opens_at(now), self._paused_until)
            if opens > now:
                return opens
            taken = await self._take(self._room(session, now))
            if not self._send(session, link) and not taken:
                break
        return inf

    def _room(self, session: Session, now: float) -> int:
        """Parts that may go now."""
        return int(min(session.room, self.carrier.throttle.room(now), self.pace.room(now)))

    async def _take(self, room: int) -> bool:
        """Take messages for the room there is; those of which a repeat would be worse than a loss are marked first.

        Returns: whether there were any.
        """
        carrier, store = self.carrier, self.carrier.core.store
        wanted = room - len(self._parts)
        taken = carrier.core.lanes.take(carrier.name, wanted) if wanted > 0 else []
        for message in taken:
            parts = self._begin(message)
            for part in parts:
                part.state = PartState.SENT
            if message.on_unknown is OnUnknown.REPORT and parts:
                self._marking += parts
                store.save(message)
            else:
                self._parts.extend(parts)
        if self._marking:
            await store.commit.wait()
            self._parts.extend(self._marking)
            self._marking.clear()
        return bool(taken)

    def _begin(self, message: Message) -> list[Part]:
        core = self.carrier.core
        now = core.clock()
        if 0 < message.expires_at <= now:
            core.settler.fell_due(message, now)
            return []
        try:
            return self.carrier.begin(message)
        except TextError:
            self.carrier.refuse(message)
            return []

    def _send(self, session: Session, link: Link) -> bool:
        """Write what there is room for; whether there was anything to write or to leave out."""
        now, sent, waiting = trio.current_time(), 0, len(self._parts)
        room = self._room(session, now)
        while self._parts and sent < room:
            part = self._parts.popleft()
            if part.message.final or part.state is not PartState.SENT:
                self._leave_out(part)
                continue
            session.request(self.carrier.compose(part, self.settings), now, part)
            sent += 1
        if sent:
            self.carrier.throttle.take(sent, now)
            self.pace.sent(sent, now)
            self.carrier.counts.sent += sent
            link.flush()
        return len(self._parts) < waiting

    def _leave_out(self, part: Part) -> None:
        """Another part was refused for good meanwhile, or a receipt of an earlier copy of this one has come."""
        if part.state is PartState.SENT:
            part.state = PartState.WAITING
            self.carrier.core.settler.unsent(part.message, self.carrier.core.clock())

    async def _answer(self, session: Session, link: Link) -> None:
        """Answer deliveries once what they bring is on disk."""
        while True:
            while not self._deliveries:
                self._delivered = trio.Event()
                await self._delivered.wait()
            batch, self._deliveries = self._deliveries, []
            self._keeping = len(batch)
            pdus, core = [pdu for pdu, _, _ in batch], self.carrier.core
            try:
                statuses = await self.carrier.keep(pdus)
            finally:
                if session.state is State.CLOSED:
                    core.incoming.unanswered(self.carrier.name, pdus, core.clock())
            for (_, sequence_number, response), status in zip(batch, statuses, strict=True):
                session.respond(sequence_number, response(), status)
            self._keeping = 0
            link.flush()
            self._kept.set()
            self._changed.set()


def _delivery(pdu: Pdu) -> DeliverSm:
    """What the SMSC hands over, a data_sm in the form of a deliver_sm; an ESME is asked nothing else (2.3)."""
    if isinstance(pdu, DeliverSm):
        return pdu
    assert isinstance(pdu, DataSm)
    return DeliverSm(**{name: getattr(pdu, name) for name, _ in DataSm.row})


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
