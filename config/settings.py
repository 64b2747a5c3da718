"""The whole configuration as frozen tables. Times in seconds, rates in parts per second, sizes in octets."""

import math
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, ValidationInfo, field_validator, model_validator

from config.accounts import BindSettings, CarrierSettings, OutbindSettings
from config.addresses import TcpAddress, UnixAddress
from config.clients import ClientSettings, Events, QuietHours, QuotaSettings
from config.crosschecks import check_across, details
from config.fields import (
    Digits,
    Endpoint,
    FilePath,
    FolderPath,
    LaneName,
    ListenAddress,
    Many,
    Messages,
    Name,
    Prefix,
    Sender,
    Table,
    TagName,
    Wait,
    between,
    conflict,
)
from config.profiles import ProfileSettings, shipped_profiles
from protocol.constants import Lane
from protocol.statuses import StatusClass

__all__ = [
    "ON_UNKNOWN",
    "BindSettings",
    "CarrierSettings",
    "ClientSettings",
    "Events",
    "GatewaySettings",
    "IncomingSettings",
    "LaneShares",
    "OnUnknown",
    "OutbindSettings",
    "ProfileSettings",
    "QuietHours",
    "QuotaSettings",
    "RouteSettings",
    "Settings",
    "UpstreamSettings",
    "UpstreamTls",
    "WebSettings",
]


class OnUnknown(StrEnum):
    """What to do when it can't be known whether the carrier took a message."""

    RESEND = "resend"
    REPORT = "report"


ON_UNKNOWN: Final[Mapping[Lane, OnUnknown]] = MappingProxyType(
    {
        Lane.OTP: OnUnknown.RESEND,
        Lane.URGENT: OnUnknown.RESEND,
        Lane.NORMAL: OnUnknown.RESEND,
        Lane.BULK: OnUnknown.REPORT,
    }
)
"""What a message that does not say gets, by its lane."""

MAX_LANE_SHARES: Final = 50
"""Percent of a carrier's parts that the lower lanes may be promised: the upper ones keep as much at least."""


class LaneShares(Table):
    """The least that each lower lane gets of a carrier's parts while it waits, in percent; together 50 at most."""

    urgent: Annotated[int, between(1, 30)] = 10
    """Percent for urgent, 1..30."""
    normal: Annotated[int, between(1, 30)] = 5
    """Percent for normal, 1..30."""
    bulk: Annotated[int, between(1, 30)] = 2
    """Percent for bulk, 1..30."""

    @field_validator("bulk")
    @classmethod
    def _check_sum(cls, value: int, validation: ValidationInfo) -> int:
        together = value + sum(validation.data.values())
        if together > MAX_LANE_SHARES:
            raise conflict(f"makes the shares {together} together; {MAX_LANE_SHARES} are allowed")
        return value

    @property
    def fractions(self) -> tuple[float, float, float]:
        """The shares as 0..1, upper lanes first."""
        return self.urgent / 100, self.normal / 100, self.bulk / 100


class GatewaySettings(Table):
    """The process and its store."""

    name: Name = "denpo"
    """What the gateway calls itself to clients, 1..64 of A-Z a-z 0-9 _ -."""
    data_dir: FolderPath = Path("var")
    """Folder of the embedded store, created with mode 0700."""
    drain_timeout: Annotated[float, between(0, 3600)] = 10.0
    """Seconds to wait at a stop for the rest of what was begun and the answers owed to us, 0..3600."""
    retention: Annotated[float, between(86_400, 31_536_000)] = 345_600.0
    """Seconds a finished message is remembered for duplicates and late receipts, 86400..31536000 (a day to a year)."""
    max_waiting: Annotated[int, between(1, 1_000_000_000)] = 5_000_000
    """Messages waiting on disk before more are refused with queue_full, 1..1000000000."""
    max_events: Annotated[int, between(1, 1_000_000_000)] = 5_000_000
    """Events on disk that a client has not acknowledged, 1..1000000000; at so many, its submits are refused with
    queue_full, and texts from handsets for it wait with the carrier. What was accepted is told beyond it, up to three
    events a message. They are counted at a start, which takes 1 s to 3 s for each million."""
    min_free: Annotated[int, between(0, 1_000_000_000_000_000)] = 536_870_912
    """Octets the disk must have left, 0..1000000000000000; below, submits are refused with queue_full, and what
    carriers deliver waits with them. It is the room for what is still to be told of what was accepted before."""
    lane_window: Messages = 10_000
    """Messages of one lane of one carrier held in memory, 1..1000000; the rest waits on disk."""
    lane_shares: LaneShares = LaneShares()
    """The least that each lane below otp gets of a carrier's parts while it waits, in percent."""
    outstanding: Messages = 50_000
    """Messages kept in memory while a receipt is awaited, 1..1000000; older ones are read from disk."""
    commit_batch: Messages = 200
    """New and changed messages above which another commit of the store is begun, 1..1000000; ten times as many while
    one waits for the disk."""
    join_timeout: Annotated[float, between(1, 86_400)] = 300.0
    """Seconds a long message from a handset waits for its other parts, 1..86400; then what came is told."""
    reference_hold: Annotated[float, between(60, 604_800)] = 259_200.0
    """Seconds the reference of a long message is not used again for the same sender and number, 60..604800."""
    reference_pairs: Messages = 200_000
    """Pairs of sender and number whose references are counted, 1..1000000; of more, the one idle longest is dropped."""
    max_early: Messages = 20_000
    """Receipts that wait for the answer they have overtaken, 1..1000000; of more, the oldest is given up."""
    early_hold: Annotated[float, between(60, 604_800)] = 3600.0
    """Seconds such a receipt waits, 60..604800."""
    home_hold: Annotated[float, between(0, 31_536_000)] = 2_592_000.0
    """Seconds the carrier that took a number's last message is asked first, 0..31536000 (a year); 0: always the first.

    Only where a route has several carriers, and one of all carriers has statuses that say "elsewhere".
    """
    max_homes: Annotated[int, between(1, 10_000_000)] = 1_000_000
    """Numbers of which this is remembered, 1..10000000; of more, those not written to for longest are forgotten."""
    max_fragments: Messages = 10_000
    """Long messages from handsets that wait for parts, 1..1000000; of more, the oldest is told as it is."""


class UpstreamTls(Table):
    """TLS on the TCP listeners."""

    cert: FilePath
    """PEM file of our certificate and its chain."""
    key: FilePath
    """PEM file of the private key, without a passphrase; may be the same file."""
    client_ca: FilePath | None = None
    """PEM file of the authorities whose client certificates are demanded; left out: none is asked for."""


class UpstreamSettings(Table):
    """The door for upstream applications."""

    listen: Many[ListenAddress] = (UnixAddress(Path("var/upstream.sock")), TcpAddress("127.0.0.1", 7070))
    """Where clients connect: "unix:PATH", "tcp:HOST:PORT"; port 0: any free one. At least one, each once."""
    tls: UpstreamTls | None = None
    """TLS for the TCP listeners; left out: none."""
    max_frame: Annotated[int, between(1024, 16_777_216)] = 1_048_576
    """Octets of the longest frame taken, 1024..16777216."""
    max_depth: Annotated[int, between(4, 64)] = 8
    """How deep a frame may be nested, 4..64; a submit with tags needs 4."""
    max_batch: Annotated[int, between(1, 100_000)] = 1000
    """Messages in one submit, 1..100000."""
    credit: Messages = 10_000
    """Messages a client may have submitted and not yet had a result for, 1..1000000."""
    unix_mode: Annotated[int, between(0, 0o777)] = 0o660
    """Permissions of Unix sockets, 0..511 (0o777): who may write to one may connect."""
    unix_group: str | None = None
    """The group that owns Unix sockets; left out: the process's own."""
    idle_timeout: Annotated[float, between(0, 86_400)] = 0.0
    """Seconds a client may ask nothing, not even ping, before it is disconnected, 0..86400; 0: for ever."""
    hello_timeout: Wait = 5.0
    """Seconds a new connection has to say hello, 0.01..3600."""
    write_timeout: Wait = 30.0
    """Seconds a client may leave what we write unread before it is disconnected, 0.01..3600."""
    max_connections: Annotated[int, between(1, 10_000)] = 256
    """Connections at once, 1..10000; more are closed at once."""
    events_in_memory: Messages = 10_000
    """Events of one client held in memory for its subscribers, 1..1000000; the rest is read from disk."""
    event_octets_in_memory: Annotated[int, between(65_536, 1_073_741_824)] = 33_554_432
    """Octets of such events, 65536..1073741824, likewise."""


class WebSettings(Table):
    """/metrics, /healthz and /readyz."""

    listen: Endpoint = TcpAddress("127.0.0.1", 9464)
    """HOST:PORT; port 0: any free one."""


class RouteSettings(Table):
    """Where messages go that fit all that is given here; what is left out (None) fits any."""

    carriers: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    """Carriers in order of preference. Either this or weights."""
    weights: dict[Name, Annotated[int, between(1, 1000)]] = Field(default_factory=dict)
    """Carriers and their shares, 1..1000. Either this or carriers."""
    prefixes: Many[Digits] | None = None
    """Beginnings of the number in E.164 without "+", like "8190"; 1..15 digits each."""
    senders: Many[Sender] | None = None
    """Sender ids."""
    clients: Many[Name] | None = None
    """Names of clients."""
    lanes: Many[LaneName] | None = None
    """Lanes: otp, urgent, normal, bulk."""

    @field_validator("carriers")
    @classmethod
    def _check_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise conflict("names a carrier twice")
        return value

    @field_validator("weights")
    @classmethod
    def _check_choice(cls, value: dict[str, int], validation: ValidationInfo) -> dict[str, int]:
        if "carriers" in validation.data and bool(value) == bool(validation.data["carriers"]):
            raise conflict("give one of carriers and weights" + (", not both" if value else ", naming at least one"))
        return value


class IncomingSettings(Table):
    """Who takes messages from handsets that fit all that is given here; what is left out (None) fits any."""

    client: Name
    """Name of the client that takes them."""
    destinations: Many[Prefix] | None = None
    """Beginnings of the number that the handset wrote to, as the carrier spells it, without "+"; 1..20 digits each."""
    senders: Many[Prefix] | None = None
    """Beginnings of the handset's number, likewise."""
    carriers: Many[Name] | None = None
    """Names of carriers."""


class Settings(Table):
    """Everything in the configuration file."""

    gateway: GatewaySettings = GatewaySettings()
    """The process and its store."""
    upstream: UpstreamSettings = UpstreamSettings()
    """The door for upstream applications."""
    web: WebSettings = WebSettings()
    """Metrics and health."""
    clients: dict[Name, ClientSettings] = Field(default_factory=dict)
    """Upstream applications by name."""
    quiet_hours: dict[TagName, QuietHours] = Field(default_factory=dict)
    """When messages with a tag are put aside, by tag; beside those of their client."""
    carriers: dict[Name, CarrierSettings]
    """Carrier accounts by name."""
    routes: Many[RouteSettings]
    """At least one; the first that fits is taken."""
    incoming: Annotated[tuple[IncomingSettings, ...], Field(strict=False)] = ()
    """Who takes messages from handsets: the first that fits; else the first client that sends from the number that was
    written to, else the only client; else the carrier is told that nobody takes it."""
    profiles: dict[Name, ProfileSettings] = Field(default_factory=dict)
    """Profiles by name; one that is named like a shipped one replaces it."""

    @model_validator(mode="wrap")
    @classmethod
    def _check_across(cls, raw: object, check: ModelWrapValidatorHandler[Self]) -> Self:
        """Report what is wrong between tables together with what is wrong inside them."""
        wrong = list(check_across(raw, shipped_profiles()))
        try:
            settings = check(raw)
        except ValidationError as error:
            wrong = [*details(error), *wrong]
        if wrong:
            raise ValidationError.from_exception_data(cls.__name__, wrong, hide_input=True)
        return settings

    def profile_of(self, carrier: str) -> ProfileSettings:
        """The profile of a carrier: a table of the configuration, else a shipped one."""
        name = self.carriers[carrier].profile
        return self.profiles.get(name) or shipped_profiles()[name]

    @property
    def home_hold(self) -> float:
        """Seconds for which the carrier of a number is remembered; 0 where no carrier has "elsewhere" statuses."""
        moving = any(StatusClass.ELSEWHERE in carrier.statuses.values() for carrier in self.carriers.values())
        return self.gateway.home_hold if moving else 0.0

    def burst_of_bind(self, carrier: str, rate: float) -> int:
        """Parts a bind with a rate of its own may send at once; never less than the carrier's longest message has."""
        return max(math.ceil(rate), self.profile_of(carrier).max_parts)

    def burst_of(self, carrier: str) -> int:
        """Parts a carrier may be sent at once after a silence; never less than its longest message has."""
        account = self.carriers[carrier]
        wanted = math.ceil(account.parts_per_second) if account.burst is None else account.burst
        return max(wanted, self.profile_of(carrier).max_parts)
