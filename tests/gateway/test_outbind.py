"""The SMSC connects to us: who is let in, who is not, and how long and how many may try. Over real sockets."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import trio

from protocol import link as links
from protocol.codec import encode
from protocol.events import Answered, Closed, Event, Requested
from protocol.operations import Outbind
from protocol.pdu import RESPONSES, BindReceiver, BindTransceiver, DeliverSm, EnquireLink
from protocol.session import Limits, Session
from protocol.states import Role
from tests.gateway.builders import House, opened
from tests.gateway.certificates import Certificates, make_certificates

SECONDS: Final = 20.0
GOOD: Final = Outbind(b"smsc", b"hush")
DELIVERY: Final = DeliverSm(source_addr=b"819012345678", destination_addr=b"0005123456", short_message=b"hi")
OUTBIND: Final = {"listen": "127.0.0.1:0", "system_id": "smsc", "password": "hush"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def table(outbind: dict[str, object] | None = None, **keys: object) -> dict[str, object]:
    return {"system_id": "denpo", "password": "sesame", "outbind": OUTBIND | (outbind or {}), **keys}


class Gate:
    """Where the bind listens: its port, anew each time."""

    def __init__(self) -> None:
        self._send, self._ports = trio.open_memory_channel[int](100)

    async def listen(self, host: str, port: int) -> list[trio.SocketListener]:
        made = await links.listen(host, port)
        self._send.send_nowait(made[0].socket.getsockname()[1])
        return made

    async def port(self) -> int:
        return await self._ports.receive()


@asynccontextmanager
async def waiting(folder: Path, bind: dict[str, object], **changes: object) -> AsyncIterator[tuple[House, Gate]]:
    """A gateway that waits for an outbind."""
    gate = Gate()
    keys = {f"carriers.alpha.{key}": value for key, value in changes.items()}
    with trio.fail_after(SECONDS), pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.outbind.listen", gate.listen)
        async with opened(folder, {"carriers.alpha.binds": [bind], **keys}) as house:
            house.start_binds()
            yield house, gate


async def call(port: int, outbind: Outbind | None, tls: ssl.SSLContext | None = None) -> tuple[Session, list[Event]]:
    """Be an SMSC: connect, send the outbind, accept the bind; what came until a delivery is answered or it is over."""
    stream = await links.connect("127.0.0.1", port, tls)
    session, seen = Session(Role.SMSC, Limits(), trio.current_time()), list[Event]()
    link = links.Link(stream, session, write_timeout=5.0)

    async def take(events: list[Event]) -> None:
        for event in events:
            seen.append(event)
            if isinstance(event, Requested):
                session.respond(event.sequence_number, RESPONSES[event.pdu.id]())
                session.request(DELIVERY, trio.current_time())
            elif isinstance(event, Answered):
                scope.cancel()
        link.flush()

    if outbind:
        session.request(outbind, trio.current_time())
    with trio.CancelScope() as scope:
        await link.run(take)
    return session, seen


def refusals(house: House) -> list[str]:
    return [line["reason"] for line in house.log if line["event"] == "outbind_refused"]


@pytest.mark.parametrize(("kind", "request_"), [("receiver", BindReceiver), ("transceiver", BindTransceiver)])
async def test_an_smsc_that_proves_itself_is_bound_to_over_its_own_connection(
    tmp_path: Path, kind: str, request_: type[BindReceiver | BindTransceiver]
) -> None:
    async with waiting(tmp_path, table(type=kind)) as (house, gate):
        _, [asked, *_] = await call(await gate.port(), GOOD)
        assert isinstance(asked, Requested)
        assert asked.pdu == request_(system_id=b"denpo", password=b"sesame")
        assert [line["smsc"] for line in house.log if line["event"] == "bind_up"] == ["outbind at 127.0.0.1:0"]
        assert refusals(house) == []


@pytest.mark.parametrize(
    "outbind", [Outbind(b"smsc", b"hush!"), Outbind(b"smsx", b"hush"), Outbind(), Outbind(b"smsc")]
)
async def test_one_with_the_wrong_credentials_is_closed_and_told_nothing(tmp_path: Path, outbind: Outbind) -> None:
    async with waiting(tmp_path, table()) as (house, gate):
        port = await gate.port()
        _, [closed] = await call(port, outbind)
        assert closed == Closed("the peer closed the connection")
        assert refusals(house) == ["its outbind has the wrong system_id or password"]
        assert "hush" not in str(house.log)
        session, _ = await call(port, GOOD)
        assert session.room, "the right one is still heard"


@pytest.mark.parametrize(
    "octets", [encode(EnquireLink(), 1), encode(BindTransceiver(b"smsc", b"hush"), 1), bytes(16), b""]
)
async def test_one_that_sends_something_else_or_goes_is_refused(tmp_path: Path, octets: bytes) -> None:
    async with waiting(tmp_path, table({"timeout": 0.2})) as (house, gate):
        port = await gate.port()
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            if octets:
                await stream.send_all(octets)
                await stream.receive_some()
        await call(port, GOOD)  # by then it has been heard out
    assert len(refusals(house)) == 1


async def test_one_that_says_nothing_has_only_so_long_and_only_so_many_may_wait(tmp_path: Path) -> None:
    async with waiting(tmp_path, table({"timeout": 0.5, "max_connections": 2})) as (house, gate):
        port = await gate.port()
        streams = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(3)]
        for stream in streams:
            assert await stream.receive_some() == b""
            await stream.aclose()
        assert sorted(refusals(house)) == [
            "no outbind came within 0.5 s",
            "no outbind came within 0.5 s",
            "too many connections wait to prove themselves",
        ]
        session, _ = await call(port, GOOD)
        assert session.room


async def test_a_silent_stranger_does_not_keep_the_smsc_out(tmp_path: Path) -> None:
    async with waiting(tmp_path, table()) as (_, gate):
        port = await gate.port()
        async with await trio.open_tcp_stream("127.0.0.1", port) as stranger:
            session, _ = await call(port, GOOD)
            assert session.room
            assert await stranger.receive_some() == b""


async def test_it_listens_again_when_the_link_is_lost(tmp_path: Path) -> None:
    async with waiting(tmp_path, table(), reconnect_min=0.01, reconnect_max=0.02) as (house, gate):
        for _ in range(2):
            session, _ = await call(await gate.port(), GOOD)  # `call` goes when it was answered
            assert session.room
        await gate.port()
        assert [line["cause"] for line in house.log if line["event"] == "bind_down"] == ["lost", "lost"]


async def test_an_address_that_is_taken_is_an_error_each_time_and_tried_again(tmp_path: Path) -> None:
    (taken,) = await links.listen("127.0.0.1", 0)
    async with taken:
        address = f"127.0.0.1:{taken.socket.getsockname()[1]}"
        bind = table({"listen": address})
        async with waiting(tmp_path, bind, reconnect_min=0.01, reconnect_max=0.02) as (house, _):
            await trio.sleep(0.3)
        downs = [line for line in house.log if line["event"] == "bind_down"]
    assert len(downs) > 1
    assert {(line["cause"], line["log_level"]) for line in downs} == {("outbind", "error")}
    assert f"cannot listen for an outbind at {address}" in downs[0]["reason"]


async def test_a_drain_ends_the_listening(tmp_path: Path) -> None:
    async with waiting(tmp_path, table()) as (house, gate):
        port = await gate.port()
        house.gateway.fleet.stop(1.0)
        await house.binds_ended.wait()
        with pytest.raises(OSError, match="all attempts"):
            await links.connect("127.0.0.1", port)


async def test_an_smsc_that_must_speak_tls_and_show_a_certificate(tmp_path: Path, certificates: Certificates) -> None:
    keys: dict[str, Any] = {
        "tls": True,
        "ca": str(certificates.authority),
        "cert": str(certificates.certificate("server")),
        "key": str(certificates.key("server")),
    }
    async with waiting(tmp_path, table(**keys)) as (house, gate):
        port = await gate.port()
        session, _ = await call(port, GOOD, certificates.context(shown=False))
        assert not session.room
        await call(port, GOOD)  # in the clear
        assert len(refusals(house)) == 2
        assert all(reason.startswith("TLS failed: ") for reason in refusals(house))
        session, _ = await call(port, GOOD, certificates.context(shown=True))
        assert session.room
