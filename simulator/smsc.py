"""An SMSC: listens, checks binds, answers submits with a behaviour, and hands receipts and messages to its ESMEs.

Each read of a connection is dealt with in one go: answers are settled, submits answered and recorded, what is due is
handed over, and one flush sends it all. No task, timeout or log line belongs to a single message.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any, Final, TypeAlias

import structlog
import trio

from protocol.constants import VERSION_34, CommandId, Status, Tag, status_name
from protocol.events import Answered, Closed, Event, Refused, Requested, Unanswered
from protocol.link import Link
from protocol.pdu import RESPONSES, BindReceiver, BindTransceiver, BindTransmitter, DeliverSm, SubmitSm, SubmitSmResp
from protocol.session import Limits, Session
from protocol.states import BOUND, Role, State
from simulator.behaviour import Behaviour
from simulator.ledger import Ledger, Part
from simulator.messages import Incoming, incoming_pdus, receipt_pdu
from simulator.outbox import Delivery, Outbox

SYSTEM_ID: Final = b"denpo-simulator"
INTERFACE_VERSION: Final = b"\x34"
WRITE_SECONDS: Final = 30.0
STOP_SECONDS: Final = 3.0
"""How long stopping waits for the ESMEs to answer our unbind."""
LIMITS: Final = Limits(window=100, response_timeout=30.0, unbind_timeout=STOP_SECONDS)

_Bind: TypeAlias = BindTransmitter | BindReceiver | BindTransceiver

log = structlog.get_logger()


class NoReceiver(Exception):
    """No session that takes deliveries is bound, or none of the account asked for."""


class OutboxFull(Exception):
    """As many deliveries wait as may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the SMSC lets its ESMEs do. Times in seconds."""

    system_id: bytes | None = None
    """The one account; None: any account may bind."""
    password: bytes | None = field(default=None, repr=False)
    """What its bind must bring; None: anything."""
    limits: Limits = LIMITS
    max_connections: int = 256
    max_pending: int = 1_000_000
    """Deliveries that may wait; above it a submit_sm is answered with ESME_RMSGQFUL."""
    retry_delay: float = 5.0
    """Until a delivery that was refused or not answered is sent again."""


class Smsc:
    """One SMSC on any number of listeners.

    Args: epoch: seconds since 1970 at the zero of Trio's clock.
    """

    def __init__(self, behaviour: Behaviour, ledger: Ledger, terms: Terms, epoch: float) -> None:
        self.behaviour = behaviour
        self.ledger = ledger
        self.terms = terms
        self.epoch = epoch
        self.outbox = Outbox(terms.retry_delay)
        self.connections: dict[int, Connection] = {}
        self._numbers = count(1)
        self._references = count()
        self._until_due = trio.CancelScope()
        self._last_left = trio.Event()

    async def serve(self, listeners: list[trio.SocketListener], stop: trio.Event) -> None:
        """Serve until `stop` is set, then unbind every session; takes STOP_SECONDS more at most."""
        async with trio.open_nursery() as sessions:
            sessions.start_soon(self._keep_time)
            async with trio.open_nursery() as doors:
                doors.start_soon(partial(trio.serve_listeners, self._accept, listeners, handler_nursery=sessions))
                await stop.wait()
                doors.cancel_scope.cancel()
            with trio.move_on_after(STOP_SECONDS):
                await self._unbind_all()
            sessions.cancel_scope.cancel()

    def inject(self, incoming: Incoming, system_id: bytes | None = None) -> int:
        """Hand over what a handset sent, to a bound session of one account or of any.

        Returns: the number of parts.
        Raises: TextError: it cannot be carried. NoReceiver. OutboxFull.
        """
        pdus = incoming_pdus(incoming, next(self._references))
        found = self.outbox.receiver(system_id)
        if found is None:
            raise NoReceiver("no receiver or transceiver is bound" + (" for this system_id" if system_id else ""))
        if self.full:
            raise OutboxFull(f"{self.outbox.pending} deliveries are waiting")
        now = trio.current_time()
        for pdu in pdus:
            self.outbox.add(Delivery(self.outbox.incoming, *found, make=partial(_same, pdu)), now)
        self.deliver(now)
        return len(pdus)

    @property
    def full(self) -> bool:
        """Whether as many deliveries wait as may."""
        return self.outbox.pending >= self.terms.max_pending

    def deliver(self, now: float) -> None:
        """Hand over what is due, and wake up for what comes next."""
        self.outbox.pump(now)
        if self.outbox.next_due < self._until_due.deadline:
            self._until_due.deadline = self.outbox.next_due

    async def _accept(self, stream: trio.abc.Stream) -> None:
        if len(self.connections) >= self.terms.max_connections:
            log.warning("connection_refused", limit=self.terms.max_connections)
            await trio.aclose_forcefully(stream)
            return
        number = next(self._numbers)
        connection = self.connections[number] = Connection(self, number, stream)
        try:
            await connection.link.run(connection.take)
        finally:
            del self.connections[number]
            if not self.connections:
                self._last_left.set()

    async def _keep_time(self) -> None:
        while True:
            with trio.CancelScope(deadline=self.outbox.next_due) as self._until_due:
                await trio.sleep_forever()
            self.outbox.pump(trio.current_time())

    async def _unbind_all(self) -> None:
        for connection in self.connections.values():
            connection.unbind()
        while self.connections:
            self._last_left = trio.Event()
            await self._last_left.wait()


class Connection:
    """One ESME's connection: its session, its link, and what it did."""

    def __init__(self, smsc: Smsc, number: int, stream: trio.abc.Stream) -> None:
        self.number = number
        self.session = Session(Role.SMSC, smsc.terms.limits, trio.current_time())
        self.link = Link(stream, self.session, write_timeout=WRITE_SECONDS)
        self.system_id = b""
        self.taken = 0
        self.refused = 0
        """Requests that were answered with an error."""
        self._smsc = smsc

    async def take(self, events: list[Event]) -> None:
        """Deal with what one read brought."""
        now = trio.current_time()
        outbox = self._smsc.outbox
        for event in events:
            if type(event) is Requested:
                if type(event.pdu) is SubmitSm:
                    self._submit(event.pdu, event.sequence_number, now)
                elif isinstance(event.pdu, _Bind):
                    self._bind(event.pdu, event.sequence_number)
                else:
                    self._refuse(event.pdu.id, event.sequence_number, Status.RINVCMDID)
            elif type(event) is Answered and not event.status:
                outbox.settle(event.tag)
            elif isinstance(event, Answered | Unanswered):
                outbox.fail(event.tag, now)
            elif type(event) is Refused:
                self.refused += 1
            elif type(event) is Closed:
                self._leave(event)
        self._smsc.deliver(now)
        self.link.flush()

    def unbind(self) -> None:
        """Ask the ESME to end the session; one that is not bound is closed at once."""
        if self.session.state not in BOUND:
            self.link.close("the SMSC stops")
            return
        self.session.unbind(trio.current_time())
        self.link.flush()

    def describe(self) -> dict[str, Any]:
        """What this connection is and did, in JSON's types."""
        return {
            "session": self.number,
            "system_id": _show(self.system_id),
            "state": self.session.state.name.lower(),
            "taken": self.taken,
            "refused": self.refused,
            "deliveries_unanswered": self.session.in_flight,
        }

    def _submit(self, submit: SubmitSm, sequence_number: int, now: float) -> None:
        smsc = self._smsc
        if smsc.full:
            self._refuse(submit.id, sequence_number, Status.RMSGQFUL)
            return
        answer = smsc.behaviour.answer(submit, now)
        if answer.status:
            self._refuse(submit.id, sequence_number, answer.status)
            return
        self.session.respond(sequence_number, SubmitSmResp(answer.message_id))
        self.taken += 1
        at = now + smsc.epoch
        smsc.ledger.take(Part(answer.message_id, self.number, self.system_id, sequence_number, at, submit))
        outcome = smsc.behaviour.receipt(submit, now)
        if outcome:
            submit = replace(submit, tlvs=()) if submit.tlvs else submit  # a long payload must not wait here too
            made = partial(receipt_pdu, submit, answer.message_id, outcome, (at, outcome.due + smsc.epoch))
            make = made if self.session.peer_version >= VERSION_34 else partial(_plain, made)
            smsc.outbox.add(Delivery(smsc.outbox.receipts, self.system_id, self.session, make), outcome.due)

    def _bind(self, bind: _Bind, sequence_number: int) -> None:
        status = self._check(bind)
        if status:
            self._refuse(bind.id, sequence_number, status)
            log.warning("bind_refused", session=self.number, status=status_name(status))
            return
        response: Any = RESPONSES[bind.id]  # one of three with the same fields
        self.session.respond(sequence_number, response(SYSTEM_ID, ((Tag.SC_INTERFACE_VERSION, INTERFACE_VERSION),)))
        self.system_id = bind.system_id
        if self.session.state is not State.BOUND_TX:
            self._smsc.outbox.join(self.system_id, self.session, self.link.flush)
        log.info("bound", session=self.number, system_id=_show(self.system_id), state=self.session.state.name.lower())

    def _check(self, bind: _Bind) -> Status:
        terms = self._smsc.terms
        if terms.system_id is not None and not hmac.compare_digest(bind.system_id, terms.system_id):
            return Status.RINVSYSID
        if terms.password is not None and not hmac.compare_digest(bind.password, terms.password):
            return Status.RINVPASWD
        return Status.ROK

    def _refuse(self, command_id: CommandId, sequence_number: int, status: int) -> None:
        self.refused += 1
        self.session.respond(sequence_number, RESPONSES[command_id](), status)

    def _leave(self, closed: Closed) -> None:
        self._smsc.outbox.leave(self.system_id, self.session, closed.unanswered)
        log.info("closed", session=self.number, system_id=_show(self.system_id), reason=closed.reason)


def _plain(make: Callable[[], DeliverSm]) -> DeliverSm:
    return replace(make(), tlvs=())


def _same(pdu: DeliverSm) -> DeliverSm:
    return pdu


def _show(octets: bytes) -> str:
    return octets.decode("ascii", "backslashreplace")
