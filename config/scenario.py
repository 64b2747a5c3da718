"""Scenarios: how a simulated SMSC behaves, and when. Those shipped stand in config/scenarios/. Times in seconds."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Self, TypeAlias

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import InitErrorDetails

import config
from config.crosschecks import details, items, key
from config.faults import AnswerSettings, LinkSettings, PartsPerSecond, ReceiptSettings
from config.fields import BindTypeName, Endpoint, Many, Name, Password, SystemId, Table, between, conflict, matching
from config.load import ConfigError, load_table
from config.wording import Loc, path_text, shorten, suggestion
from protocol.constants import BindType

MAX_LASTS: Final = 31_536_000
"""Seconds of the longest phase: a year."""

_FOLDER: Final = Path(config.__file__).parent / "scenarios"

Prefix: TypeAlias = Annotated[str, matching("[0-9]{1,20}", "1..20 digits, as destination_addr has them")]
SourcePrefix: TypeAlias = Annotated[
    str, matching("[!-~]{1,20}", "1..20 visible ASCII characters, as source_addr has them")
]


class RuleSettings(Table):
    """Keys that are different for some messages; keys left out stay as the phase has them.

    Of the rules that fit a message one counts: that with the longest prefix, and of these that with the longest source.
    """

    prefix: Prefix | None = None
    """How destination_addr begins, 1..20 digits; left out: any."""
    source: SourcePrefix | None = None
    """How source_addr begins, 1..20 ASCII characters; left out: any."""
    answers: AnswerSettings = AnswerSettings()
    """How submit_sm is answered."""
    receipts: ReceiptSettings = ReceiptSettings()
    """What becomes of each part."""

    @field_validator("source")
    @classmethod
    def _check_any(cls, value: str | None, validation: ValidationInfo) -> str | None:
        if value is None and validation.data.get("prefix", "") is None:
            raise conflict("give prefix or source, or both")
        return value


class PhaseSettings(Table):
    """One time in the life of the SMSC."""

    name: Name
    """What the phase is called, 1..64 of A-Z a-z 0-9 _ -; each once in a scenario."""
    lasts: Annotated[float, between(0.01, MAX_LASTS)] | None = None
    """Seconds until the next phase, 0.01..31536000; left out of the last phase, unless the scenario repeats."""
    answers: AnswerSettings = AnswerSettings()
    """How submit_sm is answered."""
    receipts: ReceiptSettings = ReceiptSettings()
    """What becomes of each part."""
    link: LinkSettings = LinkSettings()
    """What befalls connections."""
    rules: Annotated[tuple[RuleSettings, ...], Field(strict=False)] = ()
    """What is different for some destinations or senders."""


class AccountSettings(Table):
    """An account that may bind, and what it may do."""

    system_id: SystemId
    """Who binds, 0..15 ASCII characters (SMPP 3.4, 5.2.1)."""
    password: Password
    """What its binds must bring, 0..8 ASCII characters (SMPP 3.4, 5.2.2)."""
    max_binds: Annotated[int, between(0, 10_000)] = 0
    """Binds at once, 0..10000; above: RALYBND. 0: any number."""
    types: Many[BindTypeName] = tuple(BindType)
    """Binds it may make: transmitter, receiver, transceiver."""
    sources: Annotated[tuple[SourcePrefix, ...], Field(strict=False)] = ()
    """How source_addr must begin, one of these, else RINVSRCADR. Empty: any."""
    parts_per_second: PartsPerSecond = 0.0
    """Parts taken a second over all its binds, 0..1000000; above: throttle_status of the answers. 0: any number."""
    window: Annotated[int, between(1, 10_000)] | None = None
    """deliver_sm unanswered at once on each of its binds, 1..10000; left out: as everybody's."""
    outbind: Endpoint | None = None
    """HOST:PORT of an ESME that the SMSC connects to, to ask for a bind; left out: it waits (SMPP 3.4, 2.2.1)."""


class Scenario(Table):
    """The life of an SMSC, phase after phase."""

    title: Annotated[str, matching("[^\\x00-\\x1f\\x7f]{0,200}", "one line of at most 200 characters")] = ""
    """What it is about, in a line."""
    repeat: bool = False
    """true: after the last phase comes the first."""
    phases: Many[PhaseSettings] = (PhaseSettings(name="calm"),)
    """At least one."""
    accounts: Annotated[tuple[AccountSettings, ...], Field(strict=False)] = ()
    """Who may bind; empty: anybody."""

    @model_validator(mode="wrap")
    @classmethod
    def _check_across(cls, raw: object, check: ModelWrapValidatorHandler[Self]) -> Self:
        """Report what is wrong between tables together with what is wrong inside them."""
        wrong = [
            InitErrorDetails(type=conflict(text), loc=loc, input=None)
            for loc, text in (*_check_times(raw), *_check_once(raw))
        ]
        try:
            scenario = check(raw)
        except ValidationError as error:
            wrong = [*details(error), *wrong]
        if wrong:
            raise ValidationError.from_exception_data(cls.__name__, wrong, hide_input=True)
        return scenario


def shipped_scenarios() -> tuple[str, ...]:
    """The names of the scenarios that come with the package, by letters: one file each in config/scenarios/."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def find_scenario(name: str) -> Path:
    """Find the file of a scenario: the name of a shipped one, else a path.

    Raises: ConfigError: it is neither.
    """
    shipped = shipped_scenarios()
    if name in shipped:
        return _FOLDER / f"{name}.toml"
    if not os.path.exists(name):  # Path.exists() raises for what can be no path
        raise ConfigError((f"{shorten(name)}: is neither a scenario{suggestion(name, shipped)} nor a file",))
    return Path(name)


def load_scenario(path: Path) -> Scenario:
    """Read a scenario; `{ env = "NAME" }` and `{ file = "path" }` stand for texts in it, paths from its folder.

    Raises: ConfigError: anything at all is wrong.
    """
    return load_table(Scenario, path)[0]


def _check_times(raw: object) -> Iterator[tuple[Loc, str]]:
    """Find phases that never end before another, and ends that do not count."""
    repeat, phases = key(raw, "repeat") is True, items(key(raw, "phases"))
    for n, phase in enumerate(phases):
        endless, last = key(phase, "lasts") is None, n == len(phases) - 1
        if not isinstance(phase, Mapping | PhaseSettings):
            continue
        if endless and repeat:
            yield ("phases", n, "lasts"), "is missing: with repeat = true every phase needs it"
        elif endless and not last:
            yield ("phases", n, "lasts"), "is missing: only the last phase may be without"
        elif last and not endless and not repeat:
            yield ("phases", n, "lasts"), "has no effect: after the last phase nothing comes without repeat = true"


def _check_once(raw: object) -> Iterator[tuple[Loc, str]]:
    """Find names given twice, and rules about the same messages."""
    phases = items(key(raw, "phases"))
    yield from _doubled(("phases",), "name", [key(phase, "name") for phase in phases])
    yield from _doubled(
        ("accounts",), "system_id", [key(account, "system_id") for account in items(key(raw, "accounts"))]
    )
    for n, phase in enumerate(phases):
        both = [(key(rule, "prefix"), key(rule, "source")) for rule in items(key(phase, "rules"))]
        names = [repr(each) if any(each) else None for each in both]
        yield from _doubled(("phases", n, "rules"), "prefix", names)


def _doubled(loc: Loc, last: str, names: Sequence[object]) -> Iterator[tuple[Loc, str]]:
    first: dict[str, int] = {}
    for n, name in enumerate(names):
        if isinstance(name, str) and first.setdefault(name, n) != n:
            yield (*loc, n, last), f"is the same as in {path_text((*loc, first[name]))}"
