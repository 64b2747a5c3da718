"""The SMPP side of a load: binds that are kept bound and kept full, whatever SMSC is at the other end.

All answers of one read are settled in one go, then the window is filled again, and one flush sends it all.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import trio

from protocol.events import Answered, BindRefused, Bound, Closed, Event, LateAnswer, Requested, Unanswered
from protocol.link import Link
from protocol.pdu import BindTransceiver, DataSm, DataSmResp, DeliverSm, DeliverSmResp, Pdu, SubmitSmResp
from protocol.session import Limits, Session
from protocol.states import Role
from protocol.statuses import status_name
from simulator.load.prepared import Composer, Prepared
from simulator.load.receipts import Receipts
from simulator.load.run import LoadFailed, Run
from simulator.load.target import CONNECT_SECONDS, Connect

WRITE_SECONDS: Final = 30.0
UNBIND_SECONDS: Final = 2.0
REBIND_SECONDS: Final = 1.0
"""From the loss of a bind to the next attempt."""

_THANKS: Final[dict[type[Pdu], Pdu]] = {DeliverSm: DeliverSmResp(), DataSm: DataSmResp()}
"""How a delivery is answered."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who binds."""

    system_id: bytes
    password: bytes = field(default=b"", repr=False)


class SmppClient:
    """All binds of one load."""

    def __init__(self, run: Run, account: Account, connect: Connect) -> None:
        self.run = run
        self.account = account
        self.connect = connect
        self.composer = Composer(run.plan)
        self.receipts = Receipts(run)
        self._binds = [Bind(self) for _ in range(run.plan.binds)]
        self._turn = 0

    async def load(self) -> None:
        """Bind, send the load, unbind. Raises: LoadFailed, in groups: nobody is there, or a bind was refused."""
        async with trio.open_nursery() as nursery:
            for bind in self._binds:
                await nursery.start(bind.keep_bound)
            await self.run.drive(self._fill)
            for bind in self._binds:
                bind.unbind()
            nursery.cancel_scope.deadline = trio.current_time() + UNBIND_SECONDS

    def _fill(self, now: float) -> None:
        self._turn = (self._turn + 1) % len(self._binds)
        for bind in self._binds[self._turn :] + self._binds[: self._turn]:
            bind.fill(now)
            if self.run.plan.rate and not self.run.supply.waiting:
                break


class Bind:
    """One bind, over all its connections, one after the other."""

    def __init__(self, client: SmppClient) -> None:
        self.client = client
        self.run = client.run
        self._connection: Connection | None = None
        """The one that is bound."""
        self._parts: list[Prepared] = []
        """Of a message that did not fit into the window, the last one first."""
        self._due = 0.0
        """When that message should have left."""

    async def keep_bound(self, task_status: trio.TaskStatus[None]) -> None:
        """Stay bound until the load is over; started once it is bound. Raises: LoadFailed: it never was."""
        await self._connect(task_status)
        while not self.run.finished.is_set():
            with trio.move_on_after(REBIND_SECONDS):
                await self.run.finished.wait()
                return
            self.run.tally.rebinds += 1
            with suppress(LoadFailed):
                await self._connect(trio.TASK_STATUS_IGNORED)

    def join(self, connection: "Connection") -> None:
        """Use a connection from now on: it is bound."""
        self._connection = connection
        if self.run.finished.is_set():
            self.unbind()

    def leave(self) -> None:
        """Use no connection: it is closed."""
        self._connection = None

    def unbind(self) -> None:
        """End the session in order."""
        if self._connection:
            self._connection.session.unbind(trio.current_time())
            self._connection.link.flush()

    def fill(self, now: float) -> None:
        """Send as much as the window has room for and the load has due."""
        if self._connection is None:
            return
        session, parts, closed = self._connection.session, self._parts, not self.run.plan.rate
        request = session.request
        sent = session.room
        for n in range(sent):
            if not parts and not self._begin(now):
                sent = n
                break
            part = parts.pop()
            request(part, now, (now if closed else self._due, part.destination))
        if sent:
            self.run.tally.send(sent, now)
            self._connection.link.flush()

    def _begin(self, now: float) -> bool:
        due = self.run.supply.take(now)
        if due is None:
            return False
        self._due = due
        self._parts += self.client.composer.make()
        self.run.tally.requests += len(self._parts)
        return True

    async def _connect(self, task_status: trio.TaskStatus[None]) -> None:
        """Serve one connection to its end. Raises: LoadFailed: it was never bound."""
        connection = Connection(await self.client.connect(), self, task_status)
        await connection.link.run(connection.handle)
        if not connection.bound:
            raise LoadFailed(f"cannot bind: {connection.end}")


class Connection:
    """One session: what it tells is settled, what it has room for is sent."""

    def __init__(self, stream: trio.abc.Stream, bind: Bind, task_status: trio.TaskStatus[None]) -> None:
        plan, now = bind.run.plan, trio.current_time()
        limits = Limits(init_timeout=CONNECT_SECONDS, response_timeout=plan.wait, window=plan.window)
        self.session = Session(Role.ESME, limits, now)
        self.link = Link(stream, self.session, write_timeout=WRITE_SECONDS)
        self.bound = False
        self.end = ""
        """Why it ended."""
        self._bind = bind
        self._run = bind.run
        self._receipts = bind.client.receipts
        self._follow = plan.receipts
        self._task_status = task_status
        account = bind.client.account
        self.session.request(BindTransceiver(account.system_id, account.password), now)

    async def handle(self, events: list[Event]) -> None:
        """Settle the events of one read, and use the room that they make."""
        now = trio.current_time()
        answered: list[float] = []
        ended: list[float] = []
        for event in events:
            if isinstance(event, Answered):
                answered.append(event.tag[0])
                if self._follow or event.status or not isinstance(event.pdu, SubmitSmResp):
                    self._settle(event)
            elif isinstance(event, Requested):
                self._take_delivery(event, now, ended)
            else:
                self._take_rare(event, answered)
        if answered:
            self._run.tally.take_answers(answered, now)
        if ended:
            self._run.tally.take_ends(ended, now)
        if self.bound:
            self._bind.fill(now)
            self.link.flush()
        self._run.check(now)

    def _settle(self, event: Answered | LateAnswer) -> None:
        if event.status:
            self._run.tally.refused[status_name(event.status)] += 1
        elif not isinstance(event.pdu, SubmitSmResp):
            self._run.tally.refused["generic_nack"] += 1
        elif self._follow:
            self._receipts.accept(event.pdu.message_id, event.tag)

    def _take_delivery(self, event: Requested, now: float, ended: list[float]) -> None:
        pdu = event.pdu
        if isinstance(pdu, DeliverSm | DataSm):  # nothing else may be asked of us
            self.session.respond(event.sequence_number, _THANKS[type(pdu)])
            due = self._receipts.take(pdu, now)
            if due is not None:
                ended.append(due)

    def _take_rare(self, event: Event, answered: list[float]) -> None:
        tally = self._run.tally
        if isinstance(event, Unanswered):
            tally.unanswered += 1
        elif isinstance(event, LateAnswer):
            tally.unanswered -= 1
            answered.append(event.tag[0])
            self._settle(event)
        elif isinstance(event, Bound):
            self.bound = True
            self._bind.join(self)
            self._task_status.started()
        elif isinstance(event, BindRefused):
            self.end = f"refused with {status_name(event.status)}"
            self.link.close(self.end)
        elif isinstance(event, Closed):
            self.end = event.reason
            self._bind.leave()
            tally.unanswered += len(event.unanswered)
