"""Profiles: how one carrier wants texts cut and spells its receipts. Those shipped stand in config/carriers/."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import Field, ValidationInfo, field_validator

from config.fields import CodingName, ConcatenationName, IdFormName, Table, between
from protocol.constants import Coding, Concatenation, IdForm

DEFAULT_PROFILE: Final = "generic"

ROOM: Final[Mapping[Concatenation, tuple[int, int]]] = MappingProxyType(
    {
        Concatenation.UDH8: (67, 153),
        Concatenation.UDH16: (66, 152),
        Concatenation.SAR: (66, 152),  # the carrier makes the header: reckon with the longer one
        Concatenation.PAYLOAD: (67, 153),  # the carrier cuts: this only counts
    }
)
"""UCS-2 units and septets that a part of a long message has room for (3GPP TS 23.040, 9.2.3.24)."""


class ProfileSettings(Table):
    """Text and receipt habits of a carrier."""

    coding: CodingName = Coding.AUTO
    """gsm7 when every character is in the alphabet, else ucs2 (auto); or always the one named."""
    concatenation: ConcatenationName = Concatenation.UDH8
    """How parts say that they belong together: udh8, udh16, sar, or payload (uncut, the carrier cuts)."""
    part_units: Annotated[int, between(2, 70)] = Field(default_factory=lambda known: ROOM[known["concatenation"]][0])
    """UTF-16 units in a part of a long UCS-2 message, 2..67 (udh16, sar: 2..66); else the most that fits."""
    part_septets: Annotated[int, between(2, 160)] = Field(default_factory=lambda known: ROOM[known["concatenation"]][1])
    """Septets in a part of a long GSM-7 message, 2..153 (udh16, sar: 2..152); else the most that fits."""
    max_parts: Annotated[int, between(1, 255)] = 10
    """Parts of the longest message taken, 1..255; 255 is what one octet of the header can count."""
    message_id: IdFormName = IdForm.AUTO
    """How receipts spell the message_id of submit_sm_resp: auto, same, hex_to_dec, dec_to_hex."""

    @field_validator("part_units", "part_septets")
    @classmethod
    def _check_room(cls, value: int, validation: ValidationInfo) -> int:
        chosen = validation.data.get("concatenation")
        if chosen is None:
            return value
        room = ROOM[chosen][0 if validation.field_name == "part_units" else 1]
        if value > room:
            raise ValueError(f'must be 2..{room}: concatenation = "{chosen}" leaves no more room in a part')
        return value


@cache
def shipped_profiles() -> Mapping[str, ProfileSettings]:
    """The profiles that come with the package, by name: one file each in config/carriers/."""
    found: dict[str, ProfileSettings] = {}
    for file in (files("config") / "carriers").iterdir():
        name, dot, suffix = file.name.rpartition(".")
        if dot and suffix == "toml":
            table: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
            found[name] = ProfileSettings.model_validate(table)
    return MappingProxyType(found)
