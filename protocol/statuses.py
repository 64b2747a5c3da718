"""command_status: its values, their names and a few words for each."""

from enum import Enum, IntEnum
from typing import Final

from smpplib import consts


class Status(IntEnum):
    """command_status (5.1.3; from 0x100 on: SMPP 5.0, 4.7.6). On the wire any 32-bit value is legal."""

    ROK = consts.SMPP_ESME_ROK
    RINVMSGLEN = consts.SMPP_ESME_RINVMSGLEN
    RINVCMDLEN = consts.SMPP_ESME_RINVCMDLEN
    RINVCMDID = consts.SMPP_ESME_RINVCMDID
    RINVBNDSTS = consts.SMPP_ESME_RINVBNDSTS
    RALYBND = consts.SMPP_ESME_RALYBND
    RINVPRTFLG = consts.SMPP_ESME_RINVPRTFLG
    RINVREGDLVFLG = consts.SMPP_ESME_RINVREGDLVFLG
    RSYSERR = consts.SMPP_ESME_RSYSERR
    RINVSRCADR = consts.SMPP_ESME_RINVSRCADR
    RINVDSTADR = consts.SMPP_ESME_RINVDSTADR
    RINVMSGID = consts.SMPP_ESME_RINVMSGID
    RBINDFAIL = consts.SMPP_ESME_RBINDFAIL
    RINVPASWD = consts.SMPP_ESME_RINVPASWD
    RINVSYSID = consts.SMPP_ESME_RINVSYSID
    RCANCELFAIL = consts.SMPP_ESME_RCANCELFAIL
    RREPLACEFAIL = consts.SMPP_ESME_RREPLACEFAIL
    RMSGQFUL = consts.SMPP_ESME_RMSGQFUL
    RINVSERTYP = consts.SMPP_ESME_RINVSERTYP
    RINVNUMDESTS = consts.SMPP_ESME_RINVNUMDESTS
    RINVDLNAME = consts.SMPP_ESME_RINVDLNAME
    RINVDESTFLAG = consts.SMPP_ESME_RINVDESTFLAG
    RINVSUBREP = consts.SMPP_ESME_RINVSUBREP
    RINVESMCLASS = consts.SMPP_ESME_RINVESMCLASS
    RCNTSUBDL = consts.SMPP_ESME_RCNTSUBDL
    RSUBMITFAIL = consts.SMPP_ESME_RSUBMITFAIL
    RINVSRCTON = consts.SMPP_ESME_RINVSRCTON
    RINVSRCNPI = consts.SMPP_ESME_RINVSRCNPI
    RINVDSTTON = consts.SMPP_ESME_RINVDSTTON
    RINVDSTNPI = consts.SMPP_ESME_RINVDSTNPI
    RINVSYSTYP = consts.SMPP_ESME_RINVSYSTYP
    RINVREPFLAG = consts.SMPP_ESME_RINVREPFLAG
    RINVNUMMSGS = consts.SMPP_ESME_RINVNUMMSGS
    RTHROTTLED = consts.SMPP_ESME_RTHROTTLED
    RINVSCHED = consts.SMPP_ESME_RINVSCHED
    RINVEXPIRY = consts.SMPP_ESME_RINVEXPIRY
    RINVDFTMSGID = consts.SMPP_ESME_RINVDFTMSGID
    RX_T_APPN = consts.SMPP_ESME_RX_T_APPN
    RX_P_APPN = consts.SMPP_ESME_RX_P_APPN
    RX_R_APPN = consts.SMPP_ESME_RX_R_APPN
    RQUERYFAIL = consts.SMPP_ESME_RQUERYFAIL
    RINVOPTPARSTREAM = consts.SMPP_ESME_RINVOPTPARSTREAM
    ROPTPARNOTALLWD = consts.SMPP_ESME_ROPTPARNOTALLWD
    RINVPARLEN = consts.SMPP_ESME_RINVPARLEN
    RMISSINGOPTPARAM = consts.SMPP_ESME_RMISSINGOPTPARAM
    RINVOPTPARAMVAL = consts.SMPP_ESME_RINVOPTPARAMVAL
    RDELIVERYFAILURE = consts.SMPP_ESME_RDELIVERYFAILURE
    RUNKNOWNERR = consts.SMPP_ESME_RUNKNOWNERR
    RSERTYPUNAUTH = 0x100
    RPROHIBITED = 0x101
    RSERTYPUNAVAIL = 0x102
    RSERTYPDENIED = 0x103
    RINVDCS = 0x104
    RINVSRCADDRSUBUNIT = 0x105
    RINVDSTADDRSUBUNIT = 0x106
    RINVBCASTFREQINT = 0x107
    RINVBCASTALIAS_NAME = 0x108
    RINVBCASTAREAFMT = 0x109
    RINVNUMBCAST_AREAS = 0x10A
    RINVBCASTCNTTYPE = 0x10B
    RINVBCASTMSGCLASS = 0x10C
    RBCASTFAIL = 0x10D
    RBCASTQUERYFAIL = 0x10E
    RBCASTCANCELFAIL = 0x10F
    RINVBCAST_REP = 0x110
    RINVBCASTSRVGRP = 0x111
    RINVBCASTCHANIND = 0x112


_STATUS_NAMES: Final = {int(status): f"ESME_{status.name}" for status in Status}
_STATUS_TEXTS: Final[dict[int, str]] = consts.DESCRIPTIONS | {
    Status.RINVREGDLVFLG: "Invalid registered_delivery",
    Status.RSERTYPUNAUTH: "Not authorised to use this service_type",
    Status.RPROHIBITED: "Not allowed to use this operation",
    Status.RSERTYPUNAVAIL: "This service_type is out of service",
    Status.RSERTYPDENIED: "This service_type is not for such a message",
    Status.RINVDCS: "Invalid or unsupported data_coding",
    Status.RINVSRCADDRSUBUNIT: "Invalid source_addr_subunit",
    Status.RINVDSTADDRSUBUNIT: "Invalid dest_addr_subunit",
    Status.RINVBCASTFREQINT: "Invalid broadcast_frequency_interval",
    Status.RINVBCASTALIAS_NAME: "Invalid name of a broadcast area",
    Status.RINVBCASTAREAFMT: "Invalid format of a broadcast area",
    Status.RINVNUMBCAST_AREAS: "Invalid number of broadcast areas",
    Status.RINVBCASTCNTTYPE: "Invalid broadcast_content_type",
    Status.RINVBCASTMSGCLASS: "Invalid broadcast_message_class",
    Status.RBCASTFAIL: "broadcast_sm failed",
    Status.RBCASTQUERYFAIL: "query_broadcast_sm failed",
    Status.RBCASTCANCELFAIL: "cancel_broadcast_sm failed",
    Status.RINVBCAST_REP: "Invalid broadcast_rep_num",
    Status.RINVBCASTSRVGRP: "Invalid broadcast_service_group",
    Status.RINVBCASTCHANIND: "Invalid broadcast_channel_indicator",
}


def status_name(status: int) -> str:
    """Name a command_status, as the specification writes it; an unknown one as hexadecimal (5.1.3)."""
    return _STATUS_NAMES.get(status) or f"0x{status:08X}"


def status_text(status: int) -> str:
    """Describe a command_status in a few English words; empty for an unknown one (5.1.3)."""
    return _STATUS_TEXTS.get(status, "")


class StatusClass(Enum):
    """What an error says of the request it answers, and so what its sender does about it."""

    THROTTLE = "too fast or too full: wait, then the same again"
    TRANSIENT = "refused for the moment: again after a while, a few times"
    SESSION = "the session is not what we think it is: nothing was accepted, bind again"
    BIND = "about the bind: to a bind, wait as long as this cause wants; to anything else, as transient"
    PERMANENT = "about the addresses, the fields or the account: it will be the same next time"
    ELSEWHERE = "the number is not of this carrier's: ask another"
    PROTOCOL = "the peer could not read the PDU: once more at most"
    VENDOR = "of the SMSC's vendor, or known to nobody: as transient, unless the carrier says what it means"


_CLASSES: Final = {
    Status.RTHROTTLED: StatusClass.THROTTLE,
    Status.RMSGQFUL: StatusClass.THROTTLE,
    Status.RSYSERR: StatusClass.TRANSIENT,
    Status.RX_T_APPN: StatusClass.TRANSIENT,
    Status.RSUBMITFAIL: StatusClass.TRANSIENT,
    Status.RSERTYPUNAVAIL: StatusClass.TRANSIENT,
    Status.RDELIVERYFAILURE: StatusClass.TRANSIENT,
    Status.RUNKNOWNERR: StatusClass.TRANSIENT,
    Status.RINVBNDSTS: StatusClass.SESSION,
    Status.RALYBND: StatusClass.BIND,
    Status.RBINDFAIL: StatusClass.BIND,
    Status.RINVPASWD: StatusClass.BIND,
    Status.RINVSYSID: StatusClass.BIND,
    Status.RINVSYSTYP: StatusClass.BIND,
    Status.RINVCMDLEN: StatusClass.PROTOCOL,
    Status.RINVCMDID: StatusClass.PROTOCOL,
}
_KNOWN: Final = {
    **dict.fromkeys(range(Status.RINVSRCTON, Status.RINVDSTNPI + 1), StatusClass.PERMANENT),  # those between, too
    **{int(status): _CLASSES.get(status, StatusClass.PERMANENT) for status in Status if status},
}


def status_class(status: int) -> StatusClass:
    """Class a command_status other than 0; SMPP names values (5.1.3), not what to do about them."""
    return _KNOWN.get(status, StatusClass.VENDOR)
