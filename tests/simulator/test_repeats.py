"""The same seed and the same input give the same ledger, whatever goes wrong on the way: to the byte."""

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from config.scenario import Scenario, find_scenario, load_scenario, shipped_scenarios
from protocol.pdu import SubmitSm
from tests.simulator.world import World, make_smsc

if TYPE_CHECKING:
    from tests.simulator.esme import Esme

STEPS: Final = 450
STEP_SECONDS: Final = 0.73
"""Never at the moment when the SMSC looks at its links."""
TEXTS: Final = ["認証番号は123456です", "meet me at 8", "x" * 300, "①😀"]


class Driver:
    """Keeps one ESME bound, as well as it can, and lets it submit at every step what that step has."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._esme: Esme | None = None

    async def step(self, number: int) -> None:
        if self._esme is None or self._esme.closed:
            self._esme = self._world.connect()
            with trio.move_on_after(STEP_SECONDS / 2):
                await self._esme.bind()
        elif self._esme.session.room:
            self._esme.send(message(number))
        await wait_all_tasks_blocked()


def message(number: int) -> SubmitSm:
    body = TEXTS[number % len(TEXTS)].encode("utf-16-be")[:140]
    destination = b"8190%08d" % (number * 7919 % 10**8)
    return SubmitSm(
        source_addr=b"0005", destination_addr=destination, registered_delivery=1, data_coding=8, short_message=body
    )


def ledger(scenario: Scenario, seed: int) -> tuple[str, set[int]]:
    """Run a scenario: all rows of its ledger, and the sessions that they came over."""
    rows: list[dict[str, Any]] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            world = World(nursery, make_smsc(scenario.model_dump(mode="json", exclude_unset=True), seed))
            driver = Driver(world)
            for number in range(STEPS):
                await driver.step(number)
                await trio.sleep_until(world.began + (number + 1) * STEP_SECONDS)
            rows.extend(await world.rows())
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows), {row["session"] for row in rows}


@pytest.mark.parametrize("name", shipped_scenarios())
def test_a_scenario_gives_the_same_ledger_for_the_same_seed_and_another_for_another(name: str) -> None:
    scenario = load_scenario(find_scenario(name))
    first, sessions = ledger(scenario, 1)
    assert ledger(scenario, 1)[0] == first
    assert ledger(scenario, 2)[0] != first
    assert first.count("\n") > STEPS / 4
    if name == "nightmare":
        assert len(sessions) > 3
