import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from simulator.control import MANY, _Lines
from simulator.ledger import Ledger
from simulator.query import Query
from tests.simulator.asking import asking, lines_of, refused
from tests.simulator.taken import BLOCK, part, single, singles, small_blocks, submits, take
from tests.simulator.world import EPOCH, World, id_of


@pytest.fixture(autouse=True, scope="module")
def _small_blocks() -> Iterator[None]:
    with small_blocks():
        yield


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(world.smsc) as client:
        yield client


async def indexes(client: httpx.AsyncClient, **query: str | int) -> list[int]:
    answer = await client.get("/ledger", params=query)
    assert answer.status_code == 200
    return [line["index"] for line in lines_of(answer)]


async def test_the_ledger_is_one_json_line_per_part_of_all_that_was_taken(
    world: World, client: httpx.AsyncClient
) -> None:
    take(world.smsc.ledger, singles(5 * BLOCK + 1))
    answer = await client.get("/ledger")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert [line["index"] for line in lines_of(answer)] == list(range(5 * BLOCK + 1))


async def test_an_empty_ledger_is_an_empty_answer(client: httpx.AsyncClient) -> None:
    answer = await client.get("/ledger")
    assert (answer.status_code, answer.text) == (200, "")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"since": "3"}, [3, 4, 5]),
        ({"since": "99"}, []),
        ({"limit": "2"}, [0, 1]),
        ({"limit": "0"}, []),
        ({"limit": "2", "since": "1"}, [1, 2]),
        ({"destination": "8190"}, [2, 3]),
        ({"destination": "819"}, []),
        ({"destination": "8190", "since": "3"}, [3]),
        ({"destination": "8190", "limit": "1"}, [2]),
        ({"destination": "ほか"}, []),
        ({"source": "0005"}, [1, 3, 5]),
        ({"source": "0005", "destination": "8190"}, [3]),
        ({"session": "2"}, [4, 5]),
        ({"message_id": "id3"}, [3]),
        ({"verdict": "seen_twice"}, []),
        ({"what": "is this"}, [0, 1, 2, 3, 4, 5]),
    ],
)
async def test_the_ledger_shows_only_what_was_asked_for(
    world: World, client: httpx.AsyncClient, query: dict[str, str], expected: list[int]
) -> None:
    for n in range(6):
        submit = single(
            b"%d" % n, destination_addr=(b"1", b"8190", b"2")[n // 2], source_addr=b"0005" if n % 2 else b"0006"
        )
        world.smsc.ledger.take(part(submit, session=1 + n // 4, message_id=b"id%d" % n))
    assert await indexes(client, **query) == expected


async def test_what_is_wrong_with_parts_is_a_verdict_that_can_be_asked_for(
    world: World, client: httpx.AsyncClient
) -> None:
    esme = await world.bound()
    await esme.submit(short_message=b"once", registered_delivery=0)
    twice = [[id_of(await esme.outcome(esme.send(each))) for each in submits()] for _ in range(2)]
    answer = await client.get("/ledger", params={"verdict": "seen_twice"})
    found = lines_of(answer)
    assert [line["message_id"] for line in found] == twice[1]
    assert all("seen_twice" in line["verdicts"] for line in found)


@pytest.mark.parametrize("name", ["since", "limit", "session"])
@pytest.mark.parametrize("value", ["-1", "x", "", "1.5", "١", "9" * 19])
async def test_a_number_in_a_query_that_is_none_is_refused_with_its_name(
    client: httpx.AsyncClient, name: str, value: str
) -> None:
    assert name in refused(await client.get("/ledger", params={name: value}), 400, "bad_request")


async def test_an_unknown_verdict_is_refused_with_those_there_are(client: httpx.AsyncClient) -> None:
    assert "seen_twice" in refused(await client.get("/ledger", params={"verdict": "bad"}), 400, "bad_request")


def lines(ledger: Ledger, stop: int) -> _Lines:
    return _Lines(ledger, Query(), 0, stop, MANY)


async def test_an_answer_ends_although_parts_keep_coming() -> None:
    ledger, found = Ledger(1000), b""
    take(ledger, singles(BLOCK + 1))
    async for chunk in lines(ledger, await ledger.examine(EPOCH)):
        found += chunk
        take(ledger, singles(3 * BLOCK))
    assert found.count(b"\n") == BLOCK + 1


async def test_an_answer_ends_when_the_ledger_is_cleared_meanwhile() -> None:
    ledger, seen = Ledger(1000), 0
    take(ledger, singles(3 * BLOCK))
    async for chunk in lines(ledger, await ledger.examine(EPOCH)):
        seen += chunk.count(b"\n")
        ledger.clear()
    assert seen == BLOCK


async def test_an_answer_goes_on_with_what_is_left_when_parts_are_forgotten_meanwhile() -> None:
    ledger, found = Ledger(2 * BLOCK), list[int]()
    take(ledger, singles(2 * BLOCK))
    async for chunk in lines(ledger, await ledger.examine(EPOCH)):
        found += [json.loads(line)["index"] for line in chunk.splitlines()]
        take(ledger, singles(BLOCK + 2 if len(found) == BLOCK else 0))
    assert found == [*range(BLOCK), *range(BLOCK + 2, 2 * BLOCK)]


async def test_deleting_the_ledger_forgets_it_and_indexes_go_on(world: World, client: httpx.AsyncClient) -> None:
    take(world.smsc.ledger, singles(3))
    answer = await client.delete("/ledger")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await client.get("/ledger")).text == ""
    assert (await client.get("/summary")).json()["parts"] == 0
    assert (await client.get("/conversations")).json() == []
    take(world.smsc.ledger, singles(1))
    assert await indexes(client) == [3]
