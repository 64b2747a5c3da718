"""A record of every part that was really taken: cheap to write, on disk, bounded, and looked into only when it is read.

The newest parts are kept as they are; every PARTS_PER_BLOCK of them are packed into a block, which a thread writes.
Where a block begins depends on the parts alone, so the same parts make the same rows. Verdicts and joined texts are
found when somebody reads: every part is looked at once then, 5 us each, and those that came since at the next reading.
"""

import sqlite3
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from time import sleep
from typing import Final, TypeVar

import trio

from protocol import alphabets
from protocol.constants import DATA_CODINGS, Coding, EsmClass
from protocol.joining import read_sar, split_udh
from protocol.pdu import SubmitSm
from simulator.blocks import Block, LedgerFailed, Shelf, pack, unpack
from simulator.parts import Entry, Part, describe, read_content
from simulator.query import Query
from simulator.verdicts import Examiner

__all__ = ["Entry", "Ledger", "LedgerFailed", "Part", "Query", "Shelf", "describe"]

T = TypeVar("T")

PARTS_PER_BLOCK: Final = 256
BLOCKS_AT_ONCE: Final = 64
"""Blocks written in one transaction."""

SCAN_PARTS: Final = 65_536
"""Parts looked through in one step of a search."""

MAX_TLV_OCTETS: Final = 1024**2
"""Optional parameters in one block: a message_payload may be as long as five hundred short messages (5.3.2.32)."""

MAX_OCTETS: Final = 2 * 1024**3
"""All blocks together; above it the oldest are forgotten, though there may be room for their number."""

MAX_WAITING_OCTETS: Final = 64 * 1024**2
"""Blocks in memory that the disk has not taken yet; above it the ledger is full."""

LAG_OCTETS: Final = 4 * 1024**2
LAG_SECONDS: Final = 0.0002
"""How long `take` sleeps with each block when so much is waiting: a loop that is never idle, but lets go of the
interpreter's lock often and briefly, can keep the thread from getting it for seconds."""

SAVE_SECONDS: Final = 1.0
"""How often the parts that fill no block yet are saved, in a file that has a name."""

_MAX_UNPACKED: Final = 32
_UDHI: Final = int(EsmClass.UDHI)
_UDH8: Final = b"\5\0\3"
_UDH8_NUMBER: Final = 5


class Ledger:
    """The last `size` parts, each under an index that grows by one and is never used again.

    Args: shelf: where blocks are kept, closed by `close`; None: in a temporary file. data_codings: how bodies are read.
    """

    def __init__(
        self, size: int, shelf: Shelf | None = None, data_codings: Mapping[int, Coding] = DATA_CODINGS
    ) -> None:
        self.on_part: list[Callable[[Sequence[Part]], None]] = []
        """Called by `run` with the parts that came since, in their order."""
        self._size = size
        self._shelf = shelf
        self._keeps = shelf is not None and shelf.keeps
        self._data_codings = data_codings
        self._blocks = deque(shelf.blocks() if shelf else ())
        """Oldest first; those that are not on disk yet are in `_waiting` too."""
        self._waiting: deque[Block] = deque()
        self._waiting_octets = 0
        self._octets = sum([block.octets for block in self._blocks])
        self._messages = sum([block.messages for block in self._blocks])
        self._floor = self._cleared_at = self._blocks[0].first if self._blocks else 0
        self.end = self._blocks[-1].end if self._blocks else 0
        """The index that the next part will have."""
        self._tail: list[Part] = []
        self._tail_messages = self._tail_octets = self._tail_saved = 0
        self._news: list[Part] = []
        self._told, self._wake = trio.Event(), trio.Event()
        self._writing, self._examining = trio.Lock(), trio.Lock()
        self._thread = trio.CapacityLimiter(1)
        self._examiner = Examiner(data_codings)
        self._unpacked: OrderedDict[int, list[Part]] = OrderedDict()

    @property
    def begin(self) -> int:
        """The index of the oldest part that is still kept."""
        return max(self._floor, self.end - self._size)

    @property
    def parts(self) -> int:
        """Parts taken since the last clear."""
        return self.end - self._cleared_at

    @property
    def messages(self) -> int:
        """Messages taken since the last clear: parts that stand alone, and last parts of the others."""
        return self._messages + self._tail_messages

    @property
    def forgotten(self) -> int:
        """Parts taken since the last clear that made room for newer ones."""
        return self.begin - self._cleared_at

    @property
    def full(self) -> bool:
        """Whether the disk is so slow that no more should be taken, for the ledger leaves none out."""
        return self._waiting_octets >= MAX_WAITING_OCTETS

    @property
    def waiting(self) -> int:
        """Messages that wait for parts, as far as was examined."""
        return self._examiner.waiting

    def take(self, part: Part) -> None:
        """Add a part and give it its index; the oldest is forgotten when there is no room. Never blocks."""
        part.index = self.end
        self.end += 1
        self._tail.append(part)
        submit = part.submit
        if submit.tlvs or submit.esm_class & _UDHI:
            self._weigh(submit)
        else:
            self._tail_messages += 1
        if self.on_part:
            if not self._news:
                self._told.set()
            self._news.append(part)
        if len(self._tail) >= PARTS_PER_BLOCK or self._tail_octets > MAX_TLV_OCTETS:
            self._close_block()

    def clear(self) -> None:
        """Forget everything, begun messages too; indexes go on."""
        self._floor = self._cleared_at = self.end
        self._blocks.clear()
        self._waiting.clear()
        self._unpacked.clear()
        self._tail, self._news = [], []
        self._messages = self._tail_messages = self._tail_octets = self._tail_saved = 0
        self._octets = self._waiting_octets = 0
        self._examiner = Examiner(self._data_codings)
        self._wake.set()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write what gathers and tell of it, for ever. Raises: LedgerFailed: the disk does not take it."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell)
            nursery.start_soon(self._write)
            if self._keeps:
                nursery.start_soon(self._save)
            task_status.started()

    async def close(self) -> None:
        """Write the rest, if the file is to be kept, and close it; nothing else may be called then.

        Raises: LedgerFailed: the disk does not take it.
        """
        with trio.CancelScope(shield=True):  # bounded by MAX_WAITING_OCTETS
            if self._keeps:
                await self._write_all()
                await self._save_tail()
            if self._shelf:
                await self._on_shelf(Shelf.close)

    async def examine(self, now: float) -> int:
        """Find the verdicts on all that was taken so far, and which parts make a message. now: seconds since 1970.

        Returns: the index up to which `read` knows them.
        """
        stop = self.end
        async with self._examining:
            while (index := max(self._examiner.end, self.begin)) < stop:
                examiner = self._examiner
                for part in await self._parts_at(index):
                    if part.index >= index:
                        examiner.take(part)
                await trio.lowlevel.checkpoint()
            self._examiner.forget(self.begin)
            self._examiner.expire(now)
        return stop

    async def read(self, query: Query, start: int, stop: int) -> tuple[list[Entry], int]:
        """Read some of the parts with indexes from start to stop - 1, as far as they are kept and wanted, in order.

        Returns: what was found, perhaps nothing, and where to go on; stop or more when that was all.
        """
        start = max(start, self.begin)
        bound = min(stop, start + SCAN_PARTS)
        if query.verdict is not None:
            start = self._examiner.find(query.verdict, start, bound)
        if start >= bound:
            return [], max(start, bound)
        block, needles = self._find(start), query.needles
        following = block.end if block else self.end
        if needles and block and not block.packed:
            bound = min(bound, self._memory_begin)
            found = await self._on_shelf(lambda shelf: shelf.search(needles, block.first, bound))
            if found is None:
                return [], bound
            start, following = max(start, found), found + 1
        parts = await self._parts_at(start)
        following = parts[-1].index + 1 if parts else following
        return await self._entries(query, [part for part in parts if start <= part.index < stop]), following

    async def read_back(self, query: Query, stop: int) -> tuple[list[Entry], int]:
        """Read some of the newest parts with indexes below stop, as far as they are kept and wanted, in order.

        Returns: what was found, perhaps nothing, and what to say as stop to go on; begin or less when that was all.
        """
        if stop <= self.begin:
            return [], stop
        block, needles = self._find(stop - 1), query.needles
        following = block.first if block else self.end - len(self._tail)
        if needles and block and not block.packed:
            oldest = self._find(max(stop - SCAN_PARTS, self.begin)) or block
            found = await self._on_shelf(lambda shelf: shelf.search(needles, oldest.first, block.end, newest=True))
            if found is None:
                return [], oldest.first
            following = found
        parts = await self._parts_at(max(following, self.begin))
        return await self._entries(query, [part for part in parts if self.begin <= part.index < stop]), following

    async def part(self, index: int) -> Part | None:
        """The part with an index; None when it is forgotten, or was not taken yet."""
        parts = await self._parts_at(index) if self.begin <= index < self.end else []
        place = index - parts[0].index if parts else -1
        return parts[place] if 0 <= place < len(parts) else None

    async def entry(self, part: Part, before: Entry | None = None) -> Entry:
        """All that was found out about a part. before: of any part; saves work when it is of the same message."""
        content, names = read_content(part.submit, self._data_codings), self._examiner.names(part.index)
        if content.concat is None or content.concat.total == 1:
            return Entry(part, content, (part.index,), content.text, names)
        if before and part.index in before.indexes:
            return Entry(part, content, before.indexes, before.joined, names)
        bodies: dict[int, tuple[int, bytes]] = {}
        for index in self._examiner.message(part.index):
            other = await self.part(index)
            if other is None:  # forgotten
                return Entry(part, content, (), None, names)
            found = read_content(other.submit, self._data_codings)
            bodies[found.concat.number if found.concat else 0] = index, found.body
        whole = [body for _, body in sorted(bodies.items())]
        octets = b"".join([body for _, body in whole])
        joined = alphabets.decode(octets, content.coding) if whole and content.coding else None
        return Entry(part, content, tuple([index for index, _ in whole]), joined, names)

    async def _entries(self, query: Query, parts: list[Part]) -> list[Entry]:
        found: list[Entry] = []
        last: Entry | None = None
        for part in parts:
            if query.wants(part) and (query.verdict is None or self._examiner.has(part.index, query.verdict)):
                last = await self.entry(part, last)
                found.append(last)
        return found

    @property
    def _memory_begin(self) -> int:
        """The index of the oldest part that is not on disk yet."""
        return self._waiting[0].first if self._waiting else self.end - len(self._tail)

    def _find(self, index: int) -> Block | None:
        """The block that has a part; None: it is one of the newest, in no block."""
        if not self._blocks or index >= self._blocks[-1].end:
            return None
        return self._blocks[max(bisect_right(self._blocks, index, key=attrgetter("first")) - 1, 0)]

    async def _parts_at(self, index: int) -> list[Part]:
        """All parts of the block that has an index in it; none when it is forgotten meanwhile."""
        block = self._find(index)
        if block is None:
            return self._tail.copy()
        parts = self._unpacked.get(block.first)
        if parts is None:
            packed = block.packed or await self._on_shelf(lambda shelf: shelf.read(block.first))
            parts = unpack(block.first, packed) if packed else []
            self._unpacked[block.first] = parts
            if len(self._unpacked) > _MAX_UNPACKED:
                self._unpacked.popitem(last=False)
        return parts

    def _weigh(self, submit: SubmitSm) -> None:
        message = submit.short_message
        if submit.tlvs:
            self._tail_octets += sum([len(value) for _, value in submit.tlvs])
        elif message.startswith(_UDH8) and len(message) > _UDH8_NUMBER:  # most of them; `split_udh` would take 0.7 us
            self._tail_messages += not 0 < message[_UDH8_NUMBER] < message[_UDH8_NUMBER - 1]
            return
        concat = split_udh(message, submit.esm_class)[0] or read_sar(submit.tlvs)
        self._tail_messages += concat is None or concat.number == concat.total

    def _close_block(self) -> None:
        block = self._pack_tail()
        self._messages += block.messages
        self._tail = []
        self._tail_messages = self._tail_octets = self._tail_saved = 0
        self._blocks.append(block)
        self._waiting.append(block)
        self._octets += block.octets
        self._waiting_octets += block.octets
        self._wake.set()
        if self._waiting_octets > LAG_OCTETS:
            sleep(LAG_SECONDS)
        while self._blocks and (self._octets > MAX_OCTETS or self._blocks[0].end <= self.begin):
            self._forget(self._blocks.popleft())

    def _pack_tail(self) -> Block:
        packed = pack(self._tail)
        return Block(self._tail[0].index, len(self._tail), self._tail_messages, len(packed), packed)

    def _forget(self, block: Block) -> None:
        self._octets -= block.octets
        self._floor = max(self._floor, block.end)
        if block.packed:
            self._settle(block)

    def _settle(self, block: Block) -> None:
        """A block waits for the disk no more."""
        if self._waiting and self._waiting[0] is block:
            self._waiting.popleft()
            self._waiting_octets -= block.octets

    async def _tell(self) -> None:
        while True:
            await self._told.wait()
            self._told = trio.Event()
            news, self._news = self._news, []
            for subscriber in self.on_part:
                subscriber(news)

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            await self._write_all()

    async def _save(self) -> None:
        while True:
            await trio.sleep(SAVE_SECONDS)
            await self._save_tail()

    async def _write_all(self) -> None:
        await self._write_some()  # though nothing waits: forgotten blocks are to go
        while self._waiting:
            await self._write_some()

    async def _write_some(self) -> None:
        async with self._writing:
            blocks = list(islice(self._waiting, BLOCKS_AT_ONCE))
            await self._put(blocks)
            for block in blocks:
                block.packed = b""
                self._settle(block)

    async def _save_tail(self) -> None:
        async with self._writing:
            if len(self._tail) > self._tail_saved:
                self._tail_saved = len(self._tail)
                await self._put([self._pack_tail()])

    async def _put(self, blocks: list[Block]) -> None:
        if not blocks and not self._shelf:
            return
        begin = self._blocks[0].first if self._blocks else self.end - len(self._tail)
        with trio.CancelScope(shield=True):  # bounded by the disk
            try:
                await self._on_shelf(lambda shelf: shelf.write(blocks, begin))
            except sqlite3.Error as error:
                raise LedgerFailed(f"the ledger can't be written: {error}") from None

    async def _on_shelf(self, act: Callable[[Shelf], T]) -> T:
        return await trio.to_thread.run_sync(self._act, act, limiter=self._thread)

    def _act(self, act: Callable[[Shelf], T]) -> T:
        if self._shelf is None:
            self._shelf = Shelf.nameless()
        return act(self._shelf)
