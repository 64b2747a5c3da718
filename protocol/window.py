"""What a session has asked and not been answered, and the octets that wait to be sent: numbers, deadlines, no rules."""

from collections.abc import Iterable, Sequence
from math import inf
from typing import Any, Final, TypeAlias

from protocol.codec import HEADER
from protocol.constants import HEADER_OCTETS, MAX_SEQUENCE, CommandId
from protocol.events import Unanswered

_Pending: TypeAlias = tuple[Any, float, int]

_SUBMIT_SM: Final = int(CommandId.SUBMIT_SM)  # plain numbers: a member of an enum costs 0.1 us each time it is named
_SUBMIT_SM_RESP: Final = int(CommandId.SUBMIT_SM_RESP)


class Window:
    """Hands out sequence numbers, remembers for what, and gathers octets."""

    def __init__(self) -> None:
        self.queued = 0
        """Octets that wait in `data_to_send`."""
        self._sequence = 0
        self._in_flight: dict[int, _Pending] = {}
        """The window: sequence number -> (tag, deadline, response's command_id); oldest first: all wait equally."""
        self._late: dict[int, tuple[Any, int]] = {}
        self._control: dict[int, CommandId] = {}
        """Our unanswered bind, unbind and enquire_link."""
        self._out: list[bytes] = []

    @property
    def in_flight(self) -> int:
        """Requests in the window."""
        return len(self._in_flight)

    @property
    def _oldest_deadline(self) -> float:
        return next(iter(self._in_flight.values()))[1] if self._in_flight else inf

    def data_to_send(self) -> bytes:
        """Drain what the other calls queued; the caller must send it, whole and in order."""
        octets = b"".join(self._out)
        self._out.clear()
        self.queued = 0
        return octets

    def _queue(self, octets: bytes) -> None:
        self._out.append(octets)
        self.queued += len(octets)

    def _next_sequence(self) -> int:
        sequence = self._sequence
        while True:
            sequence = sequence + 1 if sequence < MAX_SEQUENCE else 1
            if sequence not in self._in_flight and sequence not in self._late and sequence not in self._control:
                self._sequence = sequence
                return sequence

    def _queue_submits(self, bodies: Sequence[bytes], tags: Iterable[Any], deadline: float) -> list[int]:
        """Queue a submit_sm for each body and put it into the window; returns their sequence numbers."""
        out, in_flight, make_header, next_sequence = self._out, self._in_flight, HEADER.pack, self._next_sequence
        sequences = []
        for body, tag in zip(bodies, tags, strict=True):
            sequence = next_sequence()
            out += (make_header(HEADER_OCTETS + len(body), _SUBMIT_SM, 0, sequence), body)
            in_flight[sequence] = tag, deadline, _SUBMIT_SM_RESP
            sequences.append(sequence)
        self.queued += HEADER_OCTETS * len(bodies) + sum(map(len, bodies))
        return sequences

    def _expire(self, now: float, most_late: int) -> list[Unanswered]:
        """Take what is overdue out of the window, and remember of it, for late answers, so many of the newest."""
        overdue: list[Unanswered] = []
        for sequence, (tag, deadline, _) in self._in_flight.items():
            if deadline > now:
                break
            overdue.append(Unanswered(tag, sequence))
        for event in overdue:
            tag, _, response = self._in_flight.pop(event.sequence_number)
            self._late[event.sequence_number] = tag, response
            if len(self._late) > most_late:
                del self._late[next(iter(self._late))]
        return overdue
