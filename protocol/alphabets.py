"""Bodies of messages <-> octets, in every coding a carrier may want (SMPP 3.4, 5.2.19).

An encoder takes a character only when its octets decode to that same character. The codecs of Python are looser: they
write U+00A5 as the octet of the backslash, and U+301C as that of U+FF5E.
"""

import codecs
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from protocol import gsm7
from protocol.constants import Coding
from protocol.errors import TextError

_Encoder = Callable[[str], bytes | None]
_Decoder = Callable[[bytes], str | None]


def encode_if_fits(text: str, coding: Coding) -> bytes | None:
    """Encode; None when a character cannot be written. GSM7_PACKED gives septets: `wrap` packs them.

    Args: coding: any but AUTO, here and below.
    """
    return _ENCODERS[coding](text)


def encode(text: str, coding: Coding) -> bytes:
    """Encode, as `encode_if_fits` does.

    Raises: TextError: bad_text: a lone surrogate. charset: a character outside the coding. Positions count code points
        from 0.
    """
    octets = encode_if_fits(text, coding)
    if octets is None:
        raise _refusal(text, coding)
    return octets


def fits(text: str, coding: Coding) -> bool:
    """Tell whether every character can be written."""
    return encode_if_fits(text, coding) is not None


def decode(octets: bytes, coding: Coding) -> str | None:
    """Decode what `unwrap` gave, of one part or of several joined.

    Returns: None when the octets are not valid in the coding. GSM-7 is always decoded, see `gsm7.decode`.
    """
    return _DECODERS[coding](octets)


def unwrap(octets: bytes, coding: Coding, header_octets: int) -> bytes:
    """Make of one part's body what can be joined with others and decoded: unpack GSM7_PACKED, else nothing.

    Args: header_octets: of the user data header, its length octet included; 0: none.
    """
    return gsm7.unpack(octets, -header_octets % 7) if coding is Coding.GSM7_PACKED else octets


def wrap(piece: bytes, coding: Coding, header_octets: int) -> bytes:
    """Make of encoded text the body of one part, without its header: pack GSM7_PACKED, else nothing.

    Args: header_octets: as for `unwrap`. A packed text begins on a septet boundary, counted from the header's start,
        so up to six bits before it are fill (3GPP TS 23.040, 9.2.3.24).
    """
    return gsm7.pack(piece, -header_octets % 7) if coding is Coding.GSM7_PACKED else piece


def _refusal(text: str, coding: Coding) -> TextError:
    try:
        text.encode("utf-16-be")
    except UnicodeEncodeError as error:
        fault = f"lone surrogate U+{ord(text[error.start]):04X} at position {error.start}"
        return TextError("bad_text", f"{fault}; send the pair it was cut from")
    position = next(n for n, character in enumerate(text) if not fits(character, coding))
    fault = f"U+{ord(text[position]):04X} at position {position} is not in {_ALPHABETS[coding].name}"
    return TextError("charset", f"{fault}; replace it, or let the text be sent as UCS-2")


def _encode_ucs2(text: str) -> bytes | None:
    try:
        return codecs.utf_16_be_encode(text)[0]  # what "utf-16-be" names: 0.06 us a text instead of 0.14
    except UnicodeEncodeError:
        return None


class _Alphabet(NamedTuple):
    name: str
    encode: _Encoder
    decode: _Decoder


def _of_codec(name: str, codec: str) -> _Alphabet:
    def encode(text: str) -> bytes | None:
        try:
            return text.encode(codec)
        except UnicodeEncodeError:
            return None

    def decode(octets: bytes) -> str | None:
        try:
            return octets.decode(codec)
        except UnicodeDecodeError:
            return None

    return _Alphabet(name, encode, decode)


def _checked(name: str, encode: _Encoder, decode: _Decoder) -> _Alphabet:
    """Make an alphabet that takes only what comes back."""

    def encode_checked(text: str) -> bytes | None:
        octets = encode(text)
        return octets if octets is not None and decode(octets) == text else None

    return _Alphabet(name, encode_checked, decode)


_SHIFT_JIS: Final = _of_codec("Shift_JIS", "shift_jis")  # JIS X 0208, annex 1
_CP932: Final = _of_codec("CP932", "cp932")
_EUC_JP: Final = _of_codec("EUC-JP", "euc_jp")
_ISO_2022_JP: Final = _of_codec("ISO-2022-JP", "iso2022_jp")


# What IBM added stands twice: NEC put it in rows ED..EE as well. Windows writes IBM's rows FA..FC, Python's codec the
# others. What is in row 13 (87) or in JIS X 0208 too is written there by both.
_IBM: Final = {
    character: octets
    for octets in (bytes((lead, trail)) for lead in (0xFA, 0xFB, 0xFC) for trail in range(0x40, 0xFD))
    if (character := _CP932.decode(octets)) and (_CP932.encode(character) or b"")[:1] in (b"\xed", b"\xee")
}
_IBM_CHARACTER: Final = re.compile(f"([{''.join(_IBM)}])")


def _encode_cp932(text: str) -> bytes | None:
    pieces: list[str] = _IBM_CHARACTER.split(text)  # every second is such a character
    encoded = [_IBM.get(piece) or _CP932.encode(piece) for piece in pieces]
    return None if None in encoded else b"".join(filter(None, encoded))


_SHIFTS: Final = re.compile("[\x0e\x0f\x1b]")


def _decode_iso_2022_jp(octets: bytes) -> str | None:
    """Decode (RFC 1468); what an escape or shift that the codec did not understand leaves behind is no text.

    Octets that end in two-octet mode are taken: a peer that saves the last escape loses no character. Half an escape is
    not: more may have been cut off.
    """
    text = _ISO_2022_JP.decode(octets)
    return None if text is None or _SHIFTS.search(text) else text


# JIS X 0208 and 0212 put a character at two octets 0x21..0x7E; EUC-JP sets their high bits, and writes 0x8F before a
# character of 0212. 0 stands for any other octet.
_TO_JIS: Final = bytes(octet & 0x7F if 0xA1 <= octet <= 0xFE else 0 for octet in range(256))
_TO_EUC: Final = bytes(octet | 0x80 if 0x21 <= octet <= 0x7E else 0 for octet in range(256))
_SINGLE_SHIFT_3: Final = b"\x8f"


def _encode_jis_x_0208(text: str) -> bytes | None:
    octets = (_EUC_JP.encode(text) or b"").translate(_TO_JIS)
    return None if b"\0" in octets or len(octets) != 2 * len(text) else octets


def _encode_jis_x_0212(text: str) -> bytes | None:
    octets = _EUC_JP.encode(text) or b""
    if len(octets) != 3 * len(text):  # no other character has three
        return None
    return octets.replace(_SINGLE_SHIFT_3, b"").translate(_TO_JIS)


def _decode_jis_x_0208(octets: bytes) -> str | None:
    octets = octets.translate(_TO_EUC)
    return None if b"\0" in octets else _EUC_JP.decode(octets)


def _decode_jis_x_0212(octets: bytes) -> str | None:
    octets = octets.translate(_TO_EUC)
    if b"\0" in octets or len(octets) % 2:
        return None
    shifted = bytearray(_SINGLE_SHIFT_3 * (len(octets) // 2 * 3))
    shifted[1::3], shifted[2::3] = octets[::2], octets[1::2]
    return _EUC_JP.decode(bytes(shifted))


_UCS2: Final = _of_codec("UCS-2", "utf-16-be")
_GSM7: Final = _Alphabet("the GSM-7 alphabet", gsm7.encode_if_fits, gsm7.decode)
_ALPHABETS: Final = {
    Coding.GSM7: _GSM7,
    Coding.GSM7_PACKED: _GSM7,
    Coding.ASCII: _of_codec("ASCII", "ascii"),
    Coding.LATIN1: _of_codec("Latin-1", "latin-1"),
    Coding.UCS2: _UCS2._replace(encode=_encode_ucs2),
    Coding.SHIFT_JIS: _checked(*_SHIFT_JIS),
    Coding.CP932: _checked(_CP932.name, _encode_cp932, _CP932.decode),
    Coding.EUC_JP: _checked(*_EUC_JP),
    Coding.JIS_X_0208: _checked("JIS X 0208", _encode_jis_x_0208, _decode_jis_x_0208),
    Coding.ISO_2022_JP: _checked(_ISO_2022_JP.name, _ISO_2022_JP.encode, _decode_iso_2022_jp),
    Coding.JIS_X_0212: _checked("JIS X 0212", _encode_jis_x_0212, _decode_jis_x_0212),
}
_ENCODERS: Final = {coding: alphabet.encode for coding, alphabet in _ALPHABETS.items()}
_DECODERS: Final = {coding: alphabet.decode for coding, alphabet in _ALPHABETS.items()}
