"""What feeds one bind: takes messages, marks, paces and writes their parts, and settles the answers to them."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import TYPE_CHECKING, Final

import trio

from config.settings import OnUnknown
from gateway.defects import report
from gateway.message import Message, Part, PartState, State
from gateway.pace import Pace
from gateway.retry import Action
from gateway.throttle import Throttle
from protocol.constants import BindType, Status, Tag, status_name
from protocol.errors import TextError
from protocol.events import Answered, Event, LateAnswer
from protocol.link import Link
from protocol.pdu import SubmitSmResp
from protocol.session import Session
from protocol.tags import find_integer

if TYPE_CHECKING:
    from config.settings import BindSettings
    from gateway.carrier import Carrier
    from protocol.fields import Tlvs


_SENDING: Final = State.SENDING  # names of their own: to name a member of an enum takes 0.1 us (Python 3.11)
_SENT: Final = PartState.SENT
_REPORT: Final = OnUnknown.REPORT

CONGESTED: Final = 90
"""congestion_state from which on an SMSC is nearly, or fully, congested (SMPP 5.0, 4.8.4.18)."""


class Pump:
    """From the lanes onto the link, as the throttle, the pace and the window allow. `run` it beside each link."""

    def __init__(
        self, name: str, carrier: "Carrier", settings: "BindSettings", change: Callable[[], None] = lambda: None
    ) -> None:
        """Args: change: called when a paused pump has sent what it may."""
        self.name = name
        """Of its bind."""
        self.carrier = carrier
        self.settings = settings
        self.pace = Pace()
        """How fast the SMSC lets it go."""
        rate = settings.parts_per_second
        burst = carrier.core.settings.burst_of_bind(carrier.name, rate)
        self._forms = carrier.forms(settings)
        self._throttle = Throttle(rate, burst, trio.current_time()) if rate else None
        self.paused = False
        """Nothing new is begun, until it is resumed; the rest of what was begun is sent."""
        self.leaving = False
        """Paused for good: what the carrier has a part of is sent, too, when it waits in its lanes again."""
        self.progress = 0
        """Grows with each part that is written, and each message that is put aside."""
        self._accepted = 0
        """Parts accepted that the pace does not know of yet: told once a read, not once a part."""
        self._change = change
        self._silent_until = -inf
        self._wake = trio.Event()
        self._parts: deque[Part] = deque()
        """Taken and not yet written, though they count as sent; the first may be the rest of a message."""
        self._marking: list[Part] = []
        """Taken; they go when the marks of those that need one are on disk."""

    @property
    def submits(self) -> bool:
        """Whether messages may go out over its bind."""
        return self.settings.type is not BindType.RECEIVER

    def rate(self, now: float) -> float:
        """Parts a second that may go now: the least of its own limit, the account's and its pace; inf: any number."""
        limits = self.settings.parts_per_second, self.carrier.settings.parts_per_second
        return min(self.pace.rate(now), *(limit or inf for limit in limits))

    def wake(self) -> None:
        """Have it look whether there is something to send."""
        self._tell_pace()
        self._wake.set()

    def may_send(self, session: Session) -> bool:
        """Whether there is something to send, and neither a limit, nor the SMSC, nor people stand in the way."""
        now = trio.current_time()
        waits = self._parts or self.carrier.core.lanes.waiting(self.carrier.name)
        return bool(waits) and self.submits and not self.paused and session.room > 0 and self._opens_at(now) <= now

    async def run(self, session: Session, link: Link) -> None:
        """Send whenever there is room, something to send, and leave to send it."""
        while True:
            self._wake = trio.Event()
            look_again = await self._feed(session, link) if self.submits else inf
            if self.paused:
                self._change()
            with trio.move_on_at(look_again):
                await self._wake.wait()

    def settle_answers(self, events: Sequence[Event], now: float, link: Link) -> int:
        """Settle the answers with which a list begins, as `settle` does each; how many there are."""
        answers, taken = 0, list[tuple[Part, str]]()
        for event in events:
            if type(event) is not Answered:
                break
            answers += 1
            pdu = event.pdu
            if not event.status and type(pdu) is SubmitSmResp and not pdu.tlvs:
                taken.append((event.tag, pdu.message_id.decode("latin-1")))
            else:
                self._settle_taken(taken, now)
                self.settle(event, now, link)
        self._settle_taken(taken, now)
        return answers

    def _settle_taken(self, taken: list[tuple[Part, str]], now: float) -> None:
        if taken:
            self.carrier.counts.accepted += len(taken)
            self._accepted += len(taken)
            self.carrier.core.settler.accepted_all(taken, now)
            taken.clear()

    def settle(self, event: Answered | LateAnswer, now: float, link: Link) -> None:
        """Settle the answer to a part, in time or late. now: Unix seconds."""
        settler, counts, part = self.carrier.core.settler, self.carrier.counts, event.tag
        pdu, status, carrier_id = event.pdu, event.status, ""
        tlvs: Tlvs = ()
        if type(pdu) is SubmitSmResp:
            carrier_id, tlvs = pdu.message_id.decode("latin-1"), pdu.tlvs
        else:
            status = status or Status.RSYSERR
        if isinstance(event, LateAnswer):
            counts.late += 1
            settler.late(part, status, carrier_id, now)
        elif not status:
            counts.accepted += 1
            self._accepted += 1
            settler.accepted(part, carrier_id, now)
        else:
            counts.refuse(status)
            self._obey(settler.refused(part, status, now), status, link)
        if tlvs and (find_integer(tlvs, Tag.CONGESTION_STATE) or 0) >= CONGESTED:
            self._slow()

    @property
    def begun(self) -> bool:
        """Whether a paused pump has the rest of a message to send, its own or, as one of the last, its carrier's."""
        if self._parts or self._marking:
            return True
        return self._is_last and bool(self.carrier.core.lanes.begun(self.carrier.name))

    @property
    def _is_last(self) -> bool:
        return self.submits and self.leaving and not self.carrier.bound

    def pause(self, now: float) -> None:
        """Begin nothing new. now: Unix seconds."""
        self.paused = True
        self.step_back(now)

    def step_back(self, now: float) -> None:
        """Have what was taken and not begun go first again. now: Unix seconds."""
        self._put_back(self._unbegun(), now)

    def _unbegun(self) -> list[Part]:
        """Parts that were taken, of messages that no carrier has a part of, nor may have."""
        return self._held(*PartState)

    def _held(self, *states: PartState) -> list[Part]:
        """Parts that were taken, but the rest of messages that have another part in such a state, not WAITING."""
        held = [*self._parts, *self._marking]
        ours, begun = set(map(id, held)), set(states) - {PartState.WAITING}

        def is_begun(message: Message) -> bool:
            return any(part.state in begun and id(part) not in ours for part in message.parts)

        return [part for part in held if not is_begun(part.message)]

    def _note_first(self) -> None:
        """Have the carrier know whether it holds what was refused before, and has not begun to send it again."""
        first = self.carrier.first
        if any(part.status for part in self._held(PartState.SENT)):
            first.add(self)
        elif self in first:
            first.remove(self)
            self.carrier.core.lanes.wake[self.carrier.name]()

    def give_back(self, unanswered: Sequence[Part], now: float) -> None:
        """Settle what was not answered as unknown; what was not written goes first again. now: Unix seconds."""
        self.carrier.core.settler.unanswered(unanswered, now)
        self._put_back([*self._parts, *self._marking], now)

    def _put_back(self, unsent: Iterable[Part], now: float) -> None:
        gone = {id(part) for part in unsent}
        self._parts = deque(part for part in self._parts if id(part) not in gone)
        self._marking = [part for part in self._marking if id(part) not in gone]
        for part in unsent:
            if part.state is PartState.SENT:
                part.state = PartState.WAITING
        for message in {part.message.key: part.message for part in unsent}.values():
            self.carrier.core.settler.unsent(message, now)
        if self in self.carrier.first:
            self._note_first()

    def _obey(self, action: Action, status: int, link: Link) -> None:
        if action is Action.PAUSE:
            self._slow()
            self.carrier.step_back(self.carrier.core.clock())
        elif action is Action.REBIND:
            link.session.unbind(trio.current_time(), f"the SMSC answered {status_name(status)}")
            link.flush()

    def _tell_pace(self) -> None:
        if self._accepted:
            self.pace.accepted(trio.current_time(), self._accepted)
            self._accepted = 0

    def _slow(self) -> None:
        now = trio.current_time()
        self._tell_pace()
        if self.pace.refused(now):
            self._silent_until = now + self.carrier.settings.throttle_pause

    async def _feed(self, session: Session, link: Link) -> float:
        """Send what may go now.

        Returns: when to look again, if nothing happens before; inf: only when something happens.
        """
        while session.room > 0 and not link.closing and (not self.paused or self.begun):
            now = trio.current_time()
            opens = self._opens_at(now)
            if opens > now:
                return opens
            taken = await self._take(self._room(session, now))
            if not self._send(session, link) and not taken:
                break
        return inf

    def _opens_at(self, now: float) -> float:
        """When the carrier's limits and wishes let a part go; a time to come, or one that is over."""
        opens = max(self.carrier.throttle.opens_at(now), self.pace.opens_at(now), self._silent_until)
        return opens if self._throttle is None else max(opens, self._throttle.opens_at(now))

    def _room(self, session: Session, now: float) -> int:
        """Parts that may go now."""
        room = min(session.room, self.carrier.throttle.room(now), self.pace.room(now))
        return int(room if self._throttle is None else min(room, self._throttle.room(now)))

    async def _take(self, room: int) -> bool:
        """Take messages for the room there is; those of which a repeat would be worse than a loss are marked first.

        Returns: whether there were any.
        """
        carrier = self.carrier
        self._keep_quiet()
        taken, marked = self._pick(room - len(self._parts)), False
        try:
            for message in taken:
                marked |= self._adopt(message)
        except Exception:  # a defect that ends the link: nobody would think of those that were not begun
            for message in taken:
                if message.state is State.WAITING and not message.queued:
                    carrier.core.lanes.put_back(message)
            raise
        if carrier.slowed and any(part.status for part in self._marking):
            self._note_first()
        if marked:
            await carrier.core.store.commit.wait()
            self._drop_late()
            self._keep_quiet()
        self._parts.extend(self._marking)
        self._marking.clear()
        return bool(taken)

    def _keep_quiet(self) -> None:
        """Have the lanes hand out again what was taken before quiet hours and not begun, to be put aside."""
        quiet = self.carrier.core.settler.quiet
        if quiet is not None:
            now = self.carrier.core.clock()
            quieted = [part for part in self._unbegun() if quiet.until(part.message, now)]
            if quieted:
                self._put_back(quieted, now)

    def _adopt(self, message: Message) -> bool:
        """Make its parts ready to be written; whether that must be marked on disk before."""
        parts = self._begin(message)
        for part in parts:
            part.state = _SENT
        self._marking += parts
        if message.on_unknown is _REPORT and parts:
            self.carrier.core.store.save(message)
            return True
        return False

    def _pick(self, parts: int) -> list[Message]:
        """Take from the lanes what is to be sent over this bind, about so many parts."""
        lanes, name = self.carrier.core.lanes, self.carrier.name
        if self.paused:
            return lanes.take_begun(name) if self._is_last else []
        if self.carrier.first and self.carrier.first != {self}:
            return []
        return lanes.take(name, parts) if parts > 0 else []

    def _drop_late(self) -> None:
        """Expire what was in time when it was taken and is not now, with the mark on disk: nothing of it has left."""
        now = self.carrier.core.clock()
        too_late = now + self.carrier.least_left
        late = {part.message.key: part.message for part in self._marking if 0 < part.message.expires_at <= too_late}
        for message in late.values():
            marked = [part for part in self._marking if part.message is message]
            for part in marked:
                part.state = PartState.WAITING
            if self.carrier.core.settler.expire(message, now):
                self._marking = [part for part in self._marking if part.message is not message]
            else:  # a carrier has a part of it already
                for part in marked:
                    part.state = PartState.SENT

    def _begin(self, message: Message) -> list[Part]:
        core = self.carrier.core
        if message.expires_at or core.settler.quiet is not None:
            now = core.clock()
            if 0 < message.expires_at <= now + self.carrier.least_left and core.settler.expire(message, now):
                return []
            if core.settler.quiet is not None and core.settler.keep_quiet(message, now):
                self.progress += 1
                return []
        try:
            return self.carrier.begin(message)
        except TextError:
            self.carrier.refuse(message)
        except Exception as error:  # whatever is wrong with it would be so at every bind
            self._spare(message, error)
        return []

    def _send(self, session: Session, link: Link) -> bool:
        """Write what there is room for; whether there was anything to write or to leave out."""
        now, waiting = trio.current_time(), len(self._parts)
        written: list[Part] = []
        try:
            bodies = self._compose(session, self._room(session, now), written)
            sequences = session.submit(bodies, now, written) if bodies else []
        except Exception:  # a defect, or the room was not as we thought: they go over another link
            self._parts.extendleft(reversed(written))
            raise
        name, at, sent = self.name, self.carrier.core.clock(), len(written)
        for part, sequence in zip(written, sequences, strict=True):
            part.note_sent(name, sequence, at)
        if sent:
            self.carrier.throttle.take(sent, now)
            if self._throttle is not None:
                self._throttle.take(sent, now)
            self.pace.sent(sent, now)
            self.carrier.counts.sent += sent
            self.progress += sent
            link.flush()
        if self in self.carrier.first:
            self._note_first()
        return len(self._parts) < waiting

    def _compose(self, session: Session, room: int, composed: list[Part]) -> list[bytes]:
        """Make the bodies of so many parts, and note whose they are; leaves out what is not to be sent any more."""
        bodies: list[bytes] = []
        parts, fill = self._parts, self._forms.fill
        while parts and len(bodies) < room:
            part = parts.popleft()
            if part.message.state is not _SENDING or part.state is not _SENT:
                self._leave_out(part)
                continue
            try:
                body = fill(part) or session.make_body(self.carrier.compose(part, self.settings))
            except Exception as error:
                part.state = PartState.WAITING
                self._spare(part.message, error)
                continue
            bodies.append(body)
            composed.append(part)
        return bodies

    def _spare(self, message: Message, error: Exception) -> None:
        """A message can't be written because of a defect of ours: it is refused, or it would end every bind in turn."""
        report(error, bind=self.name, message_id=message.message_id)
        self.carrier.counts.defects += 1
        self.carrier.refuse(message, Status.RX_P_APPN)

    def _leave_out(self, part: Part) -> None:
        """Its message has ended or was put aside meanwhile, or a receipt of an earlier copy of the part has come."""
        if part.state is PartState.SENT:
            part.state = PartState.WAITING
            self.carrier.core.settler.unsent(part.message, self.carrier.core.clock())
