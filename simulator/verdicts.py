"""What is wrong with parts that were taken: pure, and linear in their number. It sees them once, in their order.

| verdict | what it says of a part |
| --- | --- |
| undecodable | it can't be read alone: octets not valid in their coding, or no header where esm_class announces one |
| character_cut | between it and its neighbour a character is cut: surrogate pair, escape sequence, double octet |
| cluster_cut | between it and its neighbour a grapheme cluster is cut (Unicode UAX #29) |
| reference_clash | it came while another message of the same source, destination and reference was not complete |
| two_binds | another part of its message came over another session |
| seen_twice | the same part, or a message of the same text, went from the same source to the same destination before |
| never_completed | parts of its message are missing JOIN_SECONDS after the first that came |

The cuts are judged once all parts of a message are there. Of the same octets seen twice the later ones are marked.
"""

from array import array
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from hashlib import blake2b
from math import inf
from typing import Final, TypeAlias

import regex  # type: ignore[import-untyped]  # ships no type hints

from protocol import alphabets
from protocol.constants import DATA_CODINGS, Coding
from simulator.parts import Content, Part, read_content

JOIN_SECONDS: Final = 3600.0
"""How long the first part of a message waits for the others."""

SEEN_SECONDS: Final = 300.0
"""How soon the same octets count as seen twice: longer than a peer waits for an answer before it sends again."""

MAX_OPEN: Final = 50_000
"""Messages that may wait for parts at once; the oldest is given up without a verdict."""

MAX_SEEN: Final = 200_000
"""Parts and messages remembered to tell which come twice."""

_CLUSTER: Final = regex.compile(r"\X")

_Route: TypeAlias = tuple[bytes, bytes, int]
"""Source, destination and reference: all that many a handset joins by, whatever the reference's width."""
_Place: TypeAlias = tuple[bytes, int, int, int]
"""Account, data_coding, total and width: what parts of one message have in common besides."""


class Verdict(IntFlag):
    """One bit each; see the table above."""

    UNDECODABLE = 1
    CHARACTER_CUT = 2
    CLUSTER_CUT = 4
    REFERENCE_CLASH = 8
    TWO_BINDS = 16
    SEEN_TWICE = 32
    NEVER_COMPLETED = 64


VERDICTS: Final = {verdict.name.lower(): verdict for verdict in Verdict if verdict.name}
"""The verdicts by their names."""

_NAMES: Final = tuple(
    tuple(name for name, verdict in VERDICTS.items() if marks & verdict) for marks in range(1 << len(VERDICTS))
)
_MARKED: Final = {verdict: bytes(int(marks & verdict > 0) for marks in range(256)) for verdict in Verdict}


@dataclass(slots=True)
class _Piece:
    index: int
    session: int
    body: bytes = field(repr=False)
    again: bool


@dataclass(slots=True, eq=False)
class _Message:
    route: _Route = field(repr=False)
    place: _Place = field(repr=False)
    coding: Coding | None
    since: float
    pieces: dict[int, _Piece]
    marks: int = 0


class Examiner:
    """Looks at parts as they came, and keeps five octets for each.

    A verdict may come later than its part: with another part, or with time.
    """

    def __init__(self, data_codings: Mapping[int, Coding] = DATA_CODINGS) -> None:
        self.begin = 0
        """The index of the first part whose verdicts are kept."""
        self._data_codings = data_codings
        self._marks = bytearray()
        self._links = array("i")
        """From each part of a complete message to the next, from the last to the first; 0: none."""
        self._live: dict[_Route, dict[_Place, _Message]] = {}
        self._by_age: OrderedDict[_Message, None] = OrderedDict()
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    @property
    def end(self) -> int:
        """The index of the part to take next."""
        return self.begin + len(self._marks)

    @property
    def waiting(self) -> int:
        """Messages that wait for parts."""
        return len(self._by_age)

    def take(self, part: Part) -> None:
        """Look at the next part; where indexes were left out, those before are forgotten."""
        if part.index != self.end:
            self.begin = part.index
            self._marks.clear()
            del self._links[:]
        content = read_content(part.submit, self._data_codings)
        again = self._saw(_fingerprint(part, content.header + content.body, content), part.time)
        self._marks.append((0 if content.readable else Verdict.UNDECODABLE) | (Verdict.SEEN_TWICE if again else 0))
        self._links.append(0)
        if content.concat is not None:
            self.expire(part.time)
            self._join(part, content, again)

    def expire(self, now: float) -> None:
        """Give up what waits for too long. now: seconds since 1970; inf: nothing more will come."""
        while self._by_age:
            oldest = next(iter(self._by_age))
            if oldest.since + JOIN_SECONDS > now:
                break
            self._drop(oldest)
            if not all(piece.again for piece in oldest.pieces.values()):  # else it was complete before
                self._blame(oldest, Verdict.NEVER_COMPLETED)

    def forget(self, before: int) -> None:
        """Forget the verdicts on parts below an index."""
        count = min(before, self.end) - self.begin
        if count > 0:
            del self._marks[:count], self._links[:count]
            self.begin += count

    def names(self, index: int) -> tuple[str, ...]:
        """The verdicts on a part; none when it is forgotten or was not taken yet."""
        return _NAMES[self._marks[index - self.begin]] if self.begin <= index < self.end else ()

    def has(self, index: int, verdict: Verdict) -> bool:
        """Whether a part has a verdict."""
        return self.begin <= index < self.end and self._marks[index - self.begin] & verdict > 0

    def find(self, verdict: Verdict, start: int, stop: int) -> int:
        """The first index from start on with this verdict; stop when there is none below it."""
        marks = self._marks[max(start - self.begin, 0) : max(stop - self.begin, 0)]
        found = marks.translate(_MARKED[verdict]).find(1)
        return stop if found < 0 else max(start, self.begin) + found

    def message(self, index: int) -> list[int]:
        """The indexes of all parts of a long message that is complete, from the one given on and around; else none."""
        found, at = [index], index
        while self.begin <= at < self.end and self._links[at - self.begin]:
            at += self._links[at - self.begin]
            if at == index:
                return found
            found.append(at)
        return []

    def _saw(self, fingerprint: bytes, now: float) -> bool:
        before = self._seen.pop(fingerprint, -inf)
        self._seen[fingerprint] = now
        if len(self._seen) > MAX_SEEN:
            self._seen.popitem(last=False)
        return now - before <= SEEN_SECONDS

    def _join(self, part: Part, content: Content, again: bool) -> None:
        concat, submit = content.concat, part.submit
        assert concat
        route = (submit.source_addr, submit.destination_addr, concat.reference)
        place = (part.system_id, submit.data_coding, concat.total, concat.width)
        message = self._live.get(route, {}).get(place)
        before = message and message.pieces.get(concat.number)
        if before and before.body == content.body:
            self._mark(part.index, Verdict.SEEN_TWICE)
            return
        if message is None or before:
            message = self._begin(_Message(route, place, content.coding, part.time, {}))
        message.pieces[concat.number] = _Piece(part.index, part.session, content.body, again)
        self._mark(part.index, message.marks)
        if next(iter(message.pieces.values())).session != part.session:
            self._blame(message, Verdict.TWO_BINDS)
        if len(message.pieces) == concat.total:
            self._complete(message, part)

    def _begin(self, message: _Message) -> _Message:
        """Begin a message; the one in its place is given up: to mix the two would make a text nobody wrote."""
        rivals = [*self._live.get(message.route, {}).values()]
        for rival in rivals:
            self._blame(rival, Verdict.REFERENCE_CLASH)
            message.marks = Verdict.REFERENCE_CLASH
            if rival.place == message.place:
                self._drop(rival)
        if len(self._by_age) >= MAX_OPEN:
            self._drop(next(iter(self._by_age)))
        self._live.setdefault(message.route, {})[message.place] = message
        self._by_age[message] = None
        return message

    def _drop(self, message: _Message) -> None:
        del self._by_age[message]
        places = self._live[message.route]
        del places[message.place]
        if not places:
            del self._live[message.route]

    def _complete(self, message: _Message, last: Part) -> None:
        self._drop(message)
        pieces = [piece for _, piece in sorted(message.pieces.items())]
        for piece, following in zip(pieces, pieces[1:] + pieces[:1], strict=True):
            if piece.index >= self.begin:
                self._links[piece.index - self.begin] = following.index - piece.index
        bodies = [piece.body for piece in pieces]
        if message.coding is not None:
            for n, verdict in find_cuts(bodies, message.coding):
                self._mark(pieces[n].index, verdict)
                self._mark(pieces[n + 1].index, verdict)
        if len(pieces) > 1 and self._saw(_fingerprint(last, b"".join(bodies), None), last.time):
            self._blame(message, Verdict.SEEN_TWICE)

    def _blame(self, message: _Message, verdict: Verdict) -> None:
        message.marks |= verdict
        for piece in message.pieces.values():
            self._mark(piece.index, verdict)

    def _mark(self, index: int, marks: int) -> None:
        if index >= self.begin:
            self._marks[index - self.begin] |= marks


def find_cuts(bodies: Sequence[bytes], coding: Coding) -> list[tuple[int, Verdict]]:
    """Find the cuts between the bodies of one message that go through a character or a grapheme cluster.

    Returns: (n, verdict) for each cut between the bodies n and n + 1, counted from 0; nothing when the whole can't be
        decoded, for then nobody knows its characters.
    """
    octets = b"".join(bodies)
    text = alphabets.decode(octets, coding)
    found: list[tuple[int, Verdict]] = []
    if text is None:
        return found
    at = 0
    for n, body in enumerate(bodies[:-1]):
        at += len(body)
        left, right = alphabets.decode(octets[:at], coding), alphabets.decode(octets[at:], coding)
        if left is None or right is None or left + right != text:
            found.append((n, Verdict.CHARACTER_CUT))
        elif not _is_boundary(text, len(left)):
            found.append((n, Verdict.CLUSTER_CUT))
    return found


def _is_boundary(text: str, at: int) -> bool:
    # a match looks behind its start, so it knows the cluster that it begins within
    return at in (0, len(text)) or _CLUSTER.match(text, at - 1).end() == at


def _fingerprint(part: Part, octets: bytes, content: Content | None) -> bytes:
    """What tells a part, or a whole message, from others; content: None for a whole one."""
    submit = part.submit
    concat = content and content.concat
    place = f"{submit.data_coding} {len(content.header) if content else 0} "
    place += f"{concat.reference} {concat.total} {concat.number}" if concat else ""
    fields = (submit.source_addr, submit.destination_addr, place.encode(), octets)
    return blake2b(b"\0".join(fields), digest_size=12).digest()
