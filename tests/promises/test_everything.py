"""Everything at once. `make soak` goes on with this for as long as it is told to; see `__main__`."""

from hypothesis import given

from tests.promises.checks import keeps_all
from tests.promises.lives import tell
from tests.promises.runs import runs
from tests.promises.stories import ANYTHING, Story


@runs(70)
@given(ANYTHING)
def test_whatever_happens_every_promise_is_kept(story: Story) -> None:
    keeps_all(tell(story))
