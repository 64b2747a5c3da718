"""Each fault of the answers, as an ESME sees it on the wire."""

import re
from math import inf

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from protocol.constants import Status
from protocol.events import Answered, Unanswered
from protocol.pdu import DeliverSm, SubmitSmResp
from protocol.session import Limits
from tests.simulator.shown import shows, shows_each
from tests.simulator.world import DELAY, Faults, World, id_of, make_smsc, phase, read


async def test_a_friendly_smsc_answers_at_once_in_order_and_once(world: World, autojump_clock: MockClock) -> None:
    esme = await world.bound()
    sequences = [esme.send_submit() for _ in range(20)]
    await trio.sleep(1000)
    answers = esme.seen_of(SubmitSmResp)
    assert [(each.sequence, each.status, each.time) for each in answers] == [
        (sequence, Status.ROK, world.began) for sequence in sequences
    ]


@shows_each(
    ({"answers.latency": 3.0}, (3.0, 3.0)),
    ({"answers.latency": {"min": 1.0, "max": 4.0}}, (1.0, 4.0)),
    ({"answers.latency": {"median": 2.0, "p99": 20.0}}, (0.001, inf)),
)
async def test_answers_come_after_their_latency(
    world: World, autojump_clock: MockClock, expected: tuple[float, float]
) -> None:
    esme = await world.bound()
    sequences = [esme.send_submit() for _ in range(20)]
    await esme.wait(lambda: len(esme.seen_of(SubmitSmResp)) == 20)
    times = [each.time - world.began for each in esme.seen_of(SubmitSmResp)]
    assert all(expected[0] - 1e-6 <= time <= expected[1] + 1e-6 for time in times)
    assert len(set(times)) == (1 if expected == (3.0, 3.0) else 20)
    assert {each.sequence for each in esme.seen_of(SubmitSmResp)} == set(sequences)


async def test_a_latency_of_its_own_lets_answers_overtake_each_other(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = World(nursery, make_smsc({"phases": [phase({"answers.latency": {"min": 0.0, "max": 9.0}})]}))
    esme = await world.bound()
    sequences = [esme.send_submit() for _ in range(20)]
    await trio.sleep(10)
    answered = [each.sequence for each in esme.seen_of(SubmitSmResp)]
    assert answered != sequences
    assert sorted(answered) == sequences


@shows({"answers.lose_rate": 1.0})
async def test_a_lost_answer_never_comes_but_its_part_was_taken_and_gets_its_receipt(
    world: World, autojump_clock: MockClock
) -> None:
    esme = await world.bound()
    sequence = esme.send_submit()
    assert await esme.outcome(sequence) == Unanswered(None, sequence)
    await trio.sleep(1000)
    assert esme.seen_of(SubmitSmResp) == []
    [row] = await world.rows()
    assert [read(receipt).message_id for receipt in esme.deliveries] == [row["message_id"]]


@shows({"answers.late_rate": 1.0, "answers.late_by": 90.0, "answers.latency": 1.0}, {"answers.late_rate": 1.0})
async def test_a_late_answer_comes_so_many_seconds_late(
    world: World, autojump_clock: MockClock, faults: Faults
) -> None:
    esme = await world.bound(limits=Limits(response_timeout=30.0))
    sequence = esme.send_submit()
    late = faults.get("answers.late_by", 60.0) + faults.get("answers.latency", 0.0)
    await esme.wait(lambda: bool(esme.seen_of(SubmitSmResp)))
    assert world.elapsed == pytest.approx(late)
    await wait_all_tasks_blocked()
    assert [answer.sequence_number for answer in esme.late] == [sequence]


@shows({"answers.double_rate": 1.0}, {"answers.double_rate": 1.0, "answers.latency": 2.0})
async def test_a_doubled_answer_comes_twice_at_its_time_and_its_receipt_once(
    world: World, autojump_clock: MockClock, faults: Faults
) -> None:
    esme = await world.bound()
    sequences = [esme.send_submit() for _ in range(3)]
    await trio.sleep(1000)
    answers = esme.seen_of(SubmitSmResp)
    assert [each.sequence for each in answers] == [sequence for sequence in sequences for _ in range(2)]
    assert [each.pdu for each in answers[::2]] == [each.pdu for each in answers[1::2]]
    assert {each.time - world.began for each in answers} == {faults.get("answers.latency", 0.0)}
    assert len(esme.deliveries) == 3


@shows(
    {"answers.reorder_rate": 1.0},
    {"answers.reorder_rate": 1.0, "answers.latency": 2.0},
    {"answers.reorder_rate": 1.0, "answers.double_rate": 1.0},
)
async def test_an_answer_out_of_order_comes_after_the_next_one(
    world: World, autojump_clock: MockClock, faults: Faults
) -> None:
    esme = await world.bound()
    first, second, third, fourth, fifth = (esme.send_submit() for _ in range(5))
    await trio.sleep(30)
    order = [each.sequence for each in esme.seen_of(SubmitSmResp)]
    copies = 2 if "answers.double_rate" in faults else 1
    assert [order.count(each) for each in (first, second, third, fourth)] == [copies] * 4
    assert order.index(second) < order.index(first) < order.index(fourth) < order.index(third)
    assert fifth not in order
    sixth = esme.send_submit()
    await trio.sleep(30)
    order = [each.sequence for each in esme.seen_of(SubmitSmResp)]
    assert order.index(third) < order.index(sixth) < order.index(fifth)


@pytest.mark.parametrize("latency", [0.0, 2.0])
async def test_whatever_the_latency_an_answer_out_of_order_comes_with_the_next_one(
    nursery: trio.Nursery, autojump_clock: MockClock, latency: float
) -> None:
    world = World(nursery, make_smsc({"phases": [phase({"answers.latency": latency})]}))
    esme = await world.bound()
    before = esme.send_submit()
    await trio.sleep(1)
    world.smsc.behaviour.override("answers.reorder_rate", 1.0)
    held = esme.send_submit()
    await trio.sleep(0.5)
    world.smsc.behaviour.clear()
    after = esme.send_submit()
    await trio.sleep(10)
    answers = esme.seen_of(SubmitSmResp)
    assert [each.sequence for each in answers] == [before, after, held]
    assert [each.time - world.began - latency for each in answers] == [pytest.approx(due) for due in (0.0, 1.5, 1.5)]


@shows_each(
    ({"answers.statuses": {"RSYSERR": 1.0}}, {Status.RSYSERR}),
    ({"answers.statuses": {"0x0000040A": 1.0}}, {0x40A}),
    ({"answers.statuses": {"RTHROTTLED": 0.3, "1025": 0.3}}, {Status.RTHROTTLED, 1025, Status.ROK}),
)
async def test_errors_come_at_their_rates_and_what_is_refused_leaves_no_trace(
    world: World, autojump_clock: MockClock, expected: set[int]
) -> None:
    esme = await world.bound()
    statuses = [(await esme.submit()).status for _ in range(100)]
    assert set(statuses) == expected
    if len(expected) > 1:
        assert all(15 <= statuses.count(status) <= 55 for status in expected)
    taken = statuses.count(Status.ROK)
    assert len(await world.rows()) == taken
    assert len(await esme.wait_deliveries(taken)) == taken
    assert [(each.taken, each.refused) for each in world.connections] == [(taken, 100 - taken)]


@shows_each(
    ({"answers.parts_per_second": 5.0}, Status.RTHROTTLED),
    ({"answers.parts_per_second": 5.0, "answers.throttle_status": "RMSGQFUL"}, Status.RMSGQFUL),
    ({"answers.parts_per_second": 5.0, "answers.throttle_status": "0x455"}, 0x455),
)
async def test_above_its_parts_per_second_a_bind_is_throttled_until_it_has_waited(
    world: World, autojump_clock: MockClock, expected: int
) -> None:
    esme = await world.bound()
    assert [(await esme.submit()).status for _ in range(7)] == [0] * 5 + [expected] * 2
    await trio.sleep(0.4)
    assert [(await esme.submit()).status for _ in range(3)] == [0, 0, expected]
    assert len(await world.rows()) == 7


@shows_each(
    ({"answers.parts_per_second": 3.0, "answers.throttle_per": "bind"}, [0, 0, 0]),
    ({"answers.parts_per_second": 3.0, "answers.throttle_per": "account"}, [Status.RTHROTTLED] * 3),
)
async def test_the_binds_of_an_account_share_its_limit_or_do_not(
    world: World, autojump_clock: MockClock, expected: list[int]
) -> None:
    first, second, stranger = [await world.bound(system_id=name) for name in (b"one", b"one", b"two")]
    for esme, statuses in ((first, [0, 0, 0]), (second, expected), (stranger, [0, 0, 0])):
        assert [(await esme.submit()).status for _ in range(3)] == statuses


@shows({"answers.queue_limit": 3})
async def test_above_the_queue_limit_parts_are_refused_until_others_have_ended(
    world: World, autojump_clock: MockClock
) -> None:
    esme = await world.bound()
    assert [(await esme.submit()).status for _ in range(5)] == [0, 0, 0, Status.RMSGQFUL, Status.RMSGQFUL]
    await trio.sleep(DELAY)
    assert (await esme.submit(registered_delivery=0)).status == 0


@shows_each(
    ({"answers.id_form": "decimal"}, "[1-9][0-9]{9}"),
    ({"answers.id_form": "hex"}, "[0-9a-f]{1,9}"),
    ({"answers.id_form": "HEX"}, "[0-9A-F]{1,9}"),
    ({"answers.id_form": "padded"}, "0[0-9A-F]{9}"),
    ({"answers.id_form": "uuid"}, "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
)
async def test_an_id_is_spelled_as_was_asked_for_and_its_receipt_says_the_same(
    world: World, autojump_clock: MockClock, expected: str
) -> None:
    esme = await world.bound()
    ids = [id_of(await esme.submit()) for _ in range(20)]
    assert all(re.fullmatch(expected, each) for each in ids)
    assert len(set(ids)) == 20
    assert [read(each).message_id for each in await esme.wait_deliveries(20)] == ids


@shows(
    {"answers.short_charset": "shift_jis"},
    {"answers.short_charset": "cp932", "answers.short_units": 5, "answers.short_status": "0x0000045F"},
)
async def test_a_short_text_that_the_carrier_cannot_write_is_refused_and_a_long_one_is_not(
    world: World, autojump_clock: MockClock, faults: Faults
) -> None:
    esme = await world.bound()

    async def status_of(text: str) -> int:
        return (await esme.submit(data_coding=8, short_message=text.encode("utf-16-be"))).status

    assert await status_of("電報") == 0
    assert await status_of("\N{WAVE DASH}😀") == int(str(faults.get("answers.short_status", "0x400")), 0)
    assert await status_of("①") == (0x400 if faults["answers.short_charset"] == "shift_jis" else 0)
    long = "😀" * 4
    assert await status_of(long) == (0 if "answers.short_units" in faults else 0x400)


async def test_an_answer_that_is_due_after_the_esme_has_gone_is_dropped(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = World(nursery, make_smsc({"phases": [phase({"answers.latency": 5.0})]}))
    esme = await world.bound(limits=Limits(window=1000, response_timeout=1.0))
    esme.send_submit()
    await trio.sleep(1)
    esme.link.close("gone")
    other = await world.bound()
    await trio.sleep(30)
    assert other.seen_of(SubmitSmResp) == []
    assert len(other.seen_of(DeliverSm)) == 1
    assert isinstance(await other.submit(), Answered)
