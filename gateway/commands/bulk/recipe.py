"""What is made of a row: a message, its id, and what was repaired on the way. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from hashlib import blake2b
from typing import Any, Final

from gateway.commands.bulk.sheet import Row, RowError, column_key
from gateway.numbers import NumberError, normalise_number
from protocol.upstream import pack

MAX_TEXT: Final = 40_000
"""Characters of a text; no message has so many (255 parts of 153)."""
JAPAN: Final = timezone(timedelta(hours=9))
"""Zone of times that name none; Japan has no summer time."""
LEADING_ZERO: Final = "a leading zero that a spreadsheet ate was put back"

_ZEROLESS: Final = re.compile(r"[6-9]0[1-9][0-9]{7}")
_ROUNDED: Final = re.compile(r"[0-9](?:\.[0-9]+)?E\+?[0-9]+", re.IGNORECASE)
_BRACES: Final = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")
_LOOSE_TIME: Final = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_TAGS: Final = re.compile(r"[\s,;、]+")


class TemplateError(Exception):
    """A template can't be used, and why."""


@dataclass(frozen=True, slots=True)
class Made:
    """A message for the gateway. mark: of all that is in it, to know the row again; repaired: what was put right."""

    row: int
    message: dict[str, Any]
    mark: bytes
    repaired: str = ""


class Template:
    """A text with {columns} in it; {{ and }} stand for braces. Raises: TemplateError."""

    def __init__(self, text: str) -> None:
        self.text = text
        for match in _BRACES.finditer(text):
            if match[0] in ("{", "}"):
                raise TemplateError("it has a brace alone; {column} is filled in, {{ and }} are braces")
        self.columns = {column_key(match[1]) for match in _BRACES.finditer(text) if match[1]}

    def fill(self, cells: Mapping[str, str]) -> str:
        """The text for a row. Raises: RowError: one of its columns is empty."""

        def put(match: re.Match[str]) -> str:
            if not match[1]:
                return match[0][0]
            value = cells[column_key(match[1])].strip()
            if not value:
                raise RowError("empty_value", "a column that the template names is empty")
            return value

        return _BRACES.sub(put, self.text)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How rows become messages. job: with the same job, a text goes to a number once; sender, lane: for all rows."""

    job: str
    template: Template | None
    sender: str | None
    lane: str | None

    @property
    def digest(self) -> str:
        """Changes with anything that changes a message."""
        parts = [self.job, self.template and self.template.text, self.sender, self.lane]
        return blake2b(pack(parts), digest_size=16).hexdigest()

    def make(self, row: Row) -> Made:
        """Make the message of a row. Raises: RowError."""
        if row.fault:
            raise row.fault
        cells = row.cells
        number, repaired = _number(cells["to"])
        text = self.template.fill(cells) if self.template else cells["text"]
        if not text.strip():
            raise RowError("empty_text", "it has no text")
        if len(text) > MAX_TEXT:
            raise RowError("too_long", f"its text has more than {MAX_TEXT} characters")
        message: dict[str, Any] = {"to": number, "text": text} | self._options(cells)
        message["id"] = cells.get("id", "").strip() or self._id(message)
        return Made(row.number, message, blake2b(pack(message), digest_size=8).digest(), repaired)

    def _options(self, cells: Mapping[str, str]) -> dict[str, Any]:
        options: dict[str, Any] = {}
        for key, default in (("sender", self.sender), ("lane", self.lane)):
            value = cells.get(key, "").strip() or default
            if value:
                options[key] = value
        for key in ("not_before", "expires_at"):
            if written := cells.get(key, "").strip():
                options[key] = _time(written, key)
        if tags := _TAGS.sub(" ", cells.get("tags", "")).split():
            options["tags"] = tags
        return options

    def _id(self, message: Mapping[str, Any]) -> str:
        same = [self.job, _normal(message["to"]), message["text"], message.get("sender")]
        return f"bulk-{blake2b(pack(same), digest_size=12).hexdigest()}"


def _number(written: str) -> tuple[str, str]:
    plain = unicodedata.normalize("NFKC", written).strip()
    if not plain:
        raise RowError("empty_number", "it has no number")
    if _ROUNDED.fullmatch(plain):
        raise RowError("bad_number", "a spreadsheet has rounded its number; format the column as text")
    if _ZEROLESS.fullmatch(plain.replace("-", "")):
        return f"0{plain}", LEADING_ZERO
    return plain, ""


def _normal(number: str) -> str:
    """One spelling of a number, so that the same row is known however it is written; else as it is."""
    try:
        return normalise_number(number)
    except NumberError:
        return number


def _time(written: str, key: str) -> float:
    """Unix seconds of ISO 8601, or of a spreadsheet's 2026/11/22 10:00."""
    found = _LOOSE_TIME.fullmatch(written)
    try:
        if found:
            written = "{}-{:0>2}-{:0>2} {:0>2}:{}:{}".format(*found.groups("00"))
        at = datetime.fromisoformat(written)
    except ValueError:
        raise RowError("bad_time", f"{key} is no time; write it like 2026-11-22 10:00") from None
    return (at if at.tzinfo else at.replace(tzinfo=JAPAN)).timestamp()
