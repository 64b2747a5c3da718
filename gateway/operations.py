"""What people may do to a bind, or to all binds of a carrier, while the gateway runs: pause, resume, drain.

A name is a carrier's, "alpha", or a bind's, "alpha.0". What is paused is sent nothing new, only the rest of a message
that was begun, while receipts and messages from handsets still come; what is drained is unbound too, once that is sent
and the answers owed to us have come. Both last until `resume`, or a restart. A carrier all of whose binds are paused is
not up: what waits moves to others of its plan.
"""

from typing import TYPE_CHECKING

import structlog
import trio

if TYPE_CHECKING:
    from gateway.bind import Bind
    from gateway.fleet import Fleet

_log = structlog.get_logger()


class UnknownName(LookupError):
    """Neither a carrier nor a bind is called so; the text says which are."""


class Operations:
    """Acts on the binds of a fleet."""

    def __init__(self, fleet: "Fleet") -> None:
        self._fleet = fleet

    def pause(self, name: str) -> None:
        """Send nothing new. Raises: UnknownName."""
        for bind in self._find(name):
            bind.pause()
        _log.warning("paused", name=name)

    def resume(self, name: str) -> None:
        """Send again, and bind again what was drained. Raises: UnknownName."""
        for bind in self._find(name):
            bind.resume()
        _log.info("resumed", name=name)

    async def drain(self, name: str) -> None:
        """Begin nothing new, wait up to gateway.drain_timeout until what was begun is answered, unbind, stay unbound.

        Raises: UnknownName.
        """
        binds, patience = self._find(name), self._fleet.core.settings.gateway.drain_timeout
        _log.warning("draining", name=name)
        async with trio.open_nursery() as nursery:
            for bind in binds:
                nursery.start_soon(bind.drain, patience)

    def states(self) -> dict[str, str]:
        """By bind: up, down (it is being bound again), paused, draining, drained."""
        return {bind.name: bind.state for bind in self._fleet.binds}

    def _find(self, name: str) -> "list[Bind]":
        found = [bind for bind in self._fleet.binds if name in (bind.name, bind.carrier.name)]
        if not found:
            known = sorted({*self._fleet.carriers, *(bind.name for bind in self._fleet.binds)})
            raise UnknownName(f"no carrier or bind is called {name!r}; there are {', '.join(known)}")
        return found
