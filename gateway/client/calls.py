"""What callers ask over one connection after the other: gathered into frames, answered, repeated. No stream here."""

from collections import OrderedDict
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from gateway.client.errors import AnswerTimeout, ClientError
from gateway.client.parcel import Call, Parcel
from gateway.client.shapes import Welcome
from protocol.upstream import Frame, pack

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS: Final = ("ping", "cancel", "submit", "status", "preview")
LOOK_UP: Final = 100
"""Items in one frame that is not a submit: the answer is much longer than the question, and must fit a frame, too."""
LOOK_UPS: Final = 4
"""Frames of each such kind without an answer."""
MOST_ITEMS: Final = 0xFFFF


class Calls:
    """All calls of one client, whether they wait or are on their way."""

    full: Final = False

    def __init__(self) -> None:
        self.wake: Callable[[], None] = lambda: None
        """Has `outgoing` called."""
        self.welcome: Welcome | None = None
        """Of the connection; None: there is none."""
        self.reason = ""
        """Why there is none."""
        self._waiting: dict[str, OrderedDict[Call, None]] = {kind: OrderedDict() for kind in KINDS}
        """Calls with items that are not on their way."""
        self._asked: dict[int, Parcel] = {}
        """What was written on this connection and not answered, by tag."""
        self._tags = count(1)
        self._credit = 0
        self._stopping = False
        """This gateway takes no more messages; the next one does."""
        self._failure: ClientError | None = None

    def add(self, call: Call) -> None:
        """Take in a call. Raises: ClientError: there is no connection and won't be one."""
        if self._failure:
            raise ClientError(self._failure.code, self._failure.reason)
        if call.left:
            self._waiting[call.kind][call] = None
            self.wake()

    def drop(self, call: Call) -> None:
        """Forget a call whose caller waits no more: what of it was not written yet won't be."""
        call.dropped = True
        self._waiting[call.kind].pop(call, None)

    def end(self, call: Call, seconds: float) -> AnswerTimeout | None:
        """Give up on a call after so long without an answer: the error; None: it can be answered as it is now."""
        for number, result in call.put_off.items():
            if call.results[number] is None and number in call.todo:
                call.settle(number, result)
        if call.done:
            return None
        if not call.written:
            why = f"not connected, {self.reason}" if self.welcome is None else "the gateway has no room for it"
            return AnswerTimeout("connection", f"not sent within {seconds:g} s: {why}", call.results)
        reason = f"no answer within {seconds:g} s"
        if call.kind == "submit":
            reason += ": whether the gateway has taken the message is not known; submitting the same id again is safe"
        return AnswerTimeout("answer_timeout", reason, call.results)

    def greeted(self, welcome: Welcome) -> None:
        """Begin a connection."""
        self.welcome, self._credit, self._stopping = welcome, welcome["credit"], False

    def outgoing(self) -> bytes:
        """All frames that may be written now."""
        frames: list[bytes] = []
        for kind, waiting in self._waiting.items():
            while waiting and (parcel := self._gather(kind)):
                tag = next(self._tags)
                self._asked[tag] = parcel
                frames.append(parcel.seal(tag) if kind != "ping" else pack(["ping", tag]))
        return b"".join(frames)

    def take(self, frame: Frame) -> None:
        """Deal with a frame of the gateway's."""
        kind = frame[0]
        if kind == "result":
            self._settle(self._asked.pop(frame[1]), frame[2])
        elif kind == "credit":
            self._credit += frame[1]
        elif kind == "pong":
            self._settle(self._asked.pop(frame[1]), [True])
        elif kind == "error":
            self._refuse(self._asked.pop(frame[1]), ClientError(frame[2], frame[3]))
        self.wake()

    def lost(self, error: ClientError) -> None:
        """End a connection: what was not answered is asked again on the next, unless it is what broke this one."""
        self.welcome, self.reason = None, error.reason
        asked = [*self._asked.values()]
        self._asked.clear()
        for parcel in reversed(asked):
            if error.code == "bad_frame":
                self._fail(parcel, error)
            else:
                self._give_back(parcel)

    def failed(self, error: ClientError) -> None:
        """End everything: there won't be another connection."""
        self.lost(error)
        self._failure = error
        for waiting in self._waiting.values():
            for call in waiting:
                call.fail(error)
            waiting.clear()

    def _room(self, kind: str) -> int:
        assert self.welcome is not None
        if kind == "submit":
            most = min(self.welcome["max_batch"], MOST_ITEMS)
            return 0 if self._stopping else min(self._credit, most)
        busy = sum(parcel.kind == kind for parcel in self._asked.values())
        return 0 if busy >= LOOK_UPS else 1 if kind == "ping" else min(LOOK_UP, self.welcome["max_batch"])

    def _gather(self, kind: str) -> Parcel | None:
        """Fill a frame from the calls that wait, a few items of each in turn."""
        assert self.welcome is not None
        waiting = self._waiting[kind]
        parcel = Parcel(kind, self._room(kind), self.welcome["max_frame"])
        while waiting and parcel.room > 0:
            call, _ = waiting.popitem(last=False)
            parcel.fill(call)
            if call.todo:
                waiting[call] = None
        if kind == "submit":
            self._credit -= len(parcel)
        return parcel if len(parcel) else None

    def _settle(self, parcel: Parcel, results: list[Any]) -> None:
        if len(results) != len(parcel):
            raise ValueError("a result is needed for each item")
        left = iter(results)
        for call, numbers in parcel.slices:
            for number, result in zip(numbers, left, strict=False):
                if parcel.kind == "submit" and not result["ok"] and result["error"] == "shutting_down":
                    self._put_off(call, number, result)
                else:
                    call.settle(number, result)
            call.move()

    def _put_off(self, call: Call, number: int, result: Any) -> None:  # noqa: ANN401  # a map of the gateway's
        self._stopping = True
        call.put_off[number] = result
        call.todo.append(number)
        if not call.dropped:
            self._waiting["submit"][call] = None

    def _refuse(self, parcel: Parcel, error: ClientError) -> None:
        alone = not any(other.kind == "submit" for other in self._asked.values())
        if error.code != "no_credit" or (alone and len(parcel) == 1):
            self._fail(parcel, error)
            return
        self._credit = len(parcel) // 2 if alone else 0  # the rest comes with the answers of the others
        self._give_back(parcel)

    def _give_back(self, parcel: Parcel) -> None:
        """Have a frame's items asked again, before any others."""
        waiting = self._waiting[parcel.kind]
        for call, numbers in reversed(parcel.slices):
            if not call.dropped and call.error is None:
                call.todo.extendleft(reversed(numbers))
                waiting[call] = None
                waiting.move_to_end(call, last=False)

    def _fail(self, parcel: Parcel, error: ClientError) -> None:
        for call, _ in parcel.slices:
            self._waiting[parcel.kind].pop(call, None)
            call.fail(error)
