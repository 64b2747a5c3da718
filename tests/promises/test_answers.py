"""Answers that are lost, late, doubled or out of order, and refusals of every kind: all promises hold."""

from hypothesis import given
from hypothesis import strategies as st

from tests.promises.checks import keeps_all
from tests.promises.lives import tell
from tests.promises.runs import runs
from tests.promises.stories import ANY_ANSWERS, PIECES, WANTED, WINDOWS, Story

STORIES = st.builds(
    Story,
    wanted=st.lists(WANTED, min_size=1, max_size=5).map(tuple),
    windows=WINDOWS,
    piece=PIECES,
    answers=ANY_ANSWERS,
    memory=st.sampled_from((2, 50)),
)


@runs(60)
@given(STORIES)
def test_whatever_the_smsc_answers_every_promise_is_kept(story: Story) -> None:
    keeps_all(tell(story))
