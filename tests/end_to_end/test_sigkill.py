"""What is accepted survives the death of the gateway: real processes, a real disk, a real SIGKILL."""

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import trio

from gateway.client import Client, ClientError, Event, Options, connect
from tests.end_to_end.gateways import CLIENT, SECRET, ask, read_ledger, simulator, upstream, wait_parts, write_config
from tests.end_to_end.processes import Process, started

MESSAGES: Final = 2000
BATCH: Final = 50
PARTS_PER_SECOND: Final = 1500
KILL_AFTER: Final = 500
"""Parts in the simulator's hands when the gateway is killed: about a third of a second into its work."""

QUOTA: Final = 900
"""Parts a month, each message one: fewer than are submitted in either life of the gateway."""


def _message(n: int) -> dict[str, Any]:
    lane = ("otp", "normal", "bulk")[n % 3]  # bulk is reported when unknown, the others are sent again
    return {"id": f"m-{n}", "to": f"090{10_000_000 + n:08d}", "text": f"ご確認番号は{n:06d}です。", "lane": lane}


async def _submit_until_killed(address: str, smsc: Process, gateway: Process) -> set[str]:
    """Submit everything, and kill the gateway on the way; the ids that it said it has accepted."""
    accepted: set[str] = set()

    async def submit(client: Client, first: int) -> None:
        with suppress(ClientError):  # the gateway was killed before it could answer
            results = await client.submit([_message(n) for n in range(first, first + BATCH)])
            accepted.update(result["id"] for result in results if result["ok"])

    with trio.fail_after(30):
        once = Options(reconnect=False)
        async with connect(address, CLIENT, SECRET, options=once) as client, trio.open_nursery() as nursery:
            for first in range(0, MESSAGES, BATCH):
                nursery.start_soon(submit, client, first)
            await trio.to_thread.run_sync(wait_parts, smsc, KILL_AFTER)
            gateway.kill()
    return accepted


async def _follow(address: str, ids: set[str]) -> dict[str, Event]:
    """The last event of each message, once each has one that settles it."""
    last: dict[str, Event] = {}
    with trio.fail_after(60):
        async with connect(address, CLIENT, SECRET) as client:
            async for event in client.events():
                if event["final"] or event["type"] == "unknown":
                    last[event["id"]] = event
                if ids <= last.keys():
                    break
    return last


async def test_every_accepted_message_reaches_the_carrier_though_the_gateway_is_killed(tmp_path: Path) -> None:
    """And none whose repetition was not wanted reaches it twice; what may have been repeated says so."""
    with simulator() as smsc:
        config = write_config(tmp_path, smsc, PARTS_PER_SECOND)
        command = ["-m", "gateway.cli", "gateway", "--config", str(config)]
        with started(command) as gateway:
            accepted = await _submit_until_killed(upstream(tmp_path), smsc, gateway)
        assert len(accepted) > KILL_AFTER
        before = ask(smsc, "/summary")["parts"]
        assert before < len(accepted), "the gateway was killed too late to show anything"
        with started(command):
            last = await _follow(upstream(tmp_path), accepted)
        taken = Counter(part["text"] for part in read_ledger(smsc))
    for n in range(MESSAGES):
        message = _message(n)
        if message["id"] not in accepted:
            continue
        times, event = taken[message["text"]], last[message["id"]]
        if message["lane"] == "bulk":
            assert times == 1 or (times == 0 and event["type"] == "unknown")
        else:
            assert times >= 1
            assert event["type"] == "delivered"
            assert times == 1 or event["possible_duplicate"]


async def _submit_all(address: str) -> list[Any]:
    """Submit everything; the results."""
    results: list[Any] = []
    with trio.fail_after(30):
        async with connect(address, CLIENT, SECRET) as client:
            for first in range(0, MESSAGES, BATCH):
                results += await client.submit([_message(n) for n in range(first, first + BATCH)])
    return results


async def test_no_more_than_the_quota_is_accepted_though_the_gateway_is_killed(tmp_path: Path) -> None:
    with simulator() as smsc:
        config = write_config(tmp_path, smsc, PARTS_PER_SECOND)
        limited = f"[clients.bank]\nquota = {{ parts_per_month = {QUOTA} }}\n"
        config.write_text(config.read_text("utf-8").replace("[clients.bank]\n", limited), "utf-8")
        command = ["-m", "gateway.cli", "gateway", "--config", str(config)]
        with started(command) as gateway:
            accepted = await _submit_until_killed(upstream(tmp_path), smsc, gateway)
        with started(command):
            results = await _submit_all(upstream(tmp_path))
    kept = {result["id"] for result in results if result["ok"]}
    assert accepted <= kept
    assert len(kept) == QUOTA
    assert {result["error"] for result in results if not result["ok"]} == {"quota"}
