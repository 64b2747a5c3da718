"""An application that repeats, reads, is late to acknowledge, is cut off and restarted; a gateway that stops and dies.

Real client, door, conversation, feed and store; wires of memory and virtual time. Whatever happens, no event is lost,
none that was acknowledged comes again, and no id is sent twice.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import cycle
from math import inf
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
import trio
from anyio.abc import ByteStream
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.client import AnswerTimeout, Client, ClientError, Event, Options, connect
from gateway.client.shapes import Target
from tests.config.documents import SECRET
from tests.gateway.builders import House, in_virtual_time, message, opened, settle
from tests.gateway.carriers import Reply, Taken
from tests.gateway.client.wires import MemoryStream

SECONDS: Final = 1000.0
OPTIONS: Final = Options(answer_timeout=20.0, reconnect_min=0.1, reconnect_max=1.0, ping_interval=30.0)
CHANGES: Final = {"carriers.alpha.unknown_grace": 5.0, "upstream.events_in_memory": 2}
Key: TypeAlias = tuple[str, str]
"""Of an event: the message's id, and the type. Each comes about once."""

STEPS: Final = st.sampled_from(
    [
        *(("submit", number) for number in (1, 2, 3, 4)),
        *(("read", number) for number in (1, 2, 3, 8)),
        *(("repeat", number) for number in (0, 2)),
        *(("sleep", seconds) for seconds in (0, 1, 1, 2, 30)),
        *(("cut", 0), ("cut", 0), ("start", 0), ("start", 0), ("stop", 0), ("leave", 0), ("kill", 0)),
        *(("crash", commits) for commits in (0, 2)),
    ]
)
PAUSES: Final = (0.0, 1.5, 0.0, 0.2, 4.0)
"""What the body of a loop takes for one event after the other."""


class World:
    """An application and a gateway, each of which may be away, and what the application knows."""

    def __init__(self, folder: Path, nursery: trio.Nursery) -> None:
        self.taken: Counter[bytes] = Counter()
        """What the SMSC was given, by number."""
        self.told: set[Key] = set()
        """All events that were committed."""
        self.seen: set[Key] = set()
        self.settled: set[Key] = set()
        """Acknowledged for good."""
        self.asked: list[str] = []
        self.accepted: set[str] = set()
        self.house: House | None = None
        self._folder = folder
        self._nursery = nursery
        self._client: Client | None = None
        self._cut_off = False
        self._finished: set[Key] = set()
        """By the application as it runs now."""
        self._streams: list[MemoryStream] = []
        self._stop, self._stopped = trio.Event(), trio.Event()
        self._leave, self._left = trio.Event(), trio.Event()
        self._pauses = cycle(PAUSES)
        self._disturbed = 0.0
        """When something last kept the gateway from answering."""

    async def open(self, target: Target, _seconds: float) -> ByteStream:
        """Stand in for `open_stream`."""
        await trio.lowlevel.checkpoint()
        if self.house is None or self._cut_off:
            raise ClientError("connection", f"no gateway at {target.address}")
        stream = MemoryStream()
        self.house.connect(stream.other)
        self._streams.append(stream)
        return stream

    async def start(self, _: int = 0) -> None:
        """Have both run, if they do not."""
        if self.house is None:
            await self._nursery.start(self._run_gateway)
        if self._client is None:
            await self._nursery.start(self._run_application)

    async def submit(self, number: int) -> None:
        """Hand over new messages, and do not wait for the results."""
        ids = [str(n) for n in range(len(self.asked), len(self.asked) + number)]
        self.asked += ids
        self._nursery.start_soon(self._submit, self._client, ids)

    async def repeat(self, number: int) -> None:
        """Hand over again what was handed over before."""
        self._nursery.start_soon(self._submit, self._client, self.asked[number : number + 2])

    async def read(self, number: int) -> None:
        """Look at so many events in a loop of its own, and leave it in the last."""
        self._nursery.start_soon(self._read, self._client, number)

    async def sleep(self, seconds: int) -> None:
        """Let time pass."""
        await trio.sleep(seconds)

    async def cut(self, _: int = 0) -> None:
        """Break all connections."""
        self._disturbed = max(self._disturbed, trio.current_time())  # while there is no gateway, it stays so
        for stream in self._streams:
            stream.cut()
        self._streams.clear()

    async def stop(self, _: int = 0) -> None:
        """Stop the gateway."""
        if self.house:
            self._stop.set()
            await self._stopped.wait()
            self._disturbed = inf

    async def crash(self, commits: int) -> None:
        """Have the gateway die with only so many more commits on disk."""
        if self.house:
            self._disturbed = inf
            self.house.disk.hold(after=commits)
            await trio.sleep(1.0)
            self.house.crashed = True
            await self.stop()

    async def leave(self, _: int = 0) -> None:
        """Restart the application; what it has finished is acknowledged if there is a gateway."""
        if self._client:
            self._leave.set()
            await self._left.wait()
            if self.house:
                await settle()
                self.settled |= self._finished
            self._finished.clear()
            await self._restart()

    async def kill(self, _: int = 0) -> None:
        """Restart the application, without a word to the gateway from the old one."""
        if self._client:
            self._cut_off = True
            await self.cut()
            self._leave.set()
            await self._left.wait()
            self._cut_off = False
            self._finished.clear()
            await self._restart()

    async def _restart(self) -> None:
        if self.house:
            await self.start()

    async def finish(self) -> None:
        """Have all that was asked accepted, and all events read to the end."""
        await self.start()
        await self.sleep(20)  # what is sent is answered, what was unknown is told
        assert self._client
        assert self.house
        await self._submit(self._client, [id_ for id_ in self.asked if id_ not in self.accepted])
        await self.sleep(20)
        with trio.move_on_after(10.0 + sum(PAUSES) * len(self.asked)):
            await self._read(self._client, 1 << 30)
        await self.leave()
        self.told |= keys(self.house.events)
        assert await self.house.store.events("bank", 0, 1000) == []

    async def _run_gateway(self, task_status: trio.TaskStatus[None]) -> None:
        self._stop, self._stopped = trio.Event(), trio.Event()
        async with opened(self._folder, CHANGES) as house:
            house.smsc.reply = self._reply
            house.start_binds()
            self.house = house
            self._disturbed = trio.current_time()
            task_status.started()
            await self._stop.wait()
            self.house = None
        self.told |= keys(house.events)
        self._stopped.set()

    async def _run_application(self, task_status: trio.TaskStatus[None]) -> None:
        self._leave, self._left = trio.Event(), trio.Event()
        async with connect("unix:x", "bank", SECRET, options=OPTIONS) as client:
            self._client = client
            task_status.started()
            await self._leave.wait()
            self._client = None
        self._left.set()

    def _reply(self, taken: Taken) -> Reply:
        self.taken[taken.submit.destination_addr] += 1
        return 0, taken.submit.destination_addr

    async def _submit(self, client: Client | None, ids: list[str]) -> None:
        asked = [message(id_, to=f"0901234{int(id_):04}", on_unknown="report", receipt=False) for id_ in ids]
        try:
            results = await client.submit(asked) if client else []
        except AnswerTimeout:
            assert trio.current_time() - self._disturbed < OPTIONS.answer_timeout / 2
            return
        except ClientError:
            return
        assert all(result["ok"] for result in results)
        self.accepted |= {result["id"] for result in results}

    async def _read(self, client: Client | None, number: int) -> None:
        if client is None:
            return
        try:
            async for event in client.events():
                [key] = keys([event])
                assert key not in self.settled
                assert key not in self._finished
                self.seen.add(key)
                number -= 1
                if not number:
                    break
                await trio.sleep(next(self._pauses))
                if client is self._client:
                    self._finished.add(key)  # as the loop comes back now
        except ClientError:
            pass


def keys(events: Iterable[Event | dict[str, Any]]) -> set[Key]:
    return {(event["id"], event["type"]) for event in events}


@settings(max_examples=20)
@given(st.lists(STEPS, min_size=5, max_size=30))
def test_whatever_happens_to_either(steps: list[tuple[str, int]]) -> None:
    async def live(folder: Path) -> None:
        async with trio.open_nursery() as nursery:
            world = World(folder, nursery)
            with pytest.MonkeyPatch.context() as patch, trio.fail_after(SECONDS * 10):
                patch.setattr("gateway.client.line.open_stream", world.open)
                await world.start()
                for name, number in steps:
                    await getattr(world, name)(number)
                await world.finish()
            nursery.cancel_scope.cancel()
        assert world.accepted == set(world.asked)
        assert world.seen == world.told
        assert {id_ for id_, _ in world.seen} == set(world.asked)
        assert max(world.taken.values(), default=0) <= 1
        assert {id_ for id_, kind in world.told if kind == "submitted"} <= {
            str(int(number[-4:])) for number in world.taken
        }

    in_virtual_time(live)
