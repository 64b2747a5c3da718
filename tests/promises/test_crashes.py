"""A gateway that dies between any two things that it does, in the middle of a write, again and again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.promises.checks import keeps_all
from tests.promises.lives import tell
from tests.promises.runs import runs
from tests.promises.stories import (
    ANY_RECEIPTS,
    DEATHS,
    PIECES,
    UNREACHABLE,
    WANTED,
    WINDOWS,
    Death,
    Story,
    Wanted,
)

DEEDS = 60
"""Things that a gateway does from its start until three messages are delivered."""
SLOW = 0.05
"""Seconds of a commit in which much can be written elsewhere."""
MESSAGES = (Wanted(), Wanted(long=True), Wanted(long=True, on_unknown="report"))


@pytest.mark.parametrize("disk", [0.0, SLOW])
@pytest.mark.parametrize("deeds", range(DEEDS))
def test_a_gateway_that_dies_after_any_of_its_deeds_breaks_no_promise(deeds: int, disk: float) -> None:
    record = tell(Story(MESSAGES, deaths=(Death(deeds, torn=7 * deeds % 200), Death(deeds // 2)), disk=disk))
    keeps_all(record)
    assert record.deaths


def test_no_deed_was_left_out() -> None:
    record = tell(Story(MESSAGES, deaths=(Death(DEEDS, seconds=5.0, stop=True),)))
    assert not record.deaths, "it does more than DEEDS"


def test_what_may_have_been_sent_before_a_crash_is_never_told_to_have_expired() -> None:
    wanted = Wanted(ttl=3.0), Wanted(ttl=3.0, long=True)
    record = tell(Story(wanted, answers=("silent",) * 3, deaths=(Death(seconds=0.5),), binds=(0, *[UNREACHABLE] * 8)))
    keeps_all(record)
    assert [[event["type"] for event in record.bank.told(n)] for n in range(2)] == [["unknown"], ["unknown"]]


@runs(70)
@given(
    st.builds(
        Story,
        wanted=st.lists(WANTED, min_size=1, max_size=5).map(tuple),
        windows=WINDOWS,
        piece=PIECES,
        answers=st.lists(st.sampled_from(("accept", "slow", "late", "fail", "throttle")), max_size=8).map(tuple),
        receipts=ANY_RECEIPTS,
        deaths=DEATHS,
        memory=st.sampled_from((2, 50)),
        disk=st.sampled_from((0.0, 0.02, 0.3)),
        lazy=st.booleans(),
    )
)
def test_whenever_it_dies_every_promise_is_kept(story: Story) -> None:
    keeps_all(tell(story))
