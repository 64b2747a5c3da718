from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.constants import MessageState
from protocol.receipt import STATE_NAMES
from simulator import phones as phones_module
from simulator.fates import Fate, Fates
from simulator.ledger import Ledger
from simulator.messages import Incoming
from simulator.parts import Part
from simulator.phones import Phones
from tests.simulator.behaviours import WANTED, receipts
from tests.simulator.behaviours import behaviour as behaving
from tests.simulator.taken import DESTINATION, TEXT, TIME, part, parts, single, take

PHONE = DESTINATION.decode()


def phones(taken: Sequence[Part] = (), fates: Fates | None = None, size: int = 1000) -> Phones:
    ledger = Ledger(size)
    take(ledger, taken)
    return Phones(ledger, fates or Fates(), TIME)


def sent(text: str = "はい", source: str = "+" + PHONE, destination: str = "0005123456") -> Incoming:
    return Incoming(source, destination, text)


def received(number: int, destination: bytes = DESTINATION) -> Part:
    return part(single(b"%d" % number, destination_addr=destination), time=TIME + number)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["8190", "8180", "1"])), max_size=12), st.integers(1, 5))
async def test_the_newest_of_each_number_is_shown_whichever_way_it_went(
    steps: list[tuple[bool, str]], limit: int
) -> None:
    ledger = Ledger(1000)
    shown = Phones(ledger, Fates(), TIME)
    newest: dict[str, tuple[int, str]] = {}
    for at, (by_phone, number) in enumerate(steps):
        if by_phone:
            shown.note(sent(str(at), number), 1, TIME + at)
        else:
            take(ledger, [received(at, number.encode())])
        newest[number] = at, str(at)
    expected = sorted(newest.items(), key=lambda item: item[1], reverse=True)[:limit]
    found = await shown.newest(limit, TIME + 100)
    assert found == [{"number": number, "newest": text, "at": TIME + at} for number, (at, text) in expected]


async def test_a_number_that_a_part_of_no_text_went_to_has_an_empty_one() -> None:
    binary = part(single(b"\xff\xfe", data_coding=4))
    assert [phone["newest"] for phone in await phones([binary]).newest(10, TIME)] == [""]


@given(st.lists(st.booleans(), max_size=10), st.integers(1, 12))
async def test_a_conversation_is_the_newest_of_both_ways_oldest_first(steps: list[bool], limit: int) -> None:
    ledger = Ledger(1000)
    shown = Phones(ledger, Fates(), TIME)
    for at, by_phone in enumerate(steps):
        if by_phone:
            shown.note(sent(str(at)), 1, TIME + at)
            shown.note(sent("another's", "1"), 1, TIME + at)
        else:
            take(ledger, [received(at), received(at, b"1")])
    found = await shown.conversation(PHONE, limit, TIME + 100)
    told = [(message["direction"], message["text"], message["at"]) for message in found["messages"]]
    ways = [
        ("from_phone" if by_phone else "to_phone", str(at), pytest.approx(TIME + at))
        for at, by_phone in enumerate(steps)
    ]
    assert told == ways[-limit:]


async def test_a_long_text_is_one_message_that_says_how_each_part_was_cut() -> None:
    made = parts(TEXT, reference=9)
    [message] = (await phones([*reversed(made)]).conversation(PHONE, 10, TIME))["messages"]
    assert (message["text"], message["complete"], message["verdicts"]) == (TEXT, True, [])
    assert [(each["reference"], each["total"], each["number"]) for each in message["parts"]] == [
        (9, len(made), number) for number in range(1, len(made) + 1)
    ]
    first = message["parts"][0]
    assert first["octets"] == made[0].submit.short_message.hex()
    assert first["octets"].startswith(first["udh"])
    assert (first["coding"], first["data_coding"], first["units"]) == (
        "ucs2",
        8,
        len(first["text"].encode("utf-16")) // 2 - 1,
    )


async def test_a_text_that_lacks_a_part_is_not_complete_and_its_parts_stand_alone() -> None:
    made = parts(TEXT)[:-1]
    messages = (await phones(made).conversation(PHONE, 10, TIME))["messages"]
    assert [len(message["parts"]) for message in messages] == [1] * len(made)
    assert not any(message["complete"] for message in messages)


async def test_a_part_that_stands_alone_is_the_first_of_one() -> None:
    [message] = (await phones([received(1)]).conversation(PHONE, 10, TIME))["messages"]
    [alone] = message["parts"]
    assert (alone["reference"], alone["total"], alone["number"]) == (None, 1, 1)


@pytest.mark.parametrize("state", ["DELIVRD", "UNDELIV", "REJECTD"])
async def test_the_state_of_each_part_is_that_of_its_receipt_from_its_time_on(state: str) -> None:
    fates, taken = Fates(), received(0)
    [outcome] = receipts(behaving({"receipts.states": {state: 1.0}, "receipts.delay": 5.0}), 1)[0]
    fates.add(taken.message_id, Fate(WANTED, b"denpo", 0.0, [outcome]))
    shown = phones([taken], fates)

    async def at(now: float) -> str:
        found = await shown.conversation(PHONE, 1, TIME + now)
        text: str = found["messages"][0]["parts"][0]["state"]
        return text

    assert [await at(4.9), await at(5.1)] == ["ENROUTE", state]


async def test_a_part_of_which_nobody_knows_the_fate_any_more_is_unknown() -> None:
    [message] = (await phones([received(0)]).conversation(PHONE, 1, TIME))["messages"]
    assert message["parts"][0]["state"] == STATE_NAMES[MessageState.UNKNOWN]


async def test_the_oldest_that_handsets_sent_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phones_module, "MAX_SENT", 3)
    shown = phones()
    for at in range(5):
        shown.note(sent(str(at)), 1, TIME + at)
    found = await shown.conversation(PHONE, 10, TIME)
    assert [message["text"] for message in found["messages"]] == ["2", "3", "4"]


def test_what_a_handset_sent_shows_neither_number_nor_text_in_a_log() -> None:
    shown = phones()
    shown.note(sent("秘密"), 1, TIME)
    for secret in (PHONE, "0005123456", "秘密"):
        assert secret not in repr(shown._sent)
