"""What the SMSC hands over one bind: read, kept on disk, and only then answered."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from protocol.events import Requested
from protocol.link import Link
from protocol.operations import DataSm
from protocol.pdu import RESPONSES, DeliverSm, Pdu
from protocol.session import Session
from protocol.states import State

if TYPE_CHECKING:
    from gateway.carrier import Carrier


class Inbox:
    """The deliveries of one bind that are not answered yet. `run` it beside each link.

    Args: answered: is called when some have been answered.
    """

    def __init__(self, carrier: "Carrier", answered: Callable[[], None]) -> None:
        self.carrier = carrier
        self._answered = answered
        self._deliveries: list[tuple[DeliverSm, int, type[Pdu]]] = []
        """Read and not yet kept, with their sequence numbers."""
        self._keeping = 0
        """Deliveries that are being kept."""
        self._delivered, self._kept = trio.Event(), trio.Event()

    @property
    def held(self) -> int:
        """Deliveries that are owed an answer."""
        return len(self._deliveries) + self._keeping

    def add(self, event: Requested) -> None:
        """Note what the SMSC hands over; `wait_room` follows."""
        self._deliveries.append((_delivery(event.pdu), event.sequence_number, RESPONSES[event.pdu.id]))

    async def wait_room(self) -> None:
        """Have what was added kept, and wait while there is too much of it."""
        if self._deliveries:
            self._delivered.set()
            while len(self._deliveries) >= self.carrier.settings.max_undelivered:
                self._kept = trio.Event()
                await self._kept.wait()

    def link_lost(self) -> None:
        """Forget what was not answered: the SMSC will deliver it again."""
        self._deliveries.clear()
        self._keeping = 0

    async def run(self, session: Session, link: Link) -> None:
        """Answer deliveries once what they bring is on disk."""
        while True:
            while not self._deliveries:
                self._delivered = trio.Event()
                await self._delivered.wait()
            batch, self._deliveries = self._deliveries, []
            self._keeping = len(batch)
            pdus, core = [pdu for pdu, _, _ in batch], self.carrier.core
            try:
                statuses = await self.carrier.deliveries.keep(pdus)
            finally:
                if session.state is State.CLOSED:
                    core.incoming.unanswered(self.carrier.name, pdus, core.clock())
            for (_, sequence_number, response), status in zip(batch, statuses, strict=True):
                session.respond(sequence_number, response(), status)
            self._keeping = 0
            link.flush()
            self._kept.set()
            self._answered()


def _delivery(pdu: Pdu) -> DeliverSm:
    """What the SMSC hands over, a data_sm in the form of a deliver_sm; an ESME is asked nothing else (2.3)."""
    if isinstance(pdu, DeliverSm):
        return pdu
    assert isinstance(pdu, DataSm)
    return DeliverSm(**{name: getattr(pdu, name) for name, _ in DataSm.row})
