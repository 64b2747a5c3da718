"""An ESME for tests, on a wire of memory or a real one: it binds, submits, and keeps what it is handed."""

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, TypeAlias

import trio

from protocol.codec import decode
from protocol.errors import SmppError
from protocol.events import Answered, BindRefused, Bound, Closed, Event, LateAnswer, Notified, Requested, Unanswered
from protocol.link import Link
from protocol.operations import DataSm, Outbind
from protocol.pdu import RESPONSES, BindTransceiver, DeliverSm, Pdu, SubmitSm
from protocol.session import Limits, Session
from protocol.states import Role
from simulator.wire import Direction, Frames, Wire

Outcome: TypeAlias = Answered | Bound | BindRefused | Unanswered
Delivered: TypeAlias = DeliverSm | DataSm

LIMITS = Limits(window=1000)


class Seen(NamedTuple):
    """One PDU of the SMSC, as it was on the wire, in the order of the wire."""

    time: float
    pdu: Pdu
    status: int
    sequence: int


def take_all(_delivery: Delivered) -> int | None:
    """Take every delivery."""
    return 0


class Esme:
    """One connection. take: the status to answer a delivery with; None leaves it unanswered."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        take: Callable[[Delivered], int | None] = take_all,
        limits: Limits = LIMITS,
    ) -> None:
        self.session = Session(Role.ESME, limits, trio.current_time())
        self.link = Link(Wire(stream, taps=[self._watch]), self.session, write_timeout=5.0)
        self.deliveries: list[Delivered] = []
        self.times: list[float] = []
        """When each delivery came."""
        self.seen: list[Seen] = []
        self.octets = b""
        """All that the SMSC sent."""
        self.late: list[LateAnswer] = []
        self.outbind: Outbind | None = None
        self.closed: Closed | None = None
        self.closed_at = 0.0
        self._take = take
        self._asked = 0
        self._outcomes: dict[int, Outcome] = {}
        self._news = trio.Event()
        self._frames = Frames()

    async def run(self) -> None:
        """Serve the connection to its end."""
        await self.link.run(self._see)

    def send(self, pdu: Pdu) -> int:
        """Send a request and do not wait; returns its sequence number."""
        sequence = self._asked = self.session.request(pdu, trio.current_time())
        self.link.flush()
        return sequence

    async def ask(self, pdu: Pdu) -> Outcome:
        """Send a request and wait for its outcome."""
        return await self.outcome(self.send(pdu))

    async def outcome(self, sequence: int) -> Outcome:
        """Wait for what becomes of a request."""
        await self.wait(lambda: sequence in self._outcomes)
        return self._outcomes[sequence]

    async def bind(
        self,
        system_id: bytes = b"denpo",
        password: bytes = b"secret",
        cls: type = BindTransceiver,
        version: int = 0x34,
    ) -> Outcome:
        """Bind, and wait for the outcome."""
        return await self.ask(cls(system_id, password, interface_version=version))

    def send_submit(self, destination: bytes = b"819012345678", **fields: object) -> int:
        """Submit, asking for a receipt unless told otherwise, and do not wait; returns the sequence number."""
        asked = {"registered_delivery": 1} | fields
        return self.send(SubmitSm(destination_addr=destination, **asked))  # type: ignore[arg-type]  # the test's own

    async def submit(self, destination: bytes = b"819012345678", **fields: object) -> Answered:
        """Submit, asking for a receipt unless told otherwise, and wait for the answer."""
        outcome = await self.outcome(self.send_submit(destination, **fields))
        assert isinstance(outcome, Answered)
        return outcome

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until something that came makes the condition true."""
        with trio.fail_after(3600):
            while not condition():
                self._news = trio.Event()
                await self._news.wait()

    async def wait_deliveries(self, number: int) -> list[Delivered]:
        """Wait until so many deliveries came."""
        await self.wait(lambda: len(self.deliveries) >= number)
        return self.deliveries

    async def wait_closed(self) -> Closed:
        """Wait for the end."""
        await self.wait(lambda: self.closed is not None)
        assert self.closed
        return self.closed

    def seen_of(self, *kinds: type[Pdu]) -> list[Seen]:
        """The PDUs of these classes, as they came."""
        return [each for each in self.seen if isinstance(each.pdu, kinds)]

    def _watch(self, direction: Direction, octets: bytes, now: float) -> None:
        if direction is Direction.RECEIVED:
            self.octets += octets
            for pdu in self._frames.cut(octets)[0]:
                with suppress(SmppError):  # it is no PDU, on purpose
                    self.seen.append(Seen(now, *decode(pdu)))
            self._news.set()

    async def _see(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Bound | BindRefused):
                self._outcomes[self._asked] = event  # nobody asks anything else while a bind is not answered
            elif isinstance(event, Answered | Unanswered):
                self._outcomes[event.sequence_number] = event
            elif isinstance(event, LateAnswer):
                self.late.append(event)
            elif isinstance(event, Requested):
                self._receive(event)
            elif isinstance(event, Notified):
                assert isinstance(event.pdu, Outbind)
                self.outbind = event.pdu
            elif isinstance(event, Closed):
                self.closed, self.closed_at = event, trio.current_time()
        self.link.flush()
        self._news.set()

    def _receive(self, event: Requested) -> None:
        assert isinstance(event.pdu, DeliverSm | DataSm)
        self.deliveries.append(event.pdu)
        self.times.append(trio.current_time())
        status = self._take(event.pdu)
        if status is not None:
            self.session.respond(event.sequence_number, RESPONSES[event.pdu.id](), status)
