"""The upstream side of a load: one connection that speaks the upstream protocol, version 1, to any gateway.

All events of the client are taken and acknowledged, as an application would; so a load needs a client of its own.
"""

import secrets
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final

import trio

from protocol.link import READ_OCTETS
from protocol.upstream import GATEWAY_KINDS, VERSION, Frame, Frames, pack
from simulator.load.run import LoadFailed, Run
from simulator.load.target import CONNECT_SECONDS, Connect
from simulator.load.texts import sequence

WRITE_SECONDS: Final = 30.0
MAX_FRAME_OCTETS: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 16
MESSAGE_OCTETS: Final = 1024
"""One message of ours packed, at most."""


@dataclass(frozen=True, slots=True)
class Client:
    """Which client of the gateway we are."""

    name: str
    secret: str = field(repr=False)


class UpstreamClient:
    """The connection of one load."""

    def __init__(self, run: Run, client: Client, connect: Connect) -> None:
        self.run = run
        self._client = client
        self._connect = connect
        self._credit = 0
        self._batch = run.plan.batch
        self._prefix = f"load-{secrets.token_hex(5)}-"
        """Ids are remembered by the gateway for days, so every run has its own."""
        self._texts = cycle(sequence(run.plan.mix, run.plan.seed))
        self._made = 0
        self._asked: dict[int, list[tuple[str, float]]] = {}
        """Submits without an answer, by tag: the id of each message, and when it should have left."""
        self._greeted = trio.Event()
        self._out: list[bytes] = []
        self._wake = trio.Event()

    async def load(self) -> None:
        """Greet, send the load, close. Raises: LoadFailed, in groups: nobody is there, or we were refused."""
        stream = await self._connect()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read, stream)
                nursery.start_soon(self._write, stream)
                await self._greet()
                await self.run.drive(self._fill)
                nursery.cancel_scope.cancel()
        finally:
            await trio.aclose_forcefully(stream)

    async def _greet(self) -> None:
        name, secret = self._client.name, self._client.secret
        self._queue(["hello", {"version": VERSION, "client": name, "secret": secret, "agent": "denpo load"}])
        self._queue(["subscribe", "events", {"after": None}])
        with trio.move_on_after(CONNECT_SECONDS):
            await self._greeted.wait()
        if self.run.failure or not self._greeted.is_set():
            raise LoadFailed(self.run.failure or f"no welcome within {CONNECT_SECONDS:g} s")

    def _queue(self, frame: Frame) -> None:
        self._out.append(pack(frame))
        self._wake.set()

    def _room(self) -> int:
        plan, tally = self.run.plan, self.run.tally
        busy = max(len(self.run.followed), tally.unsettled) if not plan.rate else tally.unsettled
        return min(plan.window - busy, self._credit)

    def _fill(self, now: float) -> None:
        """Submit what is due and has room. In a closed loop a batch waits until it is whole."""
        while (room := self._room()) > 0:
            if not self.run.plan.rate and room < self._batch <= self.run.plan.count - self.run.supply.taken:
                break
            due = [each for _ in range(min(room, self._batch)) if (each := self.run.supply.take(now)) is not None]
            if not due:
                break
            self._submit(due, now)

    def _submit(self, due: list[float], now: float) -> None:
        tag = self._made
        messages = [self._compose() for _ in due]
        self._asked[tag] = [(message["id"], each) for message, each in zip(messages, due, strict=True)]
        if self.run.plan.receipts:
            for id_, each in self._asked[tag]:
                self.run.follow(id_, (each, b""))
        self._credit -= len(due)
        self.run.tally.requests += len(due)
        self.run.tally.send(len(due), now)
        self._queue(["submit", tag, messages])

    def _compose(self) -> dict[str, Any]:
        n, numbers, plan = self._made, self.run.plan.numbers, self.run.plan
        self._made = n + 1
        number = f"{numbers.first + n % numbers.size:0{numbers.width}d}"
        message: dict[str, Any] = {"id": f"{self._prefix}{n}", "to": number, "text": next(self._texts)}
        if plan.sender:
            message["sender"] = plan.sender
        if not plan.receipts:
            message["receipt"] = False
        return message

    async def _read(self, stream: trio.abc.Stream) -> None:
        frames = Frames(GATEWAY_KINDS, max_frame=MAX_FRAME_OCTETS, max_depth=MAX_DEPTH)
        reason = "the gateway closed the connection"
        try:
            while not self.run.failure and (octets := await stream.receive_some(READ_OCTETS)):
                now = trio.current_time()
                for frame in frames.feed(bytes(octets)):
                    self._take(frame, now)
                if frames.broken:
                    self._lose(f"this is no gateway: {frames.broken}")
                elif self._greeted.is_set():
                    self._fill(now)
                    self.run.check(now)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            reason = "the connection broke"
        self._lose(reason)

    def _lose(self, reason: str) -> None:
        """The connection is of no more use."""
        if not self.run.finished.is_set():
            self.run.stop(reason)
        self._greeted.set()

    def _take(self, frame: Frame, now: float) -> None:
        kind, what = frame[0], frame[1]
        try:
            if kind == "result":
                self._take_results(what, frame[2], now)
            elif kind == "events":
                self._take_events(what, now)
            elif kind == "credit":
                self._credit += what
            elif kind == "welcome":
                self._take_welcome(what)
            elif kind == "error":
                self._take_error(what, f"{frame[2]}", f"{frame[3]}", now)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            self._lose(f"this is no gateway: its frame {kind} is not as the protocol has it")

    def _take_welcome(self, welcome: dict[str, Any]) -> None:
        self._credit = welcome["credit"]
        fitting = welcome["max_frame"] // MESSAGE_OCTETS
        self._batch = max(1, min(self._batch, self.run.plan.window, self._credit, welcome["max_batch"], fitting))
        self._greeted.set()

    def _take_results(self, tag: int, results: list[dict[str, Any]], now: float) -> None:
        asked = self._asked.pop(tag)
        for (id_, _), result in zip(asked, results, strict=True):
            if not result["ok"]:
                self.run.tally.refused[result["error"]] += 1
                self.run.followed.pop(id_, None)
        self.run.tally.take_answers([due for _, due in asked], now)

    def _take_events(self, events: list[list[Any]], now: float) -> None:
        tally = self.run.tally
        ended: list[float] = []
        for _, event in events:
            if event["type"] == "incoming":
                tally.incoming += 1
            elif event["final"] or event["type"] == "unknown":
                submit = self.run.followed.pop(event["id"], None)
                if submit:
                    ended.append(submit[0])
                    tally.ends[event["type"]] += 1
                elif self.run.plan.receipts and event["id"].startswith(self._prefix):
                    tally.strays += 1
        if ended:
            tally.take_ends(ended, now)
        self._queue(["ack", events[-1][0]])

    def _take_error(self, tag: int | str | None, code: str, detail: str, now: float) -> None:
        if not isinstance(tag, int):
            self._lose(f"the gateway refused us: {detail} ({code})")
            return
        asked = self._asked.pop(tag)
        self._credit += len(asked)
        self.run.tally.refused[code] += len(asked)
        for id_, _ in asked:
            self.run.followed.pop(id_, None)
        self.run.tally.take_answers([due for _, due in asked], now)

    async def _write(self, stream: trio.abc.Stream) -> None:
        while True:
            octets = b"".join(self._out)
            self._out.clear()
            if not octets:
                self._wake = trio.Event()
                await self._wake.wait()
                continue
            with trio.move_on_after(WRITE_SECONDS) as scope:
                try:
                    await stream.send_all(octets)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self._lose("the connection broke")
                    return
            if scope.cancelled_caught:
                self._lose(f"the gateway read nothing for {WRITE_SECONDS:g} s")
                return
