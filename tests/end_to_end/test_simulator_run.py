"""The simulator as testers run it: a scenario, a ledger and a recording in files, and a report when it is over."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from protocol.constants import CommandId
from tests.end_to_end.gateways import ask, read_ledger
from tests.end_to_end.processes import started
from tests.end_to_end.test_dissection import dissect, unavailable
from tests.end_to_end.test_smpplib_peer import REPLY, SECONDS, TEXT, connected, post_mo

SIMULATOR: Final = ["-W", "error", "-m", "gateway.cli", "simulator"]
FLAGS: Final = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--scenario", "calm", "--receipt-delay", "0.05"]


@dataclass(frozen=True)
class Run:
    """What one run left behind."""

    ledger: Path
    pcap: Path
    port: int
    parts: list[dict[str, Any]]
    """What the ledger showed when the simulator still ran."""
    report: dict[str, Any]
    replied: int
    """Parts that a handset sent."""
    code: int
    stopped: dict[str, Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    ledger, pcap = folder / "ledger", folder / "run.pcap"
    with started([*SIMULATOR, *FLAGS, "--ledger", str(ledger), "--pcap", str(pcap)]) as process:
        with connected(process) as peer:
            peer.bind()
            taken = peer.submit(TEXT) + peer.submit("ご確認ください。") + peer.submit(TEXT)
            peer.read_until(lambda: len(peer.answers) == len(peer.deliveries) == taken)
            replied = post_mo(process, REPLY)
            peer.read_until(lambda: len(peer.deliveries) == taken + replied)
        parts, report = read_ledger(process), ask(process, "/report")
        port = int(process.ready["smpp"].rpartition(":")[2])
        code = process.stop()
        return Run(ledger, pcap, port, parts, report, replied, code, process.wait_line("stopped"))


def report(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *SIMULATOR, "report", *arguments]
    env = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False, env=env)


def test_it_ends_well_and_says_what_it_took(run: Run) -> None:
    assert run.code == 0
    assert (run.stopped["parts"], run.stopped["deliveries_pending"]) == (len(run.parts), 0)
    assert len(run.parts) > 3


def test_the_report_of_the_file_is_that_of_the_simulator_that_ran(run: Run) -> None:
    done = report("--ledger", str(run.ledger), "--json", "--show-numbers")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == run.report
    assert run.report["parts"] == len(run.parts)
    assert run.report["messages"] == 3


def test_the_report_for_people_hides_numbers_and_texts(run: Run) -> None:
    done = report("--ledger", str(run.ledger))
    assert done.stdout.startswith(f"{len(run.parts)} parts, 3 messages; ")
    for secret in ("819012345678", "ご確認", "計画"):
        assert secret not in done.stdout


def test_a_simulator_goes_on_with_the_ledger_of_another(run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "ledger"
    shutil.copy(run.ledger, copy)
    with started([*SIMULATOR, *FLAGS, "--ledger", str(copy)]) as process:
        assert read_ledger(process) == run.parts
        found = httpx.get(f"http://{process.ready['http']}/conversations/819012345678", timeout=SECONDS).json()
        texts = [message["text"] for message in found["messages"] if message["complete"]]
        assert texts == [TEXT, "ご確認ください。", TEXT]
        assert process.stop() == 0


def test_files_with_numbers_and_texts_are_for_their_owner_alone(run: Run) -> None:
    assert [stat.S_IMODE(file.stat().st_mode) for file in (run.ledger, run.pcap)] == [0o600, 0o600]


@pytest.fixture
def _tshark() -> None:
    if shutil.which("tshark") is None:
        unavailable("the recording is dissected with tshark, which is not there")


@pytest.mark.usefixtures("_tshark")
def test_the_recording_has_each_pdu_of_the_session(run: Run) -> None:
    said = dissect(run.pcap, run.port, "-T", "fields", "-e", "smpp.command_id").split()
    counts = Counter(int(each, 16) for line in said for each in line.split(","))
    taken, delivered = len(run.parts), len(run.parts) + run.replied
    ends = (CommandId.BIND_TRANSCEIVER, CommandId.BIND_TRANSCEIVER_RESP, CommandId.UNBIND, CommandId.UNBIND_RESP)
    assert counts == {
        **dict.fromkeys(ends, 1),
        CommandId.SUBMIT_SM: taken,
        CommandId.SUBMIT_SM_RESP: taken,
        CommandId.DELIVER_SM: delivered,
        CommandId.DELIVER_SM_RESP: delivered,
    }


@pytest.mark.usefixtures("_tshark")
def test_nothing_in_the_recording_is_malformed(run: Run) -> None:
    doubtful = "tcp.analysis.flags || _ws.malformed || _ws.expert.severity >= Warning"
    assert dissect(run.pcap, run.port, "-Y", doubtful) == ""
