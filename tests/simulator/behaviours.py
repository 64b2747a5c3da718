"""Behaviours to ask: one phase with the faults that a test names, or a whole scenario."""

from collections.abc import Mapping
from typing import Any, Final

from config.scenario import PhaseSettings, Scenario
from protocol.pdu import SubmitSm
from simulator.behaviour import Answer, Behaviour, Origin, Outcome
from simulator.faults import GROUPS

ORIGIN: Final = Origin(1, b"bank")
WANTED: Final = SubmitSm(source_addr=b"0005", destination_addr=b"819012345678", registered_delivery=1)
MANY: Final = 20_000
"""Decisions of one seed that are counted: the counts never change, so no test is flaky."""


def behaviour(faults: Mapping[str, object] | None = None, seed: int = 1, started: float = 0.0) -> Behaviour:
    """Make one whose only phase has these faults, by their flat names."""
    tree: dict[str, Any] = {group: {} for group in GROUPS}
    for name, value in (faults or {}).items():
        group, key = name.split(".")
        tree[group][key] = value
    return Behaviour(Scenario(phases=(PhaseSettings.model_validate({"name": "only", **tree}),)), seed, started)


def scenario(tree: dict[str, Any], seed: int = 1) -> Behaviour:
    return Behaviour(Scenario.model_validate(tree), seed, 0.0)


def answers(made: Behaviour, number: int, now: float = 0.0, submit: SubmitSm = WANTED) -> list[Answer]:
    return [made.answer(submit, now, ORIGIN) for _ in range(number)]


def receipts(made: Behaviour, number: int, submit: SubmitSm = WANTED) -> list[list[Outcome]]:
    return [made.receipts(submit, b"1234567890", 0.0) for _ in range(number)]


def wishing(registered_delivery: int) -> SubmitSm:
    return SubmitSm(destination_addr=b"819012345678", registered_delivery=registered_delivery)
