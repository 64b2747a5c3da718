"""What commands show: numbers hidden, and nothing that a terminal would obey."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.shown import clock, mask, plain


@pytest.mark.parametrize(("number", "shown"), [("819012345678", "********5678"), ("123", "123"), ("", "")])
def test_all_but_the_last_digits_of_a_number_are_hidden(number: str, shown: str) -> None:
    assert mask(number) == shown


def test_a_time_says_how_far_it_is_from_utc() -> None:
    shown = clock(1_800_000_000.25)
    assert ".250" in shown
    assert shown[-6] in "+-"
    assert clock(0) == ""


@given(st.text())
def test_no_text_moves_the_cursor_or_turns_the_line(text: str) -> None:
    assert not {*map(chr, range(32)), "\x7f", "\x9b", "\u2028", "\u202e", "\u2066"} & {*plain(text)}


def test_japanese_and_emoji_stay_as_they_are() -> None:
    text = "【あおば銀行】👩‍👩‍👧 がﾞ"
    assert plain(text) == text
    assert plain("一\n二") == "一\\n二"
