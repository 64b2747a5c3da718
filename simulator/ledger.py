"""A record of every part that was really taken: bounded, cheap to write, decoded only when it is read."""

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from protocol.constants import EsmClass, Tag
from protocol.joining import Concat, Joiner, read_sar, split_udh
from protocol.pdu import SubmitSm, find_tlv
from protocol.text import coding_of, decode_body

JOIN_SECONDS: Final = 3600.0
"""How long the first part of a message waits for the others."""

MAX_OPEN: Final = 10_000
"""Messages that may wait for parts at once."""

MAX_TLV_OCTETS: Final = 64 * 1024 * 1024
"""Optional parameters kept: one message_payload may be as long as five hundred short messages (SMPP 3.4, 5.3.2.32)."""


@dataclass(slots=True, eq=False)
class Part:
    """One submit_sm that was taken.

    Attributes: session: the connection's number. time: seconds since 1970. joined: the whole message's octets, without
        headers, once all its parts are here.
    """

    message_id: bytes
    session: int
    system_id: bytes
    sequence_number: int
    time: float
    submit: SubmitSm
    joined: bytes | None = field(default=None, repr=False)


@dataclass(slots=True)
class _Fragment:
    body: bytes
    part: Part = field(compare=False)


class Ledger:
    """The last `size` parts, each under an index that grows by one and is never used again."""

    def __init__(self, size: int) -> None:
        self.messages = 0
        """Whole messages taken since the last clear."""
        self.end = 0
        """The index that the next part will have."""
        self._size = size
        self._cleared_at = 0
        self._kept: deque[Part] = deque()
        self._tlv_octets = 0
        self._joiner = Joiner[_Fragment](JOIN_SECONDS, MAX_OPEN)

    @property
    def begin(self) -> int:
        """The index of the oldest part that is still kept."""
        return self.end - len(self._kept)

    @property
    def parts(self) -> int:
        """Parts taken since the last clear."""
        return self.end - self._cleared_at

    @property
    def forgotten(self) -> int:
        """Parts taken since the last clear that made room for newer ones."""
        return self.begin - self._cleared_at

    def take(self, part: Part) -> None:
        """Add a part; the oldest is forgotten when there is no room."""
        submit = part.submit
        if submit.tlvs or submit.esm_class & EsmClass.UDHI:
            self._tlv_octets += _tlv_octets(part)
            self._join(part)
        else:
            self.messages += 1
        self._kept.append(part)
        self.end += 1
        while len(self._kept) > self._size or self._tlv_octets > MAX_TLV_OCTETS:
            self._tlv_octets -= _tlv_octets(self._kept.popleft())

    def read(self, start: int, stop: int) -> list[tuple[int, Part]]:
        """Look at the parts with indexes from start to stop - 1, as far as they are kept, with their indexes."""
        first = max(start, self.begin)
        skipped = first - self.begin
        return list(enumerate(islice(self._kept, skipped, max(skipped, stop - self.begin)), first))

    def clear(self) -> None:
        """Forget everything, begun messages too; indexes go on."""
        self._kept.clear()
        self._joiner = Joiner(JOIN_SECONDS, MAX_OPEN)
        self._cleared_at = self.end
        self._tlv_octets = self.messages = 0

    def _join(self, part: Part) -> None:
        concat, body = _split(part.submit)
        if concat is None:
            self.messages += 1
            return
        submit = part.submit
        key = (part.system_id, submit.source_addr, submit.destination_addr, submit.data_coding)
        whole = self._joiner.add(key, concat, _Fragment(body, part), part.time)
        if self._joiner.next_deadline <= part.time:
            self._joiner.expire(part.time)
        if whole:
            self.messages += 1
            octets = b"".join([fragment.body for fragment in whole])
            for fragment in whole:
                fragment.part.joined = octets


def describe(index: int, part: Part) -> dict[str, Any]:
    """Say what a part was, in JSON's types. text, joined: null when the octets are not valid in their coding."""
    submit = part.submit
    concat, body = _split(submit)
    octets = body or find_tlv(submit.tlvs, Tag.MESSAGE_PAYLOAD) or b""
    joined = octets if concat is None else part.joined
    return {
        "index": index,
        "time": part.time,
        "message_id": _show(part.message_id),
        "session": part.session,
        "system_id": _show(part.system_id),
        "sequence_number": part.sequence_number,
        "source": _show(submit.source_addr),
        "destination": _show(submit.destination_addr),
        "esm_class": submit.esm_class,
        "data_coding": submit.data_coding,
        "coding": coding_of(submit.data_coding) or f"0x{submit.data_coding:02X}",
        "octets": (submit.short_message or octets).hex(),
        "text": decode_body(octets, submit.data_coding),
        "concatenation": concat and {"reference": concat.reference, "total": concat.total, "number": concat.number},
        "joined": None if joined is None else decode_body(joined, submit.data_coding),
    }


def _split(submit: SubmitSm) -> tuple[Concat | None, bytes]:
    concat, body = split_udh(submit.short_message, submit.esm_class)
    return concat or read_sar(submit.tlvs), body


def _tlv_octets(part: Part) -> int:
    return sum([len(value) for _, value in part.submit.tlvs]) if part.submit.tlvs else 0


def _show(octets: bytes) -> str:
    return octets.decode("ascii", "backslashreplace")
