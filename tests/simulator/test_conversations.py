from collections.abc import Iterator

import pytest

from simulator import conversations as conversations_module
from simulator.conversations import conversation, conversations
from simulator.ledger import Ledger
from simulator.parts import describe
from simulator.verdicts import JOIN_SECONDS
from tests.simulator.taken import DESTINATION, TIME, part, parts, read_all, single, small_blocks, take


@pytest.fixture(autouse=True, scope="module")
def _small_blocks() -> Iterator[None]:
    with small_blocks():
        yield


LONG = "あ" * 200


async def test_the_numbers_written_to_last_come_first_each_once() -> None:
    ledger = Ledger(1000)
    for n, number in enumerate([b"1", b"2", b"3", b"1", b"2"]):
        ledger.take(part(single(b"text %d" % n, destination_addr=number), time=TIME + n))
    found = await conversations(ledger, 10)
    assert found == [
        {"number": "2", "time": TIME + 4, "text": "text 4"},
        {"number": "1", "time": TIME + 3, "text": "text 3"},
        {"number": "3", "time": TIME + 2, "text": "text 2"},
    ]
    assert await conversations(ledger, 2) == found[:2]
    assert await conversations(ledger, 0) == []


async def test_a_long_text_is_shown_whole_once_it_was_examined() -> None:
    ledger = Ledger(1000)
    take(ledger, parts(LONG))
    assert [each["text"] for each in await conversations(ledger, 1)] == ["あ" * 66]
    await ledger.examine(TIME)
    assert [each["text"] for each in await conversations(ledger, 1)] == [LONG]


async def test_conversations_are_looked_for_among_the_newest_parts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations_module, "LOOK_BACK", 8)
    ledger = Ledger(1000)
    take(ledger, [part(single(b"", destination_addr=b"%d" % n)) for n in range(40)])
    assert [each["number"] for each in await conversations(ledger, 20)] == [str(n) for n in range(39, 31, -1)]


async def test_an_empty_ledger_has_none() -> None:
    assert await conversations(Ledger(10), 5) == []
    assert await conversation(Ledger(10), DESTINATION, 5, TIME) == []


async def test_a_conversation_has_messages_joined_with_their_parts_in_order() -> None:
    ledger, long = Ledger(1000), parts(LONG)
    take(ledger, [long[2], part(single(b"Hello")), part(single(b"other", destination_addr=b"1")), long[1]])
    take(ledger, [long[0], parts("い" * 100, reference=8)[1], part(single(b"Hello"), session=2)])
    await ledger._write_all()
    found = await conversation(ledger, DESTINATION, 10, TIME)
    entries = [describe(entry) for entry in await read_all(ledger)]
    assert [message["parts"] for message in found] == [
        [entries[1]],
        [entries[4], entries[3], entries[0]],
        [entries[5]],
        [entries[6]],
    ]
    assert [(message["text"], message["complete"]) for message in found] == [
        ("Hello", True),
        (LONG, True),
        ("い" * 33, False),
        ("Hello", True),
    ]
    assert [message["verdicts"] for message in found] == [[], [], [], ["seen_twice"]]
    assert {key: found[1][key] for key in ("time", "source", "destination")} == {
        "time": TIME,
        "source": "0005123456",
        "destination": DESTINATION.decode(),
    }
    assert await conversation(ledger, DESTINATION, 2, TIME) == found[-2:]
    assert await conversation(ledger, b"8190", 10, TIME) == []
    await ledger.close()


async def test_a_message_has_the_verdicts_of_all_its_parts_once() -> None:
    ledger, (first, second, *_) = Ledger(1000), parts(LONG)
    second.session = 2
    take(ledger, [first, second])
    found = await conversation(ledger, DESTINATION, 10, TIME + JOIN_SECONDS)
    assert [message["verdicts"] for message in found] == [["two_binds", "never_completed"]] * 2


async def test_the_first_parts_of_the_oldest_message_are_found_though_they_lie_further_back() -> None:
    ledger, long = Ledger(1000), parts(LONG)
    take(ledger, long[:2])
    take(ledger, [part(single(b"", destination_addr=b"1")) for _ in range(38)])
    take(ledger, [part(single(b"before")), long[2], part(single(b"last"))])
    found = await conversation(ledger, DESTINATION, 2, TIME)
    assert [(message["text"], len(message["parts"])) for message in found] == [(LONG, 3), ("last", 1)]


async def test_only_so_many_parts_to_a_number_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations_module, "MAX_PARTS", 8)
    ledger = Ledger(1000)
    take(ledger, [part(single(b"%d" % n)) for n in range(40)])
    assert [message["text"] for message in await conversation(ledger, DESTINATION, 99, TIME)] == [
        str(n) for n in range(32, 40)
    ]
