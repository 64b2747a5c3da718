"""What is refused, what is changed, and above all what is not: names and amounts stay as they were written."""

import sys
import unicodedata

import pytest
import regex  # type: ignore[import-untyped]  # ships no type hints
from hypothesis import given
from hypothesis import strategies as st

from protocol import gsm7
from protocol.constants import Fold
from protocol.errors import TextError
from protocol.normalise import MAX_MARKS, MAX_WARNINGS, Normalised, explain_coding, fold, normalise

ACUTE = "\u0301"
DAKUTEN = "\u3099"
HANDAKUTEN = "\u309a"
INVISIBLE = "\xad\u061c\u200b\u200e\u200f\u2060\ufeff"
LINE_ENDS = "\n\r\x85\u2028\u2029"
DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
SELECTORS = "\u180b\u180c\u180d\u180f" + "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
CONTROLS = "".join(chr(n) for n in [*range(0x20), *range(0x7F, 0xA0)] if chr(n) not in "\t\n\r\x85")
NONCHARACTERS = "".join(
    map(chr, [*range(0xFDD0, 0xFDF0), *(n | end for n in range(0, 0x110000, 0x10000) for end in (0xFFFE, 0xFFFF))])
)
PRIVATE = "\ue000\uf8ff\U000f0000\U000ffffd\U00100000\U0010fffd"
SURROGATES = "\ud800\udbff\udc00\udfff"
REFUSED = CONTROLS + DIRECTIONS + NONCHARACTERS + PRIVATE + SURROGATES

# by the newest Unicode there is: the interpreter's own may be older
MARKS = set(regex.findall(r"[\p{Mn}\p{Me}]", "".join(map(chr, range(sys.maxunicode + 1))))) - set(SELECTORS)

EMOJI = "💇\u200d♀\ufe0f 👍🏽 1\ufe0f\u20e3 🇯🇵 ☎\ufe0f 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
WEBOTP = "@login.midori-card.example #482913"
TILDES = frozenset({Fold.TO_WAVE_DASH, Fold.TO_FULLWIDTH_TILDE})

KINDS = (
    "aZéÅåσ09 ,.\n@#$¥€{—–\u2011―-−－〜～￥\\'\u2019\xa0あかがはばぱハﾊﾞﾟ々ー日髙﨑神福𠮷①㈱！。　🍰ก\u0e31ี\u0645\u064b가"
    "\u1112\u1161\u11ab\u212a\u212b\u2126\u0344\u0340\u0323\u0308\u0304\u0330\u034f\u01d6\u20e3\u200c\u200d\ufe0f\U000e0100\U000e0067"
    f"{ACUTE}{DAKUTEN}{HANDAKUTEN}{INVISIBLE}{LINE_ENDS}\t"
)
FOLDS = st.frozensets(st.sampled_from(Fold))
ANY_TEXT = (
    st.text(st.sampled_from(KINDS))
    | st.text(st.characters(exclude_categories=()))
    | st.text(st.sampled_from(KINDS + REFUSED))
)
LINE = st.text(st.sampled_from(sorted(set(KINDS) - set(LINE_ENDS))), max_size=8)
GSM_TEXT = st.text(st.sampled_from("aB1 ,.￥¥\n–—"), max_size=8)


def accepted(text: str, folds: frozenset[Fold] = frozenset()) -> Normalised:
    """Normalise, or give the empty text for one that is refused."""
    try:
        return normalise(text, folds)
    except TextError:
        return Normalised("", [])


def is_left_alone(character: str) -> bool:
    """Tell whether the character may be neither removed nor replaced nor part of a composition."""
    if character in INVISIBLE + LINE_ENDS + "\t" or character in MARKS:
        return False
    latin = character < "\u02b0" or "\u1e00" <= character < "\u1f00"
    return not (latin and character.isalpha()) and not "\u3041" <= character <= "\u30ff"


def code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


@pytest.mark.parametrize(
    ("given_text", "expected", "warnings"),
    [
        ("ご予約\r\nです\rね\n。", "ご予約\nです\nね\n。", []),
        ("a\x85b\u2028c\u2029d\u2028", "a\nb\nc\nd\n", [
            "replaced U+0085 by U+000A (1, first at 1)",
            "replaced U+2028 by U+000A (2, first at 3)",
            "replaced U+2029 by U+000A (1, first at 5)",
        ]),
        ("お名前\t山田\t様", "お名前 山田 様", ["replaced a tab by a space (2, first at 3)"]),
        ("\ufeff2F.\u200b\xa0Please\u200b", "2F.\xa0Please", [
            "removed U+FEFF (1, first at 0)",
            "removed U+200B (2, first at 4)",
        ]),
        ("\u200e0120\xad-\u2060\u200f\u061c1", "0120-1", [
            "removed U+200E (1, first at 0)",
            "removed U+00AD (1, first at 5)",
            "removed U+2060 (1, first at 7)",
            "removed U+200F (1, first at 8)",
            "removed U+061C (1, first at 9)",
        ]),
        ("【は\u309aんた\u3099小児科】た\u3099", "【ぱんだ小児科】だ", [
            "composed U+306F U+309A to U+3071 (1, first at 1)",
            "composed U+305F U+3099 to U+3060 (2, first at 4)",
        ]),
        ("cafe\u0301 a\u0302\u0323 \u1ea1\u0302", "café ậ ậ", [
            "composed U+0065 U+0301 to U+00E9 (1, first at 3)",
            "composed U+0061 U+0302 U+0323 to U+1EAD (1, first at 6)",
            "composed U+1EA1 U+0302 to U+1EAD (1, first at 10)",
        ]),
        ("か\u200b\u3099e\u2060\u0301\u200b", "がé", [
            "removed U+200B (2, first at 1)",
            "composed U+304B U+3099 to U+304C (1, first at 0)",
            "removed U+2060 (1, first at 4)",
            "composed U+0065 U+0301 to U+00E9 (1, first at 3)",
        ]),
    ],
)  # fmt: skip
def test_what_is_changed_is_told_with_its_number_and_its_first_place(
    given_text: str, expected: str, warnings: list[str]
) -> None:
    assert normalise(given_text) == Normalised(expected, warnings)


@pytest.mark.parametrize("character", INVISIBLE)
def test_each_invisible_character_is_removed_wherever_it_is(character: str) -> None:
    expected = Normalised("山田", [f"removed {code_point(character)} (3, first at 0)"])
    assert normalise(f"{character}山{character}田{character}") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "【あおば銀行】お客さま情報のご確認期限が近づいています。",
        "髙﨑 濵子様　ご融資のお申し込みを受け付けました。",
        "葛\U000e0100城市役所 葛\U000e0100西",
        "神 福 塚 都 館 精 羽\ufa1e",
        "①㈱Ⅲ℡½㎡… ＡＢ１２ ｶﾞﾊﾟ",
        "ｶﾞﾊﾟ " + "カ\u309a",
        "１２，８００円は１１／２７ ￥12,800 10:00〜11:00 13:00～14:00 03－0000−0000",
        "コーーーヒー    \u3000\u3000終",
        "\u212b \u212a \u2126 \u1112\u1161\u11ab α\u0301 и\u0306",
        "b\u0344 ǖ\u0330 q\u0302\u0323",
        "می\u200cخواهم",
        EMOJI,
        f"認証コードは 482913 です。\n\n{WEBOTP}",
    ],
)
def test_a_text_that_needs_nothing_stays_as_it_is_even_beside_one_that_does(text: str) -> None:
    assert normalise(text) == Normalised(text, [])
    assert normalise(f"{text}\nか{DAKUTEN}").text == f"{text}\nが"


def test_no_compatibility_ideograph_is_rewritten() -> None:
    names = "".join(map(chr, [*range(0xF900, 0xFB00), *range(0x2F800, 0x2FA20)]))
    assert normalise(f"か{DAKUTEN}{names}").text == f"が{names}"


def test_each_kana_and_latin_letter_that_unicode_has_composed_is_composed() -> None:
    ranges = [range(0xC0, 0x250), range(0x1E00, 0x1F00), range(0x3041, 0x3100)]
    letters = [chr(n) for part in ranges for n in part if unicodedata.decomposition(chr(n))[:1] not in ("", "<")]
    assert len(letters) > 500
    for letter in letters:
        assert normalise(f"1{unicodedata.normalize('NFD', letter)}2").text == f"1{letter}2"


@pytest.mark.parametrize(
    ("text", "position", "named"),
    [
        ("お届け\ud83c", 3, "U+D83C"),
        ("\udf70です", 0, "U+DF70"),
        ("残高\0", 2, "U+0000"),
        ("a\x1be", 1, "U+001B"),
        ("\f", 0, "U+000C"),
        ("a\x7f", 1, "U+007F"),
        ("a\x80\x85", 1, "U+0080"),
        ("銀行\ue000", 2, "U+E000"),
        ("🍰\U0010fffd", 1, "U+10FFFD"),
        ("a\ufdd0", 1, "U+FDD0"),
        ("a\U0001ffff", 1, "U+1FFFF"),
        ("https://example.com/\u202egnp.exe", 20, "U+202E"),
        ("a\u200b\u2066b\u2069", 2, "U+2066"),
        (f"\te\u3099{ACUTE * 20}\0", 2, "U+3099"),
        (f"a\0e{ACUTE * 20}", 1, "U+0000"),
        (f"か\n{WEBOTP}\u202e", 36, "U+202E"),
    ],
)
def test_what_is_refused_is_named_with_its_position(text: str, position: int, named: str) -> None:
    with pytest.raises(TextError) as caught:
        normalise(text)
    assert caught.value.code == "bad_text"
    assert str(caught.value).startswith(f"{named} at position {position} ")


def test_each_code_point_to_be_refused_is_and_no_other() -> None:
    bound = [*range(0x10000), *(n for top in range(0x1FF00, 0x110000, 0x10000) for n in range(top, top + 0x100))]
    for character in map(chr, bound):
        private = unicodedata.category(character) == "Co"
        assert (not accepted(f"あ{character}あ").text) is (
            private or character in REFUSED or "\ud800" <= character < "\ue000"
        )


@given(ANY_TEXT, st.sampled_from(REFUSED), ANY_TEXT)
def test_the_first_of_several_faults_is_the_one_named(before: str, fault: str, after: str) -> None:
    before = accepted(before).text
    with pytest.raises(TextError, match=rf"^{code_point(fault).replace('+', '.')} at position {len(before)} "):
        normalise(before + fault + after)


def test_a_run_of_too_many_marks_of_any_script_is_refused() -> None:
    for mark in MARKS:
        assert accepted("字" + mark * MAX_MARKS).text == "字" + mark * MAX_MARKS
        with pytest.raises(TextError, match=f"at position 1 .*more than {MAX_MARKS}"):
            normalise("字" + mark * (MAX_MARKS + 1))


@pytest.mark.parametrize("between", ["", *INVISIBLE, "\ufe0f", "\U000e0100", "\u200d", "\u200b\ufe0f"])
def test_nothing_invisible_hides_that_a_run_of_marks_is_one(between: str) -> None:
    with pytest.raises(TextError, match=r"^U\+0323 at position 2 begins"):
        normalise("字か" + "\u0323" + (between + ACUTE) * MAX_MARKS)


def test_selectors_and_tags_are_no_marks_and_marks_of_two_letters_no_run() -> None:
    for selectors in ("\ufe0f" * 40, "\U000e0100" * 40, "\U000e0067" * 40):
        assert normalise("字" + selectors).text == "字" + selectors
        assert normalise("字" + selectors + ACUTE * MAX_MARKS).text == "字" + selectors + ACUTE * MAX_MARKS
    assert normalise(("字" + ACUTE * MAX_MARKS) * 2).text == ("字" + ACUTE * MAX_MARKS) * 2


@pytest.mark.parametrize(
    ("folds", "given_text", "expected", "warnings"),
    [
        ({Fold.TO_WAVE_DASH}, "9～10～〜", "9〜10〜〜", ["replaced U+FF5E by U+301C (2, first at 1)"]),
        ({Fold.TO_FULLWIDTH_TILDE}, "9〜10～", "9～10～", ["replaced U+301C by U+FF5E (1, first at 1)"]),
        ({Fold.TO_MINUS_SIGN}, "03－0−0", "03−0−0", ["replaced U+FF0D by U+2212 (1, first at 2)"]),
        ({Fold.TO_FULLWIDTH_HYPHEN}, "03－0−0", "03－0－0", ["replaced U+2212 by U+FF0D (1, first at 4)"]),
        ({Fold.DASHES}, "a–b—c\u2011d", "a-b―c-d", [
            "replaced U+2014 by U+2015 (1, first at 3)",
            "replaced U+2013 by U+002D (1, first at 1)",
            "replaced U+2011 by U+002D (1, first at 5)",
        ]),
        ({Fold.YEN}, "￥12,800 at AOBA, ￥5", "¥12,800 at AOBA, ¥5", ["replaced U+FFE5 by U+00A5 (2, first at 0)"]),
        ({Fold.YEN}, "￥12,800のお支払い", "￥12,800のお支払い", []),
        ({Fold.YEN}, "￥5–6", "￥5–6", []),
        ({Fold.YEN, Fold.DASHES}, "\u200b￥5–6", "¥5-6", [
            "removed U+200B (1, first at 0)",
            "replaced U+2013 by U+002D (1, first at 3)",
            "replaced U+FFE5 by U+00A5 (1, first at 1)",
        ]),
        ({Fold.YEN}, "￥5\n@a.example #￥", "￥5\n@a.example #￥", []),
        ({Fold.YEN}, "￥5\n@a.example #1", "¥5\n@a.example #1", ["replaced U+FFE5 by U+00A5 (1, first at 0)"]),
        (TILDES, "～〜", "～～", ["replaced U+301C by U+FF5E (1, first at 1)"]),
        (TILDES, "〜", "～", ["replaced U+301C by U+FF5E (1, first at 0)"]),
        (set(), "～〜－−—–￥5", "～〜－−—–￥5", []),
    ],
)  # fmt: skip
def test_only_the_folds_asked_for_are_made(
    folds: set[Fold], given_text: str, expected: str, warnings: list[str]
) -> None:
    assert normalise(given_text, frozenset(folds)) == Normalised(expected, warnings)
    assert fold(expected, frozenset(folds)) == expected


@given(ANY_TEXT, FOLDS)
def test_what_is_normalised_needs_nothing_more(text: str, folds: frozenset[Fold]) -> None:
    once = accepted(text, folds).text
    assert normalise(once, folds) == Normalised(once, [])
    assert fold(once, folds) == once


@given(ANY_TEXT | GSM_TEXT, FOLDS)
def test_folding_twice_is_folding_once_and_changes_nothing_but_the_characters_named(
    text: str, folds: frozenset[Fold]
) -> None:
    folded = fold(text, folds)
    assert fold(folded, folds) == folded
    assert len(folded) == len(text)
    changed = {(before, after) for before, after in zip(text, folded, strict=True) if before != after}
    assert changed <= set(zip("～〜－−—–\u2011￥", "〜～−－―--¥", strict=True))


@given(GSM_TEXT | ANY_TEXT)
def test_the_yen_sign_is_folded_exactly_when_the_text_can_then_be_gsm7(text: str) -> None:
    folded = fold(text, frozenset({Fold.YEN}))
    assert folded == (text.replace("￥", "¥") if gsm7.fits(text.replace("￥", "¥")) else text)


@given(ANY_TEXT)
def test_no_character_outside_the_documented_sets_is_touched(text: str) -> None:
    after = accepted(text).text
    before = text if after else ""
    kept = "".join(filter(is_left_alone, before.replace("\t", "")))
    assert "".join(filter(is_left_alone, after)).replace(" ", "") == kept.replace(" ", "")
    ends = before.replace("\r\n", "\n").translate(dict.fromkeys(map(ord, LINE_ENDS), "\n") | {9: " "})
    shown = ends.translate(dict.fromkeys(map(ord, INVISIBLE)))
    protected = after.translate(dict.fromkeys(map(ord, INVISIBLE))).replace("\t", " ")
    assert unicodedata.normalize("NFD", protected) == unicodedata.normalize("NFD", shown)


@given(ANY_TEXT, st.sampled_from([*LINE_ENDS, "\r\n"]), LINE, LINE, FOLDS)
def test_the_last_line_of_a_one_time_code_reaches_the_handset_byte_for_byte(
    body: str, end: str, host: str, rest: str, folds: frozenset[Fold]
) -> None:
    last_line = f"@a{''.join(host.split())}{INVISIBLE}か{DAKUTEN} #e{ACUTE}～—￥{rest}"
    whole = accepted(body + end + last_line, folds)
    assert not whole.text or whole.text == accepted(body + end, folds - {Fold.YEN}).text + last_line
    assert normalise(last_line, folds) == Normalised(last_line, [])
    assert fold(body + end + last_line, folds).endswith(end + last_line)


@pytest.mark.parametrize(
    "last_line",
    [
        "@host",
        "@host  #1",
        "@host # 1",
        "a@host #1",
        " @host #1",
        "@ho st #1",
        "@host #1\n",
        "@host #1\r\nx",
        "@host #1\rx",
        "@host #1\x85x",
        "@host #1\u2028x",
        "@host #1\u2029x",
    ],
)
def test_a_line_that_is_not_a_one_time_code_is_normalised_like_any_other(last_line: str) -> None:
    expected = "\n".join(["ab", *f"{last_line}が".splitlines()])
    assert normalise(f"ab\u200b\n{last_line}か{DAKUTEN}").text == expected


@given(ANY_TEXT.filter(lambda text: "#" not in text))
def test_each_removed_character_is_counted_and_placed(text: str) -> None:
    warnings = accepted(text).warnings
    for character in set(text) & set(INVISIBLE) if warnings else ():
        assert (
            f"removed {code_point(character)} ({text.count(character)}, first at {text.index(character)})" in warnings
        )


def test_there_are_only_so_many_warnings_and_the_last_counts_the_rest() -> None:
    kana = [chr(n) for n in range(0x3041, 0x3100) if len(unicodedata.normalize("NFC", chr(n) + DAKUTEN)) == 1]
    warnings = normalise(DAKUTEN.join([*kana, ""])).warnings
    assert len(warnings) == MAX_WARNINGS + 1
    assert warnings[0] == "composed U+3046 U+3099 to U+3094 (1, first at 0)"
    assert warnings[-1] == f"... and {len(kana) - MAX_WARNINGS} more"
    assert len(normalise(DAKUTEN.join([*kana[:MAX_WARNINGS], ""])).warnings) == MAX_WARNINGS
    assert normalise(DAKUTEN.join([*kana[: MAX_WARNINGS + 1], ""])).warnings[-1] == "... and 1 more"


def test_neither_repr_nor_the_next_text_shows_what_was_in_this_one() -> None:
    assert "山田" not in repr(normalise("山田様\t"))
    normalise("山田様").warnings.append("mine")
    assert normalise("山田様").warnings == []


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ("", []),
        ("Your code is 482913. {€}", []),
        ("Please don\u2019t share", ["sent as ucs2 because of U+2019 (1, first at 10)"]),
        ("breakfast\xa0is", ["sent as ucs2 because of U+00A0 (1, first at 9)"]),
        ("served\xa07–10, \u201cor\u201d–", []),
        ("\u201cor\u201d 7–10–", [
            "sent as ucs2 because of U+201C (1, first at 0)",
            "sent as ucs2 because of U+201D (1, first at 3)",
            "sent as ucs2 because of U+2013 (2, first at 6)",
        ]),
        ("a purchase of ￥12,800…", [
            "sent as ucs2 because of U+FFE5 (1, first at 14)",
            "sent as ucs2 because of U+2026 (1, first at 21)",
        ]),
        ("Name: Š", []),
        ("a \ud83c", []),
        ("Name: 山", []),
        ("10:00〜", ["sent as ucs2 because of U+301C (1, first at 5)"]),
        ("本日10:00〜", []),
    ],
)  # fmt: skip
def test_the_few_signs_that_forced_ucs2_are_named(text: str, warnings: list[str]) -> None:
    assert explain_coding(text) == warnings


@given(ANY_TEXT | st.text(st.sampled_from("ab\u2019\xa0–•…￥€日")))
def test_without_the_characters_named_the_text_would_be_gsm7(text: str) -> None:
    named = {chr(int(warning.split()[5][2:], 16)) for warning in explain_coding(text)}
    others = "".join(character for character in text if character not in named)
    assert not named or gsm7.fits(others)
    assert not any(map(gsm7.fits, named))
    assert not any(map(str.isalnum, named))
