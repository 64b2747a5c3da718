"""The table of PDUs: its widths against an independent one, and what it keeps to itself."""

import re
from inspect import getsource

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import command

import protocol.pdu
from protocol.constants import RESPONSE_BIT, CommandId, Tag
from protocol.events import Answered, Requested
from protocol.fields import TLVS, COctetString, CountedOctets, Integer, Kind, OptionalParameters
from protocol.pdu import (
    NOTICES,
    PDUS,
    RESPONSES,
    AlertNotification,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitterResp,
    DataSm,
    DeliverSm,
    DistributionList,
    Outbind,
    Pdu,
    SmeAddress,
    SubmitMulti,
    SubmitSm,
    SubmitSmResp,
)
from protocol.record import Entries

PRIVATE = (
    *("password", "address_range", "source_addr", "destination_addr", "esme_addr", "dest_address", "unsuccess_sme"),
    *("short_message", "tlvs"),
)


KNOWN = [cls for cls in PDUS.values() if f"'{cls.id.name.lower()}'" in getsource(command.factory)]
# Deviations of smpplib: it allows the addresses of data_sm and alert_notification 21 octets, not 65 (4.7.1, 4.12.1).
NARROW = {DataSm: 21, AlertNotification: 21}


@pytest.mark.parametrize("cls", KNOWN, ids=lambda cls: cls.__name__)
def test_order_and_widths_are_those_an_independent_library_has(cls: type[Pdu]) -> None:
    peer = command.factory(cls.id.name.lower(), sequence=1)
    theirs = [name for name in peer.params_order if not peer.field_is_optional(name) and name != "sm_length"]
    ours = [(name, kind) for name, kind in cls.row if kind is not TLVS]
    assert [name for name, _ in ours] == theirs
    for name, kind in ours:
        param = peer.params[name]
        match kind:
            case Integer(size):
                assert (param.type, param.size) == (int, size)
            case COctetString(size):
                assert (param.type, param.max) == (str, NARROW[cls] if size == 65 and "addr" in name else size)
            case CountedOctets(most):
                assert param.max == most
            case _:
                pytest.fail(f"{name} is of another kind")


def test_the_library_knows_most_pdus() -> None:
    assert len(KNOWN) == 20


@pytest.mark.parametrize("cls", PDUS.values(), ids=lambda cls: cls.__name__)
def test_optional_parameters_come_last_where_there_are_any(cls: type[Pdu]) -> None:
    assert TLVS not in [kind for _, kind in cls.row[:-1]]


@pytest.mark.parametrize("cls", PDUS.values(), ids=lambda cls: cls.__name__)
def test_a_response_that_has_a_body_may_have_optional_parameters(cls: type[Pdu]) -> None:
    if cls.id & RESPONSE_BIT and cls.row:
        assert cls.row[-1] == ("tlvs", TLVS)


@pytest.mark.parametrize("cls", PDUS.values(), ids=lambda cls: cls.__name__)
def test_a_pdu_names_its_section_which_is_of_version_3_4_unless_it_says_so(cls: type[Pdu]) -> None:
    assert re.fullmatch(r"(SMPP 5\.0, )?4(\.\d{1,2}){1,4}", cls.section)
    assert cls.section.startswith("SMPP 5.0") == ("BROADCAST" in cls.id.name)
    assert cls.__doc__


def test_no_two_pdus_are_of_one_section() -> None:
    assert len({cls.section for cls in PDUS.values()}) == len(PDUS)


def test_an_error_goes_without_body_where_its_section_says_so() -> None:
    assert {cls for cls in PDUS.values() if cls.bare_error} == {
        *(BindTransmitterResp, BindReceiverResp, BindTransceiverResp, SubmitSmResp)
    }


def test_every_request_is_owed_the_response_of_its_name() -> None:
    owed = {CommandId(id_).name + "_RESP": response.id.name for id_, response in RESPONSES.items()}
    assert all(name == response for name, response in owed.items())
    assert len(owed) == 15
    assert set(PDUS) == set(CommandId)


def hidden(kind: Kind, octets: bytes) -> object:
    """A value of a field with these octets in it, as deep as can be."""
    match kind:
        case OptionalParameters():
            return ((Tag.MESSAGE_PAYLOAD, octets),)
        case Entries(sorts):
            return tuple(
                sort(**{name: octets for name, kind in sort.row if isinstance(kind, COctetString)}) for sort in sorts
            )
    return octets


def test_what_nothing_answers_is_a_notice() -> None:
    assert {PDUS[id_] for id_ in NOTICES} == {Outbind, AlertNotification}
    requests = {id_ for id_ in PDUS if not id_ & RESPONSE_BIT}
    assert requests == NOTICES | set(RESPONSES)
    assert not NOTICES & set(RESPONSES)


def test_every_pdu_can_be_imported_from_here() -> None:
    assert {cls.__name__ for cls in PDUS.values()} <= set(protocol.pdu.__all__)
    assert {"SmeAddress", "DistributionList", "UnsuccessfulSme"} <= set(protocol.pdu.__all__)


@given(st.sampled_from(list(PDUS.values())), st.binary(min_size=4, max_size=8).map(bytes.hex))
def test_no_repr_shows_a_password_a_number_or_a_body(cls: type[Pdu], secret: str) -> None:
    made = cls(**{name: hidden(kind, secret.encode()) for name, kind in cls.row if name in PRIVATE})
    for said in (repr(made), str(made), f"{made}", repr(Requested(made, 1)), repr(Answered("tag", made, 0, 1))):
        assert secret not in said
        assert made.id.name.title().replace("_", "") in said


def test_a_repr_shows_what_anybody_may_read() -> None:
    assert repr(SubmitSmResp(b"3039")) == "SubmitSmResp(message_id=b'3039')"
    assert repr(BindTransceiver(b"bank", b"hunter2")).startswith("BindTransceiver(system_id=b'bank', system_type=b''")


def test_pdus_are_equal_when_class_and_fields_are() -> None:
    assert SubmitSm(short_message=b"hi") == SubmitSm(short_message=b"hi") != SubmitSm(short_message=b"ho")
    pdus: list[Pdu] = [SubmitSm(short_message=b"hi"), DeliverSm(short_message=b"hi")]
    assert pdus[0] != pdus[1]


def test_the_repr_of_a_list_shows_how_many_and_of_what_sort() -> None:
    multi = SubmitMulti(dest_address=(SmeAddress(1, 1, b"819012345678"), DistributionList(b"family")))
    assert "dest_address=(SmeAddress(dest_addr_ton=1, dest_addr_npi=1), DistributionList())" in repr(multi)
