"""What the tests of the SMSC have in common: a world with one SMSC, in virtual time."""

from collections.abc import Mapping

import pytest
import trio
from trio.testing import MockClock

from tests.simulator.world import World, make_smsc, phase


@pytest.fixture
def faults() -> Mapping[str, object]:
    """The faults that the world's SMSC has, by flat names; tests are given others by parametrising this name."""
    return {}


@pytest.fixture
def world(nursery: trio.Nursery, autojump_clock: MockClock, faults: Mapping[str, object]) -> World:
    return World(nursery, make_smsc({"phases": [phase(faults)]}))
