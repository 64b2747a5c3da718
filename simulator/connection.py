"""One ESME's connection: its session, its link, and what it did.

Each read is dealt with in one go: answers are settled, submits answered and recorded, what is due is handed over, and
one flush sends it all. No task, timeout or log line belongs to a single message.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Final

import structlog
import trio

from protocol.codec import HEADER
from protocol.constants import CommandId, Status, Tag, status_name
from protocol.events import Answered, Closed, Event, Refused, Requested, Unanswered
from protocol.link import Link
from protocol.operations import Outbind
from protocol.pdu import RESPONSES, BindReceiver, BindTransceiver, BindTransmitter, Pdu, SubmitSm, SubmitSmResp
from protocol.session import Session
from protocol.states import Role, State
from simulator import services
from simulator.behaviour import Answer, Calm, Origin, Outcome, Strike
from simulator.fates import Fate
from simulator.faults import LinkFault
from simulator.messages import make_receipt
from simulator.outbox import Delivery
from simulator.parts import Part, show
from simulator.wire import Tap, Wire

if TYPE_CHECKING:
    from simulator.accounts import Bind
    from simulator.smsc import Smsc

SYSTEM_ID: Final = b"denpo-simulator"
INTERFACE_VERSION: Final = b"\x34"
WRITE_SECONDS: Final = 700_000.0
"""Longer than a connection may be half open on purpose."""
CATCH_UP_SECONDS: Final = 1.0
"""After that, until deadlines count again: what has come meanwhile is read first."""

_PLAIN_WISHES: Final = frozenset({0, 1})
"""registered_delivery of a receipt in any case, or of none (5.2.17)."""

RATE_MARKS: Final = 10
"""Looks at a connection over which its rate is measured."""

log = structlog.get_logger()


class FaultySession(Session):
    """An SMSC's session that may leave enquire_link unanswered, and for which time may stand still."""

    mute = False
    """Whether enquire_link is left unanswered."""
    halted_until = -inf
    """No deadline comes before."""

    @property
    def next_deadline(self) -> float:
        """When `tick` has something to do; inf when never."""
        return max(super().next_deadline, self.halted_until)

    def data_to_send(self) -> bytes:
        """Drain what is queued, less the answers that are not to be given."""
        octets = super().data_to_send()
        if not self.mute or not octets:
            return octets
        kept, start = [], 0
        while start < len(octets):
            length, command_id, _, _ = HEADER.unpack_from(octets, start)
            if command_id != CommandId.ENQUIRE_LINK_RESP:
                kept.append(octets[start : start + length])
            start += length
        return b"".join(kept)


class Connection:
    """Serves one ESME; `run` it until it ends."""

    def __init__(self, smsc: "Smsc", number: int, stream: trio.abc.Stream, peer: str, taps: Sequence[Tap]) -> None:
        self.smsc = smsc
        self.number = number
        self.peer = peer
        self.session = FaultySession(Role.SMSC, smsc.terms.limits, trio.current_time())
        self.wire = Wire(stream, taps=taps)
        self.link = Link(self.wire, self.session, write_timeout=WRITE_SECONDS)
        self.system_id = b""
        self.taken = 0
        self.refused = 0
        """Requests that were answered with an error."""
        self.ended = trio.Event()
        self._bound = False
        self._room: int | None = None
        """How many more deliveries the SMSC may owe; None: to be asked, once for all submits that a read brings."""
        self._calm: Calm | None = None
        """What becomes of all messages of this read, if it can be said of all at once."""
        self._marks: deque[tuple[float, int]] = deque(maxlen=RATE_MARKS)
        """When it was looked at, and what it had taken then."""
        self._slow = 0
        self._sources: tuple[bytes, ...] = ()
        self._origin = Origin(number, b"")
        self._held: list[Callable[[], None]] = []

    async def run(self) -> None:
        """Serve to the end."""
        now = trio.current_time()
        self.suffer(now, now)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.wire.run)
            await self.link.run(self.take)
            nursery.cancel_scope.cancel()

    async def take(self, events: list[Event]) -> None:
        """Deal with what one read brought."""
        now = trio.current_time()
        outbox = self.smsc.outbox
        self._room = None
        self._calm = None if self._held or self._sources else self.smsc.behaviour.calm(now)
        for event in events:
            if type(event) is Requested:
                pdu = event.pdu
                if type(pdu) is not SubmitSm:
                    self._serve(pdu, event.sequence_number, now)
                elif self._calm and pdu.registered_delivery in _PLAIN_WISHES and pdu.destination_addr.isdigit():
                    self._submit_calmly(pdu, event.sequence_number, now, self._calm)
                else:
                    self._submit(pdu, event.sequence_number, now)
            elif type(event) is Answered and not event.status:
                outbox.settle(event.tag)
                self.smsc.has_settled = True
            elif isinstance(event, Answered | Unanswered):
                outbox.fail(event.tag, now)
            elif type(event) is Refused:
                self.refused += event.status != 0
            elif type(event) is Closed:
                self._leave(event)
        self.smsc.deliver(now)
        self.link.flush()

    def ask_to_bind(self, outbind: Outbind) -> None:
        """Send an outbind."""
        self.session.request(outbind, trio.current_time())
        self.link.flush()

    def unbind(self) -> None:
        """Ask the ESME to end the session; one that is not bound is closed at once."""
        if self.session.state is State.OPEN:
            self.link.close("the SMSC unbinds")
            return
        self.session.unbind(trio.current_time())
        self.link.flush()

    def suffer(self, now: float, last: float) -> None:
        """Let what the scenario has for its link at this time befall it. last: when that was asked before."""
        self._marks.append((now, self.taken))
        values = self.smsc.behaviour.link(now)
        self.session.mute = values.ignore_enquire_link
        if values.slow_read != self._slow:
            self._slow = values.slow_read
            self.wire.slow(values.slow_read)
        if 0 < values.idle_close <= now - self.session.heard_at:
            self.link.close("idle")
            return
        for strike in self.smsc.behaviour.strike(now, last):
            self.strike(strike)

    def strike(self, strike: Strike, octets_per_second: float = 0.0) -> None:
        """Let a link fault befall it; octets_per_second: of SLOW."""
        match strike.fault:
            case LinkFault.CLOSE:
                self.wire.close_now()
            case LinkFault.UNBIND:
                self.unbind()
            case LinkFault.HALF_OPEN:
                until = trio.current_time() + strike.seconds
                self.wire.deaf_until(until)
                self.session.halted_until = until + CATCH_UP_SECONDS
            case LinkFault.CUT:
                self.wire.cut_next()
            case LinkFault.GARBAGE | LinkFault.WRONG_LENGTH:
                self.wire.inject(strike.octets)
            case LinkFault.SLOW:
                self.wire.slow(octets_per_second)

    def describe(self) -> dict[str, Any]:
        """What this connection is and did, in JSON's types."""
        session = self.session
        return {
            "session": self.number,
            "system_id": show(self.system_id),
            "peer": self.peer,
            "type": _TYPES.get(session.state, ""),
            "state": session.state.name.lower(),
            "version": f"{session.peer_version >> 4}.{session.peer_version & 15}",
            "taken": self.taken,
            "refused": self.refused,
            "rate": self._rate(),
            "window": session.limits.window,
            "in_flight": session.in_flight,
        }

    def _rate(self) -> float:
        """Parts taken a second, over the last RATE_MARKS looks."""
        since, taken = self._marks[0]
        seconds = trio.current_time() - since
        return round((self.taken - taken) / seconds, 1) if seconds > 0 else 0.0

    def submit(self, submit: SubmitSm, sequence: int, now: float, message_id: bytes = b"") -> tuple[int, bytes]:
        """Take or refuse a message that came in another PDU, answering nothing. message_id: the one to give it.

        Returns: the command_status and the message's id.
        """
        answer = self._decide(submit, now)
        if answer.status:
            return answer.status, b""
        self._accept(submit, message_id or answer.message_id, sequence, now)
        return 0, message_id or answer.message_id

    def record(self, submit: SubmitSm, message_id: bytes, sequence: int, now: float) -> None:
        """Write a part into the ledger."""
        at = now + self.smsc.epoch
        self.smsc.ledger.take(Part(message_id, self.number, self.system_id, sequence, at, submit))

    def _submit_calmly(self, submit: SubmitSm, sequence: int, now: float, calm: Calm) -> None:
        """Take a message as `_submit` would, where that would ask the behaviour for nothing but its id."""
        if not self._has_room():
            self._submit(submit, sequence, now)
            return
        message_id = self.smsc.behaviour.make_id()
        outcomes = (calm.told(message_id),) if submit.registered_delivery else calm.silent
        self._keep(submit, message_id, sequence, now, outcomes)
        self.session.accept(sequence, message_id)

    def _submit(self, submit: SubmitSm, sequence: int, now: float) -> None:
        answer = self._decide(submit, now)
        if not answer.status:
            self._accept(submit, answer.message_id, sequence, now)
        response = SubmitSmResp(answer.message_id)
        if answer.due <= now and answer.again == inf and not answer.hold and not self._held:
            if answer.status:
                self.refused += 1
            self.session.respond(sequence, response, answer.status)
        else:
            self._answer_oddly(sequence, response, answer, now)

    def _decide(self, submit: SubmitSm, now: float) -> Answer:
        smsc = self.smsc
        if self._sources and not submit.source_addr.startswith(self._sources):
            return Answer(Status.RINVSRCADR, b"", now)
        if not self._has_room():
            return Answer(Status.RMSGQFUL, b"", now)
        return smsc.behaviour.answer(submit, now, self._origin)

    def _has_room(self) -> bool:
        if self._room is None:
            self._room = self.smsc.room
        return self._room > 0

    def _accept(self, submit: SubmitSm, message_id: bytes, sequence: int, now: float) -> None:
        self._keep(submit, message_id, sequence, now, self.smsc.behaviour.receipts(submit, message_id, now))

    def _keep(
        self, submit: SubmitSm, message_id: bytes, sequence: int, now: float, outcomes: Sequence[Outcome]
    ) -> None:
        smsc = self.smsc
        self.taken += 1
        smsc.ledger.take(Part(message_id, self.number, self.system_id, sequence, now + smsc.epoch, submit))
        if submit.tlvs:
            submit = replace(submit, tlvs=())  # a long payload must not wait here too
        fate = Fate(submit, self.system_id, now, outcomes)
        smsc.fates.add(message_id, fate)
        for outcome in outcomes:
            if outcome.told:
                self._owe(fate, outcome, now)

    def _owe(self, fate: Fate, outcome: Outcome, now: float) -> None:
        outbox = self.smsc.outbox
        make = partial(make_receipt, fate, outcome, self.smsc.epoch)
        outbox.add(Delivery(outbox.receipts, self.system_id, self.session, make, 0, outcome.other_bind), outcome.due)
        if self._room is not None:
            self._room -= 1
        if outcome.early:
            outbox.pump(now)

    def _answer_oddly(self, sequence: int, response: Pdu, answer: Answer, now: float) -> None:
        """Send an answer late, twice, never, or after the next one."""
        self.refused += answer.status != 0
        give = partial(self.session.respond, sequence, response, answer.status)
        if answer.hold:
            self._at(answer.due, now, partial(self._hold, [give, give] if answer.again < inf else [give]))
        else:
            self._at(answer.due, now, partial(self._give, give))
            self._at(answer.again, now, partial(self._give, give))

    def _at(self, due: float, now: float, deed: Callable[[], None]) -> None:
        if due <= now:
            deed()
        elif due < inf:
            self.smsc.later.add(due, deed)

    def _hold(self, gives: list[Callable[[], None]]) -> None:
        """Hold an answer back until after the next one; to one that is held already, this one is the next."""
        if self._held:
            for give in gives:
                self._give(give)
        else:
            self._held = gives

    def _give(self, give: Callable[[], None]) -> None:
        give()
        if self._held:
            held, self._held = self._held, []
            for each in held:
                each()
        self.smsc.to_flush.add(self.link)

    def _serve(self, pdu: Pdu, sequence: int, now: float) -> None:
        if isinstance(pdu, BindTransmitter | BindReceiver | BindTransceiver):
            self._bind(pdu, sequence, now)
            return
        response, status = services.serve(self, pdu, sequence, now)
        self.refused += status != 0
        self.session.respond(sequence, response, status)

    def _bind(self, bind: "Bind", sequence: int, now: float) -> None:
        smsc = self.smsc
        status: int = Status.RALYBND  # a second one that came before the first was answered
        if not self._bound:
            status = smsc.behaviour.refuse_bind(now) or smsc.accounts.check_bind(bind)
        response: Any = RESPONSES[bind.id]  # one of three with the same fields
        if status:
            self.refused += 1
            self.session.respond(sequence, response(), status)
            log.warning("bind_refused", session=self.number, status=status_name(status))
            return
        self.session.respond(sequence, response(SYSTEM_ID, ((Tag.SC_INTERFACE_VERSION, INTERFACE_VERSION),)))
        self.system_id, self._origin = bind.system_id, Origin(self.number, bind.system_id)
        self._sources = smsc.accounts.sources(self.system_id)
        window = smsc.accounts.window(self.system_id)
        if window:
            self.session.limits = replace(self.session.limits, window=window)
        smsc.accounts.came(self.system_id)
        self._bound = True
        if self.session.state is not State.BOUND_TX:
            smsc.outbox.join(self.system_id, self.session, self.link.flush)
        log.info("bound", session=self.number, system_id=show(self.system_id), state=self.session.state.name.lower())
        smsc.changed(self)

    def _leave(self, closed: Closed) -> None:
        if self._bound:
            self.smsc.accounts.left(self.system_id)
        self.smsc.outbox.leave(self.system_id, self.session, closed.unanswered)
        log.info("closed", session=self.number, system_id=show(self.system_id), reason=closed.reason)
        self.smsc.changed(self)


_TYPES: Final = {
    State.BOUND_TX: "transmitter",
    State.BOUND_RX: "receiver",
    State.BOUND_TRX: "transceiver",
}
