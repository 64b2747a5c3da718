"""One account at one carrier: its throttle, its binds, and what its receipts and messages make of ours."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import trio

from gateway.early import CHECKED_DIGITS
from gateway.message import Message, Part, PartState, State
from gateway.settle import describe_receipt
from gateway.throttle import Throttle
from protocol import receipt as receipts
from protocol import times
from protocol.constants import Concatenation, EsmClass, IdForm, MessageState, Npi, Status, Tag, Ton
from protocol.errors import TextError
from protocol.joining import split_udh
from protocol.pdu import DeliverSm, SubmitSm
from protocol.receipt import IdRule
from protocol.tags import find_tlv
from protocol.text import cut, user_data

if TYPE_CHECKING:
    from config.settings import BindSettings
    from gateway.core import Core


_NOBODY: Final = (None, IdRule.EXACT)
_NOTHING: Final = (None, 0)


class Carrier:
    """What the binds of one account share. Receipts are matched per account: they may come over any of its binds."""

    def __init__(self, name: str, core: "Core") -> None:
        self.name = name
        self.core = core
        self.settings = core.settings.carriers[name]
        self.counts = core.counts.carriers[name]
        burst = core.settings.burst_of(name)
        self.throttle = Throttle(self.settings.parts_per_second, burst, trio.current_time())
        self.bound = 0
        """Binds that are up and may submit."""
        self._profile = core.profiles[name]
        self._bits = 8 if self._profile.concatenation is Concatenation.UDH8 else 16
        self._id_form = core.settings.profile_of(name).message_id
        habits = core.settings.profile_of(name)
        self._by_text = habits.receipts_by_text
        self._final_states = receipts.FINAL_STATES | {MessageState[state.upper()] for state in habits.final_states}
        self._spelled_alike = self._id_form in (IdForm.AUTO, IdForm.SAME)

    def bind_up(self) -> None:
        """Note that a bind may submit."""
        self.bound += 1
        if self.bound == 1:
            self.core.lanes.carrier_up(self.name)

    def bind_down(self) -> None:
        """Note that a bind that could submit is gone."""
        self.bound -= 1
        if self.bound == 0:
            self.core.lanes.carrier_down(self.name)

    def begin(self, message: Message) -> list[Part]:
        """Make a taken message ready to be sent.

        Returns: the parts that are still to be sent, in order.
        Raises: TextError: this carrier's profile can't carry it.
        """
        made = message.cut
        if made is None or message.cut_for != self.name:
            made = message.cut = cut(message.text, self._profile)
            message.cut_for = self.name
        if len(made.pieces) > 1 and message.reference is None:
            message.reference = self.core.references.take(message.sender, message.to, self._bits, self.core.clock())
        if len(message.parts) != len(made.pieces):
            if any(part.state is not PartState.WAITING for part in message.parts):
                raise TextError("too_long", "the profile has changed since a part of it was sent")
            message.parts = [Part(message, n) for n in range(1, len(made.pieces) + 1)]
        message.carrier, message.state = self.name, State.SENDING
        return [part for part in message.parts if part.state is PartState.WAITING]

    def refuse(self, message: Message) -> None:
        """Settle a message that this carrier's profile can't carry as rejected."""
        message.carrier = self.name
        message.parts = message.parts or [Part(message, 1)]
        part = next(part for part in message.parts if part.state is PartState.WAITING)
        self.core.settler.refused(part, Status.RINVMSGLEN, self.core.clock())

    def compose(self, part: Part, bind: "BindSettings") -> SubmitSm:
        """Make the submit_sm of a part (SMPP 3.4, 4.4.1)."""
        message = part.message
        assert message.cut is not None
        user = user_data(message.cut, part.n, message.reference or 0, self._profile)
        ton, npi, source = _source(message.sender, bind)
        return SubmitSm(  # by position, in the order of the table: by name it takes 0.4 us more
            b"",
            ton,
            npi,
            source,
            bind.dest_ton,
            bind.dest_npi,
            message.to.encode("ascii"),
            user.esm_class,
            0,
            0,
            b"",
            times.absolute(message.expires_at).encode("ascii") if message.expires_at else b"",
            1 if message.receipt else 0,
            0,
            user.data_coding,
            0,
            user.short_message,
            user.tlvs,
        )

    async def keep(self, deliveries: Sequence[DeliverSm]) -> list[int]:
        """Settle receipts and keep messages from handsets; returns when all that follows from them is on disk.

        Messages from handsets are noted before it waits for anything, so they are kept even when it is cancelled.
        Returns: the command_status to answer each delivery with.
        """
        told, incoming = [], False
        deliveries = self._show_receipts(deliveries)
        for pdu in deliveries:
            if receipts.is_receipt(pdu.esm_class):
                receipt = receipts.parse(pdu.short_message, pdu.esm_class, pdu.tlvs, self._final_states)
                described = receipt and describe_receipt(receipt)
                if described:
                    told.append((pdu, described))
            elif not receipts.is_intermediate(pdu.esm_class):
                incoming = True
        taken = self.core.incoming.take(self.name, deliveries, self.core.clock()) if incoming else None
        self.counts.receipts += len(told)
        now = self.core.clock()
        unfound = [(pdu, described) for pdu, described in told if not self._settle(pdu, described, now)]
        if unfound:
            await self._settle_from_disk(unfound)
        await self.core.store.commit.wait()
        return taken or [Status.ROK] * len(deliveries)

    def _settle(self, pdu: DeliverSm, receipt: dict[str, Any], now: float) -> bool:
        """Settle a receipt whose part is in memory."""
        find, message_id, rule = self.core.outstanding.find, receipt["message_id"], IdRule.EXACT
        part = find(self.name, message_id) if self._spelled_alike else None
        if part is None or not _concerns(pdu, part.message):
            made = receipts.candidates(message_id, self._id_form)
            found = ((find(self.name, each.spelling), each.rule) for each in made)
            part, rule = next(((part, rule) for part, rule in found if part and _concerns(pdu, part.message)), _NOBODY)
        if part is None:
            return False
        self._count(rule)
        self.core.settler.received(part, receipt, now)
        return True

    def _count(self, rule: IdRule) -> None:
        self.counts.matched[rule] = self.counts.matched.get(rule, 0) + 1

    def _show_receipts(self, deliveries: Sequence[DeliverSm]) -> Sequence[DeliverSm]:
        """Mark what reads as a receipt and says nothing of itself, if this carrier is known to send such."""
        if not self._by_text:
            return deliveries
        shown = []
        for pdu in deliveries:
            body = split_udh(pdu.short_message or find_tlv(pdu.tlvs, Tag.MESSAGE_PAYLOAD) or b"", pdu.esm_class)[1]
            silent = not pdu.esm_class & EsmClass.TYPE_MASK and receipts.looks_like_receipt(body)
            shown.append(replace(pdu, esm_class=pdu.esm_class | EsmClass.RECEIPT) if silent else pdu)
        return shown

    async def _settle_from_disk(self, told: Sequence[tuple[DeliverSm, dict[str, Any]]]) -> None:
        """Settle receipts whose parts have left memory; keep those that no part on disk answers to."""
        core = self.core
        async with core.outstanding.on_disk:
            ids = {
                each.spelling: None
                for _, receipt in told
                for each in receipts.candidates(receipt["message_id"], self._id_form)
            }
            found = await core.store.find_parts(self.name, list(ids))
            copies = {message.key: core.outstanding.live.get(message.key, message) for message, _ in found.values()}
            for pdu, receipt in told:
                if self._settle(pdu, receipt, core.clock()):  # its answer came while we were reading
                    continue
                candidates = list(receipts.candidates(receipt["message_id"], self._id_form))
                for id_, rule in candidates:
                    message, n = found.get(id_, _NOTHING)
                    if message and _concerns(pdu, message) and n <= len(copies[message.key].parts):
                        self._count(rule)
                        core.settler.received(copies[message.key].parts[n - 1], receipt, core.clock())
                        break
                else:
                    self.counts.receipts_early += 1
                    ends = pdu.source_addr, pdu.destination_addr
                    about = [address[-CHECKED_DIGITS:].decode("latin-1") for address in ends]
                    spellings = [id_ for id_, _ in candidates]
                    core.early.keep(self.name, spellings, {**receipt, "about": about}, core.clock())


def _source(sender: str, bind: "BindSettings") -> tuple[int, int, bytes]:
    """The source address of a sender id: type of number, numbering plan, octets (SMPP 3.4, 5.2.5, 5.2.6)."""
    kind = (Ton.ALPHANUMERIC, Npi.UNKNOWN)
    if sender.startswith("+"):
        kind, sender = (Ton.INTERNATIONAL, Npi.ISDN), sender[1:]
    elif sender.isdigit():
        kind = (Ton.UNKNOWN, Npi.UNKNOWN)
    ton = kind[0] if bind.source_ton is None else bind.source_ton
    return ton, kind[1] if bind.source_npi is None else bind.source_npi, sender.encode("ascii")


def _concerns(pdu: DeliverSm, message: Message) -> bool:
    """Whether a receipt names the message's number, at either end: ids come again, and then to another number."""
    tail = message.to[-CHECKED_DIGITS:].encode("ascii")
    return pdu.source_addr.endswith(tail) or pdu.destination_addr.endswith(tail)
