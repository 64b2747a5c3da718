import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from protocol.constants import Coding, Concatenation
from protocol.link import connect
from simulator import page, web
from simulator.faults import FAULTS, LinkFault
from simulator.live import Hub
from simulator.page import HEADERS, read_pages
from simulator.requests import MAX_BODY_OCTETS
from tests.end_to_end.processes import Process, started
from tests.simulator.asking import MO, PHONE, asking, lines_of, refused
from tests.simulator.esme import Esme
from tests.simulator.world import World, make_smsc

SIMULATOR = [
    *("-W", "error", "-m", "simulator.cli", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"),
    *("--receipt-delay", "0.01"),
]
SECONDS = 20.0
NO_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates too
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.just(10**400), st.floats(), NO_TEXT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NO_TEXT, inner, max_size=3),
    max_leaves=8,
)
NUMBER = st.sampled_from(["+819012345678", "0005123456", "1" * 20])
TEXT = st.sampled_from(["", "x", "本日" * 100, "あ" * 20_000, "\ud83d"]) | NO_TEXT


def objects(needed: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Objects that are right, but perhaps for one key, which may be another one."""
    right = st.fixed_dictionaries(needed, optional=optional)
    odd = st.dictionaries(st.sampled_from([*needed, *optional]) | NO_TEXT, JSON, max_size=1)
    return st.builds(lambda one, other: one | other, right, odd)


BODIES = {
    ("POST", "/mo"): objects(
        {"from": NUMBER, "to": NUMBER, "text": TEXT},
        {
            "coding": st.sampled_from([*Coding]),
            "concatenation": st.sampled_from([*Concatenation]),
            "shuffle": st.booleans(),
            "system_id": st.sampled_from(["denpo", "nobody", None]),
        },
    ),
    ("PUT", "/faults"): objects({}, {name: st.sampled_from([fault.default, None]) for name, fault in FAULTS.items()}),
    ("POST", "/faults/link"): objects(
        {"fault": st.sampled_from([*LinkFault])},
        {"session": st.sampled_from([1, 1, 2, None]), "seconds": st.floats(0, 10), "value": st.integers(0, 10)},
    ),
}
ASKED = st.one_of([st.tuples(st.just(route), st.binary(max_size=50) | body) for route, body in BODIES.items()])
QUERY = st.dictionaries(
    st.sampled_from(["destination", "source", "session", "message_id", "verdict", "since", "limit"]),
    st.text(max_size=20) | st.integers(-2, 10**19).map(str) | st.sampled_from(["two_binds", "denpo"]),
    max_size=3,
)
READ = ["/ledger", "/summary", "/report", "/sessions", "/conversations", f"/conversations/{PHONE}", "/scenario", "/"]


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(world.smsc) as client:
        yield client


@pytest.fixture(scope="module")
def simulator() -> Iterator[Process]:
    with started(SIMULATOR) as process:
        yield process


async def test_the_page_is_at_the_root_and_is_what_lies_in_its_file(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.content == (Path(page.__file__).parent / "index.html").read_bytes()
    assert (await client.get("/page/index.html")).content == answer.content


@pytest.mark.parametrize("name", sorted(read_pages()))
async def test_each_file_of_the_page_is_served_so_that_it_may_load_only_the_others(
    client: httpx.AsyncClient, name: str
) -> None:
    answer = await client.get(f"/page/{name}")
    served = read_pages()[name]
    assert (answer.status_code, answer.content) == (200, served.octets)
    assert answer.headers.items() >= {**HEADERS, "content-type": served.media_type}.items()


@pytest.mark.parametrize("name", ["__init__.py", "nothing.js", "", "..%2F__init__.py", "%2Fetc%2Fpasswd"])
async def test_nothing_but_the_page_is_served(client: httpx.AsyncClient, name: str) -> None:
    refused(await client.get(f"/page/{name}"), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/conversations/1/2", 404, "not_found"),
        ("POST", "/ledger", 405, "method_not_allowed"),
        ("POST", "/", 405, "method_not_allowed"),
        ("GET", "/mo", 405, "method_not_allowed"),
        ("POST", "/faults", 405, "method_not_allowed"),
        ("GET", "/faults/link", 405, "method_not_allowed"),
        ("DELETE", "/scenario", 405, "method_not_allowed"),
    ],
)
async def test_a_wrong_path_or_method_is_an_error_in_json(
    client: httpx.AsyncClient, method: str, path: str, status: int, error: str
) -> None:
    assert path in refused(await client.request(method, path), status, error)


@pytest.mark.parametrize("path", [*READ, "/faults"])
async def test_what_can_be_read_is_read_without_a_change(client: httpx.AsyncClient, path: str) -> None:
    first, second = await client.get(path), await client.get(path)
    assert (first.status_code, first.content) == (200, second.content)


async def test_a_fault_of_ours_is_an_error_in_json_too_and_its_kind_is_logged(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(world.smsc, "outbox")
    with structlog.testing.capture_logs() as lines:
        refused(await client.get("/summary"), 500, "failed")
    monkeypatch.undo()  # the SMSC still runs
    assert [(line["event"], line["exception"]) for line in lines] == [("web_failed", "AttributeError")]


@given(ASKED)
def test_no_body_however_odd_gets_anything_but_success_or_an_error_in_json(
    asked: tuple[tuple[str, str], bytes | dict[str, Any]],
) -> None:
    (method, path), body = asked
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def ask(nursery: trio.Nursery) -> None:
        world = World(nursery, make_smsc())
        await world.bound()
        async with asking(world.smsc) as client:
            check(await client.request(method, path, content=octets))
            for read in READ:  # and nothing that was asked makes the rest fail
                check(await client.get(read))

    _run(ask)


@given(QUERY)
def test_no_query_however_odd_gets_anything_but_success_or_an_error_in_json(query: dict[str, str]) -> None:
    async def ask(nursery: trio.Nursery) -> None:
        world = World(nursery, make_smsc())
        esme = await world.bound()
        await esme.submit(short_message=b"x")
        async with asking(world.smsc) as client:
            for path in READ:
                check(await client.get(path, params=query))

    _run(ask)


def check(answer: httpx.Response) -> None:
    assert answer.status_code in {200, 202, 400, 404, 409, 503}, answer.text
    if answer.status_code >= 400:
        assert answer.json().keys() == {"error", "detail"}


def _run(ask: Any) -> None:  # noqa: ANN401  # an async function
    async def run() -> None:
        with structlog.testing.capture_logs():
            async with trio.open_nursery() as nursery:
                await ask(nursery)
                nursery.cancel_scope.cancel()

    trio.run(run, clock=MockClock(autojump_threshold=0))


async def test_a_body_too_large_is_refused_by_a_real_process(simulator: Process) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"http://{simulator.ready['http']}/mo", content=b"x" * (MAX_BODY_OCTETS + 1))
    refused(answer, 413, "too_large")


async def test_a_real_process_shows_what_a_real_esme_did_and_logs_no_number_and_no_text(simulator: Process) -> None:
    host, port = simulator.ready["smpp"].split(":")
    base = f"http://{simulator.ready['http']}"
    with trio.fail_after(SECONDS):
        async with trio.open_nursery() as nursery, httpx.AsyncClient(base_url=base) as client:
            esme = Esme(await connect(host, int(port)))
            nursery.start_soon(esme.run)
            await esme.bind(b"web")
            await esme.submit(b"819000000001", short_message=b"Hello")
            await esme.wait_deliveries(1)
            answer = await client.post("/mo", json=MO | {"system_id": "web"})
            assert (answer.status_code, answer.json()) == (202, {"parts": 1})
            await esme.wait_deliveries(2)
            assert getattr(esme.deliveries[1], "short_message", b"").decode("utf-16-be") == MO["text"]
            lines = lines_of(await client.get("/ledger", params={"destination": "819000000001"}))
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
            refused(await client.post("/mo", json=MO | {"text": "あ" * 20_000}), 400, "too_long")
            refused(await client.post("/mo", content=b"{" + PHONE.encode()), 400, "bad_request")
            assert (await client.delete("/ledger")).status_code == 204
            esme.link.close("done")
    logged = json.dumps(simulator.lines, ensure_ascii=False)
    assert "bound" in logged
    for secret in ("819000000001", PHONE, "0005123456", "Hello", MO["text"], "あ"):
        assert secret not in logged


async def _wait_settled(client: httpx.AsyncClient) -> None:
    while True:
        summary = (await client.get("/summary")).json()
        if not summary["receipts"]["pending"] and not summary["incoming"]["pending"]:
            return


async def test_the_table_in_the_module_names_every_route(world: World) -> None:
    rows = [line.removeprefix("| ").split(" | ")[0] for line in (web.__doc__ or "").splitlines() if "| " in line]
    told = {tuple(row.split("?")[0].split(" ")[:2]) for row in rows if "/" in row}
    routes = {
        (method, getattr(route, "path", "").replace("{number}", "NUMBER"))
        for route in web.make_app(world.smsc, Hub()).routes
        for method in getattr(route, "methods", ())
    }
    assert told == {route for route in routes if route[0] != "HEAD"} - {("GET", "/page/{name}")}
