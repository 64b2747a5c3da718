"""What handsets would show: the last numbers, and what each received and sent, joined, in order, with every part."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from protocol.constants import MessageState
from protocol.receipt import STATE_NAMES
from simulator.conversations import conversation, conversations
from simulator.fates import Fates
from simulator.ledger import Ledger
from simulator.messages import Incoming

MAX_SENT: Final = 10_000
"""Messages from handsets remembered; of more, the oldest is forgotten."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a handset sent. at: seconds since 1970."""

    at: float
    number: str = field(repr=False)
    other: str = field(repr=False)
    text: str = field(repr=False)
    parts: int


class Phones:
    """Every handset that was written to or that wrote. Times in seconds since 1970; answers in JSON's types.

    Args: epoch: seconds since 1970 at the zero of the clock by which fates are told.
    """

    def __init__(self, ledger: Ledger, fates: Fates, epoch: float) -> None:
        self._ledger = ledger
        self._fates = fates
        self._epoch = epoch
        self._sent: deque[_Sent] = deque(maxlen=MAX_SENT)

    def note(self, incoming: Incoming, parts: int, at: float) -> None:
        """Remember what a handset sent."""
        number = incoming.source.removeprefix("+")
        self._sent.append(_Sent(at, number, incoming.destination.removeprefix("+"), incoming.text, parts))

    def clear(self) -> None:
        """Forget what handsets sent; what they received is the ledger's to forget."""
        self._sent.clear()

    async def newest(self, limit: int, now: float) -> list[dict[str, Any]]:
        """The handsets heard of last, newest first."""
        await self._ledger.examine(now)
        written = await conversations(self._ledger, limit)
        found = {each["number"]: _phone(each["number"], each["text"], each["time"]) for each in written}
        for sent in self._sent:
            if sent.number not in found or sent.at >= found[sent.number]["at"]:
                found[sent.number] = _phone(sent.number, sent.text, sent.at)
        return sorted(found.values(), key=lambda phone: phone["at"], reverse=True)[:limit]

    async def conversation(self, number: str, limit: int, now: float) -> dict[str, Any]:
        """What a handset received and sent, oldest first; of more than `limit` messages, the newest."""
        received = await conversation(self._ledger, number.encode(errors="replace"), limit, now)
        messages = [self._received(message, now) for message in received]
        messages += [_show_sent(sent) for sent in self._sent if sent.number == number]
        return {"number": number, "messages": sorted(messages, key=lambda message: message["at"])[-limit:]}

    def _received(self, message: dict[str, Any], now: float) -> dict[str, Any]:
        return {
            "direction": "to_phone",
            "at": message["time"],
            "other": message["source"],
            **{name: message[name] for name in ("text", "complete", "verdicts")},
            "parts": [self._part(part, now) for part in message["parts"]],
        }

    def _part(self, part: dict[str, Any], now: float) -> dict[str, Any]:
        fate = self._fates.known(part["message_id"].encode())
        state = fate.state(now - self._epoch) if fate else MessageState.UNKNOWN
        place = part["concatenation"] or {"reference": None, "total": 1, "number": 1}
        names = (
            "index",
            "message_id",
            "session",
            "data_coding",
            "coding",
            "units",
            "octets",
            "udh",
            "text",
            "verdicts",
        )
        return {**{name: part[name] for name in names}, **place, "state": STATE_NAMES[state]}


def _phone(number: str, text: str | None, at: float) -> dict[str, Any]:
    return {"number": number, "newest": text or "", "at": at}


def _show_sent(sent: _Sent) -> dict[str, Any]:
    shown = {"direction": "from_phone", "at": sent.at, "other": sent.other, "text": sent.text, "complete": True}
    return {**shown, "verdicts": [], "parts": []}
