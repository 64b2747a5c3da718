"""How often the stories of a test are told: the same ones each time, and not shrunk, for that takes minutes.

A story that breaks a promise is small enough as it is; `python -m tests.promises` shrinks those that it finds.
"""

from hypothesis import Phase, settings


def runs(number: int) -> settings:
    """The decorator for a property of so many stories."""
    return settings(
        max_examples=number, derandomize=True, phases=(Phase.explicit, Phase.generate), report_multiple_bugs=False
    )
