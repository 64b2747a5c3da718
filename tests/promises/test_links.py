"""Connections that break: at every octet that either side writes, with or without a word, and while binding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.promises.checks import keeps_all
from tests.promises.lives import Record, tell
from tests.promises.runs import runs
from tests.promises.stories import ANY_BINDS, FAULTS, IDS, PIECES, WANTED, WINDOWS, Fault, Story, Wanted

CUTS = 6
"""Connections of one story that are cut, each an octet later than the one before."""
APART = 1.5
"""Seconds between what is submitted, so that each connection has something new to carry."""
SENT, RECEIVED = 330, 540
"""Octets that a connection carries, from its bind to the answer of the last receipt of two messages."""


def _story(direction: str, first: int) -> Story:
    times = [APART * n for n in range(CUTS + 2)]
    wanted = [
        Wanted(at, long, on_unknown) for at in times for long, on_unknown in ((False, "report"), (True, "resend"))
    ]
    octets = range(first, first + CUTS)
    faults = [Fault(sent=n) if direction == "sent" else Fault(received=n) for n in octets]
    return Story(tuple(wanted), faults=tuple(faults))


@pytest.mark.parametrize(
    ("direction", "first"),
    [("sent", n) for n in range(0, SENT, CUTS)] + [("received", n) for n in range(0, RECEIVED, CUTS)],
)
def test_a_connection_cut_at_any_octet_breaks_no_promise(direction: str, first: int) -> None:
    record = tell(_story(direction, first))
    keeps_all(record)
    assert cuts(record) >= CUTS, "not every cut was reached"


@runs(60)
@given(
    st.builds(
        Story,
        wanted=st.lists(WANTED, min_size=1, max_size=5).map(tuple),
        windows=WINDOWS,
        piece=PIECES,
        receipts=st.lists(st.sampled_from(("ok", "early", "slow", "other")), max_size=5).map(tuple),
        binds=ANY_BINDS,
        faults=FAULTS,
        memory=st.sampled_from((2, 50)),
        ids=IDS,
        apart=st.booleans(),
    )
)
def test_whatever_becomes_of_connections_every_promise_is_kept(story: Story) -> None:
    keeps_all(tell(story))


def cuts(record: Record) -> int:
    return len(record.ledger.ends) - len(record.story.windows)
