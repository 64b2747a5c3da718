"""Rows of named fields, and lists of them: what is put is taken, what is wrong has its status."""

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.constants import Status
from protocol.errors import EncodingError, RemoteProtocolError
from protocol.fields import DESTINATION, DL_NAME, U8
from protocol.record import Entries, Entry, Pdu, pdu
from tests.protocol.wire import values


@pdu
class Address(Entry):
    """One that begins with a flag."""

    flag: ClassVar = b"\x01"
    dest_addr_ton: int = 0
    destination_addr: bytes = b""
    wire: ClassVar = (U8, DESTINATION)


@pdu
class Name(Entry):
    """Another that does."""

    flag: ClassVar = b"\x02"
    dl_name: bytes = b""
    wire: ClassVar = (DL_NAME,)


@pdu
class Bare(Entry):
    """One in a list of one sort, so without a flag."""

    dest_addr_npi: int = 0
    wire: ClassVar = (U8,)


BOTH = Entries((Address, Name), Status.RINVNUMDESTS)
ONE = Entries((Bare,), Status.RINVPARLEN)
KINDS = st.sampled_from([BOTH, ONE])


@given(st.data(), KINDS, st.binary(max_size=9), st.binary(max_size=9))
def test_a_list_that_is_put_is_taken_wherever_it_stands(
    data: st.DataObject, kind: Entries, before: bytes, after: bytes
) -> None:
    value = data.draw(values(kind))
    octets = kind.put(value, "field")
    end = len(before) + len(octets)
    assert kind.take(before + octets + after, len(before), end) == (value, end)


@given(st.data(), KINDS)
def test_a_list_cut_short_is_refused_whatever_comes_after_the_body(data: st.DataObject, kind: Entries) -> None:
    octets = kind.put(data.draw(values(kind)), "field")
    with pytest.raises(RemoteProtocolError):
        kind.take(octets + octets, 0, data.draw(st.integers(0, len(octets) - 1)))


@pytest.mark.parametrize(
    ("kind", "octets", "said", "status"),
    [
        (BOTH, b"", "the body ends before the count", Status.RINVNUMDESTS),
        (BOTH, b"\x01", "the body ends before entry 0", Status.RINVNUMDESTS),
        (BOTH, b"\x02\x02list\0", "the body ends before entry 1", Status.RINVNUMDESTS),
        (BOTH, b"\x02\x02list\0\x03list\0", "entry 1 is of no known sort", Status.RINVDESTFLAG),
        (BOTH, b"\x01\x01\x01" + b"1" * 22, "destination_addr: no NUL within 21 octets", Status.RINVDSTADR),
        (BOTH, b"\x01\x02" + b"1" * 22, "dl_name: no NUL within 21 octets", Status.RINVDLNAME),
        (ONE, b"", "the body ends before the count", Status.RINVPARLEN),
        (ONE, b"\x02\x07", "the body ends before entry 1", Status.RINVPARLEN),
    ],
)
def test_each_way_to_be_wrong_has_its_status(kind: Entries, octets: bytes, said: str, status: Status) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        kind.take(octets, 0, len(octets))
    assert (str(caught.value), caught.value.status, caught.value.fatal) == (said, status, False)


def test_the_flag_stands_before_each_entry() -> None:
    assert BOTH.put((Address(5, b"1"), Name(b"l")), "field").hex() == "02" + "01 05 3100 02 6c00".replace(" ", "")


def test_more_entries_than_the_count_can_say_are_refused_by_name() -> None:
    assert len(ONE.put((Bare(),) * 255, "unsuccess_sme")) == 256
    with pytest.raises(EncodingError, match=r"^unsuccess_sme may have 255 entries, has 256$"):
        ONE.put((Bare(),) * 256, "unsuccess_sme")


def test_an_entry_that_does_not_fit_names_its_field_and_not_what_is_in_it() -> None:
    with pytest.raises(EncodingError, match=r"^destination_addr may have 20 octets, has 21$"):
        BOTH.put((Address(destination_addr=b"0" * 21),), "dest_address")


def test_a_list_says_its_width_in_words() -> None:
    assert BOTH.width == "a count of 1 octet, then 0..255 entries"


def test_a_repr_shows_what_anybody_may_read() -> None:
    assert repr((Address(1, b"819012345678"), Name(b"family"))) == "(Address(dest_addr_ton=1), Name())"


def test_a_record_is_its_fields_one_after_the_other() -> None:
    assert Address(7, b"12").put() == b"\x0712\0"
    assert Address.take(b"xx\x0712\0yy", 2, 6) == (Address(7, b"12"), 6)
    assert Address(7, b"12") != Address(7, b"13")


def test_a_record_has_no_place_for_a_field_that_is_misspelt() -> None:
    with pytest.raises(AttributeError):
        Address().desination_addr = b"1"  # type: ignore[attr-defined]  # the point of the test


def test_a_row_with_a_kind_too_few_is_found_when_the_module_is_read() -> None:
    with pytest.raises(ValueError, match="shorter"):

        @pdu
        class Lopsided(Pdu):
            first: int = 0
            second: int = 0
            wire: ClassVar = (U8,)
