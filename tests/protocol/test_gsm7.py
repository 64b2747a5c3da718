"""The alphabet against a table typed by its code points, and its promises for any text."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protocol import gsm7

# Unicode code points of the septets 0x00 to 0x7F, eight a row; 0 stands for the escape.
DEFAULT_ROWS = """
0040 00A3 0024 00A5 00E8 00E9 00F9 00EC  00F2 00C7 000A 00D8 00F8 000D 00C5 00E5
0394 005F 03A6 0393 039B 03A9 03A0 03A8  03A3 0398 039E 0000 00C6 00E6 00DF 00C9
0020 0021 0022 0023 00A4 0025 0026 0027  0028 0029 002A 002B 002C 002D 002E 002F
0030 0031 0032 0033 0034 0035 0036 0037  0038 0039 003A 003B 003C 003D 003E 003F
00A1 0041 0042 0043 0044 0045 0046 0047  0048 0049 004A 004B 004C 004D 004E 004F
0050 0051 0052 0053 0054 0055 0056 0057  0058 0059 005A 00C4 00D6 00D1 00DC 00A7
00BF 0061 0062 0063 0064 0065 0066 0067  0068 0069 006A 006B 006C 006D 006E 006F
0070 0071 0072 0073 0074 0075 0076 0077  0078 0079 007A 00E4 00F6 00F1 00FC 00E0
"""
DEFAULT = [int(code_point, 16) for code_point in DEFAULT_ROWS.split()]
EXTENSION = {
    "\N{FORM FEED}": 0x0A,
    "\N{CIRCUMFLEX ACCENT}": 0x14,
    "\N{LEFT CURLY BRACKET}": 0x28,
    "\N{RIGHT CURLY BRACKET}": 0x29,
    "\N{REVERSE SOLIDUS}": 0x2F,
    "\N{LEFT SQUARE BRACKET}": 0x3C,
    "\N{TILDE}": 0x3D,
    "\N{RIGHT SQUARE BRACKET}": 0x3E,
    "\N{VERTICAL LINE}": 0x40,
    "\N{EURO SIGN}": 0x65,
}
CHARACTERS = [chr(code_point) for code_point in DEFAULT if code_point] + list(EXTENSION)
GSM_TEXT = st.text(st.sampled_from(CHARACTERS))
SEPTETS = st.binary(max_size=330).map(lambda octets: bytes(octet & 0x7F for octet in octets))
FILL_BITS = st.integers(0, 6)


def encoded(text: str) -> bytes:
    """The septets of a text that fits."""
    octets = gsm7.encode_if_fits(text)
    assert octets is not None
    return octets


def packed_bit_by_bit(septets: bytes, fill_bits: int) -> bytes:
    bits = [0] * fill_bits + [septet >> place & 1 for septet in septets for place in range(7)]
    octets = [bits[start : start + 8] for start in range(0, len(bits), 8)]
    return bytes(sum(bit << place for place, bit in enumerate(octet)) for octet in octets)


def full(septets: bytes, fill_bits: int) -> bool:
    return (fill_bits + 7 * len(septets)) % 8 == 0


@pytest.mark.parametrize("septet", [septet for septet in range(128) if septet != 0x1B])
def test_each_septet_is_its_character_in_both_directions(septet: int) -> None:
    assert encoded(chr(DEFAULT[septet])) == bytes((septet,))
    assert gsm7.decode(bytes((septet,))) == chr(DEFAULT[septet])


@pytest.mark.parametrize(("character", "septet"), EXTENSION.items())
def test_each_extension_character_is_an_escape_pair_in_both_directions(character: str, septet: int) -> None:
    assert encoded(character) == bytes((0x1B, septet))
    assert gsm7.decode(bytes((0x1B, septet))) == character


@pytest.mark.parametrize("text", ["a{b}", "é[ß]", "€{Ω}|"])
def test_extension_characters_keep_their_place_among_others(text: str) -> None:
    assert encoded(text) == b"".join(encoded(character) for character in text)


@given(GSM_TEXT)
def test_what_is_encoded_decodes_to_itself_with_two_septets_for_an_extension_character(text: str) -> None:
    octets = encoded(text)
    assert gsm7.fits(text)
    assert max(octets, default=0) < 0x80
    assert len(octets) == len(text) + sum(character in EXTENSION for character in text)
    assert gsm7.decode(octets) == text


@given(st.text() | st.text(st.characters(max_codepoint=0x17F)))
def test_a_text_fits_exactly_when_all_its_characters_are_in_the_tables(text: str) -> None:
    fitting = all(character in CHARACTERS for character in text)
    assert gsm7.fits(text) is fitting
    assert (gsm7.encode_if_fits(text) is not None) is fitting


@pytest.mark.parametrize("text", ["code あ", "\x1be", "`", "ok 🙂"])
def test_a_text_with_a_character_outside_is_not_encoded(text: str) -> None:
    assert gsm7.encode_if_fits(text) is None


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"\x1bA", "A"),
        (b"\x1b\x00b", "@b"),
        (b"a\x1b\x0ab", "a\fb"),
        (b"\x1b\x0d", "\r"),
        (b"a\x1b", "a "),
        (b"\x1b\x1b\x65", " e"),
        (b"a\x80\xff", "a\ufffd\ufffd"),
        (b"\x1b\x80", "\ufffd"),
    ],
)
def test_escapes_without_a_character_and_octets_that_are_no_septets_show_something(octets: bytes, text: str) -> None:
    assert gsm7.decode(octets) == text


@given(st.binary())
def test_no_octets_are_too_broken_to_decode(octets: bytes) -> None:
    assert len(gsm7.decode(octets)) <= len(octets)


@pytest.mark.parametrize(
    ("text", "fill_bits", "octets"),
    [
        ("", 0, ""),
        ("a", 0, "61"),
        ("a", 1, "C2"),
        ("hello", 0, "E8329BFD06"),
        ("hellohello", 0, "E8329BFD4697D9EC37"),
        ("*100#", 0, "AA180C3602"),
        ("€", 0, "9B32"),
    ],
)
def test_texts_known_from_elsewhere_are_packed_and_unpacked(text: str, fill_bits: int, octets: str) -> None:
    assert gsm7.pack(encoded(text), fill_bits) == bytes.fromhex(octets)
    assert gsm7.decode(gsm7.unpack(bytes.fromhex(octets), fill_bits)) == text


@given(SEPTETS, FILL_BITS)
def test_packing_is_laying_bits_in_a_row_after_the_carriage_returns_owed(septets: bytes, fill_bits: int) -> None:
    left_over = -(fill_bits + 7 * len(septets)) % 8
    owed = left_over == 7 or (left_over == 0 and septets.endswith(b"\r"))
    assert gsm7.pack(septets, fill_bits) == packed_bit_by_bit(septets + b"\r" * owed, fill_bits)


@given(SEPTETS, FILL_BITS)
def test_what_is_packed_unpacks_to_itself_unless_a_carriage_return_ends_an_octet(
    septets: bytes, fill_bits: int
) -> None:
    assume(not (full(septets, fill_bits) and septets.endswith(b"\r")))
    assert gsm7.unpack(gsm7.pack(septets, fill_bits), fill_bits) == septets


@given(SEPTETS, FILL_BITS)
def test_a_carriage_return_that_ends_an_octet_comes_back_as_two(septets: bytes, fill_bits: int) -> None:
    septets += b"a" * next(n for n in range(8) if full(septets + b"a" * n + b"\r", fill_bits)) + b"\r"
    assert gsm7.unpack(gsm7.pack(septets, fill_bits), fill_bits) == septets + b"\r"


def test_seven_bits_left_over_hold_a_carriage_return_that_is_not_read() -> None:
    assert gsm7.pack(b"1234567") == bytes.fromhex("31D98C56B3DD1A")
    assert gsm7.unpack(bytes.fromhex("31D98C56B3DD1A")) == b"1234567"


def test_seven_bits_left_over_that_a_peer_filled_with_zeros_read_as_one_more_at_sign() -> None:
    assert gsm7.decode(gsm7.unpack(bytes.fromhex("31D98C56B3DD00"))) == "1234567@"


def test_a_carriage_return_that_a_peer_did_not_double_at_the_end_of_an_octet_is_lost() -> None:
    assert gsm7.unpack(packed_bit_by_bit(b"1234567\r", 0)) == b"1234567"


@given(st.binary(), FILL_BITS)
def test_no_octets_are_too_broken_to_unpack(octets: bytes, fill_bits: int) -> None:
    septets = gsm7.unpack(octets, fill_bits)
    assert max(septets, default=0) < 0x80
    assert 7 * len(septets) <= 8 * len(octets)


@given(st.binary(min_size=1), FILL_BITS)
def test_what_the_fill_bits_hold_is_not_read(octets: bytes, fill_bits: int) -> None:
    cleared = bytes((octets[0] >> fill_bits << fill_bits,)) + octets[1:]
    assert gsm7.unpack(octets, fill_bits) == gsm7.unpack(cleared, fill_bits)
