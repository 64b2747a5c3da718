"""A defect of ours ends what it strikes, is told by its kind and place, and leaves the rest alone."""

import sqlite3
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from gateway.bind import Bind
from gateway.carrier import Carrier
from gateway.defects import keep_running, report
from gateway.forms import Forms
from gateway.ladders import Cause
from gateway.lanes import Lanes
from gateway.message import Part
from gateway.metrics import Counts
from gateway.pump import Pump
from gateway.runs import RunSettler
from protocol.session import Session
from tests.gateway.builders import House, bind_table, message, opened, settle
from tests.gateway.carriers import Taken, receipt

SECRET_TEXT: Final = "暗証番号は4649です"


class Breakage(Exception):
    """What no code of ours raises."""


def broken(times: int, works: Callable[..., Any]) -> Callable[..., Any]:
    """A function that raises so many times, with what must never be told, and then works."""
    left = times

    def work(*arguments: Any, **more: Any) -> Any:  # noqa: ANN401  # stands in for any
        nonlocal left
        left -= 1
        if left >= 0:
            raise Breakage(SECRET_TEXT, "819012345678")
        return works(*arguments, **more)

    return work


def defects(house: House) -> list[Any]:
    return [each for each in house.log if each["event"] == "defect"]


async def test_a_defect_in_one_bind_makes_it_anew_and_leaves_the_others(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: dict[str, object] = {
        "carriers.beta": {"parts_per_second": 0, "binds": [bind_table()]},
        "routes": [{"carriers": ["beta"], "senders": ["beta"]}, {"carriers": ["alpha"]}],
    }
    async with opened(tmp_path, changes) as house:
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(1)
        names = [each.carrier.name for each in house.gateway.fleet.binds]
        monkeypatch.setattr(RunSettler, "accepted_all", broken(1, RunSettler.accepted_all))
        await caller.submit(message("1", SECRET_TEXT), message("2", SECRET_TEXT))
        await house.smsc.wait_taken(2)
        await settle()
        alpha, beta = house.gateway.fleet.binds
        assert (names, alpha.session, beta.session is not None) == (["alpha", "beta"], None, True)
        states = [each["state"] for each in await caller.look("status", "1", "2")]
        assert states == ["unknown", "unknown"]  # what the answers said is lost with the list they came in
        await house.smsc.wait_bound(2)
        await caller.submit(message("3"), message("4", sender="beta"))
        await house.wait_events("submitted", "submitted")
        counts = house.core.counts.carriers
        assert (counts["alpha"].defects, counts["beta"].defects) == (1, 0)
        assert {cause: n for cause, n in counts["alpha"].bind_failures.items() if n} == {Cause.DEFECT: 1}
    [told] = defects(house)
    assert (told["bind"], told["kind"], told["log_level"]) == ("alpha.0", "Breakage", "error")
    assert told["traceback"][-1].startswith("test_defects.py:")
    assert any(place.startswith("bind.py:") for place in told["traceback"])
    assert "4649" not in str(house.log)
    assert "819012345678" not in str(house.log)


async def test_a_bind_that_a_defect_strikes_again_and_again_waits_longer_and_longer(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, {"carriers.alpha.reconnect_max": 1000.0}) as house:
        monkeypatch.setattr(Lanes, "carrier_up", broken(6, Lanes.carrier_up))
        house.start_binds()
        await house.smsc.wait_bound(6)
        await settle()
        assert house.gateway.operations.states() == {"alpha.0": "up"}
        assert (house.gateway.fleet.carriers["alpha"].bound, house.core.lanes.up) == (1, {"alpha"})
    dialled = house.smsc.dialled
    waits = [later - earlier for earlier, later in pairwise(dialled)]
    assert waits == sorted(waits)
    assert waits[-1] > 20 * waits[0]


async def test_what_a_bind_had_taken_when_a_defect_struck_is_sent_over_the_next(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds.0.window": 2}) as house:
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(0)
        bind = house.gateway.fleet.binds[0]
        monkeypatch.setattr(bind.pump, "_room", broken(1, bind.pump._room))
        await caller.submit(*(message(str(n)) for n in range(5)))
        await house.wait_events(*["submitted"] * 5)
    assert len(house.smsc.taken) == 5
    assert not any("possible_duplicate" in event for event in house.events)


@pytest.mark.parametrize(("owner", "place"), [(Session, "submit"), (Pump, "_leave_out")])
async def test_parts_that_are_made_and_not_written_when_a_defect_strikes_are_sent_over_the_next_bind(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, owner: type, place: str
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(0)
        monkeypatch.setattr(owner, place, broken(1, getattr(owner, place)))
        take = Pump._take

        async def take_one_that_has_ended(pump: Pump, room: int) -> bool:
            taken = await take(pump, room)
            if len(pump._parts) == 5:
                pump._parts.insert(3, Part(pump._parts[0].message, 1))
            return taken

        monkeypatch.setattr(Pump, "_take", take_one_that_has_ended)
        await caller.submit(*(message(str(n)) for n in range(5)))
        await house.wait_events(*["submitted"] * 5)
        assert len(defects(house)) == 1
    assert len(house.smsc.taken) == 5
    assert not any("possible_duplicate" in event for event in house.events)


@pytest.mark.parametrize(("owner", "place"), [(Carrier, "begin"), (Forms, "fill")])
async def test_a_message_that_cannot_be_written_is_rejected_and_the_others_go(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, owner: type, place: str
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        monkeypatch.setattr(owner, place, broken(1, getattr(owner, place)))
        await caller.submit(message("1", SECRET_TEXT), message("2"))
        house.start_binds()
        await house.wait_events("rejected", "submitted")
        line = house.smsc.lines[0]
        assert (line.bound, len(house.smsc.lines)) == (True, 1)
    assert [event["id"] for event in house.events] == ["1", "2"]
    [told] = defects(house)
    assert told["message_id"] == house.events[0]["message_id"]
    assert "4649" not in str(house.log)


async def test_a_defect_ends_one_connection_of_a_client_and_no_other(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as house:
        other, caller = await house.greet(), await house.greet()
        monkeypatch.setattr(house.door.guard, "check", broken(1, house.door.guard.check))
        await caller.send(["submit", 1, [message("1", SECRET_TEXT)]])
        assert await caller.read_end() == []
        assert (await other.submit(message("1")))[0]["ok"]
        assert (house.core.counts.defects, len(house.door.connections)) == (1, 1)
    [told] = defects(house)
    assert (told["client"], told["kind"]) == ("bank", "Breakage")
    assert "4649" not in str(house.log)


@pytest.mark.parametrize("where", ["bind", "connection"])
async def test_a_store_that_can_no_longer_be_read_ends_the_gateway(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    async def fail(*_arguments: object) -> None:
        await trio.lowlevel.checkpoint()
        raise sqlite3.DatabaseError("disk image is malformed")

    async def run() -> None:
        async with opened(tmp_path) as house:
            caller = await house.greet()
            house.start_binds()
            line = await house.smsc.wait_bound(0)
            monkeypatch.setattr(house.store, "find_parts", fail)
            monkeypatch.setattr(house.store, "find_messages", fail)
            if where == "bind":
                line.deliver(receipt(b"77"))
            else:
                await caller.send(["status", 1, ["1"]])
            await trio.sleep(100.0)

    with pytest.raises(ExceptionGroup) as ended:
        await run()
    assert ended.group_contains(sqlite3.DatabaseError, match="malformed")


async def test_a_task_that_is_to_run_for_ever_begins_anew(autojump_clock: MockClock) -> None:
    runs: list[float] = []

    async def work() -> None:
        runs.append(trio.current_time())
        if len(runs) < 3:
            raise Breakage(SECRET_TEXT)
        await trio.sleep_forever()

    counts = Counts()
    with trio.move_on_after(100.0):
        await keep_running(work, counts, "work")
    assert runs == [0.0, 1.0, 2.0]
    assert counts.task_defects == 2


async def failing_at_its_end() -> None:
    """What a task with a defect in what it does when it is cancelled looks like."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        try:
            await trio.sleep_forever()
        finally:
            raise Breakage(SECRET_TEXT)


async def test_a_task_that_is_cancelled_ends_though_a_defect_strikes_then(autojump_clock: MockClock) -> None:
    counts = Counts()
    with trio.move_on_after(1.0), capture_logs() as logs:
        await keep_running(failing_at_its_end, counts, "work")
    assert (trio.current_time(), counts.task_defects) == (1.0, 1)
    assert [line["kind"] for line in logs] == ["Breakage"]


async def test_a_bind_that_is_cancelled_ends_though_a_defect_strikes_then(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as house:
        monkeypatch.setattr(Pump, "run", lambda *_: failing_at_its_end())
        house.start_binds()
        await house.smsc.wait_bound(0)
        house.nursery.cancel_scope.cancel()
    [told] = defects(house)
    assert (told["bind"], told["kind"]) == ("alpha.0", "Breakage")


async def test_a_defect_in_connecting_is_an_attempt_that_failed(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as house:
        monkeypatch.setattr(Bind, "_make_session", broken(1, Bind._make_session))
        house.start_binds()
        await house.smsc.wait_bound(1)
        counts = house.core.counts.carriers["alpha"]
        assert (counts.defects, counts.bind_failures[Cause.DEFECT]) == (1, 1)
    [told] = defects(house)
    assert (told["bind"], told["kind"]) == ("alpha.0", "Breakage")


async def test_a_defect_between_two_messages_that_were_taken_loses_neither(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await caller.submit(*(message(str(n), on_unknown="report") for n in range(5)))
        save = house.store.save
        monkeypatch.setattr(house.store, "save", broken(1, save))
        house.start_binds()
        await house.wait_events(*["submitted"] * 5)
    assert len(defects(house)) == 1
    assert sorted(event["id"] for event in house.events) == list("01234")
    assert len(house.smsc.taken) == 5
    assert not any("possible_duplicate" in event for event in house.events)


async def test_a_window_that_is_full_unexpectedly_is_not_the_messages_fault(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds.0.window": 2}) as house:
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(0)
        bind = house.gateway.fleet.binds[0]
        rooms = iter((5, 5))
        room = bind.pump._room
        monkeypatch.setattr(bind.pump, "_room", lambda *asked: next(rooms, None) or room(*asked))
        await caller.submit(*(message(str(n)) for n in range(5)))
        await house.wait_events(*["submitted"] * 5)
    [told] = defects(house)
    assert (told["kind"], told.get("message_id")) == ("WindowFull", None)


def test_a_failed_store_is_never_only_reported() -> None:
    with pytest.raises(sqlite3.OperationalError):
        report(sqlite3.OperationalError("disk full"))
    group = ExceptionGroup("", [Breakage(), ExceptionGroup("", [sqlite3.IntegrityError()])])
    with pytest.raises(ExceptionGroup):
        report(group)


async def test_a_bind_that_sends_nothing_though_it_might_is_made_anew(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, {"carriers.alpha.stall_timeout": 60.0}) as house:
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        take = house.core.lanes.take
        monkeypatch.setattr(house.core.lanes, "take", lambda *_: [])
        begun = trio.current_time()
        await caller.submit(message("1"))
        await house.smsc.wait(lambda: not line.bound)
        assert 50.0 <= trio.current_time() - begun <= 70.0
        monkeypatch.setattr(house.core.lanes, "take", take)
        await house.wait_events("submitted")
        assert house.core.counts.carriers["alpha"].stalls == 1
    [told] = [each for each in house.log if each["event"] == "bind_stalled"]
    assert (told["bind"], told["log_level"]) == ("alpha.0", "error")
    assert "60 s" in told["reason"]


def never(_taken: Taken) -> None:
    """Leave it unanswered."""


@pytest.mark.parametrize("why", ["nothing waits", "throttled", "paused", "no answers", "told to slow down"])
async def test_a_bind_that_may_not_send_is_left_alone(tmp_path: Path, autojump_clock: MockClock, why: str) -> None:
    changes: dict[str, object] = {"carriers.alpha.stall_timeout": 5.0, "carriers.alpha.response_timeout": 3600.0}
    if why == "throttled":
        changes |= {"carriers.alpha.parts_per_second": 0.01, "carriers.alpha.burst": 1, "profiles.one.max_parts": 1}
        changes |= {"carriers.alpha.profile": "one"}
    if why == "told to slow down":
        changes |= {"carriers.alpha.throttle_pause": 3600.0}
    async with opened(tmp_path, changes) as house:
        caller = await house.greet()
        if why == "paused":
            house.gateway.operations.pause("alpha")
        if why == "no answers":
            house.smsc.reply = never
        if why == "told to slow down":
            house.smsc.reply = lambda taken: (0x58, b"")
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        if why != "nothing waits":
            await caller.submit(*(message(str(n)) for n in range(20)))
        await trio.sleep(300.0)
        assert (line.bound, house.core.counts.carriers["alpha"].stalls) == (True, 0)
