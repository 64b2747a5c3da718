"""Settings of carrier accounts and their binds. Times in seconds, rates in parts per second."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from config.addresses import TcpAddress
from config.fields import (
    BindTypeName,
    Endpoint,
    FilePath,
    Host,
    Many,
    Messages,
    Name,
    Octet,
    Password,
    Port,
    StatusClassName,
    StatusText,
    SystemId,
    SystemType,
    Table,
    Wait,
    between,
    conflict,
)
from config.profiles import DEFAULT_PROFILE
from protocol.constants import BindType


class OutbindSettings(Table):
    """The SMSC connects to us, says who it is, and is bound to over that connection (SMPP 3.4, 2.2.1, 4.1.7)."""

    listen: Endpoint
    """HOST:PORT that the SMSC connects to; with tls in the bind it has to speak TLS, cert and key being ours."""
    system_id: SystemId
    """Who the SMSC says it is, 0..15 ASCII characters."""
    password: Password
    """The SMSC's password, 0..8 ASCII characters."""
    timeout: Wait = 10.0
    """Seconds from a connection to its outbind, TLS handshake included, 0.01..3600."""
    max_connections: Annotated[int, between(1, 1000)] = 4
    """Connections at once that have not sent their outbind yet, 1..1000; more are closed at once."""


class BindSettings(Table):
    """One SMPP bind: a connection to an SMSC that is kept up."""

    outbind: OutbindSettings | None = None
    """When the SMSC connects to us; left out: we connect to it. Either this or host."""
    host: Host | None = None
    """Host name or IP address of the SMSC. Either this or outbind."""
    port: Port = 2775
    """TCP port of the SMSC, 1..65535."""
    type: BindTypeName = BindType.TRANSCEIVER
    """transceiver (submits and deliveries), transmitter (submits only), receiver (deliveries only)."""
    system_id: SystemId
    """Who we are to the carrier, 0..15 ASCII characters (SMPP 3.4, 5.2.1)."""
    password: Password
    """Our password, 0..8 ASCII characters (SMPP 3.4, 5.2.2)."""
    system_type: SystemType = ""
    """What kind of system we are, 0..12 ASCII characters; mostly empty (SMPP 3.4, 5.2.3)."""
    window: Annotated[int, between(1, 1000)] = 10
    """submit_sm unanswered at once, 1..1000."""
    parts_per_second: Annotated[float, between(0, 100_000)] = 0.0
    """Most parts a second over this bind, 0..100000; 0: only the account's limit."""
    source_ton: Octet | None = None
    """source_addr_ton, 0..255. Left out: by sender: "+" and digits 1, digits 0, anything else 5 (SMPP 3.4, 5.2.5)."""
    source_npi: Octet | None = None
    """source_addr_npi, 0..255. Left out: by sender: "+" and digits 1, digits 0, anything else 0 (SMPP 3.4, 5.2.6)."""
    dest_ton: Octet = 1
    """dest_addr_ton, 0..255; 1 is international, numbers being sent as 8190… without "+" (SMPP 3.4, 5.2.5)."""
    dest_npi: Octet = 1
    """dest_addr_npi, 0..255; 1 is the telephone plan, E.164 (SMPP 3.4, 5.2.6)."""
    tls: bool = False
    """true: TLS, the certificate verified and the host name checked."""
    ca: FilePath | None = None
    """PEM file of the authorities to trust; left out: the system's. Needs tls."""
    cert: FilePath | None = None
    """PEM file of our certificate, when the carrier asks for one. Needs tls and key."""
    key: FilePath | None = None
    """PEM file of the private key to cert, without a passphrase; may be the same file."""

    @property
    def place(self) -> str:
        """Where its connection is made, for people."""
        if self.outbind:
            return f"outbind at {self.outbind.listen.authority}"
        return TcpAddress(self.host or "", self.port).authority

    @field_validator("host")
    @classmethod
    def _check_way(cls, value: str | None, validation: ValidationInfo) -> str | None:
        if "outbind" in validation.data and (value is None) == (validation.data["outbind"] is None):
            raise conflict("is missing" if value is None else "has no effect with outbind: the SMSC connects to us")
        return value

    @field_validator("type")
    @classmethod
    def _check_type(cls, value: BindType, validation: ValidationInfo) -> BindType:
        if value is BindType.TRANSMITTER and validation.data.get("outbind"):
            raise conflict("must be receiver or transceiver with outbind (SMPP 3.4, 2.2.1)")
        return value

    @field_validator("ca", "cert", "key")
    @classmethod
    def _check_tls(cls, value: object, validation: ValidationInfo) -> object:
        if value is not None and validation.data.get("tls") is False:
            raise conflict("has no effect without tls = true")
        return value

    @field_validator("key")
    @classmethod
    def _check_pair(cls, value: object, validation: ValidationInfo) -> object:
        if "cert" in validation.data and (value is None) != (validation.data["cert"] is None):
            raise conflict("cert and key are needed together")
        if value is None and validation.data.get("tls") and validation.data.get("outbind"):
            raise conflict("cert and key are needed with outbind and tls: we are the server")
        return value


class CarrierSettings(Table):
    """One account at one carrier: the rate is of the account, the window of each bind."""

    profile: Name = DEFAULT_PROFILE
    """Text and receipt habits: a table [profiles.NAME], else a profile that is shipped."""
    parts_per_second: Annotated[float, between(0, 100_000)] = 50.0
    """Most parts a second over all binds, 0..100000; 0: no limit of ours."""
    burst: Annotated[int, between(1, 100_000)] | None = None
    """Parts that may go at once after a silence, 1..100000; left out: a second's worth. See Settings.burst_of."""
    response_timeout: Wait = 60.0
    """Seconds until a part without a response is unknown, 0.01..3600."""
    unknown_grace: Annotated[float, between(0, 86400)] = 300.0
    """Seconds an unknown part waits for a late response or a receipt before on_unknown decides, 0..86400."""
    bind_timeout: Wait = 10.0
    """Seconds to wait for the answer to a bind, 0.01..3600."""
    connect_timeout: Wait = 10.0
    """Seconds for connecting, TLS handshake included, 0.01..3600."""
    write_timeout: Wait = 30.0
    """Seconds the SMSC may leave what we write unread before the bind is given up, 0.01..3600."""
    enquire_link_interval: Wait = 30.0
    """Seconds of silence before we ask whether the link is alive, 0.01..3600."""
    enquire_link_timeout: Wait = 10.0
    """Seconds to wait for the answer to enquire_link before the link is dead, 0.01..3600."""
    inactivity_timeout: Annotated[float, between(0, 86400)] = 0.0
    """Seconds without any transaction but enquire_link until we unbind and bind again, 0..86400; 0: never."""
    peer_unbind_timeout: Wait = 3.0
    """Seconds after the SMSC has asked to unbind in which what is unanswered may be answered, 0.01..3600."""
    settled_after: Wait = 60.0
    """Seconds a bind has to be up for its failures to be forgotten, 0.01..3600."""
    reconnect_min: Wait = 1.0
    """Seconds before the first attempt to bind again, 0.01..3600; doubled after each failure of the same cause."""
    reconnect_max: Wait = 60.0
    """Seconds between attempts to bind at most, reconnect_min..3600."""
    max_attempts: Annotated[int, between(1, 1000)] = 5
    """Tries of a part that the carrier refuses for the moment, 1..1000; throttling uses up none."""
    retry_min: Wait = 5.0
    """Seconds before the second try, 0.01..3600; doubled after each."""
    retry_max: Annotated[float, between(0.01, 86400)] = 600.0
    """Seconds between tries at most, retry_min..86400."""
    statuses: dict[StatusText, StatusClassName] = Field(default_factory=dict)
    """What errors of this carrier mean, by name or number: throttle, transient, session, permanent or elsewhere.

    elsewhere: the number is not of this carrier's; the next of the route gets the message, if no part was taken.
    """
    already_bound_wait: Wait = 60.0
    """Seconds after "already bound" until we try again, 0.01..3600, up to twice: the SMSC may keep a dead session."""
    credentials_wait: Wait = 300.0
    """Seconds after a wrong system_id or password until we try again, 0.01..3600, up to twice: some lock accounts."""
    throttle_pause: Wait = 0.1
    """Seconds a bind is silent when the SMSC says that it is too fast, 0.01..3600; then it goes on slower."""
    stall_timeout: Wait = 60.0
    """Seconds without a part sent, though messages wait and may go, until a bind is made again, 0.01..3600."""
    max_undelivered: Messages = 5000
    """deliver_sm read and not yet answered at once, 1..1000000; at the limit the bind is not read."""
    binds: Many[BindSettings]
    """At least one bind."""

    @field_validator("reconnect_max", "retry_max")
    @classmethod
    def _check_order(cls, value: float, validation: ValidationInfo) -> float:
        least = f"{str(validation.field_name).removesuffix('_max')}_min"
        if value < validation.data.get(least, value):
            raise ValueError(f"must be at least {least} ({validation.data[least]})")
        return value
