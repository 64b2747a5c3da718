"""Invariant: `Session` raises nothing, whatever a peer sends, at either end, in any state, and at any time.

The events and the octets sent back do not depend on how the input is cut into reads; after a tick nothing is due; what
is sent back are frames that we can read; and each request of ours gets exactly one outcome.

An input is: our role and state, two lengths, seconds, and then what the peer sends: three reads, so many seconds apart.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

from protocol.codec import HEADER, decode, encode
from protocol.constants import RESPONSE_BIT, CommandId
from protocol.errors import LocalProtocolError
from protocol.events import Answered, BindRefused, Bound, Closed, Event, LateAnswer, Refused, Requested, Unanswered
from protocol.pdu import PDUS, RESPONSES, BindTransceiver, DeliverSm, SubmitSm
from protocol.session import Limits, Session
from protocol.states import Role, State
from tests.fuzz.attempts import Target
from tests.fuzz.codec import filled
from tests.protocol.sessions import session_in

LIMITS: Final = Limits(
    response_timeout=5.0, partial_timeout=4.0, inactivity_timeout=50.0, late_answers=3, window=4, max_pdu=1024
)
STARTS: Final = tuple(product(Role, State))
HEAD: Final = 4
TAGS: Final = range(3)


@dataclass(slots=True)
class Result:
    """What came of one way to cut the input. Answers go before everything else of a read, so they stand apart."""

    requests: int
    answers: list[Event] = field(default_factory=list)
    others: list[Event] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    def add(self, events: list[Event]) -> None:
        for event in events:
            answer = isinstance(event, (Answered, LateAnswer, Bound, BindRefused))
            answer |= isinstance(event, Refused) and bool(event.command_id & RESPONSE_BIT)
            (self.answers if answer else self.others).append(event)


def check(octets: bytes) -> None:
    head, wire = octets[:HEAD].ljust(HEAD, b"\0"), octets[HEAD:]
    first, second = head[1], head[1] + head[2]
    reads = wire[:first], wire[first:second], wire[second:]
    start = STARTS[head[0] % len(STARTS)]
    whole = run(started(*start), reads, len(wire) + 1, head[3])
    assert run(started(*start), reads, 1, head[3]) == whole
    check_outcomes(whole)
    check_sent(b"".join(whole.sent))


def started(role: Role, state: State) -> Session:
    """A session in that state, with requests unanswered where it may have some."""
    session = session_in(role, State.BOUND_TRX if state is State.UNBINDING else state, LIMITS)
    with suppress(LocalProtocolError):
        session.request(BindTransceiver(b"bank"), 0.0)
    for tag in TAGS:
        with suppress(LocalProtocolError):
            session.request(SubmitSm() if role is Role.ESME else DeliverSm(), float(tag), tag=tag)
    if state is State.UNBINDING:
        session.unbind(2.0)
    return session


def run(session: Session, reads: tuple[bytes, ...], stride: int, seconds: int) -> Result:
    """Feed each read in pieces, answer what was asked in it, let time go by."""
    result, now = Result(session.in_flight), 3.0
    for octets in reads:
        events: list[Event] = []
        for at in range(0, len(octets), stride):
            events += session.receive(octets[at : at + stride], now)
        answer(session, events)
        now += seconds
        events += session.tick(now)
        assert now < session.next_deadline
        result.add(events)
        result.sent.append(session.data_to_send())
    result.add(session.receive(b"", now))
    assert session.state is State.CLOSED
    return result


def answer(session: Session, events: list[Event]) -> None:
    for event in events:
        if isinstance(event, Requested):
            session.respond(event.sequence_number, RESPONSES[event.pdu.id]())


def check_outcomes(result: Result) -> None:
    events = result.answers + result.others
    closed = [event for event in events if isinstance(event, Closed)]
    tags: list[Any] = [event.tag for event in events if isinstance(event, (Answered, Unanswered))]
    tags += [tag for event in closed for tag in event.unanswered]
    assert Counter(tags) == Counter(TAGS[: result.requests])
    given_up = Counter(event.tag for event in events if isinstance(event, Unanswered))
    assert Counter(event.tag for event in events if isinstance(event, LateAnswer)) <= given_up
    assert len(closed) <= 1
    assert not closed or result.others[-1] is closed[0]


def check_sent(octets: bytes) -> None:
    while octets:
        length = int.from_bytes(octets[:4], "big")
        try:
            decode(octets[:length])
        except Exception as error:
            raise AssertionError("what is sent back can't be read") from error
        octets = octets[length:]


def seeds() -> list[bytes]:
    """From every start every PDU we know, cut in two, and twice after a while; lost framing; one whole life."""
    frames = [encode(filled(cls), 2) for cls in PDUS.values()]
    bind, unbind = encode(BindTransceiver(b"bank"), 1), HEADER.pack(16, CommandId.UNBIND, 0, 9)
    inputs = [bytes((STARTS.index((Role.SMSC, State.OPEN)), len(bind), 200, 1)) + bind + b"".join(frames[:8]) + unbind]
    for start in range(len(STARTS)):
        inputs.append(bytes((start, 20, 20, 40)) + b"\xff" * 16)
        for frame in frames:
            inputs.append(bytes((start, 3, 200, 2)) + frame)
            inputs.append(bytes((start, 0, min(len(frame), 255), 6)) + frame * 2)
    return inputs


TARGET: Final = Target("session", check, (), seeds)
