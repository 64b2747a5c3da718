"""What waits to be sent: a bounded window in memory onto the store, by plan and lane, handed out by carrier and lane.

The disk is the truth. What arrives while the window has room is kept in memory as well; the rest is read again, in
order of keys, when the window runs low. Which carrier gets a message is decided on its way into the window, and anew
whenever a carrier goes up or down.

A lease says up to which key messages may have been handed out. It is on disk before they are, so after a crash it is
known which may have been sent; it stays close to the head of the lane, and moves only while a carrier is up: neither a
backlog nor an outage casts doubt on what was never sent.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
import trio

from gateway.message import LANE_NUMBERS, LANES, Message, State, untouched
from gateway.outstanding import Outstanding
from gateway.routing import Plan
from gateway.store import Commit, Store
from gateway.turns import Turns
from protocol.constants import Lane

if TYPE_CHECKING:
    from config.settings import GatewaySettings

_log = structlog.get_logger()

_WAITING: Final = State.WAITING
LEASE_AHEAD: Final = 500
"""Messages of a lane that may be handed out between two commits, and so may be doubted after a crash."""
READ: Final = 1000
"""Messages read from disk at once: the loop does nothing else while it makes them, 3 us each."""


@dataclass(slots=True)
class Feed:
    """One lane of one plan: how far the window has come."""

    plan: Plan
    target: str | None
    """The carrier that gets its messages; None when it depends on the message."""
    cursor: int = 0
    """Every message up to this key has been in the window, or is due later."""
    held: int = 0
    """Messages in the window."""
    behind: bool = False
    """Whether messages above the cursor wait on disk only; nothing is offered past them."""
    missed: bool = False
    """Whether any was offered while the disk was being read."""
    lease: int = 0


class Lanes:
    """All lanes. `outstanding` knows every message that is in memory, so that none is there twice."""

    def __init__(
        self, store: Store, settings: "GatewaySettings", outstanding: Outstanding, carriers: Iterable[str]
    ) -> None:
        self.up: set[str] = set()
        """Carriers with a bound bind."""
        self.wake: dict[str, Callable[[], None]] = {}
        """Called, by carrier, when there may be something to take."""
        self.strand: Callable[[Message], None]
        """Called for a message that must stay with its carrier, which is configured no more."""
        self._store = store
        self._outstanding = outstanding
        self._live = outstanding.live
        self._begun = False
        """Whether it is known what the last run has left waiting; until then every lane is behind."""
        self._feeds: dict[tuple[str, int], Feed] = {}
        self._ready: dict[str, tuple[deque[Message], ...]] = {}
        self._hungry = trio.Event()
        self._arrange(settings, carriers)

    def reconfigure(self, settings: "GatewaySettings", carriers: Iterable[str]) -> None:
        """Go by these settings from now on, and hand messages to these carriers.

        What waits for one that is gone moves to others of its plan, and without any waits on disk; what waits on disk
        for one that is there again is read.
        """
        waiting = self._clear()
        self._arrange(settings, carriers)
        self.up &= self._ready.keys()
        for (spelled, lane), feed in self._feeds.items():
            had, feed.plan = feed.plan, Plan.parse(spelled).among(self._ready)
            if had.carriers and not feed.plan.carriers:
                self._warn(spelled, lane)
            elif feed.plan.carriers and not had.carriers:
                feed.behind = feed.missed = True
        self._reassign(waiting)

    def _arrange(self, settings: "GatewaySettings", carriers: Iterable[str]) -> None:
        self._window = settings.lane_window
        self._low = self._window // 2
        """Messages in the window at which it is filled up again."""
        self._ready = {name: self._ready.get(name) or tuple(deque[Message]() for _ in Lane) for name in carriers}
        self._turns = {carrier: Turns(settings.lane_shares.fractions) for carrier in self._ready}

    def waiting(self, carrier: str) -> int:
        """Messages in memory for a carrier."""
        return sum(map(len, self._ready[carrier]))

    def offer(self, messages: Iterable[Message]) -> None:
        """Take in what has just been committed; what finds no room stays on disk."""
        touched = set()
        for message in messages:
            if message.state is not _WAITING:
                continue
            feed = self._feed(message.plan, LANE_NUMBERS[message.lane])
            if message.key <= feed.cursor or message.key in self._live:
                continue  # read from disk already, in the moment between the commit and this call
            if feed.behind or feed.held >= self._window or not feed.plan.carriers:
                feed.behind = feed.missed = True
                continue
            feed.cursor = message.key
            touched.add(self._push(feed, message))
        self._wake(touched)

    def resume(self, message: Message) -> None:
        """Take in an older message that may be sent (again), and waits on disk; without room it is read in its turn.

        The caller holds `outstanding.on_disk`, and the message's new state is on disk. One with a part on the wire, or
        unknown, stays in memory without room, too: an answer would change this copy of it and no other.
        """
        feed = self._feed(message.plan, LANE_NUMBERS[message.lane])
        if (feed.held < self._window or not untouched(message)) and feed.plan.carriers:
            self._wake({self._push(feed, message)})
        else:
            self._leave_on_disk(feed, message)

    def put_back(self, message: Message) -> None:
        """Have a message that was taken, and not accepted, go first again."""
        message.state = State.WAITING
        feed = self._feed(message.plan, LANE_NUMBERS[message.lane])
        if feed.plan.carriers:
            self._wake({self._push(feed, message)})
        else:
            self._leave_on_disk(feed, message)

    def move(self, message: Message) -> None:
        """Have a message go first at another carrier; it may still stand in the lane of the one it leaves."""
        if message.queued:
            self._pull(message)
        self.put_back(message)

    def begun(self, carrier: str) -> list[Message]:
        """What a carrier has, or may have, a part of, and waits for the rest to be sent."""
        waiting = (message for lane in self._ready[carrier] for message in lane if not untouched(message))
        return [each for each in waiting if each.key <= self._feed(each.plan, LANE_NUMBERS[each.lane]).lease]

    def take_begun(self, carrier: str) -> list[Message]:
        """Take just that: the last that a carrier gets which is to get nothing new."""
        taken = self.begun(carrier)
        for message in taken:
            self._pull(message)
        return [message for message in taken if message.state is State.WAITING]

    def take(self, carrier: str, parts: int) -> list[Message]:
        """Take messages for a carrier until they have so many parts; the last may have more.

        Upper lanes go first, yet each lane that waits gets its share, see `Turns`.
        """
        taken: list[Message] = []
        waiting = [number for number, lane in enumerate(self._ready[carrier]) if lane]
        if len(waiting) > 1:
            parts = self._take_turns(carrier, waiting, parts, taken)
        for number in waiting:  # what some leave, others may have
            if parts > 0:
                parts -= self._take_from(carrier, number, parts, taken)
        return taken

    def _take_turns(self, carrier: str, waiting: list[int], parts: int, taken: list[Message]) -> int:
        """Take messages of several lanes, each as its turn comes; returns how many parts are still wanted."""
        turns = self._turns[carrier]
        for number in waiting[1:]:
            if parts > 0 and turns.opens(number):
                parts -= self._take_turn(carrier, number, 1, taken, waiting)
        if parts > 0:
            for number, reserved in zip(waiting, turns.reserve(waiting, parts), strict=True):
                if parts > reserved:
                    parts -= self._take_turn(carrier, number, parts - reserved, taken, waiting)
        return parts

    def _take_turn(self, carrier: str, number: int, parts: int, taken: list[Message], waiting: list[int]) -> int:
        got = self._take_from(carrier, number, parts, taken)
        if got:
            self._turns[carrier].took(number, got, taken[-1].total, waiting)
        return got

    def _take_from(self, carrier: str, number: int, parts: int, taken: list[Message]) -> int:
        """Take messages of one lane until they have so many parts; returns how many they have."""
        lane, left = self._ready[carrier][number], parts
        while lane and left > 0:
            message = lane[0]
            feed = self._feeds[message.plan, number]
            if message.key > feed.lease:
                _ = self._store.commit  # the next commit moves the lease
                break
            lane.popleft()
            message.queued = False
            feed.held -= 1
            if message.state is _WAITING:
                left -= message.total
                taken.append(message)
            if feed.behind and feed.held <= self._low:
                self._hungry.set()
        return parts - left

    def carrier_up(self, carrier: str) -> None:
        """Note that a carrier has a bound bind: what waits may move to it."""
        self.up.add(carrier)
        self._reassign(self._clear())

    def carrier_down(self, carrier: str) -> None:
        """Note that a carrier has no bound bind left: what waits moves to others of its plan that are up."""
        self.up.discard(carrier)
        self._reassign(self._clear())

    def leases(self, commit: Commit) -> dict[tuple[str, int], int]:
        """The leases to write with a commit: for what stands first in each lane of a carrier that is up."""
        moved: dict[tuple[str, int], int] = {}
        for carrier in self.up:
            for number, lane in enumerate(self._ready[carrier]):
                if lane:
                    self._lease(moved, carrier, number, lane[min(len(lane), LEASE_AHEAD) - 1].key)
        added: dict[tuple[str, int], list[int]] = {}
        for message in commit.added:
            added.setdefault((message.plan, LANE_NUMBERS[message.lane]), []).append(message.key)
        for queue, keys in added.items():
            feed = self._feed(*queue)
            room = LEASE_AHEAD - feed.held - commit.ahead
            if room > 0 and not feed.behind and not self.up.isdisjoint(feed.plan.carriers):
                moved[queue] = max(moved.get(queue, 0), keys[min(len(keys), room) - 1])
        return moved

    def _lease(self, moved: dict[tuple[str, int], int], carrier: str, number: int, key: int) -> None:
        for queue, feed in self._feeds.items():
            if queue[1] == number and key > max(feed.lease, moved.get(queue, 0)) and carrier in feed.plan.carriers:
                moved[queue] = key

    def leased(self, leases: dict[tuple[str, int], int]) -> None:
        """Note that leases are on disk."""
        for queue, key in leases.items():
            feed = self._feed(*queue)
            feed.lease = max(feed.lease, key)
            self._wake(set(feed.plan.carriers))

    async def run(self) -> None:
        """Fill the windows from disk whenever they run low, for ever."""
        for plan, lane in await self._store.queues():
            if not self._feed(plan, lane).plan.carriers:
                self._warn(plan, lane)
        self._begun = True
        while True:
            self._hungry = trio.Event()
            for (plan, lane), feed in list(self._feeds.items()):
                while feed.behind and feed.held <= self._low and feed.plan.carriers:
                    await self._refill(plan, lane, feed)
            await self._hungry.wait()

    async def _refill(self, plan: str, lane: int, feed: Feed) -> None:
        outstanding = self._outstanding
        async with outstanding.reading() as left:
            await self._store.commit.wait()  # what has left memory before is on disk as it left
            feed.missed, room, after = False, min(self._window - feed.held, READ), feed.cursor
            found = await self._store.waiting(plan, lane, feed.cursor, room)
            if feed.cursor < after or not feed.plan.carriers:  # older ones were left on disk meanwhile, or all are
                return
            feed.behind = feed.missed or len(found) == room
            feed.cursor = found[-1].key if found else feed.cursor
            here = [message for message in found if message.key not in self._live and message.key not in left]
            touched = {self._push(feed, message) for message in here}
        if touched:
            _ = self._store.commit  # moves the lease
            self._wake(touched)

    def _pull(self, message: Message) -> None:
        """Take a message out of the middle of its lane."""
        number = LANE_NUMBERS[message.lane]
        next(lanes[number] for lanes in self._ready.values() if message in lanes[number]).remove(message)
        self._feed(message.plan, number).held -= 1
        message.queued = False

    def _feed(self, plan: str, lane: int) -> Feed:
        feed = self._feeds.get((plan, lane))
        if feed is None:
            known = Plan.parse(plan).among(self._ready)
            feed = self._feeds[plan, lane] = Feed(known, self._target(known), behind=not self._begun)
            self._hungry.set()
        return feed

    def _target(self, plan: Plan) -> str | None:
        return None if plan.weights or not plan.carriers else plan.choose(0, self.up)

    def _push(self, feed: Feed, message: Message) -> str:
        """Put a message into its lane, where its key belongs; the carrier that gets it, empty: none may."""
        owner = message.carrier and _owner(message)
        if owner and owner not in self._ready:
            self.strand(message)
            return ""
        carrier = owner or self._carrier(feed, message)
        if message.queued:
            return carrier
        self._live[message.key] = message
        message.queued = True
        feed.held += 1
        lane = self._ready[carrier][LANE_NUMBERS[message.lane]]
        if not lane or lane[-1].key < message.key:
            lane.append(message)
            return carrier
        earlier = []
        while lane[0].key < message.key:
            earlier.append(lane.popleft())
        lane.appendleft(message)
        lane.extendleft(reversed(earlier))
        return carrier

    def _carrier(self, feed: Feed, message: Message) -> str:
        """The carrier of the plan that a message which none has a part of goes to."""
        if message.attempts or message.home or message.disowned_by:
            return feed.plan.choose_again(message, self.up)
        return feed.target or feed.plan.choose(message.key, self.up)

    def _clear(self) -> list[Message]:
        """Take all messages out of all lanes, to be given to `_reassign`."""
        waiting = [message for lanes in self._ready.values() for lane in lanes for message in lane]
        for lanes in self._ready.values():
            for lane in lanes:
                lane.clear()
        return waiting

    def _reassign(self, waiting: list[Message]) -> None:
        for feed in self._feeds.values():
            feed.target = self._target(feed.plan)
            feed.held = 0
        for message in sorted(waiting, key=lambda message: message.key):
            message.queued = False
            feed = self._feeds[message.plan, LANE_NUMBERS[message.lane]]
            if message.state is State.WAITING and feed.plan.carriers:
                self._push(feed, message)
            elif message.state is State.WAITING:
                self._leave_on_disk(feed, message)
        self._hungry.set()
        _ = self._store.commit  # moves the leases of what may go now
        self._wake(set(self._ready))

    def _leave_on_disk(self, feed: Feed, message: Message) -> None:
        self._outstanding.drop(message)
        feed.behind = feed.missed = True
        feed.cursor = min(feed.cursor, message.key - 1)

    def _warn(self, plan: str, lane: int) -> None:
        reason = "messages wait for carriers that are not configured; they wait until one is"
        _log.warning("no_carrier", carriers=plan, lane=LANES[lane].value, reason=reason)

    def _wake(self, carriers: set[str]) -> None:
        for carrier in carriers:
            if carrier in self.wake:  # else it is new, and its binds are yet to come
                self.wake[carrier]()


def _owner(message: Message) -> str:
    """The carrier that a message stays with, as it has a part of it, or may have; empty: none."""
    stays = not untouched(message) or (message.repeated and message.carrier not in message.disowned_by)
    return message.carrier if stays else ""
