"""Rates and windows, with an SMSC that says "too fast" whatever it is sent: all promises hold."""

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from tests.promises.checks import keeps_all
from tests.promises.lives import tell
from tests.promises.runs import runs
from tests.promises.stories import PIECES, PLAIN, WINDOWS, Story, Wanted

STORIES = st.builds(
    Story,
    wanted=st.lists(PLAIN, min_size=3, max_size=8).map(tuple),
    windows=WINDOWS,
    disk=st.sampled_from((0.0, 0.0, 0.02, 0.3)),
    rate=st.sampled_from((1.0, 2.0, 7.0)),
    piece=PIECES,
    answers=st.lists(st.sampled_from(("accept", "slow", "late", "throttle", "full")), max_size=20).map(tuple),
    memory=st.sampled_from((2, 50)),
)


LONG_REPORT, REPORT, LONG = Wanted(long=True, on_unknown="report"), Wanted(on_unknown="report"), Wanted(long=True)
LATER_LONG, LATER_REPORT = replace(LONG, at=0.4), replace(REPORT, at=0.4)


@runs(50)
@example(Story((LONG_REPORT, REPORT, Wanted()), windows=(4,), rate=2.0, disk=0.02))
@example(Story((LONG, REPORT, Wanted(), Wanted(), LONG), windows=(1, 1), rate=1.0, piece=24, answers=("throttle",)))
@example(
    Story(
        (LATER_LONG, LATER_REPORT, LONG_REPORT, LONG_REPORT, LATER_LONG, LATER_REPORT, Wanted()),
        windows=(4, 1),
        rate=1.0,
        answers=("accept", "throttle", "accept", "full", "throttle"),
        disk=0.02,
        memory=2,
    )
)
@given(STORIES)
def test_however_fast_it_may_go_every_promise_is_kept(story: Story) -> None:
    keeps_all(tell(story))
