"""What the binds of one account bring: receipts, which settle parts of ours, and messages from handsets."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Final, TypeAlias

import structlog

from gateway.early import CHECKED_DIGITS
from gateway.events import OUTCOMES
from gateway.message import Message, Part, PartState, State
from protocol import receipt as receipts
from protocol.constants import EsmClass, IdForm, MessageState, Status, Tag
from protocol.joining import split_udh
from protocol.receipt import Candidate, IdRule, Receipt, Said
from protocol.tags import find_tlv

if TYPE_CHECKING:
    from gateway.core import Core
    from gateway.metrics import CarrierCounts
    from protocol.pdu import DeliverSm

STEADY: Final = 20
"""Receipts in a row that are matched by one rule before it is what this carrier does."""
WARN_SECONDS: Final = 60.0
"""Between two warnings of one carrier's receipts that can't be read."""

_EXACT: Final = IdRule.EXACT
_DELIVERED: Final = PartState.DELIVERED
_SUBMITTED: Final = State.SUBMITTED
_NOBODY: Final = (None, _EXACT)

_Told: TypeAlias = tuple["DeliverSm", PartState, Said, bool]
"""A final receipt: (pdu, what it makes of its part, what it says, whether that is plain)."""

_log = structlog.get_logger()


class Deliveries:
    """Receipts are matched per account: they may come over any of its binds, before their answer or days after it."""

    def __init__(self, name: str, core: "Core") -> None:
        habits = core.settings.profile_of(name)
        self._name = name
        self._core = core
        self._counts = core.counts.carriers[name]
        self._id_form = habits.message_id
        self._by_text = habits.receipts_by_text
        self._final_states = receipts.FINAL_STATES | {MessageState[state.upper()] for state in habits.final_states}
        finals = receipts.names_of(self._final_states)
        self._outcomes = {name: OUTCOMES[state] for name, state in finals.items()}
        self._spelled_alike = self._id_form in (IdForm.AUTO, IdForm.SAME)
        self._habit = Habit(name, self._counts)
        self._warned = -inf

    async def keep(self, deliveries: Sequence["DeliverSm"]) -> list[int]:
        """Settle receipts and keep messages from handsets; returns when all that follows from them is on disk.

        A receipt that can't be read is counted and taken: refused, it would come again for ever. Messages from handsets
        are noted before it waits for anything, so they are kept even when it is cancelled. With a full disk nothing is
        kept: RX_T_APPN has the SMSC deliver it again.

        Returns: the command_status to answer each delivery with.
        """
        core, incoming = self._core, False
        told: list[_Told] = []
        if core.bounds.disk_full:
            self._counts.deferred += len(deliveries)
            return [Status.RX_T_APPN] * len(deliveries)
        deliveries = self._show_receipts(deliveries)
        for pdu in deliveries:
            if receipts.is_receipt(pdu.esm_class):
                said = receipts.parse_plain(pdu.short_message, pdu.esm_class, pdu.tlvs)
                outcome = self._outcomes.get(said[3]) if said else None
                if said and outcome:  # nearly always: 0.3 us less than by a Receipt
                    told.append((pdu, outcome, said, True))
                elif receipt := self._read(pdu):
                    told.append((pdu, OUTCOMES[receipt.state], receipt.said, False))
            elif not receipts.is_intermediate(pdu.esm_class):
                incoming = True
        taken = core.incoming.take(self._name, deliveries, core.clock()) if incoming else None
        self._counts.receipts += len(told)
        now = core.clock()
        unfound = self._settle_all(told, now)
        if unfound:
            await self._settle_from_disk(unfound)
        commit = core.store.commit
        core.store.seal_much()  # not before: the receipts of a read go with its answers, in one row of a message
        await commit.wait()
        return taken or [Status.ROK] * len(deliveries)

    def _show_receipts(self, deliveries: Sequence["DeliverSm"]) -> Sequence["DeliverSm"]:
        """Mark what reads as a receipt and says nothing of itself, if this carrier is known to send such."""
        if not self._by_text:
            return deliveries
        shown = []
        for pdu in deliveries:
            body = split_udh(pdu.short_message or find_tlv(pdu.tlvs, Tag.MESSAGE_PAYLOAD) or b"", pdu.esm_class)[1]
            silent = not pdu.esm_class & EsmClass.TYPE_MASK and receipts.looks_like_receipt(body)
            shown.append(replace(pdu, esm_class=pdu.esm_class | EsmClass.RECEIPT) if silent else pdu)
        return shown

    def _read(self, pdu: "DeliverSm") -> Receipt | None:
        """What a receipt says; None when it is not final, so that nothing is to be done, or can't be read."""
        receipt = receipts.parse(pdu.short_message, pdu.esm_class, pdu.tlvs, self._final_states)
        if receipt is None or not isinstance(receipt.state, MessageState):
            self._leave_unread("it has no id" if receipt is None else "its state is none of SMPP's")
            return None
        return receipt if receipt.final else None

    def _leave_unread(self, reason: str) -> None:
        self._counts.receipts_unreadable += 1
        now = self._core.clock()
        if now - self._warned >= WARN_SECONDS:
            self._warned = now
            _log.warning("receipt_unreadable", carrier=self._name, reason=reason)

    def _settle_all(self, told: Sequence["_Told"], now: float) -> list["_Told"]:
        """Settle receipts whose parts are in memory; returns the others."""
        find, name, spelled_alike = self._core.outstanding.find, self._name, self._spelled_alike
        delivered: list[tuple[Part, Said]] = []
        unfound: list[_Told] = []
        for each in told:
            pdu, outcome, said, plain = each
            part = find(name, said[0]) if plain and spelled_alike and outcome is _DELIVERED else None
            if part is not None and (message := part.message).state is _SUBMITTED and _concerns(pdu, message):
                delivered.append((part, said))
                continue
            self._settle_delivered(delivered, now)  # a part has the first of its receipts
            if not self._settle(each, now):
                unfound.append(each)
        self._settle_delivered(delivered, now)
        return unfound

    def _settle_delivered(self, delivered: list[tuple[Part, Said]], now: float) -> None:
        if delivered:
            self._habit.note(_EXACT, len(delivered))
            self._core.settler.delivered_all(delivered, now)
            delivered.clear()

    def _settle(self, told: "_Told", now: float) -> bool:
        """Settle a receipt whose part is in memory."""
        pdu, outcome, said, _ = told
        find, message_id, rule = self._core.outstanding.find, said[0], _EXACT
        part = find(self._name, message_id) if self._spelled_alike else None
        if part is None or not _concerns(pdu, part.message):
            made = receipts.candidates(message_id, self._id_form)
            found = ((find(self._name, each.spelling), each.rule) for each in made)
            part, rule = next(((part, rule) for part, rule in found if part and _concerns(pdu, part.message)), _NOBODY)
        if part is None:
            return False
        self._habit.note(rule)
        self._core.settler.received(part, outcome, said, now)
        return True

    async def _settle_from_disk(self, told: Sequence["_Told"]) -> None:
        """Settle receipts whose parts have left memory; keep those that no part on disk answers to."""
        core = self._core
        made = [(each, list(receipts.candidates(each[2][0], self._id_form))) for each in told]
        async with core.outstanding.reading():
            ids = dict.fromkeys(candidate.spelling for _, candidates in made for candidate in candidates)
            found = await core.store.find_parts(self._name, list(ids))
            parts = self._live_parts(found)
            for each, candidates in made:
                now = core.clock()
                if self._settle(each, now):  # its answer came while we were reading
                    continue
                pdu, outcome, said, _ = each
                part, rule = _choose(each, candidates, parts)
                if part:
                    self._habit.note(rule)
                    core.settler.received(part, outcome, said, now)
                    continue
                self._counts.receipts_early += 1
                ends = pdu.source_addr, pdu.destination_addr
                about = [address[-CHECKED_DIGITS:].decode("latin-1") for address in ends]
                spellings = [candidate.spelling for candidate in candidates]
                core.early.keep(self._name, spellings, (outcome, said, about), now)

    def _live_parts(self, found: Mapping[str, list[tuple[Message, int]]]) -> dict[str, list[Part]]:
        """The parts themselves, by what the carrier calls them: of messages in memory, those there."""
        current = self._core.outstanding.current
        copies = {each.key: current(each) for named in found.values() for each, _ in named}
        return {
            id_: [copies[each.key].parts[n - 1] for each, n in named if n <= len(copies[each.key].parts)]
            for id_, named in found.items()
        }


class Habit:
    """By which rule a carrier's receipts find their parts: counted, learnt, and said aloud when it changes.

    An id that is the same in both forms, and one that was respelled by hand, change nothing: only STEADY receipts in a
    row by another rule do. It is learnt anew with each start.
    """

    def __init__(self, carrier: str, counts: "CarrierCounts") -> None:
        self._carrier = carrier
        self._counts = counts
        self._learnt: IdRule | None = None
        self._other: IdRule | None = None
        self._row = 0
        """Matches by the other rule since one by the learnt rule."""
        self._said: set[tuple[IdRule, IdRule]] = set()

    def note(self, rule: IdRule, times: int = 1) -> None:
        """Count receipts in a row that were matched by this rule."""
        matched = self._counts.matched
        matched[rule] = matched.get(rule, 0) + times
        if rule is self._learnt:
            self._row = 0
            return
        self._row = self._row + times if rule is self._other else times
        self._other = rule
        if self._row >= STEADY:
            self._learn(rule)

    def _learn(self, rule: IdRule) -> None:
        before, self._learnt, self._row = self._learnt, rule, 0
        if before is None:
            return
        self._counts.rule_changes += 1
        if (before, rule) not in self._said:
            self._said.add((before, rule))
            reason = "its receipts spell ids in another form than before; see message_id in its profile"
            _log.warning("receipt_rule_changed", carrier=self._carrier, before=before, rule=rule, reason=reason)


def _choose(
    told: "_Told", candidates: Sequence[Candidate], parts: Mapping[str, list[Part]]
) -> tuple[Part | None, IdRule]:
    """The part that a receipt speaks of.

    The best spelling counts. An id may have been used again for the same number: then it is the part that has this very
    receipt already, else the newest that has none.
    """
    pdu, outcome, said, _ = told
    for id_, rule in candidates:
        named = [part for part in parts.get(id_, ()) if _concerns(pdu, part.message)]
        if named:
            again = (part for part in named if part.receipt == said and part.state is outcome)
            unsettled = (part for part in named if part.state <= PartState.ACCEPTED)
            return next(again, None) or next(unsettled, named[0]), rule
    return _NOBODY


def _concerns(pdu: "DeliverSm", message: Message) -> bool:
    """Whether a receipt names the message's number, at either end: ids come again, and then to another number."""
    tail = message.to[-CHECKED_DIGITS:].encode()
    return pdu.source_addr.endswith(tail) or pdu.destination_addr.endswith(tail)
