"""Each coding against octets known from its standard, and what holds for any text and any octets."""

from functools import cache

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protocol import alphabets, gsm7
from protocol.constants import Coding
from protocol.errors import TextError

CODINGS = [coding for coding in Coding if coding is not Coding.AUTO]
EVERY_CODING = pytest.mark.parametrize("coding", CODINGS)
JAPANESE = "aZ 0\n\r\\~¥‾£{€Ωあアｱ亜〜～−－‖∥¢￠—―①㈱Ⅲⅲ℡髙﨑¬∵丂é＼𠮷🙂\x0e\x0f\x1b\x80\xa0\ue000"
TEXTS = st.text(st.sampled_from(JAPANESE)) | st.text()
JIS_OCTETS = st.binary().map(lambda octets: bytes(octet % 94 + 0x21 for octet in octets))
ISO_OCTETS = st.lists(st.sampled_from([b"\x1b$B", b"\x1b(B", b"\x1b(J", b"\x1b", b"$", b'"', b"\n", b"\x0e"])).map(
    b"".join
)


@cache
def characters(coding: Coding) -> str:
    """List what the coding takes of the first three planes."""
    return "".join(character for character in map(chr, range(0x30000)) if alphabets.fits(character, coding))


@cache
def encodable(coding: Coding) -> st.SearchStrategy[str]:
    likely = [character for character in JAPANESE if alphabets.fits(character, coding)]
    return st.text(st.sampled_from(likely) | st.sampled_from(characters(coding)))


@pytest.mark.parametrize(
    ("coding", "text", "octets"),
    [
        (Coding.GSM7, "@é€", "00 05 1B 65"),
        (Coding.GSM7_PACKED, "hello", "68 65 6C 6C 6F"),
        (Coding.ASCII, "a@\\~", "61 40 5C 7E"),
        (Coding.LATIN1, "é¥ÿ", "E9 A5 FF"),
        (Coding.UCS2, "あ🙂\ufeff", "3042 D83D DE42 FEFF"),
        (Coding.SHIFT_JIS, "aあ亜ｱ〜\\", "61 82A0 889F B1 8160 5C"),
        (Coding.SHIFT_JIS, "ソ表−‖", "835C 955C 817C 8161"),
        (Coding.CP932, "aあ亜ｱ～\\", "61 82A0 889F B1 8160 5C"),
        (Coding.CP932, "髙﨑", "FBFC FAB1"),
        (Coding.CP932, "山﨑様と髙橋様", "8E52 FAB1 976C 82C6 FBFC 8BB4 976C"),
        (Coding.CP932, "纊黑ⅰ￤＇＂", "FA5C FC4B FA40 FA55 FA56 FA57"),
        (Coding.CP932, "①㈱Ⅲ℡№", "8740 878A 8756 8784 8782"),
        (Coding.CP932, "∵￢≒－∥", "81E6 81CA 81E0 817C 8161"),
        (Coding.EUC_JP, "aあ亜ｱ〜丂", "61 A4A2 B0A1 8EB1 A1C1 8FB0A1"),
        (Coding.JIS_X_0208, "あ亜〜　熙", "2422 3021 2141 2121 7426"),
        (Coding.ISO_2022_JP, "あ", "1B2442 2422 1B2842"),
        (Coding.ISO_2022_JP, "aあ\nア1", "61 1B2442 2422 1B2842 0A 1B2442 2522 1B2842 31"),
        (Coding.ISO_2022_JP, "¥", "1B284A 5C 1B2842"),
        (Coding.JIS_X_0212, "丂龥", "3021 6D63"),
    ],
)
def test_octets_known_from_the_standards_are_written_and_read(coding: Coding, text: str, octets: str) -> None:
    assert alphabets.encode(text, coding).hex() == bytes.fromhex(octets).hex()
    assert alphabets.decode(bytes.fromhex(octets), coding) == text


@pytest.mark.parametrize(
    ("coding", "count"),
    [
        (Coding.GSM7, 127 + 10),
        (Coding.GSM7_PACKED, 127 + 10),
        (Coding.ASCII, 128),
        (Coding.LATIN1, 256),
        (Coding.UCS2, 0x30000 - 0x800),
        (Coding.SHIFT_JIS, 128 + 63 + 6879),
        (Coding.EUC_JP, 128 + 63 + 6879 + 6066),
        (Coding.JIS_X_0208, 6879),
        (Coding.ISO_2022_JP, 128 - 3 + 2 + 6879),  # without the shifts, with yen sign and overline
        (Coding.JIS_X_0212, 6066),  # of 6067: its tilde reads as that of ASCII
    ],
)
def test_as_many_characters_are_taken_as_the_standard_has(coding: Coding, count: int) -> None:
    assert len(characters(coding)) == count


def test_every_extension_of_ibm_is_written_in_the_rows_of_ibm_or_where_the_standard_has_it() -> None:
    rows = (bytes((lead, trail)) for lead in (0xFA, 0xFB, 0xFC) for trail in range(0x40, 0xFD))
    read = {octets: alphabets.decode(octets, Coding.CP932) for octets in rows}
    moved = {text for octets, text in read.items() if text and alphabets.encode(text, Coding.CP932) != octets}
    assert sum(text is not None for text in read.values()) == 388
    assert moved == set("ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ￢㈱№℡∵")


def test_no_character_is_written_in_the_rows_nec_selected_but_each_is_read_there() -> None:
    rows = (bytes((lead, trail)) for lead in (0xED, 0xEE) for trail in range(0x40, 0xFD))
    read = [text for octets in rows if (text := alphabets.decode(octets, Coding.CP932))]
    assert len(read) == 374
    assert not {alphabets.encode(text, Coding.CP932)[0] for text in read} & {0xED, 0xEE}
    assert alphabets.decode(bytes.fromhex("EEE0 ED95"), Coding.CP932) == "髙﨑"


@pytest.mark.parametrize(
    ("coding", "refused"),
    [
        (Coding.ASCII, "é¥あ"),
        (Coding.LATIN1, "€あ"),
        (Coding.SHIFT_JIS, "¥‾～－∥￠—é①髙㈱丂𠮷🙂\x80\xa0\ue000"),
        (Coding.CP932, "¥‾〜−‖¢—é丂𠮷🙂\xa0"),
        (Coding.EUC_JP, "¥‾～－①髙𠮷"),
        (Coding.JIS_X_0208, "a \n\\~ｱ①髙丂¥～𠮷\0"),
        (Coding.ISO_2022_JP, "ｱ①髙丂～\x0e\x0f\x1b"),
        (Coding.JIS_X_0212, "a \n\\~ｱ①髙あ亜¥～𠮷\0"),
    ],
)
def test_characters_the_coding_lacks_or_garbles_do_not_fit(coding: Coding, refused: str) -> None:
    assert [character for character in refused if alphabets.fits(character, coding)] == []


@EVERY_CODING
@given(data=st.data())
def test_what_is_encoded_decodes_to_itself(coding: Coding, data: st.DataObject) -> None:
    text = data.draw(encodable(coding))
    assert alphabets.decode(alphabets.encode(text, coding), coding) == text


@EVERY_CODING
@given(text=TEXTS)
def test_any_text_comes_back_or_is_refused(coding: Coding, text: str) -> None:
    octets = alphabets.encode_if_fits(text, coding)
    assert octets is None or alphabets.decode(octets, coding) == text


@EVERY_CODING
@given(text=TEXTS)
def test_a_text_fits_exactly_when_each_character_does(coding: Coding, text: str) -> None:
    fitting = all(alphabets.fits(character, coding) for character in text)
    assert alphabets.fits(text, coding) is fitting
    assert (alphabets.encode_if_fits(text, coding) is not None) is fitting


@EVERY_CODING
@given(data=st.data())
def test_parts_encoded_alone_decode_together(coding: Coding, data: st.DataObject) -> None:
    one, other = data.draw(encodable(coding)), data.draw(encodable(coding))
    joined = alphabets.encode(one, coding) + alphabets.encode(other, coding)
    assert alphabets.decode(joined, coding) == one + other


@EVERY_CODING
@given(octets=st.binary() | JIS_OCTETS | ISO_OCTETS)
def test_no_octets_are_too_broken_to_decode_or_to_give_back(coding: Coding, octets: bytes) -> None:
    text = alphabets.decode(octets, coding)
    assert text is None or len(text) <= len(octets)


@pytest.mark.parametrize(
    ("coding", "octets"),
    [
        (Coding.ASCII, "80"),
        (Coding.UCS2, "30"),
        (Coding.UCS2, "D83C"),
        (Coding.UCS2, "DF00 D83C"),
        (Coding.SHIFT_JIS, "82"),
        (Coding.SHIFT_JIS, "8740"),
        (Coding.SHIFT_JIS, "A0"),
        (Coding.CP932, "82"),
        (Coding.CP932, "FC4C"),
        (Coding.EUC_JP, "A4"),
        (Coding.EUC_JP, "8FB0"),
        (Coding.JIS_X_0208, "24"),
        (Coding.JIS_X_0208, "2422 24"),
        (Coding.JIS_X_0208, "2422 20 22"),
        (Coding.JIS_X_0208, "A4A2"),
        (Coding.JIS_X_0208, "0A"),
        (Coding.JIS_X_0208, "2D21"),
        (Coding.JIS_X_0212, "30"),
        (Coding.JIS_X_0212, "3021 30"),
        (Coding.JIS_X_0212, "B0A1"),
        (Coding.JIS_X_0212, "2422"),
        (Coding.ISO_2022_JP, "A4A2"),
        (Coding.ISO_2022_JP, "1B2442 24"),
        (Coding.ISO_2022_JP, "1B2442 2422 1B28"),
        (Coding.ISO_2022_JP, "1B2849 31"),
        (Coding.ISO_2022_JP, "61 1B 62"),
        (Coding.ISO_2022_JP, "0E 31 0F"),
    ],
)
def test_octets_that_are_not_valid_are_left_to_the_caller(coding: Coding, octets: str) -> None:
    assert alphabets.decode(bytes.fromhex(octets), coding) is None


@given(JIS_OCTETS)
def test_characters_without_escapes_are_those_of_euc_without_its_high_bits(octets: bytes) -> None:
    high = bytes(octet | 0x80 for octet in octets)
    shifted = b"".join(b"\x8f" + high[start : start + 2] for start in range(0, len(high), 2))
    assert alphabets.decode(octets, Coding.JIS_X_0208) == alphabets.decode(high, Coding.EUC_JP)
    assert alphabets.decode(octets, Coding.JIS_X_0212) == alphabets.decode(shifted, Coding.EUC_JP)


def test_a_peer_may_leave_out_the_last_escape() -> None:
    assert alphabets.decode(bytes.fromhex("1B2442 2422"), Coding.ISO_2022_JP) == "あ"
    assert alphabets.decode(bytes.fromhex("1B2442 2422") * 2, Coding.ISO_2022_JP) == "ああ"


@given(encodable(Coding.ISO_2022_JP))
def test_what_is_written_with_escapes_ends_in_ascii(text: str) -> None:
    octets = alphabets.encode(text, Coding.ISO_2022_JP)
    assert alphabets.decode(octets + b"!!", Coding.ISO_2022_JP) == text + "!!"
    assert octets.isascii()


@pytest.mark.parametrize(
    ("coding", "text", "fault"),
    [
        (Coding.GSM7, "code あ", "U+3042 at position 5 is not in the GSM-7 alphabet; "),
        (Coding.GSM7_PACKED, "あ", "U+3042 at position 0 is not in the GSM-7 alphabet; "),
        (Coding.ASCII, "aé", "U+00E9 at position 1 is not in ASCII; "),
        (Coding.LATIN1, "é€", "U+20AC at position 1 is not in Latin-1; "),
        (Coding.SHIFT_JIS, "𠮷野家", "U+20BB7 at position 0 is not in Shift_JIS; "),
        (Coding.CP932, "髙〜あ〜", "U+301C at position 1 is not in CP932; "),
        (Coding.EUC_JP, "あ～", "U+FF5E at position 1 is not in EUC-JP; "),
        (Coding.JIS_X_0208, "あa丂", "U+0061 at position 1 is not in JIS X 0208; "),
        (Coding.ISO_2022_JP, "あ\x1b$B", "U+001B at position 1 is not in ISO-2022-JP; "),
        (Coding.JIS_X_0212, "丂あ", "U+3042 at position 1 is not in JIS X 0212; "),
    ],
)
def test_a_character_outside_is_named_by_code_point_and_position(coding: Coding, text: str, fault: str) -> None:
    with pytest.raises(TextError) as caught:
        alphabets.encode(text, coding)
    assert caught.value.code == "charset"
    assert str(caught.value) == fault + "replace it, or let the text be sent as UCS-2"


@EVERY_CODING
@pytest.mark.parametrize(
    ("text", "fault"), [("一\ud83c", "U+D83C at position 1"), ("\udf00\ud83c", "U+DF00 at position 0")]
)
def test_a_lone_surrogate_is_bad_text_in_every_coding(coding: Coding, text: str, fault: str) -> None:
    assert not alphabets.fits(text, coding)
    with pytest.raises(TextError) as caught:
        alphabets.encode(text, coding)
    assert caught.value.code == "bad_text"
    assert str(caught.value) == f"lone surrogate {fault}; send the pair it was cut from"


@pytest.mark.parametrize(("header_octets", "fill_bits"), [(0, 0), (5, 2), (6, 1), (7, 0), (8, 6)])
def test_packed_text_begins_on_a_septet_boundary_after_its_header(header_octets: int, fill_bits: int) -> None:
    packed = gsm7.pack(b"hello", fill_bits)
    assert alphabets.wrap(b"hello", Coding.GSM7_PACKED, header_octets) == packed
    assert alphabets.unwrap(packed, Coding.GSM7_PACKED, header_octets) == b"hello"


@given(encodable(Coding.GSM7_PACKED), st.integers(0, 140))
def test_a_packed_body_comes_back_whatever_its_header(text: str, header_octets: int) -> None:
    assume(not text.endswith("\r"))
    septets = alphabets.encode(text, Coding.GSM7_PACKED)
    body = alphabets.wrap(septets, Coding.GSM7_PACKED, header_octets)
    assert alphabets.unwrap(body, Coding.GSM7_PACKED, header_octets) == septets


@pytest.mark.parametrize("coding", [coding for coding in CODINGS if coding is not Coding.GSM7_PACKED])
def test_a_body_in_any_other_coding_is_neither_packed_nor_unpacked(coding: Coding) -> None:
    assert alphabets.wrap(b"hello!", coding, 6) == alphabets.unwrap(b"hello!", coding, 6) == b"hello!"


@given(TEXTS)
def test_the_quick_ucs2_encoder_writes_what_python_calls_utf_16_be(text: str) -> None:
    try:
        expected: bytes | None = text.encode("utf-16-be")
    except UnicodeEncodeError:
        expected = None
    assert alphabets.encode_if_fits(text, Coding.UCS2) == expected
