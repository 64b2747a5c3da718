"""What the SMSC hands over one bind: read, kept on disk, and only then answered."""

from collections import deque
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Final

import trio

from gateway.incoming import is_incoming
from protocol.events import Requested
from protocol.link import Link
from protocol.operations import DataSm
from protocol.pdu import RESPONSES, DeliverSm, Pdu
from protocol.session import Session
from protocol.states import State

if TYPE_CHECKING:
    from gateway.carrier import Carrier


DOUBT_SECONDS: Final = 5.0
"""When the peer was heard so long after an answer was written, the answer has arrived."""


class Inbox:
    """The deliveries of one bind that are not answered yet. `run` it beside each link.

    Args: answered: is called when some have been answered.
    """

    def __init__(self, carrier: "Carrier", answered: Callable[[], None]) -> None:
        self.carrier = carrier
        self._answered = answered
        self._deliveries: list[Requested] = []
        """Read and not yet kept."""
        self._keeping = 0
        """Deliveries that are being kept."""
        self._written: deque[tuple[float, list[DeliverSm]]] = deque()
        """Deliveries whose answers may not have arrived yet, with the time at which they were written."""
        self._delivered, self._kept = trio.Event(), trio.Event()

    @property
    def held(self) -> int:
        """Deliveries that are owed an answer."""
        return len(self._deliveries) + self._keeping

    def add(self, event: Requested) -> None:
        """Note what the SMSC hands over; `wait_room` follows."""
        self._deliveries.append(event)

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
        """Answer deliveries once what they bring is on disk; when the link ends, some may come again."""
        try:
            while True:
                while not self._deliveries:
                    self._delivered = trio.Event()
                    with trio.move_on_after(DOUBT_SECONDS if self._written else inf):
                        await self._delivered.wait()
                    self._confirm(session)
                await self._answer(session, link)
        finally:
            self._confirm(session)
            core = self.carrier.core
            for _, pdus in self._written:
                core.incoming.unanswered(self.carrier.name, pdus, core.clock())
            self._written.clear()

    async def _answer(self, session: Session, link: Link) -> None:
        batch, self._deliveries = self._deliveries, []
        self._keeping = len(batch)
        pdus, core = [_delivery(event.pdu) for event in batch], self.carrier.core
        try:
            statuses = await self.carrier.deliveries.keep(pdus)
        finally:
            if session.state is State.CLOSED:
                core.incoming.unanswered(self.carrier.name, pdus, core.clock())
        _respond(session, batch, statuses)
        self._keeping = 0
        link.flush()
        incoming = [
            pdu for pdu, status in zip(pdus, statuses, strict=True) if not status and is_incoming(pdu.esm_class)
        ]
        if incoming:
            self._written.append((trio.current_time(), incoming))
        self._kept.set()
        self._answered()

    def _confirm(self, session: Session) -> None:
        """Forget the answers that have arrived: long after they were written the link still lived."""
        core = self.carrier.core
        while self._written and self._written[0][0] + DOUBT_SECONDS < session.heard_at:
            core.incoming.answered(self.carrier.name, self._written.popleft()[1])


def _respond(session: Session, batch: list[Requested], statuses: list[int]) -> None:
    if not any(statuses) and all(type(event.pdu) is DeliverSm for event in batch):
        session.acknowledge([event.sequence_number for event in batch])
        return
    for event, status in zip(batch, statuses, strict=True):
        session.respond(event.sequence_number, RESPONSES[event.pdu.id](), status)


def _delivery(pdu: Pdu) -> DeliverSm:
    """What the SMSC hands over, a data_sm in the form of a deliver_sm; an ESME is asked nothing else (2.3)."""
    if isinstance(pdu, DeliverSm):
        return pdu
    assert isinstance(pdu, DataSm)
    return DeliverSm(**{name: getattr(pdu, name) for name, _ in DataSm.row})
