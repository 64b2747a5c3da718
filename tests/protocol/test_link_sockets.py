"""Connecting and listening over real loopback sockets, in the clear and with TLS."""

import errno
import os
import shutil
import socket
import ssl
import struct
import subprocess
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from protocol.events import Answered, Bound, Closed, Event, Requested
from protocol.link import DEAF_MS, USER_TIMEOUT_MS, Link, connect, explain, hand_over, listen
from protocol.pdu import BindTransceiver, BindTransceiverResp, SubmitSm, SubmitSmResp
from protocol.session import Limits, Session
from protocol.states import Role

CERTIFICATE = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger."""


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        assert os.environ.get("CI") != "true", "the TLS tests need the openssl command"
        pytest.skip("no openssl command to make a certificate with")
    both = tmp_path_factory.mktemp("tls") / "both.pem"
    command = [openssl, *CERTIFICATE.split(), "-keyout", str(both), "-out", str(both.with_name("cert.pem"))]
    subprocess.run(command, check=True, capture_output=True)
    both.write_bytes(both.read_bytes() + both.with_name("cert.pem").read_bytes())
    return both


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def port_of(listener: trio.SocketListener) -> int:
    port: int = listener.socket.getsockname()[1]
    return port


async def serve_one(stream: trio.abc.Stream) -> None:
    """An SMSC that accepts the bind and answers the first submit, then goes."""
    session = Session(Role.SMSC, Limits(), trio.current_time())
    link = Link(stream, session, write_timeout=5.0)

    async def answer(events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Requested):
                bind = isinstance(event.pdu, BindTransceiver)
                session.respond(event.sequence_number, BindTransceiverResp(b"smsc") if bind else SubmitSmResp(b"id"))
        link.flush()

    await link.run(answer)


async def submit_one(stream: trio.abc.Stream) -> list[Event]:
    """An ESME that binds, submits once and unbinds; its events."""
    session, seen = Session(Role.ESME, Limits(), trio.current_time()), list[Event]()
    link = Link(stream, session, write_timeout=5.0)

    async def go_on(events: list[Event]) -> None:
        seen.extend(events)
        for event in events:
            if isinstance(event, Bound):
                session.request(SubmitSm(short_message=b"hi"), trio.current_time(), tag="m1")
            elif isinstance(event, Answered):
                session.unbind(trio.current_time())
        link.flush()

    session.request(BindTransceiver(b"bank", b"secret"), trio.current_time())
    await link.run(go_on)
    return seen


WHOLE_LIFE = [Bound(BindTransceiverResp(b"smsc")), Answered("m1", SubmitSmResp(b"id"), 0, 2), Closed("unbound")]


async def test_a_session_lives_its_life_over_tcp() -> None:
    with trio.fail_after(10.0):
        (listener,) = await listen("127.0.0.1", 0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, serve_one, [listener])
            assert await submit_one(await connect("127.0.0.1", port_of(listener))) == WHOLE_LIFE
            nursery.cancel_scope.cancel()


async def test_a_session_lives_its_life_over_tls(certificate: Path) -> None:
    with trio.fail_after(10.0):
        (listener,) = await listen("127.0.0.1", 0)
        secure = trio.SSLListener(listener, server_context(certificate))
        trusting = ssl.create_default_context(cafile=str(certificate))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, serve_one, [secure])
            stream = await connect("127.0.0.1", port_of(listener), trusting)
            assert isinstance(stream, trio.SSLStream)
            assert await submit_one(stream) == WHOLE_LIFE
            nursery.cancel_scope.cancel()


async def test_a_certificate_that_is_not_trusted_is_refused(certificate: Path) -> None:
    with trio.fail_after(10.0):
        (listener,) = await listen("127.0.0.1", 0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(greet, listener, server_context(certificate))
            with pytest.raises(trio.BrokenResourceError) as caught:
                await connect("127.0.0.1", port_of(listener), ssl.create_default_context())
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        assert "certificate verify failed" in explain(caught.value)


async def greet(listener: trio.SocketListener, context: ssl.SSLContext) -> None:
    secure = trio.SSLStream(await listener.accept(), context, server_side=True)
    with pytest.raises(trio.BrokenResourceError):
        await secure.do_handshake()
    await trio.aclose_forcefully(secure)
    await listener.aclose()


async def test_giving_up_in_the_handshake_closes_the_connection(autojump_clock: MockClock) -> None:
    (listener,) = await listen("127.0.0.1", 0)
    async with listener:
        with trio.move_on_after(5.0) as scope:
            await connect("127.0.0.1", port_of(listener), ssl.create_default_context())
        assert scope.cancelled_caught
        async with await listener.accept() as stream:
            hello = await stream.receive_some()
            assert hello[0] == 0x16  # a TLS handshake record
            assert await stream.receive_some() == b""


async def test_a_closed_port_refuses_and_a_taken_one_cannot_be_had_twice() -> None:
    (listener,) = await listen("127.0.0.1", 0)
    port = port_of(listener)
    with pytest.raises(OSError, match="in use") as taken:
        await listen("127.0.0.1", port)
    assert explain(taken.value) == os.strerror(errno.EADDRINUSE)
    await listener.aclose()
    with pytest.raises(OSError, match="all attempts to connect") as closed:
        await connect("127.0.0.1", port)
    assert explain(closed.value) == os.strerror(errno.ECONNREFUSED)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (ssl.SSLError(1, "wrong version number"), "wrong version number"),
        (
            ExceptionGroup("two attempts", [OSError(errno.ENETUNREACH, "x"), OSError(errno.ECONNREFUSED, "y")]),
            "refused",
        ),
        (trio.BrokenResourceError("the peer reset it"), "the peer reset it"),
        (trio.TooSlowError(), "TooSlowError"),
    ],
)
def test_a_failure_is_explained_in_its_plainest_words(error: Exception, said: str) -> None:
    assert explain(error).endswith(said)


@pytest.mark.parametrize("has_user_timeout", [True, False])
async def test_the_kernel_is_told_to_notice_a_dead_peer(
    monkeypatch: pytest.MonkeyPatch, has_user_timeout: bool
) -> None:
    user_timeout = getattr(trio.socket, "TCP_USER_TIMEOUT", None)
    if user_timeout is None:
        pytest.skip("this system has no TCP_USER_TIMEOUT")
    if not has_user_timeout:
        monkeypatch.delattr(trio.socket, "TCP_USER_TIMEOUT")
    (listener,) = await listen("127.0.0.1", 0)
    async with listener, await connect("127.0.0.1", port_of(listener)) as stream:
        assert isinstance(stream, trio.SocketStream)
        assert stream.getsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_KEEPALIVE) == 1
        assert stream.getsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY) == 1
        expected = USER_TIMEOUT_MS if has_user_timeout else 0
        assert stream.getsockopt(trio.socket.IPPROTO_TCP, user_timeout) == expected


@pytest.mark.parametrize("has_user_timeout", [True, False])
async def test_a_socket_that_is_handed_over_still_listens_and_cuts_off_who_takes_nothing(
    monkeypatch: pytest.MonkeyPatch, has_user_timeout: bool
) -> None:
    user_timeout = getattr(trio.socket, "TCP_USER_TIMEOUT", None)
    if user_timeout is None:
        pytest.skip("this system has no TCP_USER_TIMEOUT")
    if not has_user_timeout:
        monkeypatch.delattr(trio.socket, "TCP_USER_TIMEOUT")
    (listener,) = await listen("127.0.0.1", 0)
    port = port_of(listener)
    with socket.socket(fileno=await hand_over(listener)) as taken:
        assert listener.socket.fileno() == -1
        assert taken.getsockopt(socket.IPPROTO_TCP, user_timeout) == (DEAF_MS if has_user_timeout else 0)
        await (await connect("127.0.0.1", port)).aclose()


async def test_a_reset_connection_ends_the_link() -> None:
    seen: list[Event] = []

    async def keep(events: list[Event]) -> None:
        seen.extend(events)

    with trio.fail_after(10.0):
        (listener,) = await listen("127.0.0.1", 0)
        async with listener:
            ours = await connect("127.0.0.1", port_of(listener))
            theirs = await listener.accept()
            theirs.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, RESET_ON_CLOSE)
            await theirs.aclose()
            await Link(ours, Session(Role.ESME, Limits(), trio.current_time()), write_timeout=5.0).run(keep)
    assert seen == [Closed("the connection broke")]
