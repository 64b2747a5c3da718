"""A connection that is kept: one that is silent is taken for dead, a refusal is final, and TLS shows who is who."""

import socket
import ssl
from pathlib import Path

import anyio
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway.client import Client, ClientError, Options, connect
from gateway.client.shapes import Target
from protocol.upstream import CLIENT_KINDS, Frame, Frames, pack
from tests.config.documents import SECRET
from tests.gateway.builders import message, opened
from tests.gateway.certificates import Certificates, make_certificates
from tests.gateway.client.wires import MemoryStream
from tests.gateway.servers import WELCOME

OPTIONS = Options(ping_interval=10.0, ping_timeout=5.0, answer_timeout=100.0)


class Gateways:
    """Stands in for gateways, one for each connection, that answer as they are told; "dead" ones read on and on."""

    def __init__(self, nursery: trio.Nursery, *kinds: str) -> None:
        self.opened: list[float] = []
        """When each connection was asked for."""
        self._nursery = nursery
        self._kinds = iter(kinds)

    async def open(self, target: Target, _seconds: float) -> MemoryStream:
        """Stand in for `open_stream`."""
        self.opened.append(trio.current_time())
        kind = next(self._kinds)
        if kind == "away":
            raise ClientError("connection", f"no gateway at {target.address}")
        stream = MemoryStream()
        self._nursery.start_soon(self._serve, stream, kind)
        return stream

    async def _serve(self, stream: MemoryStream, kind: str) -> None:
        frames = Frames(CLIENT_KINDS, max_frame=1 << 20, max_depth=8)
        while octets := await stream.other.receive_some(1 << 16):
            for frame in frames.feed(bytes(octets)):
                await stream.other.send_all(b"".join(map(pack, self._answer(frame, kind))))

    def _answer(self, frame: Frame, kind: str) -> list[Frame]:
        if frame[0] == "hello":
            return [WELCOME if kind != "denying" else ["error", None, "denied", "unknown client or wrong secret"]]
        if kind == "dead":
            return []
        if frame[0] == "ping":
            return [["pong", frame[1]]]
        return [["result", frame[1], [{"id": each["id"], "ok": True} for each in frame[2]]]]


async def submit(client: Client, sent: list[float]) -> None:
    assert (await client.submit({"id": "1", "to": "1", "text": "x"}))["ok"]
    sent.append(trio.current_time())


async def test_a_silent_connection_is_noticed_and_what_was_asked_is_asked_again(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trio.open_nursery() as nursery:
        gateways = Gateways(nursery, "dead", "away", "alive")
        monkeypatch.setattr("gateway.client.line.open_stream", gateways.open)
        sent: list[float] = []
        async with connect("unix:x", "bank", SECRET, options=OPTIONS) as client:
            await submit(client, sent)
            await trio.sleep(1000.0)
            assert client.connected
        nursery.cancel_scope.cancel()
    assert gateways.opened[1] == pytest.approx(OPTIONS.ping_interval + OPTIONS.ping_timeout, abs=OPTIONS.reconnect_max)
    assert len(gateways.opened) == 3, "the one that answers pings is kept"
    assert sent[0] < OPTIONS.answer_timeout


async def test_a_secret_that_is_no_longer_right_is_not_tried_again(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trio.open_nursery() as nursery:
        gateways = Gateways(nursery, "dead", "denying")
        monkeypatch.setattr("gateway.client.line.open_stream", gateways.open)
        async with connect("unix:x", "bank", SECRET, options=OPTIONS) as client:
            with pytest.raises(ClientError, match="wrong secret"):
                await client.submit({"id": "1", "to": "1", "text": "x"})
            with pytest.raises(ClientError, match="wrong secret"):
                await client.ping()
        nursery.cancel_scope.cancel()
    assert len(gateways.opened) == 2


async def test_attempts_to_connect_are_further_and_further_apart(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trio.open_nursery() as nursery:
        gateways = Gateways(nursery, "dead", *["away"] * 12, "alive")
        monkeypatch.setattr("gateway.client.line.open_stream", gateways.open)
        async with connect("unix:x", "bank", SECRET, options=OPTIONS) as client:
            sent: list[float] = []
            await submit(client, sent)
        nursery.cancel_scope.cancel()
    waits = [later - earlier for earlier, later in zip(gateways.opened[1:], gateways.opened[2:], strict=False)]
    longest = [min(OPTIONS.reconnect_max, OPTIONS.reconnect_min * 2 ** (n + 1)) for n in range(len(waits))]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("scheme", ["tls", "tcp"])
async def test_tls_with_a_certificate_of_our_own(tmp_path: Path, certificates: Certificates, scheme: str) -> None:
    tls = {
        "cert": str(certificates.certificate("server")),
        "key": str(certificates.key("server")),
        "client_ca": str(certificates.authority),
    }
    changes: dict[str, object] = {"upstream.listen": ["tcp:127.0.0.1:0"], "upstream.tls": tls}
    with anyio.fail_after(20.0):
        async with opened(tmp_path, changes) as house:
            await house.nursery.start(house.door.run)
            address = f"{scheme}:{house.door.addresses[0].removeprefix('tcp:')}"
            async with connect(address, "bank", SECRET, certificates.context(shown=True)) as client:
                assert (await client.submit(message("1")))["ok"]
            with pytest.raises(ClientError, match="it may want to see a certificate that it knows"):
                async with connect(address, "bank", SECRET, certificates.context(shown=False)):
                    pytest.fail("it was welcomed")
            if scheme == "tls":
                with pytest.raises(ClientError, match=r"unable to get local issuer certificate|self-signed"):
                    async with connect(address, "bank", SECRET):
                        pytest.fail("whoever it is was believed")


@pytest.mark.parametrize("reconnect", [False, True])
async def test_an_alert_after_the_handshake_is_the_end_of_a_connection_like_any_other(
    certificates: Certificates, reconnect: bool
) -> None:
    """OpenSSL's own servers send one where ours just closes; with TLS 1.3 a client learns of it when it reads."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.authority)
    context.load_cert_chain(certificates.certificate("server"), certificates.key("server"))
    context.verify_mode = ssl.CERT_REQUIRED

    def refuse(listener: socket.socket) -> None:
        with listener.accept()[0] as connection, pytest.raises(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20.0)
        address = f"tls:127.0.0.1:{listener.getsockname()[1]}"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, refuse, listener)
            with pytest.raises(ClientError, match=r"the gateway ended TLS: .*certificate required"):
                async with connect(
                    address, "bank", SECRET, certificates.context(shown=False), Options(reconnect=reconnect)
                ):
                    pytest.fail("it was welcomed")
