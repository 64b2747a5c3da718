"""The `denpo` command as real processes: what a person sees when it starts, stops, and when something is wrong."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cli import main
from tests.config.documents import plant, toml
from tests.end_to_end.processes import Process, started

SECONDS = 20.0
COMMAND = ["-W", "error", "-m", "gateway.cli"]
ENVIRON = {**os.environ, "SECRET": "open-sesame", "PASSWORD": "sesame", "DENPO_SECRET": "open-sesame"}


def configure(folder: Path, changes: dict[str, object] | None = None, port: int = 1) -> str:
    """Write a configuration; returns its path. The carrier listens on the port of this machine."""
    bind = {"host": "127.0.0.1", "port": port, "system_id": "denpo", "password": {"env": "PASSWORD"}}
    tree: dict[str, Any] = {
        "gateway": {"data_dir": "store"},
        "upstream": {"listen": ["unix:upstream.sock"]},
        "web": {"listen": "127.0.0.1:0"},
        "clients": {"bank": {"secret": {"env": "SECRET"}, "sender": "0005123456"}},
        "carriers": {"alpha": {"reconnect_min": 0.05, "reconnect_max": 0.1, "binds": [bind]}},
        "routes": [{"carriers": ["alpha"]}],
    }
    for path, value in (changes or {}).items():
        plant(tree, tuple(path.split(".")), value)
    file = folder / "gateway.toml"
    file.write_text(toml(tree), encoding="utf-8")
    return str(file)


def gateway(config: str) -> list[str]:
    return [*COMMAND, "gateway", "--config", config]


def run(*arguments: str, **environ: str) -> tuple[int, list[str], list[str]]:
    """Run the command to its end; returns the exit code and the lines of standard output and standard error."""
    done = subprocess.run(
        [sys.executable, *COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env=ENVIRON | environ,
    )
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def send(folder: Path, **environ: str) -> tuple[int, list[str], list[str]]:
    """Send a message through the gateway in the folder."""
    where = ["--upstream", f"unix:{folder / 'upstream.sock'}", "--client", "bank"]
    return run("send", *where, "--to", "090-1234-5678", "--text", "こんにちは", **environ)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[Process]:
    """A gateway that is bound to a simulator."""
    simulator = ["-m", "simulator.cli", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--receipt-delay", "0"]
    with started(simulator) as smsc:
        port = int(smsc.ready["smpp"].rpartition(":")[2])
        with started(gateway(configure(home, port=port)), ENVIRON) as process:
            process.wait_line("bind_up")
            yield process


def test_ready_names_the_addresses(running: Process, home: Path) -> None:
    assert running.ready["upstream"] == [f"unix:{home / 'upstream.sock'}"]
    assert running.ready["pid"] == running.pid
    [web] = running.ready["web"]
    assert httpx.get(f"http://{web}/readyz", timeout=SECONDS).status_code == 200
    assert "denpo_bind_up" in httpx.get(f"http://{web}/metrics", timeout=SECONDS).text


def test_a_message_is_sent_and_delivered(running: Process, home: Path) -> None:
    code, lines, complaints = send(home)
    assert (code, complaints) == (0, [])
    assert lines[0].startswith("accepted ")
    assert lines[-1].startswith("delivered  alpha ")


def test_a_wrong_secret_is_one_line(running: Process, home: Path) -> None:
    assert send(home, DENPO_SECRET="wrong") == (1, [], ["denpo send: unknown client or wrong secret (denied)"])


def test_a_second_gateway_with_the_same_store_is_refused_and_harms_nothing(running: Process, home: Path) -> None:
    code, _, lines = run("gateway", "--config", str(home / "gateway.toml"))
    assert code == 1
    assert lines == [f"denpo gateway: another gateway uses {home / 'store'}"]
    assert httpx.get(f"http://{running.ready['web'][0]}/readyz", timeout=SECONDS).status_code == 200


def test_a_unix_socket_in_use_is_one_line(running: Process, home: Path, tmp_path: Path) -> None:
    config = configure(tmp_path, {"upstream.listen": [f"unix:{home / 'upstream.sock'}"]})
    code, _, lines = run("gateway", "--config", config)
    assert (code, lines) == (
        1,
        [f"denpo gateway: cannot listen on unix:{home / 'upstream.sock'}: another process does"],
    )
    assert (home / "upstream.sock").is_socket()


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        authority = f"127.0.0.1:{busy.getsockname()[1]}"
        code, _, lines = run("gateway", "--config", configure(tmp_path, {"web.listen": authority}))
    assert (code, lines) == (1, [f"denpo gateway: cannot listen on {authority} (web.listen): Address already in use"])


def test_a_host_that_is_not_known_is_one_line(tmp_path: Path) -> None:
    code, _, [line] = run("gateway", "--config", configure(tmp_path, {"web.listen": "nowhere.invalid:0"}))
    assert code == 1
    assert line.startswith("denpo gateway: cannot listen on nowhere.invalid:0 (web.listen): ")
    assert "Unknown error" not in line


def test_a_store_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "denpo.sqlite3").write_text("no database " * 100)
    code, _, lines = run("gateway", "--config", configure(tmp_path))
    assert (code, lines) == (1, [f"denpo gateway: the store in {tmp_path / 'store'}: file is not a database"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_smsc_that_cannot_be_reached_is_one_line_an_attempt_and_a_signal_ends_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with started(gateway(configure(tmp_path, port=port)), ENVIRON) as process:
        line = process.wait_line("bind_down")
        [web] = process.ready["web"]
        assert httpx.get(f"http://{web}/healthz", timeout=SECONDS).status_code == 200
        assert httpx.get(f"http://{web}/readyz", timeout=SECONDS).status_code == 503
        process.signal(number)
        assert process.wait() == 0
        attempts = [each for each in process.lines if each["event"] == "bind_down"]
    assert line["level"] == "warning"
    assert line["bind"] == "alpha.0"
    assert line["reason"].startswith(f"cannot connect to 127.0.0.1:{port}: ")
    assert line["reason"].lower().endswith("connection refused")
    assert len(process.lines) == len(attempts) + 2
    assert [each["event"] for each in process.lines[-2:]] == ["stopping", "stopped"]
    assert not (tmp_path / "upstream.sock").exists()


def test_a_hang_up_reloads_what_is_right_and_names_all_that_is_wrong(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with started(gateway(configure(tmp_path, port=port)), ENVIRON) as process:
        wrong: dict[str, object] = {"web.listen": 5, "carriers.alpha.parts_per_second": -1, "clients.bank.secret": ""}
        configure(tmp_path, wrong, port)
        process.signal(signal.SIGHUP)
        refused = process.wait_line("not_reloaded")
        assert refused["level"] == "error"
        places = [line.partition(":")[0] for line in refused["errors"]]
        assert places == ["carriers.alpha.parts_per_second", "clients.bank.secret", "web.listen"]
        configure(tmp_path, {"clients.shop": {"secret": {"env": "SECRET"}}, "gateway.max_waiting": 9}, port)
        for _ in range(3):
            process.signal(signal.SIGHUP)
        told = process.wait_line("reloaded")
        assert (told["added"], told["changed"], told["removed"]) == (["clients.shop"], ["gateway.max_waiting"], [])
        [web] = process.ready["web"]
        assert httpx.get(f"http://{web}/healthz", timeout=SECONDS).status_code == 200
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    assert not [line for line in process.lines if line["event"] == "defect"]


def test_a_configuration_with_errors_names_them_all_and_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "open-sesame")
    monkeypatch.setenv("PASSWORD", "sesame")
    config = configure(tmp_path, {"web.listen": 5, "carriers.alpha.parts_per_second": -1, "colour": "red"})
    for more in ([], ["--check"]):
        assert main(["gateway", "--config", config, *more]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert lines[0] == f"denpo gateway: {config} has errors"
        assert [line.partition(":")[0] for line in lines[1:]] == [
            "carriers.alpha.parts_per_second",
            "colour",
            "web.listen",
        ]


def test_a_configuration_that_is_not_there_ends_with_2() -> None:
    code, out, lines = run("gateway", "--config", "/nowhere/gateway.toml")
    assert (code, out, lines[0]) == (2, [], "denpo gateway: /nowhere/gateway.toml has errors")
    assert len(lines) == 2


def test_check_says_what_would_run_and_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "open-sesame")
    monkeypatch.setenv("PASSWORD", "sesame")
    config = configure(tmp_path, {"carriers.alpha.parts_per_second": 0, "clients.shop": {"secret": "in-the-file"}})
    assert main(["gateway", "--config", config, "--check"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    for words in (
        f"{config} is right. It would run denpo:",
        f"store      {tmp_path / 'store'}",
        f"upstream   unix:{tmp_path / 'upstream.sock'}",
        "web        127.0.0.1:0",
        "client     bank",
        "carrier    alpha: transceiver 127.0.0.1:1, window 10, no rate limit",
        "warning    clients.shop.secret: is written in the file",
    ):
        assert words in shown.out
    assert not any(secret in shown.out for secret in ("open-sesame", "sesame", "in-the-file"))
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("arguments", [[], ["dance"], ["gateway"], ["gateway", "--config"], ["send"]])
def test_wrong_use_ends_with_2_and_says_what_is_right(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: denpo" in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(f" {name} " in shown for name in ("gateway", "send", "simulator"))


def test_a_reader_of_the_output_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, *gateway(configure(tmp_path)), "--check"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=SECONDS, check=False, env=ENVIRON)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
