"""Invariant: `decode` raises nothing but RemoteProtocolError, whatever the frame holds and whatever its length says.

What decodes is encoded to the same octets again, and the table agrees with the hand-written twins.
"""

from contextlib import suppress
from typing import Any, Final, TypeVar

from protocol.codec import HEADER, decode, decode_body, encode
from protocol.constants import HEADER_OCTETS, RESPONSE_BIT
from protocol.errors import RemoteProtocolError
from protocol.fields import COctetString, CountedOctets, Integer, Kind
from protocol.pdu import PDUS
from protocol.record import Entries, Record
from tests.fuzz.attempts import Target

R = TypeVar("R", bound=Record)
TLVS: Final = ((0x001E, b"1234567890\0"), (0x0427, b"\2"), (0x0424, b"\x30\x42" * 80), (0x1401, b""))


def check(octets: bytes) -> None:
    with suppress(RemoteProtocolError):
        read(octets)
    if len(octets) >= HEADER_OCTETS:
        read(len(octets).to_bytes(4, "big") + octets[4:])  # else hardly any mutation would get past the length


def read(octets: bytes) -> None:
    pdu, status, sequence = decode(octets)
    assert (status, sequence) == HEADER.unpack_from(octets)[2:]
    assert repr(pdu)
    if len(getattr(pdu, "short_message", b"")) == 255:
        return  # one octet more than may be written (5.2.21), but sm_length can say it, and so it is read
    again = encode(pdu, sequence)
    if not status and pdu.row:  # an error may lack its body; what comes with a keepalive is dropped
        assert again == octets
    assert again[HEADER_OCTETS:] == pdu.put()
    assert decode_body(pdu.id, again, HEADER_OCTETS, len(again)) == pdu


def filled(cls: type[R]) -> R:
    """A PDU or entry with something in every field."""
    return cls(**{name: _value(kind) for name, kind in cls.row})


def _value(kind: Kind) -> Any:  # noqa: ANN401  # each kind takes its own type
    if isinstance(kind, Integer):
        return 1
    if isinstance(kind, COctetString):
        return b"0001020304000000R"[: kind.size - 1]
    if isinstance(kind, CountedOctets):
        return b"\5\0\3\x2a\2\1Hello"
    if isinstance(kind, Entries):
        return tuple(filled(sort) for sort in kind.sorts)
    return TLVS


def seeds() -> list[bytes]:
    """Every PDU we know, empty and filled; every response as an error; one that nobody knows."""
    known = [encode(pdu, 1) for cls in PDUS.values() for pdu in (cls(), filled(cls))]
    errors = [encode(cls(), 1, status=0x58) for cls in PDUS.values() if cls.id & RESPONSE_BIT]
    return [*known, *errors, HEADER.pack(HEADER_OCTETS, 0x0F0F, 0, 1)]


TARGET: Final = Target("codec", check, (RemoteProtocolError,), seeds)
