from hypothesis import given
from hypothesis import strategies as st

from protocol.constants import MessageState, Status
from protocol.pdu import SubmitSm
from simulator.behaviour import Behaviour

SEEDS = st.integers(0, 2**64)


def ids(seed: int, number: int) -> list[bytes]:
    behaviour = Behaviour(seed, 0.5)
    return [behaviour.answer(SubmitSm(destination_addr=b"81901234"), 0.0).message_id for _ in range(number)]


@given(SEEDS)
def test_ids_are_ten_digits_and_never_repeat(seed: int) -> None:
    found = ids(seed, 100)
    assert len(set(found)) == 100
    assert all(len(message_id) == 10 and message_id.isdigit() for message_id in found)


@given(SEEDS)
def test_the_same_seed_gives_the_same_ids(seed: int) -> None:
    assert ids(seed, 3) == ids(seed, 3)


def test_other_seeds_give_other_ids() -> None:
    assert len({ids(seed, 1)[0] for seed in range(100)}) == 100


def test_ids_start_again_after_the_last_one_of_ten_digits() -> None:
    behaviour = Behaviour(1, 0.5)
    behaviour._next_id = 10**10 - 1
    found = [behaviour.answer(SubmitSm(destination_addr=b"1"), 0.0).message_id for _ in range(2)]
    assert found == [b"9999999999", b"0000000000"]


@given(st.binary(max_size=20))
def test_only_a_destination_of_digits_is_taken(destination: bytes) -> None:
    answer = Behaviour(1, 0.5).answer(SubmitSm(destination_addr=destination), 0.0)
    digits = destination != b"" and set(destination) <= set(b"0123456789")
    assert answer.status == (Status.ROK if digits else Status.RINVDSTADR)
    assert (answer.message_id != b"") == digits


@given(st.integers(0, 255), st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_receipt_of_success_comes_only_when_any_outcome_was_asked_for(wish: int, now: float, delay: float) -> None:
    outcome = Behaviour(1, delay).receipt(SubmitSm(registered_delivery=wish), now)
    assert (outcome is not None) == (wish & 3 == 1)
    if outcome:
        assert (outcome.due, outcome.state, outcome.error) == (now + delay, MessageState.DELIVERED, "000")
