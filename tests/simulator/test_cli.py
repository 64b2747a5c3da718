import argparse
import signal
import socket
import subprocess
import sys

import httpx
import pytest
import structlog
import trio

from config.command import set_up_log
from protocol.link import connect
from protocol.pdu import SubmitSm
from simulator.cli import SIMULATOR, _make_smsc, configure
from simulator.ledger import Part
from tests.end_to_end.processes import Process, started
from tests.simulator.esme import Esme

COMMAND = ["-W", "error", "-m", "simulator.cli"]
ANYWHERE = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
SECONDS = 20.0


def run(*arguments: str) -> tuple[int, list[str]]:
    """Run the command to its end; returns the exit code and the lines on standard error."""
    done = subprocess.run(
        [sys.executable, *COMMAND, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def can_connect(address: str) -> bool:
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host.strip("[]"), int(port)), SECONDS):
        return True


def test_the_ready_line_names_the_ports_that_were_free() -> None:
    with started([*COMMAND, *ANYWHERE, "--seed", "5"]) as process:
        assert process.ready["seed"] == 5
        assert process.ready["smpp"] != process.ready["http"]
        assert can_connect(process.ready["smpp"])
        assert httpx.get(f"http://{process.ready['http']}/summary", timeout=SECONDS).json()["parts"] == 0
        assert process.stop() == 0


@pytest.mark.parametrize("flag", ["--listen", "--http"])
def test_a_busy_port_is_one_line_and_exit_code_1(flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = f"127.0.0.1:{busy.getsockname()[1]}"
        assert run(*ANYWHERE, flag, address) == (
            1,
            [f"denpo simulator: cannot listen on {address}: address already in use"],
        )


def test_an_unknown_host_is_one_line_and_exit_code_1() -> None:
    code, lines = run("--listen", "nowhere.invalid:0")
    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith("denpo simulator: cannot listen on nowhere.invalid:0: ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_unbinds_the_esmes_and_ends_with_exit_code_0(number: signal.Signals) -> None:
    async def bind_and_stop(process: Process) -> str | None:
        host, port = process.ready["smpp"].split(":")
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                esme = Esme(await connect(host, int(port)))
                nursery.start_soon(esme.run)
                await esme.bind()
                process.signal(number)
        return esme.closed.reason if esme.closed else None

    with started([*COMMAND, *ANYWHERE]) as process:
        assert trio.run(bind_and_stop, process) == "the peer unbound"
        assert process.wait() == 0
        assert [line.get("event") for line in process.lines] == ["bound", "closed", "stopped"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--listen", "2775"], 'must be "HOST:PORT"'),
        (["--http", "127.0.0.1:99999"], "port of 0..65535"),
        (["--system-id", "x" * 16], "1 to 15 ASCII"),
        (["--password", "x" * 9], "1 to 8 ASCII"),
        (["--password", "secret"], "--password needs --system-id"),
        (["--receipt-delay", "-1"], "0 or more"),
        (["--receipt-delay", "nan"], "0 or more"),
        (["--window", "0"], "a whole number"),
        (["--ledger-size", "1" * 5000], "a whole number"),
        (["--seed", "x"], "int"),
        (["--what"], "unrecognized"),
    ],
)
def test_wrong_use_is_exit_code_2_and_says_what_is_right(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser(prog="denpo simulator")
    SIMULATOR.configure(parser)
    try:
        code = SIMULATOR.run(parser.parse_args(arguments))
    except SystemExit as ended:
        code = ended.code  # type: ignore[assignment]  # argparse always exits with a number
    assert code == 2
    assert reason in capsys.readouterr().err


async def test_the_flags_reach_the_smsc() -> None:
    parser = argparse.ArgumentParser()
    configure(parser)
    flags = ["--system-id", "denpo", "--password", "secret", "--window", "7", "--ledger-size", "2"]
    smsc = _make_smsc(parser.parse_args([*flags, "--receipt-delay", "9"]), seed=1)
    assert (smsc.terms.system_id, smsc.terms.password, smsc.terms.limits.window) == (b"denpo", b"secret", 7)
    outcome = smsc.behaviour.receipt(SubmitSm(registered_delivery=1), 1.0)
    assert outcome
    assert outcome.due == 10.0
    for _ in range(3):
        smsc.ledger.take(Part(b"1", 1, b"denpo", 1, 0.0, SubmitSm()))
    assert smsc.ledger.forgotten == 1


def test_help_names_every_flag_with_its_default() -> None:
    parser = argparse.ArgumentParser()
    configure(parser)
    text = " ".join(parser.format_help().split())
    for words in ("127.0.0.1:2775", "127.0.0.1:8775", "(0.5)", "(200000)", "(100)", "GET /ledger", "SIGTERM"):
        assert words in text


def test_logs_for_people_are_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_log("console")
    try:
        structlog.get_logger().info("ready", smpp="127.0.0.1:2775")
    finally:
        structlog.reset_defaults()
    line = capsys.readouterr().err
    assert "ready" in line
    assert "127.0.0.1:2775" in line
    assert "{" not in line
