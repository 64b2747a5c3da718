"""Texts into parts: the coding, the cuts, and what goes on the wire for each part.

A cut never falls inside a surrogate pair, an escape pair or an extended grapheme cluster (Unicode UAX #29), so every
part can be read alone and no handset shows half a character. Sizes are those of 3GPP TS 23.040: 140 octets of user
data, header included.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import regex  # type: ignore[import-untyped]  # ships no type hints

from protocol import gsm7
from protocol.constants import Coding, Concatenation, DataCoding, EsmClass, Tag
from protocol.errors import TextError

SINGLE_SEPTETS: Final = 160
"""What one short message without a header holds in GSM-7."""

SINGLE_UNITS: Final = 70
"""What one short message without a header holds in UCS-2, in UTF-16 code units."""

MAX_PAYLOAD_OCTETS: Final = 0xFFFF
"""What a message_payload TLV can hold: its length is a 16-bit field (SMPP 3.4, 5.3.2.32)."""

_CLUSTER: Final = regex.compile(r"\X")
_LINE_ENDS: Final = re.compile("\r\n?|[\x85\u2028\u2029]")
_ALPHABETS: Final[dict[int, str]] = {
    DataCoding.IA5: "ascii",
    DataCoding.LATIN1: "latin-1",
    DataCoding.UCS2: "utf-16-be",
}


@dataclass(frozen=True, slots=True)
class Profile:
    """How one carrier wants its texts.

    Attributes: part_units, part_septets: 2..67 and 2..153, room for the body in each part of a long message; what the
        header leaves less room for is lowered, so the defaults suit 16-bit references too. max_parts: 1..255.
    Raises: ValueError: a number out of its range.
    """

    coding: Coding = Coding.AUTO
    concatenation: Concatenation = Concatenation.UDH8
    part_units: int = 67
    part_septets: int = 153
    max_parts: int = 10

    def __post_init__(self) -> None:
        for name, lowest, highest in (("part_units", 2, 67), ("part_septets", 2, 153), ("max_parts", 1, 255)):
            if not lowest <= getattr(self, name) <= highest:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be {lowest} to {highest}")

    def room(self, coding: Coding) -> int:
        """How much of a body one part of a long message carries, in septets (gsm7) or UTF-16 code units (ucs2)."""
        units, septets = (66, 152) if self.concatenation is Concatenation.UDH16 else (67, 153)
        return min(septets, self.part_septets) if coding is Coding.GSM7 else min(units, self.part_units)


@dataclass(frozen=True, slots=True)
class Cut:
    """A text in its parts.

    Attributes: coding: GSM7 or UCS2. units: of the whole body, septets or UTF-16 code units. pieces: the encoded
        bodies, without headers, first to last.
    """

    coding: Coding
    units: int
    pieces: tuple[bytes, ...] = field(repr=False)


@dataclass(slots=True)
class UserData:
    """The fields of submit_sm that carry one part (SMPP 3.4, 4.4.1). tlvs: (tag, value) pairs."""

    short_message: bytes = field(repr=False)
    esm_class: int
    data_coding: int
    tlvs: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)


def normalise(text: str) -> str:
    """Make every line end one LF: CR LF, CR, U+0085, U+2028 and U+2029."""
    return _LINE_ENDS.sub("\n", text)


def cut(text: str, profile: Profile) -> Cut:
    """Encode a text and cut it into the fewest parts that split no character.

    A cluster longer than a part is cut between code points. With PAYLOAD there is one piece: the SMSC cuts.

    Raises: TextError: empty_text: nothing but white space. bad_text: a lone surrogate. charset: a character outside
        the fixed coding. too_long: more parts than the profile allows, or more octets than message_payload holds.
        Positions count code points from 0.
    """
    if not text or text.isspace():
        raise TextError("empty_text", "the text has nothing but white space; give it a visible character")
    coding, octets = _encode(text, profile.coding)
    units = len(octets) if coding is Coding.GSM7 else len(octets) // 2
    if units <= _single(coding):
        return Cut(coding, units, (octets,))
    if profile.concatenation is not Concatenation.PAYLOAD:
        return Cut(coding, units, _cut_long(text, octets, coding, profile))
    if len(octets) > MAX_PAYLOAD_OCTETS:
        raise TextError("too_long", f"{len(octets)} octets; message_payload holds {MAX_PAYLOAD_OCTETS}")
    return Cut(coding, units, (octets,))


def user_data(cut: Cut, n: int, reference: int, profile: Profile) -> UserData:
    """Build what goes on the wire for part n.

    Args: n: 1..number of pieces. reference: the same for all parts; its low 8 bits (UDH8) or 16 bits count.
    Raises: ValueError: no such part.
    Spec: UDH: 3GPP TS 23.040, 9.2.3.24.1 and .8; SAR and message_payload: SMPP 3.4, 5.3.2.22-24, 5.3.2.32.
    """
    total = len(cut.pieces)
    if not 1 <= n <= total:
        raise ValueError(f"part {n} was asked for, of {total}")
    piece = cut.pieces[n - 1]
    data_coding = DataCoding.DEFAULT if cut.coding is Coding.GSM7 else DataCoding.UCS2
    concatenation = profile.concatenation
    if concatenation is Concatenation.PAYLOAD and cut.units > _single(cut.coding):
        return UserData(b"", 0, data_coding, ((Tag.MESSAGE_PAYLOAD, piece),))
    if total == 1:
        return UserData(piece, 0, data_coding)
    if concatenation is Concatenation.SAR:
        return UserData(piece, 0, data_coding, _sar(reference, total, n))
    if concatenation is Concatenation.UDH8:
        header = bytes((5, 0x00, 3, reference & 0xFF, total, n))
    else:
        header = struct.pack(">BBBHBB", 6, 0x08, 4, reference & 0xFFFF, total, n)
    return UserData(header + piece, EsmClass.UDHI, data_coding)


def decode_body(octets: bytes, data_coding: int) -> str | None:
    """Decode a body, without its header, by its data_coding (SMPP 3.4, 5.2.19).

    Returns: None when the coding is none of GSM-7 (0), ASCII (1), Latin-1 (3) and UTF-16BE (8), or the octets are not
        valid in it; GSM-7 is always decoded, U+FFFD for what is no septet.
    """
    if data_coding == DataCoding.DEFAULT:
        return gsm7.decode(octets)
    alphabet = _ALPHABETS.get(data_coding)
    try:
        return octets.decode(alphabet) if alphabet else None
    except UnicodeDecodeError:
        return None


def _encode(text: str, wanted: Coding) -> tuple[Coding, bytes]:
    if wanted is not Coding.UCS2 and (octets := gsm7.encode_if_fits(text)) is not None:
        return Coding.GSM7, octets
    try:
        octets = text.encode("utf-16-be")
    except UnicodeEncodeError as error:
        fault = f"lone surrogate U+{ord(text[error.start]):04X} at position {error.start}"
        raise TextError("bad_text", f"{fault}; send the pair it was cut from") from None
    return (Coding.GSM7, gsm7.encode(text)) if wanted is Coding.GSM7 else (Coding.UCS2, octets)


def _single(coding: Coding) -> int:
    return SINGLE_SEPTETS if coding is Coding.GSM7 else SINGLE_UNITS


def _sar(reference: int, total: int, n: int) -> tuple[tuple[int, bytes], ...]:
    return (
        (Tag.SAR_MSG_REF_NUM, (reference & 0xFFFF).to_bytes(2, "big")),
        (Tag.SAR_TOTAL_SEGMENTS, bytes((total,))),
        (Tag.SAR_SEGMENT_SEQNUM, bytes((n,))),
    )


def _cut_long(text: str, octets: bytes, coding: Coding, profile: Profile) -> tuple[bytes, ...]:
    room = profile.room(coding)
    units = len(octets) if coding is Coding.GSM7 else len(octets) // 2
    _check_count(-(-units // room), profile)  # before any cutting: a huge text must not cost more than this
    pieces = tuple(_cut_septets(octets, room) if coding is Coding.GSM7 else _cut_units(text, room))
    _check_count(len(pieces), profile)
    return pieces


def _check_count(needed: int, profile: Profile) -> None:
    if needed > profile.max_parts:
        raise TextError("too_long", f"{needed} parts or more are needed, {profile.max_parts} are allowed")


def _cut_septets(octets: bytes, room: int) -> Iterator[bytes]:
    start = 0
    while len(octets) - start > room:
        end = start + room
        # CR LF is the alphabet's only cluster of more than one character
        if octets[end - 1] == gsm7.ESCAPE or octets[end - 1 : end + 1] == b"\r\n":
            end -= 1
        yield octets[start:end]
        start = end
    yield octets[start:]


def _cut_units(text: str, room: int) -> Iterator[bytes]:
    start = 0
    while start < len(text):
        window = text[start : start + room].encode("utf-16-be")[: 2 * room]
        limit = start + len(window.decode("utf-16-be", "ignore"))  # leaves out half a surrogate pair
        end = _last_boundary(text, start, limit, room)
        yield text[start:end].encode("utf-16-be")
        start = end


def _last_boundary(text: str, start: int, limit: int, room: int) -> int:
    """Find where the part that begins at start must end: at the limit, or before the cluster that crosses it."""
    if _CLUSTER.match(text, limit - 1).end() == limit:  # it looks behind its start, so this is exact
        return limit
    cluster = next(found for found in _CLUSTER.finditer(text, start) if found.end() > limit)
    begin: int = cluster.start()
    return begin if len(cluster[0].encode("utf-16-be")) <= 2 * room else limit
