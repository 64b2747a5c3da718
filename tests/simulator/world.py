"""An SMSC for tests, the wires of memory to it, and the ESMEs on them."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import trio
from trio.testing import memory_stream_pair

from config.scenario import Scenario
from protocol.events import Answered, Bound
from protocol.pdu import BindTransceiver, SubmitSmResp
from protocol.receipt import Receipt, parse
from protocol.session import Limits
from simulator.behaviour import Behaviour
from simulator.connection import Connection
from simulator.faults import GROUPS
from simulator.ledger import Entry, Ledger, Query, describe
from simulator.smsc import Smsc, Terms
from tests.simulator.esme import LIMITS, Delivered, Esme, take_all

EPOCH: Final = 1_700_000_000.0
DELAY: Final = 2.5
"""Seconds until receipts, unless a test says otherwise."""

Take: TypeAlias = Callable[[Delivered], int | None]
Faults: TypeAlias = Mapping[str, Any]


def phase(faults: Faults, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # a tree as TOML has it
    """Make a phase with these faults by their flat names, and with what else a phase may have."""
    tree: dict[str, Any] = {group: {} for group in GROUPS}
    tree["receipts"]["delay"] = DELAY
    for name, value in faults.items():
        group, key = name.split(".")
        tree[group][key] = value
    return {"name": "only", **tree, **more}


def make_smsc(tree: Faults | None = None, seed: int = 1, **terms: Any) -> Smsc:  # noqa: ANN401  # those of Terms
    """Make an SMSC with a scenario; terms: those of Terms, in which the scenario's accounts are put."""
    scenario = Scenario.model_validate(tree or {"phases": [phase({})]})
    given = Terms(accounts=scenario.accounts, **terms)
    return Smsc(Behaviour(scenario, seed, trio.current_time()), Ledger(100_000), given, EPOCH, seed)


class Wires(trio.abc.Listener[trio.abc.Stream]):
    """A listener that hands out the far ends of wires of memory."""

    def __init__(self, ends: trio.MemoryReceiveChannel[trio.abc.Stream]) -> None:
        self._ends = ends

    async def accept(self) -> trio.abc.Stream:
        return await self._ends.receive()

    async def aclose(self) -> None:
        await self._ends.aclose()


class World:
    """An SMSC that serves, and the ESMEs on its wires."""

    def __init__(self, nursery: trio.Nursery, smsc: Smsc) -> None:
        self.smsc = smsc
        self.stop, self.stopped = trio.Event(), trio.Event()
        self.nursery = nursery
        self.began = trio.current_time()
        self._wires, self._accepted = trio.open_memory_channel[trio.abc.Stream](100)
        nursery.start_soon(self._serve)

    async def _serve(self) -> None:
        listeners: list[Any] = [Wires(self._accepted)]
        await self.smsc.serve(listeners, self.stop)
        self.stopped.set()

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return trio.current_time() - self.began

    @property
    def connections(self) -> list[Connection]:
        return list(self.smsc.connections.values())

    async def rows(self) -> list[dict[str, Any]]:
        """The ledger, as it is shown."""
        ledger, entries = self.smsc.ledger, list[Entry]()
        stop, index = await ledger.examine(EPOCH), ledger.begin
        while index < stop:
            found, index = await ledger.read(Query(), index, stop)
            entries += found
        return [describe(entry) for entry in entries]

    def hand_in(self, stream: trio.abc.Stream) -> None:
        """Have the SMSC accept its end of a connection."""
        self._wires.send_nowait(stream)

    def wire(self, make: Callable[[], tuple[Any, Any]] = memory_stream_pair) -> trio.abc.Stream:
        """Connect; returns the ESME's end."""
        ours: trio.abc.Stream
        ours, theirs = make()
        self.hand_in(theirs)
        return ours

    def connect(self, take: Take = take_all, limits: Limits = LIMITS) -> Esme:
        """Connect an ESME that is not bound yet."""
        return self.attach(self.wire(), take, limits)

    def attach(self, stream: trio.abc.Stream, take: Take = take_all, limits: Limits = LIMITS) -> Esme:
        """Let an ESME serve a connection."""
        esme = Esme(stream, take, limits)
        self.nursery.start_soon(esme.run)
        return esme

    async def bound(
        self,
        cls: type = BindTransceiver,
        take: Take = take_all,
        system_id: bytes = b"denpo",
        version: int = 0x34,
        limits: Limits = LIMITS,
    ) -> Esme:
        """Connect an ESME that is bound."""
        esme = self.connect(take, limits)
        assert isinstance(await esme.bind(system_id, cls=cls, version=version), Bound)
        return esme


def id_of(answer: object) -> str:
    """The message_id that a submit_sm was answered with."""
    assert isinstance(answer, Answered)
    assert isinstance(answer.pdu, SubmitSmResp)
    assert answer.pdu.message_id
    return answer.pdu.message_id.decode()


def read(delivery: Delivered) -> Receipt:
    """A delivery as the receipt that it is."""
    receipt = parse(getattr(delivery, "short_message", b""), delivery.esm_class, delivery.tlvs)
    assert receipt
    return receipt
