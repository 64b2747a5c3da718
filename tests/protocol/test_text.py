"""Cuts and what goes on the wire, against rules written here a second time and against hand-made Japanese cases."""

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
import regex  # type: ignore[import-untyped]  # ships no type hints
from hypothesis import assume, example, given
from hypothesis import strategies as st

from protocol import alphabets
from protocol.constants import DATA_CODINGS, ROOM, Coding, Concatenation, EsmClass, Fold, Tag
from protocol.errors import TextError
from protocol.gsm7 import fits
from protocol.joining import Joiner, read_sar, split_udh
from protocol.normalise import fold, normalise
from protocol.text import Cut, Profile, UserData, _cut_characters, _cut_units, coding_of, cut, decode_body, user_data

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "cases" / "japanese.json").read_text("utf-8"))[
    "cases"
]
PROFILES = {
    "udh8": Profile(max_parts=255),
    "udh16": Profile(concatenation=Concatenation.UDH16, part_units=66, part_septets=152, max_parts=255),
}
CLUSTERS = [
    "あ",
    "漢",
    "a",
    "か\u3099",
    "ﾊﾞ",
    "葛\U000e0100",
    "𠮷",
    "👩🏽",
    "🇯🇵",
    "1\ufe0f\u20e3",
    "👨\u200d👩\u200d👧\u200d👦",
    "\r\n",
]
CLUSTERS += ["\u200d", "\u0600", "क\u094dष", "각"]
UCS2_TEXT = st.text(min_size=71, max_size=160) | st.lists(st.sampled_from(CLUSTERS), min_size=40, max_size=90).map(
    "".join
)
GSM_TEXT = st.lists(st.sampled_from(["a", "é", "Ω", "[", "€", "\r\n", "\f", "@"]), min_size=60, max_size=400).map(
    "".join
)
JAPANESE_TEXT = st.text(st.sampled_from("電報ｱﾞ、ーあン〜～−ab1\n①髙"), min_size=60, max_size=300)
TEXT = UCS2_TEXT | GSM_TEXT | JAPANESE_TEXT | st.text()
CODED: dict[Coding, dict[int, Coding]] = {
    coding: {number: other for number, other in DATA_CODINGS.items() if other is not coding}
    | {0x08 if coding is Coding.UCS2 else 0x04: coding}
    for coding in Coding
    if coding is not Coding.AUTO
}
"""For each coding a table in which it has a number of its own."""
TIGHT = st.builds(
    Profile,
    concatenation=st.sampled_from(Concatenation),
    part_units=st.integers(2, 67),
    part_septets=st.integers(2, 153),
    max_parts=st.just(255),
)
LETTERS = {
    Coding.GSM7: "aé€[\n",
    Coding.GSM7_PACKED: "aé€[\n",
    Coding.ASCII: "ab\n",
    Coding.LATIN1: "aéÿ",
    Coding.UCS2: "電a🙂か\u309a",
    Coding.SHIFT_JIS: "電aｱﾞ",
    Coding.CP932: "髙①aｱﾞ",
    Coding.EUC_JP: "電a丂ｱﾞ",
    Coding.JIS_X_0208: "電あ",
    Coding.ISO_2022_JP: "電報ab\n",
    Coding.JIS_X_0212: "丂丄丅",
}


def fixed(coding: Coding) -> st.SearchStrategy[tuple[str, Profile]]:
    """Texts that a coding can write, and profiles that want it."""
    profile = st.builds(
        lambda form, room: Profile(coding, form, room, room, room, 255, CODED[coding]),
        st.sampled_from([form for form in Concatenation if form is not Concatenation.LARGE]),
        st.integers(10, 153),
    )
    words = st.text(st.sampled_from(LETTERS[coding]), min_size=1, max_size=20)
    return st.tuples(st.builds(lambda word, times: word * times, words, st.integers(1, 60)), profile)


FIXED = st.sampled_from(sorted(CODED)).flatmap(fixed)
BEHIND_0 = st.builds(
    lambda narrow, folds: Profile(data_codings={**DATA_CODINGS, 0: narrow}, folds=folds, max_parts=255),
    st.sampled_from([Coding.GSM7, Coding.GSM7_PACKED, Coding.ASCII, Coding.LATIN1]),
    st.sampled_from([frozenset(), frozenset({Fold.TO_WAVE_DASH, Fold.YEN}), frozenset({Fold.DASHES})]),
)
ANY = FIXED | st.tuples(TEXT, TIGHT | BEHIND_0)


def size(text: str, coding: Coding) -> int:
    """Count septets or UTF-16 units, character by character."""
    if coding is Coding.GSM7:
        return sum(2 if character in "\f^{}\\[~]|€" else 1 for character in text)
    return sum(2 if ord(character) > 0xFFFF else 1 for character in text)


def atoms(text: str, coding: Coding, room: int) -> list[str]:
    """Split a text into what may not be cut: clusters, or code points where a cluster fills more than a part."""
    found: list[str] = []
    for cluster in regex.findall(r"\X", text):
        found += [cluster] if size(cluster, coding) <= room else cluster
    return found


def fewest(sizes: list[int], room: int) -> int:
    """Find the least number of parts by trying every first part."""

    @cache
    def after(start: int) -> int:
        if start == len(sizes):
            return 0
        filled, best = 0, len(sizes)
        for end in range(start, len(sizes)):
            filled += sizes[end]
            if filled > room:
                break
            best = min(best, 1 + after(end + 1))
        return best

    for start in range(len(sizes), -1, -1):  # from the end, so that no call goes deep
        after(start)
    return after(0)


def read(part: UserData, profile: Profile) -> tuple[Any, bytes]:
    """Read one part as a handset would: what it belongs to, and its body."""
    concat, body = split_udh(part.short_message, part.esm_class)
    header = len(part.short_message) - len(body)
    octets = body or dict(part.tlvs).get(Tag.MESSAGE_PAYLOAD, b"")
    return concat or read_sar(part.tlvs), alphabets.unwrap(octets, profile.data_codings[part.data_coding], header)


def joined(parts: list[UserData], profile: Profile) -> str | None:
    """Join parts as a handset would, in the order they come."""
    joiner: Joiner[bytes] = Joiner(timeout=60.0, max_open=1)
    whole = None
    for part in parts:
        concat, body = read(part, profile)
        whole = [body] if concat is None else joiner.add("handset", concat, body, 0.0)
    assert whole is not None
    return decode_body(b"".join(whole), parts[0].data_coding, profile.data_codings)


@pytest.mark.parametrize("form", PROFILES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_japanese_case_is_cut_as_counted_by_hand(case: dict[str, Any], form: str) -> None:
    expected = case["expected"][form]
    made = cut(case["text"], PROFILES[form])
    encoding = "utf-16-be" if made.coding is Coding.UCS2 else None
    texts = [piece.decode(encoding) if encoding else decode_body(piece, 0) or "" for piece in made.pieces]
    assert made.coding == case["encoding"]
    assert made.units == (case["gsm7_septets"] or case["utf16_units"])
    assert len(texts) == expected["count"]
    assert [size(text, made.coding) for text in texts] == expected["part_sizes"]
    assert [text[-len(end) :] for text, end in zip(texts, expected["part_ends"], strict=True)] == expected["part_ends"]


@given(ANY, st.integers(0, 0xFFFF), st.randoms(use_true_random=False))
def test_parts_sent_in_any_order_join_to_the_text(case: tuple[str, Profile], reference: int, dice: Random) -> None:
    text, profile = case
    made = cut_or_skip(text, profile)
    parts = [user_data(made, n, reference, profile) for n in range(1, len(made.pieces) + 1)]
    dice.shuffle(parts)
    assert joined(parts, profile) == fold(text, profile.folds)


@given(ANY)
def test_what_is_normalised_and_cut_joins_to_what_was_normalised(case: tuple[str, Profile]) -> None:
    text, profile = case
    try:
        plain = normalise(text).text
    except TextError as refused:
        assert refused.code == "bad_text"  # noqa: PT017  # no other refusal is owed to it
        return
    made = cut_or_skip(plain, profile)
    parts = [user_data(made, n, 1, profile) for n in range(1, len(made.pieces) + 1)]
    assert joined(parts, profile) == normalise(text, profile.folds).text


@given(ANY)
def test_each_part_alone_is_a_text_and_together_they_are_the_whole(case: tuple[str, Profile]) -> None:
    text, profile = case
    made = cut_or_skip(text, profile)
    alone = []
    for n in range(1, len(made.pieces) + 1):
        part = user_data(made, n, 1, profile)
        alone.append(decode_body(read(part, profile)[1], part.data_coding, profile.data_codings))
    assert "".join(piece or "?" for piece in alone) == fold(text, profile.folds)


@given(FIXED)
def test_no_part_is_longer_than_its_room_whatever_the_coding(case: tuple[str, Profile]) -> None:
    text, profile = case
    made = cut_or_skip(text, profile)
    assume(len(made.pieces) > 1)
    width = 2 if made.coding is Coding.UCS2 else 1
    assert max(len(piece) for piece in made.pieces) <= profile.room(made.coding) * width
    for n in range(1, len(made.pieces) + 1):
        assert len(user_data(made, n, 1, profile).short_message) <= (140 if width == 2 else 160)


@given(TEXT, TIGHT)
def test_each_part_is_within_its_limit_and_can_be_read_alone(text: str, profile: Profile) -> None:
    made = cut_or_skip(text, profile)
    payload = profile.concatenation is Concatenation.PAYLOAD
    large = profile.concatenation is Concatenation.LARGE
    limit = 0xFFFF if payload else 254 if large else 160 if made.coding is Coding.GSM7 else 140
    room = profile.room(made.coding) * (1 if made.coding is Coding.GSM7 else 2)
    for n, piece in enumerate(made.pieces, 1):
        part = user_data(made, n, 1, profile)
        assert len(part.short_message) <= limit
        assert payload or len(made.pieces) == 1 or len(piece) <= room
        assert decode_body(piece, part.data_coding) is not None
        assert piece
        assert piece[-1] != 0x1B or made.coding is Coding.UCS2


@given(UCS2_TEXT | GSM_TEXT, TIGHT)
@example("あ" * 60 + "👨\u200d👩\u200d👧\u200d👦" + "あ" * 10, Profile())
@example("a" + "\u0301" * 80, Profile())
@example("あ" * 66 + "a" + "\u0301" * 80, Profile())
@example("🇯🇵" * 40, Profile(part_units=66))
def test_parts_are_the_fewest_that_cut_no_cluster(text: str, profile: Profile) -> None:
    made = cut_or_skip(text, profile)
    assume(len(made.pieces) > 1)
    room = profile.room(made.coding)
    whole = atoms(text, made.coding, room)
    cuts, at = {0}, 0
    for atom in whole:
        cuts.add(at := at + len(atom))
    at = 0
    for piece in made.pieces:
        at += len(decode_body(piece, 0 if made.coding is Coding.GSM7 else 8) or "")
        assert at in cuts
    assert len(made.pieces) == fewest([size(atom, made.coding) for atom in whole], room)


@given(TEXT, st.integers(2, 70))
@example("か\u3099" * 20, 3)
@example("あ" + "\u0600" * 9, 2)
def test_a_text_of_one_unit_a_character_is_cut_the_quick_way_as_the_long_one_does(written: str, room: int) -> None:
    plain = "".join(c for c in written if ord(c) < 0xD800 or 0xE000 <= ord(c) < 0x10000)
    assume(plain)
    assert list(_cut_characters(plain, plain.encode("utf-16-be"), room)) == list(_cut_units(plain, room))


@given(st.text())
def test_auto_takes_gsm7_when_it_can_and_a_fixed_coding_is_kept(text: str) -> None:
    assume(text.strip())
    profile = Profile(max_parts=255)
    assert cut(text, profile).coding is (Coding.GSM7 if fits(text) else Coding.UCS2)
    assert cut(text, Profile(coding=Coding.UCS2, max_parts=255)).coding is Coding.UCS2


@pytest.mark.parametrize("text", ["", " ", "\u3000", " \n\t\u3000\r\n"])
def test_a_text_of_white_space_is_empty(text: str) -> None:
    assert refusal(text, Profile())[0] == "empty_text"


@pytest.mark.parametrize("coding", [Coding.AUTO, Coding.UCS2])
def test_a_lone_surrogate_is_refused_with_its_position(coding: Coding) -> None:
    code, reason = refusal("あ\ud83cい", Profile(coding=coding))
    assert code == "bad_text"
    assert "U+D83C at position 1" in reason
    assert "い" not in reason


def test_a_character_outside_a_fixed_gsm7_is_refused_with_its_position() -> None:
    code, reason = refusal("ab漢", Profile(coding=Coding.GSM7))
    assert code == "charset"
    assert "U+6F22 at position 2" in reason


@pytest.mark.parametrize(
    ("text", "profile", "counts"),
    [
        ("あ" * 671, Profile(), (11, 10)),
        ("あ" * 661, Profile(concatenation=Concatenation.UDH16), (11, 10)),
        ("a" * 154 * 2, Profile(max_parts=2), (3, 2)),
        ("あ" * 66 + "🇯🇵" + "あ" * 64, Profile(max_parts=2), (3, 2)),  # two parts if flags could be cut
    ],
)
def test_a_text_of_too_many_parts_is_refused_with_both_counts(
    text: str, profile: Profile, counts: tuple[int, int]
) -> None:
    code, reason = refusal(text, profile)
    assert code == "too_long"
    assert f"{counts[0]} parts or more are needed, {counts[1]} are allowed" in reason


def test_a_payload_is_one_piece_up_to_what_its_length_can_say() -> None:
    profile = Profile(concatenation=Concatenation.PAYLOAD)
    assert cut("a" * 0xFFFF, profile).pieces == (b"a" * 0xFFFF,)
    assert refusal("a" * 0x10000, profile)[0] == "too_long"


@pytest.mark.parametrize(("text", "pieces"), [("a" * 160, 1), ("a" * 161, 2), ("あ" * 70, 1), ("あ" * 71, 2)])
def test_a_single_message_holds_160_septets_or_70_units(text: str, pieces: int) -> None:
    assert len(cut(text, Profile()).pieces) == pieces


@pytest.mark.parametrize("concatenation", Concatenation)
def test_a_part_has_what_its_header_leaves_even_when_the_profile_asks_for_more(concatenation: Concatenation) -> None:
    greedy = Profile(concatenation=concatenation, part_units=500, part_septets=500, part_octets=500)
    for profile in (greedy, Profile(concatenation=concatenation)):
        assert tuple(map(profile.room, (Coding.UCS2, Coding.GSM7, Coding.LATIN1))) == ROOM[concatenation]
    modest = Profile(concatenation=concatenation, part_units=2, part_septets=3, part_octets=4)
    assert tuple(map(modest.room, (Coding.UCS2, Coding.ASCII, Coding.CP932))) == (2, 3, 4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"part_units": 1},
        {"part_septets": -1},
        {"part_octets": 1},
        {"max_parts": 256},
        {"max_parts": 0},
        {"data_codings": {0: Coding.GSM7}},
        {"data_codings": {8: Coding.UCS2}, "coding": Coding.CP932},
    ],
)
def test_a_profile_that_makes_no_sense_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Profile(**wrong)


def test_of_several_numbers_for_a_coding_the_last_is_written() -> None:
    profile = Profile(data_codings={**DATA_CODINGS, 0xF1: Coding.GSM7})
    assert user_data(cut("hello", profile), 1, 0, profile).data_coding == 0xF1
    assert decode_body(b"hello", 0, profile.data_codings) == "hello"


@pytest.mark.parametrize(
    ("narrow", "text", "coding"),
    [
        (Coding.GSM7, "Ω", Coding.GSM7),
        (Coding.LATIN1, "ÿ", Coding.LATIN1),
        (Coding.LATIN1, "Ω", Coding.UCS2),
        (Coding.ASCII, "é", Coding.UCS2),
        (Coding.GSM7_PACKED, "€", Coding.GSM7_PACKED),
    ],
)
def test_auto_takes_the_alphabet_behind_data_coding_0(narrow: Coding, text: str, coding: Coding) -> None:
    profile = Profile(data_codings={**DATA_CODINGS, 0: narrow})
    assert cut(text, profile).coding is coding


def test_auto_is_ucs2_for_all_when_nobody_knows_what_data_coding_0_is() -> None:
    assert cut("hello", Profile(data_codings={8: Coding.UCS2})).coding is Coding.UCS2


@pytest.mark.parametrize(("text", "octets"), [("a" * 160, 140), ("a" * 161, 6 + 134)])
def test_packed_septets_fill_140_octets_header_included(text: str, octets: int) -> None:
    profile = Profile(coding=Coding.GSM7_PACKED, data_codings=CODED[Coding.GSM7_PACKED])
    assert len(user_data(cut(text, profile), 1, 1, profile).short_message) == octets


def test_a_stateful_coding_begins_and_ends_every_part_in_ascii() -> None:
    profile = Profile(coding=Coding.ISO_2022_JP)
    made = cut("電報" * 60, profile)
    assert len(made.pieces) == 2
    for piece in made.pieces:
        assert (piece[:3], piece[-3:]) == (b"\x1b$B", b"\x1b(B")
        assert len(piece) <= 134


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("髙" * 70, True),
        ("あ🙂", False),
        ("𠮷", False),
        ("🙂" * 35, False),
        ("あ" * 70 + "🙂", True),
        ("🙂" * 36, True),
    ],
)
def test_only_short_texts_are_held_to_the_short_charset(text: str, taken: bool) -> None:
    profile = Profile(short_charset=Coding.CP932)
    if taken:
        assert cut(text, profile).coding is Coding.UCS2
    else:
        code, reason = refusal(text, profile)
        assert code == "charset"
        assert "up to 70 units is taken in cp932 only: U+" in reason


def test_a_cluster_longer_than_a_part_is_cut_between_code_points_in_any_coding() -> None:
    profile = Profile(Coding.SHIFT_JIS, part_octets=10, max_parts=255)
    made = cut("あ" + "ｶ" + "ﾞ" * 150, profile)
    assert [len(piece) for piece in made.pieces] == [2, *[10] * 15, 1]
    assert decode_body(b"".join(made.pieces), 9) == "あ" + "ｶ" + "ﾞ" * 150


def test_folds_are_made_before_the_coding_is_chosen() -> None:
    profile = Profile(folds=frozenset({Fold.YEN}))
    assert cut("￥100", profile) == Cut(Coding.GSM7, 4, (b"\x03100",))
    assert cut("￥100円", profile).coding is Coding.UCS2


@pytest.mark.parametrize(
    ("text", "fits_in"), [("あ" * 127, True), ("あ" * 128, False), ("a" * 254, True), ("a" * 255, False)]
)
def test_a_large_short_message_is_one_piece_of_254_octets_at_most(text: str, fits_in: bool) -> None:
    profile = Profile(concatenation=Concatenation.LARGE)
    if fits_in:
        made = cut(text, profile)
        user = user_data(made, 1, 7, profile)
        assert (user.short_message, user.esm_class, user.tlvs) == (made.pieces[0], 0, ())
    else:
        assert refusal(text, profile)[0] == "too_long"


@pytest.mark.parametrize("concatenation", Concatenation)
@pytest.mark.parametrize(("text", "data_coding"), [("hello" * 30, 0), ("電報", 8)])
def test_a_single_message_has_no_header_in_any_form(concatenation: Concatenation, text: str, data_coding: int) -> None:
    profile = Profile(concatenation=concatenation)
    made = cut(text, profile)
    assert user_data(made, 1, 7, profile) == UserData(made.pieces[0], 0, data_coding)


@pytest.mark.parametrize(
    ("concatenation", "short_message", "esm_class", "tlvs"),
    [
        (Concatenation.UDH8, bytes.fromhex("050003cd0202"), EsmClass.UDHI, ()),
        (Concatenation.UDH16, bytes.fromhex("060804abcd0202"), EsmClass.UDHI, ()),
        (Concatenation.SAR, b"", 0, ((0x020C, b"\xab\xcd"), (0x020E, b"\x02"), (0x020F, b"\x02"))),
    ],
)
def test_the_last_of_two_parts_says_so_in_each_form(
    concatenation: Concatenation, short_message: bytes, esm_class: int, tlvs: tuple[tuple[int, bytes], ...]
) -> None:
    profile = Profile(concatenation=concatenation)
    made = cut("あ" * 71, profile)
    assert user_data(made, 2, 0x1ABCD, profile) == UserData(short_message + made.pieces[1], esm_class, 8, tlvs)


def test_a_long_payload_leaves_short_message_empty() -> None:
    profile = Profile(concatenation=Concatenation.PAYLOAD)
    made = cut("あ" * 71, profile)
    assert user_data(made, 1, 7, profile) == UserData(b"", 0, 8, ((0x0424, made.pieces[0]),))


@pytest.mark.parametrize("n", [0, 2])
def test_a_part_that_is_not_there_cannot_be_built(n: int) -> None:
    with pytest.raises(ValueError, match="of 1"):
        user_data(cut("hello", Profile()), n, 1, Profile())


def test_neither_a_cut_nor_its_user_data_shows_the_text() -> None:
    profile = Profile(concatenation=Concatenation.PAYLOAD)
    for text in ("secret", "secret" * 40):
        made = cut(text, profile)
        assert "secret" not in repr(made) + repr(user_data(made, 1, 1, profile))


@pytest.mark.parametrize(
    ("octets", "data_coding", "text"),
    [
        (b"\x00\x1b\x65", 0, "@€"),
        (b"@", 1, "@"),
        (b"\xe9", 1, None),
        (b"\xe9", 3, "é"),
        ("電報🙂".encode("utf-16-be"), 8, "電報🙂"),
        (b"\x30", 8, None),
        (b"\xd8\x3c\x00\x41", 8, None),
        (b"abc", 2, None),
        (b"abc", 4, None),
        (b'$"', 5, "あ"),
        ("電報".encode("shift_jis"), 9, "電報"),
        (b'\x1b$B$"\x1b(B', 10, "あ"),
        (b"abc", 0xF1, "abc"),
        (b"abc", 0xF5, None),
        (b"abc", 0xC8, "abc"),
        (b"\x30\x42", 0xE0, "あ"),
        (b"abc", 0x10, "abc"),
        (b"abc", 0x14, None),
        (b"\x30\x42", 0x18, "あ"),
        (b"abc", 0x1C, None),
        (b"abc", 0x0E, None),
        (b"abc", 0xBF, None),
    ],
)
def test_a_body_is_decoded_by_its_data_coding_or_not_at_all(octets: bytes, data_coding: int, text: str | None) -> None:
    assert decode_body(octets, data_coding) == text


def test_a_carriers_table_goes_before_the_groups_of_gsm() -> None:
    assert coding_of(0xF1, {0xF1: Coding.CP932}) is Coding.CP932
    assert coding_of(0xF1, {0x00: Coding.LATIN1}) is Coding.LATIN1
    assert coding_of(0xF1, {}) is None


@given(st.binary(), st.integers(0, 255))
def test_no_body_is_too_broken_to_be_looked_at(octets: bytes, data_coding: int) -> None:
    decode_body(octets, data_coding)


def cut_or_skip(text: str, profile: Profile) -> Cut:
    """Cut a text; tell hypothesis to take another when it needs more parts than a total can count."""
    assume(text.strip())
    try:
        return cut(text, profile)
    except TextError as error:
        owed = {"too_long"} if profile.coding in (Coding.AUTO, Coding.UCS2) else {"too_long", "charset"}
        assert error.code in owed  # noqa: PT017  # no other refusal is owed to such a text
        assume(False)
        raise


def refusal(text: str, profile: Profile) -> tuple[str, str]:
    """Cut a text that must be refused, and return the code and the reason."""
    with pytest.raises(TextError) as caught:
        cut(text, profile)
    return caught.value.code, str(caught.value)
