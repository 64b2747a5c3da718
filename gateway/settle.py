"""What answers, receipts and time make of messages: parts change, messages follow, the store and the client hear of it.

No I/O of its own: everything is noted with the store, to be on disk with its next commit. Times are Unix seconds.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from config.fields import status_number
from config.settings import Events, OnUnknown
from gateway import retry
from gateway.events import KINDS, describe_event
from gateway.message import FINAL, Message, Part, PartState, State, derive, give_up, resend_unknown, untouched
from gateway.quiet import Quiet
from gateway.retry import Action
from gateway.routing import Plan
from protocol.constants import Status
from protocol.receipt import Said
from protocol.statuses import StatusClass, status_class
from protocol.upstream import pack

if TYPE_CHECKING:
    from config.settings import CarrierSettings, Settings
    from gateway.early import EarlyReceipts
    from gateway.lanes import Lanes
    from gateway.metrics import Counts
    from gateway.outstanding import Outstanding
    from gateway.store import Store

_TAKEN: Final = (State.SUBMITTED, State.DONE, State.DELIVERED)
"""States in which the carrier has shown that the number is of its own."""

# By names of their own on the way of every message: to name a member of an enum takes 0.1 us (Python 3.11).
_WAITING: Final = State.WAITING
_SUBMITTED: Final = State.SUBMITTED
_PUT_ASIDE: Final = (State.WAITING, State.HELD, State.QUIET)
_SENT: Final = PartState.SENT
_ACCEPTED: Final = PartState.ACCEPTED
_FINAL_ONLY: Final = Events.FINAL


class Settler:
    """Applies outcomes; one for all carriers. `chance` gives random floats in 0..1."""

    def __init__(self, settings: "Settings", store: "Store", lanes: "Lanes", outstanding: "Outstanding") -> None:
        self._accounts: dict[str, CarrierSettings] = {}
        """Of all carriers there have been: what one that is gone has taken must still be settled."""
        self._statuses: dict[str, dict[int, StatusClass]] = {}
        """Likewise: what a carrier means by its statuses."""
        self.reconfigure(settings)
        self._store = store
        self._lanes = lanes
        self._outstanding = outstanding
        self.early: EarlyReceipts
        self.counts: Counts
        self.chance: Callable[[], float]

    def reconfigure(self, settings: "Settings") -> None:
        """Go by these settings from now on."""
        self._carriers: dict[str, CarrierSettings] = settings.carriers
        self._accounts |= settings.carriers
        for name, carrier in settings.carriers.items():
            self._statuses[name] = {status_number(status): kind for status, kind in carrier.statuses.items()}
        self.quiet = Quiet.of(settings)
        """None when nobody has quiet hours."""
        self._final_only = {name for name, client in settings.clients.items() if client.events is _FINAL_ONLY}
        """Clients that are not told of what is not final."""
        self._homes = settings.home_hold > 0
        """Whether it is remembered who took a number's last message."""

    def accepted(self, part: Part, carrier_id: str, now: float) -> None:
        """The carrier has taken a part, and calls it so; without an id no receipt can ever be matched."""
        part.note_answer(0, now)
        message = part.message
        part.status, part.at, part.carrier_id = 0, now, carrier_id
        if part.state < _ACCEPTED:
            part.state = _ACCEPTED
        early = self._name(part, message, carrier_id, now) if carrier_id else None
        self._follow(message, now)
        if early:
            self.received(part, *early, now)

    def refused(self, part: Part, status: int, now: float) -> Action:
        """The carrier has not taken a part; what is done about it."""
        message = part.message
        part.note_answer(status, now)
        action = self._decide(part, status)
        if part.receipt:  # of another copy of the part; it says more
            return action
        part.status, part.at, part.state = status, now, PartState.WAITING
        first = message.state in (State.SENDING, State.UNKNOWN)  # of this round; the parts refused after it go along
        if action is Action.RETRY and message.attempts + first >= self._accounts[message.carrier].max_attempts:
            action = Action.REJECT
        if message.state is State.REPORTED:
            action = Action.REJECT  # the client was told that nothing more is sent
        if action is Action.REJECT:
            part.state = PartState.REJECTED
        elif action is Action.ELSEWHERE:
            self._disown(message)
        elif first and action is Action.RETRY:
            self._hold(message, now)
        elif first:
            message.due = message.expires_at
            self._lanes.put_back(message)
        self._follow(message, now)
        return action

    def unanswered(self, parts: Iterable[Part], now: float) -> None:
        """It can't be known whether the carrier has taken these parts."""
        for part in parts:
            if part.state is PartState.SENT:  # else a receipt of another copy of it has come
                part.state, part.at = PartState.UNKNOWN, now
                self._follow(part.message, now)

    def unsent(self, message: Message, now: float) -> None:
        """A message was taken to be sent, and some of it was not: it goes first again if nothing stands against it."""
        self._follow(message, now)

    def late(self, part: Part, status: int, carrier_id: str, now: float) -> None:
        """An answer has come to a part that was given up as unknown, and may wait to be sent again since.

        It changes no message that has left memory: what has become of that on disk is not known here.
        """
        message = part.message
        if part not in message.parts:  # of a copy that was refused since, so that the message has left this carrier
            return
        current = self._outstanding.live.get(message.key) is message
        if current and not status and part.state in (PartState.UNKNOWN, PartState.WAITING):
            self.accepted(part, carrier_id, now)
        elif current and status and part.state is PartState.UNKNOWN:
            self.refused(part, status, now)
        elif not status and carrier_id:
            self._store.name_part(message.carrier, carrier_id, message.key, part.n)
            early = current and self.early.take(message.carrier, carrier_id, message.to, now)
            if early:
                self.received(part, *early, now)

    def received(self, part: Part, outcome: PartState, said: Said, now: float) -> None:
        """A final receipt has come for a part. The first one counts: a final state is never overwritten.

        Args: outcome: what it makes of the part. said: what is kept of it.
        """
        if part.state > _ACCEPTED:
            self.counts.receipts_repeated += 1
            return
        part.state, part.at, part.receipt = outcome, now, said
        self._follow(part.message, now)

    def fell_due(self, message: Message, now: float) -> bool:
        """The time of a message that waits, is held, or is unknown has come.

        Returns: whether it may be sent now, once its new state is on disk.
        """
        over = 0 < message.expires_at <= now
        aside = message.state in (State.HELD, State.QUIET)
        if (aside or message.state is State.WAITING) and over and self.expire(message, now):
            return False
        if aside and self.keep_quiet(message, now):
            return False
        ready = aside or message.state is State.UNKNOWN
        if aside:
            message.state, message.due = State.WAITING, 0.0 if over else message.expires_at
        elif message.state is State.UNKNOWN and (over or message.on_unknown is OnUnknown.REPORT):
            self._enter(message, State.REPORTED, now)
            ready = False
        elif message.state is State.UNKNOWN:
            resend_unknown(message)
        elif message.state is State.WAITING and over:
            message.due = 0.0
        else:
            return False
        self._save(message)
        return ready

    def expire(self, message: Message, now: float) -> bool:
        """End a message whose time is over while it waits; False when it is to be sent all the same.

        Once a carrier has a part of it, or may have, the rest follows, and the carrier decides by its validity_period.
        What would have been sent for the second time is reported as unknown: the first time it was not too late.
        """
        if message.repeated and not any(part.state is PartState.SENT for part in message.parts):
            give_up(message)
            self._enter(message, State.REPORTED, now)
        elif untouched(message):
            self._enter(message, State.EXPIRED, now)
        else:
            return False
        self._save(message)
        return True

    def keep_quiet(self, message: Message, now: float) -> bool:
        """Put a message aside for its quiet hours; False when it may be sent now, or a carrier has a part of it."""
        before = message.state, message.due
        if self.quiet is None or not untouched(message) or not self.quiet.put_aside(message, now):
            return False
        if before != (message.state, message.due):
            self._store.save(message)
            self._outstanding.drop(message)
        return True

    def strand(self, message: Message, now: float) -> None:
        """End a message that its carrier has a part of, or may have, when the carrier is configured no more.

        Nothing of it goes to another: a handset does not join parts of two carriers. What was never sent is refused,
        and with it the message; what may have been sent before is unknown.
        """
        if message.repeated:
            give_up(message)
        for part in message.parts:
            if part.state is PartState.WAITING:
                part.state, part.status, part.at = PartState.REJECTED, Status.RX_P_APPN, now
        state = derive(message)
        self._enter(message, State.REPORTED if state is State.UNKNOWN else state, now)
        self._save(message)

    def cancel(self, message: Message, now: float) -> bool:
        """Cancel a message that was not sent; False when it is too late, or an earlier copy may have been sent."""
        waits = message.state in _PUT_ASIDE
        if not waits or message.repeated or not untouched(message):
            return False
        self._enter(message, State.CANCELED, now)
        self._save(message)
        return True

    def _decide(self, part: Part, status: int) -> Action:
        carrier = part.message.carrier
        own = self._statuses[carrier]
        if status not in own and status_class(status) is StatusClass.VENDOR:
            self.counts.carriers[carrier].undocumented += 1
        return retry.decide(status, own, part.status)

    def _disown(self, message: Message) -> None:
        """The carrier says that the number is another's: nothing more of the message is written, see `_move_on`."""
        if not message.final:
            message.state, message.due = State.HELD, 0.0
        if message.carrier not in message.disowned_by:
            message.disowned_by += (message.carrier,)
            self.counts.carriers[message.carrier].elsewhere += 1

    def _move_on(self, message: Message, now: float) -> None:
        """Its carrier has said that the number is another's, and answered for all parts: ask the next of the plan.

        What the carrier has all the same, or may have, stays with it, and the message is rejected: it can't be whole.
        """
        others = (name for name in Plan.parse(message.plan).carriers if name in self._carriers)
        if untouched(message) and any(name not in message.disowned_by for name in others):
            # new ones: a late answer to an earlier copy of the old ones is about this carrier, not the next
            message.parts = [Part(message, part.n, tries=part.tries) for part in message.parts]
            message.due = message.expires_at
            self._lanes.move(message)
            return
        refused = [part for part in message.parts if part.state is PartState.WAITING and part.status]
        if refused:  # else it has taken an earlier copy of what it refused, and gets the rest
            max(refused, key=lambda part: part.at).state = PartState.REJECTED
        state = derive(message)
        if state is not message.state:
            self._enter(message, state, now)

    def _name(self, part: Part, message: Message, carrier_id: str, now: float) -> tuple[PartState, Said] | None:
        """Note what the carrier calls a part; the receipt that has come for it already, if one has."""
        carrier = message.carrier
        self._outstanding.name(carrier, carrier_id, part)
        self._store.name_part(carrier, carrier_id, message.key, part.n)
        return self.early.take(carrier, carrier_id, message.to, now)

    def _follow(self, message: Message, now: float) -> None:
        state = derive(message)
        if state is _WAITING and message.carrier in message.disowned_by and message.state < FINAL:
            self._move_on(message, now)
        elif state is not message.state and message.state < FINAL and not _goes_on(message, state):
            self._enter(message, state, now)
        self._save(message)

    def _save(self, message: Message) -> None:
        self._store.save(message)
        if message.state >= FINAL:
            self._leave(message)

    def _enter(self, message: Message, state: State, now: float) -> None:
        message.state, message.due = state, 0.0
        if self._homes and state in _TAKEN and "," in message.plan:
            self._store.remember_home(message.to, message.carrier)
        if state in KINDS:
            self._tell(message, KINDS[state], now)
        if state is _SUBMITTED:
            message.cut = None
            self._outstanding.submitted(message)
        elif state is State.UNKNOWN:
            message.due = now + self._accounts[message.carrier].unknown_grace
        elif state is State.REPORTED:  # in memory as long as there is room: a late answer may change this copy of it
            message.cut = None
            if message.key in self._outstanding.live:
                self._outstanding.submitted(message)
        elif state is State.WAITING:  # the carrier has some of its parts, and was not sent the others
            message.due = message.expires_at
            self._lanes.put_back(message)

    def _hold(self, message: Message, now: float) -> None:
        """Let a message wait for its next round, on disk unless an answer to a part of it may still come."""
        settings = self._accounts[message.carrier]
        message.attempts += 1
        wait = retry.backoff(message.attempts, settings.retry_min, settings.retry_max, self.chance())
        message.state, message.due = State.HELD, now + wait
        if now < message.expires_at < message.due:
            message.due = message.expires_at
        if all(part.state not in (PartState.SENT, PartState.UNKNOWN) for part in message.parts):
            self._outstanding.drop(message)

    def _leave(self, message: Message) -> None:
        """Let a message leave memory, unless a part of it is still on the wire."""
        for part in message.parts:
            if part.state is _SENT:
                return
        self._outstanding.drop(message)

    def _tell(self, message: Message, kind: str, now: float) -> None:
        counts = self.counts.events
        counts[kind] = counts.get(kind, 0) + 1
        if message.client in self._final_only and message.state < FINAL and kind != "unknown":
            return
        self._store.emit(message.client, pack(describe_event(message, kind, now)))


def _goes_on(message: Message, derived: State) -> bool:
    """Whether a message that was put back or held stays so.

    Others of its parts may still be on the wire, or unknown: that is decided once those that wait have been sent.
    """
    put_aside = message.state in _PUT_ASIDE and derived <= State.UNKNOWN
    return put_aside and any(part.state is PartState.WAITING for part in message.parts)
