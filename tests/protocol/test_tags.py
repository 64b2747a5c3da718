"""The optional parameters: their table against the specification's, typed again, and what the readers say of any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import command, consts

from protocol.constants import Tag
from protocol.fields import Tlvs
from protocol.tags import FORMS, find_integer, find_tlv
from tests.protocol.wire import TLVS

TABLE = """
    0005 1 5.3.2.1      000D 1 5.3.2.2      0006 1 5.3.2.3      000E 1 5.3.2.4      0007 1 5.3.2.5      000F 1 5.3.2.6
    0008 2 5.3.2.7      0010 1 5.3.2.8      0017 4 5.3.2.9      0019 1 5.3.2.10     001D c1-256 5.3.2.11
    001E c1-65 5.3.2.12 0030 1 5.3.2.13     0201 1 5.3.2.14     0202 o2-23 5.3.2.15 0203 o2-23 5.3.2.16
    0204 2 5.3.2.17     0205 1 5.3.2.18     020D 1 5.3.2.19     020A 2 5.3.2.20     020B 2 5.3.2.21     020C 2 5.3.2.22
    020E 1 5.3.2.23     020F 1 5.3.2.24     0210 1 5.3.2.25     1201 1 5.3.2.26     1204 o1-4 5.3.2.27  0420 1 5.3.2.28
    0421 1 5.3.2.29     0422 1 5.3.2.30     0423 o3 5.3.2.31    0424 o0-65535 5.3.2.32
    0425 1 5.3.2.33     0426 1 5.3.2.34     0427 1 5.3.2.35     0381 o4-19 5.3.2.36 0302 1 5.3.2.37
    0303 o0-65 5.3.2.38 0304 1 5.3.2.39     1203 2 5.3.2.40     130C o0-1 5.3.2.41  1380 1 5.3.2.42     1383 o2 5.3.2.43
    0501 1 5.3.2.44
    060B o1-1024 4.8.4.3  0606 o1-101 4.8.4.4  0608 1 4.8.4.5      0602 o1-255 4.8.4.6  0600 1 4.8.4.7
    0601 o3 4.8.4.8       0609 c16-17 4.8.4.9  0607 4 4.8.4.10     0605 o3 4.8.4.11     0603 1 4.8.4.12
    0604 2 4.8.4.13       060A o1-255 4.8.4.14 0428 1 4.8.4.18     0613 1-5 4.8.4.20    0612 o10 4.8.4.21
    0611 1 4.8.4.22       060E c7-65 4.8.4.25  0610 o6 4.8.4.27    060D c7-65 4.8.4.56  060F o6 4.8.4.58
"""
"""Tag, kind and octets ("c" C-octet string, "o" octets, else an integer), section (4.8.4: of SMPP 5.0)."""
KINDS = {"integer": "", "C-octet string": "c", "octets": "o"}


def test_the_forms_are_those_of_the_specification() -> None:
    words = TABLE.split()
    expected = {int(tag, 16): row for tag, *row in zip(words[::3], words[1::3], words[2::3], strict=True)}
    ours = {
        int(tag): [
            KINDS[form.kind] + (f"{form.most}" if form.least == form.most else f"{form.least}-{form.most}"),
            form.section.removeprefix("SMPP 5.0, "),
        ]
        for tag, form in FORMS.items()
    }
    assert ours == expected
    assert set(FORMS) == set(Tag)


def test_only_what_version_5_adds_cites_it() -> None:
    known = set(consts.OPTIONAL_PARAMS.values())
    assert {tag for tag, form in FORMS.items() if form.section.startswith("SMPP 5.0, 4.8.4.")} == set(Tag) - known


# Deviations of smpplib: it gives source_telematics_id two octets in data_sm, source_addr_subunit two in submit_sm.
ODD = {("data_sm", "source_telematics_id"), ("submit_sm", "source_addr_subunit")}


@pytest.mark.parametrize("name", ["submit_sm", "deliver_sm", "data_sm", "bind_transceiver_resp", "alert_notification"])
def test_integers_are_as_wide_as_an_independent_library_has_them(name: str) -> None:
    theirs = {
        field: param.size
        for field, param in command.factory(name, sequence=1).params.items()
        if field in consts.OPTIONAL_PARAMS and param.type is int and (name, field) not in ODD
    }
    forms = {field: FORMS[consts.OPTIONAL_PARAMS[field]] for field in theirs}
    assert {field: form.most for field, form in forms.items() if field != "ms_validity"} == {
        field: size for field, size in theirs.items() if field != "ms_validity"
    }  # ms_validity is wider in SMPP 5.0
    assert theirs


@pytest.mark.parametrize(
    ("tag", "width"),
    [
        (Tag.CONGESTION_STATE, "integer, 1 octet"),
        (Tag.USER_MESSAGE_REFERENCE, "integer, 2 octets"),
        (Tag.RECEIPTED_MESSAGE_ID, "C-octet string, 1..65 octets"),
        (Tag.ALERT_ON_MESSAGE_DELIVERY, "octets, 0..1 octet"),
        (Tag.NETWORK_ERROR_CODE, "octets, 3 octets"),
    ],
)
def test_a_form_says_its_width_in_words(tag: Tag, width: str) -> None:
    assert FORMS[tag].width == width


def test_the_first_optional_parameter_of_a_tag_is_found() -> None:
    tlvs = ((0x1400, b"vendor"), (0x0424, b"first"), (0x0424, b"second"), (0x0427, b""))
    assert find_tlv(tlvs, Tag.MESSAGE_PAYLOAD) == b"first"
    assert find_tlv(tlvs, Tag.MESSAGE_STATE) == b""
    assert find_tlv(tlvs, Tag.NETWORK_ERROR_CODE) is None


INTEGERS = [tag for tag, form in FORMS.items() if form.kind == "integer"]


@given(TLVS, st.sampled_from(INTEGERS), st.data(), TLVS)
def test_an_integer_of_its_length_is_read_and_any_other_length_is_none(
    before: Tlvs, tag: Tag, data: st.DataObject, after: Tlvs
) -> None:
    form = FORMS[tag]
    others = tuple(tlv for tlv in before if tlv[0] != tag)
    size = data.draw(st.integers(form.least, form.most))
    number = data.draw(st.integers(0, 256**size - 1))
    assert find_integer((*others, (tag, number.to_bytes(size, "big")), *after), tag) == number
    wrong = data.draw(st.binary(max_size=9).filter(lambda value: not form.least <= len(value) <= form.most))
    assert find_integer((*others, (tag, wrong), *after), tag) is None
    assert find_integer(others, tag) is None
