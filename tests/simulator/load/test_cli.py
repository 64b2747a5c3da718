import argparse
from math import inf
from pathlib import Path

import pytest

from simulator.load.cli import LOAD
from simulator.load.options import make_plan
from simulator.load.plan import DEFAULT_COUNT, MAX_COUNT, MAX_RATE, MAX_SECONDS, Numbers, Plan

SMPP = ["smpp", "--connect", "127.0.0.1:2775"]
UPSTREAM = ["upstream", "--upstream", "unix:x.sock", "--client", "bank", "--to-range", "09012340000-09012349999"]


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser("denpo load")
    LOAD.configure(parser)
    return parser.parse_args(arguments)


def plan(*arguments: str) -> Plan:
    return make_plan(parse(*arguments))


def refuse(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run what is wrong use; returns the one line that says why."""
    assert LOAD.run(parse(*arguments)) == 2
    [line] = capsys.readouterr().err.splitlines()
    return line


def test_a_load_is_always_bounded() -> None:
    assert plan(*SMPP, "--closed").count == DEFAULT_COUNT
    assert plan(*SMPP, "--closed", "--seconds", "5").count == MAX_COUNT
    assert plan(*SMPP, "--closed", "--seconds", "5", "--count", "7").count == 7
    assert plan(*SMPP, "--closed").seconds == inf


def test_flags_make_the_plan() -> None:
    flags = [
        "--rate",
        "12.5",
        "--arrivals",
        "poisson",
        "--binds",
        "3",
        "--window",
        "9",
        "--mix",
        "long=2",
        "--seed",
        "4",
    ]
    more = ["--to-range", "0901-0999", "--sender", "BANK", "--no-receipts", "--wait", "3", "--count", "8"]
    assert plan(*SMPP, *flags, *more) == Plan(
        numbers=Numbers(901, 99, 4),
        mix={"long": 2},
        count=8,
        rate=12.5,
        poisson=True,
        binds=3,
        window=9,
        batch=1,
        sender="BANK",
        receipts=False,
        seed=4,
        wait=3.0,
    )
    assert plan(*UPSTREAM, "--closed", "--batch", "20").batch == 20


def test_by_default_an_smsc_is_given_numbers_that_nobody_has() -> None:
    numbers = plan(*SMPP, "--closed").numbers
    assert f"{numbers.first}".startswith("81900")
    assert f"{numbers.first + numbers.size - 1}".startswith("81900")


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--rate", "1", "--closed"],
        ["--rate", "0"],
        ["--rate", "nan"],
        ["--rate", f"{MAX_RATE + 1}"],
        ["--closed", "--count", "0"],
        ["--closed", "--count", f"{MAX_COUNT + 1}"],
        ["--closed", "--seconds", f"{MAX_SECONDS + 1}"],
        ["--closed", "--seconds", "inf"],
        ["--closed", "--binds", "0"],
        ["--closed", "--window", "x"],
        ["--closed", "--mix", "klingon"],
        ["--closed", "--to-range", "9-1"],
        ["--closed", "--sender", "あおば銀行"],
        ["--closed", "--password", "123456789"],
        ["--closed", "--chart", "chart.png"],
        ["--closed", "--json", "no/such/folder/x.json"],
        ["--closed", "--connect", "nowhere"],
    ],
)
def test_what_cannot_be_is_wrong_use(capsys: pytest.CaptureFixture[str], flags: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(*SMPP, *flags)
    assert end.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_gateway_is_given_no_numbers_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(*UPSTREAM[:5], "--closed")
    assert "--to-range" in capsys.readouterr().err


@pytest.mark.parametrize(
    "target",
    [["smpp", "--connect", "smsc.carrier.example:2775"], [*UPSTREAM, "--upstream", "tcp:192.0.2.1:7070"]],
)
def test_a_target_elsewhere_needs_the_word_for_it(capsys: pytest.CaptureFixture[str], target: list[str]) -> None:
    line = refuse(capsys, *target, "--closed")
    assert "is not on this machine" in line
    assert "--anywhere" in line


def test_an_upstream_load_needs_a_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DENPO_SECRET", raising=False)
    assert "no secret" in refuse(capsys, *UPSTREAM, "--closed")
    assert "No such file" in refuse(capsys, *UPSTREAM, "--closed", "--secret-file", str(tmp_path / "none"))
    (tmp_path / "bad").write_bytes(b"\xff\xfe")
    assert "is not UTF-8" in refuse(capsys, *UPSTREAM, "--closed", "--secret-file", str(tmp_path / "bad"))


def test_tls_needs_certificates_and_a_network(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "No such file" in refuse(capsys, *SMPP, "--closed", "--tls-ca", str(tmp_path / "none.pem"))
    assert "need each other" in refuse(capsys, *SMPP, "--closed", "--tls-key", str(tmp_path / "none.pem"))
    assert "Unix socket" in refuse(capsys, *UPSTREAM, "--closed", "--tls")
