"""The kinds of field a PDU body is made of (SMPP 3.4, 3.1).

Each kind knows how to put one value on the wire and to take it off again. They are the slow, plain definition;
`codec.py` has faster twins for the four busiest PDUs, and a test that proves them equal.
"""

from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from protocol.constants import Status
from protocol.errors import EncodingError, RemoteProtocolError

Tlvs: TypeAlias = tuple[tuple[int, bytes], ...]
"""Optional parameters as they stand on the wire: (tag, value) in order, unknown ones included."""


class Kind(Protocol):
    """One kind of field."""

    @property
    def width(self) -> str:
        """How many octets it takes, in words."""

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

    @property
    def width(self) -> str:
        return f"integer, {self.size} octet{'s' if self.size > 1 else ''}"

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

    @property
    def width(self) -> str:
        return f"C-octet string, 1..{self.size} octets"

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

    @property
    def width(self) -> str:
        return f"a length of 1 octet, then 0..{self.most} octets"

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

    @property
    def width(self) -> str:
        return "optional parameters, to the end of the PDU"

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


U8, U32 = Integer(1), Integer(4)
SYSTEM_ID = COctetString(16, Status.RINVSYSID)
PASSWORD = COctetString(9, Status.RINVPASWD)
SYSTEM_TYPE = COctetString(13, Status.RINVSYSTYP)
ADDRESS_RANGE = COctetString(41)
SERVICE_TYPE = COctetString(6, Status.RINVSERTYP)
SOURCE, SOURCE65 = (COctetString(size, Status.RINVSRCADR) for size in (21, 65))
DESTINATION, DESTINATION65 = (COctetString(size, Status.RINVDSTADR) for size in (21, 65))
ESME_ADDRESS = COctetString(65)
DL_NAME = COctetString(21, Status.RINVDLNAME)
SCHEDULE = COctetString(17, Status.RINVSCHED)
VALIDITY = COctetString(17, Status.RINVEXPIRY)
FINAL_DATE = COctetString(17)
MESSAGE_ID = COctetString(65, Status.RINVMSGID)
SHORT_MESSAGE = CountedOctets(254)
TLVS = OptionalParameters()

FIELD_SECTIONS: Final = {
    "system_id": "5.2.1",
    "password": "5.2.2",
    "system_type": "5.2.3",
    "interface_version": "5.2.4",
    **dict.fromkeys(("addr_ton", "source_addr_ton", "dest_addr_ton", "esme_addr_ton"), "5.2.5"),
    **dict.fromkeys(("addr_npi", "source_addr_npi", "dest_addr_npi", "esme_addr_npi"), "5.2.6"),
    "address_range": "5.2.7",
    "source_addr": "5.2.8",
    "destination_addr": "5.2.9",
    "esme_addr": "5.2.10",
    "service_type": "5.2.11",
    "esm_class": "5.2.12",
    "protocol_id": "5.2.13",
    "priority_flag": "5.2.14",
    "schedule_delivery_time": "5.2.15",
    "validity_period": "5.2.16",
    "registered_delivery": "5.2.17",
    "replace_if_present_flag": "5.2.18",
    "data_coding": "5.2.19",
    "sm_default_msg_id": "5.2.20",
    "short_message": "5.2.22",  # its length, sm_length: 5.2.21
    "message_id": "5.2.23",
    "dest_address": "4.5.1",  # its count, number_of_dests: 5.2.24
    "unsuccess_sme": "4.5.2.1",  # its count, no_unsuccess: 5.2.26
    "error_status_code": "5.1.3",
    "dl_name": "5.2.27",
    "message_state": "5.2.28",
    "final_date": "4.8.2",
    "error_code": "4.8.2",
    "tlvs": "5.3",
}
"""Where SMPP 3.4 Issue 1.2 says what a field means, by its name, which is the same in every PDU."""
