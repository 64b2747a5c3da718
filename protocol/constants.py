"""SMPP's numbers, each with the section of SMPP 3.4 Issue 1.2 it comes from.

What `smpplib.consts` has is taken from there; what it lacks stands here.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final

from smpplib import command_codes, consts

from protocol.statuses import Status as Status
from protocol.statuses import status_name as status_name
from protocol.statuses import status_text as status_text

HEADER_OCTETS: Final = 16
"""command_length, command_id, command_status, sequence_number: four octets each (3.2)."""

MAX_PDU_OCTETS: Final = 65 * 1024
"""Longest PDU we read: a message_payload TLV may hold 64 KiB (5.3.2.32); the rest of a PDU fits in 1 KiB."""

MAX_SEQUENCE: Final = 0x7FFFFFFF
"""Highest sequence_number we hand out; 0 is left to generic_nack (3.2, 5.1.4)."""

VERSION_34: Final = 0x34
"""interface_version of SMPP 3.4; whoever says less gets no optional parameters (5.2.4)."""

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
    OUTBIND = _codes["outbind"]
    SUBMIT_MULTI = _codes["submit_multi"]
    SUBMIT_MULTI_RESP = _codes["submit_multi_resp"]
    DATA_SM = _codes["data_sm"]
    DATA_SM_RESP = _codes["data_sm_resp"]
    QUERY_SM = _codes["query_sm"]
    QUERY_SM_RESP = _codes["query_sm_resp"]
    CANCEL_SM = _codes["cancel_sm"]
    CANCEL_SM_RESP = _codes["cancel_sm_resp"]
    REPLACE_SM = _codes["replace_sm"]
    REPLACE_SM_RESP = _codes["replace_sm_resp"]
    ALERT_NOTIFICATION = _codes["alert_notification"]
    BROADCAST_SM = 0x00000111  # SMPP 5.0, like all below
    BROADCAST_SM_RESP = 0x80000111
    QUERY_BROADCAST_SM = 0x00000112
    QUERY_BROADCAST_SM_RESP = 0x80000112
    CANCEL_BROADCAST_SM = 0x00000113
    CANCEL_BROADCAST_SM_RESP = 0x80000113


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
    JIS = consts.SMPP_ENCODING_JIS
    UCS2 = consts.SMPP_ENCODING_ISO10646
    PICTOGRAM = consts.SMPP_ENCODING_PICTOGRAM
    ISO2022JP = consts.SMPP_ENCODING_ISO2022JP
    EXTJIS = consts.SMPP_ENCODING_EXTJIS


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
    """message_state (5.2.28; SCHEDULED and SKIPPED: SMPP 5.0, 4.7.15)."""

    SCHEDULED = 0
    ENROUTE = consts.SMPP_MESSAGE_STATE_ENROUTE
    DELIVERED = consts.SMPP_MESSAGE_STATE_DELIVERED
    EXPIRED = consts.SMPP_MESSAGE_STATE_EXPIRED
    DELETED = consts.SMPP_MESSAGE_STATE_DELETED
    UNDELIVERABLE = consts.SMPP_MESSAGE_STATE_UNDELIVERABLE
    ACCEPTED = consts.SMPP_MESSAGE_STATE_ACCEPTED
    UNKNOWN = consts.SMPP_MESSAGE_STATE_UNKNOWN
    REJECTED = consts.SMPP_MESSAGE_STATE_REJECTED
    SKIPPED = 9


class Tag(IntEnum):
    """Tags of the optional parameters that SMPP names (5.3.2); `tags.py` says what their values are.

    Any other tag is legal, too, and is carried as it came.
    """

    DEST_ADDR_SUBUNIT = 0x0005
    DEST_NETWORK_TYPE = 0x0006
    DEST_BEARER_TYPE = 0x0007
    DEST_TELEMATICS_ID = 0x0008
    SOURCE_ADDR_SUBUNIT = 0x000D
    SOURCE_NETWORK_TYPE = 0x000E
    SOURCE_BEARER_TYPE = 0x000F
    SOURCE_TELEMATICS_ID = 0x0010
    QOS_TIME_TO_LIVE = 0x0017
    PAYLOAD_TYPE = 0x0019
    ADDITIONAL_STATUS_INFO_TEXT = 0x001D
    RECEIPTED_MESSAGE_ID = 0x001E
    MS_MSG_WAIT_FACILITIES = 0x0030
    PRIVACY_INDICATOR = 0x0201
    SOURCE_SUBADDRESS = 0x0202
    DEST_SUBADDRESS = 0x0203
    USER_MESSAGE_REFERENCE = 0x0204
    USER_RESPONSE_CODE = 0x0205
    SOURCE_PORT = 0x020A
    DESTINATION_PORT = 0x020B
    SAR_MSG_REF_NUM = 0x020C
    LANGUAGE_INDICATOR = 0x020D
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    CALLBACK_NUM_PRES_IND = 0x0302
    CALLBACK_NUM_ATAG = 0x0303
    NUMBER_OF_MESSAGES = 0x0304
    CALLBACK_NUM = 0x0381
    DPF_RESULT = 0x0420
    SET_DPF = 0x0421
    MS_AVAILABILITY_STATUS = 0x0422
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    DELIVERY_FAILURE_REASON = 0x0425
    MORE_MESSAGES_TO_SEND = 0x0426
    MESSAGE_STATE = 0x0427
    CONGESTION_STATE = 0x0428
    USSD_SERVICE_OP = 0x0501
    BROADCAST_CHANNEL_INDICATOR = 0x0600
    BROADCAST_CONTENT_TYPE = 0x0601
    BROADCAST_CONTENT_TYPE_INFO = 0x0602
    BROADCAST_MESSAGE_CLASS = 0x0603
    BROADCAST_REP_NUM = 0x0604
    BROADCAST_FREQUENCY_INTERVAL = 0x0605
    BROADCAST_AREA_IDENTIFIER = 0x0606
    BROADCAST_ERROR_STATUS = 0x0607
    BROADCAST_AREA_SUCCESS = 0x0608
    BROADCAST_END_TIME = 0x0609
    BROADCAST_SERVICE_GROUP = 0x060A
    BILLING_IDENTIFICATION = 0x060B
    SOURCE_NETWORK_ID = 0x060D
    DEST_NETWORK_ID = 0x060E
    SOURCE_NODE_ID = 0x060F
    DEST_NODE_ID = 0x0610
    DEST_ADDR_NP_RESOLUTION = 0x0611
    DEST_ADDR_NP_INFORMATION = 0x0612
    DEST_ADDR_NP_COUNTRY = 0x0613
    DISPLAY_TIME = 0x1201
    SMS_SIGNAL = 0x1203
    MS_VALIDITY = 0x1204
    ALERT_ON_MESSAGE_DELIVERY = 0x130C
    ITS_REPLY_TYPE = 0x1380
    ITS_SESSION_INFO = 0x1383


class BindType(StrEnum):
    """What a bind may carry: submits, deliveries, or both (2.2.1)."""

    TRANSMITTER = "transmitter"
    RECEIVER = "receiver"
    TRANSCEIVER = "transceiver"


class Coding(StrEnum):
    """How a body is written in octets; AUTO: as data_coding 0 says when every character fits, else UCS-2."""

    AUTO = "auto"
    GSM7 = "gsm7"
    """GSM 7-bit default alphabet and its extension table, one septet per octet (3GPP TS 23.038, 6.2.1)."""
    GSM7_PACKED = "gsm7_packed"
    """The same, eight septets in seven octets (3GPP TS 23.038, 6.1.2.1)."""
    ASCII = "ascii"
    LATIN1 = "latin1"
    UCS2 = "ucs2"
    """UTF-16, most significant octet first, without a byte order mark."""
    SHIFT_JIS = "shift_jis"
    """JIS X 0201 and JIS X 0208 shifted, nothing of a vendor's."""
    CP932 = "cp932"
    """Shift_JIS with the rows of NEC and IBM, as Windows writes it."""
    EUC_JP = "euc_jp"
    JIS_X_0208 = "jis_x_0208"
    """Two octets 0x21..0x7E a character, without escapes: no ASCII, no half-width kana."""
    ISO_2022_JP = "iso_2022_jp"
    """JIS X 0208 and ASCII with escapes; begins and ends in ASCII."""
    JIS_X_0212 = "jis_x_0212"
    """The supplementary kanji, two octets 0x21..0x7E a character, without escapes."""


DATA_CODINGS: Final[Mapping[int, Coding]] = MappingProxyType(
    {
        DataCoding.DEFAULT.value: Coding.GSM7,
        DataCoding.IA5.value: Coding.ASCII,
        DataCoding.LATIN1.value: Coding.LATIN1,
        DataCoding.JIS.value: Coding.JIS_X_0208,
        DataCoding.UCS2.value: Coding.UCS2,
        DataCoding.PICTOGRAM.value: Coding.SHIFT_JIS,  # not what it is for, but what it is used for
        DataCoding.ISO2022JP.value: Coding.ISO_2022_JP,
        DataCoding.EXTJIS.value: Coding.JIS_X_0212,
    }
)
"""What each data_coding stands for when a carrier says nothing else (5.2.19)."""


class Concatenation(StrEnum):
    """How the parts of a long message say that they belong together (3GPP TS 23.040, 9.2.3.24.1)."""

    UDH8 = "udh8"
    UDH16 = "udh16"
    SAR = "sar"
    PAYLOAD = "payload"
    """Uncut in message_payload: the SMSC cuts."""
    LARGE = "large"
    """Uncut in one short_message of up to 254 octets: the SMSC cuts."""


ROOM: Final = {
    Concatenation.UDH8: (67, 153, 134),
    Concatenation.UDH16: (66, 152, 133),
    Concatenation.SAR: (67, 153, 134),
    Concatenation.PAYLOAD: (67, 153, 134),  # this only counts: the SMSC cuts
    Concatenation.LARGE: (127, 254, 254),
}
"""What one part of a long message carries: UTF-16 code units, septets, octets (3GPP TS 23.040, 9.2.3.24)."""


class Fold(StrEnum):
    """What may be written in the place of a character that a carrier garbles or that costs a part more."""

    TO_WAVE_DASH = "to_wave_dash"
    """U+FF5E to U+301C."""
    TO_FULLWIDTH_TILDE = "to_fullwidth_tilde"
    """U+301C to U+FF5E."""
    TO_MINUS_SIGN = "to_minus_sign"
    """U+FF0D to U+2212."""
    TO_FULLWIDTH_HYPHEN = "to_fullwidth_hyphen"
    """U+2212 to U+FF0D."""
    DASHES = "dashes"
    """What Shift_JIS lacks: U+2014 to U+2015, U+2013 and U+2011 to a hyphen-minus."""
    YEN = "yen"
    """U+FFE5 to U+00A5, but only when every other character is in the GSM alphabet."""


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
