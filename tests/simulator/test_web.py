import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import trio

from protocol.link import connect
from protocol.pdu import SubmitSm
from simulator import web
from simulator.behaviour import Behaviour
from simulator.ledger import Ledger, Part
from simulator.smsc import Smsc, Terms
from simulator.web import LINES_AT_ONCE, MAX_BODY_OCTETS, make_app
from tests.end_to_end.processes import Process, started
from tests.simulator.esme import Esme

MO = {"from": "+819012345678", "to": "0005123456", "text": "こんにちは"}
SIMULATOR = [
    *("-W", "error", "-m", "simulator.cli", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"),
    *("--receipt-delay", "0.01"),
]


@pytest.fixture
def smsc() -> Smsc:
    return Smsc(Behaviour(1, 0.5), Ledger(10_000), Terms(), 0.0)


@pytest.fixture
async def client(smsc: Smsc) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app(smsc), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
        yield client


@pytest.fixture(scope="module")
def simulator() -> Iterator[Process]:
    with started(SIMULATOR) as process:
        yield process


def take(ledger: Ledger, number: int, destination: bytes = b"819012345678") -> None:
    for _ in range(number):
        ledger.take(Part(b"1", 1, b"denpo", 1, 0.0, SubmitSm(destination_addr=destination, short_message=b"x")))


def read_lines(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.split("\n")[:-1]]


async def test_the_ledger_is_one_json_line_per_part(smsc: Smsc, client: httpx.AsyncClient) -> None:
    take(smsc.ledger, 2 * LINES_AT_ONCE + 1)
    answer = await client.get("/ledger")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert [line["index"] for line in read_lines(answer)] == list(range(2 * LINES_AT_ONCE + 1))


async def test_an_empty_ledger_is_an_empty_answer(client: httpx.AsyncClient) -> None:
    answer = await client.get("/ledger")
    assert (answer.status_code, answer.text) == (200, "")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"since": "3"}, [3, 4, 5]),
        ({"since": "99"}, []),
        ({"destination": "8190"}, [2, 3]),
        ({"destination": "8190", "since": "3"}, [3]),
        ({"destination": "ほか"}, []),
    ],
)
async def test_the_ledger_shows_only_what_was_asked_for(
    smsc: Smsc, client: httpx.AsyncClient, query: dict[str, str], expected: list[int]
) -> None:
    for destination in (b"1", b"8190", b"2"):
        take(smsc.ledger, 2, destination)
    assert [line["index"] for line in read_lines(await client.get("/ledger", params=query))] == expected


async def test_an_answer_ends_although_parts_keep_coming(smsc: Smsc) -> None:
    take(smsc.ledger, LINES_AT_ONCE + 1)
    chunks = []
    async for chunk in web._Lines(smsc.ledger, 0, None):
        chunks.append(chunk)
        take(smsc.ledger, 3 * LINES_AT_ONCE)
    assert b"".join(chunks).count(b"\n") == LINES_AT_ONCE + 1


async def test_an_answer_ends_when_the_ledger_is_cleared_meanwhile(smsc: Smsc) -> None:
    take(smsc.ledger, 2 * LINES_AT_ONCE)
    seen = 0
    async for chunk in web._Lines(smsc.ledger, 0, None):
        seen += chunk.count(b"\n")
        smsc.ledger.clear()
    assert seen == LINES_AT_ONCE


async def test_an_answer_goes_on_with_what_is_left_when_parts_are_forgotten_meanwhile() -> None:
    ledger = Ledger(2 * LINES_AT_ONCE)
    take(ledger, 2 * LINES_AT_ONCE)
    indexes = []
    async for chunk in web._Lines(ledger, 0, None):
        indexes += [json.loads(line)["index"] for line in chunk.splitlines()]
        take(ledger, LINES_AT_ONCE + 5 if len(indexes) == LINES_AT_ONCE else 0)
    assert indexes == [*range(LINES_AT_ONCE), *range(LINES_AT_ONCE + 5, 2 * LINES_AT_ONCE)]


async def test_deleting_the_ledger_forgets_it(smsc: Smsc, client: httpx.AsyncClient) -> None:
    take(smsc.ledger, 3)
    answer = await client.delete("/ledger")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await client.get("/ledger")).text == ""
    assert (await client.get("/summary")).json()["parts"] == 0


@pytest.mark.parametrize("since", ["-1", "x", "", "1.5", "١", "9" * 19])
async def test_a_since_that_is_no_index_is_refused(client: httpx.AsyncClient, since: str) -> None:
    answer = await client.get("/ledger", params={"since": since})
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "bad_request"),
        (b"{", "bad_request"),
        (b"\xff", "bad_request"),
        (b"[" * 100_000, "bad_request"),
        (b"[]", "bad_request"),
        (json.dumps({"from": "1", "to": "2"}), "bad_request"),
        (json.dumps(MO | {"form": "1"}), "bad_request"),
        (json.dumps(MO | {"text": 1}), "bad_request"),
        (json.dumps(MO | {"from": "abc"}), "bad_request"),
        (json.dumps(MO | {"system_id": "電報"}), "bad_request"),
        (json.dumps(MO | {"text": " "}), "empty_text"),
        (json.dumps(MO | {"text": "\ud83d"}), "bad_text"),
        (json.dumps(MO | {"text": "あ" * 20_000}), "too_long"),
    ],
)
async def test_a_message_that_cannot_be_sent_is_refused_with_the_reason(
    client: httpx.AsyncClient, body: str, error: str
) -> None:
    answer = await client.post("/mo", content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert set(answer.json()) == {"error", "detail"}


async def test_a_message_nobody_can_take_is_a_conflict(client: httpx.AsyncClient) -> None:
    answer = await client.post("/mo", json=MO)
    assert (answer.status_code, answer.json()["error"]) == (409, "no_receiver")


async def test_a_body_too_large_is_refused(simulator: Process) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"http://{simulator.ready['http']}/mo", content=b"x" * (MAX_BODY_OCTETS + 1))
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [("GET", "/nothing", 404, "not_found"), ("POST", "/ledger", 405, "method_not_allowed")],
)
async def test_a_wrong_path_or_method_is_an_error_in_json(
    client: httpx.AsyncClient, method: str, path: str, status: int, error: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert path in answer.json()["detail"]


async def test_a_fault_of_ours_is_an_error_in_json_too(
    client: httpx.AsyncClient, smsc: Smsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(smsc, "outbox")
    answer = await client.get("/summary")
    assert (answer.status_code, answer.json()["error"]) == (500, "failed")


async def test_a_real_process_shows_what_a_real_esme_did(simulator: Process) -> None:
    host, port = simulator.ready["smpp"].split(":")
    base = f"http://{simulator.ready['http']}"
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery, httpx.AsyncClient(base_url=base) as client:
            esme = Esme(await connect(host, int(port)))
            nursery.start_soon(esme.run)
            await esme.bind(b"web")
            await esme.submit(b"819000000001", short_message=b"Hello")
            await esme.wait_deliveries(1)
            answer = await client.post("/mo", json=MO | {"system_id": "web"})
            assert (answer.status_code, answer.json()) == (202, {"parts": 1})
            await esme.wait_deliveries(2)
            assert esme.deliveries[1].short_message.decode("utf-16-be") == MO["text"]
            lines = read_lines(await client.get("/ledger", params={"destination": "819000000001"}))
            assert [line["joined"] for line in lines] == ["Hello"]
            [session] = (await client.get("/sessions")).json()
            assert (session["system_id"], session["state"], session["taken"]) == ("web", "bound_trx", 1)
            await _wait_settled(client)
            assert (await client.get("/summary")).json() == {
                "parts": 1,
                "messages": 1,
                "forgotten": 0,
                "sessions": 1,
                "receipts": {"pending": 0, "delivered": 1, "given_up": 0},
                "incoming": {"pending": 0, "delivered": 1, "given_up": 0},
            }
            assert (await client.delete("/ledger")).status_code == 204
            esme.link.close("done")


async def _wait_settled(client: httpx.AsyncClient) -> None:
    while True:
        summary = (await client.get("/summary")).json()
        if not summary["receipts"]["pending"] and not summary["incoming"]["pending"]:
            return
