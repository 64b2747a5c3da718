"""Strategies for what goes over the wire: every PDU with any fields that fit, or with fields that may not."""

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st

from protocol.codec import HEADER
from protocol.constants import HEADER_OCTETS, Tag
from protocol.fields import COctetString, CountedOctets, Integer, Kind, Tlvs
from protocol.pdu import PDUS, Pdu
from protocol.record import Entries, Record

R = TypeVar("R", bound=Record)
FEWER = settings(max_examples=settings().max_examples // 3)
"""For a property that is tried with each of a dozen cases or more, which have most in common."""
SEQUENCES = st.integers(0, 0xFFFFFFFF)
TAGS = st.sampled_from(sorted(Tag)).map(int) | st.integers(0, 0xFFFF)
TLVS: st.SearchStrategy[Tlvs] = st.lists(st.tuples(TAGS, st.binary(max_size=40)), max_size=3).map(tuple)


def values(kind: Kind) -> st.SearchStrategy[Any]:
    """Any value that the kind of field can carry, its longest and largest included."""
    if isinstance(kind, Integer):
        return st.integers(0, 256**kind.size - 1)
    if isinstance(kind, COctetString):
        most = kind.size - 1
        return st.binary(max_size=most).map(_without_nul) | st.binary(min_size=most, max_size=most).map(_without_nul)
    if isinstance(kind, CountedOctets):
        return st.binary(max_size=kind.most) | st.just(bytes(kind.most))
    if isinstance(kind, Entries):
        return _entries(kind, built)
    return TLVS


def _entries(kind: Entries, made: Callable[[type[Any]], st.SearchStrategy[Any]]) -> st.SearchStrategy[tuple[Any, ...]]:
    """A few entries, or as many of one as the count can say."""
    entry = st.sampled_from(kind.sorts).flatmap(made)
    return st.lists(entry, max_size=3).map(tuple) | entry.map(lambda entry: (entry,) * 255)


def _without_nul(octets: bytes) -> bytes:
    return octets.replace(b"\0", b"\xff")


def doubtful_values(kind: Kind) -> st.SearchStrategy[Any]:
    """Values of the right type that may not fit: out of range, too long, with a NUL."""
    if isinstance(kind, Integer):
        return st.integers(-2, 260)
    if isinstance(kind, COctetString):
        return st.binary(max_size=kind.size + 2) | st.just(b"x" * (kind.size - 1)) | st.just(b"x" * kind.size)
    if isinstance(kind, CountedOctets):
        return st.binary(max_size=8) | st.integers(kind.most - 1, kind.most + 2).map(bytes)
    if isinstance(kind, Entries):
        return _entries(kind, doubtful) | st.just((kind.sorts[0](),) * 256)
    return st.just(()) | st.lists(st.tuples(st.integers(-1, 0x10000), st.binary(max_size=4)), max_size=2).map(tuple)


def built(cls: type[R]) -> st.SearchStrategy[R]:
    """A PDU or entry of the class with any fields that fit."""
    return st.builds(cls, **{name: values(kind) for name, kind in cls.row})


def doubtful(cls: type[R]) -> st.SearchStrategy[R]:
    """A PDU or entry of the class, in which most fields fit and some may not."""
    plain = {name: values(kind) | values(kind) | doubtful_values(kind) for name, kind in cls.row}
    return st.builds(cls, **plain)


PDU: st.SearchStrategy[Pdu] = st.sampled_from(list(PDUS.values())).flatmap(built)


def frame(command_id: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    """Octets of any PDU, known or not, right or not."""
    return HEADER.pack(HEADER_OCTETS + len(body), command_id, status, sequence) + body
