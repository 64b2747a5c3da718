"""The GSM 7-bit default alphabet and its extension table, one septet per octet (3GPP TS 23.038, 6.2.1); packing."""

import codecs
import re
from typing import Final

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

# On the way to septets an extension character is one octet, its septet with the high bit set; pairs come last.
_ESCAPED_BIT: Final = 0x80
_PAIRS: Final = tuple((bytes((septet | _ESCAPED_BIT,)), bytes((ESCAPE, septet))) for septet in _EXTENSION)
_MARKED: Final = {
    **{septet: character for septet, character in enumerate(_DEFAULT) if septet != ESCAPE},
    **{septet | _ESCAPED_BIT: character for septet, character in _EXTENSION.items()},
}
_SEPTETS: Final = {character: septet for septet, character in _MARKED.items()}
_LATIN1_SEPTETS: Final = bytes(_SEPTETS.get(chr(octet), 0) for octet in range(256))
# a map is several times faster when built of a table whose first character is U+0000; so "@" has the escape's place
_CHARMAP: Final = codecs.charmap_build(
    "".join({**_MARKED, 0: "\0", ESCAPE: "@"}.get(octet, "\ufffe") for octet in range(256))
)
_CHARACTERS: Final = "".join(_SEPTETS)
_FITTING: Final = re.compile(f"[{re.escape(_CHARACTERS)}]*")

_DECODING: Final = _DEFAULT + "\ufffd" * 128
_ESCAPED: Final = re.compile("\x1b(.?)", re.DOTALL)
_ESCAPED_CHARACTERS: Final = {_DEFAULT[septet]: character for septet, character in _EXTENSION.items()} | {
    "\x1b": " ",  # announces a further table, of which there is none: shown as a space
    "": " ",
}

# Packing halves the gaps: 7 of 8 bits, then 14 of 16, 28 of 32, 56 of 64. For 8 octets: which bits stay in their
# place, and by how many the others move to meet them.
_MERGES: Final = (
    (bytes.fromhex("7F00 7F00 7F00 7F00"), 1),
    (bytes.fromhex("FF3F0000 FF3F0000"), 2),
    (bytes.fromhex("FFFFFF0F00000000"), 4),
)


def fits(text: str) -> bool:
    """Tell whether every character is in the alphabet or its extension table."""
    return _FITTING.fullmatch(text) is not None


def encode_if_fits(text: str) -> bytes | None:
    """Encode, one septet per octet, an extension character as two; None when a character is outside."""
    if not _FITTING.fullmatch(text):
        return None
    try:
        octets = text.encode("latin-1").translate(_LATIN1_SEPTETS)
    except UnicodeEncodeError:  # Greek or the euro sign
        octets = codecs.charmap_encode(text, "strict", _CHARMAP)[0].replace(bytes((ESCAPE,)), b"\0")
    if octets.isascii():
        return octets
    for marked, pair in _PAIRS:
        octets = octets.replace(marked, pair)
    return octets


def decode(octets: bytes) -> str:
    """Decode one septet per octet; never raises.

    An escaped septet the extension table lacks shows the character of the default alphabet, a lone or doubled escape a
    space (notes to the tables of 6.2.1). An octet above 0x7F is no septet: U+FFFD.
    """
    text = codecs.charmap_decode(octets, "strict", _DECODING)[0]
    return _ESCAPED.sub(_unescape, text) if "\x1b" in text else text


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """Pack eight septets into seven octets, the first septet in the lowest bits (6.1.2.1).

    SMPP counts octets, so seven bits left over would read as an "@" more: a CR is put there, as in 6.1.2.3. A text that
    itself ends in CR, at the end of an octet, gets a CR and so an octet more, since the reader takes one away.

    Args: septets: each 0..0x7F. fill_bits: 0..6 zero bits before the first, that end a header on a septet boundary.
    """
    spare = -(fill_bits + 7 * len(septets)) % 8
    if spare == 7 or (spare == 0 and septets.endswith(b"\r")):
        septets += b"\r"
    groups = -(-len(septets) // 8)
    merged = int.from_bytes(septets, "little")
    for low, gap in _MERGES:
        kept = merged & int.from_bytes(low * groups, "little")
        merged = kept | (merged ^ kept) >> gap
    octets = bytearray(merged.to_bytes(8 * groups, "little"))
    del octets[7::8]
    return (int.from_bytes(octets, "little") << fill_bits).to_bytes((fill_bits + 7 * len(septets) + 7) // 8, "little")


def unpack(octets: bytes, fill_bits: int = 0) -> bytes:
    """Unpack seven octets into eight septets, one per octet; a CR that ends on an octet boundary is padding (6.1.2.3).

    How many septets the writer meant cannot be known from octets alone. A text that ends in CR on an octet boundary
    comes back with the second CR that `pack` gave it; from a peer that gave it none, without its own. Seven bits left
    over that a peer filled with zeros, as 6.1.2.1 has it where septets are counted, come back as one more "@".

    Args: fill_bits: 0..6, skipped, whatever they hold.
    """
    count, rest = divmod(8 * len(octets) - fill_bits, 7)
    groups = -(-count // 8)
    packed = (int.from_bytes(octets, "little") >> fill_bits).to_bytes(7 * groups + 1, "little")
    spread = bytearray(8 * groups)
    for place in range(7):
        spread[place::8] = packed[place : 7 * groups : 7]
    merged = int.from_bytes(spread, "little")
    for low, gap in reversed(_MERGES):
        kept = merged & int.from_bytes(low * groups, "little")
        merged = kept | (merged ^ kept) << gap
    septets = merged.to_bytes(8 * groups, "little")[:count]
    return septets[:-1] if rest == 0 and septets.endswith(b"\r") else septets


def _unescape(escaped: re.Match[str]) -> str:
    return _ESCAPED_CHARACTERS.get(escaped[1], escaped[1])
