"""Each check of a promise fails when the promise is broken: records made by hand, each with one thing that is wrong."""

from math import inf
from typing import Any

import pytest

from tests.gateway.builders import EPOCH
from tests.promises import checks
from tests.promises.bank import Bank
from tests.promises.lives import Record
from tests.promises.smsc import Entry, Ledger
from tests.promises.stories import Fault, Story, Wanted

CUT = (Fault(sent=100),)


def entry(at: float = 1.0, **more: object) -> Entry:
    """A part that was taken, answered, and whose receipt was told."""
    made = Entry(at, 0, 0, 0, "819012345670", 1, 1, None, 1, 1, False, "accept", True, b"77", b"DELIVRD", False, True)
    made.answered = at
    for name, value in more.items():
        setattr(made, name, value)
    return made


def event(kind: str = "delivered", at: float = 2.0, **more: object) -> dict[str, Any]:
    """An event of message 0."""
    final = kind not in ("submitted", "unknown")
    return {"type": kind, "id": "0", "at": EPOCH + at, "carrier": "alpha", "final": final, **more}


def record(entries: list[Entry], events: list[dict[str, Any]], **story: object) -> Record:
    """What came of a story of one message, with the connections that it needed."""
    made = Story(**{"wanted": (Wanted(),), **story})  # type: ignore[arg-type]  # by name
    bank = Bank(made)
    bank.accepted = {0}
    bank.events = dict(enumerate(events))
    return Record(made, bank, Ledger(entries, [inf]), events=dict(bank.events), settled=True)


def test_a_record_of_what_should_be_breaks_no_promise() -> None:
    checks.keeps_all(record([entry()], [event("submitted", 1.0), event()]))


def two(**second: object) -> list[Entry]:
    return [entry(), entry(1.5, **second)]


def parts(**second: object) -> list[Entry]:
    return [entry(total=2, reference=5), entry(1.0, **{"part": 2, "total": 2, "reference": 5, **second})]


REPORT = (Wanted(on_unknown="report"),)
SUBMITTED = [event("submitted", 1.0), event()]
BROKEN: dict[str, tuple[str, Record]] = {
    "nothing was told": ("loses_nothing", record([], [])),
    "told to be delivered, and never sent": ("loses_nothing", record([], [event()])),
    "a part is missing": ("loses_nothing", record(parts()[:1], SUBMITTED)),
    "submitted, and each carrier has a half": (
        "loses_nothing",
        record(parts(carrier="beta"), [event("submitted", 1.0, carrier="beta"), event(carrier="beta")]),
    ),
    "all receipts came, and no end": ("loses_nothing", record([entry()], SUBMITTED[:1])),
    "unknown, and not sent again": ("loses_nothing", record([entry()], [event("unknown")], faults=CUT)),
    "taken twice": ("sends_reported_once", record(two(), SUBMITTED, wanted=REPORT, faults=CUT)),
    "taken twice without a word": ("flags_what_may_be_double", record(two(), SUBMITTED, faults=CUT)),
    "doubted without a reason": ("flags_nothing_else", record([entry()], [event(possible_duplicate=True)])),
    "unknown without a reason": ("flags_nothing_else", record([entry()], [event("unknown")], wanted=REPORT)),
    "too many unanswered": ("keeps_the_window", record([entry(waiting=3)], SUBMITTED)),
    "too fast": ("keeps_the_rate", record([entry(1 + n / 9) for n in range(6)], SUBMITTED, rate=2.0)),
    "parts on two binds": ("keeps_parts_together", record(parts(line=1), SUBMITTED)),
    "parts out of order": ("keeps_parts_together", record(parts()[::-1], SUBMITTED)),
    "something between the parts": (
        "keeps_parts_together",
        record([parts()[0], entry(number="819012345671"), parts()[1]], SUBMITTED),
    ),
    "a part at another carrier": ("keeps_to_one_carrier", record(parts(carrier="beta"), SUBMITTED)),
    "another carrier, and the first may have it": (
        "keeps_to_one_carrier",
        record([entry(taken=False, answered=inf), entry(1.5, carrier="beta")], SUBMITTED),
    ),
    "begun before an earlier one": (
        "keeps_the_order",
        record([entry(number="819012345671"), entry(1.5)], SUBMITTED, wanted=(Wanted(), Wanted())),
    ),
    "refused for its speed, and passed by": (
        "lets_nothing_pass_by",
        record(
            [entry(taken=False, deed="throttle"), entry(1.2, number="819012345671"), entry(1.5)],
            SUBMITTED,
            wanted=(Wanted(), Wanted()),
        ),
    ),
    "two references": ("keeps_the_reference", record(parts(reference=6), SUBMITTED)),
    "two references in two lives": (
        "keeps_the_reference",
        record(parts(reference=6, life=1), SUBMITTED, wanted=(Wanted(long=True),)),
    ),
    "told twice": ("tells_each_end_once", record([entry()], [event(), event()])),
    "submitted after its end": ("tells_each_end_once", record([entry()], SUBMITTED[::-1])),
    "the other one's receipt": (
        "credits_the_right_message",
        record([entry()], [event(receipt={"message_id": "78", "state": "DELIVRD"})]),
    ),
    "delivered, and the receipt said it was not": (
        "credits_the_right_message",
        record([entry(state=b"UNDELIV")], SUBMITTED),
    ),
    "rejected by nobody": ("tells_the_truth_of_refusals", record([entry()], [event("rejected")])),
    "canceled, and sent": (
        "tells_the_truth_of_refusals",
        record([entry()], [event("canceled")], wanted=(Wanted(cancel=1.0),)),
    ),
    "expired without a time": ("tells_the_truth_of_refusals", record([], [event("expired")])),
    "expired, and sent": (
        "tells_the_truth_of_refusals",
        record([entry()], [event("expired")], wanted=(Wanted(ttl=3.0),)),
    ),
    "sent after its time": (
        "tells_the_truth_of_refusals",
        record([entry(4.0)], SUBMITTED, wanted=(Wanted(ttl=3.0),)),
    ),
    "sequence number 0": ("sends_only_when_bound", record([entry(sequence=0)], SUBMITTED)),
    "sequence number in use": ("sends_only_when_bound", record([entry(doubled=True)], SUBMITTED)),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_promise_is_noticed(what: str) -> None:
    promise, broken = BROKEN[what]
    with pytest.raises(AssertionError):
        getattr(checks, promise)(broken)


def test_every_promise_is_broken_above() -> None:
    assert {promise.__name__ for promise in checks.PROMISES} == {promise for promise, _ in BROKEN.values()} | {
        "has_no_defect"
    }


def test_what_is_lost_sent_unbound_or_not_settled_is_noticed() -> None:
    never_came = record([entry()], SUBMITTED)
    never_came.events[99] = event("unknown")
    with pytest.raises(AssertionError, match="never came"):
        checks.tells_each_end_once(never_came)
    changed = record([entry()], SUBMITTED)
    changed.bank.changed.append(0)
    with pytest.raises(AssertionError, match="another one"):
        checks.tells_each_end_once(changed)
    unbound = record([entry()], SUBMITTED)
    unbound.ledger.unbound = 1
    with pytest.raises(AssertionError, match="not bound"):
        checks.sends_only_when_bound(unbound)
    struck = record([entry()], SUBMITTED)
    struck.defects.append({"event": "defect"})
    with pytest.raises(AssertionError):
        checks.has_no_defect(struck)
    open_ended = record([entry()], SUBMITTED)
    open_ended.settled = False
    with pytest.raises(AssertionError, match="no end"):
        checks.loses_nothing(open_ended)
