"""What the benchmarks send is what the figures say."""

from benchmarks import texts
from protocol.text import Profile, cut


def test_the_short_text_has_forty_characters_and_the_long_one_two_parts_and_none_comes_twice_soon() -> None:
    short, long = ({*map(texts.amounts_in(text), range(texts.AMOUNTS))} for text in (texts.SHORT, texts.LONG))
    assert len(short) == len(long) == texts.AMOUNTS
    assert {len(text) for text in short} == {40}
    assert [len(cut(next(iter(some)), Profile()).pieces) for some in (short, long)] == [1, 2]
