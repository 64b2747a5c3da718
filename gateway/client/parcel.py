"""A caller's request, and the frames that carry the items of many of them."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import anyio
import msgpack

from gateway.client.errors import ClientError
from protocol.upstream import pack

SLICE: Final = 50
"""Items of one call in a frame before it is the next one's turn: a single message never waits for a long list."""
HEAD_OCTETS: Final = 32
"""For what comes before a frame's items, at most."""
MAX_LEVELS: Final = 6
"""Of containers in a message: a frame may be nested 8 deep, and two levels hold the message."""


class Call:
    """One caller's request: items of one kind, each answered by itself."""

    def __init__(self, kind: str, items: Sequence[Any]) -> None:
        self.kind = kind
        self.items = items
        self.results: list[Any] = [None] * len(items)
        self.left = len(items)
        """Items without a result."""
        self.todo = deque(range(len(items)))
        """Numbers of the items that are not on their way."""
        self.put_off: dict[int, Any] = {}
        """What a gateway that was stopping said to items that are kept for the next one."""
        self.written = False
        """Something of it may have reached the gateway."""
        self.dropped = False
        self.error: ClientError | None = None
        self._moved = anyio.Event()

    @property
    def done(self) -> bool:
        """There is nothing more to wait for."""
        return not self.left or self.error is not None

    def settle(self, number: int, result: object) -> None:
        """Note an item's result."""
        self.results[number] = result
        self.left -= 1

    def fail(self, error: ClientError) -> None:
        """End it as a whole."""
        self.error = ClientError(error.code, error.reason)
        self.todo.clear()
        self.move()

    def move(self) -> None:
        """Let its caller look at it."""
        moved, self._moved = self._moved, anyio.Event()
        moved.set()

    async def wait(self, seconds: float) -> None:
        """Wait until it is done. Raises: TimeoutError: nothing has come for so long."""
        while not self.done:
            with anyio.fail_after(seconds):
                await self._moved.wait()


class Parcel:
    """One frame that is being filled."""

    def __init__(self, kind: str, items: int, octets: int) -> None:
        """Args: items: how many it may carry. octets: how long it may be."""
        self.kind = kind
        self.slices: list[tuple[Call, list[int]]] = []
        self.room = items
        self._limit = self._free = octets - HEAD_OCTETS
        self._packed: list[bytes] = []

    def __len__(self) -> int:
        return len(self._packed)

    def fill(self, call: Call) -> None:
        """Take in the next few items of a call; those that can't be sent are refused here and spoil nobody's frame."""
        numbers: list[int] = []
        refused = False
        while call.todo and self.room and len(numbers) < SLICE:
            number = call.todo.popleft()
            packed = self._pack(call, number)
            if packed is None:
                refused = True
            elif len(packed) > self._free:
                call.todo.appendleft(number)
                self.room = 0
            else:
                self._packed.append(packed)
                self._free -= len(packed)
                self.room -= 1
                numbers.append(number)
        if numbers:
            self.slices.append((call, numbers))
            call.written = True
        if refused:
            call.move()

    def seal(self, tag: int) -> bytes:
        """The whole frame."""
        head = b"\x93" + pack(self.kind) + pack(tag) + b"\xdc" + len(self._packed).to_bytes(2, "big")
        return head + b"".join(self._packed)

    def _pack(self, call: Call, number: int) -> bytes | None:
        item = call.items[number]
        try:
            packed = pack(item)
            wrong = _find_fault(item) or ("it is longer than a frame may be" if len(packed) > self._limit else "")
        except (TypeError, ValueError, OverflowError, msgpack.PackException):  # ValueError: also lone surrogates
            wrong = "it can't be packed: strings in UTF-8, octets, numbers, lists, and maps whose keys are strings can"
        if not wrong:
            return packed
        own = item.get("id") if isinstance(item, Mapping) else item
        code = "bad_message" if call.kind in ("submit", "preview") else "not_found"
        call.settle(number, {"id": own, "ok": False, "error": code, "detail": wrong})
        return None


def _find_fault(item: object, levels: int = MAX_LEVELS) -> str:
    """What would make the gateway close the connection, the other messages of the frame included."""
    if isinstance(item, dict):
        if not all(type(key) is str for key in item):
            return "a key is not a string"
        inner: Iterable[object] = item.values()
    elif isinstance(item, (list, tuple)):
        inner = item
    elif isinstance(item, (msgpack.ExtType, msgpack.Timestamp)):
        return "it has an ext type"
    else:
        return ""
    if not levels:
        return "it is nested too deep"
    for each in inner:
        if type(each) is not str and (wrong := _find_fault(each, levels - 1)):
            return wrong
    return ""
