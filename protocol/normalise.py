"""Texts as they are sent: what no handset should get is refused or removed, names and amounts stay as written.

Whole texts are never brought to a normal form of Unicode: NFC would rewrite the compatibility ideographs of people's
names (U+FA19 to U+795E), NFKC would turn U+2460 into a 1. Only what is listed here changes, and a warning tells it (but
for CR and CR LF):

    refused     lone surrogates, controls, private use, noncharacters, orders to change the direction, heaped up marks
    replaced    a tab by a space, each kind of line end by one LF
    removed     what is invisible and has no use in a message; not the joiners, nor the selectors of a variant
    composed    a kana or a Latin letter with the marks that follow it, where that takes fewer code points
    folded      only what the settings ask for

The last line of a one-time code for a web site, "@host #code", must reach the handset byte for byte: it may be refused,
but nothing in it is changed. What is normalised stays as it is when it is normalised again.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import regex  # type: ignore[import-untyped]  # ships no type hints

from protocol import gsm7
from protocol.constants import Fold
from protocol.errors import TextError

NO_FOLDS: Final[frozenset[Fold]] = frozenset()

MAX_MARKS: Final = 16
"""Combining marks allowed in one run: no script needs as many, and more would make a character longer than a part."""

MAX_WARNINGS: Final = 20
"""Warnings that name something; one more counts the rest."""

MAX_CULPRITS: Final = 3
"""How many different characters may be named as the ones that forced UCS-2."""

# Coarse, so that it is fast: all that is refused, replaced, removed or composed is in it, and so are whole blocks with
# marks in them. Beyond U+FFFF only emoji and the second plane are out of it, for each further range costs all texts.
_SUSPICIOUS: Final = re.compile(
    r"[\0-\x09\x0b-\x1f\x7f-\x9f\xad\u0300-\u036f\u0483-\u0489\u0591-\u1dff\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069"
    r"\u20d0-\u20ff\u2cef-\u2cf1\u2d7f-\u2dff\u302a-\u302f\u3099\u309a\ua66f-\uabff\ud800-\uf8ff\ufb1e\ufdd0-\ufdef"
    r"\ufe20-\ufe2f\ufeff\ufffe\uffff\U00010000-\U0001efff\U0001fb00-\U0001ffff\U0002fffe-\U0010ffff]"
)

_INVISIBLE: Final = r"\xad\u061c\u200b\u200e\u200f\u2060\ufeff"
_SELECTORS: Final = r"\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_REFUSED: Final = regex.compile(
    r"(?P<surrogate>\p{Cs})|(?P<private>\p{Co})|(?P<noncharacter>\p{Noncharacter_Code_Point})"
    r"|(?P<control>[\p{Cc}--[\t\n\r\x85]])"
    r"|(?P<direction>[\u202a-\u202e\u2066-\u2069])"
    # what will be removed must not hide that two runs are one; selectors and joiners neither count nor end a run
    rf"|(?P<marks>(?:[[\p{{Mn}}\p{{Me}}]--[{_SELECTORS}]][{_INVISIBLE}{_SELECTORS}\u200c\u200d]*+){{{MAX_MARKS + 1}}})",
    regex.VERSION1,
)
_REASONS: Final = {
    "surrogate": "is a lone surrogate; send the pair it was cut from",
    "private": "is for private use; no handset is sure to have it",
    "noncharacter": "is not a character",
    "control": "is a control character",
    "direction": "changes the direction of the text, so that it reads as something else",
    "marks": f"begins a run of more than {MAX_MARKS} combining marks",
}

_LATIN: Final = r"A-Za-z\xc0-\xd6\xd8-\xf6\xf8-\u02af\u1e00-\u1eff"
_UNCLEAN: Final = re.compile(
    rf"[{_LATIN}](?:[{_INVISIBLE}]*[\u0300-\u036f])+"
    rf"|[\u3041-\u30ff][{_INVISIBLE}]*[\u3099\u309a]"
    rf"|[{_INVISIBLE}]|\t|\r\n?|[\x85\u2028\u2029]"
)
_REMOVED: Final = re.compile(f"[{_INVISIBLE}]")
_REPLACED: Final = {
    "\r": ("\n", ""),
    "\r\n": ("\n", ""),
    "\t": (" ", "replaced a tab by a space"),
    "\x85": ("\n", "replaced U+0085 by U+000A"),
    "\u2028": ("\n", "replaced U+2028 by U+000A"),
    "\u2029": ("\n", "replaced U+2029 by U+000A"),
}

# "@" comes first to be searched for quickly; before it is a line end or nothing (WICG sms-one-time-codes)
_WEBOTP: Final = re.compile(r"@(?<![^\n\r\x85\u2028\u2029]@)\S+ #\S[^\n\r\x85\u2028\u2029]*\Z")

_FULLWIDTH_YEN: Final = "\uffe5"
_FOLDED: Final = (  # in this order, so that even a fold and its opposite settle
    (Fold.TO_WAVE_DASH, "\uff5e", "\u301c"),
    (Fold.TO_FULLWIDTH_TILDE, "\u301c", "\uff5e"),
    (Fold.TO_MINUS_SIGN, "\uff0d", "\u2212"),
    (Fold.TO_FULLWIDTH_HYPHEN, "\u2212", "\uff0d"),
    (Fold.DASHES, "\u2014", "\u2015"),
    (Fold.DASHES, "\u2013", "-"),
    (Fold.DASHES, "\u2011", "-"),
    (Fold.YEN, _FULLWIDTH_YEN, "\xa5"),  # last: what the others write may be what lets it
)

_JAPANESE: Final = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff]")
_GSM7: Final = frozenset(gsm7.decode(bytes(range(128)) + b"".join(bytes((gsm7.ESCAPE, n)) for n in range(128))))


@dataclass(slots=True)
class Normalised:
    """A text as it is to be sent, and what was changed in it: short English, no words of the text."""

    text: str = field(repr=False)
    warnings: list[str]


def is_plain(text: str) -> bool:
    """Whether nothing but folds would change a text: it need not be normalised (0.1 us less)."""
    return _SUSPICIOUS.search(text) is None


def normalise(text: str, folds: frozenset[Fold] = NO_FOLDS) -> Normalised:
    """Refuse, replace, remove, compose and fold, as the head of this file says.

    Returns: warnings: what was done, how often and where first, in the order met; positions count code points of the
        text as given, from 0.
    Raises: TextError: bad_text: something is refused; names the first.
    """
    plain = text.replace("\r\n", "\n")  # so common that it is not worth the long way
    if is_plain(plain) and (not folds or fold(plain, folds) == plain):
        return Normalised(plain, [])
    if refused := _REFUSED.search(text):
        reason = _REASONS[refused.lastgroup]
        raise TextError("bad_text", f"{_code_points(refused[0][0])} at position {refused.start()} {reason}")
    body, last_line = _split(text)
    notes = _Notes()
    clean = _UNCLEAN.sub(notes.clean, body)
    folded = _fold(clean, last_line, folds)
    notes.folded(body, folded, folds)
    return Normalised(folded + last_line, notes.warnings())


def fold(text: str, folds: frozenset[Fold]) -> str:
    """Write what the folds name in another way; a last line "@host #code" stays. Folding again changes nothing."""
    if not folds:
        return text
    body, last_line = _split(text)
    return _fold(body, last_line, folds) + last_line


def explain_coding(text: str) -> list[str]:
    """Name the few spaces, signs and symbols without which a text would be sent in GSM-7; for other texts nothing."""
    if _JAPANESE.search(text):  # spares nearly all texts the sets
        return []
    culprits = set(text) - _GSM7
    if len(culprits) > MAX_CULPRITS or any(unicodedata.category(culprit)[0] not in "PSZ" for culprit in culprits):
        return []
    notes = _Notes()
    for culprit in sorted(culprits, key=text.index):
        notes.add(f"sent as ucs2 because of {_code_points(culprit)}", text.index(culprit), text.count(culprit))
    return notes.warnings()


class _Notes:
    """What was done to a text: how often, and where first."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}

    def add(self, what: str, position: int, times: int = 1) -> None:
        count, first = self._seen.get(what, (0, position))
        self._seen[what] = (count + times, first)

    def clean(self, found: re.Match[str]) -> str:
        """Give what is to stand in the place of one match of _UNCLEAN."""
        written, start = found[0], found.start()
        if written in _REPLACED:
            replacement, what = _REPLACED[written]
            if what:
                self.add(what, start)
            return replacement
        for removed in _REMOVED.finditer(written):
            self.add(f"removed {_code_points(removed[0])}", start + removed.start())
        kept = _REMOVED.sub("", written)
        composed = unicodedata.normalize("NFC", kept)
        if len(composed) >= len(kept):  # a mere change of order, or a letter taken apart, helps nobody
            return kept
        self.add(f"composed {_code_points(kept)} to {_code_points(composed)}", start)
        return composed

    def folded(self, before: str, after: str, folds: frozenset[Fold]) -> None:
        for source, target in _pairs(folds):
            if source in before and source not in after:
                what = f"replaced {_code_points(source)} by {_code_points(target)}"
                self.add(what, before.index(source), before.count(source))

    def warnings(self) -> list[str]:
        lines = [f"{what} ({count}, first at {first})" for what, (count, first) in self._seen.items()]
        more = len(lines) - MAX_WARNINGS
        return lines if more <= 0 else [*lines[:MAX_WARNINGS], f"... and {more} more"]


def _split(text: str) -> tuple[str, str]:
    """Part a text from a last line "@host #code", which is empty when there is none."""
    found = _WEBOTP.search(text)
    return (text[: found.start()], found[0]) if found else (text, "")


@cache
def _pairs(folds: frozenset[Fold]) -> tuple[tuple[str, str], ...]:
    return tuple((source, target) for asked, source, target in _FOLDED if asked in folds)


def _fold(body: str, last_line: str, folds: frozenset[Fold]) -> str:
    for source, target in _pairs(folds):
        folded = body.replace(source, target)
        if source != _FULLWIDTH_YEN or (source in body and gsm7.fits(folded + last_line)):
            body = folded
    return body


def _code_points(characters: str) -> str:
    return " ".join(f"U+{ord(character):04X}" for character in characters)
