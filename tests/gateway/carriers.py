"""A carrier's SMSC for tests, on wires of memory: it answers as it is told, and remembers what it was given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import trio
import trio.testing

from protocol.codec import HEADER
from protocol.constants import HEADER_OCTETS, CommandId
from protocol.events import Answered, Closed, Event, Requested, Unanswered
from protocol.joining import split_udh
from protocol.link import Link
from protocol.pdu import RESPONSES, DeliverSm, Pdu, SubmitSm, SubmitSmResp
from protocol.session import Limits, Session
from protocol.states import Role

SECONDS: Final = 10_000.0
LIMITS: Final = Limits(window=1000, init_timeout=3600.0, response_timeout=3600.0, enquire_link_interval=3600.0)
RECEIPT: Final = 0x04
"""esm_class of a delivery receipt (5.2.12)."""


@dataclass(slots=True)
class Taken:
    """One submit_sm as it came. at: virtual seconds; bind: the connection's number; waiting: unanswered with it."""

    at: float
    bind: int
    submit: SubmitSm
    sequence: int
    waiting: int

    @property
    def part(self) -> int:
        """Its part number; 0 when it is a whole message."""
        header = split_udh(self.submit.short_message, self.submit.esm_class)[0]
        return header.number if header else 0

    @property
    def text(self) -> str:
        """Its text, which must be Japanese."""
        return split_udh(self.submit.short_message, self.submit.esm_class)[1].decode("utf-16-be")


Reply: TypeAlias = tuple[int, bytes] | None
"""command_status and message_id; None: no answer for now."""


class Smsc:
    """All connections of the gateway to one SMSC. Change `reply`, `accept_bind` and `unreachable` at will."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.taken: list[Taken] = []
        self.lines: list[Line] = []
        self.dialled: list[float] = []
        """When somebody tried to connect."""
        self.reply: Callable[[Taken], Reply] = self.number
        self.bind_status: Callable[[], int] = lambda: 0
        self.unreachable = False
        self._nursery = nursery
        self._news = trio.Event()

    def number(self, taken: Taken) -> Reply:
        """Accept, with the ids 1, 2, 3, … in the order in which the parts came."""
        return 0, str(self.taken.index(taken) + 1).encode()

    def after(self, seconds: float) -> Callable[[Taken], Reply]:
        """A reply that accepts each part so many seconds after it came."""

        async def answer_late(taken: Taken) -> None:
            await trio.sleep(seconds)
            reply = self.number(taken)
            if reply:
                self.lines[taken.bind].answer(taken, *reply)

        return lambda taken: self._nursery.start_soon(answer_late, taken)

    async def connect(self, _host: str, _port: int, _tls: object = None) -> trio.abc.Stream:
        """Stand in for `protocol.link.connect`."""
        await trio.lowlevel.checkpoint()
        self.dialled.append(trio.current_time())
        self.tell()
        if self.unreachable:
            raise OSError(111, "Connection refused")
        ours, theirs = trio.testing.memory_stream_pair()
        line = Line(self, len(self.lines), ours)
        self.lines.append(line)
        self._nursery.start_soon(line.run)
        return theirs

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until something that came makes the condition true."""
        with trio.fail_after(SECONDS):
            while not condition():
                self._news = trio.Event()
                await self._news.wait()

    async def wait_taken(self, number: int) -> list[Taken]:
        """Wait until so many submit_sm have come."""
        await self.wait(lambda: len(self.taken) >= number)
        return self.taken

    async def wait_bound(self, number: int) -> "Line":
        """Wait for the connection of this number, counted from 0, to be bound."""
        await self.wait(lambda: len(self.lines) > number and self.lines[number].bound)
        await trio.testing.wait_all_tasks_blocked()
        return self.lines[number]

    def tell(self) -> None:
        """Have those who wait look again."""
        self._news.set()


class _Session(Session):
    mute = False

    def receive(self, octets: bytes, now: float) -> list[Event]:
        return [] if self.mute and octets else super().receive(octets, now)


class Line:
    """One connection, from the SMSC's side."""

    def __init__(self, smsc: Smsc, number: int, stream: trio.abc.Stream) -> None:
        self.session = _Session(Role.SMSC, LIMITS, trio.current_time())
        self.link = Link(stream, self.session, write_timeout=60.0)
        self.bound = False
        self.closed = ""
        """Why it ended."""
        self.answers: dict[int, int] = {}
        """command_status of the answers to our deliver_sm, by sequence number."""
        self.requests: list[Pdu] = []
        """What it was asked, but submit_sm."""
        self._smsc = smsc
        self._number = number
        self._stream = stream
        self._waiting: set[int] = set()

    async def run(self) -> None:
        """Serve to the end."""
        await self.link.run(self._take)

    def answer(self, taken: Taken, status: int = 0, message_id: bytes = b"") -> None:
        """Answer a submit_sm that was left unanswered."""
        self._waiting.discard(taken.sequence)
        self.session.respond(taken.sequence, SubmitSmResp(message_id), status)
        self.link.flush()

    def deliver(self, pdu: Pdu) -> int:
        """Send a deliver_sm or a data_sm; returns its sequence number."""
        sequence = self.session.request(pdu, trio.current_time())
        self.link.flush()
        return sequence

    def deliver_body(self, body: bytes) -> int:
        """Send a deliver_sm with any octets as its body; returns its sequence number."""
        sequence = self.session.request(DeliverSm(), trio.current_time())
        self.session.data_to_send()
        self.session._queue(HEADER.pack(HEADER_OCTETS + len(body), CommandId.DELIVER_SM, 0, sequence) + body)
        self.link.flush()
        return sequence

    async def answered(self, sequence: int) -> int:
        """Wait for the answer to a deliver_sm; returns its command_status."""
        await self._smsc.wait(lambda: sequence in self.answers)
        return self.answers[sequence]

    def mute(self) -> None:
        """Read on, and never answer anything more."""
        self.session.mute = True

    async def cut(self) -> None:
        """Break the connection."""
        await trio.aclose_forcefully(self._stream)

    async def _take(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Requested):
                self._serve(event.pdu, event.sequence_number)
            elif isinstance(event, Answered):
                self.answers[event.sequence_number] = event.status
            elif isinstance(event, Closed):
                self.bound, self.closed = False, event.reason
            else:
                assert not isinstance(event, Unanswered)
        self.link.flush()
        self._smsc.tell()

    def _serve(self, pdu: Pdu, sequence: int) -> None:
        if isinstance(pdu, SubmitSm):
            self._waiting.add(sequence)
            taken = Taken(trio.current_time(), self._number, pdu, sequence, len(self._waiting))
            self._smsc.taken.append(taken)
            reply = self._smsc.reply(taken)
            if reply:
                self.answer(taken, *reply)
            return
        self.requests.append(pdu)
        status = self._smsc.bind_status()
        self.session.respond(sequence, RESPONSES[pdu.id](), status)
        self.bound = not status


def receipt(message_id: bytes, number: bytes = b"819012345678", state: bytes = b"DELIVRD") -> DeliverSm:
    """A final receipt for what the SMSC called so, from the handset's number (SMPP 3.4, Appendix B)."""
    text = b"id:" + message_id + b" sub:001 dlvrd:001 submit date:2606150000 done date:2606150001 stat:" + state
    return DeliverSm(
        source_addr=number, destination_addr=b"0005123456", esm_class=RECEIPT, short_message=text + b" err:000 text:"
    )
