"""The optional parameters that SMPP names: what each one's value is made of, and readers that trust no length."""

from dataclasses import dataclass
from typing import Final

from protocol.constants import Tag
from protocol.fields import Tlvs


@dataclass(frozen=True, slots=True)
class Form:
    """What a value is: `kind` is "integer", "C-octet string" or "octets"; `least` and `most` count its octets."""

    kind: str
    least: int
    most: int
    section: str
    """Of SMPP 3.4 Issue 1.2, or of SMPP 5.0 where it says so."""

    @property
    def width(self) -> str:
        """Kind and octets in words."""
        span = str(self.most) if self.least == self.most else f"{self.least}..{self.most}"
        return f"{self.kind}, {span} octet{'' if self.most == 1 else 's'}"


_INTEGER, _C_OCTETS, _OCTETS = "integer", "C-octet string", "octets"


def _v34(part: int, kind: str, least: int, most: int | None = None) -> Form:
    return Form(kind, least, least if most is None else most, f"5.3.2.{part}")


def _v50(part: int, kind: str, least: int, most: int | None = None) -> Form:
    return Form(kind, least, least if most is None else most, f"SMPP 5.0, 4.8.4.{part}")


FORMS: Final[dict[int, Form]] = {
    Tag.DEST_ADDR_SUBUNIT: _v34(1, _INTEGER, 1),
    Tag.SOURCE_ADDR_SUBUNIT: _v34(2, _INTEGER, 1),
    Tag.DEST_NETWORK_TYPE: _v34(3, _INTEGER, 1),
    Tag.SOURCE_NETWORK_TYPE: _v34(4, _INTEGER, 1),
    Tag.DEST_BEARER_TYPE: _v34(5, _INTEGER, 1),
    Tag.SOURCE_BEARER_TYPE: _v34(6, _INTEGER, 1),
    Tag.DEST_TELEMATICS_ID: _v34(7, _INTEGER, 2),
    Tag.SOURCE_TELEMATICS_ID: _v34(8, _INTEGER, 1),
    Tag.QOS_TIME_TO_LIVE: _v34(9, _INTEGER, 4),
    Tag.PAYLOAD_TYPE: _v34(10, _INTEGER, 1),
    Tag.ADDITIONAL_STATUS_INFO_TEXT: _v34(11, _C_OCTETS, 1, 256),
    Tag.RECEIPTED_MESSAGE_ID: _v34(12, _C_OCTETS, 1, 65),
    Tag.MS_MSG_WAIT_FACILITIES: _v34(13, _INTEGER, 1),
    Tag.PRIVACY_INDICATOR: _v34(14, _INTEGER, 1),
    Tag.SOURCE_SUBADDRESS: _v34(15, _OCTETS, 2, 23),
    Tag.DEST_SUBADDRESS: _v34(16, _OCTETS, 2, 23),
    Tag.USER_MESSAGE_REFERENCE: _v34(17, _INTEGER, 2),
    Tag.USER_RESPONSE_CODE: _v34(18, _INTEGER, 1),
    Tag.LANGUAGE_INDICATOR: _v34(19, _INTEGER, 1),
    Tag.SOURCE_PORT: _v34(20, _INTEGER, 2),
    Tag.DESTINATION_PORT: _v34(21, _INTEGER, 2),
    Tag.SAR_MSG_REF_NUM: _v34(22, _INTEGER, 2),
    Tag.SAR_TOTAL_SEGMENTS: _v34(23, _INTEGER, 1),
    Tag.SAR_SEGMENT_SEQNUM: _v34(24, _INTEGER, 1),
    Tag.SC_INTERFACE_VERSION: _v34(25, _INTEGER, 1),
    Tag.DISPLAY_TIME: _v34(26, _INTEGER, 1),
    Tag.MS_VALIDITY: _v34(27, _OCTETS, 1, 4),  # of more than one octet only in SMPP 5.0
    Tag.DPF_RESULT: _v34(28, _INTEGER, 1),
    Tag.SET_DPF: _v34(29, _INTEGER, 1),
    Tag.MS_AVAILABILITY_STATUS: _v34(30, _INTEGER, 1),
    Tag.NETWORK_ERROR_CODE: _v34(31, _OCTETS, 3),
    Tag.MESSAGE_PAYLOAD: _v34(32, _OCTETS, 0, 65535),
    Tag.DELIVERY_FAILURE_REASON: _v34(33, _INTEGER, 1),
    Tag.MORE_MESSAGES_TO_SEND: _v34(34, _INTEGER, 1),
    Tag.MESSAGE_STATE: _v34(35, _INTEGER, 1),
    Tag.CALLBACK_NUM: _v34(36, _OCTETS, 4, 19),
    Tag.CALLBACK_NUM_PRES_IND: _v34(37, _INTEGER, 1),
    Tag.CALLBACK_NUM_ATAG: _v34(38, _OCTETS, 0, 65),
    Tag.NUMBER_OF_MESSAGES: _v34(39, _INTEGER, 1),
    Tag.SMS_SIGNAL: _v34(40, _INTEGER, 2),
    Tag.ALERT_ON_MESSAGE_DELIVERY: _v34(41, _OCTETS, 0, 1),  # of one octet only in SMPP 5.0
    Tag.ITS_REPLY_TYPE: _v34(42, _INTEGER, 1),
    Tag.ITS_SESSION_INFO: _v34(43, _OCTETS, 2),
    Tag.USSD_SERVICE_OP: _v34(44, _INTEGER, 1),
    Tag.CONGESTION_STATE: _v50(18, _INTEGER, 1),
    Tag.BROADCAST_CHANNEL_INDICATOR: _v50(7, _INTEGER, 1),
    Tag.BROADCAST_CONTENT_TYPE: _v50(8, _OCTETS, 3),
    Tag.BROADCAST_CONTENT_TYPE_INFO: _v50(6, _OCTETS, 1, 255),
    Tag.BROADCAST_MESSAGE_CLASS: _v50(12, _INTEGER, 1),
    Tag.BROADCAST_REP_NUM: _v50(13, _INTEGER, 2),
    Tag.BROADCAST_FREQUENCY_INTERVAL: _v50(11, _OCTETS, 3),
    Tag.BROADCAST_AREA_IDENTIFIER: _v50(4, _OCTETS, 1, 101),
    Tag.BROADCAST_ERROR_STATUS: _v50(10, _INTEGER, 4),
    Tag.BROADCAST_AREA_SUCCESS: _v50(5, _INTEGER, 1),
    Tag.BROADCAST_END_TIME: _v50(9, _C_OCTETS, 16, 17),  # the text's width and its time format's differ
    Tag.BROADCAST_SERVICE_GROUP: _v50(14, _OCTETS, 1, 255),
    Tag.BILLING_IDENTIFICATION: _v50(3, _OCTETS, 1, 1024),
    Tag.SOURCE_NETWORK_ID: _v50(56, _C_OCTETS, 7, 65),
    Tag.DEST_NETWORK_ID: _v50(25, _C_OCTETS, 7, 65),
    Tag.SOURCE_NODE_ID: _v50(58, _OCTETS, 6),
    Tag.DEST_NODE_ID: _v50(27, _OCTETS, 6),
    Tag.DEST_ADDR_NP_RESOLUTION: _v50(22, _INTEGER, 1),
    Tag.DEST_ADDR_NP_INFORMATION: _v50(21, _OCTETS, 10),
    Tag.DEST_ADDR_NP_COUNTRY: _v50(20, _INTEGER, 1, 5),
}
"""What SMPP says of each value, by tag."""


def find_tlv(tlvs: Tlvs, tag: Tag) -> bytes | None:
    """The value of the first optional parameter with this tag; None when there is none (5.3.1)."""
    for found, value in tlvs:
        if found == tag:
            return value
    return None


def find_integer(tlvs: Tlvs, tag: Tag) -> int | None:
    """The value of the first optional parameter with this tag; None when there is none or it has a wrong length."""
    value = find_tlv(tlvs, tag)
    if value is None:
        return None
    form = FORMS[tag]
    return int.from_bytes(value, "big") if form.least <= len(value) <= form.most else None
