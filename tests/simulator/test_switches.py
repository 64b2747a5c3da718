import json
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from config.faults import IdSpelling
from protocol.constants import Status
from protocol.events import BindRefused
from protocol.pdu import Unbind
from simulator.cli import watch
from simulator.faults import FAULTS, LinkFault
from simulator.live import Hub
from simulator.switches import SLOW_OCTETS
from tests.simulator.asking import asking, refused
from tests.simulator.world import World, make_smsc, phase

OTHERS: Final[dict[str, Any]] = {
    "answers.latency": {"min": 0.5, "max": 2},
    "answers.statuses": {"RTHROTTLED": 0.5, "0x0000040A": 0.25},
    "answers.throttle_per": "account",
    "answers.throttle_status": "RMSGQFUL",
    "answers.queue_limit": 7,
    "answers.id_form": "uuid",
    "answers.short_charset": "cp932",
    "answers.short_units": 3,
    "answers.short_status": "1025",
    "receipts.delay": {"median": 1.0, "p99": 2.0},
    "receipts.states": {"UNDELIV": 1.0, "DELIVRD": 0.0},
    "receipts.error": "123",
    "receipts.id_form": "hex",
    "receipts.text": "utf16",
    "receipts.tlvs": False,
    "receipts.data_coding": 8,
    "receipts.by_data_sm": True,
    "link.refuse_bind": "RBINDFAIL",
    "link.slow_read": 100,
    "link.ignore_enquire_link": True,
}
"""A value other than the default for each fault that is no plain number of seconds or chance: for those, 0.5."""

CHANGED: Final = {name: OTHERS.get(name, 0.5) for name in FAULTS}

WRONG: Final[list[tuple[str, Any, str]]] = [
    ("answers.lose_rate", 1.5, "must be 0..1"),
    ("answers.lose_rate", "0.5", "must be a number"),
    ("answers.lose_rate", True, "must be a number"),
    ("answers.lose_rate", float("nan"), "must be 0..1"),
    ("answers.latency", -1, "must be seconds, 0..604800, or { min, max } or { median, p99 }"),
    ("answers.latency", {"min": 2, "max": 1}, "must be at least min"),
    ("answers.statuses", {"RTHROTLED": 0.5}, "must be a command_status like RTHROTTLED"),
    ("answers.statuses", {"RTHROTTLED": 0.6, "RMSGQFUL": 0.6}, "not more than 1 together"),
    ("answers.statuses", ["RTHROTTLED"], "must be a table"),
    ("answers.id_form", "octal", "'decimal', 'hex', 'HEX', 'padded' or 'uuid'"),
    ("answers.short_units", 0, "must be 1..670"),
    ("answers.queue_limit", 1.5, "must be an integer"),
    ("receipts.states", {"DELIVRD": 0}, "a weight above 0"),
    ("receipts.states", {"LOST": 1}, "'DELIVRD'"),
    ("receipts.error", "1", "three digits"),
    ("receipts.data_coding", 256, "0..255"),
    ("receipts.tlvs", 1, "true or false"),
    ("link.refuse_bind", "0", "0x00000001..0xFFFFFFFF"),
    ("answers.lose_rates", 0.5, "did you mean 'answers.lose_rate'?"),
    ("answers.lose_rates", None, "is not a known fault"),
    ("", 0, "is not a known fault"),
]


@pytest.fixture
def hub(world: World) -> Hub:
    return watch(world.smsc)


@pytest.fixture
async def client(world: World, hub: Hub) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(world.smsc, hub) as client:
        yield client


async def put(client: httpx.AsyncClient, wanted: object) -> httpx.Response:
    """PUT /faults, NaN too, which httpx's own JSON refuses to write."""
    return await client.put("/faults", content=json.dumps(wanted))


async def shown(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/faults")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_all_faults_are_shown_with_what_they_mean_and_may_be(client: httpx.AsyncClient) -> None:
    found = await shown(client)
    assert found.keys() == {"values", "defaults", "overrides", "phase", "names"}
    assert found["values"].keys() == found["defaults"].keys() == found["names"].keys() == FAULTS.keys()
    assert found["values"] == found["defaults"] | {"receipts.delay": 2.5}  # what the scenario of the tests has
    assert (found["overrides"], found["phase"]) == ({}, "only")
    assert all(said["says"] and said["default"] == found["defaults"][name] for name, said in found["names"].items())
    assert found["names"]["answers.id_form"]["choices"] == [*IdSpelling]
    assert found["names"]["answers.lose_rate"]["choices"] == []


def test_the_other_values_are_other_values() -> None:
    assert [name for name, fault in FAULTS.items() if CHANGED[name] == fault.default] == []


@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_can_be_changed_and_taken_back(client: httpx.AsyncClient, name: str) -> None:
    before = await shown(client)
    answer = await put(client, {name: CHANGED[name]})
    assert answer.status_code == 200
    assert answer.json() == await shown(client)
    assert answer.json()["values"] == before["values"] | {name: CHANGED[name]}
    assert answer.json()["overrides"] == {name: CHANGED[name]}
    assert (await put(client, {name: None})).json() == before


async def test_all_faults_can_be_changed_at_once_and_each_is_taken_back_alone(client: httpx.AsyncClient) -> None:
    assert (await put(client, CHANGED)).json()["values"] == CHANGED
    found = (await put(client, {"answers.lose_rate": None, "link.cut_rate": None})).json()
    assert found["values"] == CHANGED | {"answers.lose_rate": 0.0, "link.cut_rate": 0.0}
    assert found["overrides"].keys() == CHANGED.keys() - {"answers.lose_rate", "link.cut_rate"}


@pytest.mark.parametrize(("name", "value", "words"), WRONG)
async def test_a_wrong_value_is_refused_with_what_is_allowed_and_nothing_is_changed(
    client: httpx.AsyncClient, name: str, value: object, words: str
) -> None:
    await put(client, {"answers.late_rate": 0.25})
    before = await shown(client)
    said = refused(await put(client, {"answers.late_rate": 0.5, name: value, "link.cut_rate": 0.5}), 400, "bad_fault")
    assert words in said
    assert name in said
    assert await shown(client) == before


@given(changes=st.dictionaries(st.sampled_from([*FAULTS]), st.booleans()), wrong=st.booleans())
def test_changes_are_made_all_or_none(changes: dict[str, bool], *, wrong: bool) -> None:
    wanted = {name: CHANGED[name] if given else None for name, given in changes.items()}

    async def run() -> None:
        smsc = make_smsc({"phases": [phase({})]})
        async with asking(smsc) as client:
            before = await shown(client)
            answer = await put(client, wanted | ({"link.slow_read": -1} if wrong else {}))
            after = await shown(client)
        if wrong:
            assert answer.status_code == 400
            assert after == before
        else:
            assert after["overrides"] == {name: CHANGED[name] for name, given in changes.items() if given}
            assert after["values"] == before["values"] | after["overrides"]

    trio.run(run)


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"null", b'{"a"'])
async def test_a_body_that_is_no_object_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    refused(await client.put("/faults", content=body), 400, "bad_request")


async def test_nothing_to_change_changes_nothing(client: httpx.AsyncClient) -> None:
    before = await shown(client)
    assert (await put(client, {})).json() == before


async def test_taking_all_back_leaves_what_the_scenario_says(client: httpx.AsyncClient) -> None:
    before = await shown(client)
    await put(client, CHANGED)
    answer = await client.delete("/faults")
    assert (answer.status_code, answer.json()) == (200, before)
    assert before["values"]["receipts.delay"] == 2.5


async def test_what_is_changed_is_what_esmes_meet(world: World, client: httpx.AsyncClient) -> None:
    esme = await world.bound()
    assert (await esme.submit(short_message=b"x")).status == Status.ROK
    await put(client, {"answers.statuses": {"RTHROTTLED": 1.0}, "link.refuse_bind": "RBINDFAIL"})
    assert (await esme.submit(short_message=b"x")).status == Status.RTHROTTLED
    assert await world.connect().bind() == BindRefused(Status.RBINDFAIL)
    await client.delete("/faults")
    assert (await esme.submit(short_message=b"x")).status == Status.ROK
    await world.bound()


async def test_the_phases_of_the_scenario_are_told_with_the_time_that_is_left(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    first = phase({"answers.lose_rate": 0.5}) | {"name": "bad", "lasts": 60.0}
    world = World(nursery, make_smsc({"title": "Two", "phases": [first, phase({}) | {"name": "good"}]}))
    async with asking(world.smsc) as client:
        found = (await client.get("/scenario")).json()
        assert (found["title"], found["phase"], found["next_in"]) == ("Two", "bad", pytest.approx(60.0))
        assert [each["name"] for each in found["phases"]] == ["bad", "good"]
        assert found["phases"][0]["answers"] == {"lose_rate": 0.5}
        assert (await shown(client))["values"]["answers.lose_rate"] == 0.5
        await trio.sleep(61)
        found = (await client.get("/scenario")).json()
        assert (found["phase"], found["next_in"]) == ("good", None)
        assert (await shown(client))["phase"] == "good"
        assert (await shown(client))["values"]["answers.lose_rate"] == 0.0


async def test_a_scenario_is_told_without_its_accounts(world: World) -> None:
    account = {"system_id": "bank", "password": "s3cret"}
    async with asking(make_smsc({"phases": [phase({})], "accounts": [account]})) as client:
        assert "s3cret" not in (await client.get("/scenario")).text


async def strike(client: httpx.AsyncClient, **wanted: Any) -> Any:  # noqa: ANN401  # JSON
    answer = await client.post("/faults/link", json=wanted)
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("fault", [each for each in LinkFault if each not in (LinkFault.HALF_OPEN, LinkFault.SLOW)])
async def test_a_link_fault_ends_the_connection_that_was_named_and_no_other(
    world: World, client: httpx.AsyncClient, autojump_clock: MockClock, fault: LinkFault
) -> None:
    spared, struck = await world.bound(), await world.bound()
    assert await strike(client, fault=fault, session=2) == {"struck": 1}
    if fault is LinkFault.CUT:  # in the middle of the next PDU that is sent
        struck.send_submit(short_message=b"x")
    await struck.wait_closed()
    assert bool(struck.seen_of(Unbind)) == (fault is LinkFault.UNBIND)
    assert spared.closed is None
    assert (await spared.submit(short_message=b"x")).status == Status.ROK


async def test_a_link_fault_without_a_session_strikes_all(world: World, client: httpx.AsyncClient) -> None:
    assert await strike(client, fault="close") == {"struck": 0}
    esmes = [await world.bound() for _ in range(3)]
    assert await strike(client, fault="close", session=None) == {"struck": 3}
    for esme in esmes:
        await esme.wait_closed()


async def test_a_half_open_connection_is_so_for_the_seconds_that_were_asked_for(
    world: World, client: httpx.AsyncClient, autojump_clock: MockClock
) -> None:
    esme = await world.bound()
    began = world.elapsed
    await strike(client, fault="half_open", seconds=7)
    await esme.submit(short_message=b"x")
    assert world.elapsed - began == pytest.approx(7)


@pytest.mark.parametrize("wanted", [{}, {"value": 50}])
async def test_a_slow_connection_is_read_no_faster_than_was_asked_for(
    world: World, client: httpx.AsyncClient, autojump_clock: MockClock, wanted: dict[str, int]
) -> None:
    esme = await world.bound()
    began = world.elapsed
    await strike(client, fault="slow", **wanted)
    await esme.submit(short_message=b"x" * 140)
    seconds = 140 / wanted.get("value", SLOW_OCTETS)
    assert seconds < world.elapsed - began < 2 * seconds
    await strike(client, fault="slow", value=0)
    began = world.elapsed
    await esme.submit(short_message=b"x" * 140)
    assert world.elapsed - began < seconds


@pytest.mark.parametrize("session", [2, 0, -1, 10**30, "1", [], {}, True, 1.0])
async def test_a_session_that_is_not_there_is_not_found(
    world: World, client: httpx.AsyncClient, session: object
) -> None:
    esme = await world.bound()
    refused(await client.post("/faults/link", json={"fault": "close", "session": session}), 404, "no_session")
    await wait_all_tasks_blocked()
    assert esme.closed is None


@pytest.mark.parametrize("fault", ["", "closed", 1, None, [], {}])
async def test_a_link_fault_that_is_none_is_refused_with_those_there_are(
    client: httpx.AsyncClient, fault: object
) -> None:
    said = refused(await client.post("/faults/link", json={"fault": fault}), 400, "bad_fault")
    assert all(each in said for each in LinkFault)


@pytest.mark.parametrize(
    "wrong", [{"seconds": -1}, {"seconds": "1"}, {"value": True}, {"value": 1e10}, {"seconds": []}, {"x": 1}]
)
async def test_a_measure_that_is_none_is_refused(
    world: World, client: httpx.AsyncClient, wrong: dict[str, object]
) -> None:
    refused(await client.post("/faults/link", json={"fault": "slow"} | wrong), 400, "bad_request")
    refused(await client.post("/faults/link", json=wrong), 400, "bad_request")
