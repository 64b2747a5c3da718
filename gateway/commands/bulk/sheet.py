"""A CSV file as spreadsheets write them: its encoding found out, its header understood, its rows one by one."""

import csv
import hashlib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

MAX_LINE_OCTETS: Final = 1_048_576
"""Of one line of the file."""
ENCODINGS: Final = ("utf-8", "cp932")
"""Tried in this order; a BOM in front is left out."""

ALIASES: Final = {
    "to": (
        "to",
        "number",
        "phone",
        "tel",
        "mobile",
        "msisdn",
        "電話番号",
        "携帯番号",
        "携帯電話番号",
        "携帯電話",
        "宛先",
    ),
    "text": ("text", "body", "message", "本文", "メッセージ", "文面"),
    "id": ("id", "管理番号"),
    "sender": ("sender", "from", "送信元", "発信元"),
    "lane": ("lane",),
    "not_before": ("not_before", "送信日時", "予約日時"),
    "expires_at": ("expires_at", "有効期限"),
    "tags": ("tags", "タグ"),
}
"""What columns may be called, in any case and width."""
_KEYS: Final = {alias: key for key, aliases in ALIASES.items() for alias in aliases}
_DELIMITERS: Final = ",\t;"
_BOM: Final = b"\xef\xbb\xbf"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


class SheetError(Exception):
    """The file can't be used at all, and why."""


class RowError(Exception):
    """A row can't be sent. code: a word, as the gateway's are; the text says why, without the row's content."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Row:
    """One row. number: as a spreadsheet shows it, the header is 1; fault: why there are no cells."""

    number: int
    cells: dict[str, str]
    fault: RowError | None = None


class Sheet:
    """A file, looked through once and its header read. Raises: SheetError; OSError."""

    def __init__(self, path: Path, encoding: str | None) -> None:
        self.path = path
        self.encoding, self.digest = _look_through(path, encoding)
        """digest: SHA-256 of the file's octets, in hex."""
        with path.open("rb") as file:
            first = next(self._lines(file), "")
        self._delimiter = max(_DELIMITERS, key=first.count)
        header = next(csv.reader([first], delimiter=self._delimiter), [])
        self.columns = tuple(column_key(name) for name in header)
        """Keys of ALIASES where a column is called so, else its name, in lower case and plain width."""
        self._check_columns()

    def rows(self) -> Iterator[Row]:
        """Each row that is not blank, in order."""
        with self.path.open("rb") as file:
            reader = csv.reader(self._lines(file), delimiter=self._delimiter, strict=True)
            next(reader)
            number = 1
            while True:
                number += 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield Row(number, {}, RowError("bad_quotes", f"its quotation marks are wrong: {error}"))
                    continue
                if any(cell.strip() for cell in cells):
                    yield self._row(number, cells)

    def _row(self, number: int, cells: list[str]) -> Row:
        wanted = len(self.columns)
        if len(cells) > wanted and not any(cells[wanted:]):
            cells = cells[:wanted]
        if len(cells) != wanted:
            return Row(number, {}, RowError("wrong_columns", f"it has {len(cells)} columns, the header {wanted}"))
        if any("\udc80" <= character <= "\udcff" for cell in cells for character in cell):
            return Row(number, {}, RowError("undecodable", f"it has octets that are not {self.encoding}"))
        return Row(number, dict(zip(self.columns, cells, strict=True)))

    def _lines(self, file: BinaryIO) -> Iterator[str]:
        """The file's lines; octets that are not of its encoding become lone surrogates."""
        for line in file:
            yield line.removeprefix(_BOM).decode(self.encoding, "surrogateescape")

    def _check_columns(self) -> None:
        if "to" not in self.columns:
            named = ", ".join(filter(None, self.columns)) or "none"
            raise SheetError(f'no column is called "to", "電話番号" or the like; the columns are: {named}')
        twice = {name for name in self.columns if name and self.columns.count(name) > 1}
        if twice:
            raise SheetError(f"two columns are called {', '.join(sorted(twice))}")


def column_key(name: str) -> str:
    """What a column is known by."""
    plain = unicodedata.normalize("NFKC", name).strip().casefold()
    return _KEYS.get(plain, plain)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's octets, in hex. Raises: OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _look_through(path: Path, encoding: str | None) -> tuple[str, str]:
    """Find the encoding: the first in which no line is wrong, else the one in which the fewest are."""
    candidates = [encoding] if encoding else [*ENCODINGS]
    wrong, digest = dict.fromkeys(candidates, 0), hashlib.sha256()
    with path.open("rb") as file:
        for n, line in enumerate(iter(lambda: file.readline(MAX_LINE_OCTETS + 1), b"")):
            if n == 0 and line.startswith(_UTF16):
                raise SheetError("it is UTF-16; save it as CSV in UTF-8")
            if len(line) > MAX_LINE_OCTETS:
                raise SheetError(f"line {n + 1} is longer than {MAX_LINE_OCTETS} octets: it is no CSV file")
            digest.update(line)
            for candidate in candidates:
                wrong[candidate] += not _decodes(line, candidate)
    return min(candidates, key=wrong.__getitem__), digest.hexdigest()


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
