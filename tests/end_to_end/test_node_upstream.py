"""The upstream protocol from another language: node/upstream.js, written from the contract, with `@msgpack/msgpack`."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from gateway.client import connect_blocking
from tests.end_to_end.gateways import CLIENT, SECRET, read_ledger, simulator, upstream, write_config
from tests.end_to_end.processes import started
from tests.end_to_end.test_dissection import unavailable

FOLDER: Final = Path(__file__).parent / "node"
SECONDS: Final = 30.0
"""More than the client gives itself."""
TEXT: Final = "【電報】" + "ご確認ください🙏" * 12
SENT: Final = ("js-0", "js-1")
PARTS: Final = 2

Frame = list[Any]


def converse(folder: Path) -> list[Frame]:
    """Everything that the gateway sent to the client."""
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules" / "@msgpack").is_dir():
        unavailable(f"the client needs Node.js, and `npm ci` in tests/end_to_end/{FOLDER.name}")
    path = upstream(folder).removeprefix("unix:")
    command = [node, str(FOLDER / "upstream.js"), path, CLIENT, SECRET, TEXT]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=SECONDS, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_client_in_javascript_submits_follows_and_acknowledges(tmp_path: Path) -> None:
    with simulator() as smsc:
        with started(["-m", "gateway.cli", "gateway", "--config", str(write_config(tmp_path, smsc))]):
            frames = converse(tmp_path)
            with connect_blocking(upstream(tmp_path), CLIENT, SECRET) as client:
                assert [*client.events(wait=0.5)] == [], "everything was acknowledged"
        texts = [part["joined"] for part in read_ledger(smsc)]
    answers = {frame[1]: frame for frame in frames if frame[0] in ("result", "subscribed", "pong")}
    assert frames[0][0] == "welcome"
    for tag in ("p", 1):
        results = answers[tag][2]
        assert [result.get("parts") for result in results] == [PARTS, PARTS, None]
        assert [result.get("error") for result in results] == [None, None, "bad_number"]
    assert [state.get("state", state.get("error")) for state in answers["s"][2]] == ["delivered"] * 2 + ["not_found"]
    assert answers[3] == ["pong", 3]
    events = [event for frame in frames if frame[0] == "events" for _, event in frame[1]]
    for n, id_ in enumerate(SENT):
        assert [event["type"] for event in events if event["id"] == id_] == ["submitted", "delivered"]
        assert {event["meta"]["n"] for event in events if event["id"] == id_} == {n}
    assert texts == [TEXT] * PARTS * len(SENT)
    assert ["credit", 3] in frames
