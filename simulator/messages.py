"""The deliver_sm that an SMSC writes: receipts, and what handsets send (SMPP 3.4, 4.6.1)."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from protocol.constants import DATA_CODINGS, Coding, Concatenation, DataCoding, EsmClass, MessageState, Npi, Tag, Ton
from protocol.pdu import DeliverSm, SubmitSm
from protocol.receipt import STATE_NAMES, Receipt, format_receipt
from protocol.text import Profile, cut, user_data
from protocol.times import receipt_date
from simulator.behaviour import Outcome

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

    Raises: ValueError: naming the field that is no number.
    """

    source: str = field(repr=False)
    destination: str = field(repr=False)
    text: str = field(repr=False)
    coding: Coding = Coding.AUTO

    def __post_init__(self) -> None:
        for name in ("source", "destination"):
            if not _NUMBER.fullmatch(getattr(self, name)):
                raise ValueError(f"{name} must be 1 to 20 digits, with or without a plus before them")


def incoming_pdus(incoming: Incoming, reference: int) -> list[DeliverSm]:
    """Cut what a handset sends into parts, first to last, with an 8-bit reference when there are several.

    Raises: TextError: it cannot be carried.
    """
    codings = dict(DATA_CODINGS)
    if incoming.coding in _NUMBERS:
        codings[_NUMBERS[incoming.coding]] = incoming.coding
    profile = Profile(incoming.coding, Concatenation.UDH8, max_parts=MAX_PARTS, data_codings=codings)
    pieces = cut(incoming.text, profile)
    parts = [user_data(pieces, number, reference, profile) for number in range(1, len(pieces.pieces) + 1)]
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
        )
        for part in parts
    ]


def receipt_pdu(submit: SubmitSm, message_id: bytes, outcome: Outcome, dates: tuple[float, float]) -> DeliverSm:
    """Build the receipt of a part, as text and as optional parameters.

    Args: dates: when it was submitted and when it was done, in seconds since 1970.
    Spec: SMPP 3.4, Appendix B, 5.3.2.12 and 5.3.2.35; the addresses are those of the submit_sm, exchanged.
    """
    submitted, done = int(dates[0] // _SECONDS_A_MINUTE), int(dates[1] // _SECONDS_A_MINUTE)
    words = _receipt_words(submitted, done, outcome.state, outcome.error)
    readable = submit.data_coding == DataCoding.DEFAULT and not submit.esm_class & EsmClass.UDHI
    quoted = submit.short_message[:QUOTED_OCTETS] if readable else b""
    return DeliverSm(
        source_addr_ton=submit.dest_addr_ton,
        source_addr_npi=submit.dest_addr_npi,
        source_addr=submit.destination_addr,
        dest_addr_ton=submit.source_addr_ton,
        dest_addr_npi=submit.source_addr_npi,
        destination_addr=submit.source_addr,
        esm_class=EsmClass.RECEIPT,
        short_message=b"id:%b%b%b" % (message_id, words, quoted),
        tlvs=((Tag.RECEIPTED_MESSAGE_ID, message_id + b"\0"), (Tag.MESSAGE_STATE, bytes((outcome.state,)))),
    )


@lru_cache(maxsize=1024)
def _receipt_words(submitted: int, done: int, state: MessageState, error: str) -> bytes:
    """All between a receipt's id and its quoted text; thousands have it in common. Dates in minutes since 1970."""
    receipt = Receipt(
        "",
        state,
        final=True,
        state_name=STATE_NAMES[state],
        error=error,
        submit_date=receipt_date(submitted * _SECONDS_A_MINUTE),
        done_date=receipt_date(done * _SECONDS_A_MINUTE),
    )
    return format_receipt(receipt).removeprefix(b"id:")


def _ton(number: str) -> Ton:
    if number.startswith("+"):
        return Ton.INTERNATIONAL
    return Ton.NATIONAL if number.startswith("0") else Ton.UNKNOWN
