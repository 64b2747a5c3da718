"""The messages in memory, and what carriers call their parts: a bounded window; what falls out is found on disk."""

from collections import OrderedDict

import trio

from gateway.message import Message, Part, PartState, over


class Outstanding:
    """Messages by key while they wait, are sent, or await a receipt."""

    def __init__(self, limit: int) -> None:
        self.live: dict[int, Message] = {}
        self.on_disk = trio.Lock()
        """Held while messages that are only on disk are read and changed, so that there are never two copies of one."""
        self.dropped: dict[int, Message] | None = None
        """While somebody reads the disk: the messages that have left memory meanwhile, by key."""
        self._limit = limit
        self._awaiting: OrderedDict[int, Message] = OrderedDict()
        self._parts: dict[tuple[str, str], Part] = {}

    def __len__(self) -> int:
        return len(self._awaiting)

    def reading(self) -> "Reading":
        """Hold `on_disk`; gives the messages that leave memory meanwhile, of which the disk may not know the newest."""
        return Reading(self)

    def forget(self, left: dict[int, Message]) -> None:
        """Forget what has left memory while somebody read, as it would have been then."""
        self.dropped = None
        for message in left.values():
            if message.key not in self.live:
                self._forget_names(message)
                if over(message):
                    _let_go(message)

    def current(self, message: Message) -> Message:
        """The message itself, for what was read of it from disk: it may be in memory, or have left it since."""
        left = self.dropped or {}
        return self.live.get(message.key) or left.get(message.key, message)

    def name(self, carrier: str, carrier_id: str, part: Part) -> None:
        """Remember what a carrier calls a part. A newer part that is called the same takes the name over."""
        self._parts[carrier, carrier_id] = part

    def find(self, carrier: str, carrier_id: str) -> Part | None:
        """The part that a carrier calls so, if it is in memory."""
        return self._parts.get((carrier, carrier_id))

    def submitted(self, message: Message) -> None:
        """Note that a message only awaits its receipts; when there are too many, the oldest such leaves memory."""
        self._awaiting[message.key] = message
        if len(self._awaiting) > self._limit:
            oldest = self._awaiting[next(iter(self._awaiting))]
            self.drop(oldest)
            if self.dropped is None and oldest is not message and over(oldest, PartState.ACCEPTED):
                _let_go(oldest)

    def end(self, message: Message) -> None:
        """Let a message leave memory whose parts have had their last news: `drop` in a third of the time."""
        if self.dropped is not None or message.repeated or len(message.parts) > 1:
            self.drop(message)
            return
        self._awaiting.pop(message.key, None)
        self.live.pop(message.key, None)
        [part] = message.parts
        name = message.carrier, part.carrier_id
        if self._parts.get(name) is part:
            del self._parts[name]
        tries = part.tries
        if tries is not None and len(tries) == 1 and tries[0][3]:  # `over`
            del part.message

    def drop(self, message: Message) -> None:
        """Let a message leave memory: it is over, or waits on disk only."""
        self._awaiting.pop(message.key, None)
        if self.live.pop(message.key, None) and self.dropped is not None:
            self.dropped[message.key] = message
            return
        self._forget_names(message)
        if self.dropped is None and over(message):  # who reads may hold its parts for a receipt that comes twice
            _let_go(message)

    def _forget_names(self, message: Message) -> None:
        for part in message.parts:
            if self._parts.get((message.carrier, part.carrier_id)) is part:
                del self._parts[message.carrier, part.carrier_id]


class Reading:
    """See `Outstanding.reading`."""

    def __init__(self, outstanding: Outstanding) -> None:
        self._outstanding = outstanding
        self._left: dict[int, Message] = {}

    async def __aenter__(self) -> dict[int, Message]:
        await self._outstanding.on_disk.acquire()
        self._outstanding.dropped = self._left
        return self._left

    async def __aexit__(self, *_: object) -> None:
        try:
            self._outstanding.forget(self._left)
        finally:
            self._outstanding.on_disk.release()


def _let_go(message: Message) -> None:
    """Leave no cycle for the collector: it would take 5 us a message, and stop everything for 100 ms now and then."""
    for part in message.parts:
        if hasattr(part, "message"):
            del part.message
