"""What an SMSC hands over: receipts, and what handsets send (SMPP 3.4, 4.6.1 and 4.7.1)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, ClassVar, Final

from config.faults import ReceiptText
from protocol.constants import (
    DATA_CODINGS,
    Coding,
    CommandId,
    Concatenation,
    DataCoding,
    EsmClass,
    MessageState,
    Npi,
    Tag,
    Ton,
)
from protocol.operations import DataSm
from protocol.pdu import DeliverSm, Pdu, SubmitSm
from protocol.receipt import STATE_NAMES
from protocol.text import Profile, cut, user_data
from protocol.times import receipt_date
from simulator.plan import STANDARD_FORM

if TYPE_CHECKING:
    from simulator.behaviour import Outcome
    from simulator.fates import Fate

MAX_PARTS: Final = 255
"""As many as the header of a part can count (3GPP TS 23.040, 9.2.3.24.1)."""

QUOTED_OCTETS: Final = 20
"""How much of the message a receipt repeats (SMPP 3.4, Appendix B)."""

_NUMBERS: Final = {
    Coding.GSM7_PACKED: DataCoding.DEFAULT,
    Coding.CP932: DataCoding.PICTOGRAM,
    Coding.EUC_JP: DataCoding.JIS,
}
"""data_coding of the codings for which SMPP has none, as they are seen in the field."""

_NUMBER: Final = re.compile(r"\+?[0-9]{1,20}", re.ASCII)
_SECONDS_A_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a handset sends. source, destination: up to 20 digits, a plus before an international number.

    Attributes: shuffle: the parts of a long text are handed over in any order.
    Raises: ValueError: naming the field that is no number.
    """

    source: str = field(repr=False)
    destination: str = field(repr=False)
    text: str = field(repr=False)
    coding: Coding = Coding.AUTO
    concatenation: Concatenation = Concatenation.UDH8
    shuffle: bool = False

    def __post_init__(self) -> None:
        for name in ("source", "destination"):
            if not _NUMBER.fullmatch(getattr(self, name)):
                raise ValueError(f"{name} must be 1 to 20 digits, with or without a plus before them")


def incoming_pdus(incoming: Incoming, reference: int, random: Random) -> list[DeliverSm]:
    """Cut what a handset sends into parts, in the order in which they are handed over.

    Raises: TextError: it cannot be carried.
    """
    codings = dict(DATA_CODINGS)
    if incoming.coding in _NUMBERS:
        codings[_NUMBERS[incoming.coding]] = incoming.coding
    profile = Profile(incoming.coding, incoming.concatenation, max_parts=MAX_PARTS, data_codings=codings)
    pieces = cut(incoming.text, profile)
    parts = [user_data(pieces, number, reference, profile) for number in range(1, len(pieces.pieces) + 1)]
    if incoming.shuffle:
        random.shuffle(parts)
    return [
        DeliverSm(
            source_addr_ton=_ton(incoming.source),
            source_addr_npi=Npi.ISDN,
            source_addr=incoming.source.removeprefix("+").encode("ascii"),
            dest_addr_ton=_ton(incoming.destination),
            dest_addr_npi=Npi.ISDN,
            destination_addr=incoming.destination.removeprefix("+").encode("ascii"),
            esm_class=part.esm_class,
            data_coding=part.data_coding,
            short_message=part.short_message,
            tlvs=part.tlvs,
        )
        for part in parts
    ]


class ReadyReceipt(Pdu):
    """A receipt in the standard form as the octets that `receipt_pdu` would be encoded to: in half the time."""

    __slots__ = ("octets",)
    id: ClassVar = CommandId.DELIVER_SM
    section: ClassVar = DeliverSm.section
    tlvs: ClassVar = ()
    """Nobody needs to take them off: it is not made for a peer of SMPP 3.3."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    def put(self) -> bytes:
        """Encode the fields."""
        return self.octets


def make_receipt(fate: "Fate", outcome: "Outcome", epoch: float, *, plain: bool = False) -> Pdu:
    """Make the receipt of a message as it is now, of one of its outcomes. epoch: seconds since 1970 at time 0."""
    submit = fate.submit
    if fate.deleted:
        outcome = fate.told(outcome)
    dates = fate.taken_at + epoch, outcome.due + epoch
    if plain or outcome.form is not STANDARD_FORM or not outcome.final:
        return receipt_pdu(submit, outcome, dates, plain=plain)
    message_id, text = outcome.message_id, _text(submit, outcome, dates)
    return ReadyReceipt(
        b"\0%c%c%b\0%c%c%b\0\4\0\0\0\0\0\0\0\0%c%b\0\x1e\0%c%b\0\4\x27\0\1%c"
        % (
            submit.dest_addr_ton,
            submit.dest_addr_npi,
            submit.destination_addr,
            submit.source_addr_ton,
            submit.source_addr_npi,
            submit.source_addr,
            len(text),
            text,
            len(message_id) + 1,
            message_id,
            outcome.state,
        )
    )


def receipt_pdu(
    submit: SubmitSm, outcome: "Outcome", dates: Sequence[float], *, plain: bool = False
) -> DeliverSm | DataSm:
    """Build the receipt of a part, or a notification on its way, in the form that the outcome asks for.

    Args: dates: when it was submitted and when it was done, in seconds since 1970. plain: without optional parameters,
        for a peer of SMPP 3.3.
    Spec: SMPP 3.4, Appendix B, 5.3.2.12 and 5.3.2.35; the addresses are those of the submit_sm, exchanged.
    """
    form = outcome.form
    body = b"" if form.text is ReceiptText.EMPTY and not plain else _text(submit, outcome, dates)
    tlvs: tuple[tuple[int, bytes], ...] = ()
    if (form.tlvs or not body) and not plain:
        state = bytes((outcome.state,))
        tlvs = ((Tag.RECEIPTED_MESSAGE_ID, outcome.message_id + b"\0"), (Tag.MESSAGE_STATE, state))
    addresses = (
        submit.dest_addr_ton,
        submit.dest_addr_npi,
        submit.destination_addr,
        submit.source_addr_ton,
        submit.source_addr_npi,
        submit.source_addr,
        EsmClass.RECEIPT if outcome.final else EsmClass.INTERMEDIATE,
    )
    data_coding = DataCoding.UCS2 if form.text is ReceiptText.UTF16 else form.data_coding
    if form.by_data_sm and not plain:
        payload = ((int(Tag.MESSAGE_PAYLOAD), body),) if body else ()
        return DataSm(b"", *addresses, data_coding=data_coding, tlvs=(*tlvs, *payload))
    return DeliverSm(b"", *addresses, data_coding=data_coding, short_message=body, tlvs=tlvs)


def _text(submit: SubmitSm, outcome: "Outcome", dates: Sequence[float]) -> bytes:
    kind = outcome.form.text
    step = 1 if kind is ReceiptText.LONG_DATES else _SECONDS_A_MINUTE
    words = _words(kind, int(dates[0] // step), int(dates[1] // step), outcome.state, outcome.error)
    readable = submit.data_coding == DataCoding.DEFAULT and not submit.esm_class & EsmClass.UDHI
    quoted = submit.short_message[:QUOTED_OCTETS] if readable and kind is not ReceiptText.NO_TEXT else b""
    text = b"id:%b%b%b" % (outcome.message_id, words, quoted)
    return text.decode("latin-1").encode("utf-16-be")[:254] if kind is ReceiptText.UTF16 else text


@lru_cache(maxsize=1024)
def _words(kind: ReceiptText, submitted: int, done: int, state: MessageState, error: str) -> bytes:
    """All between a receipt's id and its quoted text; thousands have it in common. Dates in minutes, or seconds."""
    long = kind is ReceiptText.LONG_DATES
    step = 1 if long else _SECONDS_A_MINUTE
    dates = [receipt_date(each * step, seconds=long) for each in (submitted, done)]
    name = STATE_NAMES[state]
    if kind is ReceiptText.FAILED and state is MessageState.UNDELIVERABLE:
        name = "FAILED"
    counts = "" if kind is ReceiptText.SHORT else f" sub:001 dlvrd:{state is MessageState.DELIVERED:03}"
    label = {ReceiptText.CAPITAL_TEXT: " Text:", ReceiptText.NO_TEXT: ""}.get(kind, " text:")
    return f"{counts} submit date:{dates[0]} done date:{dates[1]} stat:{name} err:{error}{label}".encode("ascii")


def _ton(number: str) -> Ton:
    if number.startswith("+"):
        return Ton.INTERNATIONAL
    return Ton.NATIONAL if number.startswith("0") else Ton.UNKNOWN
