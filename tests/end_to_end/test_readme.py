"""What the README shows works as it stands."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from config.load import load
from tests.end_to_end.gateways import SECRET, read_ledger, simulator, upstream, write_config
from tests.end_to_end.processes import started

README: Final = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def _block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


def test_the_configuration_is_one(tmp_path: Path) -> None:
    (tmp_path / "alpha.password").write_text("secret\n", encoding="utf-8")
    (tmp_path / "gateway.toml").write_text(_block("toml"), encoding="utf-8")
    loaded = load(tmp_path / "gateway.toml", {"DENPO_BANK_SECRET": "s3cret"})
    assert loaded.warnings == ()
    assert loaded.settings.carriers["alpha"].binds[0].window == 10


def test_the_example_in_python_sends_a_message_and_no_log_tells_what_or_to_whom(tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    with simulator() as smsc:
        example = _block("python").replace("unix:var/upstream.sock", upstream(tmp_path)).replace("…", SECRET)
        script.write_text(example, encoding="utf-8")
        with started(["-m", "gateway.cli", "gateway", "--config", str(write_config(tmp_path, smsc))]) as gateway:
            where = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
            done = subprocess.run(
                [sys.executable, str(script)], capture_output=True, text=True, timeout=30, env=where, check=False
            )
            logged = json.dumps(gateway.lines, ensure_ascii=False)
        taken = [part["text"] for part in read_ledger(smsc)]
    assert done.returncode == 0, done.stderr
    assert "delivered 2026-11-22/1" in done.stdout
    assert taken == ["【あおば銀行】ご確認ください。"]
    assert "bind_up" in logged
    assert not any(private in logged for private in (SECRET, "ご確認", "9012345678", "90-1234-5678"))
