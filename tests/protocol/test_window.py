"""The window without the session's rules: whose number is whose, what is overdue, and the octets that wait."""

from collections.abc import Sequence
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from protocol.codec import encode, encode_body
from protocol.constants import MAX_SEQUENCE, CommandId
from protocol.events import Unanswered
from protocol.pdu import SubmitSm
from protocol.window import Window

BODY = encode_body(SubmitSm())
DEADLINE = 10.0
FEW = 8
"""Numbers that come round soon; one more than the three in flight, two late and two enquiries of `Life`."""


class Desk(Window):
    """What a session does to its window, without asking whether it may."""

    def submit(self, *tags: str, deadline: float = DEADLINE) -> list[int]:
        return self._queue_submits([BODY] * len(tags), tags, deadline)

    def submit_bodies(self, bodies: Sequence[bytes], tags: Sequence[str]) -> list[int]:
        return self._queue_submits(bodies, tags, DEADLINE)

    def enquire(self) -> int:
        sequence = self._next_sequence()
        self._control[sequence] = CommandId.ENQUIRE_LINK
        return sequence

    def settle(self, sequence: int) -> None:
        """The answer came, to whatever it was that had this number."""
        for asked in (self._in_flight, self._late, self._control):
            asked.pop(sequence, None)

    def queue(self, octets: bytes) -> None:
        self._queue(octets)

    def expire(self, now: float, most_late: int = 10) -> list[Unanswered]:
        return self._expire(now, most_late)

    @property
    def oldest_deadline(self) -> float:
        return self._oldest_deadline

    @property
    def late(self) -> list[tuple[int, str]]:
        """What is remembered for late answers: numbers and tags."""
        return [(sequence, tag) for sequence, (tag, _) in self._late.items()]

    def have_asked(self, count: int) -> None:
        """So many requests were made and answered before."""
        self._sequence = count


def test_numbers_begin_at_one_and_go_up_by_one_whatever_is_asked() -> None:
    desk = Desk()
    assert (desk.submit("a", "b"), desk.enquire(), desk.submit("c")) == ([1, 2], 3, [4])


def test_after_the_greatest_number_comes_one_again() -> None:
    desk = Desk()
    desk.have_asked(MAX_SEQUENCE - 1)
    assert desk.submit("a", "b", "c") == [0x7FFFFFFF, 1, 2]


def test_numbers_in_flight_late_or_of_an_enquiry_are_passed_over() -> None:
    desk = Desk()
    (late,) = desk.submit("late")
    assert desk.expire(DEADLINE) == [Unanswered("late", late)]
    (flying,), (free,), enquiry = desk.submit("flying"), desk.submit("answered"), desk.enquire()
    desk.settle(free)
    desk.have_asked(MAX_SEQUENCE)
    assert (late, flying, free, enquiry) == (1, 2, 3, 4)
    assert desk.submit("new", "newer") == [free, 5]


def test_a_number_is_free_again_once_its_late_answer_is_not_waited_for_any_more() -> None:
    desk = Desk()
    desk.submit("forgotten", "remembered")
    desk.expire(DEADLINE, most_late=1)
    desk.have_asked(MAX_SEQUENCE)
    assert (desk.late, desk.submit("new", "newer")) == ([(2, "remembered")], [1, 3])


def test_submits_are_queued_as_the_codec_would_write_them_and_in_order() -> None:
    desk = Desk()
    pdus = [SubmitSm(short_message=b"one"), SubmitSm(destination_addr=b"819012345678"), SubmitSm(short_message=b"")]
    sequences = desk.submit_bodies([encode_body(pdu) for pdu in pdus], ["a", "b", "c"])
    octets = b"".join(encode(pdu, sequence) for pdu, sequence in zip(pdus, sequences, strict=True))
    assert (desk.in_flight, desk.queued) == (3, len(octets))
    assert desk.data_to_send() == octets


def test_no_submits_are_queued_as_nothing() -> None:
    desk = Desk()
    assert (desk.submit(), desk.in_flight, desk.queued, desk.data_to_send()) == ([], 0, 0, b"")


def test_a_submit_without_a_tag_of_its_own_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Desk().submit_bodies([BODY, BODY], ["a"])


def test_octets_are_handed_out_once() -> None:
    desk = Desk()
    desk.submit("a")
    assert len(desk.data_to_send()) == 16 + len(BODY)
    assert (desk.data_to_send(), desk.queued, desk.in_flight) == (b"", 0, 1)


@given(st.lists(st.none() | st.binary(max_size=9) | st.integers(0, 3)))
def test_what_is_queued_comes_out_whole_and_in_order_however_often_it_is_drained(
    steps: list[bytes | int | None],
) -> None:
    desk, whole, drained, numbers = Desk(), b"", b"", 0
    for step in steps:
        if step is None:
            drained += desk.data_to_send()
        elif isinstance(step, bytes):
            desk.queue(step)
            whole += step
        else:
            sequences = desk.submit(*["tag"] * step)
            whole += b"".join(encode(SubmitSm(), sequence) for sequence in sequences)
            numbers += step
        assert desk.queued == len(whole) - len(drained)
    assert (drained + desk.data_to_send(), desk.in_flight) == (whole, numbers)


def test_what_is_due_now_is_overdue_oldest_first_and_the_rest_waits_on() -> None:
    desk = Desk()
    desk.submit("a", "b", deadline=5.0)
    desk.submit("c", deadline=6.0)
    desk.submit("d", deadline=7.5)
    assert (desk.oldest_deadline, desk.expire(4.9)) == (5.0, [])
    assert desk.expire(6.0) == [Unanswered("a", 1), Unanswered("b", 2), Unanswered("c", 3)]
    assert (desk.oldest_deadline, desk.in_flight, desk.expire(6.0)) == (7.5, 1, [])
    assert desk.late == [(1, "a"), (2, "b"), (3, "c")]


def test_what_was_answered_is_never_overdue() -> None:
    desk = Desk()
    first, second = desk.submit("a", "b")
    desk.settle(first)
    assert desk.expire(inf) == [Unanswered("b", second)]


def test_an_empty_window_waits_for_nothing() -> None:
    desk = Desk()
    assert (desk.oldest_deadline, desk.expire(inf)) == (inf, [])
    desk.settle(*desk.submit("a"))
    assert (desk.oldest_deadline, desk.expire(inf)) == (inf, [])


@pytest.mark.parametrize("most_late", [0, 1, 3, 4])
def test_the_newest_of_what_is_overdue_are_remembered_and_all_are_told(most_late: int) -> None:
    desk = Desk()
    desk.submit("a", deadline=1.0)
    desk.submit("b", "c", "d", deadline=2.0)
    told = desk.expire(1.0, most_late) + desk.expire(2.0, most_late)
    assert [event.tag for event in told] == ["a", "b", "c", "d"]
    assert [tag for _, tag in desk.late] == ["a", "b", "c", "d"][4 - most_late :]


class Life(RuleBasedStateMachine):
    """Requests come, are answered or not, and their numbers come round; beside it, who has which number."""

    def __init__(self) -> None:
        super().__init__()
        self.desk, self.now, self.asked = Desk(), 0, 0
        self.flying, self.late, self.enquiries = dict[int, str](), dict[int, str](), set[int]()
        self.overdue: list[int] = []

    def check_new(self, sequence: int) -> None:
        assert 1 <= sequence <= FEW
        assert sequence not in self.flying.keys() | self.late.keys() | self.enquiries

    @precondition(lambda self: len(self.flying) < 3)
    @rule()
    def submit(self) -> None:
        self.asked += 1
        (sequence,) = self.desk.submit(str(self.asked), deadline=self.now + 4)
        self.check_new(sequence)
        self.flying[sequence] = str(self.asked)

    @precondition(lambda self: len(self.enquiries) < 2)
    @rule()
    def enquire(self) -> None:
        sequence = self.desk.enquire()
        self.check_new(sequence)
        self.enquiries.add(sequence)

    @rule(sequence=st.integers(1, FEW))
    def settle(self, sequence: int) -> None:
        self.desk.settle(sequence)
        self.flying.pop(sequence, None)
        self.late.pop(sequence, None)
        self.enquiries.discard(sequence)

    @rule(seconds=st.integers(0, 5))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        for event in self.desk.expire(self.now, most_late=2):
            assert self.flying.pop(event.sequence_number) == event.tag
            self.late[event.sequence_number] = event.tag
            self.overdue.append(int(event.tag))
        self.late = dict(list(self.late.items())[-2:])

    @invariant()
    def nothing_is_lost_or_kept_too_long(self) -> None:
        assert (self.desk.in_flight, self.desk.late) == (len(self.flying), list(self.late.items()))
        assert self.desk.oldest_deadline > self.now

    @invariant()
    def what_is_overdue_was_told_once_and_oldest_first(self) -> None:
        assert self.overdue == sorted(set(self.overdue))


@pytest.fixture(autouse=True)
def _few_numbers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.cls is Life.TestCase:
        monkeypatch.setattr("protocol.window.MAX_SEQUENCE", FEW)


TestLife = Life.TestCase
