import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.load.plan import Numbers, parse_mix, parse_numbers
from simulator.load.texts import KINDS


@given(st.dictionaries(st.sampled_from(sorted(KINDS)), st.integers(1, 1000), min_size=1))
def test_a_mix_is_read_as_it_is_written(mix: dict[str, int]) -> None:
    assert parse_mix(",".join(f"{kind}={weight}" for kind, weight in mix.items()), KINDS) == mix


def test_a_kind_without_a_weight_has_the_weight_1() -> None:
    assert parse_mix("long, gsm7=0", KINDS) == {"long": 1, "gsm7": 0}


@pytest.mark.parametrize(
    "text", ["", "latin=1", "long=-1", "long=1001", "long=x", "long=1,long=2", "long=", "long=0", "long=１"]
)
def test_a_mix_that_cannot_be_is_told_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_mix(text, KINDS)


@given(
    st.integers(1, 15).flatmap(lambda width: st.tuples(st.just(width), st.integers(0, 10**width - 1))), st.integers(0)
)
def test_a_range_of_numbers_keeps_leading_zeros(first: tuple[int, int], more: int) -> None:
    width, low = first
    high = min(low + more, 10**width - 1)
    text = f"{low:0{width}}-{high:0{width}}"
    assert parse_numbers(text) == Numbers(low, high - low + 1, width)


def test_one_number_is_a_range_too() -> None:
    assert parse_numbers("09012345678") == Numbers(9012345678, 1, 11)


@pytest.mark.parametrize("text", ["", "-", "1-", "2-1", "1-10", "+1-+2", "1234567890123456", "a-b", "１-２", "1-2-3"])
def test_a_range_that_cannot_be_is_told_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="must be FIRST-LAST"):
        parse_numbers(text)
