import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.profiles import DEFAULT_PROFILE, ROOM, ProfileSettings, shipped_profiles
from protocol.constants import Coding, Concatenation, IdForm


def test_the_default_profile_is_shipped_and_says_what_the_defaults_are() -> None:
    assert shipped_profiles()[DEFAULT_PROFILE] == ProfileSettings()


def test_the_defaults_are_those_of_the_contract() -> None:
    expected = {
        "coding": Coding.AUTO,
        "concatenation": Concatenation.UDH8,
        "part_units": 67,
        "part_septets": 153,
        "max_parts": 10,
        "message_id": IdForm.AUTO,
    }
    assert ProfileSettings().model_dump() == expected


@pytest.mark.parametrize(
    ("concatenation", "units", "septets"),
    [("udh8", 67, 153), ("udh16", 66, 152), ("sar", 66, 152), ("payload", 67, 153)],
)
def test_a_part_has_by_default_all_the_room_its_concatenation_leaves(
    concatenation: str, units: int, septets: int
) -> None:
    profile = ProfileSettings.model_validate({"concatenation": concatenation})
    assert (profile.part_units, profile.part_septets) == (units, septets)


@given(st.sampled_from(Concatenation), st.integers(-1, 71), st.integers(-1, 161))
def test_a_part_never_has_more_than_its_concatenation_leaves(chosen: Concatenation, units: int, septets: int) -> None:
    room = ROOM[chosen]
    wrong = {
        key
        for key, value, most in (("part_units", units, room[0]), ("part_septets", septets, room[1]))
        if not 2 <= value <= most
    }
    refused: set[str | int] = set()
    try:
        ProfileSettings(concatenation=chosen, part_units=units, part_septets=septets)
    except ValidationError as error:
        refused = {each["loc"][0] for each in error.errors()}
    assert refused == wrong


def test_every_concatenation_has_its_room() -> None:
    assert set(ROOM) == set(Concatenation)
