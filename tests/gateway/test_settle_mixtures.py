"""Messages whose parts fare differently: in whatever order it comes, each ends, and nothing is sent twice unsaid."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import OnUnknown
from gateway.message import Message, Part, PartState, State
from tests.gateway.desk import REBINDING, REJECTING, RETRYING, THROTTLING, Desk, receipt
from tests.gateway.fakes import NOW

P = PartState
STATUSES = (REJECTING, RETRYING, THROTTLING, REBINDING)
OUTCOMES = ("DELIVERED", "UNDELIVERED", "EXPIRED")
EVENTS = st.one_of(
    st.tuples(st.sampled_from(["accept", "silence", "never_left"]), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("refuse"), st.integers(0, 3), st.sampled_from(STATUSES)),
    st.tuples(st.just("receipt"), st.integers(0, 3), st.integers(0, 2)),
    st.tuples(st.sampled_from(["due", "take", "take", "link"]), st.just(0), st.just(0)),
)
TRIES = 3


@dataclass
class Watch:
    """One message at a desk, and how often each part of it was handed over."""

    desk: Desk
    made: Message
    handed: dict[int, int] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)
    """Parts whose last copy the carrier has refused, or that have never left."""
    accepted: set[int] = field(default_factory=set)
    now: float = NOW

    def take(self) -> None:
        """Hand over what waits, and check that it is only what the carrier has not."""
        before = {part.n: part.state for part in self.made.parts}
        for taken in self.desk.take():
            assert taken.carrier == "alpha"
            for part in taken.parts:
                if part.state is P.SENT and before[part.n] is P.WAITING:
                    assert part.n not in self.accepted, "the carrier has it"
                    assert part.n in self.refused or taken.repeated, "sent twice without a word"
                    self.refused.discard(part.n)
                    self.handed[part.n] += 1

    def fall_due(self) -> None:
        """Let the time come that the message waits for."""
        self.now = max(self.now, self.made.due)
        if self.made.due and self.desk.settler.fell_due(self.made, self.now):
            self.desk.lanes.resume(self.made)

    def meet(self, what: str, n: int, detail: int) -> None:
        """Have one thing happen, if it can."""
        part = self.made.parts[n % len(self.made.parts)]
        if what == "take":
            self.take()
        elif what == "due":
            self.fall_due()
        elif what == "link":
            self.desk.settler.unanswered([each for each in self.made.parts if each.state is P.SENT], self.now)
        elif what == "receipt" and part.state > P.SENT:
            self.desk.settler.received(part, *receipt(OUTCOMES[detail]), self.now)
        elif part.state is P.SENT:
            self.answer(part, what, detail)
        elif part.state is P.UNKNOWN and what in ("accept", "refuse"):
            self.note(part, what)
            self.desk.settler.late(part, detail, f"{part.n}", self.now)

    def answer(self, part: Part, what: str, status: int) -> None:
        """Say what became of a part on the wire."""
        self.note(part, what)
        if what == "accept":
            self.desk.settler.accepted(part, f"{part.n}", self.now)
        elif what == "refuse":
            self.desk.settler.refused(part, status, self.now)
        elif what == "silence":
            self.desk.settler.unanswered([part], self.now)
        elif what == "never_left":
            self.handed[part.n] -= 1
            part.state = P.WAITING
            self.desk.settler.unsent(part.message, self.now)

    def note(self, part: Part, what: str) -> None:
        """Remember what is true of a part, whatever the settler makes of it."""
        if what in ("refuse", "never_left"):
            self.refused.add(part.n)
        elif what == "accept":
            self.accepted.add(part.n)

    def end(self) -> None:
        """Go on with a carrier that takes everything until nothing more is to happen."""
        for _ in range(20):
            for part in [part for part in self.made.parts if part.state is P.SENT]:
                self.answer(part, "accept", 0)
            self.take()
            if self.made.state is not State.SENDING:
                self.fall_due()


@settings(max_examples=300)
@given(st.integers(1, 4), st.sampled_from(OnUnknown), st.booleans(), st.sampled_from((0.0, 9e6)), st.lists(EVENTS))
def test_every_message_ends_and_only_what_is_missing_is_sent_again(
    parts: int, on_unknown: OnUnknown, receipts: bool, lives: float, events: list[tuple[str, int, int]]
) -> None:
    desk = Desk((("carriers", "alpha", "max_attempts"), TRIES))
    made = desk.send(parts=parts, on_unknown=on_unknown, receipt=receipts, expires_at=lives and NOW + lives)
    made.reference = 77
    watch = Watch(desk, made, dict.fromkeys(range(1, parts + 1), 1))
    for what, n, detail in events:
        before, ended = [part.state for part in made.parts], made.state if made.final else None
        refusing = what == "refuse"
        watch.meet(what, n, detail)
        assert ended in (None, made.state), "a final state was overwritten"
        for part, state in zip(made.parts, before, strict=True):
            kept = state >= P.ACCEPTED or (state is P.UNKNOWN and on_unknown is OnUnknown.REPORT and not refusing)
            assert not (kept and part.state is P.WAITING), "what the carrier has, or may have, would be sent again"
            assert state <= P.ACCEPTED or part.state >= state, "a receipt was overruled"
    watch.end()
    settled = made.final or made.state in (State.SUBMITTED, State.REPORTED)
    assert settled, made.state
    assert (made.carrier, made.reference) == ("alpha", 77)
    if on_unknown is OnUnknown.REPORT:
        assert not made.repeated
    elif made.state is State.REPORTED:
        assert 0 < made.expires_at <= watch.now, "reported, though there was time to send it again"
    if made.state in (State.SUBMITTED, State.DONE, State.DELIVERED):
        assert all(watch.handed.values())


@given(st.lists(st.sampled_from((P.WAITING, P.SENT, P.UNKNOWN, P.ACCEPTED, P.DELIVERED)), min_size=1, max_size=4))
def test_a_report_message_whose_link_ends_has_every_part_handed_over_once(before: list[PartState]) -> None:
    desk = Desk()
    made = desk.send(parts=len(before), on_unknown=OnUnknown.REPORT)
    for part, state in zip(made.parts, before, strict=True):
        part.state = state
    sent = [part for part in made.parts if part.state is P.SENT]
    desk.settler.unanswered(sent, NOW)
    desk.settler.unsent(made, NOW)
    watch = Watch(desk, made, dict.fromkeys(range(1, len(before) + 1), 0))
    watch.refused = {n for n, state in enumerate(before, 1) if state is P.WAITING}
    watch.end()
    assert {n for n, count in watch.handed.items() if count} == {n for n, s in enumerate(before, 1) if s is P.WAITING}
    assert max(watch.handed.values()) <= 1
    doubtful = any(state in (P.SENT, P.UNKNOWN) for state in before)
    assert (made.state is State.REPORTED) == doubtful
    assert desk.kinds().count("unknown") == doubtful
