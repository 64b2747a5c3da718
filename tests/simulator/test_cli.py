import argparse
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import structlog
import trio

from config.command import set_up_log
from config.scenario import Scenario, shipped_scenarios
from protocol.link import connect
from simulator.cli import SIMULATOR, _accounts, _delayed, _make_smsc, configure
from simulator.ledger import Ledger
from tests.end_to_end.processes import Process, started
from tests.gateway.certificates import Certificates, make_certificates
from tests.simulator.behaviours import ORIGIN, WANTED
from tests.simulator.esme import Esme
from tests.simulator.taken import part, single

COMMAND = ["-W", "error", "-m", "simulator.cli"]
ANYWHERE = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
SECONDS = 20.0
SCENARIO = """\
title = "Two accounts"
[[phases]]
name = "only"
receipts.delay = 5.0
[[phases.rules]]
prefix = "8190"
receipts.delay = 7.0
[[accounts]]
system_id = "bank"
password = "s3cret"
[[accounts]]
system_id = "shop"
password = "s3cret"
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def run(*arguments: str) -> tuple[int, list[str]]:
    """Run the command to its end; returns the exit code and the lines on standard error."""
    done = subprocess.run(
        [sys.executable, *COMMAND, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="denpo simulator")
    configure(parser)
    return parser.parse_args(arguments)


def refuse(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Demand that the command ends before it begins, with exit code 2; returns what it says."""
    try:
        code: object = SIMULATOR.run(parse(*ANYWHERE, *arguments))
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    return capsys.readouterr().err


def write(folder: Path, text: str) -> str:
    file = folder / "scenario.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


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


@pytest.mark.parametrize("flag", ["--ledger", "--pcap"])
@pytest.mark.parametrize("name", ["missing/file", "."])
def test_a_file_that_cannot_be_written_is_one_line_and_exit_code_1(flag: str, name: str, tmp_path: Path) -> None:
    code, lines = run(*ANYWHERE, flag, str(tmp_path / name))
    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith("denpo simulator: ")
    assert str(tmp_path / name) in lines[0]
    assert ("no such file" if "/" in name else "is a directory") in lines[0]


def test_a_ledger_that_is_none_is_one_line_and_exit_code_1_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("no ledger", encoding="utf-8")
    code, lines = run(*ANYWHERE, "--ledger", str(file))
    assert (code, len(lines)) == (1, 1)
    assert str(file) in lines[0]
    assert file.read_text(encoding="utf-8") == "no ledger"


def test_two_simulators_do_not_write_to_one_ledger(tmp_path: Path) -> None:
    file = str(tmp_path / "ledger")
    with started([*COMMAND, *ANYWHERE, "--ledger", file]):
        code, lines = run(*ANYWHERE, "--ledger", file)
    assert (code, lines) == (1, [f"denpo simulator: {file}: another simulator writes to it"])


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


def test_a_signal_ends_it_though_somebody_watches() -> None:
    with started([*COMMAND, *ANYWHERE]) as process:
        url = f"http://{process.ready['http']}/events"
        with httpx.stream("GET", url, timeout=SECONDS) as answer:
            chunks = answer.iter_bytes()
            assert next(chunks).startswith(b"retry:")
            assert process.stop() == 0
            assert b"".join(chunks) == b""


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
        (["--tls-cert", "x.pem"], "--tls-cert and --tls-key are needed together"),
        (["--tls-key", "x.pem"], "--tls-cert and --tls-key are needed together"),
        (["--scenario", "clam"], "did you mean calm?"),
        (["--scenario", ""], "is neither a scenario"),
        (["--scenario", "/nowhere/x.toml"], "'/nowhere/x.toml': is neither a scenario"),
        (["reprot"], "invalid choice"),
    ],
)
def test_wrong_use_is_exit_code_2_and_says_what_is_right(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reason in refuse(capsys, *arguments)


def test_all_that_is_wrong_with_a_scenario_is_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = '[[phases]]\nname = "a"\nanswers.lose_rate = 2\nreceipts.text = "long"\nlink.close_rat = 0.5\n'
    said = refuse(capsys, "--scenario", write(tmp_path, text))
    assert "phases.0.answers.lose_rate: must be 0..1, is 2" in said
    assert "phases.0.receipts.text: must be 'standard', 'capital_text'" in said
    assert "phases.0.link.close_rat: is not a known key (did you mean close_rate?)" in said


def test_a_scenario_that_is_no_toml_is_refused_with_the_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "line 2" in refuse(capsys, "--scenario", write(tmp_path, 'title = "x"\n= 1\n'))


def test_an_account_and_a_scenario_with_accounts_are_refused_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refuse(capsys, "--system-id", "bank", "--scenario", write(tmp_path, SCENARIO))
    assert said == "denpo simulator: --system-id and a scenario with accounts: leave out one of them\n"


def test_what_is_no_certificate_is_refused(
    tmp_path: Path, certificates: Certificates, capsys: pytest.CaptureFixture[str]
) -> None:
    good, key = str(certificates.certificate("server")), str(certificates.key("server"))
    bad = write(tmp_path, "no PEM")
    other, missing = str(certificates.key("client")), str(tmp_path / "missing")
    for cert, its_key in ((bad, key), (good, bad), (good, other), (missing, key), (good, missing)):
        said = refuse(capsys, "--tls-cert", cert, "--tls-key", its_key)
        assert f"no certificate with its key in {cert} and {its_key}: " in said


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(
    tmp_path: Path, certificates: Certificates
) -> None:
    locked = tmp_path / "locked.key"
    command = ["openssl", "pkey", "-in", str(certificates.key("server")), "-aes256", "-passout", "pass:x"]
    subprocess.run([*command, "-out", str(locked)], check=True, capture_output=True)
    code, lines = run(*ANYWHERE, "--tls-cert", str(certificates.certificate("server")), "--tls-key", str(locked))
    assert (code, len(lines)) == (2, 1)


def test_the_flags_reach_the_smsc() -> None:
    flags = ["--system-id", "denpo", "--password", "secret", "--window", "7", "--ledger-size", "2"]
    arguments = parse(*flags, "--receipt-delay", "9")

    async def make() -> None:
        scenario = _delayed(Scenario(), arguments.receipt_delay)
        played = scenario, _accounts(arguments, scenario)
        smsc = _make_smsc(arguments, played, Ledger(arguments.ledger_size), seed=1)
        [account] = smsc.terms.accounts
        assert (account.system_id, account.password.get_secret_value()) == ("denpo", "secret")
        assert (smsc.terms.any_password, smsc.terms.limits.window) == (False, 7)
        now = trio.current_time()
        [outcome] = smsc.behaviour.receipts(WANTED, b"1", now)
        assert outcome.due == pytest.approx(now + 9.0)
        for n in range(3):
            smsc.ledger.take(part(single(b"%d" % n)))
        assert smsc.ledger.forgotten == 1

    trio.run(make)


def test_without_an_account_any_may_bind_and_without_a_password_any_will_do() -> None:
    async def make(*flags: str) -> tuple[int, bool]:
        arguments = parse(*flags)
        accounts = _accounts(arguments, Scenario())
        smsc = _make_smsc(arguments, (Scenario(), accounts), Ledger(1), seed=1)
        return len(smsc.terms.accounts), smsc.terms.any_password

    assert trio.run(make) == (0, False)
    assert trio.run(make, "--system-id", "denpo") == (1, True)


def test_the_seed_decides_the_message_ids() -> None:
    async def make(seed: int) -> list[bytes]:
        smsc = _make_smsc(parse(), (Scenario(), ()), Ledger(1), seed)
        return [smsc.behaviour.answer(WANTED, trio.current_time(), ORIGIN).message_id for _ in range(3)]

    assert trio.run(make, 1) == trio.run(make, 1) != trio.run(make, 2)


def test_a_delay_that_was_asked_for_holds_in_all_phases_and_rules() -> None:
    phases = [{"name": name, "lasts": 1.0, "rules": [{"prefix": "8190"}]} for name in ("one", "two")]
    tree = {"repeat": True, "phases": phases}
    scenario = _delayed(Scenario.model_validate(tree), 9.0)
    for phase in scenario.phases:
        assert phase.receipts.delay == 9.0
        assert [rule.receipts.delay for rule in phase.rules] == [9.0]


def test_a_rule_keeps_the_rest_of_what_it_says_and_of_what_its_phase_says() -> None:
    rule = {"prefix": "8190", "receipts": {"error": "123"}}
    phase = {"name": "one", "receipts": {"error": "456", "text": "short"}, "rules": [rule]}
    scenario = _delayed(Scenario.model_validate({"phases": [phase]}), 9.0)
    [one] = scenario.phases
    assert (one.receipts.error, one.receipts.text, one.rules[0].receipts.error) == ("456", "short", "123")
    assert one.rules[0].receipts.model_fields_set == {"error", "delay"}


@pytest.mark.parametrize("name", shipped_scenarios())
def test_each_shipped_scenario_is_played_by_its_name(name: str) -> None:
    with started([*COMMAND, *ANYWHERE, "--scenario", name, "--seed", "1"]) as process:
        found = httpx.get(f"http://{process.ready['http']}/scenario", timeout=SECONDS).json()
        assert found["title"]
        assert found["phase"] == found["phases"][0]["name"]
        assert process.stop() == 0


def test_the_accounts_of_a_scenario_may_bind_and_no_other(tmp_path: Path) -> None:
    async def bind(process: Process) -> list[str]:
        host, port = process.ready["smpp"].split(":")
        kinds = []
        with trio.fail_after(SECONDS):
            for system_id, password in ((b"bank", b"s3cret"), (b"shop", b"wrong"), (b"denpo", b"s3cret")):
                async with trio.open_nursery() as nursery:
                    esme = Esme(await connect(host, int(port)))
                    nursery.start_soon(esme.run)
                    kinds.append(type(await esme.bind(system_id, password)).__name__)
                    esme.link.close("done")
        return kinds

    with started([*COMMAND, *ANYWHERE, "--scenario", write(tmp_path, SCENARIO)]) as process:
        assert trio.run(bind, process) == ["Bound", "BindRefused", "BindRefused"]
        logged = str(process.lines)
    assert "s3cret" not in logged


def test_an_esme_binds_over_tls_and_plain_octets_end_only_their_own_connection(certificates: Certificates) -> None:
    async def bind(process: Process) -> None:
        host, port = process.ready["smpp"].split(":")
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                plain = await trio.open_tcp_stream(host, int(port))
                await plain.send_all(bytes(16))
                await trio.to_thread.run_sync(process.wait_line, "handshake_failed")
                await plain.aclose()
                esme = Esme(await connect(host, int(port), certificates.context(shown=False)))
                nursery.start_soon(esme.run)
                await esme.bind()
                await esme.submit(short_message=b"x")
                await esme.wait_deliveries(1)
                esme.link.close("done")

    files = ["--tls-cert", str(certificates.certificate("server")), "--tls-key", str(certificates.key("server"))]
    with started([*COMMAND, *ANYWHERE, *files, "--receipt-delay", "0"]) as process:
        trio.run(bind, process)
        assert process.stop() == 0


def test_help_names_every_flag_with_its_default() -> None:
    parser = argparse.ArgumentParser()
    configure(parser)
    text = " ".join(parser.format_help().split())
    flags = ("--listen", "--scenario", "--receipt-delay", "--ledger", "--pcap", "--tls-cert", "--tls-key", "report")
    defaults = ("127.0.0.1:2775", "127.0.0.1:8775", "(1000000)", "(100)", "calm", "nightmare", "SIGTERM")
    for words in (*flags, *defaults):
        assert words in text


def test_each_shipped_scenario_is_named_in_the_help() -> None:
    parser = argparse.ArgumentParser()
    configure(parser)
    text = parser.format_help().replace("\n", "").replace(" ", "")
    assert [name for name in shipped_scenarios() if name not in text] == []


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
