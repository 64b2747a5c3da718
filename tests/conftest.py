"""The order of the tests, and how hypothesis runs: no deadline, for no test asserts a duration; in CI, more examples.

`make coverage` asks which lines are met, not whether they are right, and takes few examples, the same ones each time.
"""

import os
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("dev", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), max_examples=120, print_blob=True)
settings.register_profile("lines", settings.get_profile("dev"), max_examples=6, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "dev")

LONG: Final = ("tests/benchmarks/", "tests/end_to_end/", "tests/promises/", "tests/browser/")
"""Where the longest files are. They come first: at the end, one would keep a worker busy that the others wait for."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
