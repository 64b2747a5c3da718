"""What a phase asks for, made ready for the hot path: for all messages, and for those that a rule is about."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias

from config.faults import (
    AnswerSettings,
    Charset,
    IdSpelling,
    ReceiptIdSpelling,
    ReceiptSettings,
    ReceiptText,
    StateName,
)
from config.fields import Table, status_number
from config.scenario import PhaseSettings
from protocol.constants import Coding, MessageState
from protocol.receipt import STATE_NAMES
from simulator.chance import Choice, sampler

_STATES: Final = {StateName(name): MessageState(state) for state, name in STATE_NAMES.items() if name in set(StateName)}
_CHARSETS: Final = {Charset.SHIFT_JIS: Coding.SHIFT_JIS, Charset.CP932: Coding.CP932}


@dataclass(frozen=True, slots=True)
class ReceiptForm:
    """How a receipt is written, and how it is sent."""

    text: ReceiptText = ReceiptText.STANDARD
    tlvs: bool = True
    data_coding: int = 0
    by_data_sm: bool = False


STANDARD_FORM: Final = ReceiptForm()
"""What most scenarios ask for: plans that do have this very object, so that `is` finds them."""


class Randoms(NamedTuple):
    """A generator for each group of faults, so that none disturbs another."""

    answers: Random
    receipts: Random
    link: Random


Changes: TypeAlias = Mapping[str, Mapping[str, Any]]
"""What was changed at run time: group -> key -> value."""


class Plan:
    """What happens to the messages of one rule, or to all that no rule is about.

    Attributes: calm_answers, calm_receipts: nothing is left to chance or counted. quota: who shares parts_per_second.
    """

    __slots__ = (
        "answers",
        "calm_answers",
        "calm_receipts",
        "charset",
        "delay",
        "form",
        "latency",
        "quota",
        "receipts",
        "short_status",
        "states",
        "statuses",
        "throttle_status",
    )

    def __init__(self, answers: AnswerSettings, receipts: ReceiptSettings, quota: str, randoms: Randoms) -> None:
        self.answers = answers
        self.receipts = receipts
        self.quota = quota
        self.calm_answers = _is_calm(answers) and answers.id_form is IdSpelling.DECIMAL
        self.calm_receipts = _is_calm(receipts) and receipts.id_form is ReceiptIdSpelling.SAME
        self.latency: Callable[[], float] = sampler(answers.latency, randoms.answers)
        self.delay: Callable[[], float] = sampler(receipts.delay, randoms.receipts)
        errors = {status_number(name): 0.0 for name in answers.statuses}
        for name, rate in answers.statuses.items():
            errors[status_number(name)] += rate
        self.statuses = Choice({0: max(0.0, 1.0 - sum(errors.values())), **errors})
        self.throttle_status = status_number(answers.throttle_status)
        self.short_status = status_number(answers.short_status)
        self.charset = _CHARSETS.get(answers.short_charset)
        self.states = Choice({_STATES[name]: weight for name, weight in receipts.states.items()})
        form = ReceiptForm(receipts.text, receipts.tlvs, receipts.data_coding, receipts.by_data_sm)
        self.form = STANDARD_FORM if form == STANDARD_FORM else form


class Plans:
    """The plans of a phase: at most one dict is asked for each length of prefix there is, however many rules."""

    def __init__(self, phase: PhaseSettings, changes: Changes, randoms: Randoms) -> None:
        self._changes = {group: dict(changes.get(group, {})) for group in ("answers", "receipts")}
        self._randoms = randoms
        answers = phase.answers.model_copy(update=self._changes["answers"])
        receipts = phase.receipts.model_copy(update=self._changes["receipts"])
        self.default = Plan(answers, receipts, "", randoms)
        self._rules = phase.rules
        self._made: list[Plan | None] = [None] * len(phase.rules)
        self._numbers: dict[bytes, dict[bytes, int]] = {}
        for number, rule in enumerate(phase.rules):
            self._numbers.setdefault(_octets(rule.prefix), {})[_octets(rule.source)] = number
        self._lengths = _longest_first(self._numbers)
        self._source_lengths = _longest_first(source for sources in self._numbers.values() for source in sources)
        limits = [answers.queue_limit, *(rule.answers.queue_limit for rule in phase.rules)]
        self.counts = any(limits)
        """Whether parts without their end must be counted."""

    def find(self, destination: bytes, source: bytes) -> Plan:
        """Find the plan for a message by its addresses."""
        for length in self._lengths:
            sources = self._numbers.get(destination[:length])
            if sources:
                for source_length in self._source_lengths:
                    number = sources.get(source[:source_length])
                    if number is not None:
                        return self._made[number] or self._make(number)
        return self.default

    def _make(self, number: int) -> Plan:
        rule, default = self._rules[number], self.default
        quota = (
            f"{rule.prefix or ''} {rule.source or ''}" if "parts_per_second" in rule.answers.model_fields_set else ""
        )
        plan = self._made[number] = Plan(
            default.answers.model_copy(update=_own(rule.answers) | self._changes["answers"]),
            default.receipts.model_copy(update=_own(rule.receipts) | self._changes["receipts"]),
            quota,
            self._randoms,
        )
        return plan


def _is_calm(table: AnswerSettings | ReceiptSettings) -> bool:
    rates = [value for key, value in table if key.endswith("_rate")]
    if isinstance(table, AnswerSettings):
        delay: object = table.latency
        rates += [*table.statuses.values(), table.parts_per_second, table.queue_limit, table.short_charset]
    else:
        delay = table.delay
        rates += [weight for name, weight in table.states.items() if name is not StateName.DELIVRD]
    return isinstance(delay, float) and not any(rates)


def _own(table: Table) -> dict[str, Any]:
    """What a rule says itself; what was changed at run time counts more."""
    return {key: getattr(table, key) for key in table.model_fields_set}


def _octets(prefix: str | None) -> bytes:
    return (prefix or "").encode("ascii")


def _longest_first(prefixes: Iterable[bytes]) -> tuple[int, ...]:
    return tuple(sorted({len(prefix) for prefix in prefixes}, reverse=True))
