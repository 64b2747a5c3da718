"""What time brings: messages fall due, old ones are forgotten, the backlog is counted. One task, bounded steps."""

from typing import TYPE_CHECKING, Final

import trio

from gateway.message import Message, State

if TYPE_CHECKING:
    from gateway.core import Core

TICK: Final = 1.0
"""Seconds between looks at what has fallen due."""
PAGE: Final = 500
"""Messages looked at in one step."""
COUNT_EVERY: Final = 10
"""Ticks between counts of the backlog."""
FORGET_EVERY: Final = 60
"""Ticks between rounds of forgetting."""
FORGET_IDS_EVERY: Final = 3600
"""Ticks between rounds through what carriers call parts."""
REFERENCES: Final = 20_000
"""Long messages of the last run whose references are held; at 15 us each, the start takes 0.3 s more."""


class Upkeep:
    """Run once; `start` before anything is sent."""

    def __init__(self, core: "Core") -> None:
        self._core = core

    async def start(self) -> None:
        """Take over what the last run has left."""
        self._core.early.load(await self._core.store.early())
        self._core.incoming.load(await self._core.store.fragments())
        now = self._core.clock()
        self._core.incoming.repeats.load(await self._core.store.repeats(), now)
        for sender, number, reference in await self._core.store.references(REFERENCES):
            self._core.references.note(sender, number, reference, now)
        self._core.quotas.load(await self._core.store.spent())
        await self._count()
        await self._core.bounds.look()

    async def run(self) -> None:
        """Look after it all, for ever."""
        tick = 0
        while True:
            await trio.sleep(TICK)
            tick += 1
            await self._wake_due()
            await self._review()
            await self._core.bounds.look()
            self._core.incoming.expire(self._core.clock())
            self._core.early.expire(self._core.clock())
            if tick % COUNT_EVERY == 0:
                await self._count()
            if tick % FORGET_EVERY == 0:
                await self._forget()
                await self._forget_homes()
            if tick % FORGET_IDS_EVERY == 0:
                await self._forget_ids()

    async def _wake_due(self) -> None:
        core, after, now = self._core, (0.0, 0), self._core.clock()
        while True:
            async with core.outstanding.reading():
                await core.store.commit.wait()
                found = await core.store.due(now, after, PAGE)
                current = [core.outstanding.current(message) for message in found]
                await self._resume([each for each in current if 0 < each.due <= now], now)
            if len(found) < PAGE:
                return
            after = found[-1].due, found[-1].key

    async def _review(self) -> None:
        """Have what was put aside for quiet hours go by those that there are now."""
        core, after, now = self._core, 0, self._core.clock()
        more, core.review = core.review, False
        while more:
            async with core.outstanding.reading():
                await core.store.commit.wait()
                found = await core.store.quiet(after, PAGE)
                current = [core.outstanding.current(message) for message in found]
                await self._resume([each for each in current if each.state is State.QUIET], now)
            more, after = len(found) == PAGE, found[-1].key if found else 0

    async def _resume(self, messages: list[Message], now: float) -> None:
        """Have those go on that may; `on_disk` is held."""
        core = self._core
        ready = [message for message in messages if core.settler.fell_due(message, now)]
        if ready:
            await core.store.commit.wait()
        for message in ready:
            core.lanes.resume(message)

    async def _count(self) -> None:
        core, accepted = self._core, self._core.counts.accepted
        core.waiting = dict(await core.store.count_waiting())
        core.unknown = await core.store.count(State.UNKNOWN)
        core.quiet = await core.store.count(State.QUIET)
        core.accepted_then = accepted

    async def _forget(self) -> None:
        core, now = self._core, self._core.clock()
        oldest, after = now - core.settings.gateway.retention, 0
        while True:
            following = await core.store.forget(oldest, after, PAGE)
            await core.store.commit.wait()
            if following is None:
                return
            after = following

    async def _forget_homes(self) -> None:
        limits, store = self._core.settings.gateway, self._core.store
        oldest = self._core.clock() - self._core.settings.home_hold
        while await store.forget_homes(oldest, limits.max_homes, PAGE):
            await store.commit.wait()

    async def _forget_ids(self) -> None:
        store = self._core.store
        oldest = self._core.clock() - self._core.settings.gateway.retention
        after: tuple[str, str] | None = ("", "")
        while after:
            after = await store.forget_ids(oldest, after, PAGE)
            await store.commit.wait()
