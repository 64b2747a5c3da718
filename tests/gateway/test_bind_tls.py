"""A bind over TLS against a real server: whom it trusts, what it shows, and what is said when it fails."""

import socket
import ssl
import threading
from pathlib import Path
from typing import Any, Final

import pytest
import trio

from protocol import link as links
from protocol.events import Event, Requested
from protocol.pdu import RESPONSES
from protocol.session import Limits, Session
from protocol.states import Role
from tests.gateway.builders import opened
from tests.gateway.certificates import Certificates, make_certificates

SECONDS: Final = 20.0


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


async def serve(stream: trio.abc.Stream) -> None:
    """An SMSC that accepts every bind."""
    session = Session(Role.SMSC, Limits(), trio.current_time())
    link = links.Link(stream, session, write_timeout=5.0)

    async def answer(events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Requested):
                session.respond(event.sequence_number, RESPONSES[event.pdu.id]())
        link.flush()

    assert isinstance(stream, trio.SSLStream)
    try:
        await stream.do_handshake()
    except trio.BrokenResourceError:
        return
    await link.run(answer)


async def outcome(folder: Path, server: ssl.SSLContext | int, **keys: object) -> dict[str, Any]:
    """Bind over TLS to a server, or to who listens on a port; the first line in the log that says what came of it."""
    listeners = [] if isinstance(server, int) else await links.listen("127.0.0.1", 0)
    port = server if isinstance(server, int) else listeners[0].socket.getsockname()[1]
    bind = {"host": "127.0.0.1", "port": port, "system_id": "denpo", "password": "sesame", "tls": True}
    with trio.fail_after(SECONDS):
        async with opened(folder, {"carriers.alpha.binds": [bind | keys]}) as house:
            if isinstance(server, ssl.SSLContext):
                house.nursery.start_soon(trio.serve_listeners, serve, [trio.SSLListener(listeners[0], server)])
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("gateway.bind.connect", links.connect)
                house.start_binds()
                while not (said := [line for line in house.log if line["event"] in ("bind_up", "bind_down")]):
                    await trio.lowlevel.checkpoint()  # real sockets: there is no event for a line in the log
                    await trio.sleep(0.01)
            return dict(said[0])


def shown(certificates: Certificates, name: str = "server", *, demanding: bool = False) -> ssl.SSLContext:
    """A server's side with that certificate; whether it demands the client's."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.authority)
    context.load_cert_chain(certificates.certificate(name), certificates.key(name))
    context.verify_mode = ssl.CERT_REQUIRED if demanding else ssl.CERT_NONE
    return context


async def test_a_server_that_demands_a_certificate_is_shown_ours(tmp_path: Path, certificates: Certificates) -> None:
    ours = {"cert": str(certificates.certificate("client")), "key": str(certificates.key("client"))}
    server = shown(certificates, demanding=True)
    assert (await outcome(tmp_path, server, ca=str(certificates.authority), **ours))["event"] == "bind_up"


async def test_without_a_certificate_of_ours_the_log_says_that_one_is_demanded(
    tmp_path: Path, certificates: Certificates
) -> None:
    server = shown(certificates, demanding=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # not Trio's: that sends no alert

        def refuse() -> None:
            with pytest.raises(ssl.SSLError), listener.accept()[0] as caller:
                server.wrap_socket(caller, server_side=True)

        thread = threading.Thread(target=refuse)
        thread.start()
        line = await outcome(tmp_path, listener.getsockname()[1], ca=str(certificates.authority))
        thread.join(SECONDS)
    assert (line["event"], line["cause"], line["log_level"]) == ("bind_down", "tls", "error")
    assert "certificate required" in line["reason"]


@pytest.mark.parametrize(
    ("name", "trusted", "said"),
    [
        ("server", False, "self-signed certificate in certificate chain"),
        ("other", True, "IP address mismatch"),
        ("expired", True, "certificate has expired"),
    ],
)
async def test_a_certificate_that_proves_nothing_is_an_error_that_says_why(
    tmp_path: Path, certificates: Certificates, name: str, trusted: bool, said: str
) -> None:
    ca = {"ca": str(certificates.authority)} if trusted else {}
    line = await outcome(tmp_path, shown(certificates, name), **ca)
    assert (line["event"], line["cause"], line["log_level"]) == ("bind_down", "tls", "error")
    assert "certificate verify failed" in line["reason"]
    assert said in line["reason"]


async def test_a_server_that_speaks_no_tls_is_an_error_too(tmp_path: Path, certificates: Certificates) -> None:
    (listener,) = await links.listen("127.0.0.1", 0)

    async def greet(stream: trio.SocketStream) -> None:
        await stream.send_all(b"220 mail.example ESMTP\r\n")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, greet, [listener])
        with pytest.raises((trio.BrokenResourceError, ssl.SSLError)) as caught:
            await links.connect("127.0.0.1", listener.socket.getsockname()[1], certificates.context(shown=False))
        nursery.cancel_scope.cancel()
    assert isinstance(caught.value, trio.BrokenResourceError), "what a bind takes for TLS's fault"
    assert "wrong version number" in links.explain(caught.value).lower()
