"""`denpo load` as people run it: against the simulator, and against a gateway that feeds the simulator."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.gateways import CLIENT, SECRET, ask, read_ledger, simulator, upstream, wait_parts, write_config
from tests.end_to_end.processes import Process, started

SECONDS = 60.0
LOAD = [sys.executable, "-W", "error", "-m", "gateway.cli", "load"]


def load(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    env = {**os.environ, "DENPO_SECRET": SECRET, "COLUMNS": "100"}
    return subprocess.run(
        [*LOAD, *arguments], capture_output=True, text=True, encoding="utf-8", timeout=SECONDS, check=False, env=env
    )


def smpp(process: Process, *arguments: str) -> list[str]:
    """The arguments of a load on a simulator."""
    account = ["--system-id", "denpo", "--password", "secret"]
    return ["smpp", "--connect", process.ready["smpp"], *account, *arguments]


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def test_a_closed_loop_on_the_simulator_is_taken_whole_and_reported(tmp_path: Path) -> None:
    figures, chart = tmp_path / "figures.json", tmp_path / "chart.html"
    with simulator() as smsc:
        done = load(*smpp(smsc, "--closed", "--count", "500", "--json", str(figures), "--chart", str(chart)))
        assert (done.returncode, done.stderr) == (0, "")
        told = read(figures)
        assert told["messages"] == 500
        assert told["sent"] == told["answered"] == told["accepted"] == ask(smsc, "/summary")["parts"] > 500
        assert told["ends"] == {"DELIVRD": told["sent"]}
        assert told["without_end"] == told["unanswered"] == told["strays"] == 0
        assert len({part["destination"] for part in read_ledger(smsc)}) == 500
    assert f"{told['sent']:,} sent" in done.stdout
    assert "DELIVRD" in done.stdout
    assert "</svg>" in chart.read_text(encoding="utf-8")


def test_an_open_loop_on_the_simulator_keeps_to_its_rate(tmp_path: Path) -> None:
    figures, chart = tmp_path / "figures.json", tmp_path / "chart.svg"
    with simulator(receipt_delay=0.2) as smsc:
        flags = ["--rate", "200", "--seconds", "1", "--binds", "2", "--mix", "gsm7", "--arrivals", "even"]
        done = load(*smpp(smsc, *flags, "--json", str(figures), "--chart", str(chart)))
    assert done.returncode == 0
    told = read(figures)
    assert told["sent"] == told["answered"] == 200
    assert told["latency"]["lag"]["count"] == 200
    assert told["latency"]["end"]["min"] > 0.15
    assert chart.read_text(encoding="utf-8").startswith("<svg")


def test_a_refused_bind_is_one_line_and_exit_code_1() -> None:
    with simulator() as smsc:
        done = load("smpp", "--connect", smsc.ready["smpp"], "--system-id", "denpo", "--password", "wrong", "--closed")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "denpo load: cannot bind: refused with ESME_RINVPASWD\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_figures_that_cannot_be_written_are_one_line_and_exit_code_1() -> None:
    with simulator() as smsc:
        done = load(*smpp(smsc, "--closed", "--count", "10", "--json", "/dev/full"))
    assert (done.returncode, done.stderr) == (1, "denpo load: cannot write /dev/full: No space left on device\n")
    assert "answered" in done.stdout


def test_nobody_there_is_one_line_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = load("smpp", "--connect", f"127.0.0.1:{port}", "--closed")
    assert (done.returncode, done.stderr) == (1, "denpo load: cannot connect: connection refused\n")


def test_a_target_elsewhere_is_refused_with_exit_code_2() -> None:
    done = load("smpp", "--connect", "192.0.2.1:2775", "--closed")
    assert done.returncode == 2
    assert done.stderr.startswith("denpo load: tcp:192.0.2.1:2775 is not on this machine")


def test_sigint_ends_it_early_with_the_report_of_what_was_done(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    with simulator() as smsc:
        command = [*LOAD, *smpp(smsc, "--rate", "100", "--seconds", "600", "--json", str(figures))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            wait_parts(smsc, 20)
            child.send_signal(signal.SIGINT)
            report, errors = child.communicate(timeout=SECONDS)
    assert (child.returncode, errors) == (0, "")
    assert "answers/s" in report
    assert read(figures)["answered"] >= 20


def test_a_gateway_is_loaded_and_every_message_followed_to_its_end(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    with simulator() as smsc:
        config = write_config(tmp_path, smsc)
        with started(["-m", "gateway.cli", "gateway", "--config", str(config)]):
            where = ["upstream", "--upstream", upstream(tmp_path), "--client", CLIENT]
            numbers = ["--to-range", "09012340000-09012349999"]
            done = load(*where, *numbers, "--closed", "--count", "300", "--json", str(figures))
            assert (done.returncode, done.stderr) == (0, "")
            told = read(figures)
            assert told["sent"] == told["accepted"] == 300
            assert told["ends"] == {"delivered": 300}
            landlines = load(*where, "--to-range", "0312340000-0312349999", "--closed", "--count", "10")
            assert landlines.returncode == 1
            assert "not_mobile 10" in landlines.stdout
            assert landlines.stderr == "denpo load: nothing was accepted\n"
            stranger = load(*where[:3], "--client", "nobody", *numbers, "--rate", "1")
            assert stranger.returncode == 1
            assert "unknown client or wrong secret" in stranger.stderr
