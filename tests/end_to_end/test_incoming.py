"""A long text from a handset reaches the application whole: real processes, a real disk, a real SIGKILL."""

import json
import urllib.request
from pathlib import Path
from typing import Final

import trio

from gateway.client import Event, connect
from tests.end_to_end.gateways import CLIENT, SECRET, simulator, upstream, write_config
from tests.end_to_end.processes import Process, started

TEXT: Final = "ご注文の件ですが、お届け日を来週の水曜日に変更していただけますか🙏 よろしくお願いします。" * 5
PARTS: Final = 4


def _send_from_handset(smsc: Process) -> None:
    body = json.dumps({"from": "+819012345678", "to": "0005123456", "text": TEXT}).encode()
    request = urllib.request.Request(f"http://{smsc.ready['http']}/mo", body, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer) == {"parts": PARTS}


async def _read_event(folder: Path) -> Event:
    with trio.fail_after(30):
        async with connect(upstream(folder), CLIENT, SECRET) as client:
            async for event in client.events():
                return event
    raise AssertionError("no event")


async def test_a_long_japanese_text_from_a_handset_is_one_event(tmp_path: Path) -> None:
    with simulator() as smsc:
        command = ["-m", "gateway.cli", "gateway", "--config", str(write_config(tmp_path, smsc))]
        with started(command) as gateway:
            await trio.to_thread.run_sync(gateway.wait_line, "bind_up")
            await trio.to_thread.run_sync(_send_from_handset, smsc)
            event = await _read_event(tmp_path)
    at = event.pop("at")
    said = {"from": "819012345678", "to": "0005123456", "text": TEXT}
    assert event == {"type": "incoming", **said, "carrier": "alpha", "parts": PARTS}
    assert at > 1_700_000_000


async def test_a_long_text_from_a_handset_survives_the_death_of_the_gateway(tmp_path: Path) -> None:
    """Killed with none, some or all of its parts kept, answered or not: the text is told."""
    with simulator() as smsc:
        command = ["-m", "gateway.cli", "gateway", "--config", str(write_config(tmp_path, smsc))]
        with started(command) as gateway:
            await trio.to_thread.run_sync(gateway.wait_line, "bind_up")
            await trio.to_thread.run_sync(_send_from_handset, smsc)
            gateway.kill()
        with started(command):
            event = await _read_event(tmp_path)
    assert (event["type"], event["text"], event["parts"]) == ("incoming", TEXT, PARTS)
