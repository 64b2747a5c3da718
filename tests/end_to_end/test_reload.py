"""A hang-up while messages flow: the simulator sees one bind made anew and nothing of the other, and each part once."""

import signal
from collections import Counter
from pathlib import Path
from typing import Final

import trio

from gateway.client import connect
from tests.end_to_end.gateways import CLIENT, SECRET, ask, read_ledger, simulator, upstream, wait_parts, write_config
from tests.end_to_end.processes import Process, started

MESSAGES: Final = 1500
BATCH: Final = 50
PARTS_PER_SECOND: Final = 500


def _sessions(smsc: Process) -> set[int]:
    return {each["session"] for each in ask(smsc, "/sessions")}


async def _submit(address: str) -> None:
    with trio.fail_after(30):
        async with connect(address, CLIENT, SECRET) as client:
            for first in range(0, MESSAGES, BATCH):
                asked = [
                    {"id": f"m-{n}", "to": f"090{10_000_000 + n:08d}", "text": f"ご確認番号は{n:06d}です。"}
                    for n in range(first, first + BATCH)
                ]
                assert all(result["ok"] for result in await client.submit(asked))


def test_what_is_not_changed_is_not_bound_again_and_every_part_is_taken_once(tmp_path: Path) -> None:
    with simulator() as smsc:
        config = write_config(tmp_path, smsc, PARTS_PER_SECOND)
        with started(["-W", "error", "-m", "gateway.cli", "gateway", "--config", str(config)]) as gateway:
            trio.run(_submit, upstream(tmp_path))
            wait_parts(smsc, 1)
            before = _sessions(smsc)
            first, _, second = config.read_text(encoding="utf-8").rpartition("window = 50")
            config.write_text(f"{first}window = 40{second}", encoding="utf-8")
            gateway.signal(signal.SIGHUP)
            told = gateway.wait_line("reloaded")
            in_time = ask(smsc, "/summary")["parts"] < MESSAGES
            wait_parts(smsc, MESSAGES)
            after = _sessions(smsc)
            assert gateway.stop() == 0
        taken = Counter(part["text"] for part in read_ledger(smsc))
    assert in_time, "it was reloaded too late to show anything"
    assert told["changed"] == ["carriers.alpha.binds.1.window"]
    assert (len(before), len(after), len(before & after)) == (2, 2, 1)
    assert (len(taken), set(taken.values())) == (MESSAGES, {1})
