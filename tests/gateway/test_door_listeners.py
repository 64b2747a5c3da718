"""The door's listeners on real sockets: Unix with its mode, TCP, and TLS."""

import grp
import os
import socket
import ssl
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs

from tests.config.documents import SECRET
from tests.gateway.builders import House, message, opened
from tests.gateway.callers import Caller
from tests.gateway.certificates import Certificates, make_certificates

SECONDS = 20.0
TCP: dict[str, object] = {"upstream.listen": ["tcp:127.0.0.1:0"]}


@asynccontextmanager
async def listening(folder: Path, changes: dict[str, object] | None = None) -> AsyncIterator[House]:
    with trio.fail_after(SECONDS):
        async with opened(folder, changes) as house:
            await house.nursery.start(house.door.run)
            yield house


def port_of(house: House) -> int:
    [address] = house.door.addresses
    assert address.startswith("tcp:127.0.0.1:")
    return int(address.rpartition(":")[2])


async def greet(stream: trio.abc.Stream) -> dict[str, Any]:
    caller = Caller(stream)
    await caller.greet("bank", SECRET)
    [result] = await caller.submit(message("1"))
    await stream.aclose()
    return result


async def refused(house: House, context: ssl.SSLContext) -> None:
    """The TLS handshake fails, or the first thing that is read after it."""
    stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", port_of(house), ssl_context=context)
    with pytest.raises(trio.BrokenResourceError):
        await greet(stream)
    await trio.aclose_forcefully(stream)


async def test_the_unix_socket_is_for_the_owner_and_the_group_only(tmp_path: Path) -> None:
    async with listening(tmp_path) as house:
        path = tmp_path / "upstream.sock"
        assert house.door.addresses == [f"unix:{path}"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert (await greet(await trio.open_unix_socket(path)))["ok"]
    assert not path.exists()


async def test_the_folder_of_the_unix_socket_is_made(tmp_path: Path) -> None:
    async with listening(tmp_path, {"upstream.listen": ["unix:run/here/upstream.sock"]}):
        path = tmp_path / "run" / "here" / "upstream.sock"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert (await greet(await trio.open_unix_socket(path)))["ok"]


async def test_a_socket_that_a_dead_process_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "upstream.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with listening(tmp_path):
        assert (await greet(await trio.open_unix_socket(path)))["ok"]


async def test_a_socket_that_is_in_use_is_left_alone_and_refused(tmp_path: Path) -> None:
    path = tmp_path / "upstream.sock"
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen(1)
        async with opened(tmp_path) as house:
            with pytest.raises(OSError, match=f"cannot listen on unix:{path}: another process does"):
                await house.door.run()
        assert path.is_socket()


async def test_what_is_no_socket_is_never_deleted(tmp_path: Path) -> None:
    path = tmp_path / "upstream.sock"
    path.write_text("precious")
    async with opened(tmp_path) as house:
        with pytest.raises(OSError, match=f"cannot listen on unix:{path}: Address already in use"):
            await house.door.run()
    assert path.read_text() == "precious"


async def test_a_port_that_is_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = f"tcp:127.0.0.1:{busy.getsockname()[1]}"
        async with opened(tmp_path, {"upstream.listen": [address]}) as house:
            with pytest.raises(OSError, match=f"cannot listen on {address}: Address already in use"):
                await house.door.run()


async def test_any_free_port_is_taken_and_named(tmp_path: Path) -> None:
    async with listening(tmp_path, TCP) as house:
        assert (await greet(await trio.open_tcp_stream("127.0.0.1", port_of(house))))["ok"]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


def secured(certificates: Certificates, *, demanded: bool = False) -> dict[str, object]:
    """Changes to the configuration: TLS, with or without client certificates."""
    tls = {"cert": str(certificates.certificate("server")), "key": str(certificates.key("server"))}
    return {**TCP, "upstream.tls": tls | ({"client_ca": str(certificates.authority)} if demanded else {})}


async def test_a_tls_listener_shows_its_certificate(tmp_path: Path, certificates: Certificates) -> None:
    async with listening(tmp_path, secured(certificates)) as house:
        context = certificates.context(shown=False)
        stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", port_of(house), ssl_context=context)
        assert (await greet(stream))["ok"]


async def test_a_client_without_the_certificate_that_is_demanded_is_refused(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with listening(tmp_path, secured(certificates, demanded=True)) as house:
        with capture_logs() as logs:
            await refused(house, certificates.context(shown=False))
        [line] = [line for line in logs if line["event"] == "handshake_failed"]
        assert "peer did not return a certificate" in line["reason"]
        context = certificates.context(shown=True)
        stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", port_of(house), ssl_context=context)
        assert (await greet(stream))["ok"]


async def test_a_client_that_speaks_without_tls_is_refused_and_hurts_nobody(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with listening(tmp_path, secured(certificates)) as house:
        plain = await trio.open_tcp_stream("127.0.0.1", port_of(house))
        with pytest.raises((trio.BrokenResourceError, AssertionError)):
            await greet(plain)
        await plain.aclose()
        context = certificates.context(shown=False)
        stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", port_of(house), ssl_context=context)
        assert (await greet(stream))["ok"]


async def test_a_client_that_never_shakes_hands_is_left(tmp_path: Path, certificates: Certificates) -> None:
    async with listening(tmp_path, {**secured(certificates), "upstream.hello_timeout": 0.05}) as house:
        silent = await trio.open_tcp_stream("127.0.0.1", port_of(house))
        with capture_logs() as logs:
            assert await silent.receive_some() == b""
        await silent.aclose()
        assert [(line["event"], line["reason"]) for line in logs] == [("handshake_failed", "it was not completed")]


async def test_the_unix_socket_has_the_mode_and_the_group_that_are_wished(tmp_path: Path) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    async with listening(tmp_path, {"upstream.unix_mode": 0o600, "upstream.unix_group": group}):
        found = (tmp_path / "upstream.sock").stat()
        assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o600, os.getgid())


async def test_a_group_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with opened(tmp_path, {"upstream.unix_group": "no-such-group"}) as house:
        with pytest.raises(OSError, match="there is no group no-such-group"):
            await house.door.run()
