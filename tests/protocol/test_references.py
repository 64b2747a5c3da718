"""References of long messages: none comes again while a handset may still wait for parts under it."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from protocol.references import References

HOLD = 100.0
PAIR = ("Denpo", "819012345678")


def taken(references: References, count: int, bits: int = 8, now: float = 7.9) -> list[int]:
    """Take some references of one pair."""
    return [references.take(*PAIR, bits, now) for _ in range(count)]


@pytest.mark.parametrize(
    ("now", "bits", "first"), [(7.9, 8, 7), (256.0, 8, 0), (1_000_000.5, 16, 16_960), (0.0, 16, 0)]
)
def test_a_pair_begins_at_the_second_it_is_first_seen_and_counts_on(now: float, bits: int, first: int) -> None:
    assert taken(References(10, HOLD), 3, bits, now) == [first, first + 1, first + 2]


def test_a_pair_counts_on_long_after_its_references_are_free_again() -> None:
    references = References(10, HOLD)
    assert taken(references, 2, now=7.0) == [7, 8]
    assert taken(references, 1, now=5_000.0) == [9]


@pytest.mark.parametrize("bits", [8, 16])
def test_all_numbers_come_before_one_comes_again_and_then_in_the_same_order(bits: int) -> None:
    references, size = References(10, HOLD), 1 << bits
    lap = taken(references, size, bits)
    assert lap == [*range(7, size), *range(7)]
    assert taken(references, size, bits) == lap


def test_pairs_count_each_for_itself() -> None:
    references = References(10, HOLD)
    assert taken(references, 2) == [7, 8]
    assert references.take(PAIR[0], "other", 8, 7.9) == references.take("other", PAIR[1], 8, 7.9) == 7
    assert len(references) == 3


def test_the_two_widths_share_their_numbers() -> None:
    references = References(10, HOLD)
    assert taken(references, 3, bits=16, now=254.0) == [254, 255, 256]
    assert taken(references, 2) == [1, 2]
    references.note(*PAIR, 252, 8.0)
    assert taken(references, 2) == [253, 0]
    assert taken(references, 3, bits=16) == [3, 4, 5]
    assert taken(references, 247) == [*range(6, 252), 254]


def test_an_8_bit_reference_is_found_below_a_run_of_16_bit_ones() -> None:
    references = References(10, HOLD)
    taken(references, 500, bits=16, now=100.0)
    references.note(*PAIR, 99, 100.0)
    assert taken(references, 1, now=100.0) == [0]


def test_the_least_recently_used_pair_is_forgotten_first() -> None:
    references = References(2, HOLD)
    references.take("a", "1", 8, 0.0)
    references.take("b", "1", 8, 0.0)
    references.take("a", "1", 8, 0.0)
    references.note("c", "1", 9, 0.0)
    assert len(references) == 2
    assert references.take("a", "1", 8, 50.0) == 2
    assert references.take("b", "1", 8, 50.0) == 50


def test_a_noted_reference_is_passed_over_until_its_hold_is_over() -> None:
    references = References(10, HOLD)
    for live in (12, 10, 11, 10):
        references.note(*PAIR, live, 0.0)
    references.note(*PAIR, 8, 0.0)
    assert taken(references, 2, now=HOLD - 1) == [9, 13]
    assert taken(references, 255, now=HOLD)[-6:] == [7, 10, 11, 12, 8, 9]


def test_a_reference_noted_again_leaves_those_taken_after_it_held() -> None:
    references = References(10, HOLD)
    assert taken(references, 3, now=50.0) == [50, 51, 52]
    references.note(*PAIR, 50, 60.0)
    assert taken(references, 1, now=HOLD + 49) == [53]
    assert taken(references, 255, now=HOLD + 59)[-3:] == [51, 52, 50]


def test_when_all_are_held_the_one_taken_longest_ago_comes_again() -> None:
    references = References(10, HOLD)
    references.note(*PAIR, 0, 0.0)
    references.note(*PAIR, 200, 0.0)
    assert taken(references, 254) == [*range(201, 256), *range(1, 200)]
    assert taken(references, 4) == [0, 200, 201, 202]


def test_what_is_remembered_of_a_pair_stays_small() -> None:
    references = References(10, HOLD)
    for second in range(3_000):
        references.take(*PAIR, 8, second / 10)
        assert len(references._pairs[PAIR]) <= 3


def test_references_show_no_numbers() -> None:
    references = References(10, HOLD)
    taken(references, 1)
    assert PAIR[1] not in repr(references)


@given(st.lists(st.tuples(st.sampled_from([2, 3]), st.floats(0, HOLD), st.integers(0, 9), st.booleans()), max_size=80))
def test_a_reference_is_free_or_else_the_one_taken_longest_ago(steps: list[tuple[int, float, int, bool]]) -> None:
    references, now = References(1, HOLD), 0.0
    at: dict[int, float] = {}  # oldest first
    for bits, wait, noted, note in steps:
        now += wait / 4
        if note:
            references.note(*PAIR, noted, now)
            reference = noted
        else:
            reference = references.take(*PAIR, bits, now)
            below = [number for number in at if number < 1 << bits]
            held = [number for number in below if now < at[number] + HOLD]
            assert 0 <= reference < 1 << bits
            assert reference not in held or (len(held) == 1 << bits and reference == below[0])
        at.pop(reference, None)
        at[reference] = now


class LiveMessages(RuleBasedStateMachine):
    """Long messages between a few numbers, that live for up to HOLD."""

    BITS = 3

    def __init__(self) -> None:
        super().__init__()
        self.references = References(3, HOLD)
        self.now = 0.0
        self.live: dict[str, list[tuple[int, float]]] = {"1": [], "2": [], "3": []}

    def spare(self) -> Iterator[str]:
        """The destinations that have a reference left."""
        return (to for to, live in self.live.items() if len(live) < 1 << self.BITS)

    @rule(wait=st.floats(0, HOLD / 2))
    def wait(self, wait: float) -> None:
        """Let time pass, and messages end."""
        self.now += wait
        for to, live in self.live.items():
            self.live[to] = [(number, at) for number, at in live if self.now < at + HOLD]

    @precondition(lambda self: any(self.spare()))
    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        """Send a long message."""
        to = data.draw(st.sampled_from(list(self.spare())))
        number = self.references.take("Denpo", to, self.BITS, self.now)
        self.live[to].append((number, self.now))

    @rule()
    def restart(self) -> None:
        """Begin anew, and note what is live."""
        self.references = References(3, HOLD)
        for to, live in self.live.items():
            self.live[to] = [(number, self.now) for number, _ in live]
            for number, _ in live:
                self.references.note("Denpo", to, number, self.now)

    @invariant()
    def no_two_live_messages_share_a_reference(self) -> None:
        """What all this is for."""
        for live in self.live.values():
            numbers = [number for number, _ in live]
            assert len(set(numbers)) == len(numbers)
            assert all(0 <= number < 1 << self.BITS for number in numbers)


TestLiveMessages = LiveMessages.TestCase
