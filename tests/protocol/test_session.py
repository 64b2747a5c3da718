"""The session without its timers: who may say what when, the window, answers of every form, and how it ends."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import encode
from protocol.constants import MAX_PDU_OCTETS, RESPONSE_BIT, CommandId, Status, Tag
from protocol.errors import EncodingError, LocalProtocolError, WindowFull
from protocol.events import (
    Answered,
    BindRefused,
    Bound,
    Closed,
    Event,
    LateAnswer,
    Notified,
    Refused,
    Requested,
    Unanswered,
)
from protocol.operations import AlertNotification, Outbind
from protocol.pdu import (
    NOTICES,
    PDUS,
    RESPONSES,
    BindReceiver,
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
from protocol.session import Limits, Session
from protocol.states import BOUND, MAY_SEND, SENDERS, Role, State
from tests.protocol.sessions import BINDS, PEER, Header, sent, session_in
from tests.protocol.wire import frame

TRIPLES = [(role, state, command_id) for role in Role for state in State for command_id in SENDERS]
EVERY = pytest.mark.parametrize(("role", "state", "command_id"), TRIPLES)
BOTH = pytest.mark.parametrize("role", Role)
TRAFFIC: dict[Role, tuple[Pdu, Pdu]] = {
    Role.ESME: (SubmitSm(short_message=b"hi"), SubmitSmResp(b"id")),
    Role.SMSC: (DeliverSm(short_message=b"hi"), DeliverSmResp()),
}
"""What each role asks, and what it is answered."""


def asked(session: Session, *tags: str) -> list[int]:
    """Requests of ours on the wire, one per tag; their sequence numbers."""
    numbers = [session.request(TRAFFIC[session.role][0], 0.0, tag=tag) for tag in tags]
    session.data_to_send()
    return numbers


@EVERY
def test_whatever_a_peer_asks_is_allowed_or_refused_with_the_right_status(
    role: Role, state: State, command_id: int
) -> None:
    session, request = session_in(role, state), PDUS[command_id]()
    events = session.receive(encode(request, 77), 1.0)
    notice = command_id in NOTICES
    answer = CommandId.GENERIC_NACK if notice else command_id | RESPONSE_BIT
    taken: Event = Notified(request) if notice else Requested(request, 77)
    expected: tuple[list[Event], list[Header], State] = ([taken], [], state)
    if state is State.CLOSED:
        expected = [], [], state
    elif (PEER[role], state, command_id) not in MAY_SEND:
        bound_twice = role is Role.SMSC and state in BOUND and command_id in {bind.id for bind, _ in BINDS.values()}
        status = Status.RALYBND if bound_twice else Status.RINVBNDSTS
        expected = [Refused(command_id, status, f"not allowed in state {state.name}")], [(answer, status, 77)], state
    elif command_id == CommandId.ENQUIRE_LINK:
        expected = [], [(answer, 0, 77)], state
    elif command_id == CommandId.UNBIND:
        expected = [Closed("the peer unbound")], [(answer, 0, 77)], State.CLOSED
    assert (events, sent(session), session.state) == expected


@EVERY
def test_we_may_ask_what_the_table_says_and_nothing_else(role: Role, state: State, command_id: int) -> None:
    session, request = session_in(role, state), PDUS[command_id]()
    if (role, state, command_id) in MAY_SEND:
        number = session.request(request, 1.0)
        assert sent(session) == [(command_id, 0, number)]
    else:
        with pytest.raises(
            LocalProtocolError, match=f"{request.id.name.lower()} may not be sent in state {state.name}"
        ):
            session.request(request, 1.0)
        assert sent(session) == []


@BOTH
@pytest.mark.parametrize("state", [state for state in State if state is not State.CLOSED])
@pytest.mark.parametrize("response", [*RESPONSES.values(), GenericNack])
def test_an_answer_to_nothing_is_told_and_changes_nothing(role: Role, state: State, response: type[Pdu]) -> None:
    session = session_in(role, state)
    refused = Refused(response.id, 0, "an answer to nothing that was asked")
    assert session.receive(encode(response(), 4711), 1.0) == [refused]
    assert (sent(session), session.state) == ([], state)


@pytest.mark.parametrize("state", BINDS)
def test_the_life_of_an_esme(state: State) -> None:
    request, response = BINDS[state]
    session = Session(Role.ESME, Limits(window=3), 0.0)
    assert (session.state, session.room, session.queued) == (State.OPEN, 0, 0)
    assert session.request(request, 0.0) == 1
    assert session.receive(encode(response, 1), 1.0) == [Bound(response)]
    assert (session.state, session.room, session.in_flight) == (state, 3, 0)
    assert session.unbind(2.0) == []
    assert (session.state, session.room) == (State.UNBINDING, 0)
    assert sent(session) == [(request.id, 0, 1), (CommandId.UNBIND, 0, 2)]
    assert session.receive(encode(UnbindResp(), 2), 3.0) == [Closed("unbound")]
    assert session.state is State.CLOSED


@pytest.mark.parametrize("state", BINDS)
def test_the_life_of_an_smsc(state: State) -> None:
    request, response = BINDS[state]
    session = Session(Role.SMSC, Limits(window=3), 0.0)
    assert session.receive(encode(request, 9), 0.0) == [Requested(request, 9)]
    session.respond(9, response)
    assert (session.state, session.room, session.in_flight) == (state, 3, 0)
    assert session.receive(encode(Unbind(), 10), 1.0) == [Closed("the peer unbound")]
    assert sent(session) == [(response.id, 0, 9), (CommandId.UNBIND_RESP, 0, 10)]
    assert session.state is State.CLOSED


def test_a_refused_bind_leaves_both_ends_open_for_another() -> None:
    esme, smsc = Session(Role.ESME, Limits(), 0.0), Session(Role.SMSC, Limits(), 0.0)
    for status in (Status.RINVPASWD, Status.ROK):
        number = esme.request(BindTransceiver(b"bank", b"pw"), 0.0)
        smsc.receive(esme.data_to_send(), 0.0)
        smsc.respond(number, BindTransceiverResp(b"smsc"), status)
        answer: Event = BindRefused(status) if status else Bound(BindTransceiverResp(b"smsc"))
        assert esme.receive(smsc.data_to_send(), 0.0) == [answer]
        assert esme.state is smsc.state is (State.OPEN if status else State.BOUND_TRX)


def test_a_generic_nack_refuses_a_bind_whatever_its_status() -> None:
    session = Session(Role.ESME, Limits(), 0.0)
    session.request(BindTransceiver(), 0.0)
    assert session.receive(encode(GenericNack(), 1), 0.0) == [BindRefused(0)]
    assert session.state is State.OPEN


@pytest.mark.parametrize("state", State)
def test_to_accept_a_submit_sm_is_to_respond_without_an_error(state: State) -> None:
    accepting, responding = session_in(Role.SMSC, state), session_in(Role.SMSC, state)
    accepting.accept(7, b"1234567890")
    responding.respond(7, SubmitSmResp(b"1234567890"))
    assert (accepting.queued, accepting.next_deadline) == (responding.queued, responding.next_deadline)
    assert accepting.data_to_send() == responding.data_to_send()


@pytest.mark.parametrize("state", State)
def test_to_acknowledge_deliveries_is_to_respond_to_each(state: State) -> None:
    acknowledging, responding = session_in(Role.ESME, state), session_in(Role.ESME, state)
    acknowledging.acknowledge([7, 9])
    for number in (7, 9):
        responding.respond(number, DeliverSmResp())
    assert (acknowledging.queued, acknowledging.next_deadline) == (responding.queued, responding.next_deadline)
    assert acknowledging.data_to_send() == responding.data_to_send()


@given(st.lists(st.binary(max_size=254), max_size=5), st.integers(0, 9), st.integers(0, 3), st.booleans())
def test_a_list_of_submits_is_as_if_each_were_asked_for_itself(
    texts: list[bytes], window: int, before: int, ends_idle: bool
) -> None:
    limits = Limits(window=window, inactivity_timeout=90.0 if ends_idle else float("inf"))
    one_by_one, together = session_in(Role.ESME, limits=limits), session_in(Role.ESME, limits=limits)
    for session in (one_by_one, together):
        asked(session, *"abc"[: min(before, window)])
    pdus, room = [SubmitSm(b"", short_message=text) for text in texts], together.room
    bodies = [together.make_body(pdu) for pdu in pdus]
    if len(pdus) > room:
        with pytest.raises(WindowFull, match=f"^{together.in_flight} of {window} requests are unanswered$"):
            together.submit(bodies, 7.0, texts)
        assert (together.room, together.queued) == (room, 0)
        return
    numbers = [one_by_one.request(pdu, 7.0, text) for pdu, text in zip(pdus, texts, strict=True)]
    assert together.submit(bodies, 7.0, texts) == numbers
    for session in (one_by_one, together):
        octets = b"".join(encode(SubmitSmResp(b"id"), number) for number in numbers[:1])
        session.receive(octets, 8.0)
    assert (together.queued, together.next_deadline) == (one_by_one.queued, one_by_one.next_deadline)
    assert together.data_to_send() == one_by_one.data_to_send()
    assert together.close("over") == one_by_one.close("over")


@pytest.mark.parametrize("state", [state for state in State if state not in (State.BOUND_TX, State.BOUND_TRX)])
def test_submits_are_refused_where_one_would_be(state: State) -> None:
    session = session_in(Role.ESME, state)
    with pytest.raises(LocalProtocolError, match=f"^submit_sm may not be sent in state {state.name}$"):
        session.submit([b""], 0.0, ["m1"])
    assert (session.in_flight, session.data_to_send()) == (0, b"")


@BOTH
def test_a_full_window_changes_nothing(role: Role) -> None:
    session = session_in(role, limits=Limits(window=2))
    numbers = asked(session, "a", "b")
    assert (session.room, session.in_flight) == (0, 2)
    with pytest.raises(WindowFull, match="2 of 2 requests are unanswered"):
        session.request(TRAFFIC[role][0], 0.0, tag="c")
    assert (session.room, session.in_flight, session.data_to_send()) == (0, 2, b"")
    session.receive(encode(TRAFFIC[role][1], numbers[0]), 0.0)
    assert asked(session, "d") == [numbers[1] + 1]


def test_a_full_window_still_lets_us_enquire_and_unbind() -> None:
    session = session_in(Role.ESME, limits=Limits(window=0))
    session.request(EnquireLink(), 0.0)
    session.unbind(0.0)
    assert [id_ for id_, _, _ in sent(session)] == [CommandId.ENQUIRE_LINK, CommandId.UNBIND]


def test_a_value_that_does_not_fit_takes_no_slot_and_sends_nothing() -> None:
    session = session_in(Role.ESME)
    with pytest.raises(EncodingError, match=r"^short_message may have 254 octets, has 255$"):
        session.request(SubmitSm(short_message=bytes(255)), 0.0, tag="m1")
    assert (session.in_flight, session.queued, session.data_to_send()) == (0, 0, b"")
    assert session.close("over") == [Closed("over", [])]


def test_sequence_numbers_wrap_and_pass_over_those_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocol.window.MAX_SEQUENCE", 6)
    session = session_in(Role.ESME, limits=Limits(response_timeout=10.0))  # the bind took 1
    late, flying = asked(session, "late")[0], session.request(SubmitSm(), 5.0)
    probe = session.request(EnquireLink(), 5.0)
    assert session.tick(10.0) == [Unanswered("late", late)]
    assert (late, flying, probe) == (2, 3, 4)
    assert [session.request(SubmitSm(), 11.0) for _ in range(3)] == [5, 6, 1]
    session.receive(encode(SubmitSmResp(), 5), 11.0)
    assert session.request(SubmitSm(), 11.0) == 5


def test_the_last_sequence_number_is_0x7fffffff_and_the_next_is_1() -> None:
    session = Session(Role.ESME, Limits(), 0.0)
    session._sequence = 0x7FFFFFFE  # two thousand million requests later
    assert [session.request(EnquireLink(), 0.0) for _ in range(2)] == [0x7FFFFFFF, 1]


@given(st.permutations(["a", "b", "c", "d"]))
def test_answers_find_their_requests_in_any_order(order: list[str]) -> None:
    session = session_in(Role.ESME)
    numbers = dict(zip("abcd", asked(session, *"abcd"), strict=True))
    wire = b"".join(encode(SubmitSmResp(tag.encode()), numbers[tag]) for tag in order)
    assert session.receive(wire, 0.0) == [Answered(tag, SubmitSmResp(tag.encode()), 0, numbers[tag]) for tag in order]
    assert session.in_flight == 0


@pytest.mark.parametrize("body", [b"", b"\0", b"\0\x04\x24\x00", b"id without its end", b"\0" * 3])
@pytest.mark.parametrize("status", [0, Status.RTHROTTLED, 0x22, 0xFFFFFFFF])
def test_an_answer_settles_its_request_whatever_its_body(body: bytes, status: int) -> None:
    session = session_in(Role.ESME)
    (number,) = asked(session, "m1")
    events = session.receive(frame(CommandId.SUBMIT_SM_RESP, number, body, status), 0.0)
    assert events == [Answered("m1", SubmitSmResp(), status, number)]


def test_a_generic_nack_with_our_number_is_an_answer() -> None:
    session = session_in(Role.ESME)
    (number,) = asked(session, "m1")
    answer = Answered("m1", GenericNack(), Status.RINVCMDID, number)
    assert session.receive(encode(GenericNack(), number, Status.RINVCMDID), 0.0) == [answer]
    assert session.state is State.BOUND_TRX


def test_a_generic_nack_with_0_says_that_framing_is_lost() -> None:
    session = session_in(Role.ESME)
    asked(session, "m1", "m2")
    events = session.receive(encode(GenericNack(), 0, Status.RINVCMDLEN), 0.0)
    assert events == [Closed("the peer lost framing: generic_nack ESME_RINVCMDLEN", ["m1", "m2"])]


def test_an_answer_of_another_kind_settles_nothing() -> None:
    session = session_in(Role.ESME, limits=Limits(response_timeout=5.0))
    (late,) = asked(session, "late")
    session.tick(5.0)
    flying, enquiry = session.request(SubmitSm(), 6.0, tag="flying"), session.request(EnquireLink(), 6.0)
    refused = Refused(CommandId.DELIVER_SM_RESP, 0, "an answer to nothing that was asked")
    for number in (late, flying, enquiry, 0):
        assert session.receive(encode(DeliverSmResp(), number), 6.0) == [refused]
    answers = encode(SubmitSmResp(), late) + encode(SubmitSmResp(), flying) + encode(EnquireLinkResp(), enquiry)
    assert [type(event) for event in session.receive(answers, 6.0)] == [LateAnswer, Answered]


@BOTH
@pytest.mark.parametrize("command_id", [0x00, 0x0A, 0x0C, 0x22, 0x101, 0x114, 0x7FFFFFFF])
def test_an_unknown_command_is_nacked_and_life_goes_on(role: Role, command_id: int) -> None:
    session = session_in(role)
    events = session.receive(frame(command_id, 5, b"anything") + encode(EnquireLink(), 6), 0.0)
    assert events == [Refused(command_id, Status.RINVCMDID, "unknown command_id")]
    assert sent(session) == [(CommandId.GENERIC_NACK, Status.RINVCMDID, 5), (CommandId.ENQUIRE_LINK_RESP, 0, 6)]


MALFORMED = [
    ((Role.ESME, State.BOUND_TRX, CommandId.DELIVER_SM), b"\0" * 16 + b"\x05hi", Status.RINVMSGLEN, "short_message: "),
    ((Role.ESME, State.BOUND_RX, CommandId.DELIVER_SM), b"\0" * 17 + b"\x04", Status.RINVOPTPARSTREAM, "tlvs: "),
    ((Role.SMSC, State.BOUND_TX, CommandId.SUBMIT_SM), b"\0\1\1" + b"8" * 30, Status.RINVSRCADR, "source_addr: "),
    ((Role.SMSC, State.OPEN, CommandId.BIND_TRANSCEIVER), b"", Status.RINVSYSID, "system_id: "),
    ((Role.SMSC, State.BOUND_TX, CommandId.CANCEL_SM), b"\0" * 9, Status.RINVCMDLEN, "1 octets after"),
]


@pytest.mark.parametrize(("triple", "body", "status", "said"), MALFORMED)
def test_a_malformed_request_is_answered_with_its_status_and_life_goes_on(
    triple: tuple[Role, State, CommandId], body: bytes, status: int, said: str
) -> None:
    role, state, command_id = triple
    session = session_in(role, state)
    (refused,) = session.receive(frame(command_id, 5, body), 0.0)
    assert isinstance(refused, Refused)
    assert (refused.command_id, refused.status) == (command_id, status)
    assert refused.reason.startswith(said)
    assert sent(session) == [(command_id | RESPONSE_BIT, status, 5)]
    assert session.state is state


@BOTH
def test_a_notice_out_of_place_is_nacked_for_it_has_no_answer_of_its_own(role: Role) -> None:
    session = session_in(role, State.BOUND_TX)
    (refused,) = session.receive(encode(AlertNotification(), 5), 0.0)
    assert isinstance(refused, Refused)
    assert sent(session) == [(CommandId.GENERIC_NACK, Status.RINVBNDSTS, 5)]


def test_a_notice_takes_no_slot_and_waits_for_no_answer() -> None:
    smsc, esme = session_in(Role.SMSC, limits=Limits(window=1)), session_in(Role.ESME)
    asked(smsc, "fills the window")
    number = smsc.request(AlertNotification(), 0.0)
    assert esme.receive(smsc.data_to_send(), 0.0) == [Notified(AlertNotification())]
    assert smsc.in_flight == 1
    answer = encode(GenericNack(), number, Status.RINVCMDID)
    assert smsc.receive(answer, 0.0) == [Refused(CommandId.GENERIC_NACK, 0, "an answer to nothing that was asked")]


def test_an_outbind_asks_the_esme_to_bind() -> None:
    smsc, esme = Session(Role.SMSC, Limits(), 0.0), Session(Role.ESME, Limits(), 0.0)
    smsc.request(Outbind(b"smsc", b"pw"), 0.0)
    assert esme.receive(smsc.data_to_send(), 0.0) == [Notified(Outbind(b"smsc", b"pw"))]
    number = esme.request(BindReceiver(b"bank"), 0.0)
    assert smsc.receive(esme.data_to_send(), 0.0) == [Requested(BindReceiver(b"bank"), number)]


@pytest.mark.parametrize("version", [0x00, 0x33])
def test_a_peer_of_smpp_33_gets_no_optional_parameters(version: int) -> None:
    session, parameter = Session(Role.SMSC, Limits(), 0.0), ((int(Tag.SC_INTERFACE_VERSION), b"\x34"),)
    session.receive(encode(BindTransceiver(b"bank", interface_version=version), 1), 0.0)
    session.respond(1, BindTransceiverResp(b"smsc", parameter))
    assert session.data_to_send() == encode(BindTransceiverResp(b"smsc"), 1)
    assert session.peer_version == version
    with pytest.raises(LocalProtocolError, match=f"{version:#x}"):
        session.request(DeliverSm(tlvs=parameter), 0.0)
    session.request(DeliverSm(), 0.0)
    assert sent(session) == [(CommandId.DELIVER_SM, 0, 1)]


@pytest.mark.parametrize(("tlvs", "version"), [((), 0x34), (((0x0210, b"\x33"),), 0x33), (((0x0210, b"\x50"),), 0x50)])
def test_an_smsc_that_does_not_say_its_version_is_taken_for_34(
    tlvs: tuple[tuple[int, bytes], ...], version: int
) -> None:
    session = Session(Role.ESME, Limits(), 0.0)
    number = session.request(BindTransceiver(b"bank"), 0.0)
    session.receive(encode(BindTransceiverResp(b"smsc", tlvs), number), 0.0)
    assert session.peer_version == version


def test_what_an_error_response_says_beside_its_status_is_kept() -> None:
    session = session_in(Role.ESME)
    (number,) = asked(session, "m1")
    body = b"\x04\x28\x00\x01\x5a"
    events = session.receive(frame(CommandId.SUBMIT_SM_RESP, number, body, Status.RTHROTTLED), 0.0)
    answer = SubmitSmResp(tlvs=((0x0428, b"\x5a"),))
    assert events == [Answered("m1", answer, Status.RTHROTTLED, number)]


@BOTH
@pytest.mark.parametrize("length", [0, 15, MAX_PDU_OCTETS + 1, 0xFFFFFFFF])
def test_a_wrong_command_length_is_fatal_and_names_what_is_unanswered(role: Role, length: int) -> None:
    session = session_in(role)
    asked(session, "a", "b", "c")
    broken = length.to_bytes(4, "big") + bytes.fromhex("00000015 00000000 00000009")
    events = session.receive(broken + encode(EnquireLink(), 10), 0.0)
    assert events == [Closed(f"framing lost: command_length {length}", ["a", "b", "c"])]
    assert sent(session) == [
        (CommandId.GENERIC_NACK, Status.RINVCMDLEN, 0),
        (CommandId.UNBIND, 0, 5 - (role is Role.SMSC)),
    ]


def test_the_longest_pdu_is_taken() -> None:
    session = session_in(Role.SMSC)
    room = MAX_PDU_OCTETS - len(encode(SubmitSm(), 1)) - 8
    request = SubmitSm(tlvs=((0x0424, bytes(0xFFFF)), (0x1400, bytes(room - 0xFFFF))))
    assert session.receive(encode(request, 1), 0.0) == [Requested(request, 1)]


def test_a_body_that_is_not_whole_waits_for_the_rest() -> None:
    session, octets = session_in(Role.ESME), encode(DeliverSm(short_message=b"hello"), 5)
    assert session.receive(octets[:20], 0.0) == session.receive(octets[20:-1], 0.0) == []
    assert session.receive(octets[-1:], 0.0) == [Requested(DeliverSm(short_message=b"hello"), 5)]


def test_answers_come_before_requests_in_one_batch() -> None:
    session = session_in(Role.ESME)
    numbers = asked(session, "a", "b")
    receipt = DeliverSm(short_message=b"id:1")
    wire = [encode(receipt, 50), encode(SubmitSmResp(), numbers[0]), encode(receipt, 51)]
    events = session.receive(b"".join([*wire, encode(SubmitSmResp(), numbers[1])]), 0.0)
    answers = [Answered("a", SubmitSmResp(), 0, numbers[0]), Answered("b", SubmitSmResp(), 0, numbers[1])]
    assert events == [*answers, Requested(receipt, 50), Requested(receipt, 51)]


@pytest.mark.parametrize("last", [encode(GenericNack(), 0, Status.RSYSERR), bytes(16)])
def test_closed_is_the_last_event_of_all_and_nothing_is_read_after_it(last: bytes) -> None:
    session = session_in(Role.ESME)
    numbers = asked(session, "a", "b")
    wire = encode(DeliverSm(), 7) + encode(SubmitSmResp(), numbers[0]) + last + encode(SubmitSmResp(), numbers[1])
    events = session.receive(wire, 0.0)
    assert [type(event) for event in events] == [Answered, Requested, Closed]
    assert events[-1] == Closed(getattr(events[-1], "reason", ""), ["b"])


AFTER_THE_END: list[Callable[[Session], object]] = [
    lambda session: session.receive(encode(SubmitSmResp(), 2), 1.0),
    lambda session: session.receive(b"", 1.0),
    lambda session: session.tick(1e9),
    lambda session: session.close("again"),
    lambda session: session.unbind(1.0),
    lambda session: session.respond(7, DeliverSmResp()),
]


@pytest.mark.parametrize("call", AFTER_THE_END)
def test_nothing_comes_after_closed(call: Callable[[Session], object]) -> None:
    session = session_in(Role.ESME)
    asked(session, "m1")
    assert session.close("over") == [Closed("over", ["m1"])]
    assert not call(session)
    assert (session.state, session.room, session.in_flight) == (State.CLOSED, 0, 0)
    assert (session.next_deadline, session.data_to_send()) == (float("inf"), b"")


@BOTH
def test_the_end_of_the_file_closes(role: Role) -> None:
    session = session_in(role)
    asked(session, "m1")
    session.receive(b"\0\0\0", 0.0)
    assert session.receive(b"", 0.0) == [Closed("the peer closed the connection", ["m1"])]


@BOTH
def test_unbinding_takes_the_answers_that_are_still_owed(role: Role) -> None:
    session = session_in(role)
    numbers = asked(session, "a", "b")
    assert session.unbind(0.0) == session.unbind(0.0) == []
    ((_, _, unbind),) = sent(session)
    answer = TRAFFIC[role][1]
    assert session.receive(encode(answer, numbers[0]), 0.0) == [Answered("a", answer, 0, numbers[0])]
    assert session.receive(encode(UnbindResp(), unbind), 0.0) == [Closed("unbound", ["b"])]


@pytest.mark.parametrize("answer", [UnbindResp(), GenericNack()])
@pytest.mark.parametrize("status", [0, Status.RSYSERR])
def test_any_answer_to_unbind_ends_the_session(answer: Pdu, status: int) -> None:
    session = session_in(Role.ESME)
    session.unbind(0.0)
    assert session.receive(encode(answer, 2, status), 0.0) == [Closed("unbound")]


def test_unbinds_that_cross_end_both_sessions() -> None:
    esme, smsc = session_in(Role.ESME), session_in(Role.SMSC)
    esme.unbind(0.0)
    smsc.unbind(0.0)
    to_smsc, to_esme = esme.data_to_send(), smsc.data_to_send()
    esme.receive(to_esme, 0.0)
    smsc.receive(to_smsc, 0.0)
    assert esme.receive(smsc.data_to_send(), 0.0) == [Closed("unbound")]
    assert smsc.receive(esme.data_to_send(), 0.0) == [Closed("unbound")]


def test_unbinding_before_the_bind_closes_at_once() -> None:
    session = Session(Role.ESME, Limits(), 0.0)
    assert session.unbind(0.0) == [Closed("closed before it was bound")]
    assert session.data_to_send() == b""


def test_what_is_queued_is_counted_and_drained_in_order() -> None:
    session = session_in(Role.ESME)
    session.request(SubmitSm(), 0.0)
    session.respond(9, DeliverSmResp(), Status.RX_T_APPN)
    assert session.queued == 33 + 17
    assert sent(session) == [(CommandId.SUBMIT_SM, 0, 2), (CommandId.DELIVER_SM_RESP, Status.RX_T_APPN, 9)]
    assert (session.queued, session.data_to_send()) == (0, b"")


def test_an_answer_to_the_owners_own_enquire_link_is_no_event() -> None:
    session = session_in(Role.ESME)
    number = session.request(EnquireLink(), 0.0)
    assert session.receive(encode(EnquireLinkResp(), number), 0.0) == []


@BOTH
def test_every_number_a_peer_chooses_is_given_back(role: Role) -> None:
    session = session_in(role)
    for number in (0, 1, 0x80000000, 0xFFFFFFFF):
        session.receive(encode(EnquireLink(), number), 0.0)
    assert [number for _, _, number in sent(session)] == [0, 1, 0x80000000, 0xFFFFFFFF]


def test_the_states_of_a_bound_session_are_those_with_room() -> None:
    assert {state for state in State if session_in(Role.ESME, state).room} == BOUND
