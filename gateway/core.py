"""What the rooms of the gateway share: one object that is handed around instead of ten."""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import trio

from config.settings import Settings
from gateway.bounds import Bounds
from gateway.early import EarlyReceipts
from gateway.incoming import Incoming
from gateway.lanes import Lanes
from gateway.metrics import CarrierCounts, Counts
from gateway.outstanding import Outstanding
from gateway.quotas import Quotas
from gateway.routing import Router
from gateway.runs import RunSettler
from gateway.store import Store
from protocol.references import References
from protocol.text import Profile


@dataclass(slots=True)
class Core:
    """The shared pieces, made by `build`."""

    settings: Settings
    store: Store
    lanes: Lanes
    outstanding: Outstanding
    settler: RunSettler
    early: EarlyReceipts
    bounds: Bounds
    incoming: Incoming
    router: Router
    profiles: dict[str, Profile]
    references: References
    quotas: Quotas
    counts: Counts
    clock: Callable[[], float]
    """Unix seconds."""
    chance: Callable[[], float]
    """Random floats in 0..1."""
    waiting: dict[int, int] = field(default_factory=dict)
    """Messages waiting, by lane number, when they were counted last."""
    unknown: int = 0
    """Messages that are unknown, and not decided yet, when they were counted last."""
    quiet: int = 0
    """Messages put aside for quiet hours, when they were counted last."""
    review: bool = True
    """Whether that has to be looked at anew: the gateway has just started, or goes by other settings."""
    accepted_then: int = 0
    """`counts.accepted` when they were counted."""

    @property
    def backlog(self) -> int:
        """Messages waiting: those counted last and all accepted since, so never fewer than there are."""
        return sum(self.waiting.values()) + self.quiet + self.counts.accepted - self.accepted_then


def build(
    settings: Settings,
    store: Store,
    clock: Callable[[], float] = time.time,
    chance: Callable[[], float] = random.random,
) -> Core:
    """Make the shared pieces and join them up; nothing runs yet."""
    outstanding = Outstanding(settings.gateway.outstanding)
    lanes = Lanes(store, settings.gateway, outstanding, settings.carriers)
    counts = Counts(carriers={name: CarrierCounts() for name in settings.carriers})
    store.home_hold = settings.home_hold
    settler = RunSettler(settings, store, lanes, outstanding)
    early = settler.early = EarlyReceipts(settings.gateway, store, counts)
    settler.counts, settler.chance = counts, chance
    profiles = _profiles(settings, {})
    bounds = Bounds(settings.gateway, store)
    incoming, router = Incoming(settings, store, counts, profiles, bounds), Router(settings.routes)
    references = References(settings.gateway.reference_pairs, settings.gateway.reference_hold)
    shared = settler, early, bounds, incoming, router, profiles, references
    quotas = Quotas(settings, trio.current_time())
    core = Core(settings, store, lanes, outstanding, *shared, quotas, counts, clock, chance)
    lanes.strand = lambda message: settler.strand(message, core.clock())
    return core


def reconfigure(core: Core, settings: Settings, carriers: Iterable[str]) -> None:
    """Have the shared pieces go by these settings from now on. Args: carriers: those that what waits may go to."""
    for name in settings.carriers:
        core.counts.carriers.setdefault(name, CarrierCounts())
    core.settings = settings
    core.router = Router(settings.routes)
    core.profiles = _profiles(settings, core.profiles)
    core.store.home_hold = settings.home_hold
    core.settler.reconfigure(settings)
    core.review = True
    core.incoming.reconfigure(settings, core.profiles)
    core.bounds.reconfigure(settings.gateway)
    core.quotas.reconfigure(settings, trio.current_time())
    core.lanes.reconfigure(settings.gateway, carriers)


def _profiles(settings: Settings, before: Mapping[str, Profile]) -> dict[str, Profile]:
    """The profile of each carrier. Equal ones are one object: a text that was cut for one of them is cut for all."""
    known = list(before.values())
    profiles: dict[str, Profile] = {}
    for name in settings.carriers:
        made = text_profile(settings, name)
        profiles[name] = next((each for each in known if each == made), made)
        known.append(profiles[name])
    return profiles


def text_profile(settings: Settings, carrier: str) -> Profile:
    """How a carrier wants its texts, as the protocol room asks for it."""
    wanted = settings.profile_of(carrier)
    return Profile(
        wanted.coding,
        wanted.concatenation,
        wanted.part_units,
        wanted.part_septets,
        wanted.part_octets,
        wanted.max_parts,
        wanted.table,
        wanted.short_charset,
        wanted.short_units,
        frozenset(wanted.folds),
    )
