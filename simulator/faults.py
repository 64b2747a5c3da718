"""Every fault by its flat name, as in "answers.lose_rate": for HTTP, the page, and changes at run time."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from config.faults import AnswerSettings, LinkSettings, ReceiptSettings
from config.fields import Table
from config.wording import path_text, sentence_of, suggestion

GROUPS: Final[Mapping[str, type[Table]]] = MappingProxyType(
    {"answers": AnswerSettings, "receipts": ReceiptSettings, "link": LinkSettings}
)


class LinkFault(StrEnum):
    """What can strike one connection at a moment."""

    CLOSE = "close"
    """It is closed without a word."""
    UNBIND = "unbind"
    HALF_OPEN = "half_open"
    """The SMSC stops reading and writing."""
    CUT = "cut"
    """It is closed in the middle of a PDU."""
    GARBAGE = "garbage"
    WRONG_LENGTH = "wrong_length"
    SLOW = "slow"
    """The SMSC reads only so many octets a second."""


class Fault(NamedTuple):
    """One key of the table. default: in JSON's types. says: what it does, with its unit and range."""

    group: str
    key: str
    default: Any
    says: str


def _faults() -> dict[str, Fault]:
    found = {}
    for group, kind in GROUPS.items():
        for name, default in dump(group, kind()).items():
            key = name.removeprefix(f"{group}.")
            found[name] = Fault(group, key, default, kind.model_fields[key].description or "")
    return found


def dump(group: str, table: Table) -> dict[str, Any]:
    """Write the keys of a group's table under their flat names, in JSON's types."""
    return {f"{group}.{key}": value for key, value in table.model_dump(mode="json").items()}


FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(_faults())
"""Every fault there is, by its flat name."""


def check(name: str, value: object) -> Any:  # noqa: ANN401 - each fault has a type of its own
    """Read a value for a fault as from a scenario file.

    Raises: ValueError: no such fault, or not a value for it; says what is allowed.
    """
    fault = FAULTS.get(name)
    if fault is None:
        raise ValueError(f"{path_text((name,))}: is not a known fault{suggestion(name, FAULTS)}")
    kind = GROUPS[fault.group]
    try:
        return getattr(kind.model_validate({fault.key: value}), fault.key)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
    places = [each["loc"][:-1] if each["loc"][-1:] == ("[key]",) else each["loc"] for each in wrong]
    lines = [
        f"{path_text((fault.group, *place))}: {sentence_of(each, kind, hide=False)}"
        for place, each in zip(places, wrong, strict=True)
    ]
    raise ValueError("; ".join(lines))


def choices(name: str) -> list[str]:
    """What a fault may be, where it is one of a few words; empty where it is anything else."""
    fault = FAULTS[name]
    kind = GROUPS[fault.group].model_fields[fault.key].annotation
    return [each.value for each in kind] if isinstance(kind, type) and issubclass(kind, StrEnum) else []
