"""Settings and messages to test with, and a store in memory whose disk and whose slowness the test controls."""

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from operator import itemgetter
from typing import Any

import msgpack
import trio

from config.settings import OnUnknown, Settings
from config.wording import Loc
from gateway.message import LANE_NUMBERS, Message, Part, PartState, State, pack_body, pack_life, unpack
from gateway.store import Commit, Committed, Place
from protocol.constants import Lane
from tests.config.documents import plant

NOW = 1_800_000_000.0
"""Unix seconds at which most tests begin."""
TEXT = "ご予約を承りました。"
TO = "819012345678"


def settings(*plants: tuple[Loc, object]) -> Settings:
    """Settings with the client bank and the carriers alpha and beta; `plants`: (place, value) pairs to change."""
    tree: dict[str, Any] = {
        "clients": {"bank": {"secret": "open-sesame", "sender": "0005123456"}},
        "carriers": {
            name: {"binds": [{"host": "127.0.0.1", "system_id": "denpo", "password": "sesame"}]}
            for name in ("alpha", "beta")
        },
        "routes": [{"carriers": ["alpha"]}],
    }
    for loc, value in plants:
        plant(tree, loc, value)
    return Settings.model_validate(tree)


def message(key: int = 1, /, *states: PartState, **more: object) -> Message:
    """A message to send; with states, one whose parts are in them, at alpha. `more`: what is to differ."""
    made = Message(key, "bank", f"m{key}", TO, "0005123456", TEXT, Lane.NORMAL, "alpha", "ucs2", len(TEXT))
    made.parts = [Part(made, n, state) for n, state in enumerate(states, 1)]
    made.total, made.carrier = len(states) or 1, "alpha" if states else ""
    for name, value in more.items():
        setattr(made, name, value)
    return made


def row(message: Message) -> tuple[Any, ...]:
    """What a store keeps of a message, as `unpack` takes it."""
    report = message.on_unknown is OnUnknown.REPORT
    which = message.key, message.client, message.id, LANE_NUMBERS[message.lane], message.plan
    return *which, message.state, message.due or None, report, message.repeated, pack_body(message), pack_life(message)


class FakeStore:
    """A `Store` in memory. Nothing is on disk until `flush`.

    As with a real disk, what is written can be read a moment before anybody is told: `write`, then `tell`.
    """

    def __init__(self) -> None:
        self.newest_cursor = 0
        self.unacknowledged: dict[str, int] = {}
        self.free = 2**40
        """Octets on the disk."""
        self.home_hold = 0.0
        self.homes: dict[str, str] = {}
        self.committed: Committed = lambda commit: None
        self.leases: Callable[[Commit], dict[tuple[str, int], int]] = lambda commit: {}
        self.disk: dict[int, tuple[Any, ...]] = {}
        self.leased: dict[tuple[str, int], int] = {}
        self.names: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self.early_rows: dict[int, tuple[str, bytes, float]] = {}
        self.repeat_rows: dict[int, bytes] = {}
        self.fragment_rows: dict[Place, tuple[bytes, float]] = {}
        self.told: list[dict[str, Any]] = []
        """All events, noted or flushed, unpacked."""
        self.largest_read = 0
        self.slow: trio.Event | None = None
        """While there is one, reads take until it is set."""
        self.late = False
        """Whether they see what is on disk at their end, not at their beginning."""
        self._keys = count(1)
        self._pending: Commit | None = None
        self._written: Commit | None = None

    @property
    def commit(self) -> Commit:
        """The commit that gathers."""
        if self._pending is None:
            self._pending = Commit()
        return self._pending

    def seal_much(self) -> None:
        """Do nothing: what gathers goes to disk when the test says so."""

    def flush(self) -> None:
        """Put on disk what has gathered, and tell those who are told of a commit."""
        self.write()
        self.tell()

    def write(self) -> None:
        """Put on disk what has gathered: from now on reads see it, though nobody has been told."""
        self.tell()
        commit = self._written = self.commit
        commit.leases = self.leases(commit)
        self._pending = None
        for each in [*commit.added, *commit.changed.values()]:
            self.disk[each.key] = row(each)
        for queue, key in commit.leases.items():
            self.leased[queue] = max(key, self.leased.get(queue, 0))
        for carrier, id_, key, n in commit.ids:
            self.names.setdefault((carrier, id_), []).insert(0, (key, n))
        self.early_rows.update({key: (carrier, packed, at) for key, carrier, packed, at in commit.early})
        for (key,) in commit.matched:
            self.early_rows.pop(key, None)
        for key, digest in commit.repeats.items():
            self.repeat_rows.pop(key, None)
            if digest:
                self.repeat_rows[key] = digest
        for place, kept in commit.fragments.items():
            self.fragment_rows.pop(place, None)
            if kept:
                self.fragment_rows[place] = kept

    def tell(self) -> None:
        """Tell of what was written."""
        commit, self._written = self._written, None
        if commit is not None:
            self.committed(commit)
            commit.done.set()

    def on_disk(self, key: int) -> Message:
        """A message as it was flushed."""
        return unpack(self.disk[key])

    async def run(self) -> None:
        """Flush whatever has gathered, for ever."""
        while True:
            await trio.sleep(0.001)
            if self._pending is not None:
                self.flush()

    def add(self, messages: Sequence[Message]) -> Commit:
        """Give keys and note the messages."""
        for each in messages:
            each.key = next(self._keys)
        self.commit.added += messages
        return self.commit

    def save(self, message: Message) -> None:
        """Note that a message has changed."""
        self.commit.changed[message.key] = message

    def name_part(self, carrier: str, carrier_id: str, key: int, n: int) -> None:
        """Note what a carrier calls a part."""
        self.commit.ids.append((carrier, carrier_id, key, n))

    def remember_home(self, number: str, carrier: str) -> None:
        """Note who took a number's message."""
        self.homes[number] = carrier

    def emit(self, client: str, packed: bytes) -> None:
        """Note an event."""
        self.newest_cursor += 1
        self.commit.events.setdefault(client, []).append((self.newest_cursor, packed))
        self.told.append(msgpack.unpackb(packed))

    def emit_all(self, client: str, packed: Sequence[bytes]) -> None:
        """Note events."""
        for each in packed:
            self.emit(client, each)

    def acknowledge(self, client: str, cursor: int) -> None:
        """Note an acknowledgement."""
        self.commit.acknowledged[client] = cursor

    def keep_early(self, key: int, carrier: str, packed: bytes, at: float) -> None:
        """Note an early receipt."""
        self.commit.early.append((key, carrier, packed, at))

    def forget_early(self, key: int) -> None:
        """Note that an early receipt is no longer needed."""
        self.commit.matched.append((key,))

    def keep_fragment(self, place: Place, body: bytes, at: float) -> None:
        """Note a part of a handset's message."""
        self.commit.fragments[place] = body, at

    def forget_fragments(self, places: Iterable[Place]) -> None:
        """Note that parts of handsets' messages are no longer needed."""
        self.commit.fragments.update(dict.fromkeys(places))

    def keep_repeat(self, key: int, digest: bytes) -> None:
        """Note a delivery that may come again."""
        self.commit.repeats[key] = digest

    def forget_repeat(self, key: int) -> None:
        """Note that a delivery will not come again."""
        self.commit.repeats[key] = None

    async def waiting(self, plan: str, lane: int, after: int, limit: int) -> list[Message]:
        """Waiting messages of a lane, as they were on disk when the read began, or ended."""
        if self.late:
            await self._take_time()
        waiting = lane, plan, State.WAITING
        rows = sorted(row for row in self.disk.values() if row[3:6] == waiting and row[0] > after)[:limit]
        self.largest_read = max(self.largest_read, len(rows))
        if not self.late:
            await self._take_time()
        return [unpack(row) for row in rows]

    async def queues(self) -> list[tuple[str, int]]:
        """The queues that have waiting messages."""
        found = sorted({(row[4], row[3]) for row in self.disk.values() if row[5] == State.WAITING})
        await self._take_time()
        return found

    async def due(self, now: float, after: tuple[float, int], limit: int) -> list[Message]:
        """Messages that have fallen due."""
        rows = sorted((row for row in self.disk.values() if row[6] and row[6] <= now), key=lambda row: (row[6], row[0]))
        await self._take_time()
        return [unpack(row) for row in rows if (row[6], row[0]) > after][:limit]

    async def find_parts(self, carrier: str, message_ids: Sequence[str]) -> dict[str, list[tuple[Message, int]]]:
        """The parts that a carrier calls so, newest first."""
        await self.commit.wait()
        found = {id_: self.names[carrier, id_] for id_ in message_ids if (carrier, id_) in self.names}
        return {id_: [(unpack(self.disk[key]), n) for key, n in named] for id_, named in found.items()}

    async def find_messages(self, client: str, ids: Sequence[str]) -> dict[str, Message]:
        """A client's messages."""
        await self._take_time()
        return {row[2]: unpack(row) for row in self.disk.values() if row[1] == client and row[2] in ids}

    async def early(self) -> list[tuple[int, str, bytes, float]]:
        """The early receipts, in order of their keys."""
        await self._take_time()
        return [(key, *kept) for key, kept in sorted(self.early_rows.items())]

    async def fragments(self) -> list[tuple[Any, ...]]:
        """The parts of handsets' messages, oldest first."""
        await self._take_time()
        return sorted(((*place, *kept) for place, kept in self.fragment_rows.items()), key=itemgetter(-1))

    async def references(self, limit: int) -> list[tuple[str, str, int]]:
        """(sender, number, reference) of the newest long messages that a handset may still wait for, oldest first."""
        await self._take_time()
        found = [unpack(row) for row in self.disk.values() if State.SENDING <= row[5] <= State.REPORTED]
        long = [(each.sender, each.to, each.reference) for each in found if each.reference is not None]
        return long[-limit:]

    async def spent(self) -> list[tuple[str, int, int, int]]:
        """Nothing is counted here."""
        raise NotImplementedError

    async def repeats(self) -> list[tuple[int, bytes]]:
        """The digests of deliveries that may come again."""
        await self._take_time()
        return sorted(self.repeat_rows.items())

    async def room(self) -> int:
        """Octets that can still be written."""
        await self._take_time()
        return self.free

    async def quiet(self, after: int, limit: int) -> list[Message]:
        """Messages put aside for quiet hours."""
        await self._take_time()
        rows = sorted(row for row in self.disk.values() if row[5] == State.QUIET and row[0] > after)
        return [unpack(row) for row in rows[:limit]]

    async def count(self, state: State) -> int:
        """Messages in a state."""
        await self._take_time()
        return sum(row[5] == state for row in self.disk.values())

    async def count_waiting(self) -> list[tuple[int, int]]:
        """(lane number, waiting messages)."""
        await self._take_time()
        lanes = [row[3] for row in self.disk.values() if row[5] == State.WAITING]
        return [(lane, lanes.count(lane)) for lane in sorted(set(lanes))]

    async def events(self, client: str, after: int, limit: int) -> list[tuple[int, bytes]]:
        """What clients read: see `told`."""
        raise NotImplementedError

    async def acknowledged(self, client: str) -> int:
        """What clients read: see `told`."""
        raise NotImplementedError

    async def forget(self, before: float, after: int, limit: int) -> int | None:
        """Nothing is forgotten here."""
        raise NotImplementedError

    async def forget_homes(self, before: float, most: int, limit: int) -> bool:
        """Nothing is forgotten here."""
        raise NotImplementedError

    async def forget_ids(self, before: float, after: tuple[str, str], limit: int) -> tuple[str, str] | None:
        """Nothing is forgotten here."""
        raise NotImplementedError

    async def _take_time(self) -> None:
        if self.slow is None:
            await trio.lowlevel.checkpoint()
        else:
            await self.slow.wait()
