import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.profiles import DEFAULT_PROFILE, DEFAULT_ROOM, ProfileSettings, shipped_profiles
from protocol.constants import DATA_CODINGS, ROOM, Coding, Concatenation, IdForm


def test_the_default_profile_is_shipped_and_says_what_the_defaults_are() -> None:
    assert shipped_profiles()[DEFAULT_PROFILE] == ProfileSettings()


def test_the_defaults_are_those_of_the_contract() -> None:
    expected = {
        "coding": Coding.AUTO,
        "concatenation": Concatenation.UDH8,
        "part_units": 67,
        "part_septets": 153,
        "part_octets": 134,
        "data_codings": {},
        "short_charset": None,
        "short_units": 70,
        "folds": (),
        "max_parts": 10,
        "validity": "absolute",
        "message_id": IdForm.AUTO,
        "final_states": (),
        "receipts_by_text": False,
    }
    assert ProfileSettings().model_dump() == expected


@pytest.mark.parametrize(
    ("concatenation", "units", "septets"),
    [("udh8", 67, 153), ("udh16", 66, 152), ("sar", 66, 152), ("payload", 67, 153), ("large", 127, 254)],
)
def test_a_part_has_by_default_the_room_its_concatenation_leaves(concatenation: str, units: int, septets: int) -> None:
    profile = ProfileSettings.model_validate({"concatenation": concatenation})
    assert (profile.part_units, profile.part_septets) == (units, septets)


@given(st.sampled_from(Concatenation), st.integers(-1, 130), st.integers(-1, 260), st.integers(-1, 260))
def test_a_part_never_has_more_than_its_concatenation_leaves(
    chosen: Concatenation, units: int, septets: int, octets: int
) -> None:
    asked = {"part_units": units, "part_septets": septets, "part_octets": octets}
    wrong = {key for (key, value), most in zip(asked.items(), ROOM[chosen], strict=True) if not 2 <= value <= most}
    refused: set[str | int] = set()
    try:
        ProfileSettings(concatenation=chosen, part_units=units, part_septets=septets, part_octets=octets)
    except ValidationError as error:
        refused = {each["loc"][0] for each in error.errors()}
    assert refused == wrong


def test_every_concatenation_has_its_room() -> None:
    assert set(ROOM) == set(DEFAULT_ROOM) == set(Concatenation)


def test_a_carriers_own_data_codings_come_last_so_that_they_are_written() -> None:
    profile = ProfileSettings.model_validate({"data_codings": {"0x09": "cp932", "241": "gsm7", "0": "latin1"}})
    assert list(profile.table.items())[-3:] == [(9, Coding.CP932), (241, Coding.GSM7), (0, Coding.LATIN1)]
    assert {number: coding for number, coding in profile.table.items() if number not in (0, 9, 241)} == {
        number: coding for number, coding in DATA_CODINGS.items() if number not in (0, 9)
    }


@pytest.mark.parametrize(
    ("table", "loc", "said"),
    [
        ({"coding": "cp932"}, ("data_codings",), 'has no number for coding = "cp932"'),
        ({"data_codings": {"8": "latin1"}}, ("data_codings",), 'has no number for coding = "auto"'),
        ({"data_codings": {"256": "gsm7"}}, ("data_codings", "256", "[key]"), "must be a number of 0..255"),
        ({"data_codings": {"x": "gsm7"}}, ("data_codings", "x", "[key]"), "must be a number of 0..255"),
        ({"data_codings": {"1": "auto"}}, ("data_codings", "1"), "must be a coding"),
        ({"short_charset": "auto"}, ("short_charset",), "must be a coding"),
        ({"folds": ["to_wave_dash", "to_fullwidth_tilde"]}, ("folds",), "undo each other"),
        ({"folds": ["to_fullwidth_hyphen", "yen", "to_minus_sign"]}, ("folds",), "undo each other"),
    ],
)
def test_a_profile_that_contradicts_itself_is_refused_where_it_does(
    table: dict[str, object], loc: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        ProfileSettings.model_validate(table)
    error = next(each for each in caught.value.errors() if each["type"] != "default_factory_not_called")
    assert error["loc"] == loc
    assert said in error["msg"]
