"""Frames that are nearly what a client may send, drawn from octets: right kinds and keys, some odd values.

Octets that are merely changed seldom come past the reading of frames; these do.
"""

from collections.abc import Iterator, Sequence
from itertools import repeat
from math import inf, nan
from typing import Any, Final, TypeVar

from protocol.upstream import CLIENT_KINDS, Frame, pack

T = TypeVar("T")

MAX_FRAMES: Final = 8
MAX_ITEMS: Final = 5
ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 1 << 63, -(1 << 63), (1 << 64) - 1),
    *(0.0, -0.0, 1e-300, 1e308, nan, inf, -inf),
    *("", "\0", "a", "a" * 64, "a" * 65, "電報🙏", "\u202e", "\r\n", "{", "%s", "'; --", "x" * 2000),
    *(b"", b"\xff", b"bank", [], [[]], [None], [""], [{}], {}, {"": None}, {"id": "1"}, {"id": []}, [[[[[[]]]]]]),
)
IDS: Final = ("1", "2", "3", "good-50", "nobody", "a" * 64)
FITTING: Final[dict[str, tuple[Any, ...]]] = {
    "id": IDS,
    "to": ("090-1234-5678", "+81 90 1234 5678", "０９０１２３４５６７８", "03-1234-5678", "1", "+", "090" * 20),
    "text": ("電報", "plain", "長い" * 400, "🙏🏽" * 40, "́" * 50, "\x1b[2J", "a" * 3000, "\ufeff", "http://example.jp"),
    "sender": ("0005123456", "denpo", "1" * 21),
    "lane": ("otp", "urgent", "normal", "bulk"),
    "not_before": (1.0, 3e9, 4102444799.0, 4102444800),
    "expires_at": (1.0, 3e9, 4102444799.0, 4102444800),
    "on_unknown": ("resend", "report"),
    "receipt": (True, False),
    "max_parts": (1, 2, 255, 256),
    "carrier": ("alpha", "beta"),
    "tags": (["a"], ["a"] * 100, ["a", 1]),
    "operator": ("me", "x" * 300),
    "meta": ({"n": [1, None, 1.5]}, {"k": "v" * 1020}, {"k": "v" * 1030}, {"d": {"d": {"d": {}}}}),
}
"""By key of a message, values of the right type: good ones, and some that go too far."""


class Draw:
    """Choices that octets make; when they are used up, always the first."""

    def __init__(self, octets: bytes) -> None:
        self._left = iter(octets)

    def below(self, end: int) -> int:
        """A number from 0 to end - 1."""
        return next(self._left, 0) % end

    def pick(self, choices: Sequence[T]) -> T:
        """One of them."""
        return choices[self.below(len(choices))]

    def value(self, *fitting: Any) -> Any:  # noqa: ANN401  # any msgpack value
        """One of these, or in one of eight cases an odd one."""
        return self.pick(fitting) if self.below(8) else self.pick(ODD)

    def times(self) -> Iterator[None]:
        """Up to MAX_ITEMS rounds."""
        return repeat(None, self.below(MAX_ITEMS + 1))


def frames_from(octets: bytes) -> bytes:
    """Some frames, packed."""
    draw = Draw(octets)
    return b"".join(pack(_frame(draw)) for _ in range(1 + draw.below(MAX_FRAMES)))


def _frame(draw: Draw) -> Frame:
    kind = draw.pick(tuple(CLIENT_KINDS))
    tag = draw.value(1, "t", -1, 1 << 40)
    if kind in ("submit", "preview"):
        return [kind, tag, draw.value([draw.value(_message(draw)) for _ in draw.times()])]
    if kind in ("cancel", "status"):
        return [kind, tag, draw.value([draw.value(*IDS) for _ in draw.times()])]
    if kind == "subscribe":
        return [kind, tag, draw.value({"after": draw.value(None, 0, 1, 1 << 40)})]
    if kind == "hello":
        fields = {"version": draw.value(1), "client": draw.value("bank"), "secret": draw.value("s3cret")}
        return [kind, draw.value(fields)]
    return [kind, draw.value(0, 1, 2, 5)]


def _message(draw: Draw) -> dict[str, Any]:
    message = {key: draw.value(*FITTING[key]) for key in ("id", "to", "text")}
    for _ in draw.times():
        key = draw.pick(tuple(FITTING))
        message[key] = draw.value(*FITTING[key])
    if not draw.below(16):
        del message[draw.pick(("id", "to", "text"))]
    return message
