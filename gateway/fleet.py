"""All carriers and all binds: what runs them, each for itself, and ends them together."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import trio

from gateway.bind import UNBIND_SECONDS, Bind
from gateway.carrier import Carrier

if TYPE_CHECKING:
    from gateway.core import Core


class Fleet:
    """`run` once; `stop` ends it."""

    def __init__(self, core: "Core") -> None:
        self.core = core
        self.carriers: Final = {name: Carrier(name, core) for name in core.settings.carriers}
        self.binds = [
            Bind(carrier, number) for carrier in self.carriers.values() for number in range(len(carrier.settings.binds))
        ]
        self._stopped = trio.Event()
        self._nursery: trio.Nursery | None = None
        for name in self.carriers:
            core.lanes.wake[name] = self._waker(name)

    @property
    def clean(self) -> bool:
        """Whether nothing of ours can be on a wire."""
        return all(bind.session is None for bind in self.binds)

    def of(self, carrier: str) -> list[Bind]:
        """The binds of a carrier."""
        return [bind for bind in self.binds if bind.carrier.name == carrier]

    async def run(self) -> None:
        """Keep every bind bound until `stop`."""
        if self._stopped.is_set():
            return
        async with trio.open_nursery() as self._nursery:
            for bind in self.binds:
                self._nursery.start_soon(bind.run)
            await self._stopped.wait()

    def stop(self, patience: float) -> None:
        """Begin to wait so long for the answers owed to us, and unbind; what has not ended by then is ended."""
        self._stopped.set()
        if self._nursery is None:  # it has not begun, and now it does not
            return
        self._nursery.cancel_scope.deadline = trio.current_time() + patience + UNBIND_SECONDS
        for bind in self.binds:
            self._nursery.start_soon(bind.stop, patience)

    def _waker(self, carrier: str) -> Callable[[], None]:
        binds = self.of(carrier)

        def wake() -> None:
            for bind in binds:
                bind.pump.wake()

        return wake
