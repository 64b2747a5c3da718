"""Lanes in a world where everything happens at the wrong moment, and a model that knows what must come of it."""

from functools import partial
from typing import Final

import trio
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from config.settings import GatewaySettings, LaneShares
from gateway.lanes import Lanes
from gateway.message import LANE_NUMBERS, LANES, Message, State
from gateway.outstanding import Outstanding
from gateway.routing import Plan
from gateway.store import Commit
from tests.gateway.fakes import FakeStore, message

CARRIERS: Final = ("alpha", "beta")
PLANS: Final = ("alpha", "alpha,beta", "alpha:2,beta:1")

SMALL = st.integers(0, 6)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 4), st.integers(0, 2), st.integers(0, len(PLANS) - 1)),
        st.tuples(st.sampled_from(["write", "tell", "flush", "flush", "run", "go"])),
        st.tuples(st.sampled_from(["slow", "reading", "reading"]), st.booleans()),
        st.tuples(st.just("take"), st.sampled_from(CARRIERS), st.integers(1, 5)),
        st.tuples(st.sampled_from(["back", "hold", "finish", "resume", "cancel"]), SMALL),
        st.tuples(st.sampled_from(["up", "up", "down"]), st.sampled_from(CARRIERS)),
        st.tuples(st.just("know"), st.sampled_from([("alpha",), ("beta",), CARRIERS, CARRIERS])),
    ),
    max_size=40,
)


class World:
    """Lanes, their store, and what a bind, a client and the clock do to them."""

    def __init__(
        self,
        window: int,
        nursery: trio.Nursery,
        left: list[Message] | None = None,
        shares: LaneShares | None = None,
    ) -> None:
        """Args: left: what the last run has left waiting on disk. shares: of the lanes; None: the defaults."""
        self.store = FakeStore()
        self.outstanding = Outstanding(1000)
        self.window = window
        self.woken: list[str] = []
        self.store.add(left or [])
        self.store.flush()
        chosen = GatewaySettings(lane_window=window, lane_shares=shares or LaneShares())
        self.settings = chosen
        self.carriers: tuple[str, ...] = CARRIERS
        """Those that are configured."""
        self.lanes = Lanes(self.store, chosen, self.outstanding, CARRIERS)
        self.lanes.wake = {carrier: partial(self.woken.append, carrier) for carrier in CARRIERS}
        self.store.leases, self.store.committed = self.lanes.leases, self._committed
        self.waiting: dict[int, Message] = {each.key: each for each in left or []}
        """By key: what is to be handed out, as far as anybody may know of it."""
        self.out: dict[int, Message] = {}
        self.held: set[int] = set()
        self.late: set[int] = set()
        """Keys that were taken in again, so that younger ones may be ahead."""
        self.put_back = 0
        self._nursery = nursery
        nursery.start_soon(self.lanes.run)

    async def do(self, operation: tuple[str, *tuple[object, ...]]) -> None:
        """One thing happens."""
        name, *args = operation
        await getattr(self, f"do_{name}")(*args)
        self.check_window()

    async def do_add(self, count: int, lane: int, plan: int) -> None:
        made = [message(lane=LANES[lane], plan=PLANS[plan], total=1 + n % 3) for n in range(count)]
        self.store.add(made)
        self.waiting.update({each.key: each for each in made})

    async def do_write(self) -> None:
        self.store.write()

    async def do_tell(self) -> None:
        self.store.tell()

    async def do_flush(self) -> None:
        self.store.flush()

    async def do_run(self) -> None:
        await wait_all_tasks_blocked()

    async def do_slow(self, late: bool = False) -> None:
        self.store.late = late
        if self.store.slow is None:
            self.store.slow = trio.Event()

    async def do_reading(self, late: bool = False) -> None:
        """Have a read begin that takes long, if one is wanted."""
        await self.do_slow(late)
        await wait_all_tasks_blocked()
        self.store.flush()
        await wait_all_tasks_blocked()

    async def do_go(self) -> None:
        slow, self.store.slow = self.store.slow, None
        if slow is not None:
            slow.set()
        await wait_all_tasks_blocked()

    async def do_up(self, carrier: str) -> None:
        if carrier in self.carriers:
            self.lanes.carrier_up(carrier)

    async def do_know(self, carriers: tuple[str, ...]) -> None:
        """Have other carriers configured."""
        self.carriers = carriers
        self.lanes.reconfigure(self.settings, carriers)

    async def do_down(self, carrier: str) -> None:
        self.lanes.carrier_down(carrier)

    async def do_take(self, carrier: str, parts: int) -> None:
        self.take(carrier, parts)

    async def do_back(self, which: int) -> None:
        if made := self._pick(which):
            self.waiting[made.key] = made
            self.late.add(made.key)
            self.put_back += 1
            self.lanes.put_back(made)

    async def do_finish(self, which: int) -> None:
        if made := self._pick(which):
            self._settle(made, State.DONE)

    async def do_hold(self, which: int) -> None:
        if made := self._pick(which):
            self.held.add(made.key)
            self._settle(made, State.HELD)

    async def do_resume(self, which: int) -> None:
        if self.held:
            key = sorted(self.held)[which % len(self.held)]
            self.held.remove(key)
            self._nursery.start_soon(self._resume, key)

    async def do_cancel(self, which: int) -> None:
        if self.waiting:
            self._nursery.start_soon(self._cancel, sorted(self.waiting)[which % len(self.waiting)])

    def take(self, carrier: str, parts: int) -> list[Message]:
        """Take, and check all that is promised of what is handed out."""
        if carrier not in self.carriers:
            return []
        taken = self.lanes.take(carrier, parts)
        assert not taken or sum(each.total for each in taken[:-1]) < parts
        if sum(each.total for each in taken) < parts:
            assert not self.lanes.take(carrier, 1), "something was left though there was room for it"
        for each in taken:
            assert each.key in self.waiting, "handed out twice, or after it was over"
            assert each.key <= self.store.leased[each.plan, LANE_NUMBERS[each.lane]]
            assert carrier in Plan.parse(each.plan).carriers
            self._check_order(each, carrier)
            del self.waiting[each.key]
            self.late.discard(each.key)
            self.out[each.key] = each
            each.state, each.carrier = State.SENDING, carrier
        return taken

    def check_window(self) -> None:
        """What is in memory is bounded, and so is what is read at once."""
        queues = 3 * len(PLANS)
        assert sum(map(self.lanes.waiting, self.carriers)) <= queues * self.window + self.put_back
        assert self.store.largest_read <= self.window

    async def finish(self) -> None:
        """Let everything that is under way end, and take all there is."""
        await self.do_go()
        await self.do_know(CARRIERS)
        for carrier in CARRIERS:
            self.lanes.carrier_up(carrier)
        idle = 0
        while idle < 8:
            self.store.flush()
            await wait_all_tasks_blocked()
            idle = 0 if [each for carrier in CARRIERS for each in self.take(carrier, 3)] else idle + 1
        assert not self.waiting, "never handed out"
        assert sum(map(self.lanes.waiting, CARRIERS)) == 0

    def _check_order(self, taken: Message, carrier: str) -> None:
        plan = Plan.parse(taken.plan).among(self.carriers)
        for key, other in self.waiting.items():
            same = (other.plan, other.lane) == (taken.plan, taken.lane)
            if same and key < taken.key and key not in self.late and plan.choose(key, self.lanes.up) == carrier:
                raise AssertionError(f"{taken.key} came before {key}")

    def _pick(self, which: int) -> Message | None:
        return self.out.pop(sorted(self.out)[which % len(self.out)]) if self.out else None

    def _settle(self, made: Message, state: State) -> None:
        """What a settler does with a message that leaves memory."""
        made.state = state
        self.store.save(made)
        self.outstanding.drop(made)

    async def _resume(self, key: int) -> None:
        """What upkeep does when a message's time comes."""
        async with self.outstanding.on_disk:
            await self.store.commit.wait()
            made = self.outstanding.live.get(key) or self.store.on_disk(key)
            made.state = State.WAITING
            self.store.save(made)
            self.waiting[key] = made
            self.late.add(key)
            await self.store.commit.wait()
            self.lanes.resume(made)

    async def _cancel(self, key: int) -> None:
        """What a client's cancel does."""
        async with self.outstanding.on_disk:
            await self.store.commit.wait()
            made = self.outstanding.live.get(key) or self.store.on_disk(key)
            if made.state is State.WAITING and key in self.waiting:
                del self.waiting[key]
                self._settle(made, State.CANCELED)

    def _committed(self, commit: Commit) -> None:
        if commit.leases:
            self.lanes.leased(commit.leases)
        if commit.added:
            self.lanes.offer(commit.added)
