"""How fast a bind goes: its own limit beside the account's, and an SMSC that says it is congested."""

from math import inf
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.exposition import make_registry
from protocol.constants import Status, Tag
from protocol.pdu import SubmitSmResp
from tests.gateway.builders import LONG, House, bind_table, in_virtual_time, message, opened
from tests.gateway.carriers import Reply, Taken


def gauge(house: House, bind: str = "alpha.0") -> float | None:
    return make_registry(house.gateway).get_sample_value("denpo_bind_rate", {"carrier": "alpha", "bind": bind})


def congested(house: House, state: int, status: int = 0) -> None:
    """Have the SMSC answer everything with a congestion_state."""

    def reply(taken: Taken) -> Reply:
        line = house.smsc.lines[taken.bind]
        parameter = ((int(Tag.CONGESTION_STATE), bytes([state])),)
        line.session.respond(taken.sequence, SubmitSmResp(str(len(house.smsc.taken)).encode(), parameter), status)
        line.link.flush()
        return None

    house.smsc.reply = reply


@settings(max_examples=8)
@given(st.sampled_from([0.5, 3.0, 20.0]), st.sampled_from([0.0, 2.0]), st.booleans())
def test_the_rate_of_each_bind_is_kept_beside_that_of_the_account(own: float, account: float, long: bool) -> None:
    changes = {
        "carriers.alpha.parts_per_second": account,
        "carriers.alpha.profile": "tight",
        "profiles.tight.max_parts": 3,
        "carriers.alpha.binds": [bind_table(parts_per_second=own), bind_table(parts_per_second=own)],
    }

    async def send(folder: Path) -> list[Taken]:
        async with opened(folder, changes) as house:
            caller = await house.greet()
            house.start_binds()
            await house.smsc.wait_bound(1)
            results = await caller.submit(*(message(str(n), LONG if long else "短い") for n in range(12)))
            return await house.smsc.wait_taken(sum(result["parts"] for result in results))

    taken = in_virtual_time(send)
    for bind in (0, 1):
        times = [each.at for each in taken if each.bind == bind]
        most = max(own, 3)
        for first in range(len(times)):
            for last in range(first, len(times)):
                assert last - first + 1 <= most + own * (times[last] - times[first]) + 1e-6


async def test_a_bind_without_a_limit_of_its_own_has_the_accounts(tmp_path: Path, autojump_clock: MockClock) -> None:
    binds = [bind_table(parts_per_second=2.0), bind_table()]
    async with opened(tmp_path, {"carriers.alpha.binds": binds}) as house:
        house.start_binds()
        await house.smsc.wait_bound(1)
        assert (gauge(house), gauge(house, "alpha.1")) == (2.0, inf)
    async with opened(tmp_path, {"carriers.alpha.parts_per_second": 7.0}) as house:
        assert gauge(house) == 7.0


@pytest.mark.parametrize(("state", "slower"), [(0, False), (89, False), (90, True), (100, True)])
async def test_an_smsc_that_says_it_is_congested_is_sent_less(
    tmp_path: Path, autojump_clock: MockClock, state: int, slower: bool
) -> None:
    async with opened(tmp_path, {"carriers.alpha.throttle_pause": 3.0}) as house:
        congested(house, state)
        caller = await house.greet()
        house.start_binds()
        await caller.submit(*(message(str(n)) for n in range(30)))
        events = await house.wait_events(*["submitted"] * 30)
        rate = gauge(house)
    assert rate is not None
    assert (rate < inf) is slower
    assert (house.smsc.taken[-1].at >= 3.0) is slower
    assert len(house.smsc.taken) == 30, "what was accepted is not sent again"
    assert not any("possible_duplicate" in event for event in events)


async def test_congestion_cuts_the_rate_once_in_its_settle_time_and_it_grows_back(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds.0.window": 20}) as house:
        congested(house, 95)
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(0)
        await caller.submit(*(message(str(n)) for n in range(20)))
        await house.wait_events(*["submitted"] * 20)
        cut = gauge(house)
        assert cut is not None
        assert 0.9 <= cut < 20.0, "one cut, though all twenty said so"
        await trio.sleep(10.0)
        grown = gauge(house)
        assert grown is not None
        assert grown > cut


async def test_a_refusal_that_also_tells_of_congestion_costs_one_cut_and_no_attempt(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.max_attempts": 1}) as house:
        congested(house, 100, Status.RTHROTTLED)
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1"))
        await house.smsc.wait_taken(3)
        house.smsc.reply = house.smsc.number
        await house.wait_events("submitted")


@pytest.mark.parametrize("value", [b"", b"\x00\x5f", b"\xff\xff\xff\xff"])
async def test_a_congestion_state_of_the_wrong_length_is_passed_over(
    tmp_path: Path, autojump_clock: MockClock, value: bytes
) -> None:
    async with opened(tmp_path) as house:

        def reply(taken: Taken) -> Reply:
            line = house.smsc.lines[taken.bind]
            line.session.respond(taken.sequence, SubmitSmResp(b"1", ((int(Tag.CONGESTION_STATE), value),)))
            line.link.flush()
            return None

        house.smsc.reply = reply
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1"))
        await house.wait_events("submitted")
        assert gauge(house) == inf
