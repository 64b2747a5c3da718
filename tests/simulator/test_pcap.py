"""The pcap file, read again by a few lines of our own; how Wireshark reads it is seen in `end_to_end`."""

import errno
import os
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import MockClock, memory_stream_pair

from protocol.codec import encode
from protocol.pdu import EnquireLink
from simulator.pcap import BUFFER_OCTETS, FLUSH_SECONDS, MAX_SEGMENT_OCTETS, Pcap, Recording, ends_of
from simulator.wire import Direction, Wire

EPOCH: Final = 1_700_000_000.25
PDU: Final = encode(EnquireLink(), 1)
FILE_HEADER: Final = bytes.fromhex("a1b2c3d4 0002 0004 00000000 00000000 00040000 00000065")
FIN, SYN, PSH, ACK = 1, 2, 8, 16
ENDS: Final = {
    "IPv4": (("192.0.2.7", 2775), ("198.51.100.9", 40_001)),
    "IPv6": (("2001:db8::7", 2775), ("2001:db8::9", 40_001)),
}
SENT, RECEIVED = Direction.SENT, Direction.RECEIVED
ANY_CHUNKS: Final = st.lists(st.tuples(st.sampled_from(Direction), st.binary(max_size=40)), max_size=20)


@dataclass
class Packet:
    time: float
    ip: bytes
    source: tuple[bytes, int]
    target: tuple[bytes, int]
    sequence: int
    acknowledged: int
    flags: int
    octets: bytes


def words_sum(octets: bytes) -> int:
    """The Internet checksum as RFC 1071 has it, word by word: 0 over octets that have their checksum in them."""
    total = 0
    octets += bytes(len(octets) % 2)
    for at in range(0, len(octets), 2):
        total += int.from_bytes(octets[at : at + 2], "big")
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def number(octets: bytes, start: int, length: int) -> int:
    return int.from_bytes(octets[start : start + length], "big")


def read_packet(time: float, octets: bytes) -> Packet:
    if octets[0] >> 4 == 4:
        assert number(octets, 2, 2) == len(octets)
        assert (octets[0], octets[9]) == (0x45, 6)
        assert words_sum(octets[:20]) == 0
        ip, addresses, tcp = octets[:12], octets[12:20], octets[20:]
    else:
        assert (octets[0] >> 4, octets[6]) == (6, 6)
        assert number(octets, 4, 2) == len(octets) - 40
        ip, addresses, tcp = octets[:8], octets[8:40], octets[40:]
    assert words_sum(addresses + len(tcp).to_bytes(4, "big") + b"\0\0\0\x06" + tcp) == 0
    half = len(addresses) // 2
    source, target = (addresses[:half], number(tcp, 0, 2)), (addresses[half:], number(tcp, 2, 2))
    body = tcp[(tcp[12] >> 4) * 4 :]
    return Packet(time, ip, source, target, number(tcp, 4, 4), number(tcp, 8, 4), tcp[13], body)


def read(file: Path) -> list[Packet]:
    """Read a file as the draft says; every length and checksum is checked."""
    octets = file.read_bytes()
    assert octets.startswith(FILE_HEADER)
    at, packets = len(FILE_HEADER), []
    while at < len(octets):
        seconds, microseconds, length, whole = (number(octets, at + 4 * n, 4) for n in range(4))
        assert length == whole
        at += 16
        packets.append(read_packet(seconds + microseconds / 1e6, octets[at : at + length]))
        at += length
    assert at == len(octets)
    return packets


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run.pcap"


def begun(pcap: Pcap, family: str = "IPv4") -> Recording:
    return pcap.record(ENDS[family], 0.0)


@pytest.mark.parametrize("family", ENDS)
@given(chunks=ANY_CHUNKS)
def test_what_each_side_sent_is_read_again_and_its_numbers_have_no_gap(
    family: str, chunks: list[tuple[Direction, bytes]]
) -> None:
    with TemporaryDirectory() as folder:
        pcap = Pcap(file := Path(folder, "run.pcap"), EPOCH)
        tap = begun(pcap, family)
        ended: set[Direction] = set()
        sent = {SENT: b"", RECEIVED: b""}
        for at, (direction, octets) in enumerate(chunks):
            if direction not in ended:
                tap(direction, octets, float(at))
                sent[direction] += octets
                ended |= set() if octets else {direction}
        pcap.close()
        packets = read(file)
    next_number: dict[tuple[bytes, int], int] = {}
    got: dict[tuple[bytes, int], bytes] = {packets[0].target: b"", packets[0].source: b""}
    for packet in packets:
        assert packet.sequence == next_number.setdefault(packet.source, packet.sequence)
        if packet.flags & ACK:
            assert packet.acknowledged == next_number[packet.target]
        got[packet.source] += packet.octets
        next_number[packet.source] += len(packet.octets) + bool(packet.flags & (SYN | FIN))
    assert [*got.values()] == [sent[SENT], sent[RECEIVED]]
    assert sum(packet.flags & FIN for packet in packets) == len(ended)


def test_a_connection_begins_with_the_callers_handshake_and_ends_with_both_saying_so(file: Path) -> None:
    pcap = Pcap(file, EPOCH)
    tap = begun(pcap)
    tap(RECEIVED, PDU, 1.5)
    tap(SENT, b"", 2.0)
    tap(RECEIVED, b"", 3.0)
    tap(SENT, b"", 4.0)
    pcap.close()
    packets = read(file)
    ours, theirs = (bytes([192, 0, 2, 7]), 2775), (bytes([198, 51, 100, 9]), 40_001)
    assert [(packet.source == ours, packet.flags) for packet in packets] == [
        *((False, SYN), (True, SYN | ACK), (False, ACK)),
        (False, PSH | ACK),
        *((True, FIN | ACK), (False, FIN | ACK), (True, ACK)),
    ]
    assert {packet.source for packet in packets} == {ours, theirs}
    assert [packet.time - EPOCH for packet in packets] == pytest.approx([0, 0, 0, 1.5, 2, 3, 3], abs=1e-6)


def test_a_connection_that_we_asked_for_begins_with_our_handshake(file: Path) -> None:
    pcap = Pcap(file, EPOCH)
    pcap.record(ENDS["IPv4"], 0.0, opened_by=SENT)
    pcap.close()
    assert [packet.source[1] for packet in read(file)] == [2775, 40_001, 2775]


@pytest.mark.parametrize("family", ENDS)
def test_a_long_chunk_becomes_segments_that_fit_a_packet(file: Path, family: str) -> None:
    pcap = Pcap(file, EPOCH)
    chunk = bytes(range(256)) * 1000
    begun(pcap, family)(SENT, chunk, 0.0)
    pcap.close()
    segments = [packet.octets for packet in read(file)[3:]]
    assert [len(octets) for octets in segments] == [MAX_SEGMENT_OCTETS] * 3 + [len(chunk) - 3 * MAX_SEGMENT_OCTETS]
    assert b"".join(segments) == chunk


def test_sequence_numbers_start_again_after_the_last(file: Path) -> None:
    pcap = Pcap(file, EPOCH)
    for _ in range(987):  # this one's first is near enough to the last
        tap = begun(pcap)
    tap(SENT, bytes(2_000_000), 0.0)
    tap(RECEIVED, b"", 0.0)
    pcap.close()
    *segments, last = read(file)[-32:]
    after = [(packet.sequence + len(packet.octets)) % (1 << 32) for packet in segments]
    assert [packet.sequence for packet in segments[1:]] + [last.acknowledged] == after
    assert min(after) < 2_000_000


def test_connections_share_the_file_and_begin_at_numbers_of_their_own(file: Path) -> None:
    pcap = Pcap(file, EPOCH)
    first, second = begun(pcap), begun(pcap)
    second(SENT, b"second", 0.0)
    first(SENT, b"first", 0.0)
    pcap.close()
    packets = read(file)
    assert [packet.octets for packet in packets[6:]] == [b"second", b"first"]
    assert packets[0].sequence != packets[3].sequence


def test_a_wire_without_addresses_gets_made_up_ones(file: Path) -> None:
    pcap = Pcap(file, EPOCH)
    ours, _theirs = memory_stream_pair()
    for _ in range(2):
        pcap.record(ends_of(ours), 0.0)
    pcap.close()
    packets = read(file)
    assert {packet.target for packet in packets[::3]} == {(bytes([192, 0, 2, 1]), 2775)}
    assert len({packet.source for packet in packets[::3]}) == 2


def test_the_file_is_for_its_owner_only(file: Path) -> None:
    Pcap(file, EPOCH).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_opened_says_so_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Pcap(tmp_path / "none" / "run.pcap", EPOCH)


def test_a_full_file_stays_whole_and_is_told_of_once(file: Path) -> None:
    with capture_logs() as logs:
        pcap = Pcap(file, EPOCH, max_octets=1000)
        tap = begun(pcap)
        for _ in range(100):
            tap(SENT, PDU, 0.0)
        pcap.close()
    assert 900 < file.stat().st_size <= 1000
    assert len(read(file)) > 3
    assert logs == [
        {"event": "pcap_stopped", "reason": "the file is as long as it may be", "log_level": "warning"},
    ]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_ends_the_recording_and_not_the_connection() -> None:
    with capture_logs() as logs:
        pcap = Pcap(Path("/dev/full"), EPOCH)
        tap = begun(pcap)
        for _ in range(BUFFER_OCTETS // 60_000 + 2):
            tap(SENT, bytes(60_000), 0.0)
        tap(RECEIVED, PDU, 0.0)
        pcap.close()
    assert [line["reason"] for line in logs] == [os.strerror(errno.ENOSPC)]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_disk_that_is_full_at_the_end_is_told_of_too() -> None:
    with capture_logs() as logs:
        Pcap(Path("/dev/full"), EPOCH).close()
    assert [line["reason"] for line in logs] == [os.strerror(errno.ENOSPC)]


async def test_the_file_is_a_second_behind_at_most(
    file: Path, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    pcap = Pcap(file, EPOCH)
    nursery.start_soon(pcap.run)
    await trio.sleep(FLUSH_SECONDS / 2)
    begun(pcap)(SENT, PDU, trio.current_time())
    await trio.sleep(FLUSH_SECONDS)
    assert read(file)[-1].octets == PDU
    pcap.close()


async def test_writing_out_ends_when_the_file_is_closed(file: Path, autojump_clock: MockClock) -> None:
    pcap = Pcap(file, EPOCH)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pcap.run)
        await trio.sleep(FLUSH_SECONDS / 2)
        pcap.close()
        pcap.close()


async def test_a_recorded_wire_leaves_all_that_passed(file: Path, autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    pcap = Pcap(file, EPOCH)
    wire = Wire(ours, taps=[pcap.record(ends_of(ours), trio.current_time())])
    await theirs.send_all(b"asked")
    assert await wire.receive_some() == b"asked"
    await wire.send_all(b"answered")
    await theirs.aclose()
    assert await wire.receive_some() == b""
    await wire.aclose()
    pcap.close()
    packets = read(file)
    assert [packet.octets for packet in packets if packet.octets] == [b"asked", b"answered"]
    assert [packet.flags & FIN for packet in packets[-3:]] == [FIN, FIN, 0]


async def both_ends(listener: trio.SocketListener) -> tuple[trio.SocketStream, trio.SocketStream]:
    far = await trio.open_tcp_stream(*listener.socket.getsockname()[:2])
    return await listener.accept(), far


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_the_ends_of_a_socket_are_its_addresses(host: str) -> None:
    try:
        [listener] = await trio.open_tcp_listeners(0, host=host)
    except OSError:
        pytest.skip(f"no {host} here")
    async with listener:
        near, far = await both_ends(listener)
        async with near, far:
            expected = (near.socket.getsockname()[:2], far.socket.getsockname()[:2])
            assert ends_of(near) == expected
            assert expected[0] == (host, listener.socket.getsockname()[1])
            secured = trio.SSLStream(near, ssl.create_default_context(), server_hostname=host)
            assert ends_of(secured) == expected
    assert ends_of(near) is None
