"""Parts into messages: what says that parts belong together, and a bounded place where they wait for each other."""

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Final, Generic, TypeVar

from protocol.constants import EsmClass, Tag

T = TypeVar("T")

_REFERENCE_OCTETS: Final = {0x00: 1, 0x08: 2}
"""Information elements of concatenation, and how wide their reference is (3GPP TS 23.040, 9.2.3.24.1 and .8)."""


@dataclass(frozen=True, slots=True)
class Concat:
    """Which part of which message this is: 1 <= number <= total <= 255. width: bits of the reference, 8 or 16."""

    reference: int
    total: int
    number: int
    width: int


def split_udh(short_message: bytes, esm_class: int) -> tuple[Concat | None, bytes]:
    """Take the user data header off and read what it says of concatenation; never raises.

    Other elements may stand before or after; one that says part 0, or a part beyond the total, is ignored; of several
    the last counts.

    Returns: the whole short_message when UDHI is not set, or the header would end after the octets do. No Concat when
        the elements do not fill the header exactly.
    Spec: 3GPP TS 23.040, 9.2.3.24.
    """
    if not esm_class & EsmClass.UDHI or not short_message or short_message[0] >= len(short_message):
        return None, short_message
    end = short_message[0] + 1
    return _find_concat(short_message[1:end]), short_message[end:]


def read_sar(tlvs: Iterable[tuple[int, bytes]]) -> Concat | None:
    """Read the SAR parameters; None unless all three are there and make sense (SMPP 3.4, 5.3.2.22-24)."""
    values = dict(tlvs)
    reference, total, number = (
        int.from_bytes(values.get(tag, b""), "big")
        for tag in (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)
    )
    if Tag.SAR_MSG_REF_NUM not in values or reference > 0xFFFF or not 1 <= number <= total <= 0xFF:
        return None
    return Concat(reference, total, number, 16)


def _find_concat(elements: bytes) -> Concat | None:
    found, at = None, 0
    while at + 2 <= len(elements):
        identifier, length = elements[at], elements[at + 1]
        value = elements[at + 2 : at + 2 + length]
        found = _read_concat(identifier, value) or found
        at += 2 + length
    return found if at == len(elements) else None


def _read_concat(identifier: int, value: bytes) -> Concat | None:
    width = _REFERENCE_OCTETS.get(identifier)
    if width is None or len(value) != width + 2 or not 1 <= value[-1] <= value[-2]:
        return None
    return Concat(int.from_bytes(value[:width], "big"), value[-2], value[-1], 8 * width)


@dataclass(slots=True)
class Incomplete(Generic[T]):
    """A message given up.

    Attributes: since: when the first of its parts came. fragments: the bodies that came, by part number, in its order.
    """

    key: Hashable = field(repr=False)
    reference: int
    total: int
    since: float
    fragments: dict[int, T] = field(repr=False)


class Joiner(Generic[T]):
    """Keeps parts until their message is complete; sans-IO: the caller brings the time.

    Args: timeout: seconds from a message's first part until it is given up. max_open: messages that may wait; the
        oldest is given up for a new one.
    """

    def __init__(self, timeout: float, max_open: int) -> None:
        self._timeout = timeout
        self._max_open = max_open
        self._open: dict[Hashable, Incomplete[T]] = {}  # oldest first, so the first deadline is the next
        self._given_up: deque[Incomplete[T]] = deque()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, key: Hashable, concat: Concat, body: T, now: float) -> list[T] | None:
        """Add a part, in any order; a part that came before is ignored.

        A part with the number of an earlier one and another body belongs to a new message that uses the reference
        again: the earlier message is given up, for mixing the two would make a text nobody wrote.

        Args: key: who wrote to whom: (account, source, destination). body: compared with ==.
        Returns: all bodies in order, once the last missing one is there.
        """
        place = (key, concat.reference, concat.total, concat.width)
        message = self._open.get(place)
        if message and message.fragments.get(concat.number, body) != body:
            self._give_up(place)
            message = None
        if message is None:
            message = self._begin(place, key, concat, now)
        message.fragments[concat.number] = body
        if len(message.fragments) < concat.total:
            return None
        del self._open[place]
        return [message.fragments[number] for number in range(1, concat.total + 1)]

    def expire(self, now: float) -> list[Incomplete[T]]:
        """Give up what waited too long, and hand back all that was given up since the last call.

        An add gives up one message at most; call this after each batch of them, so that nothing gathers here.
        """
        while self._open and self._first_deadline() <= now:
            self._give_up_oldest()
        given_up = list(self._given_up)
        self._given_up.clear()
        return given_up

    @property
    def next_deadline(self) -> float:
        """When to call expire: -inf when something waits to be handed back, inf when nothing is due."""
        if self._given_up:
            return -inf
        return self._first_deadline() if self._open else inf

    def _first_deadline(self) -> float:
        return next(iter(self._open.values())).since + self._timeout

    def _begin(self, place: Hashable, key: Hashable, concat: Concat, now: float) -> Incomplete[T]:
        if len(self._open) >= self._max_open:
            self._give_up_oldest()
        message = self._open[place] = Incomplete[T](key, concat.reference, concat.total, now, {})
        return message

    def _give_up_oldest(self) -> None:
        self._give_up(next(iter(self._open)))

    def _give_up(self, place: Hashable) -> None:
        message = self._open.pop(place)
        message.fragments = {number: message.fragments[number] for number in sorted(message.fragments)}
        self._given_up.append(message)
