"""What a simulated SMSC can do wrong: answers, receipts and links. Left as they are, the keys make a friendly one.

Delays in seconds; rates are chances of 0..1, of each submit_sm, of each receipt, or of each connection in a second.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from config.fields import Octet, StatusText, Table, between, conflict, matching, status_number

MAX_DELAY: Final = 604_800
"""Seconds of the longest delay: a week, some carriers trying for three days."""


class IdSpelling(StrEnum):
    """How submit_sm_resp spells the message_id."""

    DECIMAL = "decimal"
    """Ten digits."""
    HEX = "hex"
    CAPITAL_HEX = "HEX"
    PADDED = "padded"
    """Hexadecimal in capitals, with zeros in front up to ten digits."""
    UUID = "uuid"


class ReceiptIdSpelling(StrEnum):
    """How receipts spell the message_id of submit_sm_resp; a UUID always stays the same."""

    SAME = "same"
    DECIMAL = "decimal"
    HEX = "hex"
    CAPITAL_HEX = "HEX"
    STRIPPED = "stripped"
    """Without the zeros in front."""
    PADDED = "padded"
    """With zeros in front, up to sixteen digits."""


class ReceiptText(StrEnum):
    """How the text of a receipt is written."""

    STANDARD = "standard"
    """As Appendix B of SMPP 3.4."""
    CAPITAL_TEXT = "capital_text"
    """Text: instead of text:."""
    SHORT = "short"
    """Without sub and dlvrd."""
    LONG_DATES = "long_dates"
    """Dates with seconds."""
    NO_TEXT = "no_text"
    """Nothing after err."""
    EMPTY = "empty"
    """No text at all: only optional parameters."""
    UTF16 = "utf16"
    FAILED = "failed"
    """stat:FAILED, spelled with six letters, in place of UNDELIV."""


class StateName(StrEnum):
    """The last state of a part, as receipts spell it (SMPP 3.4, Appendix B; SKIPPED: SMPP 5.0)."""

    DELIVRD = "DELIVRD"
    EXPIRED = "EXPIRED"
    DELETED = "DELETED"
    UNDELIV = "UNDELIV"
    ACCEPTD = "ACCEPTD"
    UNKNOWN = "UNKNOWN"
    REJECTD = "REJECTD"
    SKIPPED = "SKIPPED"


class ThrottlePer(StrEnum):
    """Who shares one limit of parts per second."""

    BIND = "bind"
    ACCOUNT = "account"


class Charset(StrEnum):
    """What short texts may be written with."""

    ANY = ""
    SHIFT_JIS = "shift_jis"
    CP932 = "cp932"


Seconds: TypeAlias = Annotated[float, between(0, MAX_DELAY)]


class Uniform(Table):
    """A delay that is anything between two limits, each as likely."""

    min: Seconds
    """Seconds at least, 0..604800."""
    max: Annotated[float, between(0, MAX_DELAY)]
    """Seconds at most, min..604800."""

    @field_validator("max")
    @classmethod
    def _check_order(cls, value: float, validation: ValidationInfo) -> float:
        if value < validation.data.get("min", value):
            raise ValueError(f"must be at least min ({validation.data['min']})")
        return value


class Lognormal(Table):
    """A delay that is mostly short and sometimes long, as delays in networks are."""

    median: Annotated[float, between(0.000_001, MAX_DELAY)]
    """Seconds that half of all stay below, 0.000001..604800."""
    p99: Annotated[float, between(0.000_001, MAX_DELAY)]
    """Seconds that 99 of 100 stay below, median..604800."""

    @field_validator("p99")
    @classmethod
    def _check_order(cls, value: float, validation: ValidationInfo) -> float:
        if value < validation.data.get("median", value):
            raise ValueError(f"must be at least median ({validation.data['median']})")
        return value


def _read_delay(value: object) -> float | Uniform | Lognormal:
    if isinstance(value, Uniform | Lognormal):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_DELAY:
        return float(value)
    for kind in (Uniform, Lognormal):
        if isinstance(value, Mapping) and value.keys() == kind.model_fields.keys():
            return kind.model_validate(value)
    raise ValueError(f"must be seconds, 0..{MAX_DELAY}, or {{ min, max }} or {{ median, p99 }}")


def _check_status_or_none(name: str) -> str:
    if name:
        status_number(name)
    return name


def _check_rates(rates: dict[str, float]) -> dict[str, float]:
    if sum(rates.values()) > 1 + 1e-9:
        raise conflict("must be rates that are not more than 1 together")
    return rates


def _check_weights(weights: dict[StateName, float]) -> dict[StateName, float]:
    if not sum(weights.values()):
        raise conflict("must give a state a weight above 0")
    return weights


_lax = Field(strict=False)  # TOML and JSON have no enumerations: strings stand for them

Rate: TypeAlias = Annotated[float, between(0, 1)]
"""A chance, 0 (never) to 1 (always)."""
Delay: TypeAlias = Annotated[float | Uniform | Lognormal, BeforeValidator(_read_delay)]
"""Seconds: always the same, or a distribution."""
PartsPerSecond: TypeAlias = Annotated[float, between(0, 1_000_000)]


class AnswerSettings(Table):
    """How submit_sm is answered."""

    latency: Delay = 0.0
    """Seconds from a submit_sm to its answer, 0..604800, or { min, max } or { median, p99 }."""
    lose_rate: Rate = 0.0
    """Chance that an answer is never sent, 0..1: the part was taken all the same."""
    late_rate: Rate = 0.0
    """Chance that an answer comes late_by seconds later, 0..1."""
    late_by: Seconds = 60.0
    """Seconds that late answers are late, 0..604800."""
    double_rate: Rate = 0.0
    """Chance that an answer is sent twice, 0..1."""
    reorder_rate: Rate = 0.0
    """Chance that an answer is held back until after the next one of its connection, 0..1."""
    statuses: Annotated[dict[StatusText, Rate], AfterValidator(_check_rates)] = Field(default_factory=dict)
    """Errors and the chance of each, 0..1: names of SMPP without ESME_, or numbers as "0x00000400"."""
    parts_per_second: PartsPerSecond = 0.0
    """Parts taken a second, 0..1000000, after a silence a second's worth at once; 0: any number."""
    throttle_per: Annotated[ThrottlePer, _lax] = ThrottlePer.BIND
    """Who shares parts_per_second: bind (each connection has its own) or account."""
    throttle_status: StatusText = "RTHROTTLED"
    """The error above parts_per_second."""
    queue_limit: Annotated[int, between(0, 1_000_000_000)] = 0
    """Parts that may be without their end at once, 0..1000000000; above: RMSGQFUL. 0: any number."""
    id_form: Annotated[IdSpelling, _lax] = IdSpelling.DECIMAL
    """How the message_id is spelled: decimal (10 digits), hex, HEX, padded (HEX of 10 digits), uuid."""
    short_charset: Annotated[Charset, _lax] = Charset.ANY
    """Single parts of up to short_units may hold only what it can write: shift_jis, cp932; "": anything."""
    short_units: Annotated[int, between(1, 670)] = 70
    """UTF-16 units of the longest text that short_charset is about, 1..670."""
    short_status: StatusText = "0x00000400"
    """The error for what short_charset cannot write."""


class ReceiptSettings(Table):
    """What becomes of each part, and how its receipt says so."""

    delay: Delay = 0.5
    """Seconds from a submit_sm to the end of its part, 0..604800, or { min, max } or { median, p99 }."""
    states: Annotated[
        dict[Annotated[StateName, _lax], Annotated[float, between(0, 1_000_000)]], AfterValidator(_check_weights)
    ] = Field(default_factory=lambda: {StateName.DELIVRD: 1.0})
    """Last states of parts and their weights, 0..1000000; DELIVRD, EXPIRED, UNDELIV and others of StateName."""
    error: Annotated[str, matching("[0-9]{3}", "three digits")] = "001"
    """The receipt's own error code when the state is a failure, three digits; 000 else."""
    missing_rate: Rate = 0.0
    """Chance that a receipt never comes, 0..1."""
    early_rate: Rate = 0.0
    """Chance that a receipt is sent before the answer to its submit_sm, 0..1."""
    double_rate: Rate = 0.0
    """Chance that a receipt is sent again, its own delay later, 0..1."""
    reorder_rate: Rate = 0.0
    """Chance that a receipt takes twice its delay, at least a second more, so that later parts' come first, 0..1."""
    other_bind_rate: Rate = 0.0
    """Chance that a receipt goes to another bind of the account than its submit_sm came from, 0..1."""
    intermediate_rate: Rate = 0.0
    """Chance of an ENROUTE notification before a receipt that was asked for, 0..1."""
    id_form: Annotated[ReceiptIdSpelling, _lax] = ReceiptIdSpelling.SAME
    """How receipts spell the message_id: same, decimal, hex, HEX, stripped (of zeros in front), padded (to 16)."""
    text: Annotated[ReceiptText, _lax] = ReceiptText.STANDARD
    """How it is written: standard, capital_text, short, long_dates, no_text, empty, utf16, failed."""
    tlvs: bool = True
    """true: receipted_message_id and message_state as optional parameters, too."""
    data_coding: Octet = 0
    """What receipts say of their octets, 0..255, whatever they are; many an SMSC says 8 of ASCII."""
    by_data_sm: bool = False
    """true: receipts come as data_sm, not as deliver_sm."""


class LinkSettings(Table):
    """What befalls connections."""

    refuse_bind: Annotated[str, AfterValidator(_check_status_or_none)] = ""
    """The error that every bind gets, a name of SMPP without ESME_ or a number; "": binds are taken."""
    close_rate: Rate = 0.0
    """Chance in each second that a connection is closed without a word, 0..1."""
    unbind_rate: Rate = 0.0
    """Chance in each second that the SMSC unbinds, 0..1."""
    half_open_rate: Rate = 0.0
    """Chance in each second that the SMSC stops reading and writing, 0..1."""
    half_open_for: Seconds = 60.0
    """Seconds until it goes on, 0..604800."""
    cut_rate: Rate = 0.0
    """Chance in each second that a connection is closed in the middle of a PDU, 0..1."""
    slow_read: Annotated[int, between(0, 1_000_000_000)] = 0
    """Octets a second that the SMSC reads of each connection, 0..1000000000; 0: all there are."""
    garbage_rate: Rate = 0.0
    """Chance in each second that octets are sent that are no PDU, 0..1."""
    wrong_length_rate: Rate = 0.0
    """Chance in each second that a PDU is sent with a wrong command_length, 0..1."""
    ignore_enquire_link: bool = False
    """true: enquire_link is not answered."""
    idle_close: Seconds = 0.0
    """Seconds without an octet from the ESME after which its connection is closed, 0..604800; 0: never."""
