"""An SMSC: listens, keeps its connections, and does for all of them what time brings.

`connection.py` deals with what one ESME sends; the scenario's behaviour says how.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from random import Random
from typing import Any, Final

import structlog
import trio

from config.addresses import TcpAddress
from config.scenario import AccountSettings
from protocol import link
from protocol.operations import Outbind
from protocol.pdu import DeliverSm
from protocol.session import Limits
from simulator.accounts import Accounts
from simulator.behaviour import Behaviour
from simulator.connection import SYSTEM_ID, Connection
from simulator.fates import Fates
from simulator.faults import LinkFault
from simulator.later import Later
from simulator.ledger import Ledger
from simulator.messages import Incoming, incoming_pdus
from simulator.outbox import Delivery, Outbox
from simulator.pcap import ends_of
from simulator.wire import Direction, Tap

STOP_SECONDS: Final = 3.0
"""How long stopping waits for the ESMEs to answer our unbind."""
LIMITS: Final = Limits(window=100, response_timeout=30.0, unbind_timeout=STOP_SECONDS, drain_timeout=STOP_SECONDS)
TICK_SECONDS: Final = 0.5
"""Between looks at what befalls the connections."""
HANDSHAKE_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 10.0
OUTBIND_SECONDS: Final = 5.0
"""Between an account's connection that has ended, or could not be made, and the next outbind."""

log = structlog.get_logger()

Tapping = Callable[[int, trio.abc.Stream, Direction], Sequence[Tap]]
"""What is to see the octets of a connection: by its number, its stream, and the direction in which it was opened."""


class NoReceiver(Exception):
    """No session that takes deliveries is bound, or none of the account asked for."""


class OutboxFull(Exception):
    """As many deliveries wait as may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the SMSC lets its ESMEs do. Times in seconds."""

    accounts: Sequence[AccountSettings] = ()
    """Who may bind; empty: anybody."""
    any_password: bool = False
    """Whether their passwords do not matter."""
    limits: Limits = LIMITS
    max_connections: int = 256
    max_pending: int = 1_000_000
    """Deliveries that may wait; above it a submit_sm is answered with ESME_RMSGQFUL."""
    retry_delay: float = 5.0
    """Until a delivery that was refused or not answered is sent again."""


class Smsc:
    """One SMSC on any number of listeners.

    Args: epoch: seconds since 1970 at the zero of Trio's clock. seed: of what is drawn here: garbage, shuffled parts.
    """

    def __init__(self, behaviour: Behaviour, ledger: Ledger, terms: Terms, epoch: float, seed: int = 0) -> None:
        self.behaviour = behaviour
        self.ledger = ledger
        self.terms = terms
        self.epoch = epoch
        self.random = Random(seed)
        self.accounts = Accounts(terms.accounts, any_password=terms.any_password)
        self.outbox = Outbox(terms.retry_delay)
        self.later = Later()
        self.fates = Fates()
        self.connections: dict[int, Connection] = {}
        self.to_flush: set[link.Link] = set()
        """Links with something to send, of which nobody else takes care."""
        self.tapping: Tapping = lambda _number, _stream, _opened_by: ()
        self.changed: Callable[[Connection], None] = lambda _connection: None
        """Is called when a connection is bound or gone."""
        self.settled: Callable[[], None] = lambda: None
        """Is called soon after ESMEs have taken deliveries, at most every TICK_SECONDS."""
        self.has_settled = False
        """Whether they have since."""
        self._numbers = count(1)
        self._references = count()
        self._until_due = trio.CancelScope()
        self._last_left = trio.Event()

    async def serve(self, listeners: list[Any], stop: trio.Event) -> None:
        """Serve until `stop` is set, then unbind every session; takes STOP_SECONDS more at most."""
        async with trio.open_nursery() as sessions:
            await sessions.start(self.ledger.run)
            sessions.start_soon(self._keep_time)
            sessions.start_soon(self._tick)
            async with trio.open_nursery() as doors:
                doors.start_soon(partial(trio.serve_listeners, self._accept, listeners, handler_nursery=sessions))
                for account in self.accounts.settings.values():
                    if account.outbind:
                        doors.start_soon(self._ask_to_bind, account, sessions)
                await stop.wait()
                doors.cancel_scope.cancel()
            with trio.move_on_after(STOP_SECONDS):
                await self._unbind_all()
            sessions.cancel_scope.cancel()

    def inject(self, incoming: Incoming, system_id: bytes | None = None) -> int:
        """Hand over what a handset sent, to a bound session of one account or of any.

        Returns: the number of parts.
        Raises: TextError: it cannot be carried. NoReceiver. OutboxFull.
        """
        pdus = incoming_pdus(incoming, next(self._references), self.random)
        found = self.outbox.receiver(system_id)
        if found is None:
            raise NoReceiver("no receiver or transceiver is bound" + (" for this system_id" if system_id else ""))
        if self.room <= 0:
            raise OutboxFull(f"{self.outbox.pending} deliveries are waiting")
        now = trio.current_time()
        for pdu in pdus:
            self.outbox.add(Delivery(self.outbox.incoming, *found, make=partial(_same, pdu)), now)
        self.deliver(now)
        return len(pdus)

    def strike(self, fault: LinkFault, value: float | None = None, session: int | None = None) -> int:
        """Let a link fault befall one connection, or all. value: seconds of HALF_OPEN, octets a second of SLOW.

        Returns: how many connections it has struck.
        """
        struck = [each for number, each in self.connections.items() if session in (None, number)]
        for connection in struck:
            made = self.behaviour.make_strike(fault, trio.current_time())
            connection.strike(made if value is None else made._replace(seconds=value), value or 0.0)
        return len(struck)

    @property
    def room(self) -> int:
        """How many more deliveries may wait; 0 or less when there are enough, or the ledger's disk can't keep up."""
        return 0 if self.ledger.full else self.terms.max_pending - self.outbox.pending

    def deliver(self, now: float) -> None:
        """Hand over what is due, and wake up for what comes next."""
        if self.later.next_due <= now:
            self.later.run(now)
        self.outbox.pump(now)
        while self.to_flush:
            self.to_flush.pop().flush()
        due = min(self.outbox.next_due, self.later.next_due)
        if due < self._until_due.deadline:
            self._until_due.deadline = due

    async def _accept(self, stream: trio.abc.Stream) -> None:
        """Serve a connection; it is closed when this returns."""
        if len(self.connections) >= self.terms.max_connections:
            log.warning("connection_refused", limit=self.terms.max_connections)
        elif await _shake_hands(stream):
            await self._run(self._connect(stream, Direction.RECEIVED))

    def _connect(self, stream: trio.abc.Stream, opened_by: Direction) -> Connection:
        number = next(self._numbers)
        taps = self.tapping(number, stream, opened_by)
        connection = self.connections[number] = Connection(self, number, stream, _peer(stream), taps)
        return connection

    async def _run(self, connection: Connection) -> None:
        try:
            await connection.run()
        finally:
            connection.ended.set()
            del self.connections[connection.number]
            if not self.connections:
                self._last_left.set()

    async def _ask_to_bind(self, account: AccountSettings, sessions: trio.Nursery) -> None:
        """Connect to an ESME that waits for it, and again whenever the connection has ended (SMPP 3.4, 2.2.1)."""
        assert account.outbind is not None
        while True:
            try:
                with trio.fail_after(CONNECT_SECONDS):
                    stream = await link.connect(account.outbind.host, account.outbind.port)
            except (OSError, trio.TooSlowError) as error:
                log.warning("outbind_failed", system_id=account.system_id, reason=_explain(error))
            else:
                connection = self._connect(stream, Direction.SENT)
                connection.ask_to_bind(Outbind(SYSTEM_ID))
                sessions.start_soon(self._run, connection)
                await connection.ended.wait()
            await trio.sleep(OUTBIND_SECONDS)

    async def _keep_time(self) -> None:
        while True:
            due = min(self.outbox.next_due, self.later.next_due)
            with trio.CancelScope(deadline=due) as self._until_due:
                await trio.sleep_forever()
            self.deliver(trio.current_time())

    async def _tick(self) -> None:
        """Let the scenario's link faults strike, each connection by itself, and tell of what was taken."""
        last = trio.current_time()
        while True:
            await trio.sleep(TICK_SECONDS)
            now = trio.current_time()
            for connection in list(self.connections.values()):
                connection.suffer(now, last)
            last = now
            if self.has_settled:
                self.has_settled = False
                self.settled()

    async def _unbind_all(self) -> None:
        for connection in self.connections.values():
            connection.unbind()
        while self.connections:
            self._last_left = trio.Event()
            await self._last_left.wait()


async def _shake_hands(stream: trio.abc.Stream) -> bool:
    """Do a TLS handshake; whether it went well, or there is none to do."""
    if not isinstance(stream, trio.SSLStream):
        return True
    try:
        with trio.fail_after(HANDSHAKE_SECONDS):
            await stream.do_handshake()
    except (trio.BrokenResourceError, trio.TooSlowError) as error:
        log.warning("handshake_failed", reason=_explain(error))
        return False
    return True


def _explain(error: BaseException) -> str:
    return "too slow" if isinstance(error, trio.TooSlowError) else link.explain(error)


def _peer(stream: trio.abc.Stream) -> str:
    """Who is at the other end, for people; empty when nobody is there any more."""
    ends = ends_of(stream)
    return TcpAddress(*ends[1]).authority if ends else ""


def _same(pdu: DeliverSm, *, plain: bool = False) -> DeliverSm:
    return pdu
