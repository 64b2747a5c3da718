"""Invariant: `normalise` and `cut` raise nothing but TextError, whatever the text and the profile.

Each part fits its room and a submit_sm and is a text of its own; joined they are the text. What is normalised stays so.

An input is: two octets that choose the profile, and the text in UTF-16, lone surrogates included.
"""

import json
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Final

from protocol import alphabets
from protocol.codec import encode
from protocol.constants import DATA_CODINGS, Coding, Concatenation, Fold, Tag
from protocol.errors import TextError
from protocol.joining import Concat, read_sar, split_udh
from protocol.normalise import explain_coding, fold, normalise
from protocol.pdu import SubmitSm
from protocol.text import Profile, UserData, cut, decode_body, user_data
from tests.fuzz.attempts import Target

REFERENCE: Final = 0x1234
FOLDS: Final = (frozenset[Fold](), frozenset(Fold))
ROOMS: Final = (0, 10)
CASES: Final = Path(__file__).parents[1] / "cases" / "japanese.json"


def _profile(coding: Coding, concatenation: Concatenation, room: int, folds: frozenset[Fold]) -> Profile:
    numbers = {number: other for number, other in DATA_CODINGS.items() if other is not coding}
    numbers |= {} if coding is Coding.AUTO else {0x08 if coding is Coding.UCS2 else 0x04: coding}
    return Profile(coding, concatenation, room, room, room, 255, numbers, folds=folds)


PROFILES: Final = [_profile(*choice) for choice in product(Coding, Concatenation, ROOMS, FOLDS)] + [
    Profile(data_codings={**DATA_CODINGS, 0: narrow}, max_parts=255, short_charset=Coding.CP932)
    for narrow in (Coding.GSM7_PACKED, Coding.ASCII, Coding.LATIN1)
]


def check(octets: bytes) -> None:
    profile = PROFILES[int.from_bytes(octets[:2]) % len(PROFILES)]
    text = octets[2 : len(octets) & ~1].decode("utf-16-be", "surrogatepass")
    explain_coding(text)
    if "\r" not in text:  # packed, one that ends an octet comes back as two; normalising leaves none
        with suppress(TextError):
            check_cut(text, profile)
    if profile.coding is not Coding.AUTO:  # else hardly any mutation would be cut
        text = "".join(character for character in text if alphabets.fits(character, profile.coding))
    made = normalise(text, profile.folds)
    assert normalise(made.text, profile.folds).text == made.text
    check_cut(made.text, profile)


def check_cut(text: str, profile: Profile) -> None:
    made = cut(text, profile)
    parts = [user_data(made, n, REFERENCE, profile) for n in range(1, len(made.pieces) + 1)]
    wanted = fold(text, profile.folds)
    found = [read(part, profile) for part in parts]
    alone = [
        decode_body(body, part.data_coding, profile.data_codings) for part, (_, body) in zip(parts, found, strict=True)
    ]
    assert None not in alone
    assert "".join(piece or "" for piece in alone) == wanted
    assert decode_body(b"".join(body for _, body in found), parts[0].data_coding, profile.data_codings) == wanted
    if len(parts) > 1:
        room = profile.room(made.coding) * (2 if made.coding is Coding.UCS2 else 1)
        assert max(map(len, made.pieces)) <= room
        assert [(concat.number, concat.total) for concat, _ in found if concat] == [
            (n, len(parts)) for n in range(1, len(parts) + 1)
        ]


def read(part: UserData, profile: Profile) -> tuple[Concat | None, bytes]:
    """Read a part as a handset does, once it has been encoded as a PDU."""
    assert encode(SubmitSm(short_message=part.short_message, tlvs=part.tlvs), 1)
    concat, body = split_udh(part.short_message, part.esm_class)
    header = len(part.short_message) - len(body)
    octets = body or dict(part.tlvs).get(Tag.MESSAGE_PAYLOAD, b"")
    return concat or read_sar(part.tlvs), alphabets.unwrap(octets, profile.data_codings[part.data_coding], header)


def seeds() -> list[bytes]:
    """The texts of the Japanese cases, and for every profile some that it can write."""
    cases = [case["text"] for case in json.loads(CASES.read_text(encoding="utf-8"))["cases"]]
    words = ("aé€[\n", "電報ab。", "ｱﾞ髙①丂", "か\u3099👩🏽👨\u200d👩\u200d👧𠮷葛\U000e0100\r\n", "〜～−－—–￥\u200b\t")
    texts = [*cases, *(word * 50 for word in words), "ab\n\n@example.jp #123456", "\ud800", "a" + "\u0301" * 40]
    chosen = [(n, text) for n in range(len(PROFILES)) for text in (words[n % len(words)], words[n % 2] * 40)]
    chosen += [(n % len(PROFILES), text) for n, text in enumerate(texts)]
    return [n.to_bytes(2) + text.encode("utf-16-be", "surrogatepass") for n, text in chosen]


TARGET: Final = Target("text", check, (TextError,), seeds)
