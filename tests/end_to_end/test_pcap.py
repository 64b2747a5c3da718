"""What the simulator's recorder writes, as tshark reads it: over real sockets of both kinds, without a warning."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import pytest
import trio

from protocol.codec import encode
from protocol.constants import CommandId
from protocol.pdu import (
    BindTransceiver,
    BindTransceiverResp,
    DeliverSm,
    DeliverSmResp,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from simulator.pcap import MAX_SEGMENT_OCTETS, Pcap, ends_of
from simulator.wire import Direction, Wire
from tests.end_to_end.test_dissection import dissect, unavailable

EPOCH: Final = 1_700_000_000.0
SECONDS: Final = 30.0
STRICT: Final = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
BURST: Final = 600
TEXT: Final = "ご確認ください。" * 8
"""A burst of it is longer than two segments."""

Said = tuple[Direction, int, int]
"""Who said it, its command_id and its sequence_number."""


def conversation() -> Iterator[tuple[Direction, list[tuple[Pdu, int]]]]:
    """Who says what, in which writes: each side numbers its own requests."""
    they, we = Direction.RECEIVED, Direction.SENT
    submit = SubmitSm(destination_addr=b"819012345678", data_coding=8, short_message=TEXT.encode("utf-16-be"))
    deliver = DeliverSm(source_addr=b"819012345678", data_coding=8, short_message=TEXT.encode("utf-16-be"))
    numbers = range(2, 2 + BURST)
    yield they, [(BindTransceiver(b"denpo", b"secret"), 1)]
    yield we, [(BindTransceiverResp(b"simulator"), 1)]
    yield they, [(submit, number) for number in numbers]
    yield we, [*((SubmitSmResp(b"%d" % number), number) for number in numbers), (deliver, 1)]
    yield they, [(DeliverSmResp(), 1)]
    yield we, [(deliver, number) for number in numbers]
    yield they, [(DeliverSmResp(), number) for number in numbers]
    yield they, [(Unbind(), 1000)]
    yield we, [(UnbindResp(), 1000)]


async def converse(host: str, pcap: Pcap) -> int:
    """Have the conversation over a socket, recorded on the SMSC's side. Returns: the port."""
    async with (await trio.open_tcp_listeners(0, host=host))[0] as listener:
        port: int = listener.socket.getsockname()[1]
        far = await trio.open_tcp_stream(host, port)
        near = await listener.accept()
    wire = Wire(near, taps=[pcap.record(ends_of(near), trio.current_time())])
    for direction, pdus in conversation():
        octets = b"".join([encode(pdu, number) for pdu, number in pdus])
        source, target = (far, wire) if direction is Direction.RECEIVED else (wire, far)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(source.send_all, octets)
            left = len(octets)
            while left:
                left -= len(await target.receive_some(left))
    await far.aclose()
    assert await wire.receive_some() == b""
    await wire.aclose()
    return port


@dataclass(frozen=True)
class Run:
    """A file, and the port that SMPP was spoken on."""

    file: Path
    port: int
    host: str


@pytest.fixture(scope="module", params=["127.0.0.1", "::1"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    if shutil.which("tshark") is None:
        unavailable("the file is dissected with tshark, which is not there")
    file = tmp_path_factory.mktemp("pcap") / "run.pcap"

    async def record() -> int:
        pcap = Pcap(file, EPOCH - trio.current_time())
        try:
            with trio.fail_after(SECONDS):
                return await converse(request.param, pcap)
        finally:
            pcap.close()

    try:
        return Run(file, trio.run(record), request.param)
    except OSError as error:
        pytest.skip(f"no socket on {request.param}: {error}")


def values(run: Run, *fields: str) -> list[list[str]]:
    """The values of these fields in each packet; of one that is in a packet many times, all, with commas."""
    arguments = [part for field in fields for part in ("-e", field)]
    lines = dissect(run.file, run.port, *STRICT, "-T", "fields", *arguments).splitlines()
    return [line.split("\t") for line in lines]


def test_tshark_has_nothing_to_complain_of(run: Run) -> None:
    doubtful = "tcp.analysis.flags || _ws.malformed || _ws.expert.severity >= Warning || tcp.checksum.status != Good"
    assert dissect(run.file, run.port, *STRICT, "-Y", doubtful) == ""


def test_each_pdu_is_read_in_the_order_in_which_it_was_said(run: Run) -> None:
    read: list[Said] = []
    for port, commands, numbers in values(run, "tcp.dstport", "smpp.command_id", "smpp.sequence_number"):
        way = Direction.RECEIVED if int(port) == run.port else Direction.SENT
        found = zip(commands.split(","), numbers.split(","), strict=True) if commands else ()
        read += [(way, int(command, 16), int(number, 0)) for command, number in found]
    said = [(way, pdu.id, number) for way, pdus in conversation() for pdu, number in pdus]
    assert [(way, CommandId(command), number) for way, command, number in read] == said


def test_the_packets_go_between_the_addresses_of_the_socket(run: Run) -> None:
    version = "ipv6" if ":" in run.host else "ip"
    packets = values(run, f"{version}.src", f"{version}.dst", "tcp.dstport")
    assert {(source, target) for source, target, _ in packets} == {(run.host, run.host)}
    assert len({port for *_, port in packets}) == 2


def test_the_connection_is_opened_by_the_esme_and_closed_by_both(run: Run) -> None:
    flags = [int(each, 16) for [each] in values(run, "tcp.flags")]
    assert [each for each, _ in groupby(flags)] == [0x02, 0x12, 0x10, 0x18, 0x11, 0x10]
    assert flags.count(0x11) == 2


def test_a_write_longer_than_a_segment_is_cut_into_segments(run: Run) -> None:
    lengths = [int(each) for [each] in values(run, "tcp.len")]
    assert max(lengths) == MAX_SEGMENT_OCTETS


def test_no_side_sends_more_than_the_other_has_room_for(run: Run) -> None:
    offered = [int(size) for size, flags in values(run, "tcp.window_size", "tcp.flags") if int(flags, 16) & 0x02 == 0]
    assert min(offered) > BURST * len(TEXT) * 4


def test_times_are_those_of_the_epoch(run: Run) -> None:
    times = [float(each) for [each] in values(run, "frame.time_epoch")]
    assert times == sorted(times)
    assert EPOCH <= times[0] <= times[-1] <= EPOCH + SECONDS
