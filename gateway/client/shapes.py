"""The maps of the upstream protocol, version 1, as types; and what a client may choose (docs/upstream-protocol.md)."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class Message(TypedDict):
    """What is submitted: only `id`, `to` and `text` are required; times are Unix seconds."""

    id: str
    """Your own id, 1 to 64 printable ASCII characters: the same one is never sent twice."""
    to: str
    text: str
    sender: NotRequired[str]
    lane: NotRequired[Literal["otp", "urgent", "normal", "bulk"]]
    not_before: NotRequired[float]
    expires_at: NotRequired[float]
    on_unknown: NotRequired[Literal["resend", "report"]]
    receipt: NotRequired[bool]
    max_parts: NotRequired[int]
    carrier: NotRequired[str]
    tags: NotRequired[list[str]]
    operator: NotRequired[str]
    meta: NotRequired[dict[str, Any]]


AnyMessage: TypeAlias = Message | Mapping[str, Any]


class Result(TypedDict, total=False):
    """The answer to one message: `id`, `ok`, and either what it was accepted as, or `error` and `detail`."""

    id: str
    ok: bool
    message_id: str
    encoding: str
    parts: int
    units: int
    duplicate: bool
    """This id was accepted before, perhaps from ourselves before a reconnect; nothing more is sent."""
    warnings: list[str]
    carrier: str
    """Of a preview: by whose rules the parts were counted."""
    error: str
    detail: str


class PartStatus(TypedDict):
    """Where one part of a message is."""

    n: int
    state: str
    carrier_id: str
    status: int | None
    at: float | None


class Status(TypedDict, total=False):
    """Where a message is: `id`, `ok`, and either its state, or `error` and `detail`."""

    id: str
    ok: bool
    state: str
    final: bool
    carrier: str
    parts: list[PartStatus]
    error: str
    detail: str


Event = TypedDict(
    "Event",
    {
        "type": str,
        "at": float,
        "id": str,
        "message_id": str,
        "carrier": str,
        "final": bool,
        "meta": dict[str, Any],
        "possible_duplicate": bool,
        "parts": Any,
        "receipt": Any,
        "reason": str,
        "status": int,
        "status_name": str,
        "from": str,
        "to": str,
        "text": str,
        "data": bytes,
    },
    total=False,
)
"""What became of a message, or a text from a handset; which keys are there depends on its `type`."""


class Welcome(TypedDict, total=False):
    """What the gateway said at the greeting."""

    version: int
    client: str
    gateway: str
    credit: int
    max_frame: int
    max_batch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How long to wait, in seconds, and whether to try again."""

    connect_timeout: float = 10.0
    """For connecting, and again for the gateway's welcome."""
    answer_timeout: float = 30.0
    """For an answer; of many, for the next one."""
    ping_interval: float = 10.0
    """Silence after which the gateway is asked whether it is still there."""
    ping_timeout: float = 5.0
    """For its answer; then the connection is taken for dead."""
    reconnect: bool = True
    """Connect again when the connection is lost, and repeat what was not answered; else every call fails from then."""
    reconnect_min: float = 0.1
    """Before the first attempt to connect again; doubled with each that fails; up to half of it left out by chance."""
    reconnect_max: float = 10.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where the gateway is, and who we are."""

    address: str
    client: str
    secret: str = field(repr=False)
    tls: ssl.SSLContext | None = None

    @property
    def encrypted(self) -> bool:
        """TLS is spoken there."""
        return self.tls is not None or self.address.startswith("tls:")
