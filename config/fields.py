"""Kinds of key: what every table and every value of the configuration is built from."""

import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from config.addresses import Address, TcpAddress, UnixAddress, parse_endpoint, parse_host, parse_listener
from config.wording import CONFLICT
from protocol.constants import BindType, Coding, Concatenation, Fold, IdForm, Lane
from protocol.statuses import Status, StatusClass, status_name

T = TypeVar("T")


class Table(BaseModel):
    """One table of the configuration: frozen, no unknown keys, no silent conversion ("10" is not an integer)."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_default=True,
        revalidate_instances="always",  # so that relative paths in defaults are anchored too
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


@dataclass(frozen=True, slots=True)
class Folder:
    """Where relative paths start: the context of a validation. Without it paths stay as written and unchecked."""

    path: Path


def conflict(text: str) -> PydanticCustomError:
    """Make an error whose text says all, so that the value is not repeated after it."""
    return PydanticCustomError(CONFLICT, text)


def between(low: float, high: float) -> AfterValidator:
    """Allow numbers from low to high, both included; never infinite, never NaN."""

    def check(value: float) -> float:
        if not low <= value <= high:
            raise ValueError(f"must be {low}..{high}")
        return value

    return AfterValidator(check)


def matching(pattern: str, what: str) -> AfterValidator:
    """Allow texts that the pattern matches in full; what: the pattern in words."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"must be {what}")
        return text

    return AfterValidator(check)


def c_octets(most: int, section: str) -> Callable[[str], str]:
    """Allow what fits a C-octet string of SMPP 3.4; most: characters without the closing NUL; section: its source."""

    def check(text: str) -> str:
        if len(text) > most or not (text.isascii() and text.isprintable()):
            raise ValueError(f"must be at most {most} printable ASCII characters (SMPP 3.4, {section})")
        return text

    return check


def _check_password(secret: SecretStr) -> SecretStr:
    c_octets(8, "5.2.2")(secret.get_secret_value())
    return secret


def _check_secret(secret: SecretStr) -> SecretStr:
    if not 1 <= len(secret.get_secret_value()) <= 1024:
        raise ValueError("must be 1..1024 characters")
    return secret


_STATUSES: Final = {status_name(status).removeprefix("ESME_"): int(status) for status in Status if status}
_NUMBER: Final = "0x00000001..0xFFFFFFFF"
_CLASSES: Final = {
    kind.name.lower(): kind
    for kind in StatusClass
    if kind not in (StatusClass.BIND, StatusClass.PROTOCOL, StatusClass.VENDOR)
}

SENDER: Final = re.compile(r"\+?[0-9]{1,20}|[ -~]{1,11}")
"""Sender ids: numbers and short codes, or names; 11 characters is what a handset's name has room for (TS 23.040)."""


def _check_sender(text: str) -> str:
    if not text:
        raise ValueError("must not be empty; leave the key out to have none")
    if not SENDER.fullmatch(text):
        raise ValueError("must be up to 20 digits, with or without +, or 11 printable ASCII characters")
    return text


def _read_address(value: object, validation: ValidationInfo) -> Address:
    address = parse_listener(value) if isinstance(value, str) else value
    if isinstance(address, UnixAddress) and isinstance(validation.context, Folder):
        return parse_listener(f"unix:{validation.context.path / address.path}")
    if isinstance(address, Address):
        return parse_listener(str(address))
    raise ValueError('must be "unix:PATH" or "tcp:HOST:PORT"')


def _read_endpoint(value: object) -> TcpAddress:
    if isinstance(value, TcpAddress):
        return value
    if isinstance(value, str):
        return parse_endpoint(value)
    raise ValueError('must be "HOST:PORT"')


def _anchor(path: Path, validation: ValidationInfo) -> Path:
    if "\0" in str(path):
        raise ValueError("must be a path, without NUL")
    return validation.context.path / path if isinstance(validation.context, Folder) else path


def _find(path: Path, validation: ValidationInfo) -> Path:
    if isinstance(validation.context, Folder) and not path.is_file():
        raise ValueError("must be the path of a file that exists")
    return path


def _check_body_coding(coding: Coding) -> Coding:
    if coding is Coding.AUTO:
        raise ValueError("must be a coding, not a choice between two")
    return coding


def _check_data_coding(key: str) -> str:
    try:
        number = int(key, 0)
    except ValueError:
        number = -1
    if not 0 <= number <= 255:
        raise ValueError("must be a number of 0..255, as 8 or 0x08")
    return key


def status_number(name: str) -> int:
    """Read a command_status: a name of SMPP without ESME_, or a number as 0x00000400 or 1024.

    Raises: ValueError: it is neither, or it is 0, which is no error.
    """
    if name in _STATUSES:
        return _STATUSES[name]
    try:
        number = int(name, 0) if len(name) <= len("0xFFFFFFFF") else 0
    except ValueError:
        number = 0
    if not 1 <= number <= 0xFFFFFFFF:
        raise ValueError(f"must be a command_status like RTHROTTLED, or a number of {_NUMBER}")
    return number


def _check_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):  # a path, a folder, a name of nothing
        places = [zone for zone in zoneinfo.available_timezones() if "/" in zone]
        near = get_close_matches(name[:64], places, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f'must be a time zone by its IANA name, like "Asia/Tokyo"{hint}') from None
    return name


def _read_time_of_day(value: object) -> time:
    if isinstance(value, time):
        return value
    found = _TIME_OF_DAY.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError('must be a time of day, "00:00".."23:59"')
    return time(int(found[1]), int(found[2]))


_TIME_OF_DAY: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


def _read_status_class(value: object) -> StatusClass:
    found = _CLASSES.get(value) if isinstance(value, str) else value
    if not isinstance(found, StatusClass):
        raise ValueError(f"must be one of {', '.join(_CLASSES)}")
    return found


def _check_status(name: str) -> str:
    status_number(name)
    return name


def _check_many(items: tuple[T, ...]) -> tuple[T, ...]:
    if not items:
        raise conflict("must not be empty")
    return items


_lax = Field(strict=False)  # TOML has no enumerations, tuples or paths: strings and arrays stand for them

Name: TypeAlias = Annotated[str, matching("[A-Za-z0-9_-]{1,64}", "1..64 of A-Z a-z 0-9 _ -")]
Digits: TypeAlias = Annotated[
    str, matching("[1-9][0-9]{0,14}", '1..15 digits without "+", beginning with a country code')
]
Prefix: TypeAlias = Annotated[str, matching("[0-9]{1,20}", '1..20 digits without "+"')]
"""The beginning of a number as a carrier spells it; short codes begin with 0, too."""
Host: TypeAlias = Annotated[str, AfterValidator(parse_host)]
Sender: TypeAlias = Annotated[str, AfterValidator(_check_sender)]
SystemId: TypeAlias = Annotated[str, AfterValidator(c_octets(15, "5.2.1"))]
SystemType: TypeAlias = Annotated[str, AfterValidator(c_octets(12, "5.2.3"))]
Password: TypeAlias = Annotated[SecretStr, AfterValidator(_check_password)]
Secret: TypeAlias = Annotated[SecretStr, AfterValidator(_check_secret)]
ListenAddress: TypeAlias = Annotated[UnixAddress | TcpAddress, PlainValidator(_read_address)]
Endpoint: TypeAlias = Annotated[TcpAddress, PlainValidator(_read_endpoint)]
FolderPath: TypeAlias = Annotated[Path, _lax, AfterValidator(_anchor)]
FilePath: TypeAlias = Annotated[FolderPath, AfterValidator(_find)]
Octet: TypeAlias = Annotated[int, between(0, 255)]
Port: TypeAlias = Annotated[int, between(1, 65535)]
Wait: TypeAlias = Annotated[float, between(0.01, 3600)]
"""Seconds a deadline or a pause may take."""
TagName: TypeAlias = Annotated[str, matching(r"[^\x00-\x1f]{1,64}", "1..64 characters")]
"""A tag of messages, as clients write it."""
TimeZone: TypeAlias = Annotated[str, AfterValidator(_check_zone)]
"""A time zone by its IANA name."""
TimeOfDay: TypeAlias = Annotated[time, PlainValidator(_read_time_of_day)]
"""Hours and minutes, as a wall clock shows them."""
Messages: TypeAlias = Annotated[int, between(1, 1_000_000)]
"""Messages, events or rows kept in memory or taken at once."""

BindTypeName: TypeAlias = Annotated[BindType, _lax]
CodingName: TypeAlias = Annotated[Coding, _lax]
BodyCodingName: TypeAlias = Annotated[Coding, _lax, AfterValidator(_check_body_coding)]
"""A coding that octets can be in: any but auto."""
DataCodingKey: TypeAlias = Annotated[str, AfterValidator(_check_data_coding)]
"""TOML's keys are texts: a number of 0..255 spelled as 8 or 0x08."""
FinalStateName: TypeAlias = Literal["accepted", "unknown"]
ValidityName: TypeAlias = Literal["absolute", "relative", "none"]
FoldName: TypeAlias = Annotated[Fold, _lax]
ConcatenationName: TypeAlias = Annotated[Concatenation, _lax]
IdFormName: TypeAlias = Annotated[IdForm, _lax]
LaneName: TypeAlias = Annotated[Lane, _lax]

StatusText: TypeAlias = Annotated[str, AfterValidator(_check_status)]
"""A command_status by its name without ESME_, or as a number."""
StatusClassName: TypeAlias = Annotated[StatusClass, BeforeValidator(_read_status_class)]

Many: TypeAlias = Annotated[tuple[T, ...], _lax, AfterValidator(_check_many)]
"""An array of at least one."""
