"""Limits of clients at the door, on a real disk: across restarts and crashes, with ids that come again, and reloads."""

from pathlib import Path
from typing import Any, Final

import trio
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.gateway.builders import LONG, House, in_virtual_time, message, now, opened, settings
from tests.gateway.callers import Caller
from tests.gateway.store.disk import crash
from tests.gateway.test_metrics import Figures

FIVE: Final[dict[str, object]] = {"clients.bank.quota": {"parts_per_day": 5}}


def codes(results: list[dict[str, Any]]) -> list[str]:
    """Of each result: its error, "again" for what was there before, or "" for what is new."""
    return [each["error"] if not each["ok"] else "again" if each["duplicate"] else "" for each in results]


def set_forward(house: House, seconds: float) -> None:
    """Have the gateway's clock show a later time than the store's; a day of virtual time takes too long to pass."""
    house.core.clock = lambda: now() + seconds


async def submit(caller: Caller, *numbers: int) -> list[str]:
    return codes(await caller.submit(*(message(str(n)) for n in numbers)))


async def test_parts_over_the_quota_are_refused_until_the_day_is_over(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, FIVE) as house:
        caller = await house.greet()
        results = await caller.submit(message("1", LONG), message("2"), message("3", LONG), message("4"), message("5"))
        assert codes(results) == ["", "", "quota", "", "quota"]
        assert results[2]["detail"].startswith("parts_per_day: 4 of 5 parts are used, and this message has 3; ")
        set_forward(house, 86_400.0)
        assert await submit(caller, 5) == [""]


async def test_an_id_that_was_there_before_is_answered_as_then_and_costs_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, FIVE) as house:
        caller = await house.greet()
        assert await submit(caller, 1, 2, 3) == [""] * 3
        assert await submit(caller, 1, 2) == ["again"] * 2
    async with opened(tmp_path, FIVE) as house:
        caller = await house.greet()
        assert await submit(caller, 1, 2, 3, 4, 5, 6, 4) == ["again", "again", "again", "", "", "quota", "again"]
        assert await submit(caller, 5, 6) == ["again", "quota"]
    async with opened(tmp_path, FIVE) as house:
        caller = await house.greet()
        assert await submit(caller, 1, 6) == ["again", "quota"]


async def test_submits_that_are_on_their_way_to_the_disk_count(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, FIVE) as house:
        one, two = await house.greet(), await house.greet()
        house.disk.hold()
        answers: dict[str, list[str]] = {}

        async def ask(name: str, caller: Caller, *numbers: int) -> None:
            answers[name] = await submit(caller, *numbers)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "one", one, 1, 2, 3)
            await trio.sleep(1.0)
            nursery.start_soon(ask, "two", two, 1, 2, 3, 4, 5, 6)
            await trio.sleep(1.0)
            house.disk.release()
        assert answers == {"one": [""] * 3, "two": ["again"] * 3 + ["", "", "quota"]}


async def test_what_a_crash_has_lost_was_never_accepted_and_costs_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, FIVE) as house:
        caller = await house.greet()
        assert await submit(caller, 1, 2) == [""] * 2
        house.disk.hold()
        await caller.send(["submit", 9, [message("3"), message("4"), message("5")]])
        await trio.sleep(1.0)
        place = crash(house.core.settings.gateway.data_dir, tmp_path / "after")
    async with opened(tmp_path, FIVE | {"gateway.data_dir": str(place)}) as house:
        caller = await house.greet()
        assert await submit(caller, 1, 3, 4, 5, 6) == ["again", "", "", "", "quota"]


async def test_other_clients_and_what_is_no_message_cost_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    shop = {"clients.shop": {"secret": {"env": "SECRET"}, "sender": "0005999999"}}
    async with opened(tmp_path, FIVE | shop) as house:
        bank, other = await house.greet(), await house.greet("shop")
        assert await submit(other, *range(9)) == [""] * 9
        assert codes(await bank.submit(*[message("x", to="1")] * 9)) == ["bad_number"] * 9
        assert (await bank.ask("preview", [message(str(n)) for n in range(9)]))[0] == "result"
        assert await submit(bank, *range(5)) == [""] * 5


async def test_a_reload_changes_limits_at_once_and_forgets_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, FIVE) as house:
        caller = await house.greet()
        house.start_binds()
        assert await submit(caller, 1, 2, 3, 4, 5, 6) == [""] * 5 + ["quota"]
        await house.gateway.reload(settings(tmp_path, {"clients.bank.quota": {"parts_per_month": 6}}))
        assert await submit(caller, 6, 7) == ["", "quota"]
        await house.gateway.reload(settings(tmp_path, {}))
        assert await submit(caller, 7, 8) == [""] * 2
        slow = {"clients.bank.submit_rate": 1}
        await house.gateway.reload(settings(tmp_path, slow))
        assert await submit(caller, 9, 10) == ["", "quota"]
        await house.gateway.reload(settings(tmp_path, FIVE))
        assert await submit(caller, 10, 1) == ["quota", "again"]


async def test_what_is_over_the_rate_is_refused_and_says_how_long_to_wait(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"clients.bank.submit_rate": 3}) as house:
        caller = await house.greet()
        results = await caller.submit(*(message(str(n)) for n in range(5)))
        assert codes(results) == ["", "", "", "quota", "quota"]
        assert results[4]["detail"] == "submit_rate: more than 3 messages a second; there is room in 0.7 s"
        assert await submit(caller, 0, 3) == ["again", "quota"]
        await trio.sleep(0.7)
        assert await submit(caller, 3, 4) == ["", ""]


async def test_what_is_let_in_and_refused_can_be_seen(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, FIVE | {"clients.bank.submit_rate": 8}) as house:
        caller = await house.greet()
        await submit(caller, *range(9))
        figures = Figures(house)
        assert figures("quota_used", client="bank", limit="parts_per_day") == 5
        assert figures("quota", client="bank", limit="parts_per_day") == 5
        assert figures("messages_over_limit_total", client="bank", limit="parts_per_day") == 3
        assert figures("messages_over_limit_total", client="bank", limit="submit_rate") == 1
        assert figures("messages_refused_total", reason="quota") == 4
        set_forward(house, 86_400.0)
        assert Figures(house)("quota_used", client="bank", limit="parts_per_day") == 0


STEPS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 30), min_size=1, max_size=8, unique=True),
        st.sampled_from(["stop", "crash", "lose"]),
        st.sampled_from([0, 20_000, 86_400]),
    ),
    max_size=8,
)


class Lives:
    """A bank that submits what it likes, and what it was told, over several lives of the gateway."""

    def __init__(self) -> None:
        self.accepted: dict[int, int] = {}
        """The day on which each message was accepted."""
        self.passed = 0
        """Seconds that the clock was set forward so far."""

    async def submit(self, house: House, numbers: list[int]) -> None:
        set_forward(house, self.passed)
        day = int((house.core.clock() + 9 * 3600) // 86_400)
        results = await submit(await house.greet(), *numbers)
        fresh = [n for n in numbers if n not in self.accepted]
        room = max(5 - sum(each == day for each in self.accepted.values()), 0)
        assert [n for n, result in zip(numbers, results, strict=True) if result == ""] == fresh[:room]
        assert [n for n, result in zip(numbers, results, strict=True) if result == "quota"] == fresh[room:]
        self.accepted |= dict.fromkeys(fresh[:room], day)

    async def lose(self, house: House, numbers: list[int]) -> None:
        """Submit what does not reach the disk before the crash."""
        set_forward(house, self.passed)
        caller = await house.greet()
        house.disk.hold()
        await caller.send(["submit", 1, [message(str(n)) for n in numbers]])
        await trio.sleep(0.1)


@hypothesis_settings(max_examples=40, deadline=None)
@given(STEPS)
def test_whatever_ends_the_gateway_each_day_has_its_parts_and_no_more(steps: list[tuple[list[int], str, int]]) -> None:
    async def run(folder: Path) -> None:
        lives, place = Lives(), folder / "first"
        for life, (numbers, end, wait) in enumerate(steps):
            async with opened(folder, FIVE | {"gateway.data_dir": str(place)}) as house:
                await (lives.lose if end == "lose" else lives.submit)(house, numbers)
                if end != "stop":
                    place = crash(place, folder / f"after-{life}")
            lives.passed += wait

    in_virtual_time(run)
