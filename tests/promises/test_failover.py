"""A second carrier that takes over what the first can't, does not, or says it may not carry: all promises hold."""

from hypothesis import given
from hypothesis import strategies as st

from tests.promises.checks import keeps_all
from tests.promises.lives import tell
from tests.promises.runs import runs
from tests.promises.stories import ANSWERS, ANY_BINDS, ANY_RECEIPTS, FAULTS, PIECES, WANTED, Story

STORIES = st.builds(
    Story,
    wanted=st.lists(WANTED, min_size=1, max_size=5).map(tuple),
    windows=st.lists(st.integers(1, 3), min_size=1, max_size=2).map(tuple),
    beta=st.sampled_from((1, 2)),
    piece=PIECES,
    answers=st.lists(
        st.sampled_from((*ANSWERS, *["fail", "elsewhere", "accept"] * 3, "throttle", "late reject")), max_size=12
    ).map(tuple),
    receipts=ANY_RECEIPTS,
    binds=ANY_BINDS,
    faults=FAULTS,
    memory=st.sampled_from((2, 50)),
)


@runs(60)
@given(STORIES)
def test_whichever_carrier_takes_it_every_promise_is_kept(story: Story) -> None:
    keeps_all(tell(story))
