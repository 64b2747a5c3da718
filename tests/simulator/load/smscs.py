"""An SMSC for tests of the load client, on wires of memory: it answers as it is told, and keeps what it was sent."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import trio
from trio.testing import memory_stream_pair

from protocol.events import Event, Requested
from protocol.link import Link
from protocol.pdu import (
    BindTransceiver,
    BindTransceiverResp,
    DeliverSm,
    GenericNack,
    Pdu,
    SubmitSm,
    SubmitSmResp,
)
from protocol.receipt import Receipt, format_receipt
from protocol.session import Limits, Session
from protocol.states import Role
from simulator.load.plan import Numbers, Plan
from simulator.load.run import LoadFailed, Run
from simulator.load.smpp import Account, SmppClient

NUMBERS = Numbers(819012340000, 10_000, 12)


def make_plan(**fields: object) -> Plan:
    """A plan of short texts, without receipts unless told otherwise."""
    return Plan(**{"numbers": NUMBERS, "mix": {"gsm7": 1}, "receipts": False, "sender": "0005123456"} | fields)  # type: ignore[arg-type]  # the test's own


@dataclass(frozen=True, slots=True)
class Reply:
    """How a submit_sm is answered. delay: seconds; inf: never."""

    status: int = 0
    message_id: bytes = b""
    delay: float = 0.0
    nack: bool = False


def receipt(submit: SubmitSm, message_id: str, state: str = "DELIVRD") -> DeliverSm:
    """A receipt for a submit_sm."""
    said = Receipt(
        message_id, None, True, state_name=state, error="000", submit_date="2611220600", done_date="2611220600"
    )
    return DeliverSm(
        source_addr=submit.destination_addr,
        destination_addr=submit.source_addr,
        esm_class=4,
        short_message=format_receipt(said),
    )


@dataclass(slots=True)
class Smsc:
    """All connections of the SMSC."""

    nursery: trio.Nursery
    reply: Callable[[SubmitSm, int], Reply] = lambda _submit, n: Reply(message_id=b"%d" % n)
    """For the n-th submit_sm, from 0."""
    deliveries: Callable[[SubmitSm, int], Sequence[tuple[float, Pdu]]] = lambda _submit, _n: ()
    """What is sent because of it: (delay, PDU) pairs; with the delay 0, before the answer."""
    bind_status: int = 0
    refuse_connections: bool = False
    submits: list[SubmitSm] = field(default_factory=list)
    binds: list[BindTransceiver] = field(default_factory=list)
    most_open: int = 0
    links: list[Link] = field(default_factory=list)
    taken: Counter[int] = field(default_factory=Counter)
    """How many submits came over each link, by its place in `links`."""
    stalled_until: float = 0.0
    """Nothing is read before this time."""
    _open: int = 0

    async def connect(self) -> trio.abc.Stream:
        """Open a wire to it. Raises: LoadFailed: it is told to refuse."""
        if self.refuse_connections:
            raise LoadFailed("cannot connect: it is told to refuse")
        ours, theirs = memory_stream_pair()
        session = Session(Role.SMSC, Limits(window=1000), trio.current_time())
        link = Link(theirs, session, write_timeout=60.0)
        self.links.append(link)
        self.nursery.start_soon(link.run, lambda events: self._handle(link, events))
        return ours

    async def _handle(self, link: Link, events: list[Event]) -> None:
        await trio.sleep_until(self.stalled_until)
        for event in events:
            if isinstance(event, Requested) and isinstance(event.pdu, BindTransceiver):
                self.binds.append(event.pdu)
                link.session.respond(event.sequence_number, BindTransceiverResp(b"smsc"), self.bind_status)
            elif isinstance(event, Requested) and isinstance(event.pdu, SubmitSm):
                self._take(link, event.pdu, event.sequence_number)
        link.flush()

    def _take(self, link: Link, submit: SubmitSm, sequence: int) -> None:
        n = len(self.submits)
        self.submits.append(submit)
        self.taken[self.links.index(link)] += 1
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        for delay, pdu in self.deliveries(submit, n):
            if delay:
                self.nursery.start_soon(self._deliver, link, pdu, delay)
            else:
                link.session.request(pdu, trio.current_time())
        reply = self.reply(submit, n)
        if reply.delay:
            self.nursery.start_soon(self._answer, link, sequence, reply)
        else:
            self._respond(link, sequence, reply)

    def _respond(self, link: Link, sequence: int, reply: Reply) -> None:
        self._open -= 1
        pdu = GenericNack() if reply.nack else SubmitSmResp(reply.message_id)
        link.session.respond(sequence, pdu, reply.status)
        link.flush()

    async def _answer(self, link: Link, sequence: int, reply: Reply) -> None:
        await trio.sleep(reply.delay)
        self._respond(link, sequence, reply)

    async def _deliver(self, link: Link, pdu: Pdu, delay: float) -> None:
        await trio.sleep(delay)
        link.session.request(pdu, trio.current_time())
        link.flush()


async def load(smsc: Smsc, plan: Plan) -> Run:
    """Make the load, within an hour of virtual time."""
    run = Run(plan)
    with trio.fail_after(3600):
        await SmppClient(run, Account(b"load", b"secret"), smsc.connect).load()
    return run
