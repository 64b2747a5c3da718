"""From a TOML file and the environment to settings, or to every error in them at once.

The only place that reads the environment.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from config.addresses import TcpAddress
from config.fields import Folder, Table
from config.references import Fault, References, Unreadable, read_text
from config.settings import Settings
from config.wording import Loc, path_text, sentence_of, shorten

T = TypeVar("T", bound=Table)

MAX_OCTETS: Final = 1_048_576
"""Longest configuration file read."""

SECRET_KEYS: Final = frozenset({"secret", "password"})
"""Keys whose values no error repeats."""

CONSEQUENCES: Final = frozenset({"default_factory_not_called"})
"""pydantic's names of errors that only follow from another error."""


class ConfigError(Exception):
    """The configuration cannot be used. Each line: the place of a key, what is wrong, what is allowed."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be used. warnings: a line each; path: the file it came from."""

    settings: Settings
    warnings: tuple[str, ...]
    path: Path


def environment() -> Mapping[str, str]:
    """The variables of this process."""
    return os.environ


def load(path: Path, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read a configuration file with all it refers to; relative paths are taken from its folder.

    Args: environ: the variables for `{ env = "NAME" }`; left out: those of the process.
    Raises: ConfigError: anything at all is wrong.
    """
    settings, followed = load_table(Settings, path, environ)
    return Loaded(settings, tuple(_warnings(settings, followed)), path)


def load_table(kind: type[T], path: Path, environ: Mapping[str, str] | None = None) -> tuple[T, set[Loc]]:
    """Read a file whose outermost table is of this kind, as `load` does.

    Returns: the table, and the places in it whose values stood elsewhere.
    Raises: ConfigError: anything at all is wrong.
    """
    folder = path.absolute().parent
    references = References(folder, environment() if environ is None else environ)
    tree = references.resolve(_parse(path))
    faults = list(references.faults)
    try:
        table = kind.model_validate(tree, context=Folder(folder))
    except ValidationError as error:
        faults += _faults_in(error, references, kind)
    if faults:  # outside of the except clause, so that no value hangs on to the error
        raise ConfigError(tuple(_line(fault) for fault in sorted(faults, key=_place)))
    return table, references.followed


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path, MAX_OCTETS))
    except Unreadable as error:
        reason = str(error)
    except tomllib.TOMLDecodeError as error:
        reason = f"is not TOML: {error}"
    except ValueError:  # of int()
        reason = "has a number with too many digits"
    except RecursionError:
        reason = "is nested too deep"
    raise ConfigError((f"{shorten(str(path))}: {reason}",))


def _faults_in(error: ValidationError, references: References, kind: type[Table]) -> Iterator[Fault]:
    broken = {fault.loc for fault in references.faults}
    for each in error.errors(include_url=False):
        loc = each["loc"][:-1] if each["loc"][-1:] == ("[key]",) else each["loc"]
        above = {loc[:n] for n in range(len(loc) + 1)}
        if each["type"] in CONSEQUENCES or above & broken:
            continue
        hide = loc in references.followed or not SECRET_KEYS.isdisjoint(loc)
        yield Fault(loc, sentence_of(each, kind, hide=hide))


def _place(fault: Fault) -> list[tuple[bool, int, str]]:
    """Order faults as people read tables: names by letters, positions by number."""
    return [(isinstance(part, str), part if isinstance(part, int) else 0, str(part)) for part in fault.loc]


def _line(fault: Fault) -> str:
    return f"{path_text(fault.loc)}: {fault.sentence}"


def _warnings(settings: Settings, followed: set[Loc]) -> Iterator[str]:
    for loc in _secrets(settings):
        if loc not in followed:
            yield f'{path_text(loc)}: is written in the file; {{ env = "NAME" }} or {{ file = "path" }} keeps it out'
    if not settings.clients:
        yield "clients: there are none, so nobody can submit"
    yield from _tls_warnings(settings)


def _tls_warnings(settings: Settings) -> Iterator[str]:
    tcp = {n: address for n, address in enumerate(settings.upstream.listen) if isinstance(address, TcpAddress)}
    if settings.upstream.tls and not tcp:
        yield "upstream.tls: has no effect, for no listener is tcp"
    for n, address in tcp.items():
        if not settings.upstream.tls and not _is_loopback(address.host):
            yield f"upstream.listen.{n}: clients' secrets and messages cross the network unencrypted; see upstream.tls"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # another name: it may be anywhere
        return False


def _secrets(settings: Settings) -> Iterator[Loc]:
    for name in settings.clients:
        yield "clients", name, "secret"
    for name, carrier in settings.carriers.items():
        for n, bind in enumerate(carrier.binds):
            if bind.password.get_secret_value():
                yield "carriers", name, "binds", n, "password"
