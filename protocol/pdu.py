"""The PDUs, each with its row of wire kinds: the one table that encoding, decoding and tests walk.

Octet strings stay octets: the specification promises no character set for them beyond ASCII, and peers break even that.
"""

from dataclasses import dataclass, fields
from typing import ClassVar, TypeVar, dataclass_transform

from protocol.constants import RESPONSE_BIT, CommandId, Tag
from protocol.fields import C6, C9, C13, C16, C17, C41, C65, DESTINATION, SHORT_MESSAGE, SOURCE, TLVS, U8, Kind, Tlvs

T = TypeVar("T", bound="Pdu")


_PRIVATE = {"password", "address_range", "short_message", "source_addr", "destination_addr", "tlvs"}


class Pdu:
    """One SMPP PDU without its header; `wire` has one kind per field, in order."""

    __slots__ = ()
    id: ClassVar[CommandId]
    wire: ClassVar[tuple[Kind, ...]] = ()
    row: ClassVar[tuple[tuple[str, Kind], ...]] = ()
    """(field name, kind) pairs, made from the fields and `wire`."""

    def __repr__(self) -> str:
        """The fields that may be read by anybody: no password, number or body."""
        shown = (f"{name}={getattr(self, name)!r}" for name, _ in self.row if name not in _PRIVATE)
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass_transform(frozen_default=True)
def pdu(cls: type[T]) -> type[T]:
    """A slots dataclass: frozen to the type checker, cheap to build at run time (0.12 us against 0.69 us)."""
    made: type[T] = dataclass(slots=True, repr=False)(cls)
    names = [field.name for field in fields(made)]  # type: ignore[arg-type]  # made one line above
    made.row = tuple(zip(names, made.wire, strict=True))
    return made


@pdu
class _Bind(Pdu):
    system_id: bytes = b""
    password: bytes = b""
    system_type: bytes = b""
    interface_version: int = 0x34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: bytes = b""
    wire: ClassVar = (C16, C9, C13, U8, U8, U8, C41)


@pdu
class BindTransmitter(_Bind):
    """Ask to submit (4.1.1)."""

    id: ClassVar = CommandId.BIND_TRANSMITTER


@pdu
class BindReceiver(_Bind):
    """Ask to receive (4.1.3)."""

    id: ClassVar = CommandId.BIND_RECEIVER


@pdu
class BindTransceiver(_Bind):
    """Ask to submit and receive (4.1.5)."""

    id: ClassVar = CommandId.BIND_TRANSCEIVER


@pdu
class _BindResp(Pdu):
    system_id: bytes = b""
    tlvs: Tlvs = ()
    wire: ClassVar = (C16, TLVS)


@pdu
class BindTransmitterResp(_BindResp):
    """Answer to BindTransmitter (4.1.2)."""

    id: ClassVar = CommandId.BIND_TRANSMITTER_RESP


@pdu
class BindReceiverResp(_BindResp):
    """Answer to BindReceiver (4.1.4)."""

    id: ClassVar = CommandId.BIND_RECEIVER_RESP


@pdu
class BindTransceiverResp(_BindResp):
    """Answer to BindTransceiver (4.1.6)."""

    id: ClassVar = CommandId.BIND_TRANSCEIVER_RESP


@pdu
class Unbind(Pdu):
    """Announce the end of a session (4.2.1)."""

    id: ClassVar = CommandId.UNBIND


@pdu
class UnbindResp(Pdu):
    """Answer to Unbind (4.2.2)."""

    id: ClassVar = CommandId.UNBIND_RESP


@pdu
class EnquireLink(Pdu):
    """Ask whether the peer still listens (4.11.1)."""

    id: ClassVar = CommandId.ENQUIRE_LINK


@pdu
class EnquireLinkResp(Pdu):
    """Answer to EnquireLink (4.11.2)."""

    id: ClassVar = CommandId.ENQUIRE_LINK_RESP


@pdu
class GenericNack(Pdu):
    """Say that a PDU could not be understood (4.3.1)."""

    id: ClassVar = CommandId.GENERIC_NACK


@pdu
class ShortMessage(Pdu):
    """What submit_sm and deliver_sm have in common: every field (4.4.1, 4.6.1)."""

    service_type: bytes = b""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: bytes = b""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: bytes = b""
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: bytes = b""
    validity_period: bytes = b""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""
    tlvs: Tlvs = ()
    wire: ClassVar = (
        *(C6, U8, U8, SOURCE, U8, U8, DESTINATION, U8, U8, U8),
        *(C17, C17, U8, U8, U8, U8, SHORT_MESSAGE, TLVS),
    )


@pdu
class SubmitSm(ShortMessage):
    """Hand a message to the SMSC (4.4.1)."""

    id: ClassVar = CommandId.SUBMIT_SM


@pdu
class DeliverSm(ShortMessage):
    """Hand a message or a receipt to the ESME (4.6.1)."""

    id: ClassVar = CommandId.DELIVER_SM


@pdu
class MessageResp(Pdu):
    """What the answers to submit_sm and deliver_sm have in common (4.4.2, 4.6.2)."""

    message_id: bytes = b""
    tlvs: Tlvs = ()
    wire: ClassVar = (C65, TLVS)


@pdu
class SubmitSmResp(MessageResp):
    """Answer to SubmitSm (4.4.2)."""

    id: ClassVar = CommandId.SUBMIT_SM_RESP


@pdu
class DeliverSmResp(MessageResp):
    """Answer to DeliverSm; message_id is unused (4.6.2)."""

    id: ClassVar = CommandId.DELIVER_SM_RESP


PDUS: dict[int, type[Pdu]] = {
    cls.id: cls
    for cls in (
        *(BindTransmitter, BindTransmitterResp, BindReceiver, BindReceiverResp, BindTransceiver, BindTransceiverResp),
        *(Unbind, UnbindResp, EnquireLink, EnquireLinkResp, GenericNack),
        *(SubmitSm, SubmitSmResp, DeliverSm, DeliverSmResp),
    )
}
"""Every PDU we read and write, by command_id."""

RESPONSES: dict[int, type[Pdu]] = {id_: PDUS[id_ | RESPONSE_BIT] for id_ in PDUS if not id_ & RESPONSE_BIT}
"""The response that each request is owed, by the request's command_id."""


def find_tlv(tlvs: Tlvs, tag: Tag) -> bytes | None:
    """The value of the first optional parameter with this tag; None when there is none (5.3.1)."""
    for found, value in tlvs:
        if found == tag:
            return value
    return None
