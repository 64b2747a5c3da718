from pathlib import Path

import trio
from trio.testing import MockClock

from tests.gateway.builders import bind_table, message, opened

BETA = {"carriers.beta": {"parts_per_second": 0, "binds": [bind_table()]}, "routes": [{"carriers": ["beta"]}]}


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
