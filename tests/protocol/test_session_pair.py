"""The one that matters most: two sessions, a clock, and a wire that delays, cuts at any octet and breaks.

Whatever happens: each request's tag gets exactly one of Answered, Unanswered or its place in Closed; the window is
never exceeded; and no end ever sees a sequence number again while it still owes the answer to it.
"""

from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from protocol.errors import LocalProtocolError, WindowFull
from protocol.events import Answered, BindRefused, Bound, Closed, Event, LateAnswer, Refused, Requested, Unanswered
from protocol.pdu import RESPONSES, DeliverSm, Pdu, ShortMessage, SubmitSm, SubmitSmResp
from protocol.session import Limits, Session
from protocol.states import BOUND, MAY_SEND, Role, State
from tests.protocol.sessions import BINDS

NUMBERS, WINDOW, LATE = 16, 4, 8
"""Few sequence numbers, so that they come round; still more than can be in flight, late or enquiring at once."""

LIMITS = Limits(
    init_timeout=15.0,
    response_timeout=6.0,
    enquire_link_interval=8.0,
    enquire_link_timeout=5.0,
    inactivity_timeout=40.0,
    partial_timeout=9.0,
    unbind_timeout=4.0,
    window=WINDOW,
    late_answers=LATE,
)


class End:
    """An owner of a session, who checks every event against what was promised."""

    def __init__(self, role: Role, asks: type[ShortMessage]) -> None:
        self.session = Session(role, LIMITS, 0.0)
        self.asks = asks
        self.wire = b""
        """On its way to this end."""
        self.open: dict[int, Pdu] = {}
        """What the peer asked and we have not answered."""
        self.tags = 0
        self.outcomes: Counter[int] = Counter()
        self.given_up: set[int] = set()
        self.closed = False

    def see(self, events: list[Event]) -> None:
        for event in events:
            assert not self.closed, f"{event} after Closed"
            self._see_one(event)

    def _see_one(self, event: Event) -> None:
        match event:
            case Answered(tag=tag, pdu=pdu):
                self._settle(tag)
                assert not isinstance(pdu, SubmitSmResp) or pdu.message_id in (b"", b"%d" % tag)
            case Unanswered(tag=tag):
                self._settle(tag)
                self.given_up.add(tag)
            case LateAnswer(tag=tag):
                self.given_up.remove(tag)
            case Requested(pdu=pdu, sequence_number=number):
                assert number not in self.open, "a number seen twice while it was open"
                self.open[number] = pdu
            case Closed(unanswered=tags):
                self.closed = True
                assert tags == sorted(tags)
                for tag in tags:
                    self._settle(tag)
            case Refused() | Bound() | BindRefused():
                pass

    def _settle(self, tag: Any) -> None:  # noqa: ANN401  # what the session gives back
        assert self.outcomes[tag] == 0, f"{tag} has two outcomes"
        self.outcomes[tag] += 1

    def ask(self, now: float) -> None:
        """One request: taken exactly when there is room."""
        session, before = self.session, self.session.queued
        request = self.asks(short_message=b"%d" % (self.tags + 1))
        allowed = (session.role, session.state, request.id) in MAY_SEND
        if allowed and session.room:
            self.tags += 1
            session.request(request, now, tag=self.tags)
        else:
            with pytest.raises(WindowFull if allowed else LocalProtocolError):
                session.request(request, now, tag="none")
            assert session.queued == before

    def answer(self, number: int, status: int) -> None:
        pdu = self.open.pop(number)
        response = RESPONSES[pdu.id]
        made = response(message_id=pdu.short_message) if isinstance(pdu, SubmitSm) else response()  # type: ignore[call-arg]  # by id
        self.session.respond(number, made, status)


class Pair(RuleBasedStateMachine):
    """An ESME and an SMSC; `ends` maps each to its peer's wire."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.esme, self.smsc = End(Role.ESME, SubmitSm), End(Role.SMSC, DeliverSm)
        self.ends = {Role.ESME: self.esme, Role.SMSC: self.smsc}
        self.broken = False

    def flush(self) -> None:
        self.esme.wire += self.smsc.session.data_to_send()
        self.smsc.wire += self.esme.session.data_to_send()

    @initialize(state=st.sampled_from(list(BINDS)) | st.just(State.BOUND_TRX))
    def bind(self, state: State) -> None:
        request, response = BINDS[state]
        number = self.esme.session.request(request, self.now)
        self.smsc.session.receive(self.esme.session.data_to_send(), self.now)
        self.smsc.session.respond(number, response)
        self.esme.see(self.esme.session.receive(self.smsc.session.data_to_send(), self.now))

    @rule(role=st.sampled_from(Role), count=st.integers(1, WINDOW + 1))
    def ask(self, role: Role, count: int) -> None:
        for _ in range(count):
            if len(self.ends[role].given_up) <= LATE - WINDOW:  # no number may be forgotten while its answer is owed
                self.ends[role].ask(self.now)

    @rule(role=st.sampled_from(Role), data=st.data(), status=st.sampled_from((0, 0, 0x58, 0x8)))
    def answer_any(self, role: Role, data: st.DataObject, status: int) -> None:
        end = self.ends[role]
        if end.open:
            end.answer(data.draw(st.sampled_from(sorted(end.open))), status)

    @rule(role=st.sampled_from(Role), octets=st.integers(1, 60) | st.just(10_000))
    def carry(self, role: Role, octets: int) -> None:
        self.flush()
        end = self.ends[role]
        piece, end.wire = end.wire[:octets], end.wire[octets:]
        if piece and not self.broken:
            end.see(end.session.receive(piece, self.now))

    @rule(seconds=st.sampled_from((0.1, 1.0, 2.5, 5.0, 20.0)), role=st.sampled_from((*Role, None)))
    def wait(self, seconds: float, role: Role | None) -> None:
        """Time passes; one end may be late to notice."""
        self.now += seconds
        for end in (self.ends[role],) if role else self.ends.values():
            end.see(end.session.tick(self.now))
            assert end.session.next_deadline > self.now

    @rule(role=st.sampled_from(Role))
    def unbind(self, role: Role) -> None:
        end = self.ends[role]
        end.see(end.session.unbind(self.now))

    @rule(role=st.sampled_from(Role))
    def break_wire(self, role: Role) -> None:
        """The wire loses what it holds; this end is told now, the other one when it looks at its clock."""
        self.broken = True
        self.ends[role].see(self.ends[role].session.receive(b"", self.now))

    @invariant()
    def the_window_is_never_exceeded(self) -> None:
        for end in self.ends.values():
            assert 0 <= end.session.in_flight <= WINDOW
            assert end.session.in_flight == end.tags - end.outcomes.total()
            assert end.session.room == (WINDOW - end.session.in_flight if end.session.state in BOUND else 0)

    def teardown(self) -> None:
        for end in self.ends.values():
            end.see(end.session.close("the test is over"))
            assert end.closed
            assert set(end.outcomes) == set(range(1, end.tags + 1))


@pytest.fixture(autouse=True)
def _few_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocol.window.MAX_SEQUENCE", NUMBERS)


TestPair = Pair.TestCase
TestPair.settings = settings(stateful_step_count=60)
