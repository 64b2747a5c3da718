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
SAYINGS = [receipt(message_id=f"{n}")[1] for n in range(8)]
LIMIT = 3
"""Messages that may await their receipts: few, so that some leave memory."""

USUAL: dict[str, Any] = {"parts": [P.SENT], "state": State.SENDING, "receipt": True, "repeated": False, "meta": None}
USUAL |= {"client": "bank", "plan": "alpha", "tries": 1, "stale": False}
OTHERWISE: dict[str, tuple[Any, ...]] = {
    "parts": (
        *([P.UNKNOWN], [P.WAITING], [P.ACCEPTED], [P.DELIVERED], [P.SENT] * 2, [P.SENT] * 2, [P.SENT] * 3),
        *(
            [P.SENT, P.DELIVERED],
            [P.WAITING, P.SENT],
            [P.ACCEPTED, P.SENT],
            [P.ACCEPTED] * 2,
            [P.ACCEPTED, P.DELIVERED],
        ),
    ),
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
UNUSUAL = st.lists(CHANGES, max_size=2).map(dict)
"""Up to two things that are not as usual."""
SENT = UNUSUAL.map(lambda changes: USUAL | changes)
SUBMITTED = UNUSUAL.map(lambda changes: USUAL | {"parts": [P.ACCEPTED], "state": State.SUBMITTED} | changes)


def worlds(messages: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "messages": st.lists(messages, min_size=1, max_size=6),
            "ids": st.lists(st.sampled_from(("1-1", "2-1", "7", "")), min_size=18, max_size=18),
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
            if part.state is P.ACCEPTED:
                part.note_answer(0, NOW)
                part.carrier_id = f"{key}-{part.n}"
                self.desk.outstanding.name("alpha", part.carrier_id, part)
        self.desk.outstanding.live[key] = made
        if made.state is State.SUBMITTED:
            self.desk.outstanding.submitted(made)
        return made

    def answers(self, ids: list[str]) -> list[tuple[Part, str]]:
        """Answers to all parts that have none."""
        return [(part, id_) for part, id_ in zip(self.parts, ids, strict=False) if part.state is not P.ACCEPTED]

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


def _is_found(part: Part) -> bool:
    return hasattr(part, "message") and part.message.state is State.SUBMITTED


def _seen(part: Part) -> list[object]:
    return [getattr(part, name) for name in Part.__slots__ if name != "message"]


@settings(max_examples=300)
@given(worlds(SENT))
def test_a_list_of_answers_is_settled_as_one_after_the_other(drawn: dict[str, Any]) -> None:
    one_by_one, together = World(drawn), World(drawn)
    for part, id_ in one_by_one.answers(drawn["ids"]):
        one_by_one.desk.settler.accepted(part, id_, NOW)
    together.desk.settler.accepted_all(together.answers(drawn["ids"]), NOW)
    assert together.seen() == one_by_one.seen()


@settings(max_examples=300)
@given(worlds(SUBMITTED), st.lists(st.integers(0, 7), min_size=1, max_size=8))
def test_a_list_of_receipts_is_settled_as_one_after_the_other(drawn: dict[str, Any], order: list[int]) -> None:
    one_by_one, together = World(drawn), World(drawn)
    chosen = [n for n in order if n < len(one_by_one.parts) and _is_found(one_by_one.parts[n])]
    parts = [[world.parts[n] for n in chosen] for world in (one_by_one, together)]
    for part, said in zip(parts[0], SAYINGS, strict=False):
        one_by_one.desk.settler.received(part, P.DELIVERED, said, NOW + 1)
    together.desk.settler.delivered_all(list(zip(parts[1], SAYINGS, strict=False)), NOW + 1)
    assert together.seen() == one_by_one.seen()


def test_what_was_settled_before_a_defect_is_told() -> None:
    world = World({"messages": [USUAL, USUAL], "ids": [], "early": [], "homes": False, "reading": False})
    del world.parts[1].message
    with pytest.raises(AttributeError, match="message"):
        world.desk.settler.accepted_all([(part, "7") for part in world.parts], NOW)
    assert [event["id"] for event in world.desk.store.told] == ["m1"]
