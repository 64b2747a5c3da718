"""How commands write numbers, times and texts for people: short, and with nothing in them that a terminal obeys."""

import sys
import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console

SHOWN_DIGITS: Final = 4
PIPE_COLUMNS: Final = 200
"""Of a table that does not go to a terminal."""

_DIRECTIONS: Final = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They would show other words than there are."""


def mask(number: str) -> str:
    """Hide all but the last digits of a phone number."""
    return "*" * max(len(number) - SHOWN_DIGITS, 0) + number[-SHOWN_DIGITS:]


def clock(seconds: float) -> str:
    """Unix seconds as local time, to the millisecond, with its distance from UTC; "" for 0."""
    return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "milliseconds") if seconds else ""


def plain(text: str) -> str:
    """A text in one line, its control characters spelled out."""
    return "".join(_spell(character) if _obeyed(character) else character for character in text)


def console() -> "Console":
    """Standard output, for tables of what others wrote."""
    from rich.console import Console  # here, since every `denpo` command reads this file

    width = None if sys.stdout.isatty() else PIPE_COLUMNS
    return Console(markup=False, emoji=False, highlight=False, width=width)


def _obeyed(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _DIRECTIONS


def _spell(character: str) -> str:
    return "\\n" if character == "\n" else f"\\u{ord(character):04x}"
