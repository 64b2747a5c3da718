"""The PDUs of the rarer operations: all of SMPP 3.4 besides session, submit_sm and deliver_sm, and 5.0's broadcasts.

A response has optional parameters even where SMPP 3.4 gives it none: in 5.0 any may carry congestion_state.
"""

from typing import ClassVar

from protocol.constants import CommandId, Status
from protocol.fields import (
    DESTINATION,
    DESTINATION65,
    DL_NAME,
    ESME_ADDRESS,
    FINAL_DATE,
    MESSAGE_ID,
    PASSWORD,
    SCHEDULE,
    SERVICE_TYPE,
    SHORT_MESSAGE,
    SOURCE,
    SOURCE65,
    SYSTEM_ID,
    TLVS,
    U8,
    U32,
    VALIDITY,
    Tlvs,
)
from protocol.record import Entries, Entry, Pdu, pdu


@pdu
class Outbind(Pdu):
    """Ask an ESME, over a connection that the SMSC opened, to bind as a receiver."""

    id: ClassVar = CommandId.OUTBIND
    section: ClassVar = "4.1.7"
    system_id: bytes = b""
    password: bytes = b""
    wire: ClassVar = (SYSTEM_ID, PASSWORD)


@pdu
class SmeAddress(Entry):
    """A destination of submit_multi that is one SME."""

    section: ClassVar = "4.5.1"
    flag: ClassVar = b"\x01"
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: bytes = b""
    wire: ClassVar = (U8, U8, DESTINATION)


@pdu
class DistributionList(Entry):
    """A destination of submit_multi that is a list the SMSC keeps."""

    section: ClassVar = "4.5.1"
    flag: ClassVar = b"\x02"
    dl_name: bytes = b""
    wire: ClassVar = (DL_NAME,)


@pdu
class UnsuccessfulSme(Entry):
    """A destination of submit_multi that the SMSC did not take, and why."""

    section: ClassVar = "4.5.2.1"
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: bytes = b""
    error_status_code: int = 0
    wire: ClassVar = (U8, U8, DESTINATION, U32)


@pdu
class SubmitMulti(Pdu):
    """Hand one message for many destinations to the SMSC."""

    id: ClassVar = CommandId.SUBMIT_MULTI
    section: ClassVar = "4.5.1"
    service_type: bytes = b""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: bytes = b""
    dest_address: tuple[SmeAddress | DistributionList, ...] = ()
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
        *(SERVICE_TYPE, U8, U8, SOURCE, Entries((SmeAddress, DistributionList), Status.RINVNUMDESTS)),
        *(U8, U8, U8, SCHEDULE, VALIDITY, U8, U8, U8, U8, SHORT_MESSAGE, TLVS),
    )


@pdu
class SubmitMultiResp(Pdu):
    """Answer to SubmitMulti; `unsuccess_sme` are the destinations that were not taken."""

    id: ClassVar = CommandId.SUBMIT_MULTI_RESP
    section: ClassVar = "4.5.2"
    message_id: bytes = b""
    unsuccess_sme: tuple[UnsuccessfulSme, ...] = ()
    tlvs: Tlvs = ()
    wire: ClassVar = (MESSAGE_ID, Entries((UnsuccessfulSme,), Status.RINVPARLEN), TLVS)


@pdu
class DataSm(Pdu):
    """Send a message, either way; its body is a message_payload."""

    id: ClassVar = CommandId.DATA_SM
    section: ClassVar = "4.7.1"
    service_type: bytes = b""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: bytes = b""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: bytes = b""
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0
    tlvs: Tlvs = ()
    wire: ClassVar = (SERVICE_TYPE, U8, U8, SOURCE65, U8, U8, DESTINATION65, U8, U8, U8, TLVS)


@pdu
class DataSmResp(Pdu):
    """Answer to DataSm."""

    id: ClassVar = CommandId.DATA_SM_RESP
    section: ClassVar = "4.7.2"
    message_id: bytes = b""
    tlvs: Tlvs = ()
    wire: ClassVar = (MESSAGE_ID, TLVS)


@pdu
class QuerySm(Pdu):
    """Ask what became of a message."""

    id: ClassVar = CommandId.QUERY_SM
    section: ClassVar = "4.8.1"
    message_id: bytes = b""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: bytes = b""
    wire: ClassVar = (MESSAGE_ID, U8, U8, SOURCE)


@pdu
class QuerySmResp(Pdu):
    """Answer to QuerySm."""

    id: ClassVar = CommandId.QUERY_SM_RESP
    section: ClassVar = "4.8.2"
    message_id: bytes = b""
    final_date: bytes = b""
    message_state: int = 0
    error_code: int = 0
    tlvs: Tlvs = ()
    wire: ClassVar = (MESSAGE_ID, FINAL_DATE, U8, U8, TLVS)


@pdu
class CancelSm(Pdu):
    """Take back a message, or all for one destination (message_id empty)."""

    id: ClassVar = CommandId.CANCEL_SM
    section: ClassVar = "4.9.1"
    service_type: bytes = b""
    message_id: bytes = b""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: bytes = b""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: bytes = b""
    wire: ClassVar = (SERVICE_TYPE, MESSAGE_ID, U8, U8, SOURCE, U8, U8, DESTINATION)


@pdu
class _BareResp(Pdu):
    tlvs: Tlvs = ()
    wire: ClassVar = (TLVS,)


@pdu
class CancelSmResp(_BareResp):
    """Answer to CancelSm."""

    id: ClassVar = CommandId.CANCEL_SM_RESP
    section: ClassVar = "4.9.2"


@pdu
class ReplaceSm(Pdu):
    """Change a message that was not delivered yet; the new body may be a message_payload in SMPP 5.0."""

    id: ClassVar = CommandId.REPLACE_SM
    section: ClassVar = "4.10.1"
    message_id: bytes = b""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: bytes = b""
    schedule_delivery_time: bytes = b""
    validity_period: bytes = b""
    registered_delivery: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""
    tlvs: Tlvs = ()
    wire: ClassVar = (MESSAGE_ID, U8, U8, SOURCE, SCHEDULE, VALIDITY, U8, U8, SHORT_MESSAGE, TLVS)


@pdu
class ReplaceSmResp(_BareResp):
    """Answer to ReplaceSm."""

    id: ClassVar = CommandId.REPLACE_SM_RESP
    section: ClassVar = "4.10.2"


@pdu
class AlertNotification(Pdu):
    """Tell an ESME that a handset can be reached again."""

    id: ClassVar = CommandId.ALERT_NOTIFICATION
    section: ClassVar = "4.12.1"
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: bytes = b""
    esme_addr_ton: int = 0
    esme_addr_npi: int = 0
    esme_addr: bytes = b""
    tlvs: Tlvs = ()
    wire: ClassVar = (U8, U8, SOURCE65, U8, U8, ESME_ADDRESS, TLVS)


@pdu
class BroadcastSm(Pdu):
    """Hand a message for everybody in an area to the SMSC; body and area are optional parameters."""

    id: ClassVar = CommandId.BROADCAST_SM
    section: ClassVar = "SMPP 5.0, 4.4.1.1"
    service_type: bytes = b""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: bytes = b""
    message_id: bytes = b""
    priority_flag: int = 0
    schedule_delivery_time: bytes = b""
    validity_period: bytes = b""
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    tlvs: Tlvs = ()
    wire: ClassVar = (SERVICE_TYPE, U8, U8, SOURCE, MESSAGE_ID, U8, SCHEDULE, VALIDITY, U8, U8, U8, TLVS)


@pdu
class BroadcastSmResp(Pdu):
    """Answer to BroadcastSm."""

    id: ClassVar = CommandId.BROADCAST_SM_RESP
    section: ClassVar = "SMPP 5.0, 4.4.1.2"
    message_id: bytes = b""
    tlvs: Tlvs = ()
    wire: ClassVar = (MESSAGE_ID, TLVS)


@pdu
class QueryBroadcastSm(Pdu):
    """Ask what became of a broadcast."""

    id: ClassVar = CommandId.QUERY_BROADCAST_SM
    section: ClassVar = "SMPP 5.0, 4.6.1.1"
    message_id: bytes = b""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: bytes = b""
    tlvs: Tlvs = ()
    wire: ClassVar = (MESSAGE_ID, U8, U8, SOURCE, TLVS)


@pdu
class QueryBroadcastSmResp(Pdu):
    """Answer to QueryBroadcastSm; state and areas are optional parameters."""

    id: ClassVar = CommandId.QUERY_BROADCAST_SM_RESP
    section: ClassVar = "SMPP 5.0, 4.6.1.3"
    message_id: bytes = b""
    tlvs: Tlvs = ()
    wire: ClassVar = (MESSAGE_ID, TLVS)


@pdu
class CancelBroadcastSm(Pdu):
    """Take back a broadcast."""

    id: ClassVar = CommandId.CANCEL_BROADCAST_SM
    section: ClassVar = "SMPP 5.0, 4.6.2.1"
    service_type: bytes = b""
    message_id: bytes = b""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: bytes = b""
    tlvs: Tlvs = ()
    wire: ClassVar = (SERVICE_TYPE, MESSAGE_ID, U8, U8, SOURCE, TLVS)


@pdu
class CancelBroadcastSmResp(_BareResp):
    """Answer to CancelBroadcastSm."""

    id: ClassVar = CommandId.CANCEL_BROADCAST_SM_RESP
    section: ClassVar = "SMPP 5.0, 4.6.2.3"
