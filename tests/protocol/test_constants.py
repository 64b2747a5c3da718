"""SMPP's numbers, typed again from the specification: what the library gives us must be what the wire says."""

from smpplib import command_codes, consts

from protocol.constants import RESPONSE_BIT, CommandId, DataCoding, EsmClass, MessageState, Npi, Tag, Ton


def table(text: str) -> dict[str, int]:
    """Names and hexadecimal numbers, as they stand in the specification's tables."""
    words = text.split()
    return {name: int(number, 16) for name, number in zip(words[::2], words[1::2], strict=True)}


COMMANDS = table("""
    GENERIC_NACK 80000000  BIND_RECEIVER 01  BIND_RECEIVER_RESP 80000001  BIND_TRANSMITTER 02
    BIND_TRANSMITTER_RESP 80000002  SUBMIT_SM 04  SUBMIT_SM_RESP 80000004  DELIVER_SM 05  DELIVER_SM_RESP 80000005
    UNBIND 06  UNBIND_RESP 80000006  BIND_TRANSCEIVER 09  BIND_TRANSCEIVER_RESP 80000009
    ENQUIRE_LINK 15  ENQUIRE_LINK_RESP 80000015  OUTBIND 0B  SUBMIT_MULTI 21  SUBMIT_MULTI_RESP 80000021
    DATA_SM 103  DATA_SM_RESP 80000103  QUERY_SM 03  QUERY_SM_RESP 80000003  CANCEL_SM 08  CANCEL_SM_RESP 80000008
    REPLACE_SM 07  REPLACE_SM_RESP 80000007  ALERT_NOTIFICATION 102  BROADCAST_SM 111  BROADCAST_SM_RESP 80000111
    QUERY_BROADCAST_SM 112  QUERY_BROADCAST_SM_RESP 80000112
    CANCEL_BROADCAST_SM 113  CANCEL_BROADCAST_SM_RESP 80000113
""")
STATES = [
    *("SCHEDULED", "ENROUTE", "DELIVERED", "EXPIRED", "DELETED"),
    *("UNDELIVERABLE", "ACCEPTED", "UNKNOWN", "REJECTED", "SKIPPED"),
]
TONS = ["UNKNOWN", "INTERNATIONAL", "NATIONAL", "NETWORK_SPECIFIC", "SUBSCRIBER", "ALPHANUMERIC", "ABBREVIATED"]


def test_command_ids_are_those_of_the_specification() -> None:
    assert {command.name: command.value for command in CommandId} == COMMANDS


def test_every_command_that_the_library_knows_is_there_with_its_number() -> None:
    ours = {command.name.lower(): command.value for command in CommandId if "BROADCAST" not in command.name}
    assert ours == command_codes.commands


def test_a_response_has_the_number_of_its_request_and_one_bit_more() -> None:
    requests = {command.name: command.value for command in CommandId if not command.value & RESPONSE_BIT}
    responses = {command.name: command.value for command in CommandId if command.name.endswith("_RESP")}
    assert responses == {
        f"{name}_RESP": value | RESPONSE_BIT
        for name, value in requests.items()
        if name not in ("OUTBIND", "ALERT_NOTIFICATION")
    }


def test_the_small_numbers_are_those_of_the_specification() -> None:
    assert {state.name: state.value for state in MessageState} == {name: n for n, name in enumerate(STATES)}
    assert {ton.name: ton.value for ton in Ton} == {name: n for n, name in enumerate(TONS)}
    assert {npi.name: npi.value for npi in Npi} == {"UNKNOWN": 0, "ISDN": 1, "NATIONAL": 8, "PRIVATE": 9}
    assert [coding.value for coding in DataCoding] == [0, 1, 2, 3, 5, 8, 9, 0xA, 0xD]
    assert [mask.value for mask in EsmClass] == [0x3C, 0x04, 0x20, 0x40]


NEW_TAGS = table("""
    CONGESTION_STATE 0428  BROADCAST_CHANNEL_INDICATOR 0600  BROADCAST_CONTENT_TYPE 0601
    BROADCAST_CONTENT_TYPE_INFO 0602  BROADCAST_MESSAGE_CLASS 0603  BROADCAST_REP_NUM 0604
    BROADCAST_FREQUENCY_INTERVAL 0605  BROADCAST_AREA_IDENTIFIER 0606  BROADCAST_ERROR_STATUS 0607
    BROADCAST_AREA_SUCCESS 0608  BROADCAST_END_TIME 0609  BROADCAST_SERVICE_GROUP 060A  BILLING_IDENTIFICATION 060B
    SOURCE_NETWORK_ID 060D  DEST_NETWORK_ID 060E  SOURCE_NODE_ID 060F  DEST_NODE_ID 0610
    DEST_ADDR_NP_RESOLUTION 0611  DEST_ADDR_NP_INFORMATION 0612  DEST_ADDR_NP_COUNTRY 0613
""")
"""Those of SMPP 5.0, which the library lacks."""


def test_the_tags_are_those_the_library_knows_and_those_of_version_5() -> None:
    known = {name.upper(): tag for name, tag in consts.OPTIONAL_PARAMS.items()}
    assert {tag.name: tag.value for tag in Tag} == known | NEW_TAGS
    assert (len(known), len(NEW_TAGS)) == (44, 20)
