"""A simulator whose faults are switched while it runs, and a gateway that feeds it over two accounts of two binds each.

Numbers that begin with 090 go over the patient account, those with 080 over the hasty one, which gives up early. Each
message has a number of its own, so the ledger shows how often each part of it was taken.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx
import trio

from gateway.client import Client, Event, connect
from tests.end_to_end.gateways import CLIENT, SECRET, upstream, write_house
from tests.end_to_end.processes import Process, started

SECONDS: Final = 20.0
PATIENT, HASTY = "patient", "hasty"
LONG: Final = "【重要】本日21時より計画メンテナンスを行います。ご不便をおかけします🙏 " * 4
FRIENDLY: Final = {"receipts.delay": 0.05}

_SIMULATOR: Final = [
    *("-W", "error", "-m", "simulator.cli", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"),
    *("--seed", "1"),
]
_CARRIER: Final = """\
[carriers.{name}]
parts_per_second = 0
{timers}
unknown_grace = 0.3
reconnect_min = 0.05
reconnect_max = 0.2
retry_min = 0.05
retry_max = 0.2
throttle_pause = 0.05
bind_timeout = 5.0
binds = [
    {{ host = "127.0.0.1", port = {port}, system_id = "{name}", password = "secret", window = 50 }},
    {{ host = "127.0.0.1", port = {port}, system_id = "{name}", password = "secret", window = 50 }},
]
"""
_ROUTES: Final = """\
[[routes]]
carriers = ["hasty"]
prefixes = ["8180"]
[[routes]]
carriers = ["patient"]
"""
_TIMERS: Final = {
    PATIENT: "response_timeout = 30.0",
    HASTY: "response_timeout = 0.5\nenquire_link_interval = 0.5\nenquire_link_timeout = 0.5\nmax_attempts = 2",
}
_BINDS: Final = 4
_numbers = count(10_000_000)


@dataclass(frozen=True)
class Rig:
    """The two processes."""

    smsc: Process
    gateway: Process
    folder: Path

    def wait_gateway(self, condition: Callable[[Sequence[Mapping[str, Any]]], bool]) -> None:
        """Wait until what the gateway has logged makes it true."""
        gateway = self.gateway
        gateway._wait(lambda: condition([*gateway._seen]), SECONDS)
        assert condition(gateway.lines), gateway.lines


@contextmanager
def rigged(folder: Path) -> Iterator[Rig]:
    """Run both."""
    with started(_SIMULATOR) as smsc:
        port = smsc.ready["smpp"].rpartition(":")[2]
        carriers = [_CARRIER.format(name=name, timers=timers, port=port) for name, timers in _TIMERS.items()]
        config = write_house(folder, "".join([*carriers, _ROUTES]), drain_timeout=0.1)
        with started(["-W", "error", "-m", "gateway.cli", "gateway", "--config", str(config)]) as gateway:
            yield Rig(smsc, gateway, folder)


@dataclass(frozen=True)
class Sent:
    """One message that the gateway has accepted."""

    id: str
    number: str
    parts: int


class Case:
    """One fault, and the messages that meet it."""

    def __init__(self, rig: Rig, client: Client, http: httpx.AsyncClient) -> None:
        self.rig = rig
        self.events: list[Event] = []
        """Those of this case's messages."""
        self._client = client
        self._http = http
        self._ids: set[str] = set()
        self._news = trio.Event()

    async def switch(self, faults: Mapping[str, Any]) -> None:
        """Have these faults and no others."""
        await self._http.delete("/faults")
        (await self._http.put("/faults", json={**FRIENDLY, **faults})).raise_for_status()

    async def strike(self, fault: str, **more: float) -> None:
        """Let a link fault strike every connection."""
        (await self._http.post("/faults/link", json={"fault": fault, **more})).raise_for_status()

    async def strike_down(self, fault: str) -> list[str]:
        """Let a link fault strike until each bind has gone down, for some show only by what follows.

        Returns: why they did, each time: one that is back already is struck once more, perhaps before it is bound.
        """
        before, down = len(self.rig.gateway.lines), list[dict[str, Any]]()
        with trio.fail_after(SECONDS):
            while len({line["bind"] for line in down}) < _BINDS:
                await self.strike(fault)
                down = [line for line in self.rig.gateway.lines[before:] if line.get("event") == "bind_down"]
        await self.strike("close")  # those that were back already, and were struck once more
        return [line["reason"] for line in down]

    async def submit(self, number: int = 4, carrier: str = PATIENT, text: str = LONG, **options: Any) -> list[Sent]:  # noqa: ANN401
        """Hand over messages, the first with this text, the others short."""
        asked = []
        for n in range(number):
            key = next(_numbers)
            to = f"0{'9' if carrier == PATIENT else '8'}0{key:08d}"
            asked.append(
                {"id": f"m-{key}", "to": to, "text": text if n == 0 else f"ご確認番号は{key}です。", **options}
            )
        self._ids.update(message["id"] for message in asked)  # first: an event may come together with the result
        results = await self._client.submit(asked)
        assert all(result["ok"] for result in results), results
        return [
            Sent(message["id"], "81" + message["to"][1:], result["parts"])
            for message, result in zip(asked, results, strict=True)
        ]

    async def ends(self, sent: Sequence[Sent], *others: str) -> dict[str, Event]:
        """Wait until each message has an event that is final, or one of these; returns the last one of each."""

        def last() -> dict[str, Event]:
            return {each["id"]: each for each in self.events if each["final"] or each["type"] in others}

        with trio.fail_after(SECONDS):
            while not {message.id for message in sent} <= last().keys():
                self._news = trio.Event()
                await self._news.wait()
        return {message.id: last()[message.id] for message in sent}

    async def deliver(self, sent: Sequence[Sent]) -> None:
        """Wait until each message is delivered; demand that each was told once, and taken once unless it says more."""
        ends, taken = await self.ends(sent), await self.taken(sent)
        assert {end["type"] for end in ends.values()} == {"delivered"}
        for message in sent:
            assert taken[message].keys() == set(range(1, message.parts + 1))
            assert ends[message.id].get("possible_duplicate", False) or set(taken[message].values()) == {1}
        told = Counter(each["id"] for each in self.events if each["type"] == "delivered")
        assert {told[message.id] for message in sent} == {1}

    async def taken(self, sent: Sequence[Sent]) -> dict[Sent, Counter[int]]:
        """How often the SMSC has taken each part of each message, by the part's number."""
        return {message: Counter([number async for number in self._numbers(message)]) for message in sent}

    async def wait_taken(self, sent: Sequence[Sent]) -> None:
        """Wait until the SMSC has taken each part of each message."""
        with trio.fail_after(SECONDS):
            while any(len(found) < message.parts for message, found in (await self.taken(sent)).items()):
                pass

    async def wait_refused(self) -> None:
        """Wait until the SMSC has refused something."""
        before = await self._refused()
        with trio.fail_after(SECONDS):
            while await self._refused() <= before:
                pass

    async def wait_bound(self) -> None:
        """Wait until all binds of the gateway are up."""
        await self.wait_log(lambda lines: len(bound(lines)) == _BINDS)

    async def wait_log(self, condition: Callable[[Sequence[Mapping[str, Any]]], bool]) -> None:
        """Wait until what the gateway has logged makes it true."""
        await trio.to_thread.run_sync(partial(self.rig.wait_gateway, condition))

    async def state(self, message: Sent) -> str:
        """Where a message is, as the gateway says."""
        [result] = await self._client.status([message.id])
        state: str = result["state"]
        return state

    async def wait_receipts(self) -> dict[str, int]:
        """Wait until the SMSC owes no receipt; returns what it counted."""
        with trio.fail_after(SECONDS):
            while (receipts := (await self._http.get("/summary")).json()["receipts"])["pending"]:
                pass
        counted: dict[str, int] = receipts
        return counted

    async def follow(self) -> None:
        """Keep the events of this case's messages."""
        async for event in self._client.events():
            if event.get("id") in self._ids:
                self.events.append(event)
                self._news.set()

    async def _numbers(self, message: Sent) -> AsyncIterator[int]:
        answer = await self._http.get("/ledger", params={"destination": message.number})
        for line in answer.text.splitlines():
            yield (json.loads(line)["concatenation"] or {"number": 1})["number"]

    async def _refused(self) -> int:
        return sum(session["refused"] for session in (await self._http.get("/sessions")).json())


@asynccontextmanager
async def case(rig: Rig, faults: Mapping[str, Any]) -> AsyncIterator[Case]:
    """Begin with all binds up and these faults; end with none."""
    async with (
        httpx.AsyncClient(base_url=f"http://{rig.smsc.ready['http']}", timeout=SECONDS) as http,
        connect(upstream(rig.folder), CLIENT, SECRET) as client,
        trio.open_nursery() as nursery,
    ):
        found = Case(rig, client, http)
        await found.wait_bound()
        await found.switch(faults)
        nursery.start_soon(found.follow)
        try:
            yield found
        finally:
            with trio.CancelScope(shield=True):
                await http.delete("/faults")
            nursery.cancel_scope.cancel()


def bound(lines: Sequence[Mapping[str, Any]]) -> set[str]:
    """The binds that are up, by what the gateway has logged."""
    up: set[str] = set()
    for line in lines:
        if line.get("event") == "bind_up":
            up.add(line["bind"])
        elif line.get("event") == "bind_down":
            up.discard(line["bind"])
    return up
