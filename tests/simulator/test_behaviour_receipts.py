"""Each fault of receipts by name, as it shows in the decisions."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.constants import MessageState
from simulator.faults import FAULTS
from tests.simulator.behaviours import MANY, behaviour, receipts, wishing


@given(st.integers(0, 255), st.sampled_from(["DELIVRD", "ACCEPTD", "UNDELIV", "EXPIRED", "UNKNOWN"]))
def test_a_receipt_comes_when_it_was_asked_for(wish: int, state: str) -> None:
    success = state in ("DELIVRD", "ACCEPTD")
    made = behaviour({"receipts.states": {state: 1}})
    found = made.receipts(wishing(wish), b"1", 0.0)
    final, notices = [each for each in found if each.final and each.told], [each for each in found if not each.final]
    assert len(final) == (wish & 3 == 1 or wish & 3 == (3 if success else 2))
    assert [each.error for each in final] == (["000"] if success else ["001"]) * len(final)
    assert [each.state for each in notices] == [MessageState.ENROUTE] * (wish & 0x10 != 0)


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        ({"receipts.delay": 9}, lambda told: told[0].due == 9.0),
        ({"receipts.states": {"UNDELIV": 1}}, lambda told: told[0].state is MessageState.UNDELIVERABLE),
        ({"receipts.states": {"EXPIRED": 1}, "receipts.error": "042"}, lambda told: told[0].error == "042"),
        ({"receipts.missing_rate": 1}, lambda told: not told[0].told),
        ({"receipts.early_rate": 1}, lambda told: told[0].early and told[0].due == 0.0),
        ({"receipts.double_rate": 1}, lambda told: [each.due for each in told] == [0.5, 1.0]),
        ({"receipts.reorder_rate": 1}, lambda told: told[0].due == 1.5),
        ({"receipts.reorder_rate": 1, "receipts.delay": 20}, lambda told: told[0].due == 40.0),
        ({"receipts.other_bind_rate": 1}, lambda told: told[0].other_bind),
        (
            {"receipts.intermediate_rate": 1},
            lambda told: (
                [(each.due, each.final, each.state) for each in told]
                == [(0.25, False, MessageState.ENROUTE), (0.5, True, MessageState.DELIVERED)]
            ),
        ),
        ({"receipts.id_form": "hex"}, lambda told: told[0].message_id == b"499602d2"),
        ({"receipts.text": "utf16"}, lambda told: told[0].form.text == "utf16"),
        ({"receipts.tlvs": False}, lambda told: not told[0].form.tlvs),
        ({"receipts.data_coding": 8}, lambda told: told[0].form.data_coding == 8),
        ({"receipts.by_data_sm": True}, lambda told: told[0].form.by_data_sm),
    ],
)
def test_a_fault_that_is_certain_shows_in_every_receipt(fault: dict[str, Any], shown: Callable[[Any], bool]) -> None:
    assert all(shown(told) for told in receipts(behaviour(fault), 100))
    assert not any(shown(told) for told in receipts(behaviour(), 100))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("missing_rate", lambda told: not told[0].told),
        ("early_rate", lambda told: told[0].early),
        ("double_rate", lambda told: len(told) == 2),
        ("reorder_rate", lambda told: told[0].due == 1.5),
        ("other_bind_rate", lambda told: told[0].other_bind),
        ("intermediate_rate", lambda told: not told[0].final),
    ],
)
def test_a_rate_is_how_often_a_receipt_shows_the_fault(name: str, shown: Callable[[Any], bool]) -> None:
    found = receipts(behaviour({f"receipts.{name}": 0.1}), MANY)
    assert sum(map(shown, found)) == pytest.approx(MANY * 0.1, rel=0.1)


def test_states_come_in_proportion_to_their_weights() -> None:
    made = behaviour({"receipts.states": {"DELIVRD": 6, "EXPIRED": 3, "REJECTD": 1, "DELETED": 0}})
    found = Counter(told[0].state for told in receipts(made, MANY))
    assert found.keys() == {MessageState.DELIVERED, MessageState.EXPIRED, MessageState.REJECTED}
    assert found[MessageState.EXPIRED] == pytest.approx(MANY * 0.3, rel=0.1)
    assert found[MessageState.REJECTED] == pytest.approx(MANY * 0.1, rel=0.1)


def test_of_a_receipt_that_is_missing_the_notification_still_comes() -> None:
    told = receipts(behaviour({"receipts.missing_rate": 1}), 1, wishing(0x11))[0]
    assert [(each.final, each.state, each.told) for each in told] == [
        (False, MessageState.ENROUTE, True),
        (True, MessageState.DELIVERED, False),
    ]


def test_the_copy_of_an_early_receipt_comes_when_the_receipt_should_have_come() -> None:
    told = receipts(behaviour({"receipts.early_rate": 1, "receipts.double_rate": 1}), 1)[0]
    assert [(each.due, each.early) for each in told] == [(0.0, True), (0.5, False)]


def test_nothing_is_told_that_was_not_asked_for() -> None:
    certain = {name: 1 for name in FAULTS if name.startswith("receipts.") and name.endswith("_rate")}
    found = receipts(behaviour(certain), 100, wishing(0))
    assert [[(each.due, each.final, each.told) for each in ends] for ends in found] == [[(0.5, True, False)]] * 100
