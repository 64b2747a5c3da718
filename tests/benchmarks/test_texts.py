"""What the benchmarks send is what the figures say."""

from itertools import pairwise

from benchmarks import texts
from protocol.text import Profile, cut


def test_the_short_text_has_forty_characters_and_the_long_one_two_parts_and_none_comes_twice_soon() -> None:
    short, long = ({*map(texts.amounts_in(text), range(texts.AMOUNTS))} for text in (texts.SHORT, texts.LONG))
    assert len(short) == len(long) == texts.AMOUNTS
    assert {len(text) for text in short} == {40}
    assert [len(cut(next(iter(some)), Profile()).pieces) for some in (short, long)] == [1, 2]


def test_scattered_ids_are_all_different_and_in_no_order() -> None:
    ids = [texts.scattered_id(n) for n in range(10_000)]
    assert len({*ids}) == len(ids)
    behind = sum(after < before for before, after in pairwise(ids))
    assert 3000 < behind < 7000
