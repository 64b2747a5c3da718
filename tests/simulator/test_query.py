import pytest

from protocol.pdu import SubmitSm
from simulator.parts import Part
from simulator.query import Query, read_number, read_query
from simulator.verdicts import VERDICTS, Verdict

PART = Part(b"id", 3, b"denpo", 1, 0.0, SubmitSm(source_addr=b"110", destination_addr=b"8190"))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (Query(), True),
        (Query(destination=b"8190", source=b"110", session=3, message_id=b"id"), True),
        (Query(destination=b"819"), False),
        (Query(source=b"8190"), False),
        (Query(session=2), False),
        (Query(message_id=b""), False),
    ],
)
def test_a_part_is_wanted_when_all_that_is_asked_for_is_its_own(query: Query, *, wanted: bool) -> None:
    assert query.wants(PART) is wanted


def test_needles_are_what_must_stand_in_the_octets() -> None:
    assert Query(session=1, verdict=Verdict.TWO_BINDS).needles == []
    assert Query(destination=b"1", source=b"2", message_id=b"3").needles == [b"1", b"2", b"3"]


def test_a_url_says_what_is_wanted() -> None:
    parameters = {"destination": "8190", "source": "ほか", "session": "3", "message_id": "", "verdict": "seen_twice"}
    assert read_query(parameters | {"since": "x"}) == Query(
        destination=b"8190",
        source="ほか".encode(),
        session=3,
        message_id=b"",
        verdict=Verdict.SEEN_TWICE,
    )
    assert read_query({}) == Query()


@pytest.mark.parametrize("parameters", [{"verdict": "bad"}, {"verdict": ""}, {"session": "-1"}, {"session": "x"}])
def test_what_cannot_be_wanted_is_refused_without_repeating_it(parameters: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"verdict must be one of undecodable, |session must be a number from 0 on"):
        read_query(parameters)


@pytest.mark.parametrize("name", VERDICTS)
def test_every_verdict_can_be_asked_for(name: str) -> None:
    assert read_query({"verdict": name}).verdict is VERDICTS[name]


@pytest.mark.parametrize("text", ["-1", "x", "", "1.5", "١", "²", "9" * 19])
def test_a_number_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="since must be a number from 0 on"):
        read_number(text, "since")


def test_the_longest_number_is_read() -> None:
    assert read_number("9" * 18, "since") == 10**18 - 1
