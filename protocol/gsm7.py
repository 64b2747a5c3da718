"""The GSM 7-bit default alphabet and its extension table, unpacked: one septet per octet (3GPP TS 23.038, 6.2.1)."""

import codecs
import re
from typing import Final

from protocol.errors import TextError

ESCAPE: Final = 0x1B
"""The septet that says: the next one is of the extension table. It is not a character of its own."""

_DEFAULT: Final = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)  # sixteen septets a row
_EXTENSION: Final = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}

_SEPTETS: Final = {ord(character): chr(septet) for septet, character in enumerate(_DEFAULT) if septet != ESCAPE} | {
    ord(character): chr(ESCAPE) + chr(septet) for septet, character in _EXTENSION.items()
}
_ESCAPED_BIT: Final = 0x80
_LATIN1_SEPTETS: Final = bytes(
    ord(septets[-1]) | (_ESCAPED_BIT if len(septets) > 1 else 0)
    for septets in (_SEPTETS.get(octet, "\0") for octet in range(256))
)
_MARKED: Final = re.compile(rb"[\x80-\xff]")
_CHARACTERS: Final = "".join(map(chr, _SEPTETS))
_FITTING: Final = re.compile(f"[{re.escape(_CHARACTERS)}]*")
_FOREIGN: Final = re.compile(f"[^{re.escape(_CHARACTERS)}]")

_DECODING: Final = _DEFAULT + "\ufffd" * 128
_ESCAPED: Final = re.compile("\x1b(.?)", re.DOTALL)
_ESCAPED_CHARACTERS: Final = {_DEFAULT[septet]: character for septet, character in _EXTENSION.items()} | {
    "\x1b": " ",  # announces a further table, of which there is none: shown as a space
    "": " ",
}


def fits(text: str) -> bool:
    """Tell whether every character is in the alphabet or its extension table."""
    return _FITTING.fullmatch(text) is not None


def encode_if_fits(text: str) -> bytes | None:
    """Encode, one septet per octet, an extension character as two; None when a character is outside."""
    if not _FITTING.fullmatch(text):
        return None
    try:
        octets = text.encode("latin-1").translate(_LATIN1_SEPTETS)
    except UnicodeEncodeError:  # Greek or the euro sign: rare, and several times slower
        return text.translate(_SEPTETS).encode("ascii")
    return octets if octets.isascii() else _MARKED.sub(_escape, octets)


def encode(text: str) -> bytes:
    """Encode, one septet per octet, an extension character as two.

    Raises: TextError: charset: a character is outside the alphabet; positions count code points from 0.
    """
    octets = encode_if_fits(text)
    if octets is None:
        foreign = next(_FOREIGN.finditer(text))
        raise TextError(
            "charset",
            f"U+{ord(foreign[0]):04X} at position {foreign.start()} is not in the GSM-7 alphabet; "
            "replace it, or let the text be sent as UCS-2",
        )
    return octets


def septets(text: str) -> int:
    """Count the septets of a text: one or two a character.

    Raises: TextError: charset: a character is outside the alphabet.
    """
    return len(encode(text))


def decode(octets: bytes) -> str:
    """Decode one septet per octet; never raises.

    An escaped septet the extension table lacks shows the character of the default alphabet, a lone or doubled escape a
    space (notes to the tables of 6.2.1). An octet above 0x7F is no septet: U+FFFD.
    """
    text = codecs.charmap_decode(octets, "strict", _DECODING)[0]
    return _ESCAPED.sub(_unescape, text) if "\x1b" in text else text


def _escape(marked: re.Match[bytes]) -> bytes:
    return bytes((ESCAPE, marked[0][0] ^ _ESCAPED_BIT))


def _unescape(escaped: re.Match[str]) -> str:
    return _ESCAPED_CHARACTERS.get(escaped[1], escaped[1])
