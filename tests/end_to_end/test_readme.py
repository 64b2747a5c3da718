"""What the README shows works as it stands."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

from config.load import load
from gateway.cli import OWN, make_parser
from tests.end_to_end.gateways import SECRET, read_ledger, simulator, upstream, write_config
from tests.end_to_end.processes import started

README: Final = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


COMMANDS: Final = (Path(__file__).parents[2] / "docs/commands.md").read_text(encoding="utf-8")


def _block(language: str, number: int = 0) -> str:
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return blocks[number]


def _run_example(folder: Path, number: int) -> str:
    """Run an example in Python against a gateway in the folder; returns what it printed."""
    script = folder / "example.py"
    example = _block("python", number).replace("unix:var/upstream.sock", upstream(folder)).replace("…", SECRET)
    script.write_text(example, encoding="utf-8")
    where = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-W", "error", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=where, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_configuration_is_one(tmp_path: Path) -> None:
    (tmp_path / "alpha.password").write_text("secret\n", encoding="utf-8")
    (tmp_path / "gateway.toml").write_text(_block("toml"), encoding="utf-8")
    loaded = load(tmp_path / "gateway.toml", {"DENPO_BANK_SECRET": "s3cret"})
    assert loaded.warnings == ()
    assert loaded.settings.carriers["alpha"].binds[0].window == 10


def test_the_example_in_python_sends_a_message_and_no_log_tells_what_or_to_whom(tmp_path: Path) -> None:
    with simulator() as smsc:
        with started(["-m", "gateway.cli", "gateway", "--config", str(write_config(tmp_path, smsc))]) as gateway:
            printed = _run_example(tmp_path, 0)
            logged = json.dumps(gateway.lines, ensure_ascii=False)
        taken = [part["text"] for part in read_ledger(smsc)]
    assert "delivered 2026-11-22/1" in printed
    assert taken == ["【あおば銀行】ご確認ください。"]
    assert "bind_up" in logged
    assert not any(private in logged for private in (SECRET, "ご確認", "9012345678", "90-1234-5678"))


def test_the_example_that_blocks_sends_as_many_as_it_has(tmp_path: Path) -> None:
    with simulator() as smsc:
        with started(["-m", "gateway.cli", "gateway", "--config", str(write_config(tmp_path, smsc))]):
            printed = _run_example(tmp_path, 1)
        taken = read_ledger(smsc)
    assert sorted(printed.splitlines()) == sorted(f"delivered news-{n}" for n in range(200))
    assert len(taken) == 200


def test_every_command_that_is_shown_is_one() -> None:
    shown = re.findall(r"^\$ (?:[A-Z_]+=\S+ )*denpo (.*)", README + COMMANDS, re.MULTILINE)
    parsed = [make_parser().parse_args(shlex.split(line.partition("|")[0], comments=True)) for line in shown]
    assert {arguments.command for arguments in parsed} >= {command.name for command in OWN}
