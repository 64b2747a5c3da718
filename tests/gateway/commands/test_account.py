"""How the commands reach a gateway over TLS: real sockets, a gateway that wants to see the client's certificate."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.commands import stream
from tests.config.documents import SECRET
from tests.gateway.certificates import Certificates, make_certificates
from tests.gateway.servers import serving

NUMBERS = "09012340000-09012349999"
COMMANDS = {
    "status": ["status", "order-1"],
    "cancel": ["cancel", "order-1"],
    "send": ["send", "--to", "090-1234-5678", "--text", "本文", "--wait", "0"],
    "events": ["events"],
    "listen": ["listen", "--count", "1"],
    "bulk": ["bulk", "rows.csv", "--dry-run"],
    "load": ["load", "upstream", "--closed", "--count", "2", "--no-receipts", "--to-range", NUMBERS],
}
"""One of each command that speaks to a gateway."""
EACH = pytest.mark.parametrize("name", COMMANDS)

Run = Callable[..., tuple[int, list[str], str]]
"""Runs a command: its exit code, the lines of its standard error, its standard output."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def port(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    tls = {
        "cert": str(certificates.certificate("server")),
        "key": str(certificates.key("server")),
        "client_ca": str(certificates.authority),
    }
    with serving(tmp_path_factory.mktemp("gateway"), {"upstream.tls": tls}) as server:
        yield server.tcp.rpartition(":")[2]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], port: str) -> Run:
    monkeypatch.setenv("DENPO_SECRET", SECRET)
    monkeypatch.setattr(stream, "QUIET_SECONDS", 0.1)
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("to,text\n09012345678,本文\n", encoding="utf-8")

    def run(name: str, *flags: object, address: str = f"tls:127.0.0.1:{port}") -> tuple[int, list[str], str]:
        code = main([*COMMANDS[name], "--upstream", address, "--client", "bank", *map(str, flags)])
        said = capsys.readouterr()
        return code, said.err.splitlines(), said.out

    return run


@pytest.mark.parametrize(
    ("name", "code", "shown"),
    [
        ("status", 1, "not_found"),
        ("cancel", 1, "not_found"),
        ("send", 1, "accepted"),  # and then it has no end, for there is no carrier
        ("events", 0, ""),
        ("bulk", 0, "1 "),
        ("load", 0, "messages"),
    ],
)
def test_each_command_shows_its_certificate_and_is_served(
    run: Run, certificates: Certificates, name: str, code: int, shown: str
) -> None:
    own = ["--tls-cert", certificates.certificate("client"), "--tls-key", certificates.key("client")]
    found, complaints, printed = run(name, "--tls-ca", certificates.authority, *own)
    assert (found, len(complaints)) == (code, int(name == "send"))
    assert shown in printed


@EACH
def test_an_authority_that_is_not_trusted_is_a_failure_in_one_line(run: Run, name: str) -> None:
    code, complaints, _ = run(name)
    assert code == 1
    assert len(complaints) == 1
    assert "self-signed certificate" in complaints[0]


@EACH
def test_a_certificate_that_is_missing_is_a_failure_in_one_line(
    run: Run, certificates: Certificates, name: str
) -> None:
    code, complaints, _ = run(name, "--tls-ca", certificates.authority)
    assert code == 1
    assert len(complaints) == 1
    refused = ("the connection broke", "the gateway closed the connection")  # as the version of Python takes it
    assert any(each in complaints[0] for each in (refused if name == "load" else ("it may want to see a certificate",)))


def test_the_name_of_the_host_is_checked(run: Run, certificates: Certificates, port: str) -> None:
    code, [complaint], _ = run("status", "--tls-ca", certificates.authority, address=f"tls:127.0.0.2:{port}")
    assert (code, complaint.partition("127.0.0.2:")[0]) == (1, "denpo status: no gateway at tls:")


def test_a_gateway_that_speaks_no_tls_is_a_failure_in_one_line(run: Run, tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        code, [complaint], _ = run("status", address=f"tls:127.0.0.1:{server.tcp.rpartition(':')[2]}")
    assert code == 1
    assert complaint.startswith("denpo status: no gateway at tls:")


@EACH
def test_a_file_that_is_of_no_use_is_wrong_use(run: Run, name: str) -> None:
    code, [complaint], _ = run(name, "--tls-ca", "none.pem")
    assert (code, complaint) == (2, f"denpo {name}: --tls-ca none.pem: No such file or directory")


@pytest.mark.parametrize("address", ["unix:x.sock", "tcp:127.0.0.1:1"])
def test_flags_of_tls_are_wrong_use_with_an_address_that_has_none(run: Run, address: str) -> None:
    code, [complaint], _ = run("status", "--tls-ca", "ca.pem", "--tls-key", "a.key", address=address)
    assert (code, complaint) == (2, "denpo status: --tls-ca, --tls-key: only with --upstream tls:HOST:PORT")
