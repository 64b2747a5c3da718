"""SMSCs that do to each part what the story says; by their ledger the promises are judged.

It outlives the gateway. A receipt that was not answered with 0 is sent again, as SMSCs do, over whatever is bound.
"""

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Final

import trio
import trio.testing

from protocol.constants import BindType, CommandId
from protocol.events import Answered, Closed, Event, Refused, Requested
from protocol.joining import split_udh
from protocol.link import Link
from protocol.pdu import (
    RESPONSES,
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DeliverSm,
    GenericNack,
    Pdu,
    SubmitSm,
    SubmitSmResp,
)
from protocol.session import Limits, Session
from protocol.states import BOUND, Role, State
from tests.gateway.carriers import RECEIPT
from tests.promises.stories import MUTE, REFUSALS, RESPONSE_TIMEOUT, UNREACHABLE, Fault, Story
from tests.promises.wires import Fuse, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMITS: Final = Limits(window=1000, init_timeout=30.0, response_timeout=inf, enquire_link_interval=20.0)
MOMENT: Final = 0.01
"""Seconds that an answer takes, so that what it causes is later than what it answers."""
SLACK: Final = 1e-6
REPEAT: Final = 1.0
"""Seconds until a receipt comes once more, that was answered well."""
REDELIVERY: Final = 3.0
"""Seconds a receipt waits for its answer before it is sent again."""
_LATE: Final = RESPONSE_TIMEOUT + 1.0
_DELAYS: Final = {"slow": 0.5, "slower": 1.2, "late": _LATE, "late double other": _LATE}
_STATES: Final = {"failed": b"UNDELIV", "failed twice": b"UNDELIV", "expired": b"EXPIRED"}
_IDS: Final = 0x33E95179
_OTHER: Final = 123456
"""Never of a part."""
_REUSED: Final = 3
_BINDS: Final[dict[type[Pdu], BindType]] = {
    BindTransceiver: BindType.TRANSCEIVER,
    BindTransmitter: BindType.TRANSMITTER,
    BindReceiver: BindType.RECEIVER,
}


@dataclass(slots=True, eq=False)
class Entry:
    """One submit_sm as it came, and what was done with it. at: virtual seconds."""

    at: float
    life: int
    line: int
    bind: int
    number: str
    part: int
    total: int
    reference: int | None
    sequence: int
    waiting: int
    """Requests that were owed an answer on its line, itself included."""
    doubled: bool
    """Whether its sequence number was in use."""
    deed: str
    taken: bool = False
    id: bytes = b""
    state: bytes = b""
    """What its receipt says; empty: there is none."""
    lost: bool = False
    """Whether the receipt was lost on its way."""
    told: bool = False
    """Whether the gateway has answered the receipt with 0."""
    answered: float = inf
    """When the answer was written."""
    carrier: str = "alpha"


@dataclass
class Ledger:
    """Everything that was ever asked of the SMSC."""

    entries: list[Entry] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    """When each connection ended, by its number; inf: it has not."""
    unbound: int = 0
    """submit_sm that came over a session that was not bound."""
    life: int = 0
    """The gateway's life, counted from 0; the teller counts."""


class Smsc:
    """Serves every connection, of all carriers. `owed`: receipts that the gateway has not answered yet."""

    def __init__(self, nursery: trio.Nursery, story: Story) -> None:
        self.ledger = Ledger()
        self.owed = 0
        self.fuse = Fuse()
        """Of the gateway that lives now."""
        self.lines: list[Line] = []
        self._nursery = nursery
        self._story = story
        self._faults, self._statuses = iter(story.faults), iter(story.binds)
        self.answers: Iterator[str] = iter(story.answers)
        self._receipts = iter(story.receipts)
        self._free = {carrier: [b"%d" % n for n in range(1, _REUSED + 1)] for carrier in ("alpha", "beta")}
        """Ids to give again."""
        self._given = set[tuple[str, bytes, str]]()
        """Which number a carrier has given an id to: never again to the same, as it may be of one message."""

    async def connect(self, host: str, _port: int, _tls: object = None) -> trio.abc.Stream:
        """Stand in for `protocol.link.connect`; the host's name begins with the bind's number and its carrier."""
        await trio.lowlevel.checkpoint()
        status = next(self._statuses, 0)
        if status == UNREACHABLE:
            raise OSError(111, "Connection refused")
        theirs, ours = trio.testing.memory_stream_pair()
        line = Line(self, len(self.lines), host, status, theirs)
        self.lines.append(line)
        self.ledger.ends.append(inf)
        self._nursery.start_soon(line.run)
        return Wire(ours, self.fuse, next(self._faults, Fault()))

    def later(self, line: "Line", seconds: float, entry: Entry, pdu: Pdu, status: int = 0) -> None:
        """Answer a part after a while, if its connection is still there."""

        async def answer() -> None:
            await trio.sleep(seconds)
            line.answer(entry, pdu, status)

        self._nursery.start_soon(answer)

    def take(self, line: "Line", entry: Entry) -> None:
        """Take a part, or refuse it, and answer as the story says."""
        if entry.deed in REFUSALS:
            status = REFUSALS[entry.deed]
            refusal = GenericNack() if entry.deed == "nack" else SubmitSmResp()
            return self.later(line, _LATE if "late" in entry.deed else MOMENT, entry, refusal, status)
        entry.taken, entry.id = True, self._number(entry)
        if entry.deed == "cut":
            self._nursery.start_soon(line.cut)
        elif entry.deed != "silent":
            other = b"%d" % _OTHER if "other" in entry.deed else entry.id
            for n, id_ in enumerate((entry.id, other) if "double" in entry.deed else (entry.id,)):
                delay = _DELAYS.get(entry.deed, MOMENT) + n * MOMENT
                self.later(line, delay, entry, SubmitSmResp(id_))
        return None

    def promise(self, entry: Entry, pdu: SubmitSm) -> None:
        """Send the receipt of a part that was taken, if it asks for one."""
        if not entry.taken or not pdu.registered_delivery:
            return
        how = next(self._receipts, "ok")
        entry.state, entry.lost = _STATES.get(how, b"DELIVRD"), how == "lost"
        if not entry.lost:
            self.owed += 1
            self._nursery.start_soon(self._deliver, entry, how)

    def _number(self, entry: Entry) -> bytes:
        n = _IDS + 7 * sum(each.carrier == entry.carrier for each in self.ledger.entries)  # the other has the same ones
        free = self._free[entry.carrier]
        again = [id_ for id_ in free if (entry.carrier, id_, entry.number) not in self._given]
        if self._story.ids == "reused" and again:
            free.remove(again[0])
            self._given.add((entry.carrier, again[0], entry.number))
            return again[0]
        return {"decimal": b"%X", "upper": b"%x"}.get(self._story.ids, b"%d") % n

    def _spell(self, id_: bytes) -> bytes:
        if self._story.ids == "decimal":
            return b"%d" % int(id_, 16)
        return id_.upper()

    async def _deliver(self, entry: Entry, how: str) -> None:
        await trio.sleep(0.0 if how == "early" else 1.5 if how == "slow" else 2 * MOMENT)
        if how == "enroute first":
            await self._send(entry, how, b"ENROUTE")
        while not await self._send(entry, how, entry.state):  # noqa: ASYNC110  # an SMSC that tries again
            await trio.sleep(0.4)
        entry.told = True
        if len(entry.id) == 1:
            self._free[entry.carrier].append(entry.id)
        if how in ("double", "failed twice"):  # when another message may be called so
            await trio.sleep(REPEAT)
            await self._send(entry, how, entry.state)
        self.owed -= 1

    async def _send(self, entry: Entry, how: str, state: bytes) -> bool:
        """Send a receipt once; whether it was answered with 0."""
        lines = [line for line in self.lines if line.hears and line.carrier == entry.carrier]
        lines.sort(key=lambda line: (line.bind == entry.bind) == (how == "other"))
        if not lines:
            return False
        text = b"id:%b sub:001 dlvrd:001 submit date:2606150000 done date:2606150001 stat:%b err:000 text:"
        pdu = DeliverSm(
            source_addr=entry.number.encode(),
            destination_addr=b"0005123456",
            esm_class=RECEIPT if state != b"ENROUTE" else 0x20,
            short_message=text % (self._spell(entry.id), state),
        )
        return await lines[0].ask(pdu) == 0


class Line:
    """One connection."""

    def __init__(self, smsc: Smsc, number: int, host: str, status: int, stream: trio.abc.Stream) -> None:
        self.session = Session(Role.SMSC, LIMITS, trio.current_time())
        bind, self.carrier, _ = host.split(".")
        self.bind = int(bind)
        self._link = Link(stream, self.session, write_timeout=30.0)
        self._smsc = smsc
        self._number = number
        self._status = status
        self._type: BindType | None = None
        self._stream = stream
        self._waiting: dict[int, Entry] = {}
        self._asked: dict[int, tuple[trio.Event, list[int]]] = {}

    @property
    def hears(self) -> bool:
        """Whether receipts may be sent over it."""
        return self._type in (BindType.TRANSCEIVER, BindType.RECEIVER) and self.session.state in BOUND

    async def run(self) -> None:
        """Serve to the end."""
        await self._link.run(self._handle)

    async def cut(self) -> None:
        """Break it."""
        await trio.aclose_forcefully(self._stream)

    def answer(self, entry: Entry, pdu: Pdu, status: int) -> None:
        """Answer a part."""
        if self.session.state is State.CLOSED:
            return
        if self._waiting.get(entry.sequence) is entry:
            del self._waiting[entry.sequence]
            entry.answered = trio.current_time()
        self.session.respond(entry.sequence, pdu, status)
        self._link.flush()

    async def ask(self, pdu: Pdu) -> int:
        """Send a deliver_sm; returns its answer's status, or -1 when none comes."""
        sequence = self.session.request(pdu, trio.current_time())
        event, statuses = self._asked[sequence] = trio.Event(), list[int]()
        self._link.flush()
        with trio.move_on_after(REDELIVERY):
            await event.wait()
        return statuses[0] if statuses else -1

    async def _handle(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Requested):
                self._serve(event.pdu, event.sequence_number)
            elif isinstance(event, Answered):
                asked, statuses = self._asked.pop(event.sequence_number)
                statuses.append(event.status)
                asked.set()
            elif isinstance(event, Closed):
                self._smsc.ledger.ends[self._number] = trio.current_time()
                for asked, _ in self._asked.values():
                    asked.set()
            elif isinstance(event, Refused) and event.command_id == CommandId.SUBMIT_SM:
                self._smsc.ledger.unbound += 1
        self._link.flush()

    def _serve(self, pdu: Pdu, sequence: int) -> None:
        if isinstance(pdu, SubmitSm):
            entry = self._note(pdu, sequence)
            self._smsc.ledger.entries.append(entry)
            self._smsc.take(self, entry)
            self._smsc.promise(entry, pdu)
        elif self._status != MUTE:
            self.session.respond(sequence, RESPONSES[pdu.id](), self._status)
            self._type = None if self._status else _BINDS[type(pdu)]

    def _note(self, pdu: SubmitSm, sequence: int) -> Entry:
        now, ledger = trio.current_time(), self._smsc.ledger
        header, _ = split_udh(pdu.short_message, pdu.esm_class)
        part, total = (header.number, header.total) if header else (1, 1)
        reference = header.reference if header else None
        doubled = sequence in self._waiting
        owed = [each for each in self._waiting.values() if each.at > now - RESPONSE_TIMEOUT + SLACK]
        number = pdu.destination_addr.decode()
        deed = next(self._smsc.answers, "accept")
        entry = Entry(
            now,
            ledger.life,
            self._number,
            self.bind,
            number,
            part,
            total,
            reference,
            sequence,
            len(owed) + 1,
            doubled,
            deed,
            carrier=self.carrier,
        )
        self._waiting[sequence] = entry
        return entry
