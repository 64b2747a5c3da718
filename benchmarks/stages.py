"""Microseconds a message spends in each stage of its way through the gateway, all in one thread.

The pieces are the gateway's own, the commits are written to disk; sockets, tasks and the other processes are left out,
so the figures hardly depend on what else the machine does. They say what a change of one stage gives, and add up to
less than a message costs a running gateway.

    python -m benchmarks.stages
    python -m benchmarks.stages --profile "receipts: settle"
"""

import argparse
import cProfile
import gc
import logging
import pstats
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Final

import structlog
import trio
import trio.testing

from benchmarks import texts
from benchmarks.rig import SECRETS, Rig
from benchmarks.upstream import SECRET
from config.load import load
from gateway.bind import Bind
from gateway.carrier import Carrier
from gateway.conversation import Conversation
from gateway.core import build
from gateway.door import Door
from gateway.store import Commit
from gateway.store.sqlite import SqliteStore
from protocol.constants import EsmClass
from protocol.events import Event, Requested
from protocol.limits import Limits
from protocol.link import Link
from protocol.pdu import BindTransceiver, BindTransceiverResp, DeliverSm, SubmitSm, SubmitSmResp
from protocol.session import Session
from protocol.states import Role
from protocol.upstream import CLIENT_KINDS, Frames, pack

BATCH: Final = 500
"""Messages in a round: as many as may be handed out between two commits."""
SUBMIT: Final = 50
ROUNDS: Final = 40
QUICK_ROUNDS: Final = 3
STORE: Final = "store thread: "
"""How the stages begin that do not run on the loop."""


class Stages:
    """What each stage took in each round."""

    def __init__(self, profiled: str = "") -> None:
        self.rounds: dict[str, list[float]] = {}
        self._profiled = profiled
        self.profile = cProfile.Profile()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what the block takes of the processor, per message of a round."""
        begun = time.thread_time()
        with self.profile if name == self._profiled else nullcontext():
            yield
        self.rounds[name][-1] += (time.thread_time() - begun) / BATCH * 1e6

    def begin_round(self) -> None:
        """Begin a round for every stage met so far."""
        for name in NAMES:
            self.rounds.setdefault(name, []).append(0.0)

    def medians(self) -> dict[str, float]:
        """Microseconds a message, by stage."""
        return {name: median(values) for name, values in self.rounds.items()}


NAMES: Final = (
    "submit: frames",
    "submit: checks",
    "submit: rows",
    STORE + "add",
    "submit: lanes",
    "submit: results",
    "send: take",
    "send: compose and encode",
    "answers: decode",
    "answers: settle",
    "receipts: decode",
    "receipts: settle",
    "receipts: answer",
    "changes: rows",
    STORE + "changes",
    "events: publish",
    "events: frames",
)


class PromptStore(SqliteStore):
    """A store whose commits nobody needs to wait for; they are written when the benchmark says so."""

    @property
    def commit(self) -> Commit:
        """The commit that gathers."""
        commit = super().commit
        commit.done.set()
        return commit

    def write(self, stages: Stages, rows: str, write: str) -> Iterator[Commit]:
        """Write what gathers, as `run` does, in this thread."""
        with stages.stage(rows):
            self._seal()
        while self._sealed:
            commit = self._sealed.popleft()
            with stages.stage(write):
                self._write(commit)
            self._count(commit)
            yield commit


class Silent(Link):
    """A link whose octets are taken from its session by hand."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def closing(self) -> bool:
        """Never."""
        return False

    def flush(self) -> None:
        """Leave the octets where they are."""


class Way:
    """One gateway without its tasks and sockets, and what is at both of its ends."""

    def __init__(self, folder: Path, stages: Stages) -> None:
        Rig(folder).configure(2775, binds=1, window=BATCH)
        settings = load(folder / "gateway.toml", SECRETS).settings
        self._stages = stages
        self.store = PromptStore(folder / "store", time.time, 2 * BATCH)
        self._core = build(settings, self.store)
        self._door = Door(self._core)
        carrier = Carrier("alpha", self._core)
        self._core.lanes.wake["alpha"] = lambda: None
        self.store.leases = self._core.lanes.leases
        self._bind = Bind(carrier, 0)
        self._smsc = Session(Role.SMSC, Limits(window=BATCH), 0.0)
        self._session = Session(Role.ESME, Limits(window=BATCH), 0.0)
        self._frames = Frames(CLIENT_KINDS, max_frame=1 << 20, max_depth=8)
        self._conversation = Conversation(self._core, self._door.guard, self._door.feeds)
        self._feed = self._door.feeds["load"]
        self._told = self._count = 0

    async def begin(self) -> None:
        """Open the store, say hello, and bind."""
        await self.store.open(0.0)
        self._conversation.take(["hello", {"version": 1, "client": "load", "secret": SECRET}])
        self._feed.subscribe(lambda: None)
        self._session.request(BindTransceiver(), 0.0)
        (asked,) = self._smsc.receive(self._session.data_to_send(), 0.0)
        assert isinstance(asked, Requested)
        self._smsc.respond(asked.sequence_number, BindTransceiverResp())
        self._link = self._bind._link = Silent(self._session)
        await self._bind._handle(self._session.receive(self._smsc.data_to_send(), 0.0))
        async with trio.open_nursery() as nursery:  # until it knows that nothing waits on disk
            nursery.start_soon(self._core.lanes.run)
            await trio.testing.wait_all_tasks_blocked(0.05)
            nursery.cancel_scope.cancel()

    async def round(self) -> None:
        """Have BATCH messages submitted, sent, answered, delivered and told."""
        self._stages.begin_round()
        await self._submit(self._make())
        asked = await self._send()
        await self._answer(asked)
        self._change()
        await self._deliver(asked)
        self._change()
        await self._tell()
        if self._core.outstanding.live:
            raise ValueError(f"{len(self._core.outstanding.live)} messages have not ended")

    def _make(self) -> bytes:
        text = texts.amounts_in(texts.SHORT)
        numbers = range(self._count, self._count + BATCH)
        self._count += BATCH
        messages = [{"id": f"m-{n}", "to": texts.number_of(n), "text": text(n)} for n in numbers]
        return b"".join(pack(["submit", n, messages[n : n + SUBMIT]]) for n in range(0, BATCH, SUBMIT))

    async def _submit(self, octets: bytes) -> None:
        stage = self._stages.stage
        with stage("submit: frames"):
            frames = self._frames.feed(octets)
        with stage("submit: checks"):
            answers = [self._conversation.take(frame) for frame in frames]
        for commit in self.store.write(self._stages, "submit: rows", STORE + "add"):
            with stage("submit: lanes"):
                self._core.lanes.leased(commit.leases)
                self._core.lanes.offer(commit.added)
        with stage("submit: results"):
            for answer in answers:
                assert not isinstance(answer, bytes)
                await answer()

    async def _send(self) -> list[Requested]:
        with self._stages.stage("send: take"):
            await self._bind.pump._take(BATCH)
        with self._stages.stage("send: compose and encode"):
            self._bind.pump._send(self._session, self._link)
        return [event for event in self._smsc.receive(self._session.data_to_send(), 0.0) if type(event) is Requested]

    async def _answer(self, asked: list[Requested]) -> None:
        for event in asked:
            self._smsc.respond(event.sequence_number, SubmitSmResp(b"%010d" % event.sequence_number))
        events = self._receive("answers: decode")
        with self._stages.stage("answers: settle"):
            await self._bind._handle(events)

    def _receive(self, name: str) -> list[Event]:
        octets = self._smsc.data_to_send()
        with self._stages.stage(name):
            return self._session.receive(octets, 0.0)

    def _change(self) -> None:
        for commit in self.store.write(self._stages, "changes: rows", STORE + "changes"):
            with self._stages.stage("events: publish"):
                self._door.publish(commit)

    async def _deliver(self, asked: list[Requested]) -> None:
        for event in asked:
            self._smsc.request(_receipt(event), 0.0)
        taken = [event for event in self._receive("receipts: decode") if type(event) is Requested]
        with self._stages.stage("receipts: settle"):
            await self._bind.carrier.deliveries.keep([event.pdu for event in taken if type(event.pdu) is DeliverSm])
        with self._stages.stage("receipts: answer"):
            self._session.acknowledge([event.sequence_number for event in taken])
        self._smsc.receive(self._session.data_to_send(), 0.0)

    async def _tell(self) -> None:
        before = None
        while self._told != before:
            before = self._told
            with self._stages.stage("events: frames"):
                self._told, _ = await self._feed.page(before)
        self.store.acknowledge("load", self._told)
        _ = self.store.commit
        self._feed.acknowledge(self._told)
        self._change()


def _receipt(event: Requested) -> DeliverSm:
    asked = event.pdu
    assert isinstance(asked, SubmitSm)
    said = b"id:%010d sub:001 dlvrd:001 submit date:2611301200 done date:2611301200 stat:DELIVRD err:000 text:"
    return DeliverSm(
        source_addr=asked.destination_addr,
        destination_addr=asked.source_addr,
        esm_class=EsmClass.RECEIPT,
        short_message=said % event.sequence_number + asked.short_message[:20],
    )


def measure(rounds: int, profiled: str = "") -> Stages:
    """Send so many rounds of messages through all stages."""
    stages = Stages(profiled)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))

    async def run() -> None:
        with tempfile.TemporaryDirectory(prefix="denpo-") as name:
            way = Way(Path(name), stages)
            await way.begin()
            gc.collect()
            gc.freeze()
            for _ in range(rounds):
                await way.round()
            await way.store.close(clean=True)

    trio.run(run)
    return stages


def figures(quick: bool) -> dict[str, float]:
    """One run: microseconds a message on the loop, and in the store's thread."""
    found = measure(QUICK_ROUNDS if quick else ROUNDS).medians()
    aside = sum(value for name, value in found.items() if name.startswith(STORE))
    return {"stages_loop_us": sum(found.values()) - aside, "stages_store_us": aside}


def main() -> None:
    """Print a table, and a profile of one stage if it is asked for."""
    parser = argparse.ArgumentParser("python -m benchmarks.stages", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of {BATCH} messages (%(default)s)")
    parser.add_argument("--profile", default="", metavar="STAGE", choices=NAMES, help="show where its time goes")
    asked = parser.parse_args()
    stages = measure(asked.rounds, asked.profile)
    for name, value in stages.medians().items():
        print(f"{name:28} {value:6.2f} us")
    if asked.profile:
        pstats.Stats(stages.profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
