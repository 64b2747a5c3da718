"""One bind: its connection is made, bound, kept, made again, drained; `Pump` feeds it, `Inbox` answers deliveries.

A defect of ours ends the connection it strikes: what was not answered is unknown, and the bind is made again after a
while, so that the others go on.
"""

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Final

import structlog
import trio

from gateway.defects import report
from gateway.inbox import Inbox
from gateway.ladders import LOUD, Cause, Ladders, cause_of
from gateway.message import Part
from gateway.outbind import Outbinds
from gateway.pump import Pump
from gateway.tls import bind_context
from protocol.constants import BindType, status_name, status_text
from protocol.events import (
    Answered,
    BindRefused,
    Bound,
    Closed,
    Draining,
    Event,
    LateAnswer,
    Refused,
    Requested,
    Unanswered,
)
from protocol.link import Link, connect, explain
from protocol.pdu import BindReceiver, BindTransceiver, BindTransmitter, Pdu
from protocol.session import Limits, Session
from protocol.states import BOUND, Role

if TYPE_CHECKING:
    from config.settings import BindSettings, CarrierSettings
    from gateway.carrier import Carrier

_log = structlog.get_logger()

_REQUESTS: Final = {
    BindType.TRANSMITTER: BindTransmitter,
    BindType.RECEIVER: BindReceiver,
    BindType.TRANSCEIVER: BindTransceiver,
}

UNBIND_SECONDS: Final = 6.0
"""For unbinding, after the answers owed to us have come or been given up."""
WATCHES: Final = 10
"""Looks within `stall_timeout` at whether something is sent."""
_DEFECT: Final = "a defect of the gateway, see the log"


class Bind:
    """One connection to an SMSC. `run` is its whole life, `stop` ends it; meanwhile it may be paused and drained."""

    def __init__(self, carrier: "Carrier", number: int) -> None:
        self.name = f"{carrier.name}.{number}"
        self.number = number
        self.carrier = carrier
        self.settings: BindSettings = carrier.settings.binds[number]
        self.session: Session | None = None
        """The session while it is bound."""
        self._link: Link | None = None
        self._connecting = trio.CancelScope()
        self._stopping = False
        self._kept_down = False
        """Whether it was drained and not resumed."""
        self.ended = trio.Event()
        """Set when `run` has returned."""
        self._changed = trio.Event()
        self._handling: list[Event] = []
        """Events that are being dealt with."""
        self._reason = ""
        self._cause = Cause.UNREACHABLE
        self._ladders = Ladders(carrier.settings)
        self._up_at = inf
        self.pump = Pump(self.name, carrier, self.settings, self._change)
        self._inbox = Inbox(carrier, self._change)
        self._timers = _timers(carrier.settings)
        self._tls = bind_context(self.settings, self.name)
        outbind = self.settings.outbind
        self._outbinds = Outbinds(self.name, outbind, self._tls, self._make_session) if outbind else None

    @property
    def state(self) -> str:
        """In a word: up, down, paused, draining, drained."""
        if self._kept_down:
            return "draining" if self._link else "drained"
        if self.pump.paused:
            return "paused"
        return "up" if self.session else "down"

    @property
    def _wanted(self) -> bool:
        return not self._stopping and not self._kept_down

    async def run(self) -> None:
        """Keep it bound until it is stopped: connect, bind, serve, and again after a while that grows with failures."""
        try:
            while not self._stopping:
                if self._wanted:
                    await self._serve_once()
                    await self._wait_again()
                else:
                    await self._wait_change()
        finally:
            self.ended.set()

    async def _wait_again(self) -> None:
        if not self._wanted:
            return
        cause = self._cause
        self.carrier.counts.bind_failures[cause] += 1
        wait = self._ladders.wait(cause, self.carrier.core.chance())
        log = _log.error if cause in LOUD else _log.warning
        log("bind_down", bind=self.name, cause=cause.value, reason=self._reason, retry_in=round(wait, 1))
        with trio.move_on_after(wait):
            while self._wanted:
                await self._wait_change()

    def fits(self, settings: "BindSettings") -> bool:
        """Whether it is what these settings and its carrier's ask for, so that it need not be made anew."""
        return self.settings == settings and self._timers == _timers(self.carrier.settings)

    def follow(self, number: int) -> None:
        """Go on at this place of the carrier's binds, with its waits, and the certificates that are there now."""
        self.number = number
        self.name = self.pump.name = f"{self.carrier.name}.{number}"
        self._ladders.settings = self.carrier.settings
        self._tls = bind_context(self.settings, self.name)
        if self._outbinds:
            self._outbinds.follow(self.name, self._tls)

    def take_over(self, other: "Bind") -> None:
        """Stay paused, or down, if the bind that it follows is."""
        self.pump.paused, self._kept_down = other.pump.paused, other._kept_down
        self.pump.leaving = self._kept_down

    def pause(self) -> None:
        """Begin nothing new until `resume`; what the carrier brings is taken."""
        self.pump.paused = True
        self._count()
        self.pump.pause(self.carrier.core.clock())

    def resume(self) -> None:
        """Send again, and bind again if it was drained; a bind that was stopped stays so."""
        if self._stopping:
            return
        self.pump.paused = self.pump.leaving = self._kept_down = False
        self.pump.wake()
        self._count()
        self._change()

    async def drain(self, patience: float) -> None:
        """Pause, wait so long (seconds) until what was begun is sent and answered, then unbind; down until `resume`."""
        self._kept_down = self.pump.leaving = True
        self.pause()
        self._connecting.cancel()
        self._change()
        with trio.move_on_after(patience):
            while self.state == "draining" and self.session and self._owes(self.session):
                await self._wait_change()
        if not self._kept_down:
            return
        if self._link and self.session:
            await self._handle(self.session.unbind(trio.current_time()))
            self._link.flush()
        elif self._link:
            self._link.close("stopping")
        with trio.move_on_after(UNBIND_SECONDS):
            while self.state == "draining":
                await self._wait_change()

    def _owes(self, session: Session) -> bool:
        """Whether answers are owed, by either side, or the rest of a message that was begun."""
        return bool(session.in_flight or self._inbox.held) or self.pump.begun

    async def stop(self, patience: float) -> None:
        """Drain it for good: `run` returns."""
        self._stopping = True
        await self.drain(patience)

    async def _serve_once(self) -> None:
        opened = await self._open()
        if opened is None:
            return
        self._cause = Cause.UNANSWERED
        stream, session = opened
        session.request(_request(self.settings), trio.current_time())
        self._link = link = Link(stream, session, write_timeout=self.carrier.settings.write_timeout)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.pump.run, session, link)
                nursery.start_soon(self._inbox.run, session, link)
                nursery.start_soon(self._watch, session, link)
                await link.run(self._handle)
                nursery.cancel_scope.cancel()
        except* Exception as errors:  # of any of the tasks; being cancelled at the same time is passed on
            self._give_up(errors, session)
        finally:
            self._link = None
            self._change()

    def _give_up(self, error: Exception, session: Session) -> None:
        """A defect has ended the connection, perhaps in the middle of a list of events: settle what it leaves.

        Raises: the error, when the store has failed.
        """
        self._strike(error)
        events = [*self._handling, *session.close(_DEFECT)]
        self._handling = []
        now = self.carrier.core.clock()
        for part in (part for event in events for part in _parts(event)):
            try:
                self.carrier.core.settler.unanswered([part], now)
            except Exception as again:  # it is what has struck before, perhaps: the other parts must not suffer for it
                report(again, bind=self.name)
        self._down(_DEFECT, [], now)

    def _strike(self, error: Exception) -> None:
        report(error, bind=self.name)
        self.carrier.counts.defects += 1
        self._cause, self._reason = Cause.DEFECT, _DEFECT

    async def _watch(self, session: Session, link: Link) -> None:
        """End the link when messages wait, nothing stands in their way, and yet nothing is sent."""
        idle = 0
        while idle < WATCHES:
            before = self.pump.progress
            await trio.sleep(self.carrier.settings.stall_timeout / WATCHES)
            idle = idle + 1 if self.pump.progress == before and self.pump.may_send(session) else 0
        self.carrier.counts.stalls += 1
        reason = f"messages wait and nothing was sent for {self.carrier.settings.stall_timeout:g} s"
        _log.error("bind_stalled", bind=self.name, reason=reason)
        link.close(reason)

    def _make_session(self) -> Session:
        settings, outbind = self.carrier.settings, self.settings.outbind
        limits = Limits(
            init_timeout=settings.bind_timeout + (outbind.timeout if outbind else 0.0),
            response_timeout=settings.response_timeout,
            enquire_link_interval=settings.enquire_link_interval,
            enquire_link_timeout=settings.enquire_link_timeout,
            inactivity_timeout=settings.inactivity_timeout or inf,
            drain_timeout=settings.peer_unbind_timeout,
            window=self.settings.window,
        )
        return Session(Role.ESME, limits, trio.current_time())

    async def _open(self) -> tuple[trio.abc.Stream, Session] | None:
        try:
            return await (self._connect(self.settings.host) if self.settings.host else self._await_outbind())
        except Exception as error:  # none that a peer or a network can cause: those are dealt with there
            self._strike(error)
        return None

    async def _connect(self, host: str) -> tuple[trio.abc.Stream, Session] | None:
        port, timeout = self.settings.port, self.carrier.settings.connect_timeout
        self._cause = Cause.UNREACHABLE
        self._reason = f"no connection to {host}:{port} within {timeout:g} s"
        with trio.move_on_after(timeout) as self._connecting:
            try:
                return await connect(host, port, self._tls), self._make_session()
            except (OSError, trio.BrokenResourceError) as error:
                self._cause = Cause.UNREACHABLE if isinstance(error, OSError) else Cause.TLS
                self._reason = f"cannot connect to {host}:{port}: {explain(error)}"
        return None

    async def _await_outbind(self) -> tuple[trio.abc.Stream, Session] | None:
        assert self._outbinds is not None
        with trio.CancelScope() as self._connecting:
            try:
                return await self._outbinds.meet()
            except OSError as error:
                self._cause = Cause.OUTBIND
                self._reason = f"cannot listen for an {self.settings.place}: {explain(error)}"
        return None

    async def _handle(self, events: list[Event]) -> None:
        assert self._link is not None
        now, link = self.carrier.core.clock(), self._link
        self._handling = events
        for event in events[self.pump.settle_answers(events, now, link) :]:
            if isinstance(event, Answered):
                self.pump.settle(event, now, link)
            elif isinstance(event, Requested):
                self._inbox.add(event)
            else:
                self._note(event, now, link)
        self._handling = []
        self.pump.wake()
        self._change()
        await self._inbox.wait_room()

    def _change(self) -> None:
        """Have those who wait for a change look whether they may go on."""
        self._changed.set()

    async def _wait_change(self) -> None:
        if self._changed.is_set():
            self._changed = trio.Event()
        await self._changed.wait()

    def _count(self) -> None:
        """Have the carrier count it among the binds that may submit, or no longer."""
        if self.session and self.session.state in BOUND and self.pump.submits and not self.pump.paused:
            self.carrier.bind_up(self)
        else:
            self.carrier.bind_down(self)

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
            case Draining():
                self._leave(now)
            case BindRefused(status=status):
                self._cause = cause_of(status)
                link.close(f"the SMSC refused the bind: {status_name(status)} {status_text(status)}".rstrip())
            case Refused(reason=reason):
                counts.malformed += 1
                _log.warning("pdu_refused", bind=self.name, command_id=f"{event.command_id:#010x}", reason=reason)
            case Closed(reason=reason, unanswered=parts):
                counts.unknown += len(parts)
                self._cause = Cause.TLS if link.tls_failed and not self.session else self._cause
                self._down(reason, parts, now)

    def _up(self, session: Session) -> None:
        self.session = session
        self._up_at = trio.current_time()
        self._cause = Cause.LOST
        self.carrier.counts.binds += 1
        _log.info("bind_up", bind=self.name, smsc=self.settings.place)
        self._count()

    def _leave(self, now: float, unanswered: Sequence[Part] = ()) -> None:
        """Send nothing more over this link: the SMSC asks to unbind, or is gone. now: Unix seconds."""
        self.pump.give_back(unanswered, now)
        self._count()

    def _down(self, reason: str, unanswered: list[Part], now: float) -> None:
        self._reason = reason
        self._inbox.link_lost()
        self._leave(now, unanswered)
        if self.session:
            self._ladders.was_up(trio.current_time() - self._up_at)
            self.session = None
        self._change()


def _parts(event: Event) -> list[Part]:
    """The parts of ours that an event is about."""
    if isinstance(event, Closed):
        return event.unanswered
    tag = event.tag if isinstance(event, Answered | LateAnswer | Unanswered) else None
    return [tag] if isinstance(tag, Part) else []


def _request(settings: "BindSettings") -> Pdu:
    return _REQUESTS[settings.type](
        system_id=settings.system_id.encode("ascii"),
        password=settings.password.get_secret_value().encode("ascii"),
        system_type=settings.system_type.encode("ascii"),
    )


def _timers(settings: "CarrierSettings") -> tuple[float, ...]:
    """What a connection goes by from its beginning to its end."""
    enquire = settings.enquire_link_interval, settings.enquire_link_timeout
    ends = settings.inactivity_timeout, settings.peer_unbind_timeout
    return settings.response_timeout, settings.write_timeout, *enquire, *ends
