import json
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from protocol.constants import Coding, Concatenation, EsmClass
from protocol.joining import Joiner, read_sar, split_udh
from protocol.pdu import BindTransmitter, DeliverSm
from protocol.text import coding_of
from simulator.cli import watch
from simulator.control import MAX_LIMIT
from simulator.live import MAX_WATCHERS, Hub
from tests.simulator.asking import MO, PHONE, Watching, asking, refused
from tests.simulator.esme import Esme
from tests.simulator.taken import TEXT, submits
from tests.simulator.world import DELAY, EPOCH, World, id_of, make_smsc, phase

REPLY: Final = "ご注文の件ですが、お届け日を来週の水曜日に変更していただけますか🙏 よろしくお願いします。" * 4


@pytest.fixture
def hub(world: World) -> Hub:
    return watch(world.smsc)


@pytest.fixture
async def client(world: World, hub: Hub) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(world.smsc, hub) as client:
        yield client


async def submit_long(esme: Esme, text: str = TEXT, reference: int = 7) -> list[str]:
    """Submit the parts of a long text; returns their ids."""
    made = submits(text, reference)
    answers = [await esme.outcome(esme.send(each)) for each in made]
    return [id_of(answer) for answer in answers]


async def test_the_summary_counts_parts_messages_sessions_and_deliveries(
    world: World, autojump_clock: MockClock, client: httpx.AsyncClient
) -> None:
    esme = await world.bound()
    ids = await submit_long(esme)
    await esme.submit(short_message=b"x")
    await client.post("/mo", json=MO)
    await esme.wait_deliveries(2)  # what the handset sent, and the one receipt that was asked for
    await trio.sleep(DELAY)
    assert (await client.get("/summary")).json() == {
        "parts": len(ids) + 1,
        "messages": 2,
        "forgotten": 0,
        "sessions": 1,
        "receipts": {"pending": 0, "delivered": 1, "given_up": 0},
        "incoming": {"pending": 0, "delivered": 1, "given_up": 0},
    }


async def test_the_report_has_the_figures_of_all_that_was_taken(world: World, client: httpx.AsyncClient) -> None:
    esme = await world.bound()
    ids = await submit_long(esme)
    found = (await client.get("/report")).json()
    assert found["parts_per_message"] == {str(len(ids)): 1}
    assert found["accounts"] == {"denpo": len(ids)}
    assert found["messages_waiting"] == 0


async def test_a_session_says_who_it_is_and_what_it_did(world: World, client: httpx.AsyncClient) -> None:
    esme = await world.bound(cls=BindTransmitter, system_id=b"bank")
    await esme.submit(short_message=b"x")
    await esme.submit(b"no digits")
    world.connect()
    await wait_all_tasks_blocked()
    bound, unbound = (await client.get("/sessions")).json()
    said = {name: bound[name] for name in ("session", "system_id", "type", "state", "taken", "refused")}
    expected = {"session": 1, "system_id": "bank", "type": "transmitter", "state": "bound_tx", "taken": 1, "refused": 1}
    assert said == expected
    assert (unbound["session"], unbound["type"], unbound["state"]) == (2, "", "open")


async def test_a_session_says_how_many_parts_it_takes_a_second(
    world: World, autojump_clock: MockClock, client: httpx.AsyncClient
) -> None:
    esme = await world.bound()
    for _ in range(100):
        await esme.submit(short_message=b"x")
        await trio.sleep(0.1)
    assert 9.0 <= (await client.get("/sessions")).json()[0]["rate"] <= 11.0
    await trio.sleep(60.0)
    assert (await client.get("/sessions")).json()[0]["rate"] == 0.0


async def test_deleting_the_ledger_forgets_what_handsets_sent_too(
    world: World, autojump_clock: MockClock, client: httpx.AsyncClient
) -> None:
    await world.bound()
    await client.post("/mo", json=MO)
    assert len((await client.get("/conversations")).json()) == 1
    await client.delete("/ledger")
    assert (await client.get("/conversations")).json() == []
    assert (await client.get(f"/conversations/{MO['from']}")).json()["messages"] == []


async def test_conversations_are_the_handsets_heard_of_last(
    world: World, autojump_clock: MockClock, client: httpx.AsyncClient
) -> None:
    esme = await world.bound()
    for n in range(5):
        await esme.submit(b"8190%d" % n, short_message=b"text %d" % n)
        await trio.sleep(1)
    await client.post("/mo", json=MO | {"from": "+81902"})
    found = (await client.get("/conversations", params={"limit": 3})).json()
    assert [phone["number"] for phone in found] == ["81902", "81904", "81903"]
    assert [phone["newest"] for phone in found] == [MO["text"], "text 4", "text 3"]
    assert found[0]["at"] == pytest.approx(found[1]["at"] + 1)


async def test_a_conversation_has_each_long_text_whole_with_its_parts_in_order(
    world: World, client: httpx.AsyncClient
) -> None:
    esme = await world.bound()
    made = submits()
    answers = [await esme.outcome(esme.send(each)) for each in reversed(made)]
    found = (await client.get(f"/conversations/{PHONE}")).json()
    [message] = found["messages"]
    assert (found["number"], message["text"], message["complete"]) == (PHONE, TEXT, True)
    assert (message["direction"], message["other"], message["verdicts"]) == ("to_phone", "0005123456", [])
    assert message["at"] == pytest.approx(EPOCH + world.began)
    shown = [(each["message_id"], each["number"], each["total"], each["octets"]) for each in message["parts"]]
    assert shown == [
        (id_of(answer), number, len(made), submit.short_message.hex())
        for number, submit, answer in zip(range(1, len(made) + 1), made, reversed(answers), strict=True)
    ]
    assert {each["reference"] for each in message["parts"]} == {7}
    assert all(each["udh"] == each["octets"][:12] for each in message["parts"])


async def test_the_state_of_a_part_is_enroute_until_its_time_has_come(
    world: World, autojump_clock: MockClock, client: httpx.AsyncClient
) -> None:
    esme = await world.bound()
    await esme.submit(short_message=b"x")

    async def state() -> Any:  # noqa: ANN401  # JSON
        return (await client.get(f"/conversations/{PHONE}")).json()["messages"][0]["parts"][0]["state"]

    assert await state() == "ENROUTE"
    await esme.wait_deliveries(1)
    assert await state() == "DELIVRD"


async def test_both_directions_of_a_conversation_are_in_the_order_of_time(
    world: World, autojump_clock: MockClock, client: httpx.AsyncClient
) -> None:
    esme = await world.bound()
    for n in range(3):
        await esme.submit(short_message=b"question %d" % n, source_addr=b"0005123456")
        await trio.sleep(1)
        await client.post("/mo", json=MO | {"text": f"答え{n}"})
        await client.post("/mo", json=MO | {"from": "1", "text": "another's"})
        await trio.sleep(1)
    found = (await client.get(f"/conversations/{PHONE}", params={"limit": 3})).json()["messages"]
    assert [(message["direction"], message["text"]) for message in found] == [
        ("from_phone", "答え1"),
        ("to_phone", "question 2"),
        ("from_phone", "答え2"),
    ]
    assert {message["other"] for message in found} == {"0005123456"}


async def test_an_unknown_number_has_an_empty_conversation(client: httpx.AsyncClient) -> None:
    answer = await client.get("/conversations/1%202")
    assert (answer.status_code, answer.json()) == (200, {"number": "1 2", "messages": []})


@pytest.mark.parametrize("path", ["/conversations", f"/conversations/{PHONE}"])
async def test_a_limit_of_conversations_is_a_number_and_counts_from_1_to_a_bound(
    world: World, client: httpx.AsyncClient, path: str
) -> None:
    esme = await world.bound()
    for n in range(2):
        await esme.submit(b"%d" % n, short_message=b"x")
        await esme.submit(short_message=b"%d" % n)
    refused(await client.get(path, params={"limit": "x"}), 400, "bad_request")

    async def found(limit: int) -> int:
        got = (await client.get(path, params={"limit": limit})).json()
        return len(got if isinstance(got, list) else got["messages"])

    assert [await found(limit) for limit in (0, 1)] == [1, 1]
    assert await found(10**18 - 1) == await found(MAX_LIMIT) > 1


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
        (json.dumps(MO | {"to": "+"}), "bad_request"),
        (json.dumps(MO | {"system_id": "電報"}), "bad_request"),
        (json.dumps(MO | {"system_id": 1}), "bad_request"),
        (json.dumps(MO | {"coding": "morse"}), "bad_request"),
        (json.dumps(MO | {"concatenation": 8}), "bad_request"),
        (json.dumps(MO | {"shuffle": "yes"}), "bad_request"),
        (json.dumps(MO | {"text": " "}), "empty_text"),
        (json.dumps(MO | {"text": "\ud83d"}), "bad_text"),
        (json.dumps(MO | {"text": "あ" * 20_000}), "too_long"),
        (json.dumps(MO | {"coding": "latin1"}), "charset"),
    ],
)
async def test_a_message_that_cannot_be_sent_is_refused_with_the_reason(
    world: World, client: httpx.AsyncClient, body: str, error: str
) -> None:
    await world.bound()
    refused(await client.post("/mo", content=body), 400, error)
    assert (await client.get("/conversations")).json() == []


async def test_words_that_are_not_known_are_refused_with_those_there_are(client: httpx.AsyncClient) -> None:
    said = refused(await client.post("/mo", json=MO | {"coding": "morse"}), 400, "bad_request")
    assert all(coding in said for coding in Coding)
    said = refused(await client.post("/mo", json=MO | {"txt": "x"}), 400, "bad_request")
    assert "did you mean text?" in said


async def test_a_message_nobody_can_take_is_a_conflict(world: World, client: httpx.AsyncClient) -> None:
    refused(await client.post("/mo", json=MO), 409, "no_receiver")
    await world.bound(cls=BindTransmitter)
    refused(await client.post("/mo", json=MO), 409, "no_receiver")
    await world.bound(system_id=b"bank")
    assert "system_id" in refused(await client.post("/mo", json=MO | {"system_id": "shop"}), 409, "no_receiver")
    assert (await client.get("/conversations")).json() == []


async def test_a_message_for_which_there_is_no_room_is_refused(nursery: trio.Nursery) -> None:
    world = World(nursery, make_smsc({"phases": [phase({})]}, max_pending=0))
    await world.bound()
    async with asking(world.smsc) as client:
        refused(await client.post("/mo", json=MO), 503, "full")


async def test_a_message_goes_to_the_account_that_was_asked_for(world: World, client: httpx.AsyncClient) -> None:
    bank, shop = await world.bound(system_id=b"bank"), await world.bound(system_id=b"shop")
    answer = await client.post("/mo", json=MO | {"system_id": "shop"})
    assert (answer.status_code, answer.json()) == (202, {"parts": 1})
    await shop.wait_deliveries(1)
    assert bank.deliveries == []
    assert (await client.post("/mo", json=MO | {"system_id": None})).status_code == 202
    await bank.wait_deliveries(1)


@pytest.mark.parametrize("concatenation", [Concatenation.UDH8, Concatenation.UDH16, Concatenation.SAR])
@pytest.mark.parametrize("shuffle", [False, True])
async def test_a_long_text_from_a_handset_comes_in_parts_that_join(
    world: World, client: httpx.AsyncClient, concatenation: Concatenation, *, shuffle: bool
) -> None:
    esme = await world.bound()
    answer = await client.post("/mo", json=MO | {"text": REPLY, "concatenation": concatenation, "shuffle": shuffle})
    count = answer.json()["parts"]
    joiner, whole, order = Joiner[bytes](60.0, 1), None, []
    for delivery in await esme.wait_deliveries(count):
        assert isinstance(delivery, DeliverSm)
        assert bool(delivery.esm_class & EsmClass.UDHI) == (concatenation is not Concatenation.SAR)
        concat, body = split_udh(delivery.short_message, delivery.esm_class)
        concat = concat or read_sar(delivery.tlvs)
        assert concat
        order.append(concat.number)
        whole = joiner.add("key", concat, body, 0.0)
    assert whole
    assert "".join([body.decode("utf-16-be") for body in whole]) == REPLY
    assert shuffle or order == sorted(order)


@pytest.mark.parametrize(
    ("coding", "text"), [("latin1", "Déjà vu"), ("gsm7", "Hello €"), ("ucs2", "Hello"), ("cp932", "電報")]
)
async def test_a_text_from_a_handset_has_the_coding_that_was_asked_for(
    world: World, client: httpx.AsyncClient, coding: str, text: str
) -> None:
    esme = await world.bound()
    assert (await client.post("/mo", json=MO | {"text": text, "coding": coding})).status_code == 202
    [delivery] = await esme.wait_deliveries(1)
    assert isinstance(delivery, DeliverSm)
    assert coding == "cp932" or coding_of(delivery.data_coding) == coding
    assert len(delivery.short_message) == {"latin1": 7, "gsm7": 8, "ucs2": 10, "cp932": 4}[coding]
    [message] = (await client.get(f"/conversations/{PHONE}")).json()["messages"]
    assert (message["direction"], message["text"]) == ("from_phone", text)


async def test_what_happens_is_told_to_those_who_watch(
    world: World, autojump_clock: MockClock, hub: Hub, client: httpx.AsyncClient, nursery: trio.Nursery
) -> None:
    watching = Watching(world.smsc, hub)
    await nursery.start(watching.run)
    esme = await world.bound()
    await esme.submit(short_message=b"x", source_addr=b"0005123456")
    assert await watching.of("part") == [{"index": 0, "session": 1, "number": PHONE, "other": "0005123456"}]
    await esme.wait_deliveries(1)
    await watching.of("receipt")
    await client.post("/mo", json=MO)
    assert await watching.of("mo") == [{"number": PHONE, "other": "0005123456", "parts": 1}]
    await client.put("/faults", json={"answers.late_rate": 0.5})
    await client.delete("/faults")
    await watching.of("faults", 2)
    esme.link.close("done")
    told = await watching.of("session", 2)
    assert [(fields["session"], fields["state"]) for fields in told] == [(1, "bound_trx"), (1, "closed")]
    assert watching.fields("pdu") == []
    assert watching.status == 200


async def test_pdus_are_told_to_those_who_ask_for_them(
    world: World, autojump_clock: MockClock, hub: Hub, nursery: trio.Nursery
) -> None:
    watching, other = Watching(world.smsc, hub, b"pdus=1"), Watching(world.smsc, hub, b"pdus=0")
    await nursery.start(watching.run)
    await nursery.start(other.run)
    await world.bound()
    told = await watching.of("pdu", 2)
    assert [(fields["direction"], fields["name"]) for fields in told] == [
        ("received", "bind_transceiver"),
        ("sent", "bind_transceiver_resp"),
    ]
    await other.of("session")
    assert other.fields("pdu") == []


async def test_watching_ends_when_the_watcher_leaves_or_the_hub_stops(
    world: World, hub: Hub, nursery: trio.Nursery
) -> None:
    one, other = Watching(world.smsc, hub), Watching(world.smsc, hub)
    await nursery.start(one.run)
    await nursery.start(other.run)
    one.leave.set()
    await one.ended.wait()
    hub.stop()
    await other.ended.wait()
    assert not hub.wants("part")


async def test_only_so_many_may_watch(hub: Hub, client: httpx.AsyncClient) -> None:
    watchers = [hub.watch(pdus=False).__enter__() for _ in range(MAX_WATCHERS)]
    refused(await client.get("/events"), 503, "full")
    watchers[0].__exit__()
    assert not hub.full


@pytest.mark.parametrize("origin", ["http://evil.example", "http://simulator:8080", "null", "nonsense"])
async def test_a_page_of_another_site_may_hand_in_nothing(world: World, client: httpx.AsyncClient, origin: str) -> None:
    await world.bound()
    for path, body in (("/mo", MO), ("/faults/link", {"fault": "close"})):
        refused(await client.post(path, json=body, headers={"origin": origin}), 403, "cross_site")
    assert (await client.post("/mo", json=MO, headers={"origin": "http://simulator"})).status_code == 202
