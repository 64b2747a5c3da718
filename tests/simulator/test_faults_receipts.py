"""Each fault of the receipts, as an ESME sees it on the wire."""

import re
from collections import Counter
from collections.abc import Callable
from math import inf

import pytest
import trio
from trio.testing import MockClock

from config.faults import ReceiptText
from protocol.constants import EsmClass, IdForm, MessageState, Tag
from protocol.operations import DataSm
from protocol.pdu import BindReceiver, BindTransmitter, DeliverSm, SubmitSmResp, find_tlv
from protocol.receipt import STATE_NAMES, candidates, is_intermediate, is_receipt
from protocol.times import receipt_date
from tests.simulator.shown import shows, shows_each
from tests.simulator.world import DELAY, EPOCH, Faults, World, id_of, read


@shows_each(
    ({"receipts.delay": 7.0}, (7.0, 7.0)),
    ({"receipts.delay": {"min": 1.0, "max": 4.0}}, (1.0, 4.0)),
    ({"receipts.delay": {"median": 2.0, "p99": 20.0}}, (0.001, inf)),
)
async def test_receipts_come_after_their_delay(
    world: World, autojump_clock: MockClock, expected: tuple[float, float]
) -> None:
    esme = await world.bound()
    await trio.sleep(3600)
    submitted = trio.current_time()
    ids = [id_of(await esme.submit()) for _ in range(20)]
    assert trio.current_time() == submitted
    receipts = [read(each) for each in await esme.wait_deliveries(20)]
    delays = [time - submitted for time in esme.times]
    assert all(expected[0] - 1e-6 <= delay <= expected[1] + 1e-6 for delay in delays)
    assert Counter(each.message_id for each in receipts) == Counter(ids)
    assert {each.submit_date for each in receipts} == {receipt_date(EPOCH + submitted)}
    assert [each.done_date for each in receipts] == [receipt_date(EPOCH + time) for time in esme.times]


@shows(
    *({"receipts.states": {name: 1.0}} for name in ("DELIVRD", "EXPIRED", "DELETED", "UNDELIV")),
    *({"receipts.states": {name: 1.0}} for name in ("ACCEPTD", "UNKNOWN", "REJECTD", "SKIPPED")),
    {"receipts.states": {"EXPIRED": 1.0}, "receipts.error": "042"},
)
async def test_a_receipt_says_the_state_and_the_error_in_text_and_in_parameters(
    world: World, autojump_clock: MockClock, faults: Faults
) -> None:
    esme = await world.bound()
    await esme.submit()
    [delivery] = await esme.wait_deliveries(1)
    [name] = faults["receipts.states"]
    receipt = read(delivery)
    assert isinstance(delivery, DeliverSm)
    assert (receipt.state_name, f"stat:{name} ".encode() in delivery.short_message) == (name, True)
    assert find_tlv(delivery.tlvs, Tag.MESSAGE_STATE) == bytes([receipt.state or 0])
    fine = name in ("DELIVRD", "ACCEPTD")
    assert receipt.error == ("000" if fine else faults.get("receipts.error", "001"))


@shows({"receipts.states": {"DELIVRD": 0.5, "UNDELIV": 0.5}})
async def test_states_come_as_often_as_they_weigh(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    for _ in range(100):
        await esme.submit()
    states = Counter(read(each).state_name for each in await esme.wait_deliveries(100))
    assert states.keys() == {"DELIVRD", "UNDELIV"}
    assert min(states.values()) >= 30


@shows({"receipts.missing_rate": 1.0}, {"receipts.missing_rate": 0.5})
async def test_a_missing_receipt_never_comes(world: World, autojump_clock: MockClock, faults: Faults) -> None:
    esme = await world.bound()
    for _ in range(50):
        await esme.submit()
    await trio.sleep(100)
    if faults["receipts.missing_rate"] == 1.0:
        assert esme.deliveries == []
    else:
        assert 10 <= len(esme.deliveries) <= 40


@pytest.mark.parametrize("more", [{}, {"answers.latency": 2.0}])
@shows({"receipts.early_rate": 1.0})
async def test_an_early_receipt_is_on_the_wire_before_its_answer(
    world: World, autojump_clock: MockClock, more: dict[str, float]
) -> None:
    for name, value in more.items():
        world.smsc.behaviour.override(name, value)
    esme = await world.bound()
    answer = await esme.submit()
    receipt, response = esme.seen_of(DeliverSm, SubmitSmResp)
    assert isinstance(receipt.pdu, DeliverSm)
    assert isinstance(response.pdu, SubmitSmResp)
    assert read(receipt.pdu).message_id == response.pdu.message_id.decode() == id_of(answer)
    assert receipt.time == world.began
    await trio.sleep(1000)
    assert len(esme.deliveries) == 1


@shows({"receipts.double_rate": 1.0})
async def test_a_doubled_receipt_comes_again_after_its_own_delay(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    await esme.submit()
    await trio.sleep(1000)
    first, second = esme.deliveries
    assert first == second
    assert [time - world.began for time in esme.times] == [pytest.approx(DELAY), pytest.approx(2 * DELAY)]


@shows({"receipts.reorder_rate": 0.5})
async def test_receipts_out_of_order_come_after_those_of_later_parts(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    ids = []
    for _ in range(20):
        ids.append(id_of(await esme.submit()))
        await trio.sleep(0.1)
    receipts = [read(each).message_id for each in await esme.wait_deliveries(20)]
    assert receipts != ids
    assert sorted(receipts) == sorted(ids)


@shows({"receipts.other_bind_rate": 1.0})
async def test_a_receipt_comes_over_another_bind_of_the_account_and_over_its_own_when_there_is_none(
    world: World, autojump_clock: MockClock
) -> None:
    stranger = await world.bound(system_id=b"other")
    esme = await world.bound()
    await esme.submit()
    await esme.wait_deliveries(1)
    transmitter, receiver = await world.bound(BindTransmitter), await world.bound(BindReceiver)
    for _ in range(5):
        await esme.submit()
    await receiver.wait_deliveries(5)
    assert (len(esme.deliveries), stranger.deliveries, transmitter.deliveries) == (1, [], [])


@shows({"receipts.intermediate_rate": 1.0})
async def test_a_notification_on_the_way_comes_before_the_receipt(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    answer = await esme.submit()
    notice, receipt = await esme.wait_deliveries(2)
    assert (is_intermediate(notice.esm_class), is_receipt(notice.esm_class)) == (True, False)
    assert (is_intermediate(receipt.esm_class), is_receipt(receipt.esm_class)) == (False, True)
    assert [read(each).state for each in (notice, receipt)] == [MessageState.ENROUTE, MessageState.DELIVERED]
    assert {read(each).message_id for each in (notice, receipt)} == {id_of(answer)}
    assert [time - world.began for time in esme.times] == [pytest.approx(DELAY / 2), pytest.approx(DELAY)]


@shows_each(
    ({"receipts.id_form": "same"}, lambda said: said),
    ({"receipts.id_form": "hex"}, lambda said: f"{int(said):x}"),
    ({"receipts.id_form": "HEX"}, lambda said: f"{int(said):X}"),
    ({"receipts.id_form": "padded"}, lambda said: said.zfill(16)),
    ({"receipts.id_form": "decimal", "answers.id_form": "hex"}, lambda said: str(int(said, 16))),
    ({"receipts.id_form": "stripped", "answers.id_form": "padded"}, lambda said: said.lstrip("0")),
)
async def test_a_receipt_spells_the_id_in_its_own_way_and_can_be_matched(
    world: World, autojump_clock: MockClock, expected: Callable[[str], str]
) -> None:
    esme = await world.bound()
    said = id_of(await esme.submit())
    [delivery] = await esme.wait_deliveries(1)
    spelled = read(delivery).message_id
    assert spelled == expected(said)
    assert find_tlv(delivery.tlvs, Tag.RECEIPTED_MESSAGE_ID) == spelled.encode() + b"\0"
    if len(spelled) <= 10:
        assert said in [each.spelling for each in candidates(spelled, IdForm.AUTO)]


_HEAD = "id:I sub:001 dlvrd:000 submit date:2311142213 done date:2311142213"
TEXTS = {
    ReceiptText.STANDARD: f"{_HEAD} stat:UNDELIV err:001 text:x",
    ReceiptText.CAPITAL_TEXT: f"{_HEAD} stat:UNDELIV err:001 Text:x",
    ReceiptText.SHORT: "id:I submit date:2311142213 done date:2311142213 stat:UNDELIV err:001 text:x",
    ReceiptText.LONG_DATES: (
        "id:I sub:001 dlvrd:000 submit date:231114221320 done date:231114221322 stat:UNDELIV err:001 text:x"
    ),
    ReceiptText.NO_TEXT: f"{_HEAD} stat:UNDELIV err:001",
    ReceiptText.FAILED: f"{_HEAD} stat:FAILED err:001 text:x",
}


@shows(*({"receipts.text": text.value, "receipts.states": {"UNDELIV": 1.0}, "receipts.tlvs": False} for text in TEXTS))
async def test_each_text_is_written_to_the_letter_and_read_back_from_it_alone(
    world: World, autojump_clock: MockClock, faults: Faults
) -> None:
    esme = await world.bound()
    answer = await esme.submit(short_message=b"x")
    [delivery] = await esme.wait_deliveries(1)
    assert isinstance(delivery, DeliverSm)
    assert delivery.tlvs == ()
    kind = ReceiptText(faults["receipts.text"])
    assert delivery.short_message.decode("ascii") == TEXTS[kind].replace("I", id_of(answer), 1)
    receipt = read(delivery)
    assert (receipt.message_id, receipt.state) == (id_of(answer), MessageState.UNDELIVERABLE)
    assert (receipt.error, receipt.final) == ("001", True)
    assert receipt.submit_date == re.search("submit date:([0-9]+)", TEXTS[kind])[1]  # type: ignore[index]  # it is there


@shows({"receipts.text": "utf16", "receipts.tlvs": False})
async def test_a_text_of_utf16_says_so_and_is_read_back(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    answer = await esme.submit(short_message=b"x")
    [delivery] = await esme.wait_deliveries(1)
    assert isinstance(delivery, DeliverSm)
    assert (delivery.data_coding, delivery.short_message[:6]) == (8, "id:".encode("utf-16-be"))
    receipt = read(delivery)
    assert (receipt.message_id, receipt.state) == (id_of(answer), MessageState.DELIVERED)


@shows({"receipts.text": "empty"}, {"receipts.text": "empty", "receipts.tlvs": False})
async def test_a_receipt_without_text_has_parameters_whatever_else_was_asked(
    world: World, autojump_clock: MockClock
) -> None:
    esme = await world.bound()
    answer = await esme.submit()
    [delivery] = await esme.wait_deliveries(1)
    assert isinstance(delivery, DeliverSm)
    assert delivery.short_message == b""
    assert delivery.tlvs == (
        (Tag.RECEIPTED_MESSAGE_ID, id_of(answer).encode() + b"\0"),
        (Tag.MESSAGE_STATE, bytes([MessageState.DELIVERED])),
    )


@shows_each(({"receipts.tlvs": True}, 2), ({"receipts.tlvs": False}, 0))
async def test_a_receipt_has_parameters_or_has_none(world: World, autojump_clock: MockClock, expected: int) -> None:
    esme = await world.bound()
    await esme.submit()
    assert [len(each.tlvs) for each in await esme.wait_deliveries(1)] == [expected]


@shows({"receipts.data_coding": 8}, {"receipts.data_coding": 0x15})
async def test_a_receipt_may_say_another_coding_of_its_ascii(
    world: World, autojump_clock: MockClock, faults: Faults
) -> None:
    esme = await world.bound()
    answer = await esme.submit()
    [delivery] = await esme.wait_deliveries(1)
    assert isinstance(delivery, DeliverSm)
    assert delivery.data_coding == faults["receipts.data_coding"]
    assert delivery.short_message.isascii()
    assert read(delivery).message_id == id_of(answer)


@shows({"receipts.by_data_sm": True}, {"receipts.by_data_sm": True, "receipts.text": "empty"})
async def test_a_receipt_may_be_a_data_sm(world: World, autojump_clock: MockClock, faults: Faults) -> None:
    esme = await world.bound()
    answer = await esme.submit(source_addr=b"0005")
    [delivery] = await esme.wait_deliveries(1)
    assert isinstance(delivery, DataSm)
    assert (delivery.source_addr, delivery.destination_addr) == (b"819012345678", b"0005")
    assert delivery.esm_class == EsmClass.RECEIPT
    assert (find_tlv(delivery.tlvs, Tag.MESSAGE_PAYLOAD) is None) == ("receipts.text" in faults)
    assert read(delivery).message_id == id_of(answer)
    await trio.sleep(1000)
    assert (world.smsc.outbox.receipts.delivered, len(esme.deliveries)) == (1, 1)


async def test_no_receipt_comes_unasked(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    await esme.submit(registered_delivery=0)
    await trio.sleep(1000)
    assert esme.deliveries == []


def test_every_text_is_one_that_is_tested() -> None:
    assert TEXTS.keys() | {ReceiptText.UTF16, ReceiptText.EMPTY} == set(ReceiptText)
    assert STATE_NAMES[MessageState.UNDELIVERABLE] == "UNDELIV"
