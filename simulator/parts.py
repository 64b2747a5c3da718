"""One part that was taken: what it was, what it carries, and how it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from protocol import alphabets
from protocol.constants import DATA_CODINGS, Coding, EsmClass, Tag
from protocol.joining import Concat, read_sar, split_udh
from protocol.pdu import SubmitSm, find_tlv
from protocol.text import coding_of

_SEPTETS: Final = {Coding.GSM7, Coding.GSM7_PACKED}


@dataclass(slots=True, eq=False)
class Part:
    """One submit_sm that was taken.

    Attributes: session: the connection's number. time: seconds since 1970. index: given by the ledger.
    """

    message_id: bytes
    session: int
    system_id: bytes
    sequence_number: int
    time: float
    submit: SubmitSm
    index: int = -1


@dataclass(slots=True)
class Content:
    """What a part carries.

    Attributes: header: the user data header, its length octet included. coding: None: no text, or nobody could know.
        body: without the header and not packed. broken: esm_class announces a header that is not there.
    """

    concat: Concat | None
    header: bytes = field(repr=False)
    coding: Coding | None
    body: bytes = field(repr=False)
    broken: bool = False

    @property
    def text(self) -> str | None:
        """The body decoded; None when it is no text, or not valid in its coding."""
        return None if self.coding is None else alphabets.decode(self.body, self.coding)

    @property
    def readable(self) -> bool:
        """Whether the part can be read without the others; what is no text always can."""
        if self.coding in _SEPTETS:  # decoded whatever the octets are
            return self.body.isascii() and not self.broken
        return not self.broken and (self.coding is None or self.text is not None)

    @property
    def units(self) -> int:
        """How long the body is: septets, UTF-16 code units or octets, by its coding."""
        return (len(self.body) + 1) // 2 if self.coding is Coding.UCS2 else len(self.body)


@dataclass(slots=True)
class Entry:
    """A part with all that the ledger knows of it.

    Attributes: indexes: of the parts of its message, first to last; empty as long as one is missing or forgotten.
        joined: the text of the whole message; None where there is none. verdicts: names, see `verdicts.py`.
    """

    part: Part
    content: Content
    indexes: tuple[int, ...]
    joined: str | None = field(repr=False)
    verdicts: tuple[str, ...]


def read_content(submit: SubmitSm, data_codings: Mapping[int, Coding] = DATA_CODINGS) -> Content:
    """Read the user data of a submit_sm: short_message, or message_payload where that is empty (5.3.2.32)."""
    tlvs = submit.tlvs
    octets = submit.short_message or (find_tlv(tlvs, Tag.MESSAGE_PAYLOAD) or b"" if tlvs else b"")
    coding = coding_of(submit.data_coding, data_codings)
    concat, header, body, broken = None, b"", octets, False
    if submit.esm_class & EsmClass.UDHI:
        concat, body = split_udh(octets, submit.esm_class)
        header = octets[: len(octets) - len(body)]
        broken = not header
    if tlvs and concat is None:
        concat = read_sar(tlvs)
    if coding is Coding.GSM7_PACKED:
        body = alphabets.unwrap(body, coding, len(header))
    return Content(concat, header, coding, body, broken)


def describe(entry: Entry) -> dict[str, Any]:
    """Say what a part was, in JSON's types. text, joined: null when the octets are not valid in their coding.

    joined is null too as long as a part of the message is missing.
    """
    part, submit, content = entry.part, entry.part.submit, entry.content
    concat = content.concat
    return {
        "index": part.index,
        "time": part.time,
        "message_id": show(part.message_id),
        "session": part.session,
        "system_id": show(part.system_id),
        "sequence_number": part.sequence_number,
        "source": show(submit.source_addr),
        "destination": show(submit.destination_addr),
        "esm_class": submit.esm_class,
        "data_coding": submit.data_coding,
        "coding": coding_name(part, content),
        "octets": (submit.short_message or content.header + content.body).hex(),
        "udh": content.header.hex(),
        "units": content.units,
        "text": content.text,
        "concatenation": concat and {"reference": concat.reference, "total": concat.total, "number": concat.number},
        "joined": entry.joined,
        "verdicts": list(entry.verdicts),
    }


def coding_name(part: Part, content: Content) -> str:
    """The coding's name, or data_coding as a number where it has none."""
    return content.coding.value if content.coding else f"0x{part.submit.data_coding:02X}"


def show(octets: bytes) -> str:
    """Octets that should be ASCII, as text whatever they are."""
    return octets.decode("ascii", "backslashreplace")
