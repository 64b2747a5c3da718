"""The session's timers: what is due when, what counts as life, and that a late clock does no harm."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import encode
from protocol.constants import RESPONSE_BIT, CommandId, Status
from protocol.events import Answered, BindRefused, Closed, LateAnswer, Refused, Requested, Unanswered
from protocol.pdu import (
    BindTransceiver,
    BindTransceiverResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from protocol.session import Limits, Session, Timer
from protocol.states import Role, State
from tests.protocol.sessions import bind, sent, session_in

BOTH = pytest.mark.parametrize("role", Role)
ASKED: dict[Role, Pdu] = {Role.ESME: SubmitSm(), Role.SMSC: DeliverSm()}
ANSWER: dict[Role, Pdu] = {Role.ESME: SubmitSmResp(), Role.SMSC: DeliverSmResp()}
PEER_ASKS: dict[Role, Pdu] = {Role.ESME: DeliverSm(), Role.SMSC: SubmitSm()}
ENQUIRY = CommandId.ENQUIRE_LINK
QUIET = Limits(enquire_link_interval=inf)
"""No enquire_link of its own, to look at the other timers alone."""


def submits(session: Session, *tags: str, now: float = 0.0) -> list[int]:
    numbers = [session.request(SubmitSm(), now, tag=tag) for tag in tags]
    session.data_to_send()
    return numbers


def test_a_request_without_an_answer_is_given_up_and_the_session_lives() -> None:
    session = session_in(Role.ESME, limits=Limits(response_timeout=5.0, window=3))
    first, second = submits(session, "m1", "m2")
    (third,) = submits(session, "m3", now=1.0)
    assert session.next_deadline == 5.0
    assert session.tick(4.9) == []
    assert session.tick(5.0) == [Unanswered("m1", first), Unanswered("m2", second)]
    assert (session.state, session.room, session.next_deadline) == (State.BOUND_TRX, 2, 6.0)
    assert session.tick(6.0) == [Unanswered("m3", third)]
    assert session.close("over") == [Closed("over", [])]


def test_a_late_answer_still_finds_its_tag_and_only_once() -> None:
    session = session_in(Role.ESME, limits=Limits(response_timeout=5.0))
    first, second = submits(session, "m1", "m2")
    session.tick(5.0)
    assert session.receive(encode(SubmitSmResp(b"id"), first), 6.0) == [LateAnswer("m1", SubmitSmResp(b"id"), 0, first)]
    assert session.receive(encode(GenericNack(), second, 3), 6.0) == [LateAnswer("m2", GenericNack(), 3, second)]
    (again,) = session.receive(encode(SubmitSmResp(b"id"), first), 6.0)
    assert isinstance(again, Refused)


def test_an_answer_that_beats_the_tick_is_not_late() -> None:
    session = session_in(Role.ESME, limits=Limits(response_timeout=5.0))
    (number,) = submits(session, "m1")
    assert session.receive(encode(SubmitSmResp(), number), 9.0) == [Answered("m1", SubmitSmResp(), 0, number)]
    assert session.tick(9.0) == []


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_the_memory_of_late_answers_is_bounded_and_forgets_the_oldest(kept: int) -> None:
    session = session_in(Role.ESME, limits=Limits(response_timeout=5.0, late_answers=kept))
    numbers = submits(session, "a", "b", "c")
    assert len(session.tick(5.0)) == 3
    events = session.receive(b"".join(encode(SubmitSmResp(), number) for number in numbers), 6.0)
    assert [event.tag for event in events if isinstance(event, LateAnswer)] == ["a", "b", "c"][3 - kept :]


@BOTH
def test_silence_is_answered_with_enquire_link_from_either_end(role: Role) -> None:
    session = session_in(role, limits=Limits(enquire_link_interval=30.0, enquire_link_timeout=10.0))
    assert session.next_deadline == 30.0
    assert (session.tick(29.9), sent(session)) == ([], [])
    assert session.tick(30.0) == []
    ((command_id, _, number),) = sent(session)
    assert (command_id, session.next_deadline) == (ENQUIRY, 40.0)
    assert session.receive(encode(EnquireLinkResp(), number), 31.0) == []
    assert session.next_deadline == 61.0


@BOTH
def test_silence_is_counted_from_the_last_octet_and_not_from_the_start(role: Role) -> None:
    session = Session(role, Limits(enquire_link_interval=30.0), 0.0)
    bind(session, State.BOUND_TRX, 7.0)
    assert session.next_deadline == 37.0


@BOTH
def test_an_enquire_link_without_answer_closes_and_names_what_is_unanswered(role: Role) -> None:
    session = session_in(role, limits=Limits(enquire_link_interval=30.0, enquire_link_timeout=10.0))
    session.request(ASKED[role], 0.0, tag="m1")
    session.tick(30.0)
    assert session.tick(39.9) == []
    assert session.tick(40.0) == [Closed("enquire_link was not answered", ["m1"])]


def test_an_answer_of_ours_is_no_sign_of_life_of_the_peer() -> None:
    session = session_in(Role.ESME, limits=Limits(enquire_link_interval=30.0, enquire_link_timeout=10.0))
    session.receive(encode(DeliverSm(), 5), 1.0)
    session.tick(31.0)
    session.respond(5, DeliverSmResp())
    assert session.next_deadline == 41.0
    assert session.tick(41.0) == [Closed("enquire_link was not answered")]


@pytest.mark.parametrize("octets", [encode(GenericNack(), 99, 3), encode(DeliverSm(), 5), encode(EnquireLink(), 6)])
def test_any_pdu_is_a_sign_of_life(octets: bytes) -> None:
    limits = Limits(enquire_link_interval=30.0, enquire_link_timeout=10.0, partial_timeout=inf, init_timeout=inf)
    session = session_in(Role.ESME, limits=limits)
    session.receive(octets, 20.0)
    assert (session.tick(49.9), session.next_deadline) == ([], 50.0)
    session.tick(50.0)
    session.receive(octets, 55.0)
    assert (session.tick(84.9), session.state) == ([], State.BOUND_TRX)


def test_an_enquiry_that_other_traffic_answered_is_forgotten_with_the_next() -> None:
    session = session_in(Role.ESME, limits=Limits(enquire_link_interval=30.0))
    session.tick(30.0)
    ((_, _, first),) = sent(session)
    session.receive(encode(EnquireLink(), 1), 31.0)
    session.tick(61.0)
    second = sent(session)[-1][2]
    (refused,) = session.receive(encode(EnquireLinkResp(), first), 62.0)
    assert isinstance(refused, Refused)
    assert session.receive(encode(EnquireLinkResp(), second), 62.0) == []


@pytest.mark.parametrize("answer", [EnquireLinkResp(), GenericNack()])
def test_an_enquiry_may_be_answered_with_an_error(answer: Pdu) -> None:
    session = session_in(Role.ESME, limits=Limits(enquire_link_interval=30.0))
    session.tick(30.0)
    assert session.receive(encode(answer, sent(session)[0][2], Status.RINVCMDID), 31.0) == []
    assert session.state is State.BOUND_TRX


def test_a_session_may_be_told_never_to_enquire() -> None:
    session = session_in(Role.ESME, limits=QUIET)
    assert session.next_deadline == inf
    assert (session.tick(1e9), sent(session)) == ([], [])


def test_a_session_that_unbinds_still_notices_silence() -> None:
    limits = Limits(enquire_link_interval=30.0, enquire_link_timeout=10.0, unbind_timeout=inf)
    session = session_in(Role.ESME, State.UNBINDING, limits)
    session.tick(30.0)
    assert [command_id for command_id, _, _ in sent(session)] == [ENQUIRY]
    assert session.tick(40.0) == [Closed("enquire_link was not answered")]


@BOTH
def test_a_session_that_is_not_bound_in_time_closes(role: Role) -> None:
    session = Session(role, Limits(init_timeout=10.0), 100.0)
    assert (session.next_deadline, session.tick(109.9)) == (110.0, [])
    assert session.tick(110.0) == [Closed("session was not bound in time")]


def test_neither_a_bind_without_answer_nor_a_refused_one_stops_the_clock() -> None:
    esme, smsc = (Session(role, Limits(init_timeout=10.0), 0.0) for role in Role)
    number = esme.request(BindTransceiver(), 0.0)
    smsc.receive(esme.data_to_send(), 1.0)
    smsc.respond(number, BindTransceiverResp(), Status.RBINDFAIL)
    assert esme.receive(smsc.data_to_send(), 1.0) == [BindRefused(Status.RBINDFAIL)]
    for session in (esme, smsc):
        assert session.tick(10.0) == [Closed("session was not bound in time")]


@BOTH
def test_a_bound_session_is_past_the_first_timer(role: Role) -> None:
    session = session_in(role, limits=Limits(init_timeout=10.0))
    assert (session.tick(10.0), session.state) == ([], State.BOUND_TRX)


@BOTH
def test_a_pdu_that_is_never_finished_closes(role: Role) -> None:
    session = session_in(role, limits=Limits(partial_timeout=30.0, enquire_link_interval=inf))
    octets = encode(EnquireLink(), 1)
    for second, octet in enumerate(octets[:-1]):
        assert session.receive(bytes([octet]), float(second)) == []
    assert session.next_deadline == 30.0
    assert session.tick(30.0) == [Closed("a PDU was begun and not finished")]


def test_each_pdu_has_its_own_time_to_be_finished() -> None:
    session = session_in(Role.SMSC, limits=Limits(partial_timeout=30.0, enquire_link_interval=inf))
    octets = encode(EnquireLink(), 1)
    session.receive(octets[:1], 0.0)
    session.receive(octets[1:] + octets[:1], 29.0)
    assert session.next_deadline == 59.0
    session.receive(octets[1:], 58.0)
    assert (session.next_deadline, len(sent(session))) == (inf, 2)


def test_a_session_without_transactions_closes_and_enquire_link_is_none() -> None:
    limits = Limits(inactivity_timeout=60.0, enquire_link_interval=20.0, enquire_link_timeout=10.0)
    esme, smsc = (session_in(role, limits=limits) for role in Role)
    closed = []
    for now in (20.0, 40.0, 60.0):
        closed += esme.tick(now) + smsc.tick(now)
        states = esme.state, smsc.state
        to_smsc, to_esme = esme.data_to_send(), smsc.data_to_send()
        esme.receive(to_esme, now)
        smsc.receive(to_smsc, now)
        smsc.receive(esme.data_to_send(), now)
    assert closed == []
    assert states == (State.UNBINDING, State.UNBINDING)


@BOTH
def test_a_request_from_either_end_and_its_answer_are_transactions(role: Role) -> None:
    session = session_in(role, limits=Limits(inactivity_timeout=60.0, enquire_link_interval=inf))
    number = session.request(ASKED[role], 50.0)
    assert session.tick(60.0) == []
    session.receive(encode(ANSWER[role], number), 100.0)
    assert session.tick(110.0) == []
    assert session.receive(encode(PEER_ASKS[role], 5), 150.0) == [Requested(PEER_ASKS[role], 5)]
    assert (session.tick(209.9), session.next_deadline) == ([], 210.0)
    session.data_to_send()
    assert (session.tick(210.0), session.state) == ([], State.UNBINDING)
    ((_, _, unbind),) = sent(session)
    assert session.receive(encode(UnbindResp(), unbind), 211.0) == [Closed("no transaction for too long")]


def test_a_session_that_has_ended_waits_for_nothing() -> None:
    session = session_in(Role.SMSC, limits=Limits(inactivity_timeout=60.0))
    session.receive(encode(SubmitSm(), 5), 1.0)
    session.respond(5, SubmitSmResp())
    assert session.receive(encode(Unbind(), 6), 2.0) == [Closed("the peer unbound")]
    assert session.next_deadline == inf


@BOTH
def test_an_unbind_without_answer_closes(role: Role) -> None:
    session = session_in(role, limits=Limits(unbind_timeout=5.0))
    session.request(ASKED[role], 1.0, tag="m1")
    session.unbind(2.0)
    session.receive(encode(EnquireLink(), 1), 6.0)
    assert session.tick(6.9) == []
    assert session.tick(7.0) == [Closed("unbind was not answered", ["m1"])]


def test_a_request_that_is_due_with_the_end_is_reported_once() -> None:
    session = session_in(Role.ESME, limits=Limits(response_timeout=7.0, unbind_timeout=5.0))
    (first,) = submits(session, "m1")
    submits(session, "m2", now=1.0)
    session.unbind(2.0)
    assert session.tick(7.0) == [Unanswered("m1", first), Closed("unbind was not answered", ["m2"])]


TIMES = st.sampled_from([1.0, 2.0, 3.0])


@given(
    st.builds(Limits, **dict.fromkeys(("unbind_timeout", "partial_timeout", "inactivity_timeout"), TIMES)),
    st.booleans(),
)
def test_timers_that_are_due_together_close_once(limits: Limits, unbinds: bool) -> None:
    session = session_in(Role.ESME, limits=limits)
    session.request(SubmitSm(), 0.0, tag="m1")
    session.receive(b"\0", 0.0)
    if unbinds:
        session.unbind(0.0)
    events = session.tick(1000.0)
    assert [type(event) for event in events] == [Unanswered, Closed]
    assert (session.next_deadline, session.tick(2000.0)) == (inf, [])


@BOTH
def test_a_tick_after_a_long_sleep_enquires_before_it_gives_up(role: Role) -> None:
    session = session_in(role)
    assert session.tick(1e6) == []
    assert sent(session)[-1][0] == ENQUIRY
    assert session.next_deadline == 1e6 + session.limits.enquire_link_timeout


def test_every_reason_to_close_is_a_sentence_of_its_own() -> None:
    assert len({timer.value for timer in Timer}) == len(Timer)
    assert ENQUIRY | RESPONSE_BIT == CommandId.ENQUIRE_LINK_RESP
