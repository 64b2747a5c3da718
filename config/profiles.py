"""Profiles: how one carrier wants texts cut and spells its receipts. Those shipped stand in config/carriers/."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import Field, ValidationInfo, field_validator

from config.fields import (
    BodyCodingName,
    CodingName,
    ConcatenationName,
    DataCodingKey,
    FinalStateName,
    FoldName,
    IdFormName,
    Table,
    ValidityName,
    between,
    conflict,
)
from protocol.constants import DATA_CODINGS, ROOM, Coding, Concatenation, Fold, IdForm

DEFAULT_PROFILE: Final = "generic"

DEFAULT_ROOM: Final = MappingProxyType(ROOM | {Concatenation.SAR: ROOM[Concatenation.UDH16]})
"""UCS-2 units, septets and octets that a part of a long message has room for unless the profile says otherwise.

With sar the carrier makes the header: reckon with the longer one (3GPP TS 23.040, 9.2.3.24).
"""

_ROOMS: Final = ("part_units", "part_septets", "part_octets")
_OPPOSITES: Final = (
    (Fold.TO_WAVE_DASH, Fold.TO_FULLWIDTH_TILDE),
    (Fold.TO_MINUS_SIGN, Fold.TO_FULLWIDTH_HYPHEN),
)


def _merge(own: Mapping[str, Coding]) -> Mapping[int, Coding]:
    known = {int(key, 0): coding for key, coding in own.items()}
    return {key: coding for key, coding in DATA_CODINGS.items() if key not in known} | known


def _room(place: int) -> Any:  # noqa: ANN401  # as Field itself says
    return Field(default_factory=lambda known: DEFAULT_ROOM[known.get("concatenation", Concatenation.UDH8)][place])


class ProfileSettings(Table):
    """Text and receipt habits of a carrier."""

    coding: CodingName = Coding.AUTO
    """The alphabet of data_coding 0 when every character is in it, else ucs2 (auto); or always the one named."""
    data_codings: dict[DataCodingKey, BodyCodingName] = Field(default_factory=dict)
    """What a data_coding of 0..255 stands for with this carrier, where it differs from SMPP 3.4 (5.2.19)."""
    concatenation: ConcatenationName = Concatenation.UDH8
    """How parts say that they belong together: udh8, udh16, sar; or uncut: payload, large (the carrier cuts)."""
    part_units: Annotated[int, between(2, 127)] = _room(0)
    """UTF-16 units in a part of a long UCS-2 message, 2..67 (udh16: 66, large: 127); else the most that fits."""
    part_septets: Annotated[int, between(2, 254)] = _room(1)
    """Septets in a part of a long GSM-7 or ASCII message, 2..153 (udh16: 152, large: 254); else the most that fits."""
    part_octets: Annotated[int, between(2, 254)] = _room(2)
    """Octets in a part of a long message of any other coding, 2..134 (udh16: 133, large: 254); else the most."""
    max_parts: Annotated[int, between(1, 255)] = 10
    """Parts of the longest message taken, 1..255; 255 is what one octet of the header can count."""
    short_charset: BodyCodingName | None = None
    """Texts of up to short_units may hold only what this coding can write, however they are sent; else any."""
    short_units: Annotated[int, between(1, 670)] = 70
    """UTF-16 units of the longest text that short_charset is about, 1..670."""
    folds: Annotated[tuple[FoldName, ...], Field(strict=False)] = ()
    """What may be written in the place of a character that this carrier garbles; the names are in the sample."""
    validity: ValidityName = "absolute"
    """How a message's expires_at is told in validity_period: absolute (in UTC), relative (the time left), or none."""
    message_id: IdFormName = IdForm.AUTO
    """How receipts spell the message_id of submit_sm_resp: auto, same, hex_to_dec, dec_to_hex."""
    final_states: Annotated[tuple[FinalStateName, ...], Field(strict=False)] = ()
    """States of receipts that end a part with this carrier, accepted (as delivered) and unknown (as undelivered)."""
    receipts_by_text: bool = False
    """true: a deliver_sm that says nothing of itself but reads as a receipt is one. A handset can forge it."""

    @property
    def table(self) -> Mapping[int, Coding]:
        """Every data_coding that stands for something; this profile's own last."""
        return _merge(self.data_codings)

    @field_validator("data_codings")
    @classmethod
    def _check_coding(cls, own: dict[str, Coding], validation: ValidationInfo) -> dict[str, Coding]:
        chosen = validation.data.get("coding", Coding.AUTO)
        needed = Coding.UCS2 if chosen is Coding.AUTO else chosen
        if needed not in _merge(own).values():
            raise conflict(f'has no number for coding = "{chosen}"; give it one, as in {{ "8" = "{needed}" }}')
        return own

    @field_validator(*_ROOMS)
    @classmethod
    def _check_room(cls, value: int, validation: ValidationInfo) -> int:
        chosen = validation.data.get("concatenation")
        if chosen is None:
            return value
        room = ROOM[chosen][_ROOMS.index(str(validation.field_name))]
        if value > room:
            raise ValueError(f'must be 2..{room}: concatenation = "{chosen}" leaves no more room in a part')
        return value

    @field_validator("folds")
    @classmethod
    def _check_folds(cls, folds: tuple[Fold, ...]) -> tuple[Fold, ...]:
        for one, other in _OPPOSITES:
            if one in folds and other in folds:
                raise conflict(f"{one.value} and {other.value} undo each other; give one of them")
        return folds


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
