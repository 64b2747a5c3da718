"""What a load is: how many messages, how fast, of which sort, to whom. Every bound has its name here."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

DEFAULT_COUNT: Final = 10_000
MAX_COUNT: Final = 10_000_000
"""Messages in one run, whatever is asked."""
MAX_SECONDS: Final = 86_400
"""How long messages may leave in one run: the throughput is kept for each second."""
MAX_RATE: Final = 200_000
"""Above what this client can send on the quickest machine, so that its own lag is all there is to see."""
MAX_BINDS: Final = 256
MAX_WINDOW: Final = 100_000
MAX_BATCH: Final = 1000
"""Messages in one submit of the upstream protocol."""
MAX_WAIT: Final = 3600
MAX_WAITING: Final = 100_000
"""Messages of an open loop that are due and cannot leave; those that come on top are never sent, and counted."""

_MAX_DIGITS: Final = 15


@dataclass(frozen=True, slots=True)
class Numbers:
    """Destinations: numbers of `width` digits from `first` on, `size` of them, taken in turn."""

    first: int
    size: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One load. Times in seconds, rates in messages per second."""

    numbers: Numbers
    mix: Mapping[str, int]
    """The kinds of text, each with its weight."""
    count: int = DEFAULT_COUNT
    """Messages at most; a long one has several parts."""
    seconds: float = inf
    """How long messages leave."""
    rate: float = 0.0
    """Messages that arrive in a second, whether the server takes them or not (open loop); 0: each answer makes room for
    another one (closed loop)."""
    poisson: bool = False
    """Whether arrivals of an open loop come at random, as those of many people do; else evenly."""
    binds: int = 1
    window: int = 100
    """Unanswered at once: per bind, or on the upstream connection."""
    batch: int = 50
    """Messages in one upstream submit, at most."""
    sender: str = ""
    receipts: bool = True
    seed: int = 0
    wait: float = 10.0
    """How long an answer may take, and how long we wait at the end with nothing coming in."""


def parse_mix(text: str, kinds: Mapping[str, object]) -> dict[str, int]:
    """Read `japanese=7,gsm7=2,long=1`; a kind without a weight has 1.

    Raises: ValueError: what is allowed.
    """
    mix: dict[str, int] = {}
    for each in text.split(","):
        kind, equals, weight = each.strip().partition("=")
        number = _digits(weight if equals else "1")
        if kind not in kinds or kind in mix or not 0 <= number <= 1000:
            raise ValueError(
                f"must be kinds with weights of 0 to 1000, like japanese=7,gsm7=2; kinds: {', '.join(kinds)}"
            )
        mix[kind] = number
    if not any(mix.values()):
        raise ValueError("must give at least one kind a weight above 0")
    return mix


def parse_numbers(text: str) -> Numbers:
    """Read `819000000000-819009999999`, or one number.

    Raises: ValueError: what is allowed.
    """
    first, dash, last = text.partition("-")
    last = last if dash else first
    low, high = _digits(first), _digits(last)
    if len(first) != len(last) or not 0 <= low <= high or len(first) > _MAX_DIGITS:
        raise ValueError(f"must be FIRST-LAST, two numbers of as many digits, {_MAX_DIGITS} at most")
    return Numbers(low, high - low + 1, len(first))


def _digits(text: str) -> int:
    """The number that ASCII digits write; -1 when it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else -1
