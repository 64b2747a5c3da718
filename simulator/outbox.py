"""What waits to be handed to an ESME: receipts and messages from handsets, by account, until they are answered for.

Pure but for the flush it calls: sessions are state machines, and the caller brings the time.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Final

from protocol.constants import VERSION_34
from protocol.record import Pdu
from protocol.session import Session

MAX_RETRIES: Final = 3
"""Times a delivery is sent again that was refused or not answered."""


@dataclass(slots=True, eq=False)
class Tally:
    """What became of deliveries of one kind. given_up: refused or not answered once too often."""

    pending: int = 0
    delivered: int = 0
    given_up: int = 0


@dataclass(slots=True, eq=False)
class Delivery:
    """One deliver_sm or data_sm that is owed to an account.

    Attributes: preferred: the session to use as long as it is bound. make: builds the PDU, anew for each try; plain:
        without optional parameters. elsewhere: any other session rather than the preferred one.
    """

    tally: Tally
    system_id: bytes
    preferred: Session
    make: Callable[..., Pdu]
    retries: int = 0
    elsewhere: bool = False


class Outbox:
    """Deliveries and the sessions that take them.

    Args: retry_delay: seconds until a delivery that was refused or not answered is sent again.
    """

    def __init__(self, retry_delay: float) -> None:
        self.receipts = Tally()
        self.incoming = Tally()
        self._retry_delay = retry_delay
        self._numbers = count()
        self._later: deque[tuple[float, list[Delivery]]] = deque()
        """In order of their times: the deliveries of each, in the order in which they were added."""
        self._earlier: list[tuple[float, int, Delivery]] = []
        """Those that were added when later ones waited already: a heap."""
        self._ready: dict[bytes, deque[Delivery]] = {}
        self._receivers: dict[bytes, dict[Session, Callable[[], None]]] = {}

    @property
    def pending(self) -> int:
        """Deliveries added and neither delivered nor given up."""
        return self.receipts.pending + self.incoming.pending

    @property
    def next_due(self) -> float:
        """When `pump` has something new to do; inf when nothing waits for a time."""
        due = self._later[0][0] if self._later else inf
        return min(due, self._earlier[0][0]) if self._earlier else due

    def receiver(self, system_id: bytes | None = None) -> tuple[bytes, Session] | None:
        """Find a bound session that takes deliveries, of one account or of any, and its account."""
        for account, sessions in self._receivers.items():
            if system_id is None or account == system_id:
                return account, next(iter(sessions))
        return None

    def join(self, system_id: bytes, session: Session, flush: Callable[[], None]) -> None:
        """Let a session take deliveries; `flush` is called after each batch that was given to it."""
        self._receivers.setdefault(system_id, {})[session] = flush

    def leave(self, system_id: bytes, session: Session, unanswered: list[Delivery]) -> None:
        """Let a session take no more; what it did not answer goes to the next one first, and is no retry."""
        sessions = self._receivers.get(system_id, {})
        sessions.pop(session, None)
        if not sessions:
            self._receivers.pop(system_id, None)
        if unanswered:
            self._ready.setdefault(system_id, deque()).extendleft(reversed(unanswered))

    def add(self, delivery: Delivery, due: float) -> None:
        """Owe a delivery from a time on."""
        delivery.tally.pending += 1
        self._wait(delivery, due)

    def settle(self, delivery: Delivery) -> None:
        """Note that a delivery was taken."""
        delivery.tally.pending -= 1
        delivery.tally.delivered += 1

    def fail(self, delivery: Delivery, now: float) -> None:
        """Note that a delivery was refused or not answered: it is sent again later, or given up."""
        if delivery.retries >= MAX_RETRIES:
            delivery.tally.pending -= 1
            delivery.tally.given_up += 1
            return
        delivery.retries += 1
        self._wait(delivery, now + self._retry_delay)

    def pump(self, now: float) -> None:
        """Give all that is due to the sessions that have room for it."""
        ready = self._ready
        while (due := self.next_due) <= now:
            for delivery in self._take(due):
                ready.setdefault(delivery.system_id, deque()).append(delivery)
        for system_id in [system_id for system_id in ready if system_id in self._receivers]:
            self._hand_over(system_id, now)
            if not ready[system_id]:
                del ready[system_id]

    def _wait(self, delivery: Delivery, due: float) -> None:
        """Have a delivery wait; mostly it is due no sooner than all others, and together with many."""
        later = self._later
        last = later[-1][0] if later else -inf
        if due == last:
            later[-1][1].append(delivery)
        elif due > last:
            later.append((due, [delivery]))
        else:
            heappush(self._earlier, (due, next(self._numbers), delivery))

    def _take(self, due: float) -> list[Delivery]:
        """What was added first of all that is due at the earliest time."""
        if self._later and self._later[0][0] == due:  # added before any in `_earlier` of the same time
            return self._later.popleft()[1]
        return [heappop(self._earlier)[2]]

    def _hand_over(self, system_id: bytes, now: float) -> None:
        receivers, waiting = self._receivers[system_id], self._ready[system_id]
        room = {session: session.room for session in receivers if session.room > 0}
        touched = set()
        while waiting and room:
            delivery = waiting.popleft()
            session = delivery.preferred if delivery.preferred in room else next(iter(room))
            if delivery.elsewhere:
                session = next((each for each in room if each is not delivery.preferred), session)
            if not _request(session, delivery, now):
                delivery.tally.pending -= 1
                delivery.tally.given_up += 1
                continue
            touched.add(session)
            room[session] -= 1
            if not room[session]:
                del room[session]
        for session in touched:
            receivers[session]()


def _request(session: Session, delivery: Delivery, now: float) -> bool:
    """Send a delivery; False when its body needs optional parameters and the peer is older than SMPP 3.4."""
    if session.peer_version >= VERSION_34:
        session.request(delivery.make(), now, delivery)
        return True
    pdu = delivery.make(plain=True)
    if getattr(pdu, "tlvs", ()):
        return False
    session.request(pdu, now, delivery)
    return True
