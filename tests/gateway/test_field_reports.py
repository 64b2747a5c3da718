"""What hurt users of other gateways, by their public reports, and does not happen here."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gateway.message import Message
from protocol.constants import Status
from tests.gateway.builders import LONG, bind_table, message, opened, settle
from tests.gateway.carriers import Reply, Taken, receipt

THREE = (b"1", b"2", b"3")


async def test_a_missing_response_costs_neither_the_bind_nor_what_is_behind_it_nor_a_duplicate(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """jasmin#247, jasmin#564."""
    changes = {"carriers.alpha.response_timeout": 60.0, "carriers.alpha.unknown_grace": 300.0}
    async with opened(tmp_path, changes) as house:
        house.smsc.reply = lambda taken: None if taken is house.smsc.taken[0] else house.smsc.number(taken)
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", on_unknown="resend"), *(message(str(n)) for n in range(2, 9)))
        await house.wait_events(*["submitted"] * 7)
        assert trio.current_time() < 1.0
        await trio.sleep(300.0)
        assert [len(house.smsc.lines), len(house.smsc.taken)] == [1, 8]
        house.smsc.lines[0].answer(house.smsc.taken[0], message_id=b"late")
        events = await house.wait_events(*["submitted"] * 8)
        await trio.sleep(1000.0)
        assert [len(house.smsc.lines), len(house.smsc.taken)] == [1, 8]
    assert events[-1]["id"] == "1"
    assert "possible_duplicate" not in events[-1]


@pytest.mark.parametrize("status", [Status.RTHROTTLED, Status.RMSGQFUL, Status.RSYSERR, Status.RINVBNDSTS])
@pytest.mark.parametrize("restart", [False, True])
async def test_a_try_that_was_refused_for_the_moment_does_not_cost_the_receipt(
    tmp_path: Path, autojump_clock: MockClock, status: Status, restart: bool
) -> None:
    """jasmin#796: it forgot that a receipt was wanted."""
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: (status, b"") if restart or taken.at == 0.0 else house.smsc.number(taken)
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1"), message("2", receipt=False))
        await house.smsc.wait_taken(2)
        if not restart:
            await house.smsc.wait_taken(4)
        asked = [(taken.submit.destination_addr, taken.submit.registered_delivery) for taken in house.smsc.taken]
        assert [wanted for _, wanted in asked[:4]] == [1, 0, 1, 0][: len(asked)]
        house.crashed = restart
        if not restart:
            await house.wait_events("submitted", "submitted")
            house.smsc.lines[-1].deliver(receipt(str(len(house.smsc.taken) - 1).encode()))
            await house.wait_events("submitted", "submitted", "delivered")
    if restart:
        async with opened(tmp_path) as house:
            house.start_binds()
            await house.wait_events("submitted", "submitted")
            assert sorted(taken.submit.registered_delivery for taken in house.smsc.taken) == [0, 1]


@pytest.mark.parametrize("answers", [(2, 0, 1), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("receipts", [(0, 1, 2), (1, 2, 0), (2, 1, 0)])
async def test_every_part_has_its_own_id_and_receipt_in_whatever_order_they_come(
    tmp_path: Path, autojump_clock: MockClock, answers: tuple[int, ...], receipts: tuple[int, ...]
) -> None:
    """jasmin#1190, jasmin#789, jasmin#663, jasmin#1123, jasmin#1136."""
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: None
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", LONG))
        taken = await house.smsc.wait_taken(3)
        line = house.smsc.lines[0]
        for n in answers:
            line.answer(taken[n], message_id=THREE[n])
        await house.wait_events("submitted")
        for n in receipts[:2]:
            await line.answered(line.deliver(receipt(THREE[n])))
        [status] = await caller.look("status", "1")
        assert [part["carrier_id"] for part in status["parts"]] == ["1", "2", "3"]
        there = ["delivered" if n in receipts[:2] else "accepted" for n in range(3)]
        assert [part["state"] for part in status["parts"]] == there
        line.deliver(receipt(THREE[receipts[2]]))
        await house.wait_events("submitted", "delivered")


async def test_parts_that_a_cut_left_to_another_bind_are_one_message_and_receipts_find_them_over_any(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """jasmin#765: parts over two binds were never matched; jasmin#599: nor receipts over the other bind."""
    async with opened(tmp_path, {"carriers.alpha.binds": [bind_table(window=1), bind_table(window=1)]}) as house:

        def reply(taken: Taken) -> Reply:
            return house.smsc.number(taken) if taken.part == 1 or taken.bind else None

        house.smsc.reply = reply
        caller = await house.greet()
        first, second = house.gateway.fleet.binds
        house.nursery.start_soon(first.run)
        line = await house.smsc.wait_bound(0)
        await caller.submit(message("1", LONG, on_unknown="resend"))
        await house.smsc.wait_taken(2)
        house.nursery.start_soon(second.run)
        other = await house.smsc.wait_bound(1)
        await line.cut()
        await house.wait_events("submitted")
        parts = [(taken.bind, taken.part) for taken in house.smsc.taken]
        assert (parts[:2], {part for _, part in parts}) == ([(0, 1), (0, 2)], {1, 2, 3})
        assert len({taken.submit.short_message[3] for taken in house.smsc.taken}) == 1
        for n in (1, *(n for n, (bind, _) in enumerate(parts, 1) if bind)):
            other.deliver(receipt(str(n).encode()))
        await house.wait_events("submitted", "delivered")


async def test_after_the_disk_has_held_everything_up_all_goes_on_without_a_restart(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """jasmin#1162: after a hiccup of the broker submits were accepted and none was sent until the next start."""
    async with opened(tmp_path, {"gateway.lane_window": 4}) as house:
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        for start in range(0, 30, 10):
            house.disk.hold(after=1)
            house.disk.hold_reads()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(caller.submit, *(message(str(n)) for n in range(start, start + 10)))
                await trio.sleep(100.0)
                house.disk.release()
            await house.wait_events(*["submitted"] * (start + 10))
        assert len(house.smsc.taken) == 30
        line.deliver(receipt(b"1"))
        await house.wait(lambda: len(house.events) == 31)


async def test_a_burst_of_receipts_waits_for_a_client_that_is_away_and_none_goes_back_on_the_end(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """jasmin#706, ksmppd#94, vumi#991: lost or stuck in bursts; jasmin#729: "pending" came after "delivered"."""
    count = 200
    async with opened(tmp_path, {"gateway.outstanding": 10, "upstream.events_in_memory": 10}) as house:
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await caller.submit(*(message(str(n)) for n in range(count)))
        await house.wait(lambda: len(house.events) == count)
        await caller.close()
        for n in range(1, count + 1):
            line.deliver(receipt(str(n).encode()))
        for state in (b"DELIVRD", b"ENROUTE", b"ACCEPTD", b"UNDELIV"):
            for n in range(1, count + 1):
                line.deliver(receipt(str(n).encode(), state=state))
        await house.wait(lambda: len(house.events) == 2 * count)
        await settle()
        await trio.sleep(10.0)
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await caller.subscribe()
        events = [event for _, event in await caller.read_events(2 * count)]
        kinds = [[event["type"] for event in events if event["id"] == str(n)] for n in range(count)]
        assert kinds == [["submitted", "delivered"]] * count
        parts = [each["parts"][0]["state"] for each in await caller.look("status", *map(str, range(count)))]
        assert parts == ["delivered"] * count


async def test_while_no_bind_is_up_nothing_leaves_the_queue(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """jasmin#1079, jasmin#1036: one message was requeued 5,400 times in 12 minutes."""
    async with opened(tmp_path) as house:
        house.smsc.unreachable = True
        caller = await house.greet()
        house.start_binds()
        await caller.submit(*(message(str(n)) for n in range(5)))
        saved: list[object] = []
        save = house.store.save

        def note(each: Message) -> None:
            saved.append(each)
            save(each)

        monkeypatch.setattr(house.store, "save", note)
        await trio.sleep(720.0)
        assert (saved, house.core.lanes.waiting("alpha"), len(house.smsc.dialled) > 5) == ([], 5, True)
        states = await caller.look("status", *(str(n) for n in range(5)))
        assert [(each["state"], each["parts"]) for each in states] == [("waiting", [])] * 5
        house.smsc.unreachable = False
        await house.wait_events(*["submitted"] * 5)
    assert len(house.smsc.taken) == 5
    assert not any("possible_duplicate" in event for event in house.events)
