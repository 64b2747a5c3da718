"""Receipts that are early, late, lost, doubled, spelled otherwise, or come over another bind: all promises hold."""

from hypothesis import given
from hypothesis import strategies as st

from tests.promises.checks import keeps_all
from tests.promises.lives import tell
from tests.promises.runs import runs
from tests.promises.stories import ANY_RECEIPTS, IDS, PIECES, PLAIN, WINDOWS, Story

STORIES = st.builds(
    Story,
    wanted=st.lists(PLAIN, min_size=1, max_size=5).map(tuple),
    windows=WINDOWS,
    piece=PIECES,
    answers=st.lists(st.sampled_from(("accept", "slow", "slower", "late", "double")), max_size=8).map(tuple),
    receipts=ANY_RECEIPTS,
    memory=st.sampled_from((2, 50)),
    ids=IDS,
    apart=st.booleans(),
)


@runs(70)
@given(STORIES)
def test_whatever_receipts_do_every_promise_is_kept(story: Story) -> None:
    keeps_all(tell(story))
