"""An SMSC that connects to the gateway: the simulator's outbind, real processes, real sockets."""

import socket
from pathlib import Path
from typing import Final

import trio

from gateway.client import connect
from tests.end_to_end.gateways import CLIENT, ROUTE, SECRET, upstream, wait_parts, write_house
from tests.end_to_end.processes import started

SCENARIO: Final = """\
[[accounts]]
system_id = "denpo"
password = "secret"
outbind = "127.0.0.1:{port}"
"""
BIND: Final = """\
[[carriers.alpha.binds]]
outbind = {{ listen = "127.0.0.1:{port}", system_id = "denpo-simulator", password = "" }}
system_id = "denpo"
password = "secret"
"""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


async def test_a_message_goes_out_over_a_connection_that_the_smsc_made(tmp_path: Path) -> None:
    port = free_port()
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(SCENARIO.format(port=port), encoding="utf-8")
    config = write_house(tmp_path, BIND.format(port=port) + ROUTE)
    where = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--scenario", str(scenario)]
    with (
        started(["-m", "gateway.cli", "gateway", "--config", str(config)]) as gateway,
        started(["-m", "gateway.cli", "simulator", *where]) as smsc,
    ):
        await trio.to_thread.run_sync(gateway.wait_line, "bind_up")
        async with connect(upstream(tmp_path), CLIENT, SECRET) as client:
            await client.submit([{"id": "1", "to": "090-1234-5678", "text": "こんにちは"}])
            await trio.to_thread.run_sync(wait_parts, smsc, 1)
