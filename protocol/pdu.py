"""The PDUs, each with its row of wire kinds: the one table that encoding, decoding, documentation and tests walk.

Those of session, submit_sm and deliver_sm are here, the rarer ones in `operations.py`; the registry has them all.
Octet strings stay octets: the specification promises no character set for them beyond ASCII, and peers break even that.
"""

from typing import ClassVar, Final

from protocol.constants import RESPONSE_BIT, CommandId
from protocol.fields import (
    ADDRESS_RANGE,
    DESTINATION,
    MESSAGE_ID,
    PASSWORD,
    SCHEDULE,
    SERVICE_TYPE,
    SHORT_MESSAGE,
    SOURCE,
    SYSTEM_ID,
    SYSTEM_TYPE,
    TLVS,
    U8,
    VALIDITY,
    Tlvs,
)
from protocol.operations import (
    AlertNotification,
    BroadcastSm,
    BroadcastSmResp,
    CancelBroadcastSm,
    CancelBroadcastSmResp,
    CancelSm,
    CancelSmResp,
    DataSm,
    DataSmResp,
    DistributionList,
    Outbind,
    QueryBroadcastSm,
    QueryBroadcastSmResp,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    ReplaceSmResp,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    UnsuccessfulSme,
)
from protocol.record import Pdu, pdu
from protocol.tags import find_tlv

__all__ = [
    "NOTICES",
    "PDUS",
    "RESPONSES",
    "AlertNotification",
    "BindReceiver",
    "BindReceiverResp",
    "BindTransceiver",
    "BindTransceiverResp",
    "BindTransmitter",
    "BindTransmitterResp",
    "BroadcastSm",
    "BroadcastSmResp",
    "CancelBroadcastSm",
    "CancelBroadcastSmResp",
    "CancelSm",
    "CancelSmResp",
    "DataSm",
    "DataSmResp",
    "DeliverSm",
    "DeliverSmResp",
    "DistributionList",
    "EnquireLink",
    "EnquireLinkResp",
    "GenericNack",
    "MessageResp",
    "Outbind",
    "Pdu",
    "QueryBroadcastSm",
    "QueryBroadcastSmResp",
    "QuerySm",
    "QuerySmResp",
    "ReplaceSm",
    "ReplaceSmResp",
    "ShortMessage",
    "SmeAddress",
    "SubmitMulti",
    "SubmitMultiResp",
    "SubmitSm",
    "SubmitSmResp",
    "Unbind",
    "UnbindResp",
    "UnsuccessfulSme",
    "find_tlv",
    "pdu",
]


@pdu
class _Bind(Pdu):
    system_id: bytes = b""
    password: bytes = b""
    system_type: bytes = b""
    interface_version: int = 0x34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: bytes = b""
    wire: ClassVar = (SYSTEM_ID, PASSWORD, SYSTEM_TYPE, U8, U8, U8, ADDRESS_RANGE)


@pdu
class BindTransmitter(_Bind):
    """Ask to submit."""

    id: ClassVar = CommandId.BIND_TRANSMITTER
    section: ClassVar = "4.1.1"


@pdu
class BindReceiver(_Bind):
    """Ask to receive."""

    id: ClassVar = CommandId.BIND_RECEIVER
    section: ClassVar = "4.1.3"


@pdu
class BindTransceiver(_Bind):
    """Ask to submit and receive."""

    id: ClassVar = CommandId.BIND_TRANSCEIVER
    section: ClassVar = "4.1.5"


@pdu
class _BindResp(Pdu):
    bare_error: ClassVar = True
    system_id: bytes = b""
    tlvs: Tlvs = ()
    wire: ClassVar = (SYSTEM_ID, TLVS)


@pdu
class BindTransmitterResp(_BindResp):
    """Answer to BindTransmitter."""

    id: ClassVar = CommandId.BIND_TRANSMITTER_RESP
    section: ClassVar = "4.1.2"


@pdu
class BindReceiverResp(_BindResp):
    """Answer to BindReceiver."""

    id: ClassVar = CommandId.BIND_RECEIVER_RESP
    section: ClassVar = "4.1.4"


@pdu
class BindTransceiverResp(_BindResp):
    """Answer to BindTransceiver."""

    id: ClassVar = CommandId.BIND_TRANSCEIVER_RESP
    section: ClassVar = "4.1.6"


@pdu
class Unbind(Pdu):
    """Announce the end of a session."""

    id: ClassVar = CommandId.UNBIND
    section: ClassVar = "4.2.1"


@pdu
class UnbindResp(Pdu):
    """Answer to Unbind."""

    id: ClassVar = CommandId.UNBIND_RESP
    section: ClassVar = "4.2.2"


@pdu
class EnquireLink(Pdu):
    """Ask whether the peer still listens."""

    id: ClassVar = CommandId.ENQUIRE_LINK
    section: ClassVar = "4.11.1"


@pdu
class EnquireLinkResp(Pdu):
    """Answer to EnquireLink."""

    id: ClassVar = CommandId.ENQUIRE_LINK_RESP
    section: ClassVar = "4.11.2"


@pdu
class GenericNack(Pdu):
    """Say that a PDU could not be understood."""

    id: ClassVar = CommandId.GENERIC_NACK
    section: ClassVar = "4.3.1"


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
        *(SERVICE_TYPE, U8, U8, SOURCE, U8, U8, DESTINATION, U8, U8, U8),
        *(SCHEDULE, VALIDITY, U8, U8, U8, U8, SHORT_MESSAGE, TLVS),
    )


@pdu
class SubmitSm(ShortMessage):
    """Hand a message to the SMSC."""

    id: ClassVar = CommandId.SUBMIT_SM
    section: ClassVar = "4.4.1"


@pdu
class DeliverSm(ShortMessage):
    """Hand a message or a receipt to the ESME."""

    id: ClassVar = CommandId.DELIVER_SM
    section: ClassVar = "4.6.1"


@pdu
class MessageResp(Pdu):
    """What the answers to submit_sm and deliver_sm have in common (4.4.2, 4.6.2)."""

    message_id: bytes = b""
    tlvs: Tlvs = ()
    wire: ClassVar = (MESSAGE_ID, TLVS)


@pdu
class SubmitSmResp(MessageResp):
    """Answer to SubmitSm."""

    id: ClassVar = CommandId.SUBMIT_SM_RESP
    section: ClassVar = "4.4.2"
    bare_error: ClassVar = True


@pdu
class DeliverSmResp(MessageResp):
    """Answer to DeliverSm; message_id is unused."""

    id: ClassVar = CommandId.DELIVER_SM_RESP
    section: ClassVar = "4.6.2"


PDUS: dict[int, type[Pdu]] = {
    cls.id: cls
    for cls in (
        *(BindTransmitter, BindTransmitterResp, BindReceiver, BindReceiverResp, BindTransceiver, BindTransceiverResp),
        *(Unbind, UnbindResp, EnquireLink, EnquireLinkResp, GenericNack),
        *(SubmitSm, SubmitSmResp, SubmitMulti, SubmitMultiResp, DeliverSm, DeliverSmResp, DataSm, DataSmResp),
        *(QuerySm, QuerySmResp, CancelSm, CancelSmResp, ReplaceSm, ReplaceSmResp, Outbind, AlertNotification),
        *(BroadcastSm, BroadcastSmResp, QueryBroadcastSm, QueryBroadcastSmResp),
        *(CancelBroadcastSm, CancelBroadcastSmResp),
    )
}
"""Every PDU we read and write, by command_id."""

RESPONSES: dict[int, type[Pdu]] = {
    id_: PDUS[id_ | RESPONSE_BIT] for id_ in PDUS if not id_ & RESPONSE_BIT and id_ | RESPONSE_BIT in PDUS
}
"""The response that each request is owed, by the request's command_id."""

NOTICES: Final = frozenset(id_ for id_ in PDUS if not id_ & RESPONSE_BIT and id_ not in RESPONSES)
"""The command_ids that nothing answers: outbind and alert_notification."""
