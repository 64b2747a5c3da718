"""The store: what has been accepted, what became of it, and what clients have not acknowledged yet.

Writes are noted at once and committed together: whoever waits for a `Commit` shares it with everybody who wrote since
the last. Nobody is told "accepted", and no carrier is answered, before the commit that carries it is on disk.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import trio

from gateway.message import Message, State
from gateway.quotas import Spent

Place: TypeAlias = tuple[str, str, bytes, bytes, int, int, int, int, int]
"""Of a part of a handset's message: (client, carrier, source, destination, data_coding, bits of the reference,
reference, total, number)."""

Rows: TypeAlias = dict[str, list[Any]]
"""Of the tables that nearly every commit changes."""


@dataclass(slots=True)
class Commit:
    """What goes to disk together."""

    added: list[Message] = field(default_factory=list)
    """New messages; after the commit, those that were not there before."""
    duplicates: dict[int, Message] = field(default_factory=dict)
    """After the commit: the message that was there before, by the key of the one that repeats it."""
    spent: list[Spent] = field(default_factory=list)
    """What is counted of the new messages, unless they were there before."""
    changed: dict[int, Message] = field(default_factory=dict)
    ids: list[tuple[str, str, int, int]] = field(default_factory=list)
    """(carrier, carrier's message id, key, n)."""
    events: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    """By client: (cursor, packed event), in order."""
    acknowledged: dict[str, int] = field(default_factory=dict)
    homes: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Who took a number's last message: number -> (carrier, Unix seconds)."""
    forgotten_homes: list[tuple[str]] = field(default_factory=list)
    early: list[tuple[int, str, bytes, float]] = field(default_factory=list)
    """Receipts whose message is not known yet: (key, carrier, packed receipt, Unix seconds)."""
    matched: list[tuple[int]] = field(default_factory=list)
    """Keys of early receipts that have found their message, or were given up."""
    fragments: dict[Place, tuple[bytes, float] | None] = field(default_factory=dict)
    """Parts of handsets' messages that are not complete: (body, Unix seconds); None: it is to be forgotten."""
    repeats: dict[int, bytes | None] = field(default_factory=dict)
    """Digests of deliveries that may come again, by key; None: it is to be forgotten."""
    leases: dict[tuple[str, int], int] = field(default_factory=dict)
    """(plan, lane number) -> highest key that may be handed to a carrier."""
    let_go: dict[str, int] = field(default_factory=dict)
    """After the commit: how many of its events each client has acknowledged with it."""
    forgotten: list[tuple[int]] = field(default_factory=list)
    """Keys of messages to be deleted, in order."""
    forgotten_ids: dict[str, list[tuple[str]]] = field(default_factory=dict)
    """What carriers called parts of old messages, to be deleted where the message is: carrier -> (message id) rows."""
    rows: Rows = field(default_factory=dict)
    """Made when nothing more is added to it."""
    size: int = 0
    """New messages in it then."""
    ahead: int = 0
    """New messages in commits before it of which nobody had been told then."""
    done: trio.Event = field(default_factory=trio.Event)

    async def wait(self) -> None:
        """Return once everything in it is on disk, without letting others run if it is: who answers a client for many
        submits of one commit goes on with the next of them."""
        if not self.done.is_set():
            await self.done.wait()


class Store(Protocol):
    """What the gateway asks of a store. Reads see every commit that was waited for."""

    newest_cursor: int
    """The highest cursor given to an event."""
    unacknowledged: dict[str, int]
    """Events on disk, by client."""
    home_hold: float
    """Seconds for which messages are told who took their number's last one (`Message.home`); 0: they are not."""

    @property
    def commit(self) -> Commit:
        """The commit that gathers what is written now; taking it has it written soon."""

    def add(self, messages: Sequence[Message]) -> Commit:
        """Give each message its key and note it; after the commit `duplicates` tells which were there before."""

    def seal_much(self) -> None:
        """Begin another commit when much has gathered; to be called only where nothing is half noted."""

    def save(self, message: Message) -> None:
        """Note that a message has changed."""

    def name_part(self, carrier: str, carrier_id: str, key: int, n: int) -> None:
        """Note what a carrier calls a part."""

    def remember_home(self, number: str, carrier: str) -> None:
        """Note who took a number's message."""

    def emit(self, client: str, packed: bytes) -> None:
        """Note an event for a client."""

    def emit_all(self, client: str, packed: Sequence[bytes]) -> None:
        """Note events for a client, in order."""

    def acknowledge(self, client: str, cursor: int) -> None:
        """Note that a client is done with its events up to this cursor."""

    def keep_early(self, key: int, carrier: str, packed: bytes, at: float) -> None:
        """Note a receipt whose message is not known yet, under a new key. `at`: Unix seconds."""

    def forget_early(self, key: int) -> None:
        """Note that an early receipt is no longer needed."""

    def keep_fragment(self, place: Place, body: bytes, at: float) -> None:
        """Note a part of a handset's message, instead of what was in its place. `at`: Unix seconds."""

    def forget_fragments(self, places: Iterable[Place]) -> None:
        """Note that parts of handsets' messages are no longer needed."""

    def keep_repeat(self, key: int, digest: bytes) -> None:
        """Note a delivery that may come again, under a new key."""

    def forget_repeat(self, key: int) -> None:
        """Note that a delivery will not come again."""

    async def waiting(self, plan: str, lane: int, after: int, limit: int) -> list[Message]:
        """Waiting messages of a lane with keys above `after`, oldest first."""

    async def queues(self) -> list[tuple[str, int]]:
        """The (plan, lane number) pairs that have waiting messages."""

    async def due(self, now: float, after: tuple[float, int], limit: int) -> list[Message]:
        """Messages whose `due` has come, in order of (due, key), from above `after` on."""

    async def find_parts(self, carrier: str, message_ids: Sequence[str]) -> dict[str, list[tuple[Message, int]]]:
        """The parts that a carrier calls so, newest first: an id may be used again. Of very many, the newest."""

    async def find_messages(self, client: str, ids: Sequence[str]) -> dict[str, Message]:
        """A client's messages by its own ids."""

    async def events(self, client: str, after: int, limit: int) -> list[tuple[int, bytes]]:
        """A client's events with cursors above `after`, in order."""

    async def early(self) -> list[tuple[int, str, bytes, float]]:
        """The early receipts as they were kept, in order of their keys."""

    async def fragments(self) -> list[tuple[Any, ...]]:
        """The parts of handsets' messages, oldest first: rows of a place, a body, and its time."""

    async def repeats(self) -> list[tuple[int, bytes]]:
        """The digests of deliveries that may come again, in order of their keys."""

    async def spent(self) -> list[tuple[str, int, int, int]]:
        """Parts that were accepted for quotas: (client, kind of period, its number, parts), in order of clients."""

    async def acknowledged(self, client: str) -> int:
        """The cursor up to which a client has acknowledged its events."""

    async def forget(self, before: float, after: int, limit: int) -> int | None:
        """Forget messages with which nothing more is to happen and nothing has since a time; where to go on."""

    async def forget_ids(self, before: float, after: tuple[str, str], limit: int) -> tuple[str, str] | None:
        """Forget what carriers called parts of messages accepted before a time; where to go on, None at the end."""

    async def references(self, limit: int) -> list[tuple[str, str, int]]:
        """(sender, number, reference) of the newest long messages that a handset may still wait for, oldest first."""

    async def room(self) -> int:
        """Octets that can still be written. Raises: OSError: of the disk."""

    async def forget_homes(self, before: float, most: int, limit: int) -> bool:
        """Forget who took numbers' messages before a time, and beyond `most` the oldest; False when none is left so."""

    async def quiet(self, after: int, limit: int) -> list[Message]:
        """Messages put aside for quiet hours, with keys above `after`, oldest first."""

    async def count(self, state: State) -> int:
        """Messages that are unknown and not decided yet, or put aside for quiet hours; others are not counted."""

    async def count_waiting(self) -> list[tuple[int, int]]:
        """(lane number, waiting messages)."""


Committed = Callable[[Commit], Any]
"""Called in order with each commit that is on disk, before whoever waits for it goes on."""
