"""The checks before acceptance: a client's map becomes a message, or a refusal that says why. Pure.

Refusals name keys, positions and kinds; never the number or the text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from config.fields import SENDER
from config.settings import ON_UNKNOWN, OnUnknown
from gateway.message import Message, State
from gateway.numbers import NumberError, normalise_number
from gateway.quiet import Quiet
from protocol.constants import Coding, Lane
from protocol.errors import SmppError, TextError
from protocol.normalise import explain_coding, is_plain, normalise
from protocol.text import Cut, Profile, cut
from protocol.upstream import pack

if TYPE_CHECKING:
    from config.settings import ClientSettings, Settings
    from gateway.routing import Plan, Router

MAX_META_OCTETS: Final = 1024
MAX_HOLD: Final = 30 * 86_400.0
"""Seconds a message may be scheduled ahead."""
END_OF_TIME: Final = 4_102_444_800.0
"""Unix seconds of 2100-01-01: SMPP writes years with two digits (3.4, 7.1.1)."""
MAX_PARTS: Final = 255
"""What one octet of a part's header can count (3GPP TS 23.040, 9.2.3.24.1)."""
MAX_TAGS: Final = 16
MAX_NAME: Final = 64
"""Characters of a tag, an operator or a carrier hint."""

_UCS2: Final = Coding.UCS2  # names of their own: to name a member of an enum takes 0.04 us (Python 3.11)
_AUTO: Final = Coding.AUTO
_WAITING: Final = State.WAITING

_ID: Final = re.compile(r"[ -~]{1,64}")
_LANES: Final = {lane.value: lane for lane in Lane}
_ON_UNKNOWN: Final = {choice.value: choice for choice in OnUnknown}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message was not accepted (upstream protocol: the refused result)."""

    id: Any
    error: str
    detail: str

    def result(self) -> dict[str, Any]:
        """The result map to answer with."""
        return {"id": self.id, "ok": False, "error": self.error, "detail": self.detail}


class _Refused(SmppError):
    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Guard:
    """Accepts or refuses what clients ask; knows the clients' defaults, the routes and the carriers' profiles."""

    def __init__(self, settings: "Settings", router: "Router", profiles: Mapping[str, Profile]) -> None:
        self.reconfigure(settings, router, profiles)

    def reconfigure(self, settings: "Settings", router: "Router", profiles: Mapping[str, Profile]) -> None:
        """Go by these settings from now on."""
        self._clients = settings.clients
        self._router = router
        self._profiles = profiles
        self._quiet = Quiet.of(settings)
        self._choices: dict[str, list[tuple[Profile, list[str]]]] = {}
        """By plan: see `_choose`. As many as the routes have, with and without hints."""

    def check(self, client: str, asked: object, now: float) -> Message | Refusal:
        """Make a message of what a client asks, with key 0 until the store gives it one. `now`: Unix seconds."""
        if not isinstance(asked, dict):
            return Refusal(None, "bad_message", "a message is a map")
        id_ = asked.get("id")
        if not isinstance(id_, str) or not _ID.fullmatch(id_):
            return Refusal(None, "bad_message", "id must be 1 to 64 printable ASCII characters")
        try:
            return self._accept(client, id_, asked, now)
        except (NumberError, TextError, _Refused) as error:
            return Refusal(id_, error.code, str(error))

    def _accept(self, client: str, id_: str, asked: dict[str, Any], now: float) -> Message:
        to, text = asked.get("to"), asked.get("text")
        if not isinstance(to, str) or not isinstance(text, str):
            raise _Refused(
                "bad_message", f"{'text' if isinstance(to, str) else 'to'} must be a string, and is required"
            )
        settings, more = self._clients[client], len(asked) > 3
        # nearly every message has but what is required: 0.4 us less than to look for everything else
        lane = _lane(asked, settings) if more else settings.lane
        sender = _sender(asked, settings) if more or settings.sender is None else settings.sender
        number = normalise_number(to)
        plan = self._router.find(number, sender, client, lane)
        if plan is None:
            raise _Refused("no_route", "no route fits this number, sender, client and lane")
        if more and (hint := _optional(asked, "carrier")) is not None:
            plan = plan.prefer(hint)
        plain = None if is_plain(text) else normalise(text)
        body = plain.text if plain else text
        warnings = plain.warnings if plain else []
        plan, profile, made = self._cut(body, plan, _most_parts(asked) if more else MAX_PARTS)
        coding, total = made.coding, len(made.pieces)
        message = Message(0, client, id_, number, sender, body, lane, plan.spelled, coding, made.units, total)
        if profile.folds:
            warnings += normalise(body, profile.folds).warnings
        if coding is _UCS2 and profile.coding is _AUTO:
            warnings += explain_coding(body)
        if warnings:
            message.warnings = warnings
        message.cut, message.cut_for, message.on_unknown = made, profile, ON_UNKNOWN[lane]
        if more:
            _take_options(message, asked, now)
        if self._quiet is not None and message.state is _WAITING:
            self._quiet.put_aside(message, now)
        return message

    def _cut(self, body: str, plan: "Plan", most: int) -> tuple["Plan", Profile, Cut]:
        """Cut a text for the first carrier of its plan that can carry it.

        Args: most: parts that the client allows.
        Returns: the plan with only those that can, the profile the text was cut by, and its parts.
        Raises: TextError: none can; what is wrong at the first.
        """
        choices = self._choices.get(plan.spelled) or self._choose(plan)
        if len(choices) == 1:
            return plan, choices[0][0], _cut_for(choices[0][0], body, most)
        made: list[tuple[Profile, Cut]] = []
        wrong: list[TextError] = []
        able: list[str] = []
        for profile, carriers in choices:
            try:
                made.append((profile, _cut_for(profile, body, most)))
                able += carriers
            except TextError as error:
                wrong.append(error)
        if not made:
            raise wrong[0]
        return plan.among(able) if wrong else plan, *made[0]

    def _choose(self, plan: "Plan") -> list[tuple[Profile, list[str]]]:
        """The profiles of a plan in order of preference, and whose they are: what is alike is cut once."""
        choices: list[tuple[Profile, list[str]]] = []
        for carrier in plan.carriers:
            alike = next((names for profile, names in choices if profile == self._profiles[carrier]), None)
            if alike is None:
                choices.append((self._profiles[carrier], [carrier]))
            else:
                alike.append(carrier)
        self._choices[plan.spelled] = choices
        return choices


def _lane(asked: dict[str, Any], settings: "ClientSettings") -> Lane:
    asked_lane = asked.get("lane")
    if asked_lane is None:
        return settings.lane
    lane = _LANES.get(asked_lane) if isinstance(asked_lane, str) else None
    if lane is None:
        raise _Refused("bad_message", f"lane must be one of {', '.join(_LANES)}")
    return lane


def _sender(asked: dict[str, Any], settings: "ClientSettings") -> str:
    sender = asked.get("sender")
    if sender is None:
        if settings.sender is None:
            raise _Refused("bad_sender", "sender is required: this client has no default")
        return settings.sender
    if not isinstance(sender, str) or not SENDER.fullmatch(sender):
        raise _Refused("bad_sender", "sender must be up to 20 digits or up to 11 printable ASCII characters")
    if settings.senders is not None and sender not in settings.senders:
        raise _Refused("bad_sender", "this client may not use this sender")
    return sender


def _most_parts(asked: dict[str, Any]) -> int:
    most = asked.get("max_parts")
    if most is None:
        return MAX_PARTS
    if type(most) is not int or most < 1:
        raise _Refused("bad_message", "max_parts must be an integer of at least 1")
    return min(most, MAX_PARTS)


def _cut_for(profile: Profile, body: str, most: int) -> Cut:
    return cut(body, profile if most >= profile.max_parts else replace(profile, max_parts=most))


def _take_options(message: Message, asked: dict[str, Any], now: float) -> None:
    on_unknown = asked.get("on_unknown")
    if on_unknown is not None:
        choice = _ON_UNKNOWN.get(on_unknown) if isinstance(on_unknown, str) else None
        if choice is None:
            raise _Refused("bad_message", f"on_unknown must be one of {', '.join(_ON_UNKNOWN)}")
        message.on_unknown = choice
    receipt = asked.get("receipt")
    if receipt is not None and type(receipt) is not bool:
        raise _Refused("bad_message", "receipt must be true or false")
    message.receipt = receipt is not False
    message.operator = _optional(asked, "operator")
    message.tags = _tags(asked)
    message.meta = _meta(asked)
    _take_times(message, asked, now)


def _take_times(message: Message, asked: dict[str, Any], now: float) -> None:
    not_before, expires_at = _time(asked, "not_before"), _time(asked, "expires_at")
    if not_before > now + MAX_HOLD:
        raise _Refused("bad_message", f"not_before may be {MAX_HOLD / 86_400:g} days ahead at most")
    if expires_at and expires_at <= max(now, not_before):
        raise _Refused("expired", "expires_at has passed" if expires_at <= now else "expires_at is before not_before")
    message.not_before, message.expires_at, message.due = not_before, expires_at, expires_at
    if not_before > now:
        message.state, message.due = State.HELD, not_before


def _time(asked: dict[str, Any], key: str) -> float:
    value = asked.get(key)
    if value is None:
        return 0.0
    if type(value) not in (int, float) or not 0 < value < END_OF_TIME:
        raise _Refused("bad_message", f"{key} must be Unix seconds, before the year 2100")
    return float(value)


def _optional(asked: dict[str, Any], key: str) -> str | None:
    value = asked.get(key)
    if value is None or (isinstance(value, str) and 1 <= len(value) <= MAX_NAME):
        return value
    raise _Refused("bad_message", f"{key} must be a string of 1 to {MAX_NAME} characters")


def _tags(asked: dict[str, Any]) -> list[str] | None:
    tags = asked.get("tags")
    if tags is None:
        return None
    if not isinstance(tags, list) or len(tags) > MAX_TAGS:
        raise _Refused("bad_message", f"tags must be an array of at most {MAX_TAGS} strings")
    if not all(isinstance(tag, str) and 1 <= len(tag) <= MAX_NAME for tag in tags):
        raise _Refused("bad_message", f"each of tags must be a string of 1 to {MAX_NAME} characters")
    return tags


def _meta(asked: dict[str, Any]) -> dict[str, Any] | None:
    meta = asked.get("meta")
    if meta is not None and (not isinstance(meta, dict) or len(pack(meta)) > MAX_META_OCTETS):
        raise _Refused("bad_message", f"meta must be a map of at most {MAX_META_OCTETS} octets when packed")
    return meta
