"""All carriers and all binds: what runs them, each for itself, has them follow the settings, and ends them together."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import trio

from gateway.bind import UNBIND_SECONDS, Bind
from gateway.carrier import Carrier
from gateway.tls import bind_context

if TYPE_CHECKING:
    from config.settings import Settings
    from gateway.core import Core


class Fleet:
    """`run` once; `stop` ends it."""

    def __init__(self, core: "Core") -> None:
        self.core = core
        self.carriers = {name: Carrier(name, core) for name in core.settings.carriers}
        self.binds = [
            Bind(carrier, number) for carrier in self.carriers.values() for number in range(len(carrier.settings.binds))
        ]
        self._leaving: list[Bind] = []
        """Binds that are no longer wanted as they are, until they have ended."""
        self._started, self._stopped = trio.Event(), trio.Event()
        self._nursery: trio.Nursery | None = None
        self._join_lanes()

    @property
    def clean(self) -> bool:
        """Whether nothing of ours can be on a wire."""
        return all(bind.session is None for bind in (*self.binds, *self._leaving))

    async def run(self) -> None:
        """Keep every bind bound until `stop`."""
        if self._stopped.is_set():
            return
        async with trio.open_nursery() as self._nursery:
            for bind in self.binds:
                self._nursery.start_soon(bind.run)
            self._started.set()
            await self._stopped.wait()

    def stop(self, patience: float) -> None:
        """Begin to wait so long for the answers owed to us, and unbind; what has not ended by then is ended."""
        self._stopped.set()
        if self._nursery is None:  # it has not begun, and now it does not
            return
        self._nursery.cancel_scope.deadline = trio.current_time() + patience + UNBIND_SECONDS
        for bind in self.binds:
            self._nursery.start_soon(bind.stop, patience)

    def check(self, settings: "Settings") -> None:
        """Look whether all binds of these settings could be made. Raises: OSError: a file of one is of no use."""
        for name, carrier in settings.carriers.items():
            for number, bind in enumerate(carrier.binds):
                bind_context(bind, f"{name}.{number}")

    async def follow(self) -> None:
        """Run what the core's settings say now; a bind that is as they say keeps its session and its window.

        The others are drained, each for itself, and those that are still wanted made again when they have ended. So
        long the lanes know the carriers that are gone, too: what they have a part of waits for what becomes of it.
        """
        await self._started.wait()
        settings, before = self.core.settings, self.binds
        self.carriers = {name: self._carrier(name) for name in settings.carriers}
        kept = {carrier: _match(carrier, before) for carrier in self.carriers.values()}
        leaving = {bind.name: bind for bind in before if not any(bind in binds for binds in kept.values())}
        self.binds = [
            bind or Bind(carrier, number) for carrier, binds in kept.items() for number, bind in enumerate(binds)
        ]
        fresh = {bind.name: bind for bind in self.binds if bind not in before}
        for name in fresh.keys() & leaving.keys():
            fresh[name].take_over(leaving[name])
        for binds in kept.values():
            for number, bind in enumerate(binds):
                if bind:
                    bind.follow(number)
        self._leaving += leaving.values()
        self._join_lanes()
        async with trio.open_nursery() as nursery:
            for name in leaving.keys() | fresh.keys():
                nursery.start_soon(self._replace, leaving.get(name), fresh.get(name))
        self.core.lanes.reconfigure(settings.gateway, settings.carriers)
        self._join_lanes()

    async def _replace(self, old: Bind | None, new: Bind | None) -> None:
        if old:
            await old.stop(self.core.settings.gateway.drain_timeout)
            await old.ended.wait()
            self._leaving.remove(old)
        if new and self._nursery and not self._stopped.is_set():
            self._nursery.start_soon(new.run)

    def _carrier(self, name: str) -> Carrier:
        """The carrier as it is when its profile is the same, else a new one."""
        carrier = self.carriers.get(name)
        if carrier is None or carrier.habits != self.core.settings.profile_of(name):
            return Carrier(name, self.core)
        carrier.reconfigure()
        return carrier

    def _join_lanes(self) -> None:
        """Have the lanes wake the binds of each carrier."""
        binds = [*self.binds, *self._leaving]
        names = {bind.carrier.name for bind in binds}
        self.core.lanes.wake = {name: _waker(bind for bind in binds if bind.carrier.name == name) for name in names}


def _match(carrier: Carrier, binds: Iterable[Bind]) -> list[Bind | None]:
    """By the carrier's array of binds: the one that is as it says, at the same place if there is one; None: none is."""
    left = [bind for bind in binds if bind.carrier is carrier]
    found: list[Bind | None] = [None] * len(carrier.settings.binds)
    for anywhere in (False, True):
        for number, wanted in enumerate(carrier.settings.binds):
            fitting = (each for each in left if each.fits(wanted) and (anywhere or each.number == number))
            bind = next(fitting, None) if found[number] is None else None
            if bind:
                left.remove(bind)
                found[number] = bind
    return found


def _waker(binds: Iterable[Bind]) -> Callable[[], None]:
    pumps = [bind.pump for bind in binds]

    def wake() -> None:
        for pump in pumps:
            pump.wake()

    return wake
