"""SMPP's numbers, typed again from the specification: what the library gives us must be what the wire says."""

import pytest
from smpplib import consts

from protocol.constants import (
    CommandId,
    DataCoding,
    EsmClass,
    MessageState,
    Npi,
    Status,
    Tag,
    Ton,
    status_name,
    status_text,
)


def table(text: str) -> dict[str, int]:
    """Names and hexadecimal numbers, as they stand in the specification's tables."""
    words = text.split()
    return {name: int(number, 16) for name, number in zip(words[::2], words[1::2], strict=True)}


STATUSES = table("""
    ROK 00  RINVMSGLEN 01  RINVCMDLEN 02  RINVCMDID 03  RINVBNDSTS 04  RALYBND 05  RSYSERR 08  RINVSRCADR 0A
    RINVDSTADR 0B  RBINDFAIL 0D  RINVPASWD 0E  RINVSYSID 0F  RMSGQFUL 14  RSUBMITFAIL 45  RINVSYSTYP 53
    RTHROTTLED 58  RX_T_APPN 64  RX_P_APPN 65  RX_R_APPN 66  RINVOPTPARSTREAM C0  RINVPARLEN C2
    RDELIVERYFAILURE FE  RUNKNOWNERR FF  RSERTYPUNAVAIL 102
""")
COMMANDS = table("""
    GENERIC_NACK 80000000  BIND_RECEIVER 01  BIND_RECEIVER_RESP 80000001  BIND_TRANSMITTER 02
    BIND_TRANSMITTER_RESP 80000002  SUBMIT_SM 04  SUBMIT_SM_RESP 80000004  DELIVER_SM 05  DELIVER_SM_RESP 80000005
    UNBIND 06  UNBIND_RESP 80000006  BIND_TRANSCEIVER 09  BIND_TRANSCEIVER_RESP 80000009
    ENQUIRE_LINK 15  ENQUIRE_LINK_RESP 80000015
""")
STATES = ["ENROUTE", "DELIVERED", "EXPIRED", "DELETED", "UNDELIVERABLE", "ACCEPTED", "UNKNOWN", "REJECTED"]
TONS = ["UNKNOWN", "INTERNATIONAL", "NATIONAL", "NETWORK_SPECIFIC", "SUBSCRIBER", "ALPHANUMERIC", "ABBREVIATED"]


def test_command_ids_and_statuses_are_those_of_the_specification() -> None:
    assert {command.name: command.value for command in CommandId} == COMMANDS
    assert {status.name: status.value for status in Status} == STATUSES


def test_the_small_numbers_are_those_of_the_specification() -> None:
    assert {state.name: state.value for state in MessageState} == {name: n for n, name in enumerate(STATES, 1)}
    assert {ton.name: ton.value for ton in Ton} == {name: n for n, name in enumerate(TONS)}
    assert {npi.name: npi.value for npi in Npi} == {"UNKNOWN": 0, "ISDN": 1, "NATIONAL": 8, "PRIVATE": 9}
    assert [coding.value for coding in DataCoding] == [0, 1, 2, 3, 8]
    assert [mask.value for mask in EsmClass] == [0x3C, 0x04, 0x20, 0x40]


def test_a_tag_that_the_library_knows_has_the_same_number_there() -> None:
    assert {tag.name: tag.value for tag in Tag} == {tag.name: consts.OPTIONAL_PARAMS[tag.name.lower()] for tag in Tag}


@pytest.mark.parametrize(
    ("status", "name"),
    [(0, "ESME_ROK"), (0x58, "ESME_RTHROTTLED"), (0x102, "ESME_RSERTYPUNAVAIL"), (0x22, "0x00000022")],
)
def test_a_status_is_named_as_the_specification_writes_it_and_an_unknown_one_in_hexadecimal(
    status: int, name: str
) -> None:
    assert status_name(status) == name


def test_every_status_we_speak_of_has_its_name() -> None:
    assert {status: status_name(status) for status in Status} == {status: f"ESME_{status.name}" for status in Status}


def test_a_status_is_described_in_words_and_an_unknown_one_not_at_all() -> None:
    assert status_text(Status.RTHROTTLED).startswith("Throttling error")
    assert status_text(0x7FFFFFFF) == ""
