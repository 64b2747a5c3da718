import json
from itertools import count, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.constants import Concatenation, DataCoding, Tag
from protocol.pdu import SubmitSm
from protocol.text import Profile, cut, user_data
from simulator import ledger as ledger_module
from simulator.ledger import JOIN_SECONDS, Ledger, Part, describe

TEXT = "本日21時より計画メンテナンスを行います🙏 " * 7
PROFILE = Profile()
_sequence = count(1)


def part(submit: SubmitSm, *, time: float = 1.0, system_id: bytes = b"denpo") -> Part:
    number = next(_sequence)
    return Part(b"%010d" % number, 1, system_id, number, time, submit)


def parts(text: str = TEXT, reference: int = 7, profile: Profile = PROFILE) -> list[Part]:
    pieces = cut(text, profile)
    found = [user_data(pieces, n, reference, profile) for n in range(1, len(pieces.pieces) + 1)]
    return [
        part(
            SubmitSm(
                source_addr=b"0005123456",
                destination_addr=b"819012345678",
                esm_class=each.esm_class,
                data_coding=each.data_coding,
                short_message=each.short_message,
                tlvs=each.tlvs,
            )
        )
        for each in found
    ]


def joined(ledger: Ledger) -> list[str | None]:
    return [describe(*found)["joined"] for found in ledger.read(0, 1000)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("concatenation", [Concatenation.UDH8, Concatenation.UDH16, Concatenation.SAR])
def test_a_text_in_three_parts_is_joined_on_every_part_whatever_their_order(
    order: tuple[int, ...], concatenation: Concatenation
) -> None:
    ledger, pieces = Ledger(10), parts(profile=Profile(concatenation=concatenation))
    for step, n in enumerate(order):
        assert joined(ledger) == [None] * step
        ledger.take(pieces[n])
    assert joined(ledger) == [TEXT] * 3
    assert (ledger.parts, ledger.messages) == (3, 1)


def test_an_emoji_that_was_cut_in_half_spoils_the_parts_but_not_the_whole() -> None:
    octets = ("あ" * 66 + "😀" + "い" * 10).encode("utf-16-be")
    ledger = Ledger(10)
    for n, body in ((1, octets[:134]), (2, octets[134:])):
        header = bytes((5, 0, 3, 1, 2, n))
        ledger.take(part(SubmitSm(esm_class=0x40, data_coding=8, short_message=header + body)))
    lines = [describe(*found) for found in ledger.read(0, 2)]
    assert [line["text"] for line in lines] == [None, None]
    assert [line["joined"] for line in lines] == ["あ" * 66 + "😀" + "い" * 10] * 2


def test_a_line_says_all_that_was_taken() -> None:
    ledger = Ledger(10)
    one = parts("カ" * 100, reference=9)[0]
    ledger.take(one)
    assert describe(*ledger.read(0, 1)[0]) == {
        "index": 0,
        "time": 1.0,
        "message_id": one.message_id.decode(),
        "session": 1,
        "system_id": "denpo",
        "sequence_number": one.sequence_number,
        "source": "0005123456",
        "destination": "819012345678",
        "esm_class": 0x40,
        "data_coding": 8,
        "coding": "ucs2",
        "octets": "050003090201" + "30ab" * 67,
        "text": "カ" * 67,
        "concatenation": {"reference": 9, "total": 2, "number": 1},
        "joined": None,
    }


def test_a_message_of_one_part_is_whole_at_once() -> None:
    ledger = Ledger(10)
    ledger.take(parts("短い")[0])
    line = describe(*ledger.read(0, 1)[0])
    assert (line["text"], line["joined"], line["concatenation"], ledger.messages) == ("短い", "短い", None, 1)


def test_a_message_payload_is_the_body() -> None:
    ledger = Ledger(10)
    ledger.take(parts(TEXT, profile=Profile(concatenation=Concatenation.PAYLOAD))[0])
    line = describe(*ledger.read(0, 1)[0])
    assert line["joined"] == line["text"] == TEXT
    assert line["octets"] == TEXT.encode("utf-16-be").hex()


@pytest.mark.parametrize("difference", ["source_addr", "destination_addr", "data_coding", "system_id"])
def test_parts_of_different_messages_are_never_joined(difference: str) -> None:
    ledger = Ledger(10)
    first, second, third = parts()
    if difference == "system_id":
        second.system_id = b"other"
    else:
        object.__setattr__(second.submit, difference, 0 if difference == "data_coding" else b"other")
    for each in (first, second, third):
        ledger.take(each)
    assert joined(ledger) == [None] * 3
    assert ledger.messages == 0


def test_a_reference_used_again_gives_each_message_its_own_text() -> None:
    ledger = Ledger(10)
    for text in ("あ" * 100, "い" * 100):
        for each in parts(text):
            ledger.take(each)
    assert joined(ledger) == ["あ" * 100] * 2 + ["い" * 100] * 2


def test_parts_that_come_too_far_apart_are_not_joined() -> None:
    ledger = Ledger(10)
    first, second = parts("あ" * 100)
    second.time = first.time + JOIN_SECONDS
    stranger = parts("い" * 100, reference=8)[0]
    stranger.time = second.time
    for each in (first, stranger, second):
        ledger.take(each)
    assert joined(ledger) == [None] * 3


@given(st.integers(1, 20), st.integers(0, 60), st.integers(0, 70), st.integers(0, 70))
def test_the_newest_parts_are_kept_and_found_by_their_index(size: int, number: int, start: int, stop: int) -> None:
    ledger = Ledger(size)
    taken = [part(SubmitSm()) for _ in range(number)]
    for each in taken:
        ledger.take(each)
    kept = list(enumerate(taken))[-size:] if number else []
    assert ledger.read(start, stop) == [found for found in kept if start <= found[0] < stop]
    assert (ledger.parts, ledger.forgotten, ledger.begin) == (number, max(0, number - size), max(0, number - size))


def test_long_optional_parameters_push_out_older_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MAX_TLV_OCTETS", 1000)
    ledger = Ledger(100)
    for _ in range(10):
        ledger.take(part(SubmitSm(tlvs=((Tag.MESSAGE_PAYLOAD, b"x" * 300),))))
    assert (ledger.parts, ledger.forgotten) == (10, 7)
    for _ in range(99):
        ledger.take(part(SubmitSm()))
    assert len(ledger.read(0, 1000)) == 100


def test_clear_forgets_parts_and_begun_messages_but_no_index() -> None:
    ledger = Ledger(10)
    first, second = parts("あ" * 100)
    ledger.take(first)
    ledger.clear()
    assert (ledger.parts, ledger.messages, ledger.forgotten, ledger.read(0, 10)) == (0, 0, 0, [])
    ledger.take(second)
    assert [index for index, _ in ledger.read(0, 10)] == [1]
    assert joined(ledger) == [None]
    assert (ledger.parts, ledger.forgotten) == (1, 0)


@given(
    st.binary(max_size=254),
    st.integers(0, 255),
    st.integers(0, 255),
    st.lists(st.tuples(st.sampled_from([*Tag, 0x1400]), st.binary(max_size=5)), max_size=4),
)
def test_whatever_octets_come_the_line_is_json(
    octets: bytes, esm_class: int, data_coding: int, tlvs: list[tuple[int, bytes]]
) -> None:
    ledger = Ledger(10)
    submit = SubmitSm(
        source_addr=octets[:20],
        esm_class=esm_class,
        data_coding=data_coding,
        short_message=octets,
        tlvs=tuple(tlvs),
    )
    ledger.take(part(submit))
    line = describe(*ledger.read(0, 1)[0])
    assert json.loads(json.dumps(line, ensure_ascii=False).encode()) == line
    assert octets == b"" or line["octets"] == octets.hex()


@pytest.mark.parametrize(("data_coding", "name"), [(0, "gsm7"), (DataCoding.UCS2, "ucs2"), (0x0E, "0x0E")])
def test_a_coding_is_named_or_shown_as_a_number(data_coding: int, name: str) -> None:
    assert describe(0, part(SubmitSm(data_coding=data_coding)))["coding"] == name
