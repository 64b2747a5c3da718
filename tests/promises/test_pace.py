"""Rates and windows, with an SMSC that says "too fast" whatever it is sent: all promises hold."""

from hypothesis import given
from hypothesis import strategies as st

from tests.promises.checks import keeps_all
from tests.promises.lives import tell
from tests.promises.runs import runs
from tests.promises.stories import PIECES, PLAIN, WINDOWS, Story

STORIES = st.builds(
    Story,
    wanted=st.lists(PLAIN, min_size=3, max_size=8).map(tuple),
    windows=WINDOWS,
    rate=st.sampled_from((1.0, 2.0, 7.0)),
    piece=PIECES,
    answers=st.lists(st.sampled_from(("accept", "slow", "late", "throttle", "full")), max_size=20).map(tuple),
    memory=st.sampled_from((2, 50)),
)


@runs(50)
@given(STORIES)
def test_however_fast_it_may_go_every_promise_is_kept(story: Story) -> None:
    keeps_all(tell(story))
