"""Texts into parts: the coding, the cuts, and what goes on the wire for each part.

A cut never falls inside a surrogate pair, an escape pair or an extended grapheme cluster (Unicode UAX #29), so every
part can be read alone and no handset shows half a character. A part of a stateful coding begins and ends in ASCII.
Sizes are those of 3GPP TS 23.040: 140 octets of user data, header included.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import regex  # type: ignore[import-untyped]  # ships no type hints

from protocol import alphabets, gsm7
from protocol.constants import DATA_CODINGS, ROOM, Coding, Concatenation, DataCoding, EsmClass, Fold, Tag
from protocol.errors import TextError
from protocol.normalise import fold

SINGLE_UNITS: Final = 70
"""What one short message without a header holds in UCS-2, in UTF-16 code units."""

SINGLE_SEPTETS: Final = 160
"""The same in an alphabet of seven bits, in septets."""

SINGLE_OCTETS: Final = 140
"""The same in any other coding, in octets."""

MAX_PAYLOAD_OCTETS: Final = 0xFFFF
"""What a message_payload TLV can hold: its length is a 16-bit field (SMPP 3.4, 5.3.2.32)."""

_CLUSTER: Final = regex.compile(r"\X")
_SEVEN_BIT: Final = {Coding.GSM7, Coding.GSM7_PACKED, Coding.ASCII}
_SEPTETS: Final = {Coding.GSM7, Coding.GSM7_PACKED}
_AUTO: Final = Coding.AUTO  # names of their own: to name a member of an enum takes 0.04 us (Python 3.11)
_UCS2: Final = Coding.UCS2
_PACKED: Final = Coding.GSM7_PACKED

_SINGLE: Final = {
    **dict.fromkeys(Coding, SINGLE_OCTETS),
    **dict.fromkeys(_SEVEN_BIT, SINGLE_SEPTETS),
    Coding.UCS2: SINGLE_UNITS,
}
"""What one short message without a header holds, in the units of each coding."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How one carrier wants its texts.

    Attributes: part_units, part_septets, part_octets: room for the body in each part of a long message, of UCS-2, of a
        seven-bit alphabet, of any other coding; 0: all that the header leaves, more is lowered to it. max_parts:
        1..255. data_codings: of several numbers for one coding the last is written. short_charset: texts of up to
        short_units UTF-16 code units may hold only what this coding can write.
    Raises: ValueError: a number out of its range, or a coding without a data_coding.
    """

    coding: Coding = Coding.AUTO
    concatenation: Concatenation = Concatenation.UDH8
    part_units: int = 0
    part_septets: int = 0
    part_octets: int = 0
    max_parts: int = 10
    data_codings: Mapping[int, Coding] = field(default_factory=lambda: DATA_CODINGS, hash=False)
    short_charset: Coding | None = None
    short_units: int = SINGLE_UNITS
    folds: frozenset[Fold] = frozenset()
    numbers: Mapping[Coding, int] = field(init=False, repr=False, compare=False)
    """The data_coding to write for each coding."""
    narrow: Coding | None = field(init=False, repr=False, compare=False)
    """What AUTO tries before UCS-2; None: nothing."""

    def __post_init__(self) -> None:
        numbers = {coding: number for number, coding in self.data_codings.items()}
        object.__setattr__(self, "numbers", numbers)
        object.__setattr__(self, "narrow", self.data_codings.get(DataCoding.DEFAULT))
        for name in ("part_units", "part_septets", "part_octets"):
            if getattr(self, name) < 0 or getattr(self, name) == 1:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be 0, or 2 and more")
        if not 1 <= self.max_parts <= 255:
            raise ValueError(f"max_parts is {self.max_parts}, but must be 1 to 255")
        wanted = Coding.UCS2 if self.coding is Coding.AUTO else self.coding
        if wanted not in numbers:
            raise ValueError(f"data_codings has no number for {wanted.value}")

    def room(self, coding: Coding) -> int:
        """How much of a body one part of a long message carries: septets, UTF-16 code units or octets."""
        units, septets, octets = ROOM[self.concatenation]
        if coding is Coding.UCS2:
            return min(units, self.part_units or units)
        if coding in _SEVEN_BIT:
            return min(septets, self.part_septets or septets)
        return min(octets, self.part_octets or octets)


@dataclass(slots=True)
class Cut:
    """A text in its parts.

    Attributes: coding: never AUTO. units: of the whole body: septets, UTF-16 code units or octets. pieces: the encoded
        bodies, without headers and not packed, first to last.
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


def cut(text: str, profile: Profile) -> Cut:
    """Fold and encode a text, and cut it into the fewest parts that split no character.

    A cluster longer than a part is cut between code points. With PAYLOAD and LARGE there is one piece: the SMSC cuts.

    Raises: TextError: empty_text: nothing but white space. bad_text: a lone surrogate. charset: a character outside
        the fixed coding, or outside the profile's short_charset. too_long: more parts than the profile allows, or
        more than one PDU holds. Positions count code points from 0.
    """
    if not text or text.isspace():
        raise TextError("empty_text", "the text has nothing but white space; give it a visible character")
    if profile.folds:
        text = fold(text, profile.folds)
    coding, octets = _encode(text, profile)
    if profile.short_charset is not None:
        _check_short(text, profile.short_charset, profile.short_units)
    units = len(octets) // 2 if coding is _UCS2 else len(octets)
    if units <= _SINGLE[coding]:
        return Cut(coding, units, (octets,))
    if profile.concatenation is Concatenation.PAYLOAD:
        _check_size(len(octets), MAX_PAYLOAD_OCTETS, "message_payload")
        return Cut(coding, units, (octets,))
    if profile.concatenation is Concatenation.LARGE:
        _check_size(units, profile.room(coding), "one large short_message")
        return Cut(coding, units, (octets,))
    return Cut(coding, units, _cut_long(text, octets, coding, profile))


def user_data(cut: Cut, n: int, reference: int, profile: Profile) -> UserData:
    """Build what goes on the wire for part n.

    Args: n: 1..number of pieces. reference: the same for all parts; its low 8 bits (UDH8) or 16 bits count.
    Raises: ValueError: no such part.
    Spec: UDH: 3GPP TS 23.040, 9.2.3.24.1 and .8; SAR and message_payload: SMPP 3.4, 5.3.2.22-24, 5.3.2.32.
    """
    total, coding = len(cut.pieces), cut.coding
    if not 1 <= n <= total:
        raise ValueError(f"part {n} was asked for, of {total}")
    piece = cut.pieces[n - 1]
    data_coding = profile.numbers[coding]
    concatenation = profile.concatenation
    if total == 1 or concatenation is Concatenation.SAR:
        body = alphabets.wrap(piece, coding, 0) if coding is _PACKED else piece
        if cut.units > _SINGLE[coding] and concatenation is Concatenation.PAYLOAD:
            return UserData(b"", 0, data_coding, ((Tag.MESSAGE_PAYLOAD, body),))
        return UserData(body, 0, data_coding, _sar(reference, total, n) if total > 1 else ())
    if concatenation is Concatenation.UDH8:
        header = bytes((5, 0x00, 3, reference & 0xFF, total, n))
    else:
        header = struct.pack(">BBBHBB", 6, 0x08, 4, reference & 0xFFFF, total, n)
    return UserData(header + alphabets.wrap(piece, coding, len(header)), EsmClass.UDHI, data_coding)


def coding_of(data_coding: int, data_codings: Mapping[int, Coding] = DATA_CODINGS) -> Coding | None:
    """Say how a body with this data_coding is written; None when nobody could know, or it is no text.

    What the table lacks is read as the coding groups of GSM, which SMPP 3.3 peers send as they are and which SMPP 3.4
    keeps from 0xC0 on (SMPP 3.4, 5.2.19; 3GPP TS 23.038, 4).
    """
    coding = data_codings.get(data_coding)
    if coding is None and (0x10 <= data_coding <= 0x1F or data_coding >= 0xC0):
        if data_coding < 0xC0:  # a message class, and two bits of alphabet
            alphabet = data_coding & 0x0C
        elif data_coding < 0xF0:  # message waiting, 0xE0 in UCS-2
            alphabet = 0x08 if data_coding >= 0xE0 else 0x00
        else:  # a message class, and one bit of alphabet
            alphabet = data_coding & 0x04
        return {0x00: data_codings.get(DataCoding.DEFAULT), 0x08: Coding.UCS2}.get(alphabet)
    return coding


def decode_body(octets: bytes, data_coding: int, data_codings: Mapping[int, Coding] = DATA_CODINGS) -> str | None:
    """Decode a body, without its header and not packed, by its data_coding (SMPP 3.4, 5.2.19).

    Returns: None when the coding is not known or no text, or the octets are not valid in it; GSM-7 is always decoded,
        U+FFFD for what is no septet.
    """
    coding = coding_of(data_coding, data_codings)
    return None if coding is None else alphabets.decode(octets, coding)


def _encode(text: str, profile: Profile) -> tuple[Coding, bytes]:
    coding = profile.coding
    if coding is not _AUTO:
        return coding, alphabets.encode(text, coding)
    narrow = profile.narrow
    if narrow is not None and (octets := alphabets.encode_if_fits(text, narrow)) is not None:
        return narrow, octets
    return _UCS2, alphabets.encode(text, _UCS2)


def _check_short(text: str, charset: Coding, most: int) -> None:
    if len(text) > most or len(text.encode("utf-16-le")) > 2 * most:
        return
    try:
        alphabets.encode(text, charset)
    except TextError as error:
        raise TextError("charset", f"a text of up to {most} units is taken in {charset.value} only: {error}") from None


def _sar(reference: int, total: int, n: int) -> tuple[tuple[int, bytes], ...]:
    return (
        (Tag.SAR_MSG_REF_NUM, (reference & 0xFFFF).to_bytes(2, "big")),
        (Tag.SAR_TOTAL_SEGMENTS, bytes((total,))),
        (Tag.SAR_SEGMENT_SEQNUM, bytes((n,))),
    )


def _cut_long(text: str, octets: bytes, coding: Coding, profile: Profile) -> tuple[bytes, ...]:
    room = profile.room(coding)
    units = len(octets) // 2 if coding is Coding.UCS2 else len(octets)
    _check_count(-(-units // room), profile)  # before any cutting: a huge text must not cost more than this
    if coding is Coding.UCS2 and len(octets) == 2 * len(text):
        pieces = tuple(_cut_characters(text, octets, room))
    elif coding is Coding.UCS2:
        pieces = tuple(_cut_units(text, room))
    elif coding in _SEPTETS:
        pieces = tuple(_cut_septets(octets, room))
    else:
        pieces = tuple(_cut_clusters(text, coding, room))
    _check_count(len(pieces), profile)
    return pieces


def _check_count(needed: int, profile: Profile) -> None:
    if needed > profile.max_parts:
        raise TextError("too_long", f"{needed} parts or more are needed, {profile.max_parts} are allowed")


def _check_size(needed: int, room: int, place: str) -> None:
    if needed > room:
        raise TextError("too_long", f"{needed} are needed, {place} holds {room}")


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


def _cut_characters(text: str, octets: bytes, room: int) -> Iterator[bytes]:
    """Cut a text in which no character takes two units, as `_cut_units` does, in half the time."""
    start = 0
    while len(text) - start > room:
        end = _last_boundary(text, start, start + room, room)
        yield octets[2 * start : 2 * end]
        start = end
    yield octets[2 * start :]


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


def _cut_clusters(text: str, coding: Coding, room: int) -> Iterator[bytes]:
    """Cut where a part's octets can only be counted by encoding it: escapes come on top."""
    ends = [found.end() for found in _CLUSTER.finditer(text)]
    start = 0
    while start < len(text):

        def size(end: int, start: int = start) -> int:
            return len(alphabets.encode(text[start:end], coding))

        fitting = bisect_right(ends, room, lo=bisect_right(ends, start), hi=bisect_right(ends, start + room), key=size)
        end = ends[fitting - 1] if fitting else 0
        if end <= start:  # not even one cluster
            end = start + bisect_right(range(start + 1, start + room + 1), room, key=size)
        yield alphabets.encode(text[start:end], coding)
        start = end
