"""Which faults are shown on the wire, and by tests of which names: a test asks whether any is missing."""

from collections.abc import Mapping
from typing import Final

import pytest

SHOWN: Final[set[str]] = set()
"""The flat names of all faults that a test lets an SMSC have on the wire."""


def shows(*cases: Mapping[str, object]) -> pytest.MarkDecorator:
    """Run a test with each of these sets of faults, by their flat names."""
    SHOWN.update(name for case in cases for name in case)
    return pytest.mark.parametrize("faults", cases)


def shows_each(*cases: tuple[Mapping[str, object], object]) -> pytest.MarkDecorator:
    """The same, where the test is told what to expect."""
    SHOWN.update(name for case, _ in cases for name in case)
    return pytest.mark.parametrize(("faults", "expected"), cases)
