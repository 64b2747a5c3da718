import re
from datetime import time
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from config.addresses import TcpAddress, UnixAddress
from config.settings import (
    ON_UNKNOWN,
    BindSettings,
    CarrierSettings,
    ClientSettings,
    Events,
    GatewaySettings,
    IncomingSettings,
    LaneShares,
    OnUnknown,
    ProfileSettings,
    QuietHours,
    QuotaSettings,
    RouteSettings,
    Settings,
    UpstreamSettings,
    UpstreamTls,
    WebSettings,
)
from protocol.constants import BindType, Concatenation, Lane
from tests.config.documents import plant, right

TABLES: tuple[type[BaseModel], ...] = (
    Settings,
    GatewaySettings,
    LaneShares,
    UpstreamSettings,
    UpstreamTls,
    WebSettings,
    ClientSettings,
    QuietHours,
    QuotaSettings,
    CarrierSettings,
    BindSettings,
    RouteSettings,
    IncomingSettings,
    ProfileSettings,
)
PLACES: dict[type[BaseModel], tuple[str | int, ...]] = {
    GatewaySettings: ("gateway",),
    LaneShares: ("gateway", "lane_shares"),
    UpstreamSettings: ("upstream",),
    ClientSettings: ("clients", "bank"),
    QuotaSettings: ("clients", "bank", "quota"),
    CarrierSettings: ("carriers", "alpha"),
    BindSettings: ("carriers", "alpha", "binds", 0),
    ProfileSettings: ("profiles", "example"),
}
RANGE = re.compile(r"\b([0-9.]*[0-9]|[a-z]+_min)\.\.([0-9]+)")
SMALLEST = 0.01
"""Of all times that may not be 0."""


def tree() -> dict[str, Any]:
    """The right configuration as load() would hand it to Settings: references followed."""
    return plant(plant(right(), ("clients", "bank", "secret"), "s"), ("carriers", "alpha", "binds", 0, "password"), "p")


def number_of(field: FieldInfo) -> type[int] | type[float] | None:
    """int or float when that is what a key holds, perhaps left out."""
    kinds = {get_args(kind)[0] if get_origin(kind) is Annotated else kind for kind in get_args(field.annotation)}
    if get_origin(field.annotation) in (dict, tuple):
        return None
    return next((kind for kind in (int, float) if kind is field.annotation or kind in kinds), None)


FIELDS = [(table, key) for table in TABLES for key in table.model_fields]
NUMBERS = [(table, key) for table, key in FIELDS if number_of(table.model_fields[key])]


@pytest.mark.parametrize(("table", "key"), FIELDS)
def test_every_key_is_described(table: type[BaseModel], key: str) -> None:
    assert table.model_fields[key].description


@pytest.mark.parametrize(("table", "key"), NUMBERS)
def test_a_number_has_the_range_its_description_says(table: type[BaseModel], key: str) -> None:
    field = table.model_fields[key]
    low, high = RANGE.search(field.description or "").groups()  # type: ignore[union-attr]  # None fails the test
    kind, beyond = (int, 1) if number_of(field) is int else (float, 0.001)
    loc = (*PLACES[table], key)
    least = SMALLEST if low.endswith("_min") else kind(low)
    for value in (least, kind(high)):
        made = plant(tree(), loc, value)
        if key.endswith("_min"):
            plant(made, (*PLACES[table], key.replace("_min", "_max")), kind(high))
        if low.endswith("_min"):
            plant(made, (*PLACES[table], low), SMALLEST)
        Settings.model_validate(made)
    for value in (least - beyond, kind(high) + beyond):
        with pytest.raises(ValidationError, match="must be "):
            Settings.model_validate(plant(tree(), loc, value))


@pytest.mark.parametrize("value", ["10", True, 10.0, 10.5, None, [10], {}])
def test_an_integer_is_never_made_from_something_else(value: object) -> None:
    with pytest.raises(ValidationError, match="integer"):
        Settings.model_validate(plant(tree(), ("carriers", "alpha", "binds", 0, "window"), value))


@pytest.mark.parametrize("value", ["10", True, None, float("inf"), float("nan"), 10**400])
def test_a_number_of_seconds_is_finite_and_a_number(value: object) -> None:
    with pytest.raises(ValidationError, match=r"must be 0\.\.3600|valid number"):
        Settings.model_validate(plant(tree(), ("gateway", "drain_timeout"), value))


def test_an_integer_will_do_for_seconds() -> None:
    assert GatewaySettings(drain_timeout=3).drain_timeout == 3.0


@pytest.mark.parametrize("value", [1, "true"])
def test_a_boolean_is_never_made_from_something_else(value: object) -> None:
    with pytest.raises(ValidationError, match="boolean"):
        Settings.model_validate(plant(tree(), ("carriers", "alpha", "binds", 0, "tls"), value))


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = Settings.model_validate(tree())
    alpha = settings.carriers["alpha"]
    bind, bank = alpha.binds[0], settings.clients["bank"]
    gateway, upstream = settings.gateway, settings.upstream
    assert (gateway.name, gateway.data_dir, gateway.drain_timeout) == ("denpo", Path("var"), 10.0)
    assert upstream.listen == (UnixAddress(Path("var/upstream.sock")), TcpAddress("127.0.0.1", 7070))
    assert (upstream.tls, settings.web.listen) == (None, TcpAddress("127.0.0.1", 9464))
    assert (upstream.max_frame, upstream.max_depth, upstream.max_batch, upstream.hello_timeout) == (2**20, 8, 1000, 5.0)
    assert (bank.sender, bank.senders, bank.lane, bank.events) == (None, None, Lane.NORMAL, Events.ALL)
    assert (alpha.profile, alpha.parts_per_second, alpha.response_timeout) == ("generic", 50.0, 60.0)
    assert (alpha.unknown_grace, alpha.enquire_link_interval) == (300.0, 30.0)
    assert (bind.port, bind.type, bind.system_type, bind.window) == (2775, BindType.TRANSCEIVER, "", 10)
    assert (bind.source_ton, bind.source_npi, bind.dest_ton, bind.dest_npi, bind.tls) == (None, None, 1, 1, False)


@pytest.mark.parametrize("kind", list(BindType))
def test_every_type_of_bind_is_understood(kind: BindType) -> None:
    loc = ("carriers", "alpha", "binds", 0, "type")
    settings = Settings.model_validate(plant(tree(), loc, kind.value))
    assert settings.carriers["alpha"].binds[0].type is kind


def test_settings_are_frozen() -> None:
    settings = Settings.model_validate(tree())
    with pytest.raises(ValidationError, match="frozen"):
        settings.carriers["alpha"].binds[0].window = 5


def test_secrets_are_not_in_the_repr() -> None:
    made = plant(
        plant(tree(), ("clients", "bank", "secret"), "hush"), ("carriers", "beta", "binds", 0, "password"), "mum"
    )
    settings = Settings.model_validate(made)
    assert "hush" not in repr(settings)
    assert "mum" not in repr(settings)
    assert settings.clients["bank"].secret.get_secret_value() == "hush"


def test_every_lane_says_what_to_do_with_the_unknown() -> None:
    assert {lane: str(ON_UNKNOWN[lane]) for lane in Lane} == {
        Lane.OTP: "resend",
        Lane.URGENT: "resend",
        Lane.NORMAL: "resend",
        Lane.BULK: "report",
    }
    assert set(OnUnknown) == {"resend", "report"}


def test_a_carrier_has_the_shipped_profile_unless_a_table_replaces_it() -> None:
    assert Settings.model_validate(tree()).profile_of("alpha") == ProfileSettings()
    replaced = plant(tree(), ("profiles", "generic", "max_parts"), 3)
    assert Settings.model_validate(replaced).profile_of("alpha").max_parts == 3


def test_a_carrier_may_have_a_profile_of_the_configuration() -> None:
    made = plant(plant(tree(), ("profiles", "slow", "concatenation"), "sar"), ("carriers", "beta", "profile"), "slow")
    settings = Settings.model_validate(made)
    assert settings.profile_of("beta").concatenation is Concatenation.SAR
    assert settings.profile_of("alpha").concatenation is Concatenation.UDH8


@pytest.mark.parametrize(
    ("rate", "burst", "expected"),
    [(50, None, 50), (50.5, None, 51), (0, None, 10), (3, None, 10), (50, 20, 20), (50, 4, 10)],
)
def test_a_burst_is_a_second_long_and_never_shorter_than_a_message(
    rate: float, burst: int | None, expected: int
) -> None:
    made = plant(tree(), ("carriers", "alpha", "parts_per_second"), rate)
    if burst is not None:
        plant(made, ("carriers", "alpha", "burst"), burst)
    assert Settings.model_validate(made).burst_of("alpha") == expected


def test_settings_made_from_tables_are_checked_across_too() -> None:
    bind = BindSettings.model_validate({"host": "a", "system_id": "b", "password": "c"})
    carriers = {"alpha": CarrierSettings(profile="genric", binds=(bind,))}
    with pytest.raises(
        ValidationError, match=r"(?s)profile\n.*did you mean generic.*carriers\.0\n.*did you mean alpha"
    ):
        Settings(carriers=carriers, routes=(RouteSettings(carriers=("alhpa",)),))


def test_listeners_made_from_addresses_are_compared_too() -> None:
    twice = UpstreamSettings(listen=(TcpAddress("::1", 7), UnixAddress(Path("a")), TcpAddress("::1", 7)))
    with pytest.raises(ValidationError, match=r"is the same address as upstream\.listen\.0"):
        Settings.model_validate(plant(tree(), ("upstream",), twice))


def test_settings_made_from_tables_stay_as_they_are() -> None:
    whole = Settings.model_validate(tree())
    again = Settings(web=whole.web, clients=whole.clients, carriers=whole.carriers, routes=whole.routes)
    assert again == whole


def test_the_lower_lanes_are_promised_half_of_the_parts_at_most() -> None:
    assert LaneShares(urgent=30, normal=10, bulk=10).fractions == (0.3, 0.1, 0.1)
    with pytest.raises(ValidationError, match="makes the shares 51 together; 50 are allowed"):
        LaneShares(urgent=30, normal=10, bulk=11)


OUTBIND = {"listen": "127.0.0.1:2776", "system_id": "smsc", "password": "hush"}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"host": "smsc.example", "outbind": OUTBIND}, "has no effect with outbind"),
        ({}, "is missing"),
        ({"outbind": OUTBIND, "type": "transmitter"}, "must be receiver or transceiver"),
        ({"outbind": OUTBIND, "tls": True}, "cert and key are needed with outbind and tls"),
        ({"outbind": {**OUTBIND, "password": "123456789"}}, "at most 8"),
    ],
)
def test_a_bind_says_who_connects_and_only_what_goes_with_it(keys: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        BindSettings.model_validate({"system_id": "denpo", "password": "sesame", **keys})


def test_a_bind_tells_people_where_its_connection_is_made() -> None:
    who = {"system_id": "denpo", "password": "sesame"}
    assert BindSettings.model_validate({**who, "host": "::1"}).place == "[::1]:2775"
    assert BindSettings.model_validate({**who, "outbind": OUTBIND}).place == "outbind at 127.0.0.1:2776"


@pytest.mark.parametrize("zone", ["", "Tokyo", "America", "/etc/passwd", "../UTC", "Asia/Tokyo\0", "長" * 999, "asia"])
def test_a_time_zone_is_one_that_there_is(zone: str) -> None:
    with pytest.raises(ValidationError, match="must be a time zone by its IANA name"):
        QuotaSettings(parts_per_day=1, zone=zone)


def test_times_of_day_may_be_written_as_toml_writes_them() -> None:
    assert QuietHours(begin=time(21), end=time(8)) == QuietHours.model_validate({"begin": "21:00", "end": "08:00"})
