"""Delivery receipts: what an SMSC says became of a message (SMPP 3.4, Appendix B: the text is "vendor specific")."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from protocol.constants import EsmClass, IdForm, MessageState, Tag
from protocol.joining import split_udh

_LONGEST_HEAD: Final = 1024
"""Octets of a receipt that are looked at: its fields take some 120, UTF-16 twice that; its message text comes after."""

FINAL_STATES: Final[frozenset[int]] = frozenset(
    {
        MessageState.DELIVERED,
        MessageState.EXPIRED,
        MessageState.DELETED,
        MessageState.UNDELIVERABLE,
        MessageState.REJECTED,
        MessageState.SKIPPED,
    }
)
"""States after which nothing more comes; not ACCEPTED and UNKNOWN, which many a carrier sends before the real one."""

STATE_NAMES: Final[Mapping[int, str]] = {
    MessageState.SCHEDULED: "SCHEDLD",
    MessageState.ENROUTE: "ENROUTE",
    MessageState.DELIVERED: "DELIVRD",
    MessageState.EXPIRED: "EXPIRED",
    MessageState.DELETED: "DELETED",
    MessageState.UNDELIVERABLE: "UNDELIV",
    MessageState.ACCEPTED: "ACCEPTD",
    MessageState.UNKNOWN: "UNKNOWN",
    MessageState.REJECTED: "REJECTD",
    MessageState.SKIPPED: "SKIPPED",
}
"""How receipts spell the states: as Appendix B, and those that SMPP 5.0 adds in as many letters."""

_MEMBERS: Final = {int(state): state for state in MessageState}
_STATES: Final[dict[str, MessageState]] = {
    **{state.name: state for state in MessageState},
    **{name: _MEMBERS[state] for state, name in STATE_NAMES.items()},
    "ACKED": MessageState.ACCEPTED,
    "BUFFRED": MessageState.ENROUTE,
    "BUFFERD": MessageState.ENROUTE,
    "FAILED": MessageState.UNDELIVERABLE,
}

_KEY: Final = r"(?:id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text):"
_FIELD: Final = re.compile(
    rf"\b(?:text:.*|(id|submit|done|stat|err)(?:[ _]?date)?: *(?!{_KEY})([^\s\0]*))",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)  # the message's own text may hold any of these words, so nothing after "text:" counts

_PLAIN: Final = re.compile(
    r"id:([0-9A-Za-z-]{1,64}) sub:[0-9]{1,3} dlvrd:[0-9]{1,3} submit date:([0-9]{1,14}) done date:([0-9]{1,14})"
    r" stat:([A-Z]{1,8}) err:([0-9A-Za-z]{1,8}) [Tt]ext:"
)  # nearly every receipt is spelled like this, to the letter, and has no header: a third of the time
_TYPE: Final = int(EsmClass.TYPE_MASK)  # plain numbers: a member of an enum costs 0.1 us each time it is named
_RECEIPT: Final = int(EsmClass.RECEIPT)
_INTERMEDIATE: Final = int(EsmClass.INTERMEDIATE)
_UDHI: Final = int(EsmClass.UDHI)
_ID: Final = int(Tag.RECEIPTED_MESSAGE_ID)
_STATE: Final = int(Tag.MESSAGE_STATE)

_OPENING: Final = re.compile(
    r"id: ?[^\s\0]{1,64}(?:\s(?:(?:sub|dlvrd): ?[0-9]{1,3}|(?:submit|done)[ _]?date: ?[0-9]{1,14}|stat: ?[A-Z]{2,16}"
    r"|err: ?[0-9A-Z]{1,8}))+(?=\s*(?:text:|\0|$))",
    re.IGNORECASE | re.ASCII,
)

_HEXADECIMAL: Final = re.compile(r"[0-9A-Fa-f]{1,31}", re.ASCII)  # 32 digits would be a UUID, which is no number


Said: TypeAlias = tuple[str, str, str, str, str]
"""What is kept of a receipt, as it spells it: (message id, submit date, done date, state, error)."""


@dataclass(slots=True)
class Receipt:
    """What one receipt says, as far as it says it.

    Attributes: state: a MessageState, or the bare number of one that SMPP lacks; None when not said or not known.
        final: nothing more will come. state_name: as the receipt spells it, in capitals, or as STATE_NAMES does.
        error: the SMSC's own code. submit_date, done_date: raw, in an unknown time zone. network_error: the octets of
        network_error_code, for read_network_error.
    """

    message_id: str
    state: MessageState | int | None
    final: bool
    state_name: str = ""
    error: str = ""
    submit_date: str = ""
    done_date: str = ""
    network_error: bytes = b""

    @property
    def said(self) -> Said:
        """What is kept of it."""
        return self.message_id, self.submit_date, self.done_date, self.state_name, self.error


class NetworkError(NamedTuple):
    """Why a network did not deliver. network_type: 3 is GSM; 0: not said. code: of that network (5.3.2.31)."""

    network_type: int
    code: int


class IdRule(StrEnum):
    """What was done to the id of a receipt to get that of its response."""

    EXACT = "exact"
    CASE = "case"
    ZEROS = "zeros"
    """Leading zeros stripped or added; perhaps the case changed, too."""
    DEC_TO_HEX = "dec_to_hex"
    """The receipt's is decimal, the response's hexadecimal: what IdForm.HEX_TO_DEC says, looking the other way."""
    HEX_TO_DEC = "hex_to_dec"
    """The receipt's is hexadecimal, the response's decimal: IdForm.DEC_TO_HEX."""


class Candidate(NamedTuple):
    """One spelling that a response may have given an id, and how it was made from the receipt's."""

    spelling: str
    rule: IdRule


def is_receipt(esm_class: int) -> bool:
    """Tell whether a deliver_sm is an SMSC delivery receipt (5.2.12)."""
    return esm_class & _TYPE == _RECEIPT


def is_intermediate(esm_class: int) -> bool:
    """Tell whether a deliver_sm is an intermediate delivery notification (5.2.12)."""
    return esm_class & _TYPE == _INTERMEDIATE


def looks_like_receipt(short_message: bytes) -> bool:
    """Tell whether a text begins to the letter as a receipt does: for an SMSC that sends them with esm_class 0.

    Anybody with a handset can write such a text: ask this only of a carrier known to do so. A user data header is to
    be taken off before.

    Returns: True when it opens with an id, and nothing but fields of a receipt, among them stat and done date, follow
        up to the message's text or the end.
    """
    opening = _OPENING.match(_decode_head(short_message))
    return opening is not None and {"stat", "done"} <= {key.lower() for key, _ in _FIELD.findall(opening[0])}


def parse(
    short_message: bytes,
    esm_class: int,
    tlvs: Iterable[tuple[int, bytes]],
    final_states: Container[int] = FINAL_STATES,
) -> Receipt | None:
    """Read a receipt from its TLVs, and what they lack from its text; never raises.

    It reads any deliver_sm: a handset can send such a text too, so ask is_receipt or is_intermediate first. data_coding
    is not asked, for many an SMSC gives the wrong one: the octets show whether they are ASCII or UTF-16BE.

    Args: final_states: FINAL_STATES, and those more that this carrier sends last.
    Returns: None when there is no id, so nobody could say which message it speaks of.
    """
    said = parse_plain(short_message, esm_class, tlvs)
    if said is None:
        return _parse_any(short_message, esm_class, tlvs, final_states)
    message_id, submit_date, done_date, name, error = said
    state = _STATES.get(name)
    return Receipt(message_id, state, state in final_states, name, error, submit_date, done_date)


def parse_plain(short_message: bytes, esm_class: int, tlvs: Iterable[tuple[int, bytes]]) -> Said | None:
    """Read a receipt that is spelled to the letter as nearly all are, and whose TLVs say nothing else.

    Returns: what it says, in ASCII; None: ask `parse`.
    """
    plain = None if esm_class & _UDHI else _PLAIN.match(short_message.decode("latin-1"))
    if plain is None:
        return None
    said = plain.groups()
    return said if not tlvs or _repeat(tlvs, said[0], _STATES.get(said[3])) else None  # type: ignore[return-value]


def names_of(states: Container[int]) -> dict[str, MessageState]:
    """How receipts may spell these states, in capitals."""
    return {name: _MEMBERS[state] for name, state in _STATES.items() if state in states}


def _repeat(tlvs: Iterable[tuple[int, bytes]], message_id: str, state: int | None) -> bool:
    """Whether TLVs say nothing but what the text says."""
    for tag, value in tlvs:
        if tag == _STATE:
            if len(value) != 1 or value[0] != state:
                return False
        elif tag != _ID or value != message_id.encode("ascii") + b"\0":
            return False
    return True


def _parse_any(
    short_message: bytes, esm_class: int, tlvs: Iterable[tuple[int, bytes]], final_states: Container[int]
) -> Receipt | None:
    values = dict(tlvs)
    fields = _scan_fields(short_message or values.get(Tag.MESSAGE_PAYLOAD, b""), esm_class)
    message_id = _read_c_octets(values.get(Tag.RECEIPTED_MESSAGE_ID, b"")) or fields.get("id")
    if not message_id:
        return None
    name = fields.get("stat", "").upper()
    state: MessageState | int | None = _STATES.get(name)
    said = values.get(Tag.MESSAGE_STATE, b"")
    if len(said) == 1 and said[0] != state:
        state = said[0]
        name = STATE_NAMES.get(state, "")
        if state in _MEMBERS:
            state = _MEMBERS[state]
    return Receipt(
        message_id=message_id,
        state=state,
        final=state in final_states,
        state_name=name,
        error=fields.get("err", ""),
        submit_date=fields.get("submit", ""),
        done_date=fields.get("done", ""),
        network_error=values.get(Tag.NETWORK_ERROR_CODE, b""),
    )


def format_receipt(receipt: Receipt, text: bytes = b"") -> bytes:
    """Write a receipt as Appendix B shows it, with the first 20 octets of the message's text.

    Raises: UnicodeEncodeError: a field of the receipt is not ASCII.
    """
    delivered = int(receipt.state == MessageState.DELIVERED)
    head = (
        f"id:{receipt.message_id} sub:001 dlvrd:{delivered:03} submit date:{receipt.submit_date} "
        f"done date:{receipt.done_date} stat:{receipt.state_name} err:{receipt.error} text:"
    )
    return head.encode("ascii") + text[:20]


def read_network_error(value: bytes) -> NetworkError | None:
    """Read the value of network_error_code (5.3.2.31); some send three ASCII digits, without the type of network.

    Returns: None when it is neither.
    """
    if len(value) != 3:
        return None
    if value.isdigit():  # 0x30 to 0x39 are no network types
        return NetworkError(0, int(value))
    return NetworkError(value[0], int.from_bytes(value[1:], "big"))


def candidates(message_id: str, form: IdForm) -> Iterator[Candidate]:
    """Make the spellings under which submit_sm_resp may have given the id that a receipt names, best first.

    The ids of submit_sm_resp are stored raw and found by equality, so this turns the receipt's spelling into all those
    that are seen in the field. They are made as they are asked for, since the first is mostly the one:

    - SAME: the id itself.
    - HEX_TO_DEC: responses hexadecimal, receipts decimal: hexadecimal in both cases, bare and padded to 8 and 10.
    - DEC_TO_HEX: the other way round: decimal, bare and padded to 10.
    - AUTO: the id itself; in capitals; in small letters; zeros stripped, or padded to 8 and 10; then, when it has
      decimal digits only, as HEX_TO_DEC; last as DEC_TO_HEX. An id with any character that is no hexadecimal digit, or
      of 32 digits and more, is no number (a UUID, say): only itself.

    A number can be meant by more than one id: the caller takes the first that it knows and checks the destination.

    Returns: 1 to 12, none twice; in a fixed form that the id does not have, the id itself.
    """
    if form is IdForm.AUTO or form is IdForm.SAME:
        yield Candidate(message_id, IdRule.EXACT)
    if form is IdForm.SAME:
        return
    made = {message_id} if form is IdForm.AUTO else set()
    for rule, spellings in _derive(message_id, form):
        for spelling in spellings:
            if spelling not in made:
                made.add(spelling)
                yield Candidate(spelling, rule)
    if not made:
        yield Candidate(message_id, IdRule.EXACT)


def _derive(message_id: str, form: IdForm) -> Iterator[tuple[IdRule, Iterable[str]]]:
    if not _HEXADECIMAL.fullmatch(message_id):
        return
    if form is IdForm.AUTO:
        yield IdRule.CASE, (message_id.upper(), message_id.lower())
        yield IdRule.ZEROS, _respell(message_id.lstrip("0") or "0")
    if form is not IdForm.DEC_TO_HEX and message_id.isdecimal():
        yield IdRule.DEC_TO_HEX, _respell(f"{int(message_id):X}")
    if form is not IdForm.HEX_TO_DEC:
        number = str(int(message_id, 16))
        yield IdRule.HEX_TO_DEC, (number, number.zfill(10))


def _respell(digits: str) -> Iterator[str]:
    for padded in (digits, digits.zfill(8), digits.zfill(10)):
        yield padded.upper()
        yield padded.lower()


def _read_c_octets(value: bytes) -> str:
    return value.split(b"\0", 1)[0].decode("latin-1").strip()


def _scan_fields(octets: bytes, esm_class: int) -> Mapping[str, str]:
    """Read the fields of a receipt's text by the first word of their key in small letters; the first of each counts."""
    concat, body = split_udh(octets, esm_class | EsmClass.UDHI)
    if concat is None and not esm_class & EsmClass.UDHI:  # some leave a part's header there without the bit
        body = octets
    fields: dict[str, str] = {}
    for key, value in _FIELD.findall(_decode_head(body)):
        if key:
            fields.setdefault(key.lower(), value)
    return fields


def _decode_head(body: bytes) -> str:
    head = body[:_LONGEST_HEAD].removeprefix(b"\xfe\xff")
    return head.decode("utf-16-be", "replace") if head[:1] == b"\0" else head.decode("latin-1")
