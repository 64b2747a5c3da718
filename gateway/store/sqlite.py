"""The embedded store: SQLite in WAL mode, `synchronous = FULL`, one thread that commits while the loop goes on.

What is written gathers in one commit until the thread is free, or until it is much; then it is sealed: its rows are
made, and the thread takes it without asking the loop. So neither waits for the other while there is work for both.
"""

import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from math import inf
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TypeVar

import trio

from gateway.message import Message, State, recover, unpack, unpack_life
from gateway.store import Commit, Committed, Place, homes, spending, writing
from gateway.store import schema as sql
from gateway.store.checkpoints import Checkpoints
from gateway.store.folder import lock_folder

T = TypeVar("T")

DATABASE: Final = "denpo.sqlite3"
ACK_SECONDS: Final = 0.05
"""What clients acknowledge waits so long for a commit that is made anyway: to lose it only has events come again."""
LARGE: Final = 10
"""So many times as large as usual a commit may be while another waits for the thread."""


class SqliteStore:
    """See `gateway.store.Store`. `clock` gives Unix seconds; `leases` is asked before each commit (see `lanes.py`)."""

    def __init__(self, folder: Path, clock: Callable[[], float], most: int) -> None:
        """Args: most: messages, new and changed, above which another commit is begun."""
        self.committed: Committed = lambda commit: None
        self.leases: Callable[[Commit], dict[tuple[str, int], int]] = lambda commit: {}
        self.commits = 0
        """Commits so far."""
        self._path = str(folder / DATABASE)
        self._clock = clock
        self._most = most
        self._gathering: Commit | None = None
        self._sealed: deque[Commit] = deque()
        """Ready for the thread that commits."""
        self._written: deque[Commit] = deque()
        """On disk, and nobody has been told yet."""
        self._new = 0
        """New messages of which nobody has been told."""
        self._wake, self._landed = trio.Event(), trio.Event()
        self._acknowledged: dict[str, int] = {}
        """Not in a commit yet."""
        self._acknowledge_by = inf
        self.newest_cursor = 0
        """The highest cursor given to an event."""
        self.unacknowledged: dict[str, int] = {}
        """Events on disk, by client."""
        self.home_hold = 0.0
        self._last_key = 0
        self._write_limit = trio.CapacityLimiter(1)
        self._read_limit = trio.CapacityLimiter(1)

    async def open(self, unknown_until: float) -> None:
        """Open or make the database, and settle what a crash has left behind.

        Args: unknown_until: Unix seconds until which a part that was being sent may still be settled by a receipt.
        Raises: OSError, sqlite3.Error, ValueError: it can't be used.
        """
        await trio.to_thread.run_sync(self._open, unknown_until)

    async def run(self) -> None:
        """Commit what gathers, for ever. An error of the database is raised: nobody was told that it was kept."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell)
            await self._commit()

    async def _commit(self) -> None:
        token = trio.lowlevel.current_trio_token()
        while True:
            while not self._sealed and self._gathering is None:
                self._wake = trio.Event()
                with trio.move_on_at(self._acknowledge_by) as patience:
                    await self._wake.wait()
                if patience.cancelled_caught:
                    _ = self.commit
            await trio.lowlevel.checkpoint()  # what is woken by the same read adds to this commit, not to the next
            if not self._sealed:
                self._seal()
            with trio.CancelScope(shield=True):  # bounded by the disk; half a commit is none
                await trio.to_thread.run_sync(self._write_sealed, token, limiter=self._write_limit)

    async def _tell(self) -> None:
        while True:
            self._landed = trio.Event()
            self._tell_written()
            await self._landed.wait()

    def _tell_written(self) -> None:
        """Tell of the commits that are on disk, in their order."""
        while self._written:
            commit = self._written.popleft()
            self._count(commit)
            self.committed(commit)
            commit.done.set()

    async def close(self, *, clean: bool) -> None:
        """Write what has gathered and close. `clean`: nothing is left on the wire, so the next start doubts nothing."""
        self._tell_written()
        while self._sealed or self._gathering or self._acknowledged:
            _ = self.commit
            self._seal()
            token = trio.lowlevel.current_trio_token()
            await trio.to_thread.run_sync(self._write_sealed, token, limiter=self._write_limit)
            self._tell_written()
        if clean:
            self._connection.execute("DELETE FROM leases")
        await trio.to_thread.run_sync(self._checkpoints.close)
        self._reader.close()
        self._connection.close()
        os.close(self._lock)

    def seal_much(self) -> None:
        """Begin another commit when much has gathered; to be called only where nothing is half noted.

        While one waits for the thread, more may gather: where it can't keep up, larger commits cost less a message.
        """
        commit = self._gathering
        much = self._most * LARGE if self._sealed else self._most
        if commit and len(commit.added) + len(commit.changed) >= much:
            self._seal()

    def _seal(self) -> None:
        """Make the rows of what has gathered: what changes from now on belongs to the next commit."""
        commit = self.commit
        self._gathering = None
        commit.acknowledged, self._acknowledged, self._acknowledge_by = self._acknowledged, {}, inf
        commit.ahead = self._new
        commit.leases = self.leases(commit)
        commit.rows = writing.make_rows(commit, homes_matter=self.home_hold > 0)
        commit.size = len(commit.added)
        self._new += commit.size
        self._sealed.append(commit)

    @property
    def commit(self) -> Commit:
        """The commit that gathers what is written now; taking it has it written soon."""
        commit = self._gathering
        if commit is None:
            commit = self._gathering = Commit()
            self._wake.set()
        return commit

    def add(self, messages: Sequence[Message]) -> Commit:
        """Give each message its key and note it; after the commit `duplicates` tells which were there before."""
        now = int(self._clock() * 1e6)
        for message in messages:
            message.key = self._last_key = max(now, self._last_key + 1)
        self.seal_much()
        commit = self.commit
        commit.added += messages
        return commit

    def save(self, message: Message) -> None:
        """Note that a message has changed."""
        self.commit.changed[message.key] = message

    def name_part(self, carrier: str, carrier_id: str, key: int, n: int) -> None:
        """Note what a carrier calls a part."""
        self.commit.ids.append((carrier, carrier_id, key, n))

    def remember_home(self, number: str, carrier: str) -> None:
        """Note who took a number's message."""
        self.commit.homes[number] = carrier, self._clock()

    def emit(self, client: str, packed: bytes) -> None:
        """Note an event for a client."""
        self.emit_all(client, (packed,))

    def emit_all(self, client: str, packed: Sequence[bytes]) -> None:
        """Note events for a client, in order."""
        cursor = max(int(self._clock() * 1e6), self.newest_cursor + 1)
        self.newest_cursor = cursor + len(packed) - 1
        self.commit.events.setdefault(client, []).extend(zip(count(cursor), packed, strict=False))

    def acknowledge(self, client: str, cursor: int) -> None:
        """Note that a client is done with its events up to this cursor."""
        if not self._acknowledged:
            self._acknowledge_by = trio.current_time() + ACK_SECONDS
            self._wake.set()
        self._acknowledged[client] = max(cursor, self._acknowledged.get(client, 0))

    def keep_early(self, key: int, carrier: str, packed: bytes, at: float) -> None:
        """Note a receipt whose message is not known yet, under a new key. `at`: Unix seconds."""
        self.commit.early.append((key, carrier, packed, at))

    def forget_early(self, key: int) -> None:
        """Note that an early receipt is no longer needed."""
        self.commit.matched.append((key,))

    def keep_fragment(self, place: Place, body: bytes, at: float) -> None:
        """Note a part of a handset's message, instead of what was in its place. `at`: Unix seconds."""
        self.commit.fragments[place] = body, at

    def forget_fragments(self, places: Iterable[Place]) -> None:
        """Note that parts of handsets' messages are no longer needed."""
        self.commit.fragments.update(dict.fromkeys(places))

    def keep_repeat(self, key: int, digest: bytes) -> None:
        """Note a delivery that may come again, under a new key."""
        self.commit.repeats[key] = digest

    def forget_repeat(self, key: int) -> None:
        """Note that a delivery will not come again."""
        self.commit.repeats[key] = None

    async def waiting(self, plan: str, lane: int, after: int, limit: int) -> list[Message]:
        """Waiting messages of a lane with keys above `after`, oldest first."""
        query = f"SELECT {sql.COLUMNS} FROM messages WHERE state = 2 AND plan = ? AND lane = ? AND key > ?"
        query += " ORDER BY key LIMIT ?"
        return await self._at_home([unpack(row) for row in await self._fetch(query, plan, lane, after, limit)])

    async def queues(self) -> list[tuple[str, int]]:
        """The (plan, lane number) pairs that have waiting messages."""
        return await self._fetch(f"SELECT DISTINCT plan, lane FROM messages WHERE state = {State.WAITING:d}")

    async def due(self, now: float, after: tuple[float, int], limit: int) -> list[Message]:
        """Messages whose `due` has come, in order of (due, key), from above `after` on."""
        query = f"SELECT {sql.COLUMNS} FROM messages WHERE (due, key) > (?, ?) AND due <= ? ORDER BY due, key LIMIT ?"
        return await self._at_home([unpack(row) for row in await self._fetch(query, *after, now, limit)])

    async def find_parts(self, carrier: str, message_ids: Sequence[str]) -> dict[str, list[tuple[Message, int]]]:
        """The parts that a carrier calls so, newest first: an id may be used again. Of very many, the newest."""
        await self.commit.wait()
        rows = await self._read(sql.FIND_PARTS.select, [(id_,) for id_ in message_ids], carrier)
        found: dict[str, list[tuple[Message, int]]] = {}
        for id_, n, *row in sorted(rows, key=itemgetter(2), reverse=True):
            found.setdefault(id_, []).append((unpack(tuple(row)), n))
        return found

    async def find_messages(self, client: str, ids: Sequence[str]) -> dict[str, Message]:
        """A client's messages by its own ids."""
        rows = await self._read(sql.FIND_MESSAGES.select, [(id_,) for id_ in ids], client)
        return {row[2]: unpack(row) for row in rows}

    async def events(self, client: str, after: int, limit: int) -> list[tuple[int, bytes]]:
        """A client's events with cursors above `after`, in order."""
        query = "SELECT cursor, event FROM events WHERE client = ? AND cursor > ? ORDER BY cursor LIMIT ?"
        return await self._fetch(query, client, after, limit)

    async def early(self) -> list[tuple[int, str, bytes, float]]:
        """The early receipts as they were kept, in order of their keys."""
        return await self._fetch("SELECT key, carrier, receipt, at FROM early ORDER BY key")

    async def fragments(self) -> list[tuple[Any, ...]]:
        """The parts of handsets' messages, oldest first: rows of a place, a body, and its time."""
        return await self._fetch("SELECT * FROM fragments ORDER BY at")

    async def references(self, limit: int) -> list[tuple[str, str, int]]:
        """(sender, number, reference) of the newest long messages that a handset may still wait for, oldest first."""
        query = f"SELECT {sql.COLUMNS} FROM messages WHERE long AND state BETWEEN 4 AND 7 ORDER BY key DESC LIMIT ?"
        found = [unpack(row) for row in await self._fetch(query, limit)]
        return [(each.sender, each.to, each.reference) for each in reversed(found) if each.reference is not None]

    async def room(self) -> int:
        """Octets that can still be written: what the disk has left, and what is free in the database itself."""
        return await self._read(sql.room, self._path)

    async def forget_homes(self, before: float, most: int, limit: int) -> bool:
        """Forget who took numbers' messages before a time, and beyond `most` the oldest, so many at once.

        Returns: whether there may be more of them.
        """
        rows = await self._read(homes.oldest, before, most, limit)
        self.commit.forgotten_homes += rows
        return bool(rows)

    async def quiet(self, after: int, limit: int) -> list[Message]:
        """Messages put aside for quiet hours, with keys above `after`, oldest first."""
        query = f"SELECT {sql.COLUMNS} FROM messages WHERE state = 1 AND key > ? ORDER BY key LIMIT ?"
        return await self._at_home([unpack(row) for row in await self._fetch(query, after, limit)])

    async def count(self, state: State) -> int:
        """Messages that are unknown and not decided yet, or put aside for quiet hours: others have no index for it."""
        rows = await self._fetch(f"SELECT count(*) FROM messages WHERE state = {state:d}")
        return int(rows[0][0])

    async def count_waiting(self) -> list[tuple[int, int]]:
        """(lane number, waiting messages)."""
        return await self._fetch(f"SELECT lane, count(*) FROM messages WHERE state = {State.WAITING:d} GROUP BY lane")

    async def forget(self, before: float, after: int, limit: int) -> int | None:
        """Forget messages with which nothing more is to happen and nothing has since a time; looks at so many.

        Args: before: Unix seconds. after: the key to go on after, 0 at the beginning.
        Returns: where to go on; None at the end.
        """
        query = "SELECT key, life FROM messages WHERE key > ? AND key < ? AND state >= ? ORDER BY key LIMIT ?"
        rows = await self._fetch(query, after, int(before * 1e6), State.SUBMITTED, limit)
        idle = ((key,) for key, life in rows if all(part[3] < before for part in unpack_life(life)[2]))
        self.commit.forgotten += idle
        return rows[-1][0] if len(rows) == limit else None

    async def forget_ids(self, before: float, after: tuple[str, str], limit: int) -> tuple[str, str] | None:
        """Forget what carriers called parts of messages accepted before a time; looks at so many ids.

        Returns: where to go on; None at the end.
        """
        query = "SELECT carrier, id, key FROM carrier_ids WHERE (carrier, id) > (?, ?) ORDER BY carrier, id LIMIT ?"
        rows = await self._fetch(query, *after, limit)
        oldest = int(before * 1e6)
        for carrier, id_, key in rows:
            if key < oldest:
                self.commit.forgotten_ids.setdefault(carrier, []).append((id_,))
        return (rows[-1][0], rows[-1][1]) if len(rows) == limit else None

    async def repeats(self) -> list[tuple[int, bytes]]:
        """The digests of deliveries that may come again, in order of their keys."""
        return await self._fetch("SELECT key, digest FROM repeats ORDER BY key")

    async def spent(self) -> list[tuple[str, int, int, int]]:
        """Parts that were accepted for quotas: (client, kind of period, its number, parts), in order of clients."""
        return await self._fetch(spending.ALL)

    async def acknowledged(self, client: str) -> int:
        """The cursor up to which a client has acknowledged its events."""
        rows = await self._fetch("SELECT acknowledged FROM cursors WHERE client = ?", client)
        return int(rows[0][0]) if rows else 0

    async def _at_home(self, messages: list[Message]) -> list[Message]:
        """Tell messages who took their number's last one, where that may matter."""
        numbers = homes.seek(messages) if self.home_hold else []
        if numbers:
            homes.settle_in(messages, await self._read(homes.find, numbers, self._clock() - self.home_hold))
        return messages

    async def _fetch(self, query: str, *values: object) -> list[Any]:
        return await self._read(lambda connection: connection.execute(query, values).fetchall())

    async def _read(self, select: Callable[..., T], *values: object) -> T:
        return await trio.to_thread.run_sync(select, self._reader, *values, limiter=self._read_limit)

    def _open(self, unknown_until: float) -> None:
        self._lock = lock_folder(Path(self._path).parent)
        self._connection = sql.open_database(self._path)
        self._checkpoints = Checkpoints(self._path, self._connection)
        self._reader = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, cached_statements=256)
        self._reader.execute("PRAGMA query_only = ON")
        newest = self._connection.execute("SELECT max(key) FROM messages").fetchone()[0]
        self._last_key = newest or 0
        clients = list(sql.clients_told(self._connection))
        self.newest_cursor = max(sql.newest_cursors(self._connection, clients))
        count = "SELECT count(*) FROM events WHERE client = ?"
        self.unacknowledged = {each: self._connection.execute(count, (each,)).fetchone()[0] for each in clients}
        self._connection.execute("BEGIN IMMEDIATE")
        self._recover(unknown_until)
        self._connection.execute("COMMIT")

    def _recover(self, unknown_until: float) -> None:
        """Settle what the last run did not: its leases say what it may have sent without writing it down."""
        execute = self._connection.execute
        for lease in execute("SELECT plan, lane, key FROM leases").fetchall():
            execute(sql.DOUBT, lease)
        execute("DELETE FROM leases")
        interrupted = [unpack(row) for row in execute(f"SELECT {sql.COLUMNS} FROM messages WHERE state = 4").fetchall()]
        for message in interrupted:
            recover(message, unknown_until)
        sql.SAVE.run(self._connection, [writing.life_row(message) for message in interrupted])

    def _count(self, commit: Commit) -> None:
        self.commits += 1
        self._new -= commit.size
        numbers = self.unacknowledged
        for client, events in commit.events.items():
            numbers[client] = numbers.get(client, 0) + len(events)
        for client, gone in commit.let_go.items():
            numbers[client] = numbers.get(client, 0) - gone

    def _write_sealed(self, token: trio.lowlevel.TrioToken) -> None:
        """Write what is sealed, and what is being sealed meanwhile."""
        while self._sealed:
            commit = self._sealed.popleft()
            self._write(commit)
            self._written.append(commit)
            token.run_sync_soon(self._note_written, idempotent=True)
            if self._checkpoints.due():
                self._checkpoints.finish()

    def _write(self, commit: Commit) -> None:
        writing.write(self._connection, commit, self._clock() - self.home_hold)

    def _note_written(self) -> None:
        self._landed.set()
