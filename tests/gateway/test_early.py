"""Receipts that overtake their answer: none is lost, and none is given to another's part."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.early import EarlyReceipts
from gateway.metrics import CarrierCounts, Counts
from protocol.constants import IdForm
from protocol.receipt import candidates
from tests.gateway.desk import early_receipt
from tests.gateway.fakes import NOW, TO, FakeStore, settings

HOLD = 100.0
OTHER = "818011112222"


class Shelf:
    """Early receipts on a disk of memory, with a hold of HOLD seconds."""

    def __init__(self, most: int = 1000, store: FakeStore | None = None) -> None:
        self.store, self.most = store or FakeStore(), most
        self.counts = Counts(carriers={"alpha": CarrierCounts(), "beta": CarrierCounts()})
        limits = settings((("gateway", "max_early"), most), (("gateway", "early_hold"), HOLD)).gateway
        self.early = EarlyReceipts(limits, self.store, self.counts)

    def keep(self, id_: str, to: str = TO, at: float = NOW, state: str = "DELIVRD", carrier: str = "alpha") -> None:
        spellings = [each.spelling for each in candidates(id_, IdForm.AUTO)]
        self.early.keep(carrier, spellings, early_receipt(state, id_, to), at)

    def take(self, id_: str, to: str = TO, at: float = NOW, carrier: str = "alpha") -> str | None:
        """The state and the id of the receipt that is taken."""
        taken = self.early.take(carrier, id_, to, at)
        return f"{taken[1][3]} {taken[1][0]}" if taken else None

    def restart(self) -> "Shelf":
        """Another run on the same disk."""
        other = Shelf(self.most, self.store)
        other.early.load([(key, *kept) for key, kept in sorted(self.rows.items())])
        return other

    @property
    def rows(self) -> dict[int, tuple[str, bytes, float]]:
        """What is on disk."""
        self.store.flush()
        return self.store.early_rows


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("answers", [("10", "16"), ("16", "10")])
def test_of_two_ids_that_are_each_others_other_form_each_part_gets_its_own(
    restarted: bool, answers: tuple[str, str]
) -> None:
    shelf = Shelf()
    shelf.keep("10", state="DELIVRD")
    shelf.keep("16", state="UNDELIV")
    shelf = shelf.restart() if restarted else shelf
    taken = {id_: shelf.take(id_) for id_ in answers}
    assert taken == {"10": "DELIVRD 10", "16": "UNDELIV 16"}
    assert shelf.rows == {}


@pytest.mark.parametrize("restarted", [False, True])
def test_an_id_that_is_used_again_for_another_number_loses_no_receipt(restarted: bool) -> None:
    shelf = Shelf()
    shelf.keep("7", TO, state="DELIVRD")
    shelf.keep("7", OTHER, state="UNDELIV")
    shelf = shelf.restart() if restarted else shelf
    assert [shelf.take("7", OTHER), shelf.take("7", OTHER), shelf.take("7", TO)] == ["UNDELIV 7", None, "DELIVRD 7"]


def test_the_same_receipt_that_comes_again_is_kept_once() -> None:
    shelf = Shelf()
    shelf.keep("7")
    shelf.keep("7", at=NOW + 1)
    assert len(shelf.early) == len(shelf.rows) == 1
    assert [shelf.take("7"), shelf.take("7")] == ["DELIVRD 7", None]


def test_a_receipt_is_found_under_any_spelling_and_then_under_none() -> None:
    for spelling in ("FF", "ff", "000000FF", "255", "0000000255"):
        shelf = Shelf()
        shelf.keep("0ff")
        assert shelf.take("FE") is None
        assert shelf.take(spelling) == "DELIVRD 0ff"
        assert [shelf.take(each) for each in ("FF", "ff", "255", "0ff")] == [None] * 4


def test_a_receipt_of_another_carrier_is_not_ours() -> None:
    shelf = Shelf()
    shelf.keep("7", carrier="beta")
    assert shelf.take("7") is None
    assert shelf.take("7", carrier="beta") == "DELIVRD 7"


@pytest.mark.parametrize("restarted", [False, True])
def test_after_its_time_a_receipt_is_given_up_in_memory_and_on_disk_and_counted(restarted: bool) -> None:
    shelf = Shelf()
    shelf.keep("1", at=NOW)
    shelf.keep("2", at=NOW + 1)
    shelf = shelf.restart() if restarted else shelf
    assert shelf.take("1", at=NOW + HOLD) is None
    shelf.early.expire(NOW + HOLD)
    assert (len(shelf.early), len(shelf.rows)) == (1, 1)
    assert shelf.counts.carriers["alpha"].receipts_unmatched == 1
    assert shelf.take("2", at=NOW + HOLD) == "DELIVRD 2"


@pytest.mark.parametrize("restarted", [False, True])
def test_of_too_many_the_oldest_are_given_up_in_memory_and_on_disk(restarted: bool) -> None:
    shelf = Shelf(3)
    for n in range(5):
        shelf.keep(f"x{n}")
    shelf = shelf.restart() if restarted else shelf
    assert [shelf.take(f"x{n}") for n in range(5)] == [None, None, "DELIVRD x2", "DELIVRD x3", "DELIVRD x4"]
    assert shelf.rows == {}
    assert restarted or shelf.counts.carriers["alpha"].receipts_unmatched == 2


def test_a_receipt_of_a_carrier_that_is_configured_no_more_ages_in_silence() -> None:
    shelf = Shelf()
    del shelf.counts.carriers["beta"]
    shelf.keep("1", carrier="beta")
    shelf.early.expire(NOW + HOLD)
    assert (len(shelf.early), shelf.rows) == (0, {})


@given(st.data())
def test_for_any_order_of_answers_and_receipts_each_part_gets_exactly_its_own(data: st.DataObject) -> None:
    """Ids collide with each other in other forms, and are used again; numbers tell the parts apart."""
    ids = data.draw(st.lists(st.sampled_from(["10", "16", "0016", "A", "a", "22"]), min_size=1, max_size=8))
    parts = [(id_, f"8190{n:08}", f"STATE{n}") for n, id_ in enumerate(ids)]
    shelf, answered, got = Shelf(), set[str](), Counter[tuple[str, str | None]]()
    steps = data.draw(st.permutations([(kind, part) for part in parts for kind in ("receipt", "answer")]))
    for kind, (id_, number, state) in steps:
        if kind == "answer":
            answered.add(number)
            got[number, shelf.take(id_, number)] += 1
        elif number not in answered:
            shelf.keep(id_, number, state=state)
        if data.draw(st.booleans()):
            shelf = shelf.restart()
    early = {part for kind, part in steps if steps.index(("receipt", part)) < steps.index(("answer", part))}
    assert got == Counter(
        (number, f"{state} {id_}" if (id_, number, state) in early else None) for id_, number, state in parts
    )
    assert shelf.rows == {}


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30), st.booleans()), max_size=30))
def test_memory_and_disk_hold_the_same_within_their_bounds(steps: list[tuple[int, int, bool]]) -> None:
    shelf, at = Shelf(4), NOW
    for id_, seconds, taken in steps:
        at += seconds
        shelf.early.expire(at)
        if taken:
            shelf.take(str(id_), at=at)
        else:
            shelf.keep(str(id_), at=at)
        assert len(shelf.early) == len(shelf.rows) <= 4
        assert all(kept_at > at - HOLD for _, _, kept_at in shelf.rows.values())
