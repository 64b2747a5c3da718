"""Parts as an SMSC takes them, for tests of the ledger and of what reads it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Final

import pytest

from protocol.pdu import SubmitSm
from protocol.text import Profile, cut, user_data
from simulator import ledger as ledger_module
from simulator.ledger import Ledger
from simulator.parts import Entry, Part
from simulator.query import Query
from simulator.verdicts import Examiner

TEXT = "本日21時より計画メンテナンスを行います🙏 " * 7
SOURCE, DESTINATION = b"0005123456", b"819012345678"
TIME = 1_700_000_000.0
BLOCK: Final = 4
"""Parts per block where blocks are small, so that a few parts are in memory, packed, and on disk."""
_numbers = count(1)


def part(
    submit: SubmitSm, *, time: float = TIME, system_id: bytes = b"denpo", session: int = 1, message_id: bytes = b""
) -> Part:
    """A part with a message id and a sequence number of its own."""
    number = next(_numbers)
    return Part(message_id or b"%010d" % number, session, system_id, number, time, submit)


def single(octets: bytes, **fields: object) -> SubmitSm:
    """A submit_sm with a body, between the numbers that all have."""
    return SubmitSm(**{"source_addr": SOURCE, "destination_addr": DESTINATION, "short_message": octets} | fields)  # type: ignore[arg-type]  # the test's own fields


def concatenated(
    bodies: list[bytes], data_coding: int = 8, reference: int = 7, destination: bytes = DESTINATION
) -> list[SubmitSm]:
    """Bodies as they are, each behind a header with an 8-bit reference."""
    return [
        single(
            bytes((5, 0, 3, reference, len(bodies), number)) + body,
            esm_class=0x40,
            data_coding=data_coding,
            destination_addr=destination,
        )
        for number, body in enumerate(bodies, 1)
    ]


def submits(text: str = TEXT, reference: int = 7, profile: Profile | None = None) -> list[SubmitSm]:
    """A text as the gateway would cut it."""
    profile = profile or Profile()
    pieces = cut(text, profile)
    found = [user_data(pieces, n, reference, profile) for n in range(1, len(pieces.pieces) + 1)]
    return [
        single(each.short_message, esm_class=each.esm_class, data_coding=each.data_coding, tlvs=each.tlvs)
        for each in found
    ]


def parts(text: str = TEXT, reference: int = 7, profile: Profile | None = None) -> list[Part]:
    """The same as parts."""
    return [part(submit) for submit in submits(text, reference, profile)]


def examined(taken: list[Part], now: float = 0.0) -> Examiner:
    """An examiner that saw parts, which get their indexes here."""
    examiner = Examiner()
    for index, each in enumerate(taken):
        each.index = index
        examiner.take(each)
    examiner.expire(now)
    return examiner


def names(taken: list[Part], now: float = 0.0) -> list[tuple[str, ...]]:
    """The verdicts on each of some parts."""
    examiner = examined(taken, now)
    return [examiner.names(index) for index in range(len(taken))]


async def read_all(ledger: Ledger, query: Query | None = None, start: int = 0, now: float = TIME) -> list[Entry]:
    """All that a ledger has."""
    stop, found = await ledger.examine(now), list[Entry]()
    while start < stop:
        entries, start = await ledger.read(query or Query(), start, stop)
        found += entries
    return found


@contextmanager
def small_blocks() -> Iterator[None]:
    """Have ledgers make small blocks and look at few of them at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger_module, "PARTS_PER_BLOCK", BLOCK)
        patch.setattr(ledger_module, "SCAN_PARTS", 3 * BLOCK)
        patch.setattr(ledger_module, "_MAX_UNPACKED", 2)
        yield


def singles(number: int) -> list[Part]:
    """So many parts that stand alone, with bodies that count from 0."""
    return [part(single(b"%d" % n)) for n in range(number)]


def take(ledger: Ledger, taken: Sequence[Part]) -> None:
    """Have a ledger take parts."""
    for each in taken:
        ledger.take(each)
