"""Which carriers may carry a message, and which of them does: pure.

A route gives a plan at the acceptance; the plan gives a carrier when the message is about to be sent, so what waits
moves on when a carrier is down.
"""

from bisect import bisect
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from config.settings import RouteSettings
    from gateway.message import Message
    from protocol.constants import Lane


@dataclass(frozen=True)
class Plan:
    """Carriers that may carry a message: in order of preference, or by weight when there are weights."""

    carriers: tuple[str, ...]
    weights: tuple[int, ...] = ()
    hinted: bool = False
    """Whether the client has named the first: then it knows better than we who has the number."""

    @cached_property
    def spelled(self) -> str:
        """How the store spells it: "alpha,beta", with a hint "=alpha,beta", or "alpha:3,beta:1"."""
        if not self.weights:
            return "=" * self.hinted + ",".join(self.carriers)
        return ",".join(f"{carrier}:{weight}" for carrier, weight in zip(self.carriers, self.weights, strict=True))

    @classmethod
    def parse(cls, spelled: str) -> "Plan":
        """Read what `spelled` is."""
        pairs = [entry.partition(":") for entry in spelled.removeprefix("=").split(",")]
        weights = tuple(int(weight) for _, _, weight in pairs if weight)
        return cls(tuple(name for name, _, _ in pairs), weights, spelled.startswith("="))

    @staticmethod
    def is_open(spelled: str) -> bool:
        """Whether a plan that is spelled so has several carriers, and no client has said which to try first."""
        return "," in spelled and spelled[0] != "="

    def choose(self, key: int, up: Container[str]) -> str:
        """Choose the carrier for a message: among those that are up when any is, else among all.

        The same message always gets the same answer, so its parts stay together.
        """
        usable = [n for n, carrier in enumerate(self.carriers) if carrier in up] or range(len(self.carriers))
        return self.carriers[usable[self._first(key, usable)]]

    def choose_again(self, message: "Message", up: Container[str]) -> str:
        """Choose for a message of which more is known than its key.

        A carrier that has said the number is not of its own is not asked again; who took the number's last message is
        asked first; after each refusal for the moment it is the next one's turn, among those that are up when any is.
        """
        left = [n for n, carrier in enumerate(self.carriers) if carrier not in message.disowned_by]
        left = left or list(range(len(self.carriers)))
        usable = [n for n in left if self.carriers[n] in up] or left
        names = [self.carriers[n] for n in usable]
        first = names.index(message.home) if message.home in names else self._first(message.key, usable)
        return names[(first + message.attempts) % len(names)]

    def _first(self, key: int, usable: Sequence[int]) -> int:
        """The place in `usable` of the carrier that comes first for a message."""
        if not self.weights:
            return 0
        ends = list(accumulate(self.weights[n] for n in usable))
        return bisect(ends, _scatter(key) % ends[-1])

    def among(self, known: Container[str]) -> "Plan":
        """The plan with only the carriers that are known; it may have none left."""
        kept = [n for n, carrier in enumerate(self.carriers) if carrier in known]
        weights = tuple(self.weights[n] for n in kept) if self.weights else ()
        return Plan(tuple(self.carriers[n] for n in kept), weights, self.hinted and len(kept) > 1)

    def prefer(self, carrier: str) -> "Plan":
        """The plan with this carrier tried first; unchanged when it is not one of them."""
        if carrier not in self.carriers or len(self.carriers) == 1:
            return self
        return Plan((carrier, *(other for other in self.carriers if other != carrier)), hinted=True)


class Router:
    """The routes of the configuration, in order; the first that fits is taken."""

    def __init__(self, routes: Iterable["RouteSettings"]) -> None:
        self._routes: Final = [(route, _plan(route)) for route in routes]

    def find(self, to: str, sender: str, client: str, lane: "Lane") -> Plan | None:
        """The plan for a message; None when no route fits. `to`: E.164 without the plus sign."""
        for route, plan in self._routes:
            if (
                (not route.prefixes or to.startswith(route.prefixes))
                and (not route.senders or sender in route.senders)
                and (not route.clients or client in route.clients)
                and (not route.lanes or lane in route.lanes)
            ):
                return plan
        return None


def _plan(route: "RouteSettings") -> Plan:
    return Plan(tuple(route.weights), tuple(route.weights.values())) if route.weights else Plan(route.carriers)


def _scatter(key: int) -> int:
    """Spread keys evenly over 32 bits whatever their rhythm (the last steps of MurmurHash3)."""
    key = (key ^ key >> 32) & 0xFFFFFFFF
    key = (key ^ key >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    key = (key ^ key >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return key ^ key >> 16
