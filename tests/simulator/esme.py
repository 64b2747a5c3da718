"""An ESME for tests, on a wire of memory or a real one: it binds, submits, and keeps what it is handed."""

from collections.abc import Callable
from typing import TypeAlias

import trio

from protocol.events import Answered, BindRefused, Bound, Closed, Event, Requested
from protocol.link import Link
from protocol.pdu import BindTransceiver, DeliverSm, DeliverSmResp, Pdu, SubmitSm
from protocol.session import Limits, Session
from protocol.states import Role

Outcome: TypeAlias = Answered | Bound | BindRefused


def take_all(_delivery: DeliverSm) -> int | None:
    """Take every delivery."""
    return 0


class Esme:
    """One connection. take: the status to answer a delivery with; None leaves it unanswered."""

    def __init__(self, stream: trio.abc.Stream, take: Callable[[DeliverSm], int | None] = take_all) -> None:
        self.session = Session(Role.ESME, Limits(window=1000), trio.current_time())
        self.link = Link(stream, self.session, write_timeout=5.0)
        self.deliveries: list[DeliverSm] = []
        self.times: list[float] = []
        self.closed: Closed | None = None
        self._take = take
        self._asked = 0
        self._outcomes: dict[int, Outcome] = {}
        self._news = trio.Event()

    async def run(self) -> None:
        """Serve the connection to its end."""
        await self.link.run(self._see)

    async def ask(self, pdu: Pdu) -> Outcome:
        """Send a request and wait for its outcome."""
        sequence = self._asked = self.session.request(pdu, trio.current_time())
        self.link.flush()
        await self.wait(lambda: sequence in self._outcomes)
        return self._outcomes[sequence]

    async def bind(
        self, system_id: bytes = b"denpo", password: bytes = b"secret", cls: type = BindTransceiver
    ) -> Outcome:
        """Bind, and wait for the outcome."""
        return await self.ask(cls(system_id, password))

    async def submit(self, destination: bytes = b"819012345678", **fields: object) -> Answered:
        """Submit, asking for a receipt unless told otherwise, and wait for the answer."""
        submit = SubmitSm(destination_addr=destination, **{"registered_delivery": 1} | fields)  # type: ignore[arg-type]  # the test's own fields
        outcome = await self.ask(submit)
        assert isinstance(outcome, Answered)
        return outcome

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until something that came makes the condition true."""
        with trio.fail_after(3600):
            while not condition():
                self._news = trio.Event()
                await self._news.wait()

    async def wait_deliveries(self, number: int) -> list[DeliverSm]:
        """Wait until so many deliveries came."""
        await self.wait(lambda: len(self.deliveries) >= number)
        return self.deliveries

    async def _see(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Bound | BindRefused):
                self._outcomes[self._asked] = event  # nobody asks anything else while a bind is not answered
            elif isinstance(event, Answered):
                self._outcomes[event.sequence_number] = event
            elif isinstance(event, Requested):
                self._receive(event)
            elif isinstance(event, Closed):
                self.closed = event
        self.link.flush()
        self._news.set()

    def _receive(self, event: Requested) -> None:
        assert isinstance(event.pdu, DeliverSm)
        self.deliveries.append(event.pdu)
        self.times.append(trio.current_time())
        status = self._take(event.pdu)
        if status is not None:
            self.session.respond(event.sequence_number, DeliverSmResp(), status)
