"""The simulator against a client that others wrote, in JavaScript: the npm package `smpp`, driven by node/client.js."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, Final

import pytest

from tests.end_to_end.processes import Process, started
from tests.end_to_end.test_dissection import unavailable
from tests.end_to_end.test_smpplib_peer import REPLY, SIMULATOR, TEXT, joined_texts, post_mo, throttled

FOLDER: Final = Path(__file__).parent / "node"
SECONDS: Final = 30.0
"""More than the client gives itself."""
PARTS: Final = 3

Line = dict[str, Any]
"""What the client printed: a PDU that it received, or {"joined": text}."""


@pytest.fixture(scope="module")
def node() -> str:
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules").is_dir():
        unavailable(f"the client needs Node.js, and `npm ci` in tests/end_to_end/{FOLDER.name}")
    return node


@pytest.fixture(scope="module")
def simulator() -> Iterator[Process]:
    with started(SIMULATOR) as process:
        yield process


@contextmanager
def client(node: str, simulator: Process, password: str = "secret") -> Iterator[Popen[str]]:
    host, port = simulator.ready["smpp"].split(":")
    command = [node, str(FOLDER / "client.js"), host, port, password, TEXT]
    with Popen(command, stdout=PIPE, stderr=PIPE, encoding="utf-8") as child:
        try:
            yield child
        finally:
            child.kill()


def read(child: Popen[str]) -> list[Line]:
    """Everything that the client printed until it ended by itself."""
    output, complaint = child.communicate(timeout=SECONDS)
    assert (child.returncode, complaint) == (0, "")
    return [json.loads(line) for line in output.split("\n")[:-1]]


def having(lines: list[Line], command: str, **fields: Any) -> list[Line]:  # noqa: ANN401  # JSON
    return [line for line in lines if line.items() >= {"command": command, **fields}.items()]


def test_a_whole_conversation_in_japanese(node: str, simulator: Process) -> None:
    with client(node, simulator) as child:
        reply_parts = post_mo(simulator, REPLY)
        lines = read(child)
    ids = [line["message_id"] for line in having(lines, "submit_sm_resp", command_status=0)]
    assert len(set(ids)) == PARTS
    assert joined_texts(simulator, ids) == [TEXT] * PARTS
    receipts = having(lines, "deliver_sm", esm_class=0x04, message_state=2)
    assert [receipt["receipted_message_id"] for receipt in receipts] == ids
    assert [receipt["message"].split(" ")[0] for receipt in receipts] == [f"id:{message_id}" for message_id in ids]
    assert all(" stat:DELIVRD err:000 " in receipt["message"] for receipt in receipts)
    assert len(having(lines, "deliver_sm", esm_class=0x40, data_coding=8)) == reply_parts > 1
    assert [line["joined"] for line in lines if "joined" in line] == [REPLY]
    assert having(lines, "unbind_resp", command_status=0) == lines[-1:]


def test_a_wrong_password_is_refused(node: str, simulator: Process) -> None:
    with client(node, simulator, "wrong") as child:
        lines = read(child)
    assert lines == [{"command": "bind_transceiver_resp", "command_status": 0x0E}]


def test_a_throttled_answer_is_seen_as_one(node: str, simulator: Process) -> None:
    with throttled(simulator), client(node, simulator) as child:
        lines = read(child)
    assert len(having(lines, "submit_sm_resp", command_status=0x58)) == PARTS
    assert having(lines, "unbind_resp", command_status=0) == lines[-1:]
