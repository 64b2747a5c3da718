"""SMPP's numbers, each with the section of SMPP 3.4 Issue 1.2 it comes from.

What `smpplib.consts` has is taken from there; what it lacks stands here.
"""

from enum import IntEnum, StrEnum
from typing import Final

from smpplib import command_codes, consts

HEADER_OCTETS: Final = 16
"""command_length, command_id, command_status, sequence_number: four octets each (3.2)."""

MAX_PDU_OCTETS: Final = 65 * 1024
"""Longest PDU we read: a message_payload TLV may hold 64 KiB (5.3.2.32); the rest of a PDU fits in 1 KiB."""

MAX_SEQUENCE: Final = 0x7FFFFFFF
"""Highest sequence_number we hand out; 0 is left to generic_nack (3.2, 5.1.4)."""

RESPONSE_BIT: Final = 0x80000000
"""Set in the command_id of every response (5.1.2.1)."""

_codes = command_codes.commands


class CommandId(IntEnum):
    """command_id (5.1.2.1)."""

    GENERIC_NACK = _codes["generic_nack"]
    BIND_RECEIVER = _codes["bind_receiver"]
    BIND_RECEIVER_RESP = _codes["bind_receiver_resp"]
    BIND_TRANSMITTER = _codes["bind_transmitter"]
    BIND_TRANSMITTER_RESP = _codes["bind_transmitter_resp"]
    SUBMIT_SM = _codes["submit_sm"]
    SUBMIT_SM_RESP = _codes["submit_sm_resp"]
    DELIVER_SM = _codes["deliver_sm"]
    DELIVER_SM_RESP = _codes["deliver_sm_resp"]
    UNBIND = _codes["unbind"]
    UNBIND_RESP = _codes["unbind_resp"]
    BIND_TRANSCEIVER = _codes["bind_transceiver"]
    BIND_TRANSCEIVER_RESP = _codes["bind_transceiver_resp"]
    ENQUIRE_LINK = _codes["enquire_link"]
    ENQUIRE_LINK_RESP = _codes["enquire_link_resp"]


class Status(IntEnum):
    """command_status (5.1.3): the ones the code speaks of; any 32-bit value is legal on the wire."""

    ROK = consts.SMPP_ESME_ROK
    RINVMSGLEN = consts.SMPP_ESME_RINVMSGLEN
    RINVCMDLEN = consts.SMPP_ESME_RINVCMDLEN
    RINVCMDID = consts.SMPP_ESME_RINVCMDID
    RINVBNDSTS = consts.SMPP_ESME_RINVBNDSTS
    RALYBND = consts.SMPP_ESME_RALYBND
    RSYSERR = consts.SMPP_ESME_RSYSERR
    RINVSRCADR = consts.SMPP_ESME_RINVSRCADR
    RINVDSTADR = consts.SMPP_ESME_RINVDSTADR
    RBINDFAIL = consts.SMPP_ESME_RBINDFAIL
    RINVPASWD = consts.SMPP_ESME_RINVPASWD
    RINVSYSID = consts.SMPP_ESME_RINVSYSID
    RMSGQFUL = consts.SMPP_ESME_RMSGQFUL
    RSUBMITFAIL = consts.SMPP_ESME_RSUBMITFAIL
    RINVSYSTYP = consts.SMPP_ESME_RINVSYSTYP
    RTHROTTLED = consts.SMPP_ESME_RTHROTTLED
    RX_T_APPN = consts.SMPP_ESME_RX_T_APPN
    RX_P_APPN = consts.SMPP_ESME_RX_P_APPN
    RX_R_APPN = consts.SMPP_ESME_RX_R_APPN
    RINVOPTPARSTREAM = consts.SMPP_ESME_RINVOPTPARSTREAM
    RINVPARLEN = consts.SMPP_ESME_RINVPARLEN
    RDELIVERYFAILURE = consts.SMPP_ESME_RDELIVERYFAILURE
    RUNKNOWNERR = consts.SMPP_ESME_RUNKNOWNERR
    RSERTYPUNAVAIL = 0x102  # SMPP 5.0, 4.7.6: the ESME is not authorised or the service is unavailable


_STATUS_NAMES: Final = {
    **{value: name.removeprefix("SMPP_") for name, value in vars(consts).items() if name.startswith("SMPP_ESME_")},
    Status.RSERTYPUNAVAIL: "ESME_RSERTYPUNAVAIL",
}


def status_name(status: int) -> str:
    """Name a command_status, as the specification writes it; an unknown one as hexadecimal (5.1.3)."""
    return _STATUS_NAMES.get(status) or f"0x{status:08X}"


def status_text(status: int) -> str:
    """Describe a command_status in a few English words; empty for an unknown one (5.1.3)."""
    text: str = consts.DESCRIPTIONS.get(status, "")
    return text


class EsmClass(IntEnum):
    """Masks and values of esm_class (5.2.12). Compare types with `value & TYPE_MASK == RECEIPT`."""

    TYPE_MASK = 0x3C
    RECEIPT = 0x04
    INTERMEDIATE = 0x20
    UDHI = consts.SMPP_GSMFEAT_UDHI


class DataCoding(IntEnum):
    """data_coding (5.2.19)."""

    DEFAULT = consts.SMPP_ENCODING_DEFAULT
    IA5 = consts.SMPP_ENCODING_IA5
    OCTETS = consts.SMPP_ENCODING_BINARY
    LATIN1 = consts.SMPP_ENCODING_ISO88591
    UCS2 = consts.SMPP_ENCODING_ISO10646


class Ton(IntEnum):
    """Type of number (5.2.5)."""

    UNKNOWN = consts.SMPP_TON_UNK
    INTERNATIONAL = consts.SMPP_TON_INTL
    NATIONAL = consts.SMPP_TON_NATNL
    NETWORK_SPECIFIC = consts.SMPP_TON_NWSPEC
    SUBSCRIBER = consts.SMPP_TON_SBSCR
    ALPHANUMERIC = consts.SMPP_TON_ALNUM
    ABBREVIATED = consts.SMPP_TON_ABBREV


class Npi(IntEnum):
    """Numbering plan indicator (5.2.6)."""

    UNKNOWN = consts.SMPP_NPI_UNK
    ISDN = consts.SMPP_NPI_ISDN
    NATIONAL = consts.SMPP_NPI_NATNL
    PRIVATE = consts.SMPP_NPI_PRVT


class MessageState(IntEnum):
    """message_state (5.2.28)."""

    ENROUTE = consts.SMPP_MESSAGE_STATE_ENROUTE
    DELIVERED = consts.SMPP_MESSAGE_STATE_DELIVERED
    EXPIRED = consts.SMPP_MESSAGE_STATE_EXPIRED
    DELETED = consts.SMPP_MESSAGE_STATE_DELETED
    UNDELIVERABLE = consts.SMPP_MESSAGE_STATE_UNDELIVERABLE
    ACCEPTED = consts.SMPP_MESSAGE_STATE_ACCEPTED
    UNKNOWN = consts.SMPP_MESSAGE_STATE_UNKNOWN
    REJECTED = consts.SMPP_MESSAGE_STATE_REJECTED


class Tag(IntEnum):
    """Tags of the optional parameters (5.3.2) that the code reads or writes; others are carried as they came."""

    RECEIPTED_MESSAGE_ID = 0x001E
    USER_MESSAGE_REFERENCE = 0x0204
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class BindType(StrEnum):
    """What a bind may carry: submits, deliveries, or both (2.2.1)."""

    TRANSMITTER = "transmitter"
    RECEIVER = "receiver"
    TRANSCEIVER = "transceiver"


class Coding(StrEnum):
    """How a body is encoded on the air; AUTO: GSM-7 when every character is in the alphabet, else UCS-2."""

    AUTO = "auto"
    GSM7 = "gsm7"
    UCS2 = "ucs2"


class Concatenation(StrEnum):
    """How the parts of a long message say that they belong together (3GPP TS 23.040, 9.2.3.24.1)."""

    UDH8 = "udh8"
    UDH16 = "udh16"
    SAR = "sar"
    PAYLOAD = "payload"


class IdForm(StrEnum):
    """How a carrier's receipts spell the message_id of its submit_sm_resp."""

    AUTO = "auto"
    SAME = "same"
    HEX_TO_DEC = "hex_to_dec"
    DEC_TO_HEX = "dec_to_hex"


class Lane(StrEnum):
    """Priority lanes, first to last."""

    OTP = "otp"
    URGENT = "urgent"
    NORMAL = "normal"
    BULK = "bulk"
