"""What the SMSC answers, what becomes of each part, and what strikes a link: pure, and the same for the same seed.

The same calls with the same arguments in the same order give the same decisions. What strikes links is drawn apart, so
when that is asked changes no message.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from math import inf
from random import Random
from struct import Struct
from typing import Any, Final, NamedTuple

from config.faults import LinkSettings, ThrottlePer
from config.fields import status_number
from config.scenario import PhaseSettings, Scenario
from protocol.alphabets import fits
from protocol.constants import Coding, CommandId, EsmClass, MessageState, Status, Tag
from protocol.pdu import SubmitSm, find_tlv
from protocol.text import decode_body
from simulator.chance import within
from simulator.faults import FAULTS, GROUPS, LinkFault, check, dump
from simulator.ids import Ids, respell
from simulator.plan import Plan, Plans, Randoms, ReceiptForm
from simulator.quota import Quota
from simulator.timeline import Timeline

SUCCESSES: Final = frozenset({MessageState.DELIVERED, MessageState.ACCEPTED})
"""States that are no failure: the receipt's error is 000."""

MIN_REORDER: Final = 1.0
"""Seconds that a receipt out of order is late at least."""

MAX_GARBAGE: Final = 64
"""Octets of garbage at most."""

WRONG_LENGTHS: Final = (0, 4, 15, 17, 0x7FFF_FFFF, 0xFFFF_FFFF)
"""What command_length says of 16 octets when it is wrong."""

_ANY_OUTCOME, _FAILURE_ONLY, _SUCCESS_ONLY = 1, 2, 3
_RECEIPT_MASK: Final = 0x03
_INTERMEDIATE: Final = 0x10
_ASKED: Final = _RECEIPT_MASK | _INTERMEDIATE
_TAKEN: Final = int(Status.ROK)
_DELIVERED: Final = MessageState.DELIVERED
_HEADER: Final = Struct(">IIII")
_STRIKES: Final = {
    "close_rate": LinkFault.CLOSE,
    "unbind_rate": LinkFault.UNBIND,
    "half_open_rate": LinkFault.HALF_OPEN,
    "cut_rate": LinkFault.CUT,
    "garbage_rate": LinkFault.GARBAGE,
    "wrong_length_rate": LinkFault.WRONG_LENGTH,
}


class Origin(NamedTuple):
    """Where a submit_sm came from. session: the number of its connection. account: its system_id."""

    session: int
    account: bytes


@dataclass(slots=True)
class Answer:
    """How a submit_sm is answered.

    Attributes: message_id: empty unless the status is 0. due: when; inf: never, though the part was taken. again: when
        a copy follows; inf: none does. hold: send it only after the next answer of its session.
    """

    status: int
    message_id: bytes
    due: float
    again: float = inf
    hold: bool = False


@dataclass(slots=True)
class Outcome:
    """What a receipt will say, or an intermediate notification, or how a part ends of which nothing is told.

    Attributes: due: when it is sent, or would be. error: the receipt's own three digits. message_id: as it spells it.
        early: send it before the answer to its submit_sm. other_bind: send it over another bind of the account, if
        there is one. final: False in an intermediate notification. told: False when it was not asked for or goes
        missing: only query_sm can see it then.
    """

    due: float
    state: MessageState
    error: str
    message_id: bytes
    early: bool
    other_bind: bool
    final: bool
    form: ReceiptForm
    told: bool = True


class Calm(NamedTuple):
    """What becomes of all messages of one moment, when nothing is left to chance: taken at once, and delivered.

    Attributes: due: when their receipts are sent. silent: the end of one that asks for none. form: of receipts.
    """

    due: float
    silent: Sequence[Outcome]
    form: ReceiptForm

    def told(self, message_id: bytes) -> Outcome:
        """The end of one that asks for a receipt."""
        return Outcome(self.due, _DELIVERED, "000", message_id, False, False, True, self.form)


class Strike(NamedTuple):
    """What befalls one connection now. seconds: how long, of HALF_OPEN. octets: what is sent, of the last two."""

    fault: LinkFault
    seconds: float = 0.0
    octets: bytes = b""


class Behaviour:
    """An SMSC that behaves as a scenario says; times are of one clock, in seconds, and never go back.

    Args: seed: decides all that is left to chance. started: when the first phase begins.
    """

    def __init__(self, scenario: Scenario, seed: int, started: float) -> None:
        self.scenario = scenario
        self._phases = scenario.phases
        self._timeline = Timeline(scenario.phases, scenario.repeat, started)
        first = Random(seed)
        self._ids = Ids(first)
        self._randoms = Randoms(*(Random(first.getrandbits(64)) for _ in Randoms._fields))
        self._rates = {a.system_id.encode(): a.parts_per_second for a in scenario.accounts if a.parts_per_second}
        self._quota = Quota()
        self._ends: list[float] = []
        """When the parts end that are counted for queue_limit: a heap."""
        self._given: dict[str, Any] = {}
        self._changes: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
        """What was given, read: group -> key -> value."""
        self._ready: dict[int, tuple[Plans, LinkSettings]] = {}
        self._turn(started)

    def phase(self, now: float) -> PhaseSettings:
        """The phase it is, as the scenario has it."""
        return self._phases[self._timeline.place(now)[0]]

    def next_change(self, now: float) -> float:
        """When the next phase begins; inf for never."""
        return self._timeline.place(now)[1]

    def link(self, now: float) -> LinkSettings:
        """What befalls connections, with what was changed."""
        if now >= self._until:
            self._turn(now)
        return self._link

    def values(self, now: float) -> dict[str, Any]:
        """Every fault as it is for what no rule is about, with what was changed, by flat name and in JSON's types."""
        link, plan = self.link(now), self._plans.default
        return dump("answers", plan.answers) | dump("receipts", plan.receipts) | dump("link", link)

    @property
    def overrides(self) -> dict[str, Any]:
        """What was changed, by flat name, as it was given."""
        return dict(self._given)

    def override(self, name: str, value: object) -> None:
        """Change a fault for all messages, whatever the phase or a rule says; None: let them say again.

        Raises: ValueError: no such fault or not a value for it; says what is allowed. Nothing was changed.
        """
        known = value is None and name in FAULTS
        checked = None if known else check(name, value)
        group, key, *_ = FAULTS[name]
        if known:
            self._given.pop(name, None)
            self._changes[group].pop(key, None)
        else:
            self._given[name] = value
            self._changes[group][key] = checked
        self._forget_plans()

    def clear(self) -> None:
        """Take back all changes."""
        self._given.clear()
        for changes in self._changes.values():
            changes.clear()
        self._forget_plans()

    def calm(self, now: float) -> Calm | None:
        """Say once for all messages of a moment what `answer` and `receipts` say of each; None: ask them.

        It holds for those to a destination of digits that ask for a receipt in any case, or for none; each gets an id
        by `make_id`. Draws nothing.
        """
        if now >= self._until:
            self._turn(now)
        plan = self._plan
        if not self._calm or plan.answers.latency or self._rates:
            return None
        due = now + plan.delay()
        return Calm(due, (Outcome(due, _DELIVERED, "000", b"", False, False, True, plan.form, told=False),), plan.form)

    def make_id(self) -> bytes:
        """Give the next part its id, while it is calm."""
        return self._ids.make_decimal()

    def answer(self, submit: SubmitSm, now: float, origin: Origin) -> Answer:
        """Take or refuse a submit_sm; each taken one gets an id of its own."""
        if now >= self._until:
            self._turn(now)
        plan = self._find(submit.destination_addr, submit.source_addr) if self._ruled else self._plan
        if plan.calm_answers and not self._rates and submit.destination_addr.isdigit():
            return Answer(_TAKEN, self._ids.make_decimal(), now + plan.latency())
        status = self._refusal(plan, submit, now, origin)
        message_id = b"" if status else self._ids.make(plan.answers.id_form)
        return self._send(plan, Answer(status, message_id, now + plan.latency()))

    def receipts(self, submit: SubmitSm, message_id: bytes, now: float) -> list[Outcome]:
        """Decide the end of a part that was taken, and what is told of it: one or more, of which one or two are final.

        registered_delivery says what is wanted (SMPP 3.4, 5.2.17; 3, of success only: SMPP 5.0, 4.7.21).
        """
        if now >= self._until:
            self._turn(now)
        plan = self._find(submit.destination_addr, submit.source_addr) if self._ruled else self._plan
        wish = submit.registered_delivery & _ASKED
        if plan.calm_receipts and not self._plans.counts and wish <= _ANY_OUTCOME:
            told = wish == _ANY_OUTCOME
            return [Outcome(now + plan.delay(), _DELIVERED, "000", message_id, False, False, True, plan.form, told)]
        return list(self._tell(plan, wish, message_id, now))

    def refuse_bind(self, now: float) -> int:
        """The error that binds get now; 0: they are taken."""
        name = self.link(now).refuse_bind
        return status_number(name) if name else Status.ROK

    def strike(self, now: float, last: float) -> list[Strike]:
        """Decide what befalls one connection that was last asked about at `last`; however often that is, as likely."""
        link, random = self.link(now), self._randoms.link
        rates = [(fault, getattr(link, key)) for key, fault in _STRIKES.items()] if now > last else []
        return [
            self.make_strike(fault, now) for fault, rate in rates if rate and random.random() < within(rate, now - last)
        ]

    def make_strike(self, fault: LinkFault, now: float) -> Strike:
        """Make a fault that is to strike at once."""
        random = self._randoms.link
        if fault is LinkFault.HALF_OPEN:
            return Strike(fault, seconds=self.link(now).half_open_for)
        if fault is LinkFault.GARBAGE:
            return Strike(fault, octets=random.randbytes(random.randint(1, MAX_GARBAGE)))
        if fault is LinkFault.WRONG_LENGTH:
            length = random.choice(WRONG_LENGTHS)
            return Strike(fault, octets=_HEADER.pack(length, CommandId.ENQUIRE_LINK, Status.ROK, 1))
        return Strike(fault)

    def _turn(self, now: float) -> None:
        index, self._until = self._timeline.place(now)
        if index not in self._ready:
            phase = self._phases[index]
            link = phase.link.model_copy(update=self._changes["link"])
            self._ready[index] = Plans(phase, self._changes, self._randoms), link
        self._plans, self._link = self._ready[index]
        self._plan, self._find, self._ruled = self._plans.default, self._plans.find, bool(self._phases[index].rules)
        calm = self._plan.calm_answers and self._plan.calm_receipts
        self._calm = calm and not self._ruled and not self._plans.counts

    def _forget_plans(self) -> None:
        self._ready.clear()
        self._until = -inf

    def _refusal(self, plan: Plan, submit: SubmitSm, now: float, origin: Origin) -> int:
        if not submit.destination_addr.isdigit():
            return Status.RINVDSTADR
        if not self._has_quota(plan, now, origin):
            return plan.throttle_status
        if plan.answers.queue_limit and self._count_waiting(now) >= plan.answers.queue_limit:
            return Status.RMSGQFUL
        if plan.charset and not _is_writable(submit, plan.charset, plan.answers.short_units):
            return plan.short_status
        return plan.statuses.draw(self._randoms.answers)

    def _has_quota(self, plan: Plan, now: float, origin: Origin) -> bool:
        own, rate = self._rates.get(origin.account), plan.answers.parts_per_second
        if own and not self._quota.take(origin.account, own, now):
            return False
        sender = origin.session if plan.answers.throttle_per is ThrottlePer.BIND else origin.account
        return not rate or self._quota.take((plan.quota, sender), rate, now)

    def _count_waiting(self, now: float) -> int:
        ends = self._ends
        while ends and ends[0] <= now:
            heappop(ends)
        return len(ends)

    def _send(self, plan: Plan, answer: Answer) -> Answer:
        """Let what may befall an answer befall it."""
        faults, random = plan.answers, self._randoms.answers
        if _happens(faults.late_rate, random):
            answer.due += faults.late_by
        if _happens(faults.double_rate, random):
            answer.again = answer.due
        answer.hold = _happens(faults.reorder_rate, random)
        if _happens(faults.lose_rate, random):
            answer.due, answer.again, answer.hold = inf, inf, False
        return answer

    def _tell(self, plan: Plan, wish: int, message_id: bytes, now: float) -> Iterator[Outcome]:
        faults, random = plan.receipts, self._randoms.receipts
        delay, state = plan.delay(), plan.states.draw(random)
        if self._plans.counts:
            self._count_waiting(now)
            heappush(self._ends, now + delay)
        error = "000" if state in SUCCESSES else faults.error
        if not wish:
            yield Outcome(now + delay, state, error, message_id, False, False, True, plan.form, told=False)
            return
        early, other_bind = _happens(faults.early_rate, random), _happens(faults.other_bind_rate, random)
        waits = delay + max(delay, MIN_REORDER) if _happens(faults.reorder_rate, random) else delay
        due = now if early else now + waits
        outcome = Outcome(due, state, error, respell(message_id, faults.id_form), early, other_bind, True, plan.form)
        if wish & _INTERMEDIATE or _happens(faults.intermediate_rate, random):
            yield replace(outcome, due=(now + due) / 2, state=MessageState.ENROUTE, error="000", final=False)
        told = _wants_receipt(wish, state) and not _happens(faults.missing_rate, random)
        yield outcome if told else replace(outcome, told=False)
        if told and _happens(faults.double_rate, random):
            yield replace(outcome, due=due + delay, early=False)


def _happens(rate: float, random: Random) -> bool:
    return rate > 0 and random.random() < rate


def _wants_receipt(wish: int, state: MessageState) -> bool:
    wanted = wish & _RECEIPT_MASK
    return wanted == _ANY_OUTCOME or wanted == (_SUCCESS_ONLY if state in SUCCESSES else _FAILURE_ONLY)


def _is_writable(submit: SubmitSm, charset: Coding, most: int) -> bool:
    """Tell whether a short text can be written; a part of a long one, a longer one and what is no text always can."""
    if submit.esm_class & EsmClass.UDHI or find_tlv(submit.tlvs, Tag.SAR_MSG_REF_NUM) is not None:
        return True
    body = submit.short_message or find_tlv(submit.tlvs, Tag.MESSAGE_PAYLOAD) or b""
    text = decode_body(body, submit.data_coding)
    return text is None or len(text.encode("utf-16-be")) > 2 * most or fits(text, charset)
