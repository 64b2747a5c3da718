"""Lists of answers and of receipts: the same outcome, to the last octet, as one after the other."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import Events
from gateway.message import Message, Part, PartState, State
from tests.gateway.desk import Desk, early_receipt, receipt
from tests.gateway.fakes import NOW, message

P = PartState
SAID = receipt()[1]
LIMIT = 3
"""Messages that may await their receipts: few, so that some leave memory."""

USUAL: dict[str, Any] = {"parts": [P.SENT], "state": State.SENDING, "receipt": True, "repeated": False, "meta": None}
USUAL |= {"client": "bank", "plan": "alpha", "tries": 1, "stale": False}
OTHERWISE: dict[str, tuple[Any, ...]] = {
    "parts": ([P.UNKNOWN], [P.WAITING], [P.ACCEPTED], [P.DELIVERED], [P.SENT, P.SENT], [P.SENT, P.DELIVERED]),
    "state": (State.UNKNOWN, State.HELD, State.SUBMITTED, State.REJECTED),
    "receipt": (False,),
    "repeated": (True,),
    "meta": ({"order": 1},),
    "client": ("shop",),
    "plan": ("alpha,beta",),
    "tries": (2, 3),
    "stale": (True,),
}
CHANGES = st.sampled_from([(name, value) for name, values in OTHERWISE.items() for value in values])
MESSAGES = st.lists(CHANGES, max_size=2).map(lambda changes: USUAL | dict(changes))
"""Usual ones, with up to two things that are not."""
WORLDS = st.fixed_dictionaries(
    {
        "messages": st.lists(MESSAGES, min_size=1, max_size=6),
        "ids": st.lists(st.sampled_from(("1-1", "2-1", "7", "")), min_size=12, max_size=12),
        "early": st.lists(st.sampled_from(("1-1", "2-1", "8")), max_size=2),
        "homes": st.booleans(),
        "reading": st.booleans(),
    }
)


class World:
    """A desk with messages whose parts have been written."""

    def __init__(self, drawn: dict[str, Any]) -> None:
        client = {"secret": "open-sesame", "sender": "0005123456", "events": Events.FINAL}
        self.desk = Desk((("clients", "shop"), client), outstanding=LIMIT)
        self.desk.settler._homes = drawn["homes"]
        self.desk.outstanding.dropped = {} if drawn["reading"] else None
        for id_ in drawn["early"]:
            self.desk.early.keep("alpha", [id_], early_receipt(message_id=id_), NOW)
        self.messages = [self._make(key, **each) for key, each in enumerate(drawn["messages"], 1)]
        self.parts = [part for made in self.messages for part in made.parts]
        for made, each in zip(self.messages, drawn["messages"], strict=True):
            if each["stale"]:
                made.parts = [Part(made, part.n) for part in made.parts]

    def _make(self, key: int, parts: list[PartState], tries: int, stale: bool, **more: Any) -> Message:  # noqa: ANN401
        made = message(key, *parts, **more)
        for part in made.parts:
            for n in range(tries):
                part.note_sent("alpha.0", n + 1, NOW - 1)
        self.desk.outstanding.live[key] = made
        return made

    def seen(self) -> dict[str, Any]:
        """All that can be seen of it."""
        desk, commit = self.desk, self.desk.store.commit
        names = [name for name in Message.__slots__ if name not in ("parts", "cut")]
        return {
            "messages": [[getattr(made, name) for name in names] for made in self.messages],
            "parts": [[_seen(part) for part in made.parts] for made in self.messages],
            "written": [_seen(part) for part in self.parts],
            "let go": [not hasattr(part, "message") for part in self.parts],
            "cut": [made.cut for made in self.messages],
            "changed": sorted(commit.changed),
            "ids": commit.ids,
            "events": {client: [packed for _, packed in told] for client, told in commit.events.items()},
            "homes": desk.store.homes,
            "matched": commit.matched,
            "counts": desk.settler.counts,
            "live": sorted(desk.outstanding.live),
            "awaiting": list(desk.outstanding._awaiting),
            "names": sorted((name, part.n) for name, part in desk.outstanding._parts.items()),
            "dropped": sorted(desk.outstanding.dropped or ()),
            "waiting": desk.lanes.waiting("alpha"),
        }


def _seen(part: Part) -> list[object]:
    return [getattr(part, name) for name in Part.__slots__ if name != "message"]


@settings(max_examples=300)
@given(WORLDS)
def test_a_list_of_answers_is_settled_as_one_after_the_other(drawn: dict[str, Any]) -> None:
    one_by_one, together = World(drawn), World(drawn)
    for part, id_ in zip(one_by_one.parts, drawn["ids"], strict=False):
        one_by_one.desk.settler.accepted(part, id_, NOW)
    together.desk.settler.accepted_all(list(zip(together.parts, drawn["ids"], strict=False)), NOW)
    assert together.seen() == one_by_one.seen()


@settings(max_examples=300)
@given(WORLDS, st.lists(st.integers(0, 5), min_size=1, max_size=8), st.booleans())
def test_a_list_of_receipts_is_settled_as_one_after_the_other(
    drawn: dict[str, Any], order: list[int], answered: bool
) -> None:
    one_by_one, together = World(drawn), World(drawn)
    for world in (one_by_one, together):
        if answered:
            world.desk.settler.accepted_all([(part, f"{n}") for n, part in enumerate(world.parts)], NOW)
            world.desk.store.homes.clear()
    chosen = [n for n in order if n < len(one_by_one.messages) and len(one_by_one.messages[n].parts) == 1]
    parts = [[world.messages[n].parts[0] for n in chosen] for world in (one_by_one, together)]
    if not all(hasattr(part, "message") for part in parts[0]):
        return  # nobody can find a part that has left memory
    for part in parts[0]:
        one_by_one.desk.settler.received(part, P.DELIVERED, SAID, NOW + 1)
    together.desk.settler.delivered_all([(part, SAID) for part in parts[1]], NOW + 1)
    assert together.seen() == one_by_one.seen()


def test_what_was_settled_before_a_defect_is_told() -> None:
    world = World({"messages": [USUAL, USUAL], "ids": [], "early": [], "homes": False, "reading": False})
    del world.parts[1].message
    with pytest.raises(AttributeError, match="message"):
        world.desk.settler.accepted_all([(part, "7") for part in world.parts], NOW)
    assert [event["id"] for event in world.desk.store.told] == ["m1"]
