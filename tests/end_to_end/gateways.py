"""A gateway and a simulator as processes, joined up, in a folder of their own."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Final

from tests.end_to_end.processes import Process, started

CLIENT: Final = "bank"
SECRET: Final = "s3cret"

_HOUSE: Final = """\
[gateway]
data_dir = "store"
drain_timeout = {drain_timeout}
[upstream]
listen = ["unix:upstream.sock"]
[web]
listen = "127.0.0.1:0"
[clients.bank]
secret = "s3cret"
sender = "0005123456"
"""
ROUTE: Final = """\
[[routes]]
carriers = ["alpha"]
"""
BIND: Final = """\
[[carriers.alpha.binds]]
host = "127.0.0.1"
port = {port}
system_id = "denpo"
password = "secret"
window = 50
"""
_CARRIER: Final = """\
[carriers.alpha]
parts_per_second = {rate}
burst = 100
unknown_grace = 1.0
reconnect_min = 0.1
reconnect_max = 0.5
"""


@contextmanager
def simulator(receipt_delay: float = 0.0) -> Iterator[Process]:
    """A simulator on free ports, for the account of BIND."""
    where = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    account = ["--system-id", "denpo", "--password", "secret"]
    with started(
        ["-m", "gateway.cli", "simulator", *where, *account, "--receipt-delay", str(receipt_delay)]
    ) as process:
        yield process


def write_config(folder: Path, smsc: Process, rate: float = 0) -> Path:
    """Write the configuration of a gateway that feeds a simulator by two binds. rate: parts per second, 0: no limit."""
    bind = BIND.format(port=smsc.ready["smpp"].rpartition(":")[2])
    return write_house(folder, _CARRIER.format(rate=rate) + bind + bind + ROUTE)


def write_house(folder: Path, tables: str, drain_timeout: float = 10.0) -> Path:
    """Write the configuration of a gateway with one client and these carriers and routes. drain_timeout: seconds."""
    file = folder / "gateway.toml"
    file.write_text(_HOUSE.format(drain_timeout=drain_timeout) + tables, encoding="utf-8")
    return file


def upstream(folder: Path) -> str:
    """The address of the gateway's socket."""
    return f"unix:{folder / 'upstream.sock'}"


def ask(process: Process, path: str) -> Any:  # noqa: ANN401  # JSON
    """GET a JSON document from a simulator."""
    with urllib.request.urlopen(f"http://{process.ready['http']}{path}", timeout=10) as answer:
        return json.load(answer)


def read_ledger(process: Process) -> list[dict[str, Any]]:
    """Every part that a simulator has taken."""
    with urllib.request.urlopen(f"http://{process.ready['http']}/ledger", timeout=30) as answer:
        return [json.loads(line) for line in answer]


def wait_parts(process: Process, count: int, seconds: float = 30.0) -> None:
    """Wait until a simulator has taken so many parts. Raises: TimeoutError."""
    deadline = monotonic() + seconds
    while ask(process, "/summary")["parts"] < count:
        if monotonic() > deadline:
            raise TimeoutError(f"fewer than {count} parts within {seconds} s")
