"""What most benchmarks need: a gateway as in production, in a process and a folder of its own, bound to an SMSC.

Everything is on: the store on disk with synchronous=FULL, receipts, all checks and guards by their defaults.
"""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.processes import Process, started
from benchmarks.upstream import SECRET

CONFIG: Final = """\
[gateway]
data_dir = "store"
[upstream]
listen = ["unix:upstream.sock"]
[web]
listen = "127.0.0.1:0"
[clients.load]
secret = {{ env = "DENPO_LOAD_SECRET" }}
sender = "0005123456"
[carriers.alpha]
parts_per_second = 0
{binds}
[[routes]]
carriers = ["alpha"]
"""
_BIND: Final = """\
[[carriers.alpha.binds]]
host = "127.0.0.1"
port = {port}
system_id = "load"
password = {{ env = "DENPO_LOAD_SECRET" }}
window = {window}
"""
QUICKLY_AGAIN: Final = "reconnect_max = 1.0\n"
"""For a carrier that is down at first: it is tried every second."""
SECRETS: Final = {"DENPO_LOAD_SECRET": SECRET}


@dataclass(frozen=True, slots=True)
class Rig:
    """Where a gateway lives; `gateway` may be started more than once."""

    folder: Path

    @property
    def socket(self) -> Path:
        """Of the upstream door."""
        return self.folder / "upstream.sock"

    def configure(self, port: int | str, binds: int = 2, window: int = 100, settings: str = "") -> None:
        """Write the configuration. Args: port: of the SMSC. settings: more of the carrier's."""
        tables = settings + bind_tables(str(port), binds, window)
        (self.folder / "gateway.toml").write_text(CONFIG.format(binds=tables), encoding="utf-8")

    def gateway(self, ready_seconds: float = 60.0) -> AbstractContextManager[Process]:
        """Run it until the block ends. Raises: RuntimeError: it is not ready in time."""
        flags = ["gateway", "--config", str(self.folder / "gateway.toml")]
        return started(flags, self.folder / "gateway.log", SECRETS, ready_seconds)

    def simulator(self) -> AbstractContextManager[Process]:
        """Run our own SMSC, which does more, and costs more, than `running_smsc`."""
        flags = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--receipt-delay", "0", "--window", "1000"]
        return started(["simulator", *flags], self.folder / "simulator.log")


@contextmanager
def rig() -> Iterator[Rig]:
    """A folder for one run."""
    with tempfile.TemporaryDirectory(prefix="denpo-") as name:
        yield Rig(Path(name))


def bind_tables(port: str, binds: int, window: int) -> str:
    """What CONFIG needs for its binds."""
    return _BIND.format(port=port, window=window) * binds


def free_port() -> int:
    """A port on which nobody listens now: of an SMSC that comes later."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
