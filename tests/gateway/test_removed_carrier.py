"""What becomes of messages whose carrier is configured no more, be it by a reload or at the next start."""

from pathlib import Path
from typing import Final

import pytest
import trio
from trio.testing import MockClock

from tests.gateway.builders import LONG, bind_table, message, opened, settings

TABLE: Final[dict[str, object]] = {"parts_per_second": 0, "binds": [bind_table()]}
BETA: Final[dict[str, object]] = {"carriers.beta": TABLE, "routes": [{"carriers": ["beta"]}]}
BOTH: Final[dict[str, object]] = {"carriers.beta": TABLE, "routes": [{"carriers": ["alpha", "beta"]}]}
ONLY_BETA: Final[dict[str, object]] = {"carriers": {"beta": TABLE}, "routes": [{"carriers": ["beta"]}]}


async def test_what_waits_for_a_carrier_that_is_gone_waits_and_harms_nobody(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, BETA) as house:
        house.smsc.reply = lambda taken: None
        caller = await house.greet()
        await caller.submit(message("sent"))
        house.start_binds()
        await house.smsc.wait_taken(1)
        later = house.core.clock() + 5
        await caller.submit(message("held", not_before=later), message("waits"), message("ends", expires_at=later))
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        await trio.sleep(400)
        states = {each["id"]: each["state"] for each in await caller.look("status", "sent", "held", "waits", "ends")}
        assert states == {"sent": "waiting", "held": "waiting", "waits": "waiting", "ends": "unknown"}
        await caller.submit(message("new"))
        await house.smsc.wait_taken(1)
        cancelled = [each["ok"] for each in await caller.look("cancel", "held", "waits")]
        assert cancelled == [True, False]  # what stood in line when the end came may have been sent, as "ends" too


async def test_what_a_carrier_that_is_gone_has_half_of_is_not_sent_to_another(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    alone = {"carriers.beta.binds.0.window": 1, "carriers.beta.response_timeout": 50.0}
    async with opened(tmp_path, BETA | {"routes": [{"carriers": ["beta", "alpha"]}]} | alone) as house:
        house.smsc.reply = lambda taken: house.smsc.number(taken) if len(house.smsc.taken) == 1 else None
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(1)
        await caller.submit(message("half", LONG, on_unknown="report"))
        await caller.submit(message("not begun", on_unknown="report"))
        await house.smsc.wait_taken(2)
        await trio.sleep(1.0)
    async with opened(tmp_path) as house:
        house.start_binds()
        await house.smsc.wait_taken(1)
        await trio.sleep(400.0)
        caller = await house.greet()
        states = {each["id"]: each["state"] for each in await caller.look("status", "half", "not begun")}
    assert states == {"half": "unknown", "not begun": "submitted"}
    assert [taken.part for taken in house.smsc.taken] == [0]


@pytest.mark.parametrize(("pause", "parts", "end"), [(1.0, [1, 2, 3, 1], "submitted"), (100.0, [1, 2, 3], "rejected")])
async def test_a_removed_carrier_is_sent_the_rest_of_what_it_was_sent_a_part_of_and_no_other_is(
    tmp_path: Path, autojump_clock: MockClock, pause: float, parts: list[int], end: str
) -> None:
    async with opened(tmp_path, BOTH | {"carriers.alpha.throttle_pause": pause}) as house:
        late = house.smsc.after(3.0)
        house.smsc.reply = lambda taken: (0x58, b"") if len(house.smsc.taken) == 1 else late(taken)
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(1)
        await caller.submit(message("1", LONG))
        await house.smsc.wait_taken(3)  # it waits in the lane again, with two parts on the wire
        await house.gateway.reload(settings(tmp_path, ONLY_BETA))
        [event] = await house.wait_events(end)
        await trio.sleep(1000.0)
    assert [taken.part for taken in house.smsc.taken] == parts
    assert len({taken.bind for taken in house.smsc.taken}) == 1
    assert (event["carrier"], event.get("status_name", "ESME_RX_P_APPN")) == ("alpha", "ESME_RX_P_APPN")


@pytest.mark.parametrize("text", ["短い", LONG])
async def test_what_may_be_at_a_removed_carrier_is_reported_and_goes_to_no_other(
    tmp_path: Path, autojump_clock: MockClock, text: str
) -> None:
    async with opened(tmp_path, BOTH | {"gateway.drain_timeout": 1.0}) as house:
        house.smsc.reply = lambda taken: house.smsc.number(taken) if len(house.smsc.taken) == 2 else None
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(1)
        await caller.submit(message("1", text, on_unknown="resend"))
        taken = len(await house.smsc.wait_taken(1 if text != LONG else 3))
        await house.gateway.reload(settings(tmp_path, ONLY_BETA))
        [event] = await house.wait_events("unknown")
        await trio.sleep(1000.0)
        [status] = await caller.look("status", "1")
    assert (event["carrier"], event["possible_duplicate"], status["state"]) == ("alpha", True, "unknown")
    assert len(house.smsc.taken) == taken
