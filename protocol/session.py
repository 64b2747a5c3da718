"""The SMPP session as a state machine, for both ends: octets in, events out, no clock and no socket of its own.

The owner calls `request` and `respond`, feeds what it reads to `receive`, calls `tick` when `next_deadline` has come,
and after each of these sends what `data_to_send` gives. enquire_link, unbind and broken rules are answered in here.

Only this class hands out sequence numbers and counts window slots. A request leaves the window in exactly one way:
Answered, Unanswered (its fate is unknown from then on; a later answer is a LateAnswer), or in the list of Closed.

A peer's unbind is answered when both ends have answered what they were asked before. A session that ends of itself says
unbind if the peer may still listen: an SMSC that is left without a word may call the next bind "already bound".
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf
from typing import Any, ClassVar, Final

from protocol import codec
from protocol.codec import HEADER, QUICK_DECODERS, QuickDecoder, decode_body_at, decode_response, encode, encode_body
from protocol.constants import HEADER_OCTETS, RESPONSE_BIT, VERSION_34, CommandId, Status, Tag
from protocol.errors import LocalProtocolError, RemoteProtocolError, WindowFull
from protocol.events import (
    Answered,
    BindRefused,
    Bound,
    Closed,
    Draining,
    Event,
    LateAnswer,
    Notified,
    Refused,
    Requested,
)
from protocol.limits import Limits as Limits
from protocol.limits import Timer as Timer
from protocol.pdu import (
    NOTICES,
    PDUS,
    RESPONSES,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Pdu,
    SubmitSm,
    Unbind,
    UnbindResp,
)
from protocol.states import BIND_RESPONSES, BINDS, BOUND, MOVES, RULES, Role, State
from protocol.statuses import status_name
from protocol.tags import find_integer
from protocol.window import Window

_UNCOUNTED: Final = {CommandId.UNBIND, CommandId.ENQUIRE_LINK} | BINDS | NOTICES


class Session(Window):
    """One SMPP session at one end. Times are seconds on any one clock that never goes back."""

    quick_decoders: ClassVar[dict[int, QuickDecoder]] = QUICK_DECODERS
    """What reads the bodies of busy PDUs; what it gives None for goes the long way, with the same result."""

    def __init__(self, role: Role, limits: Limits, now: float) -> None:
        super().__init__()
        self.role = role
        self.limits = limits
        self._enter(State.OPEN)
        self.peer_version = VERSION_34
        """What the peer said it speaks when it was bound: interface_version or sc_interface_version (5.2.4)."""
        self.heard_at = now
        """When the last octets of the peer came, or the session began."""
        self._probe_answer = b""
        """What answers the last enquire_link, to the octet."""
        self._owed = 0  # requests of the peer that were told and not yet answered
        self._unbind = 0  # the number of the peer's unbind
        self._farewell = ""  # why we unbind
        self._buffer = b""
        self._timers: dict[Timer, float] = {Timer.INIT: now + limits.init_timeout}
        self._due = {Timer.ENQUIRE: self._enquire, Timer.DRAIN: self._drained}
        self._due[Timer.INACTIVITY] = lambda now: self.unbind(now, Timer.INACTIVITY.value)

    @property
    def room(self) -> int:
        """How many more requests the window takes now; 0 when the session may not send any."""
        return self.limits.window - len(self._in_flight) if self.state in BOUND else 0

    @property
    def next_deadline(self) -> float:
        """When `tick` has something to do; inf when never."""
        oldest = self._oldest_deadline
        return min(oldest, *self._timers.values()) if self._timers else oldest

    def request(self, pdu: Pdu, now: float, tag: Any = None) -> int:  # noqa: ANN401  # the owner's own, never looked at
        """Queue a request; `tag` comes back with its outcome.

        Returns: its sequence number, 1..0x7FFFFFFF (3.2).
        Raises: WindowFull; LocalProtocolError: not allowed for this role and state, or optional parameters for a peer
            older than SMPP 3.4; EncodingError. Nothing was queued.
        """
        command_id = pdu.id
        limits, counted = self.limits, command_id not in _UNCOUNTED
        self._check_asking(command_id, 1 if counted else 0)
        self._check_tlvs(pdu)
        sequence = self._next_sequence()
        self._queue(encode(pdu, sequence))
        if counted:
            self._in_flight[sequence] = tag, now + limits.response_timeout, command_id | RESPONSE_BIT
            if limits.inactivity_timeout < inf:
                self._touch(now)
        elif command_id not in NOTICES:
            self._control[sequence] = command_id
        return sequence

    def submit(self, bodies: Sequence[bytes], now: float, tags: Iterable[Any]) -> list[int]:
        """Queue submit_sm whose bodies are made already, by `make_body` or so that it would say the same.

        As `request` for each with its tag, in a third of the time.

        Returns: their sequence numbers.
        Raises: WindowFull; LocalProtocolError: not allowed for this role and state. Nothing was queued.
        """
        self._check_asking(CommandId.SUBMIT_SM, len(bodies))
        self._touch(now)
        return self._queue_submits(bodies, tags, now + self.limits.response_timeout)

    def make_body(self, pdu: SubmitSm) -> bytes:
        """What `submit` takes. Raises: EncodingError; LocalProtocolError: optional parameters, as `request` says."""
        self._check_tlvs(pdu)
        return encode_body(pdu)

    def respond(self, sequence_number: int, pdu: Pdu, status: int = 0) -> None:
        """Queue the answer to a Requested event. Does nothing once the session is closed: nobody waits for it.

        A peer older than SMPP 3.4 gets it without its optional parameters (5.2.4).
        """
        if self.state is State.CLOSED:
            return
        if self.peer_version < VERSION_34 and getattr(pdu, "tlvs", None):
            pdu = replace(pdu, tlvs=())  # type: ignore[type-var]  # every PDU is a dataclass
        self._answer(encode(pdu, sequence_number, status))
        if pdu.id in BIND_RESPONSES and not status:
            self._move(pdu.id)

    def accept(self, sequence_number: int, message_id: bytes) -> None:
        """Queue the answer that a submit_sm was taken: as `respond` with SubmitSmResp(message_id), quicker."""
        if self.state is not State.CLOSED:
            self._answer(codec.encode_taken(message_id, sequence_number))

    def acknowledge(self, sequence_numbers: list[int]) -> None:
        """Queue the answers that deliver_sm were taken: as `respond` with DeliverSmResp() to each, quicker."""
        if self.state is not State.CLOSED:
            self._answer(b"".join(map(codec.encode_received, sequence_numbers)), len(sequence_numbers))

    def unbind(self, now: float, reason: str = "unbound") -> list[Event]:
        """Ask the peer to end the session; Closed comes with its answer or the deadline, at once if not bound (4.2).

        Does nothing when the session is ending already. reason: for Closed, when the peer has answered.
        """
        if self.state in (State.UNBINDING, State.DRAINING):
            return []
        if self.state not in BOUND:
            return self.close("closed before it was bound")
        self.request(Unbind(), now)
        self._farewell = reason
        self._enter(State.UNBINDING)
        self._timers.pop(Timer.INACTIVITY, None)
        self._timers[Timer.UNBIND] = now + self.limits.unbind_timeout
        return []

    def receive(self, octets: bytes, now: float) -> list[Event]:
        """Take what was read; b"" is the end of the file. Never raises for what a peer sent.

        Returns: events, answers before everything else, so that no slot waits for a receipt to be dealt with.
        """
        if self.state is State.CLOSED:
            return []
        if not octets:
            return self.close("the peer closed the connection")
        self.heard_at = now
        if self.state in BOUND:
            self._timers[Timer.ENQUIRE] = now + self.limits.enquire_link_interval
        answers: list[Event] = []
        others: list[Event] = []
        octets = self._buffer + octets if self._buffer else octets
        start, end, in_flight, closed = 0, len(octets), self._in_flight, State.CLOSED
        unpack, longest, quick = HEADER.unpack_from, self.limits.max_pdu, self.quick_decoders
        state = None if self.state is State.DRAINING else self.state
        while end - start >= HEADER_OCTETS:
            length, command_id, status, sequence = unpack(octets, start)
            body, stop = start + HEADER_OCTETS, start + length
            if not HEADER_OCTETS <= length <= longest:
                others += self._lose_framing(f"command_length {length}")
            elif stop > end:
                break
            elif command_id & RESPONSE_BIT:
                pending = in_flight.get(sequence)
                if pending is not None and command_id == pending[2]:
                    del in_flight[sequence]
                    pdu = None if status or command_id not in quick else quick[command_id](octets, body, stop)
                    pdu = pdu or decode_response(command_id, status, octets, body, stop)
                    answers.append(Answered(pending[0], pdu, status, sequence))
                else:
                    answers += self._take_odd_response(command_id, status, sequence, (octets, body, stop))
            else:
                pdu = self._quick[command_id](octets, body, stop) if command_id in self._quick else None
                if pdu is None:
                    others += self._take_request(command_id, sequence, octets, start)
                else:  # what `_take_request` would make of it
                    others.append(Requested(pdu, sequence))
            start = stop
            if self.state is not state:
                if self.state is State.DRAINING:  # then looked at after each PDU, that it may be the last
                    others += self._drain(others, now)
                if self.state is closed:
                    break
                state = None if self.state is State.DRAINING else self.state
        others += self._keep(octets[start:], start > 0, now)
        if others:
            self._owed += [*map(type, others)].count(Requested)
        if answers and type(answers[-1]) is Closed:
            others.append(answers.pop())
        events = answers + others if others else answers
        if self.state in BOUND and any(type(event) is not Refused for event in events):
            self._touch(now)
        return events

    def tick(self, now: float) -> list[Event]:
        """Do what is due at `now`; does not sleep."""
        events: list[Event] = list(self._expire(now, self.limits.late_answers))
        if events and self.state is State.DRAINING and not self._in_flight and self._owed <= 0:
            self._timers[Timer.DRAIN] = -inf
        for timer in [timer for timer, deadline in self._timers.items() if deadline <= now]:
            if self._timers.pop(timer, None) is not None:  # one that was due as well may have closed the session
                events += self._due[timer](now) if timer in self._due else self._part(timer.value)
        return events

    def close(self, reason: str) -> list[Event]:
        """End the session at once, asking nobody; [Closed] with what was unanswered, [] if it was closed before."""
        if self.state is State.CLOSED:
            return []
        self._enter(State.CLOSED)
        unanswered = [tag for tag, _, _ in self._in_flight.values()]
        self._in_flight.clear()
        self._timers.clear()
        self._buffer = b""
        return [Closed(reason, unanswered)]

    def _part(self, reason: str) -> list[Event]:
        """End the session with an unbind whose answer is not waited for."""
        if self.state in BOUND:
            self._queue(encode(Unbind(), self._next_sequence()))
        return self.close(reason)

    def _lose_framing(self, reason: str) -> list[Event]:
        self._queue(encode(GenericNack(), 0, Status.RINVCMDLEN))
        return self._part(f"framing lost: {reason}")

    def _drain(self, others: list[Event], now: float) -> list[Event]:
        """After a PDU of a peer that has asked to unbind. others: what else its octets brought so far."""
        if not self._in_flight and self._owed + [*map(type, others)].count(Requested) <= 0:
            return self._drained(now)
        if Timer.DRAIN in self._timers:
            return []
        self._timers[Timer.DRAIN] = now + self.limits.drain_timeout
        return [Draining()]

    def _drained(self, _now: float) -> list[Event]:
        done = not self._in_flight and self._owed <= 0
        self._queue(encode(UnbindResp(), self._unbind))
        return self.close("the peer unbound" if done else Timer.DRAIN.value)

    def _enter(self, state: State) -> None:
        """Look the rules up once per state, not per PDU: hashing enum members costs 0.3 us."""
        self.state = state
        self._may_ask, self._may_be_asked = RULES[self.role, state]
        self._quick = {id_: read for id_, read in self.quick_decoders.items() if id_ in self._may_be_asked}

    def _answer(self, octets: bytes, requests: int = 1) -> None:
        self._queue(octets)
        self._owed -= requests
        if self._owed <= 0 and self.state is State.DRAINING and not self._in_flight:
            self._timers[Timer.DRAIN] = -inf

    def _check_asking(self, command_id: CommandId, counted: int) -> None:
        if command_id not in self._may_ask:
            raise LocalProtocolError(f"{command_id.name.lower()} may not be sent in state {self.state.name}")
        if counted and len(self._in_flight) + counted > self.limits.window:
            raise WindowFull(f"{len(self._in_flight)} of {self.limits.window} requests are unanswered")

    def _check_tlvs(self, pdu: Pdu) -> None:
        if self.peer_version < VERSION_34 and getattr(pdu, "tlvs", None):
            raise LocalProtocolError(f"the peer speaks version {self.peer_version:#x}: no optional parameters")

    def _touch(self, now: float) -> None:
        if self.limits.inactivity_timeout < inf:
            self._timers[Timer.INACTIVITY] = now + self.limits.inactivity_timeout

    def _keep(self, rest: bytes, progressed: bool, now: float) -> list[Event]:
        """Keep what may be the begin of a PDU, and see that its end comes."""
        timers = self._timers
        if progressed:
            timers.pop(Timer.PARTIAL, None)
            timers.pop(Timer.PROBE, None)
        self._buffer = b"" if self.state is State.CLOSED else rest
        if not self._buffer:
            return []
        limits = self.limits
        timers.setdefault(Timer.PARTIAL, now + limits.partial_timeout)
        if limits.enquire_link_interval < inf and self.state in BOUND:
            timers[Timer.ENQUIRE] = now + min(limits.enquire_link_interval, limits.enquire_link_timeout)
        if len(rest) >= 4 and not HEADER_OCTETS <= (length := int.from_bytes(rest[:4], "big")) <= limits.max_pdu:
            return self._lose_framing(f"command_length {length}")
        if Timer.PROBE in timers:
            timers[Timer.PROBE] = now + limits.enquire_link_timeout  # it is sending, be it slowly: until PARTIAL
            if self._probe_answer in rest:
                return self._lose_framing("the answer to enquire_link came inside another PDU")
        return []

    def _enquire(self, now: float) -> list[Event]:
        for sequence in [sequence for sequence, asked in self._control.items() if asked is CommandId.ENQUIRE_LINK]:
            del self._control[sequence]  # octets came in answer to it, but never its response: do not collect them
        self._probe_answer = encode(EnquireLinkResp(), self.request(EnquireLink(), now))
        self._timers[Timer.PROBE] = now + self.limits.enquire_link_timeout
        return []

    def _move(self, response: int) -> None:
        self._enter(MOVES.get((self.state, response), self.state))
        self._timers.pop(Timer.INIT, None)
        self._timers[Timer.ENQUIRE] = self.heard_at + self.limits.enquire_link_interval
        self._touch(self.heard_at)

    def _take_odd_response(
        self, command_id: int, status: int, sequence: int, frame: tuple[bytes, int, int]
    ) -> list[Event]:
        pending = self._in_flight.get(sequence)
        if pending is not None and command_id == CommandId.GENERIC_NACK:
            del self._in_flight[sequence]
            return [Answered(pending[0], GenericNack(), status, sequence)]
        late = self._late.get(sequence)
        if late is not None and command_id in (late[1], CommandId.GENERIC_NACK):
            del self._late[sequence]
            return [LateAnswer(late[0], decode_response(command_id, status, *frame), status, sequence)]
        if command_id == CommandId.GENERIC_NACK and sequence == 0:
            return self._part(f"the peer lost framing: generic_nack {status_name(status)}")
        return self._take_control(command_id, status, sequence, frame)

    def _take_control(self, command_id: int, status: int, sequence: int, frame: tuple[bytes, int, int]) -> list[Event]:
        asked = self._control.get(sequence)
        if asked is None or command_id not in (asked | RESPONSE_BIT, CommandId.GENERIC_NACK):
            return [Refused(command_id, 0, "an answer to nothing that was asked")]
        del self._control[sequence]
        if asked is CommandId.UNBIND:
            return self.close(self._farewell)
        if asked is CommandId.ENQUIRE_LINK:
            return []
        if status or command_id == CommandId.GENERIC_NACK:
            return [BindRefused(status)]
        pdu = decode_response(command_id, status, *frame)
        self.peer_version = find_integer(getattr(pdu, "tlvs", ()), Tag.SC_INTERFACE_VERSION) or VERSION_34
        self._move(command_id)
        return [Bound(pdu)]

    def _take_request(self, command_id: int, sequence: int, octets: bytes, start: int) -> list[Event]:
        end = start + int.from_bytes(octets[start : start + 4], "big")
        if command_id not in PDUS:
            return self._refuse(command_id, sequence, Status.RINVCMDID, "unknown command_id")
        if command_id not in self._may_be_asked:
            bound_twice = command_id in BINDS and self.role is Role.SMSC and self.state in BOUND
            refusal = Status.RALYBND if bound_twice else Status.RINVBNDSTS
            return self._refuse(command_id, sequence, refusal, f"not allowed in state {self.state.name}")
        try:
            pdu = decode_body_at(command_id, octets, start + HEADER_OCTETS, end)
        except RemoteProtocolError as error:
            return self._refuse(command_id, sequence, error.status, str(error))
        if command_id == CommandId.ENQUIRE_LINK:
            self._queue(encode(EnquireLinkResp(), sequence))
            return []
        if command_id == CommandId.UNBIND:
            self._unbind = sequence
            self._enter(State.DRAINING)
            return []
        if command_id in BINDS:
            self.peer_version = pdu.interface_version  # type: ignore[attr-defined]  # all three binds have it
        return [Notified(pdu)] if command_id in NOTICES else [Requested(pdu, sequence)]

    def _refuse(self, command_id: int, sequence: int, status: int, reason: str) -> list[Event]:
        response = RESPONSES.get(command_id, GenericNack)
        self._queue(encode(response(), sequence, status))
        return [Refused(command_id, status, reason)]
