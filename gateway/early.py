"""Receipts that have overtaken the answer that names their message: kept until it comes, in memory and on disk alike.

No I/O of its own: everything is noted with the store, to be on disk with its next commit. Times are Unix seconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import msgpack

from gateway.message import PartState
from protocol.receipt import Said
from protocol.upstream import pack

if TYPE_CHECKING:
    from config.settings import GatewaySettings
    from gateway.metrics import Counts
    from gateway.store import Store

CHECKED_DIGITS: Final = 8
"""Trailing digits of a receipt's number that must be the message's: carriers spell the rest in many ways."""

Receipt: TypeAlias = tuple[PartState, Said, list[str]]
"""(what it makes of its part, what it says, the last CHECKED_DIGITS of both numbers that it names)."""


@dataclass(slots=True, eq=False)
class _Kept:
    key: int
    """Grows: order and identity."""
    carrier: str
    packed: bytes = field(repr=False)
    at: float
    spellings: list[str]
    """What the answer may call the message, best first."""
    outcome: PartState
    said: Said = field(repr=False)
    about: list[str] = field(repr=False)
    """The last CHECKED_DIGITS of both numbers that it names."""


class EarlyReceipts:
    """Those of all carriers; `load` before the first.

    Ids collide: "10" is "16" in another form, and a carrier may use an id again. So every receipt is kept under every
    spelling, beside those that are there, and is given to a part only if it names the part's number; of several, the
    one whose own id is nearest to the answer's spelling, then the oldest. The same receipt that comes again is kept
    once. What no answer has asked for in `early_hold` seconds, or when `max_early` newer ones wait, is given up.
    """

    def __init__(self, limits: "GatewaySettings", store: "Store", counts: "Counts") -> None:
        self._hold, self._most = limits.early_hold, limits.max_early
        self._store = store
        self._counts = counts.carriers
        self._kept: dict[tuple[str, bytes], _Kept] = {}
        """By carrier and all that they say; oldest first."""
        self._named: dict[tuple[str, str], list[_Kept]] = {}
        """By carrier and spelling; oldest first."""
        self._last_key = 0

    def __len__(self) -> int:
        return len(self._kept)

    def load(self, rows: Iterable[tuple[int, str, bytes, float]]) -> None:
        """Take over what the last run has kept: (key, carrier, packed, time) rows, oldest first."""
        for key, carrier, packed, at in rows:
            spellings, outcome, said, about = msgpack.unpackb(packed)
            self._put(_Kept(key, carrier, packed, at, spellings, PartState(outcome), tuple(said), about))

    def keep(self, carrier: str, spellings: list[str], receipt: Receipt, now: float) -> None:
        """Keep a receipt whose message is not known (yet).

        Args: spellings: what the answer may call the message, best first. receipt: what it makes of its part, what it
            says, and the last CHECKED_DIGITS of both numbers that it names.
        """
        packed = pack((spellings, *receipt))
        if (carrier, packed) not in self._kept:
            self._put(_Kept(self._last_key + 1, carrier, packed, now, spellings, *receipt))
            self._store.keep_early(self._last_key, carrier, packed, now)

    def waits(self, carrier: str, carrier_id: str) -> bool:
        """Whether a receipt waits for an answer that calls its message so, whatever its number."""
        return (carrier, carrier_id) in self._named

    def take(self, carrier: str, carrier_id: str, to: str, now: float) -> tuple[PartState, Said] | None:
        """Take out the receipt of a message to this number that its carrier has just called so, if one waits."""
        named = self._named.get((carrier, carrier_id))
        if named is None:
            return None
        number, since = to[-CHECKED_DIGITS:], now - self._hold
        fitting = [kept for kept in named if kept.at > since and number in kept.about]
        if not fitting:
            return None
        best = min(fitting, key=lambda kept: (kept.spellings.index(carrier_id), kept.key))
        self._drop(best)
        return best.outcome, best.said

    def expire(self, now: float) -> None:
        """Give up those that have waited too long."""
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if oldest.at > now - self._hold:
                return
            self._give_up(oldest)

    def _put(self, kept: _Kept) -> None:
        self._last_key = max(kept.key, self._last_key)
        self._kept[kept.carrier, kept.packed] = kept
        for spelling in kept.spellings:
            self._named.setdefault((kept.carrier, spelling), []).append(kept)
        while len(self._kept) > self._most:
            self._give_up(next(iter(self._kept.values())))

    def _give_up(self, kept: _Kept) -> None:
        if kept.carrier in self._counts:  # else it is configured no more
            self._counts[kept.carrier].receipts_unmatched += 1
        self._drop(kept)

    def _drop(self, kept: _Kept) -> None:
        del self._kept[kept.carrier, kept.packed]
        self._store.forget_early(kept.key)
        for spelling in kept.spellings:
            named = self._named[kept.carrier, spelling]
            named.remove(kept)
            if not named:
                del self._named[kept.carrier, spelling]
