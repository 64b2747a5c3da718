from math import inf

from hypothesis import given
from hypothesis import strategies as st

from simulator.later import Later


def test_with_nothing_to_do_there_is_no_time_to_wait_for() -> None:
    later = Later()
    assert (later.next_due, len(later)) == (inf, 0)
    later.run(1e9)


@given(st.lists(st.integers(0, 9), max_size=30), st.lists(st.integers(0, 10), max_size=10))
def test_each_deed_is_done_once_at_its_time_and_those_of_one_time_as_they_came(
    dues: list[int], looks: list[int]
) -> None:
    later, done = Later(), list[int]()
    for number, due in enumerate(dues):
        later.add(due, lambda number=number: done.append(number))  # type: ignore[misc]  # takes no argument
    assert later.next_due == min(dues, default=inf)
    for now in [*sorted(looks), 9]:
        later.run(now)
        assert done == sorted([n for n, due in enumerate(dues) if due <= now], key=lambda n: (dues[n], n))
        assert len(later) == len(dues) - len(done)
        assert later.next_due > now


def test_what_a_deed_adds_is_done_too_when_it_is_due() -> None:
    later, done = Later(), list[str]()

    def first() -> None:
        done.append("first")
        later.add(1.0, lambda: done.append("second"))
        later.add(3.0, lambda: done.append("third"))

    later.add(2.0, first)
    later.run(2.0)
    assert done == ["first", "second"]
    assert later.next_due == 3.0
