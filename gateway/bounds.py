"""Whether there is room for more: on the disk, and among the events that a client has not acknowledged.

What was accepted before is always still told and kept; the room that is spared for it is `min_free`.
"""

from math import inf
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from config.settings import GatewaySettings
    from gateway.store import Store

_log = structlog.get_logger()


class Bounds:
    """Asked once for each batch; `look` before the first, and then every second."""

    def __init__(self, limits: "GatewaySettings", store: "Store") -> None:
        self.reconfigure(limits)
        self.room = inf
        """Octets that the store could still write when it was looked at last."""
        self._store = store
        self._said: set[str] = set()
        """Clients whose events were too many when they were looked at last."""

    def reconfigure(self, limits: "GatewaySettings") -> None:
        """Go by these settings from now on."""
        self._min_free, self._max_events = limits.min_free, limits.max_events

    @property
    def disk_full(self) -> bool:
        """Whether nothing new may be taken in: what carriers deliver then comes again later."""
        return self.room < self._min_free

    def clients_behind(self) -> set[str]:
        """Clients for which no new message may be taken in: too many of their events are unacknowledged."""
        return {client for client, number in self._store.unacknowledged.items() if number >= self._max_events}

    def refusal(self, client: str) -> str:
        """Why new messages of a client can't be accepted now; empty when they can."""
        if self.disk_full:
            return "the gateway's disk is nearly full; try again later"
        if self._store.unacknowledged.get(client, 0) >= self._max_events:
            return "too many events wait for this client to acknowledge them; do that first"
        return ""

    async def look(self) -> None:
        """See how much room there is, and say so in the log when that changes. Raises: OSError: of the disk."""
        was_full = self.disk_full
        self.room = await self._store.room()
        if self.disk_full and not was_full:
            reason = "less than min_free is left on the disk: nothing new is taken in until there is more"
            _log.error("disk_full", octets=self.room, reason=reason)
        elif was_full and not self.disk_full:
            _log.info("disk_has_room", octets=self.room)
        behind = self.clients_behind()
        for client in sorted(behind - self._said):
            reason = "it does not acknowledge its events: nothing new is taken in of it and for it until it does"
            _log.error("client_behind", client=client, events=self._store.unacknowledged[client], reason=reason)
        self._said = behind
