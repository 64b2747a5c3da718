"""command_status: every value of SMPP 3.4 and 5.0, typed again from the specification's tables."""

import pytest

from protocol import constants
from protocol.statuses import Status, StatusClass, status_class, status_name, status_text

TABLE = """
    ROK 00  RINVMSGLEN 01  RINVCMDLEN 02  RINVCMDID 03  RINVBNDSTS 04  RALYBND 05  RINVPRTFLG 06  RINVREGDLVFLG 07
    RSYSERR 08  RINVSRCADR 0A  RINVDSTADR 0B  RINVMSGID 0C  RBINDFAIL 0D  RINVPASWD 0E  RINVSYSID 0F  RCANCELFAIL 11
    RREPLACEFAIL 13  RMSGQFUL 14  RINVSERTYP 15  RINVNUMDESTS 33  RINVDLNAME 34  RINVDESTFLAG 40  RINVSUBREP 42
    RINVESMCLASS 43  RCNTSUBDL 44  RSUBMITFAIL 45  RINVSRCTON 48  RINVSRCNPI 49  RINVDSTTON 50  RINVDSTNPI 51
    RINVSYSTYP 53  RINVREPFLAG 54  RINVNUMMSGS 55  RTHROTTLED 58  RINVSCHED 61  RINVEXPIRY 62  RINVDFTMSGID 63
    RX_T_APPN 64  RX_P_APPN 65  RX_R_APPN 66  RQUERYFAIL 67  RINVOPTPARSTREAM C0  ROPTPARNOTALLWD C1  RINVPARLEN C2
    RMISSINGOPTPARAM C3  RINVOPTPARAMVAL C4  RDELIVERYFAILURE FE  RUNKNOWNERR FF
    RSERTYPUNAUTH 100  RPROHIBITED 101  RSERTYPUNAVAIL 102  RSERTYPDENIED 103  RINVDCS 104  RINVSRCADDRSUBUNIT 105
    RINVDSTADDRSUBUNIT 106  RINVBCASTFREQINT 107  RINVBCASTALIAS_NAME 108  RINVBCASTAREAFMT 109
    RINVNUMBCAST_AREAS 10A  RINVBCASTCNTTYPE 10B  RINVBCASTMSGCLASS 10C  RBCASTFAIL 10D  RBCASTQUERYFAIL 10E
    RBCASTCANCELFAIL 10F  RINVBCAST_REP 110  RINVBCASTSRVGRP 111  RINVBCASTCHANIND 112
"""


def test_the_statuses_are_those_of_the_specification() -> None:
    words = TABLE.split()
    expected = {name: int(number, 16) for name, number in zip(words[::2], words[1::2], strict=True)}
    assert {status.name: status.value for status in Status} == expected


@pytest.mark.parametrize(
    ("status", "name"),
    [(0, "ESME_ROK"), (0x58, "ESME_RTHROTTLED"), (0x102, "ESME_RSERTYPUNAVAIL"), (0x22, "0x00000022")],
)
def test_a_status_is_named_as_the_specification_writes_it_and_an_unknown_one_in_hexadecimal(
    status: int, name: str
) -> None:
    assert status_name(status) == name


@pytest.mark.parametrize("status", Status, ids=lambda status: status.name)
def test_every_status_has_its_name_and_a_few_words(status: Status) -> None:
    assert status_name(status) == f"ESME_{status.name}"
    assert 3 < len(status_text(status)) < 80
    assert "<" not in status_text(status)


def test_no_two_statuses_are_described_alike() -> None:
    assert len({status_text(status) for status in Status}) == len(Status)


def test_a_status_is_described_in_words_and_an_unknown_one_not_at_all() -> None:
    assert status_text(Status.RTHROTTLED).startswith("Throttling error")
    assert status_text(0x7FFFFFFF) == ""


def test_the_constants_have_the_statuses_too() -> None:
    assert (constants.Status, constants.status_name, constants.status_text) == (Status, status_name, status_text)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0x58, StatusClass.THROTTLE),
        (0x14, StatusClass.THROTTLE),
        (0x08, StatusClass.TRANSIENT),
        (0x102, StatusClass.TRANSIENT),
        (0x04, StatusClass.SESSION),
        (0x0E, StatusClass.BIND),
        (0x02, StatusClass.PROTOCOL),
        (0x0B, StatusClass.PERMANENT),
        (0x101, StatusClass.PERMANENT),
        (0x22, StatusClass.VENDOR),
        (0x400, StatusClass.VENDOR),
        (0xFFFFFFFF, StatusClass.VENDOR),
    ],
)
def test_a_status_has_its_class_and_an_unknown_one_is_the_vendors(status: int, expected: StatusClass) -> None:
    assert status_class(status) is expected


def test_no_status_that_smpp_names_is_the_vendors() -> None:
    assert all(status_class(status) is not StatusClass.VENDOR for status in Status if status)
