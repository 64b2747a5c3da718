"""Writes what passed into a file that Wireshark opens: draft-ietf-opsawg-pcap, packets as LINKTYPE_RAW has them.

A wire's tap sees octets, not packets, and sees them inside TLS too: so the packets are made up here. The addresses and
ports are the socket's own; sequence numbers, acknowledgements and checksums are what a network without losses, and
with peers that take everything at once, would carry.
"""

import os
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

import structlog
import trio

from protocol import link
from simulator.wire import Direction

MAX_FILE_OCTETS: Final = 1 << 30
"""How long a file may grow; then recording stops."""

FLUSH_SECONDS: Final = 1.0
BUFFER_OCTETS: Final = 1 << 20
MAX_SEGMENT_OCTETS: Final = 65_495
"""What an IPv4 packet's 65,535 octets leave beside the two headers (RFC 791, 3.1)."""

_FILE: Final = struct.Struct(">IHHIIII")
_MAGIC: Final = 0xA1B2C3D4  # in the file's byte order; times in microseconds
_VERSION: Final = (2, 4)
_SNAPLEN: Final = 1 << 18
_LINKTYPE_RAW: Final = 101  # draft-ietf-opsawg-pcaplinktype
_RECORD: Final = struct.Struct(">IIII")

_IPV4: Final = struct.Struct(">BBHHHBBH")
_IPV6: Final = struct.Struct(">IHBB")
_DONT_FRAGMENT: Final = 0x4000
_HOPS: Final = 64
_TCP: Final = struct.Struct(">HHIIHHHH")
_TCP_NUMBER: Final = 6
_FIN, _SYN, _PSH, _ACK = 0x01, 0x02, 0x08, 0x10
_SPREAD: Final = 0x9E3779B1  # the golden section of 2**32
_WINDOW: Final = 0xFFFF
_WINDOW_SCALE: Final = b"\x03\x03\x0e\x01"
"""The largest, 14, and one octet to fill up (RFC 7323, 2.2): a side that is silent acknowledges nothing meanwhile."""

Address: TypeAlias = tuple[str, int]
"""An IPv4 or IPv6 address and a port."""

log = structlog.get_logger()


class Pcap:
    """One file for all connections. What fails on the way to the disk ends the recording, never a connection."""

    def __init__(self, path: Path, epoch: float, max_octets: int = MAX_FILE_OCTETS) -> None:
        """Begin the file; only its owner may read it: it has numbers, texts and passwords.

        Args: epoch: seconds since 1970 at the zero of Trio's clock.
        Raises: OSError: it cannot be opened.
        """
        self._epoch = epoch
        self._room = max_octets
        self._numbers = count(1)
        opener = partial(os.open, mode=0o600)
        self._file: BinaryIO | None = open(path, "wb", BUFFER_OCTETS, opener=opener)  # noqa: SIM115  # see `close`
        self._put(_FILE.pack(_MAGIC, *_VERSION, 0, 0, _SNAPLEN, _LINKTYPE_RAW))

    def record(
        self, ends: tuple[Address, Address] | None, now: float, opened_by: Direction = Direction.RECEIVED
    ) -> "Recording":
        """Begin a connection. Args: ends: ours and theirs, see `ends_of`; None: made up. opened_by: RECEIVED: them.

        Returns: the tap for its wire.
        """
        number = next(self._numbers)
        ours, theirs = ends or (("192.0.2.1", 2775), ("192.0.2.2", 1024 + number % 64_000))  # RFC 5737
        return Recording(self, _End.at(ours, number), _End.at(theirs, number), now, opened_by)

    async def run(self) -> None:
        """Write to the file what is up to a second old, until recording stops."""
        while self._file:
            self._attempt(self._file, self._file.flush)
            await trio.sleep(FLUSH_SECONDS)

    def close(self) -> None:
        """Write what is left; what comes later is not recorded."""
        if self._file:
            self._attempt(self._file, self._file.close)
            self._file = None

    def add(self, packet: bytes, now: float) -> None:
        """Add one packet, from its IP header on, at Trio's time."""
        seconds, microseconds = divmod(round((now + self._epoch) * 1e6), 1_000_000)
        self._put(_RECORD.pack(seconds, microseconds, len(packet), len(packet)) + packet)

    def _put(self, octets: bytes) -> None:
        file = self._file
        if file is None:
            return
        self._room -= len(octets)
        if self._room < 0:
            self._stop(file, "the file is as long as it may be")
        else:
            self._attempt(file, partial(file.write, octets))  # a copy in memory but once in BUFFER_OCTETS

    def _attempt(self, file: BinaryIO, act: Callable[[], object]) -> None:
        try:
            act()
        except OSError as error:
            self._stop(file, link.explain(error))

    def _stop(self, file: BinaryIO, reason: str) -> None:
        log.warning("pcap_stopped", reason=reason)
        self._file = None
        with suppress(OSError):
            file.close()


@dataclass(slots=True)
class _End:
    """One end of a connection; sequence: of the next octet it sends."""

    address: bytes
    port: int
    sequence: int
    ended: bool = False

    @classmethod
    def at(cls, address: Address, number: int) -> "_End":
        """An end whose first sequence number is far from those of other connections: ports may be used again."""
        return cls(ip_address(address[0]).packed, address[1], number * _SPREAD & 0xFFFFFFFF)


class Recording:
    """A tap that makes packets of one connection's chunks, the handshake first (RFC 9293, 3.5)."""

    def __init__(self, pcap: Pcap, ours: _End, theirs: _End, now: float, opened_by: Direction) -> None:
        self._pcap = pcap
        self._ends = {Direction.SENT: (ours, theirs), Direction.RECEIVED: (theirs, ours)}
        opener, other = self._ends[opened_by]
        self._add(opener, other, _SYN, now)
        self._add(other, opener, _SYN | _ACK, now)
        self._add(opener, other, _ACK, now)

    def __call__(self, direction: Direction, octets: bytes, now: float) -> None:
        """Add a chunk; b"" ends that side's stream."""
        source, target = self._ends[direction]
        for start in range(0, len(octets), MAX_SEGMENT_OCTETS):
            self._add(source, target, _PSH | _ACK, now, octets[start : start + MAX_SEGMENT_OCTETS])
        if not octets and not source.ended:
            source.ended = True
            self._add(source, target, _FIN | _ACK, now)
            if target.ended:
                self._add(target, source, _ACK, now)

    def _add(self, source: _End, target: _End, flags: int, now: float, octets: bytes = b"") -> None:
        self._pcap.add(_packet(source, target, flags, octets), now)
        source.sequence = source.sequence + len(octets) + bool(flags & (_SYN | _FIN)) & 0xFFFFFFFF


def ends_of(stream: trio.abc.Stream) -> tuple[Address, Address] | None:
    """The addresses of a connection: ours and theirs; None when it has none, or none any more."""
    if isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    if isinstance(stream, trio.SocketStream):
        with suppress(OSError):
            return stream.socket.getsockname()[:2], stream.socket.getpeername()[:2]
    return None


def _packet(source: _End, target: _End, flags: int, octets: bytes) -> bytes:
    options = _WINDOW_SCALE if flags & _SYN else b""
    size = _TCP.size + len(options) + len(octets)
    acknowledged = target.sequence if flags & _ACK else 0
    header = (source.port, target.port, source.sequence, acknowledged, (_TCP.size + len(options)) // 4 << 12 | flags)
    addresses = source.address + target.address
    rest = options + octets
    # The pseudo header (RFC 9293, 3.1; RFC 8200, 8.1) has the same sum for both versions of IP.
    checksum = _checksum(_TCP.pack(*header, _WINDOW, 0, 0) + addresses + size.to_bytes(4, "big") + b"\0\x06" + rest)
    return _ip_header(addresses, size) + addresses + _TCP.pack(*header, _WINDOW, checksum, 0) + rest


def _ip_header(addresses: bytes, size: int) -> bytes:
    """Up to the addresses (RFC 791, 3.1; RFC 8200, 3)."""
    if len(addresses) > 8:
        return _IPV6.pack(6 << 28, size, _TCP_NUMBER, _HOPS)
    header = (4 << 4 | 5, 0, 20 + size, 0, _DONT_FRAGMENT, _HOPS, _TCP_NUMBER)
    return _IPV4.pack(*header, _checksum(_IPV4.pack(*header, 0) + addresses))


def _checksum(octets: bytes) -> int:
    """The Internet checksum (RFC 1071): a sum of 16-bit words with end-around carry is a remainder by 65,535."""
    return 0xFFFF - int.from_bytes(octets + bytes(len(octets) % 2), "big") % 0xFFFF
