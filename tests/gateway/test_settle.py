"""What answers, receipts and time make of messages, and that clients hear of each step once and in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import OnUnknown
from gateway.message import Message, Part, PartState, State
from gateway.retry import Action
from protocol.constants import Coding
from protocol.text import Cut
from tests.gateway.desk import GRACE, REBINDING, REJECTING, RETRYING, THROTTLING, Desk, receipt, states
from tests.gateway.fakes import NOW

P = PartState
ALPHA = ("carriers", "alpha")


# The carrier accepts


def test_what_the_carrier_accepts_is_submitted_and_named() -> None:
    desk = Desk()
    made = desk.send(meta={"order": 1})
    desk.accept(made, now=NOW + 5)
    assert (made.state, made.due, states(made)) == (State.SUBMITTED, 0.0, [P.ACCEPTED])
    told = {"type": "submitted", "at": NOW + 5, "id": "m1", "message_id": "1", "carrier": "alpha", "final": False}
    assert desk.store.told == [told | {"meta": {"order": 1}, "parts": 1}]
    assert desk.outstanding.find("alpha", "1-1") is made.parts[0]
    assert desk.copy(made).state is State.SUBMITTED
    assert desk.store.names == {("alpha", "1-1"): [(1, 1)]}


def test_a_long_message_is_submitted_with_its_last_part_in_any_order() -> None:
    desk = Desk()
    made = desk.send(parts=3)
    desk.accept(made, 3, 1)
    assert (made.state, desk.kinds()) == (State.SENDING, [])
    desk.accept(made, 2)
    assert made.state is State.SUBMITTED
    assert [(event["type"], event["parts"]) for event in desk.store.told] == [("submitted", 3)]


def test_without_receipts_the_acceptance_is_the_end() -> None:
    desk = Desk()
    made = desk.send(parts=2, receipt=False)
    desk.accept(made)
    assert made.state is State.DONE
    assert [(event["type"], event["final"]) for event in desk.store.told] == [("submitted", True)]
    assert desk.outstanding.live == {}
    assert desk.outstanding.find("alpha", "1-1") is None


def test_a_part_that_the_carrier_does_not_name_is_accepted_all_the_same() -> None:
    desk = Desk()
    made = desk.send()
    desk.settler.accepted(made.parts[0], "", NOW)
    assert made.state is State.SUBMITTED
    desk.store.flush()
    assert desk.store.names == {}


def test_the_octets_to_send_are_given_up_once_the_carrier_has_them() -> None:
    desk = Desk()
    made = desk.send(cut=Cut(Coding.UCS2, 1, (b"\0a",)))
    desk.accept(made)
    assert made.cut is None


def test_the_oldest_that_await_receipts_leave_memory() -> None:
    desk = Desk(outstanding=2)
    for key in (1, 2, 3):
        desk.accept(desk.send(key))
    assert list(desk.outstanding.live) == [2, 3]


# The carrier refuses


@pytest.mark.parametrize(("status", "name"), [(REJECTING, "ESME_RINVDSTADR"), (0x66, "ESME_RX_R_APPN")])
def test_a_refusal_for_good_rejects_the_message(status: int, name: str) -> None:
    desk = Desk()
    made = desk.send()
    assert desk.settler.refused(made.parts[0], status, NOW) is Action.REJECT
    assert made.state is State.REJECTED
    assert [(event["type"], event["final"]) for event in desk.store.told] == [("rejected", True)]
    assert (desk.store.told[0]["status"], desk.store.told[0]["status_name"]) == (status, name)
    assert desk.outstanding.live == {}
    assert desk.copy(made).state is State.REJECTED


def test_answers_after_the_end_change_nothing_and_then_nothing_stays_in_memory() -> None:
    desk = Desk()
    made = desk.send(parts=4)
    desk.settler.refused(made.parts[0], REJECTING, NOW)
    assert desk.outstanding.live == {1: made}
    desk.accept(made, 2)
    desk.settler.refused(made.parts[2], RETRYING, NOW)
    desk.settler.unanswered([made.parts[3]], NOW)
    assert (made.state, desk.kinds()) == (State.REJECTED, ["rejected"])
    assert desk.outstanding.live == {}
    assert desk.outstanding.find("alpha", "1-2") is None


def test_a_passing_refusal_holds_the_message_for_a_while() -> None:
    desk = Desk((("carriers", "alpha", "retry_min"), 7.0))
    made = desk.send(expires_at=NOW + 900)
    assert desk.settler.refused(made.parts[0], RETRYING, NOW) is Action.RETRY
    assert (made.state, made.due, made.attempts, states(made)) == (State.HELD, NOW + 7, 1, [P.WAITING])
    assert (desk.kinds(), desk.outstanding.live) == ([], {})
    kept = desk.copy(made)
    assert (kept.state, kept.due, kept.attempts, kept.parts[0].status) == (State.HELD, NOW + 7, 1, RETRYING)


@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize("tries", [1, 2, 5])
def test_every_round_is_one_attempt_however_many_parts_it_has(parts: int, tries: int) -> None:
    desk = Desk(((*ALPHA, "max_attempts"), tries))
    made = desk.send(parts=parts)
    for round_ in range(1, tries + 1):
        assert (made.state, desk.kinds()) == (State.SENDING, [])
        first, *_ = [desk.settler.refused(part, RETRYING, NOW) for part in made.parts]
        assert first is (Action.RETRY if round_ < tries else Action.REJECT)
        if round_ < tries:
            assert (made.state, made.attempts) == (State.HELD, round_)
            assert desk.settler.fell_due(made, made.due)
            desk.lanes.resume(made)
            assert desk.take() == [made]
    assert (made.state, desk.kinds()) == (State.REJECTED, ["rejected"])


@pytest.mark.parametrize(("status", "action"), [(THROTTLING, Action.PAUSE), (REBINDING, Action.REBIND)])
def test_what_is_not_the_messages_fault_puts_it_back_in_its_place_without_an_attempt(
    status: int, action: Action
) -> None:
    desk = Desk()
    sent = [desk.send(key, expires_at=NOW + 60) for key in (4, 2, 3, 1)]
    for made in sent:
        assert desk.settler.refused(made.parts[0], status, NOW) is action
        assert (made.state, made.due, made.attempts) == (State.WAITING, NOW + 60, 0)
    assert desk.kinds() == []
    assert desk.copy(sent[0]).state is State.WAITING
    assert [made.key for made in desk.take()] == [1, 2, 3, 4]


def test_a_round_is_put_back_once_and_only_what_was_refused_goes_again() -> None:
    desk = Desk()
    made = desk.send(parts=3)
    desk.settler.refused(made.parts[0], THROTTLING, NOW)
    desk.settler.refused(made.parts[2], THROTTLING, NOW)
    assert desk.lanes.waiting("alpha") == 1
    desk.accept(made, 2)
    assert made.state is State.WAITING
    assert desk.take() == [made]
    assert states(made) == [P.SENT, P.ACCEPTED, P.SENT]
    desk.accept(made, 1, 3)
    assert (made.state, desk.kinds()) == (State.SUBMITTED, ["submitted"])


def test_a_part_refused_for_good_ends_what_was_put_back_or_held() -> None:
    for status in (THROTTLING, RETRYING):
        desk = Desk()
        made = desk.send(parts=2)
        desk.settler.refused(made.parts[0], status, NOW)
        desk.settler.refused(made.parts[1], REJECTING, NOW)
        assert (made.state, desk.kinds()) == (State.REJECTED, ["rejected"])
        assert desk.take() == []
        assert desk.outstanding.live == {}


def test_the_status_of_the_refused_part_is_told() -> None:
    desk = Desk()
    made = desk.send(parts=2)
    desk.settler.refused(made.parts[0], 0x400, NOW)
    desk.settler.refused(made.parts[1], 0x01, NOW)
    assert desk.store.told[0]["status"] == 0x01


# The link fails


def test_what_was_taken_and_not_sent_goes_back_whole() -> None:
    desk = Desk()
    made = desk.send(parts=2, expires_at=NOW + 60)
    for part in made.parts:
        part.state = P.WAITING
    desk.settler.unsent(made, NOW)
    assert (made.state, made.due, desk.kinds()) == (State.WAITING, NOW + 60, [])
    assert desk.take() == [made]


def test_what_was_not_sent_follows_what_was_accepted() -> None:
    desk = Desk()
    made = desk.send(parts=2)
    desk.accept(made, 1)
    assert made.state is State.SENDING
    made.parts[1].state = P.WAITING
    desk.settler.unsent(made, NOW)
    assert desk.take() == [made]
    assert states(made) == [P.ACCEPTED, P.SENT]


@pytest.mark.parametrize("on_unknown", OnUnknown)
def test_what_was_never_sent_goes_though_another_part_is_unknown_and_then_that_alone_decides(
    on_unknown: OnUnknown,
) -> None:
    desk = Desk()
    made = desk.send(parts=3, on_unknown=on_unknown)
    made.parts[1].state = made.parts[2].state = P.WAITING
    desk.settler.unanswered([made.parts[0]], NOW)
    desk.settler.unsent(made, NOW)
    assert desk.take() == [made]
    assert states(made) == [P.UNKNOWN, P.SENT, P.SENT]
    desk.accept(made, 2, 3, now=NOW + 60)
    assert (made.state, made.due, desk.kinds()) == (State.UNKNOWN, NOW + 60 + GRACE, [])
    assert desk.settler.fell_due(made, made.due) is (on_unknown is OnUnknown.RESEND)
    assert states(made) == [P.WAITING if on_unknown is OnUnknown.RESEND else P.UNKNOWN, P.ACCEPTED, P.ACCEPTED]


# Whatever happens

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["accept", "refuse", "silence", "receipt", "due", "take", "cancel", "link"]),
        st.integers(0, 2),
        st.sampled_from([REJECTING, RETRYING, THROTTLING, REBINDING]),
        st.sampled_from(["DELIVERED", "UNDELIVERED", "EXPIRED"]),
    ),
    max_size=25,
)


def step(desk: Desk, made: Message, what: str, part: int, how: tuple[int, str]) -> None:
    """One thing that may happen to a message now; what cannot happen now does not."""
    now, chosen = NOW, made.parts[part % len(made.parts)]
    if what == "take":
        desk.take()
    elif what == "due" and made.due:
        if desk.settler.fell_due(made, made.due):
            desk.lanes.resume(made)
    elif what == "cancel":
        desk.settler.cancel(made, now)
    elif what == "receipt" and chosen.state > P.SENT:
        desk.settler.received(chosen, *receipt(how[1]), now)
    elif what == "link":
        for each in (each for each in made.parts if each.state is P.SENT):
            desk.settler.unanswered([each], now)
    elif chosen.state is P.SENT:
        answer(desk, chosen, what, how[0])
    elif chosen.state is P.UNKNOWN and what in ("accept", "refuse"):
        desk.settler.late(chosen, how[0] if what == "refuse" else 0, f"{chosen.n}", now)


def answer(desk: Desk, part: Part, what: str, status: int) -> None:
    if what == "accept":
        desk.settler.accepted(part, f"{part.n}", NOW)
    elif what == "refuse":
        desk.settler.refused(part, status, NOW)
    elif what == "silence":
        desk.settler.unanswered([part], NOW)


@given(st.integers(1, 3), st.sampled_from(OnUnknown), st.booleans(), STEPS)
def test_whatever_happens_clients_hear_of_each_state_once_and_of_one_end(
    parts: int, on_unknown: OnUnknown, wanted: bool, steps: list[tuple[str, int, int, str]]
) -> None:
    desk = Desk(((*ALPHA, "max_attempts"), 3))
    made = desk.send(parts=parts, on_unknown=on_unknown, receipt=wanted, expires_at=NOW + 9e6)
    for what, part, status, outcome in steps:
        outcomes = {each.n: each.state for each in made.parts if each.receipt}
        step(desk, made, what, part, (status, outcome))
        assert {each.n: each.state for each in made.parts if each.n in outcomes} == outcomes
        assert made.attempts < 3
    ends = [event["final"] for event in desk.store.told]
    assert ends == sorted(ends)
    assert sum(ends) == made.final
    assert len(set(desk.kinds())) == len(desk.kinds())
    on_the_wire = any(each.state is P.SENT for each in made.parts)
    if made.state in (State.WAITING, State.SENDING, State.UNKNOWN):
        assert desk.outstanding.live == {1: made}
    if made.final and not on_the_wire:
        assert desk.outstanding.live == {}
        assert not any(desk.outstanding.find("alpha", f"{each.n}") for each in made.parts)
    assert made.queued or made.state is not State.WAITING
    if made.state is not State.SENDING:  # taking a message writes nothing down
        kept = desk.copy(made)
        assert (kept.state, kept.attempts, kept.repeated) == (made.state, made.attempts, made.repeated)
