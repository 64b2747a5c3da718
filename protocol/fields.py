"""The kinds of field a PDU body is made of (SMPP 3.4, 3.1).

Each kind knows how to put one value on the wire and to take it off again. They are the slow, plain definition;
`codec.py` has faster twins for the four busiest PDUs, and a test that proves them equal.
"""

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from protocol.constants import Status
from protocol.errors import EncodingError, RemoteProtocolError

Tlvs: TypeAlias = tuple[tuple[int, bytes], ...]
"""Optional parameters as they stand on the wire: (tag, value) in order, unknown ones included."""


class Kind(Protocol):
    """One kind of field."""

    def put(self, value: Any, name: str) -> bytes:  # noqa: ANN401  # each kind takes its own type
        """Encode a value. Raises EncodingError, naming the field."""

    def take(self, octets: bytes, start: int, end: int) -> tuple[Any, int]:
        """Decode the value at `start` in a body that ends at `end`.

        Returns: the value and the offset after it.
        Raises: RemoteProtocolError with the status to answer.
        """


@dataclass(frozen=True, slots=True)
class Integer:
    """An unsigned integer of `size` octets, most significant first (3.1)."""

    size: int

    def put(self, value: int, name: str) -> bytes:
        try:
            return value.to_bytes(self.size, "big")
        except OverflowError:
            raise EncodingError(f"{name} must be 0..{256**self.size - 1}, is {value}") from None

    def take(self, octets: bytes, start: int, end: int) -> tuple[int, int]:
        stop = start + self.size
        if stop > end:
            raise RemoteProtocolError("the body ends inside an integer", Status.RINVCMDLEN)
        return int.from_bytes(octets[start:stop], "big"), stop


@dataclass(frozen=True, slots=True)
class COctetString:
    """Octets up to a NUL; `size` counts the NUL, as the specification does (3.1)."""

    size: int
    status: Status = Status.RINVPARLEN
    """What to answer when it is too long or not terminated."""

    def put(self, value: bytes, name: str) -> bytes:
        if len(value) >= self.size:
            raise EncodingError(f"{name} may have {self.size - 1} octets, has {len(value)}")
        if 0 in value:
            raise EncodingError(f"{name} may not contain a NUL octet")
        return value + b"\0"

    def take(self, octets: bytes, start: int, end: int) -> tuple[bytes, int]:
        stop = octets.find(b"\0", start, min(end, start + self.size))
        if stop < 0:
            raise RemoteProtocolError(f"no NUL within {self.size} octets", self.status)
        return octets[start:stop], stop + 1


@dataclass(frozen=True, slots=True)
class CountedOctets:
    """One octet of length, then that many octets: sm_length and short_message (5.2.21, 5.2.22)."""

    most: int

    def put(self, value: bytes, name: str) -> bytes:
        if len(value) > self.most:
            raise EncodingError(f"{name} may have {self.most} octets, has {len(value)}")
        return bytes((len(value),)) + value

    def take(self, octets: bytes, start: int, end: int) -> tuple[bytes, int]:
        if start >= end:
            raise RemoteProtocolError("the body ends before sm_length", Status.RINVMSGLEN)
        stop = start + 1 + octets[start]
        if stop > end:
            raise RemoteProtocolError("sm_length reaches past the end of the body", Status.RINVMSGLEN)
        return octets[start + 1 : stop], stop


@dataclass(frozen=True, slots=True)
class OptionalParameters:
    """The rest of the body as tag, length, value triplets, in the order they came (5.3.1)."""

    def put(self, value: Tlvs, name: str) -> bytes:
        for tag, octets in value:
            if not 0 <= tag <= 0xFFFF or len(octets) > 0xFFFF:
                raise EncodingError(f"{name}: tag {tag:#x} with {len(octets)} octets does not fit")
        return b"".join([b"%b%b%b" % (t.to_bytes(2, "big"), len(v).to_bytes(2, "big"), v) for t, v in value])

    def take(self, octets: bytes, start: int, end: int) -> tuple[Tlvs, int]:
        found = []
        while start < end:
            value = start + 4
            stop = value + int.from_bytes(octets[start + 2 : value], "big")
            if stop > end:
                raise RemoteProtocolError("an optional parameter reaches past the end", Status.RINVOPTPARSTREAM)
            found.append((int.from_bytes(octets[start : start + 2], "big"), octets[value:stop]))
            start = stop
        return tuple(found), end


U8 = Integer(1)
C6, C9, C13, C16, C17, C41, C65 = (COctetString(size) for size in (6, 9, 13, 16, 17, 41, 65))
SOURCE = COctetString(21, Status.RINVSRCADR)
DESTINATION = COctetString(21, Status.RINVDSTADR)
SHORT_MESSAGE = CountedOctets(254)
TLVS = OptionalParameters()
