"""Every PDU that passes, told to those who watch: its fields by the names and in the order of the specification.

Numbers and texts are shown: the octets are a tester's own. Passwords are not, for screens are looked at by others.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from functools import partial
from typing import Any, Final

from protocol.codec import HEADER, decode
from protocol.constants import (
    DATA_CODINGS,
    HEADER_OCTETS,
    MAX_PDU_OCTETS,
    RESPONSE_BIT,
    Coding,
    DataCoding,
    EsmClass,
    MessageState,
    Npi,
    Tag,
    Ton,
    status_name,
    status_text,
)
from protocol.errors import RemoteProtocolError
from protocol.fields import CountedOctets, Tlvs
from protocol.joining import split_udh
from protocol.pdu import PDUS, Pdu, find_tlv
from protocol.record import Record
from protocol.tags import FORMS
from protocol.text import decode_body
from simulator.live import PDU, Hub
from simulator.wire import Direction, Frames

MAX_CHARACTERS: Final = 4096
"""Of one value; the rest of a longer one is not shown."""


class PduTap:
    """A tap for the wire of one connection. epoch: seconds since 1970 at the zero of Trio's clock.

    Nothing is cut into PDUs while nobody watches. Who begins to watch sees a direction from the first chunk on that
    begins as a PDU does: the one before may have ended in the middle of one.
    """

    def __init__(self, hub: Hub, session: int, epoch: float, data_codings: Mapping[int, Coding] = DATA_CODINGS) -> None:
        self._hub = hub
        self._session = session
        self._epoch = epoch
        self._data_codings = data_codings
        self._frames: dict[Direction, Frames] = {}

    def __call__(self, direction: Direction, octets: bytes, now: float) -> None:
        if not self._hub.wants(PDU):
            self._frames.clear()
            return
        frames = self._frames.get(direction)
        if frames is None:
            if not _begins_pdu(octets):
                return
            frames = self._frames[direction] = Frames()
        head = {"at": now + self._epoch, "direction": direction.value, "session": self._session}
        pdus, note = frames.cut(octets)
        for pdu in pdus:
            self._hub.publish_made(PDU, partial(_describe, head, pdu, self._data_codings))
        if note:
            self._hub.publish(PDU, head | _bare("", note))


def describe_pdu(octets: bytes, data_codings: Mapping[int, Coding] = DATA_CODINGS) -> dict[str, Any]:
    """Say what one whole PDU is, in JSON's types.

    Returns: name; status, "" in a request; says: the status in words; sequence; length in octets; fields: its [name,
        value] pairs, then those of its optional parameters, then its text if it has one; error: why they can't be read.
    """
    length, command_id, status, sequence = HEADER.unpack_from(octets)
    shown = _bare(PDUS[command_id].id.name.lower() if command_id in PDUS else f"0x{command_id:08X}")
    shown |= {"sequence": sequence, "length": length}
    if status or command_id & RESPONSE_BIT:
        shown |= {"status": status_name(status), "says": status_text(status)}
    try:
        pdu, _, _ = decode(octets)
    except RemoteProtocolError as error:
        return shown | {"error": str(error), "fields": [("octets", _shorten(octets[HEADER_OCTETS:].hex(" ")))]}
    fields = [*_fields(pdu), *_text(pdu, data_codings)]
    return shown | {"fields": [(name, _shorten(value)) for name, value in fields]}


def _describe(head: dict[str, Any], octets: bytes, data_codings: Mapping[int, Coding]) -> dict[str, Any]:
    return head | describe_pdu(octets, data_codings)


def _bare(name: str, error: str = "") -> dict[str, Any]:
    return {"name": name, "status": "", "says": "", "sequence": 0, "length": 0, "fields": [], "error": error}


def _begins_pdu(octets: bytes) -> bool:
    if len(octets) < HEADER_OCTETS:
        return False
    length, command_id, _, _ = HEADER.unpack_from(octets)
    return HEADER_OCTETS <= length <= MAX_PDU_OCTETS and command_id in PDUS


def _fields(record: Record) -> Iterator[tuple[str, str]]:
    for name, kind in record.row:
        value = getattr(record, name)
        if name == "tlvs":
            yield from _parameters(value)
        elif name == "password":
            yield name, f"({len(value)} octets)"
        elif isinstance(value, int):
            yield name, _integer(name, value)
        elif isinstance(value, tuple):
            yield name, "; ".join(" ".join(f"{key}={text}" for key, text in _fields(entry)) for entry in value)
        else:
            yield name, value.hex(" ") if isinstance(kind, CountedOctets) else _characters(value)


def _parameters(tlvs: Tlvs) -> Iterator[tuple[str, str]]:
    for tag, value in tlvs:
        form = FORMS.get(tag)
        name = Tag(tag).name.lower() if form else f"0x{tag:04X}"
        if form is None or form.kind == "octets" or not form.least <= len(value) <= form.most:
            yield name, value.hex(" ")
        elif form.kind == "integer":
            yield name, _integer(name, int.from_bytes(value, "big"))
        else:
            yield name, _characters(value.removesuffix(b"\0"))


def _text(pdu: Pdu, data_codings: Mapping[int, Coding]) -> Iterator[tuple[str, str]]:
    """What is in the octets of a message: its user data header, and its text when it can be read."""
    esm_class, data_coding = getattr(pdu, "esm_class", None), getattr(pdu, "data_coding", None)
    if esm_class is None or data_coding is None:
        return
    octets = getattr(pdu, "short_message", b"") or find_tlv(getattr(pdu, "tlvs", ()), Tag.MESSAGE_PAYLOAD) or b""
    _, body = split_udh(octets, esm_class)
    if len(body) < len(octets):
        yield "(user data header)", octets[: len(octets) - len(body)].hex(" ")
    text = decode_body(body, data_coding, data_codings)
    if text:
        yield "(text)", text


def _integer(name: str, value: int) -> str:
    return _SPELLINGS.get(name, str)(value)


def _hexadecimal(value: int) -> str:
    return f"0x{value:02X}"


def _esm_class(value: int) -> str:
    kinds: dict[int, str] = {EsmClass.RECEIPT: " receipt", EsmClass.INTERMEDIATE: " intermediate notification"}
    features = " UDHI" if value & EsmClass.UDHI else ""
    return _hexadecimal(value) + kinds.get(value & EsmClass.TYPE_MASK, "") + features


def _named(names: type[IntEnum], value: int) -> str:
    return f"{value} ({names(value).name.lower()})" if value in names._value2member_map_ else str(value)


def _characters(octets: bytes) -> str:
    return octets.decode("ascii", "backslashreplace")


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] + "…"


_SPELLINGS: Final[Mapping[str, Callable[[int], str]]] = {
    **dict.fromkeys(("addr_ton", "source_addr_ton", "dest_addr_ton", "esme_addr_ton"), partial(_named, Ton)),
    **dict.fromkeys(("addr_npi", "source_addr_npi", "dest_addr_npi", "esme_addr_npi"), partial(_named, Npi)),
    **dict.fromkeys(("interface_version", "sc_interface_version", "registered_delivery"), _hexadecimal),
    "data_coding": partial(_named, DataCoding),
    "message_state": partial(_named, MessageState),
    "esm_class": _esm_class,
    "error_status_code": status_name,
}
"""How integers are written that are more than numbers."""
