"""Values that stand elsewhere: `{ env = "NAME" }` and `{ file = "path" }` in place of a string."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from config.wording import Loc, shorten

MAX_DEPTH: Final = 16
"""How deep a configuration may be nested; the deepest key it has is at 5."""

MAX_FILE_OCTETS: Final = 65_536
"""Longest file a value is read from: secrets are short."""


class Fault(NamedTuple):
    """One thing that is wrong: the place of the key and a sentence."""

    loc: Loc
    sentence: str


class Unreadable(Exception):
    """A file cannot be read as text; says why, without repeating what is in it."""


class References:
    """Puts values in the place of references, and notes where they stood and what was wrong with them.

    Attributes: followed: places of references. faults: references that lead nowhere, None being left in their place.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ
        self.followed: set[Loc] = set()
        self.faults: list[Fault] = []

    def resolve(self, value: Any, loc: Loc = ()) -> Any:  # noqa: ANN401 - TOML holds anything
        """Give the value back with all references in it replaced; loc: where it stands."""
        if len(loc) > MAX_DEPTH:
            self.faults.append(Fault(loc, f"is nested deeper than {MAX_DEPTH}"))
            return None
        if isinstance(value, list):
            return [self.resolve(item, (*loc, n)) for n, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        if not loc or not _is_reference(value):
            return {key: self.resolve(item, (*loc, key)) for key, item in value.items()}
        self.followed.add(loc)
        try:
            return self._follow(value)
        except Unreadable as error:
            self.faults.append(Fault(loc, str(error)))
            return None

    def _follow(self, reference: dict[str, str]) -> str:
        if len(reference) > 1:
            raise Unreadable("must have one of env and file, not both")
        if "env" in reference:
            return self._read_variable(reference["env"])
        path = self._folder / reference["file"]
        try:
            text = read_text(path, MAX_FILE_OCTETS)
        except Unreadable as error:
            raise Unreadable(f"the file {shorten(str(path))} {error}") from None
        return text.removesuffix("\n").removesuffix("\r")

    def _read_variable(self, name: str) -> str:
        value = self._environ.get(name)
        if value is None:
            raise Unreadable(f"the environment variable {shorten(name)} is not set")
        if any("\ud800" <= character <= "\udfff" for character in value):  # how Python marks octets that are no UTF-8
            raise Unreadable(f"the environment variable {shorten(name)} is not UTF-8")
        return value


def read_text(path: Path, most: int) -> str:
    """Read a regular file of UTF-8; most: octets it may have.

    Raises: Unreadable: it is missing, closed to us, not a file, too long or not UTF-8.
    """
    try:
        if path.exists() and not path.is_file():
            raise Unreadable("is not a regular file")
        with path.open("rb") as file:
            octets = file.read(most + 1)
    except OSError as error:
        raise Unreadable(f"cannot be read: {(error.strerror or type(error).__name__).lower()}") from None
    except ValueError:
        raise Unreadable("cannot be read: a path has no NUL") from None
    if len(octets) > most:
        raise Unreadable(f"is longer than {most} octets")
    return _decode(octets)


def _decode(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        place = octets.count(b"\n", 0, error.start) + 1
    raise Unreadable(f"is not UTF-8 in line {place}")


def _is_reference(table: dict[str, Any]) -> bool:
    return bool(table) and table.keys() <= {"env", "file"} and all(isinstance(value, str) for value in table.values())
