import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from config.addresses import TcpAddress, UnixAddress
from simulator.load.run import LoadFailed
from simulator.load.target import connector, is_local
from tests.gateway.certificates import make_certificates


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost"])
def test_loopback_is_local(host: str) -> None:
    assert is_local(TcpAddress(host, 2775))


ELSEWHERE = "0.0.0.0 :: 10.0.0.1 192.168.1.1 8.8.8.8 2001:db8::1 ::ffff:8.8.8.8 0177.0.0.1 2130706433 127.1"
NAMES = "smsc.example localhost.example 127.0.0.1.example simulator"


@pytest.mark.parametrize("host", [*ELSEWHERE.split(), *NAMES.split()])
def test_nothing_else_is_local_not_even_a_name_that_may_lead_here(host: str) -> None:
    assert not is_local(TcpAddress(host, 2775))


def test_a_unix_socket_is_local() -> None:
    assert is_local(UnixAddress(Path("x.sock")))


async def test_an_address_where_nobody_listens_fails_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(LoadFailed, match="cannot connect: connection refused"):
        await connector(TcpAddress("127.0.0.1", port), None)()


async def test_a_socket_that_is_not_there_fails_in_words(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="cannot connect: no such file"):
        await connector(UnixAddress(tmp_path / "none.sock"), None)()


async def test_a_host_that_is_no_name_fails_in_words() -> None:
    with pytest.raises(LoadFailed, match="cannot connect"):
        await connector(TcpAddress("a" * 70 + ".invalid", 1), None)()


async def test_a_unix_socket_is_connected_to(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        stream = await connector(UnixAddress(path), None)()
        await trio.aclose_forcefully(stream)


async def test_tls_is_verified_against_the_authorities_that_were_given(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.certificate("server"), made.key("server"))

    async def greet(stream: trio.SSLStream[trio.SocketStream]) -> None:
        with suppress(trio.BrokenResourceError):
            await stream.send_all(b"hello")

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_ssl_over_tcp_listeners(0, context, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, greet, listeners)
        listener = listeners[0].transport_listener
        assert isinstance(listener, trio.SocketListener)
        address = TcpAddress("127.0.0.1", listener.socket.getsockname()[1])
        stream = await connector(address, made.context(shown=False))()
        assert await stream.receive_some() == b"hello"
        await trio.aclose_forcefully(stream)
        with pytest.raises(LoadFailed, match="certificate verify failed"):
            await connector(address, ssl.create_default_context())()
        nursery.cancel_scope.cancel()
