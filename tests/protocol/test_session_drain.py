"""A peer that asks to unbind: nothing new is asked, what is owed is answered by both ends, and then it ends."""

from collections.abc import Callable

import pytest

from protocol.codec import encode
from protocol.constants import CommandId, Status
from protocol.errors import LocalProtocolError
from protocol.events import Answered, Closed, Draining, Event, Refused, Requested, Unanswered
from protocol.pdu import (
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from protocol.session import Limits, Session
from protocol.states import Role, State
from tests.protocol.sessions import sent, session_in

BOTH = pytest.mark.parametrize("role", Role)
LIMITS = Limits(drain_timeout=5.0, response_timeout=60.0)
OURS: dict[Role, tuple[Pdu, Pdu]] = {
    Role.ESME: (SubmitSm(), SubmitSmResp(b"id")),
    Role.SMSC: (DeliverSm(), DeliverSmResp()),
}
"""What each role asks, and its answer; the other role's is what it is asked."""
OTHER = {Role.ESME: Role.SMSC, Role.SMSC: Role.ESME}
UNBOUND = (CommandId.UNBIND_RESP, 0, 77)
UNBIND = encode(Unbind(), 77)


def owing(role: Role) -> tuple[Session, int]:
    """A session with one request unanswered; and its number."""
    session = session_in(role, limits=LIMITS)
    number = session.request(OURS[role][0], 0.0, tag="m1")
    session.data_to_send()
    return session, number


@BOTH
def test_a_peer_that_unbinds_is_answered_at_once_when_nothing_is_owed(role: Role) -> None:
    session = session_in(role)
    assert session.receive(UNBIND, 1.0) == [Closed("the peer unbound")]
    assert (sent(session), session.state) == ([UNBOUND], State.CLOSED)


@BOTH
def test_the_answers_to_what_is_in_flight_are_waited_for_and_nothing_new_is_asked(role: Role) -> None:
    session, number = owing(role)
    assert session.receive(UNBIND, 1.0) == [Draining()]
    assert (session.state, session.room, sent(session), session.next_deadline) == (State.DRAINING, 0, [], 6.0)
    with pytest.raises(LocalProtocolError):
        session.request(OURS[role][0], 2.0)
    answer = OURS[role][1]
    assert session.receive(encode(answer, number), 3.0) == [
        Answered("m1", answer, 0, number),
        Closed("the peer unbound"),
    ]
    assert sent(session) == [UNBOUND]


@BOTH
def test_what_the_peer_asked_before_is_answered_before_the_unbind(role: Role) -> None:
    session = session_in(role, limits=LIMITS)
    asked, answer = OURS[OTHER[role]]
    events = session.receive(encode(asked, 5) + encode(asked, 6) + UNBIND, 1.0)
    assert events == [Requested(asked, 5), Requested(asked, 6), Draining()]
    session.respond(5, answer)
    assert session.next_deadline == 6.0
    session.respond(6, answer)
    assert session.next_deadline < 1.0, "at once"
    assert session.tick(2.0) == [Closed("the peer unbound")]
    assert sent(session) == [(answer.id, 0, 5), (answer.id, 0, 6), UNBOUND]


@BOTH
def test_it_waits_for_both_sides(role: Role) -> None:
    session, number = owing(role)
    asked, answer = OURS[OTHER[role]]
    session.receive(encode(asked, 5) + UNBIND, 1.0)
    session.respond(5, answer)
    assert session.tick(2.0) == []
    assert [type(event) for event in session.receive(encode(OURS[role][1], number), 3.0)] == [Answered, Closed]


@BOTH
def test_a_drain_that_takes_too_long_ends_and_names_what_is_unknown(role: Role) -> None:
    session, _ = owing(role)
    asked, answer = OURS[OTHER[role]]
    session.receive(encode(asked, 5) + UNBIND, 1.0)
    assert session.tick(5.9) == []
    assert session.tick(6.0) == [Closed("the peer unbound, and not everything was answered in time", ["m1"])]
    assert sent(session) == [UNBOUND]
    session.respond(5, answer)
    assert session.data_to_send() == b""


def test_a_request_that_is_given_up_meanwhile_is_not_waited_for() -> None:
    session = session_in(Role.ESME, limits=Limits(drain_timeout=50.0, response_timeout=5.0))
    number = session.request(SubmitSm(), 0.0, tag="m1")
    session.receive(UNBIND, 1.0)
    assert session.tick(5.0) == [Unanswered("m1", number), Closed("the peer unbound")]


@BOTH
def test_while_draining_the_link_is_still_looked_after_and_nothing_else_is_taken(role: Role) -> None:
    session, _ = owing(role)
    session.receive(UNBIND, 1.0)
    asked, _ = OURS[OTHER[role]]
    (refused,) = session.receive(encode(EnquireLink(), 8) + encode(asked, 9), 2.0)
    assert refused == Refused(asked.id, Status.RINVBNDSTS, "not allowed in state DRAINING")
    assert [id_ for id_, _, _ in sent(session)][:1] == [CommandId.ENQUIRE_LINK_RESP]
    number = session.request(EnquireLink(), 2.0)
    assert session.receive(encode(EnquireLinkResp(), number), 2.0) == []
    assert session.state is State.DRAINING


ENDINGS: list[Callable[[Session], list[Event]]] = [
    lambda session: session.receive(b"", 2.0),
    lambda session: session.receive(bytes(16), 2.0),
    lambda session: session.close("stopping"),
]


@pytest.mark.parametrize("end", ENDINGS)
def test_a_drain_may_be_cut_short(end: Callable[[Session], list[Event]]) -> None:
    session, _ = owing(Role.ESME)
    session.receive(UNBIND, 1.0)
    closed = end(session)[0]
    assert isinstance(closed, Closed)
    assert (closed.unanswered, session.next_deadline) == (["m1"], float("inf"))


def test_our_own_unbind_meanwhile_changes_nothing() -> None:
    session, number = owing(Role.ESME)
    session.receive(UNBIND, 1.0)
    assert session.unbind(2.0) == []
    assert sent(session) == []
    assert session.receive(encode(SubmitSmResp(), number), 3.0)[-1] == Closed("the peer unbound")


def test_a_session_that_gives_up_says_unbind_first_if_the_peer_may_still_listen() -> None:
    silent = session_in(Role.ESME, limits=Limits(enquire_link_interval=30.0, enquire_link_timeout=10.0))
    silent.tick(30.0)
    silent.data_to_send()
    assert silent.tick(40.0) == [Closed("enquire_link was not answered")]
    assert [id_ for id_, _, _ in sent(silent)] == [CommandId.UNBIND]
    nacked, gone = session_in(Role.ESME), session_in(Role.ESME)
    nacked.receive(bytes.fromhex("00000010 80000000 00000003 00000000"), 1.0)
    assert [id_ for id_, _, _ in sent(nacked)] == [CommandId.UNBIND]
    gone.receive(b"", 1.0)
    assert sent(gone) == []


def test_an_unbind_of_ours_may_have_a_reason() -> None:
    session = session_in(Role.ESME)
    session.unbind(1.0, "the SMSC has forgotten us")
    ((_, _, unbind),) = sent(session)
    assert session.receive(encode(UnbindResp(), unbind), 2.0) == [Closed("the SMSC has forgotten us")]
