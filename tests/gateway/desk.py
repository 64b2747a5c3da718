"""A settler at work on messages that a bind has taken: real lanes, a store in memory, random chance fixed."""

from config.settings import GatewaySettings
from config.wording import Loc
from gateway.early import CHECKED_DIGITS, EarlyReceipts, Receipt
from gateway.lanes import Lanes
from gateway.message import Message, Part, PartState, State
from gateway.metrics import CarrierCounts, Counts
from gateway.outstanding import Outstanding
from gateway.runs import RunSettler
from gateway.store import Commit
from protocol.receipt import Said
from tests.gateway.fakes import NOW, TO, FakeStore, message, settings

REJECTING, RETRYING, THROTTLING, REBINDING = 0x0B, 0x08, 0x58, 0x04
"""Statuses that each stand for one action."""
GRACE = 300.0
"""Seconds an unknown part waits, if nothing else is configured."""


class Desk:
    """What a bind does with its messages, step by step, and what came of it."""

    def __init__(self, *plants: tuple[Loc, object], outstanding: int = 100) -> None:
        self.store = FakeStore()
        self.outstanding = Outstanding(outstanding)
        self.lanes = Lanes(self.store, GatewaySettings(lane_window=100), self.outstanding, ("alpha", "beta"))
        self.lanes.wake = {"alpha": lambda: None, "beta": lambda: None}
        self.store.leases, self.store.committed = self.lanes.leases, self._committed
        self.settler = RunSettler(settings(*plants), self.store, self.lanes, self.outstanding)
        self.settler.counts, self.settler.chance = (
            Counts(carriers={name: CarrierCounts() for name in ("alpha", "beta")}),
            lambda: 0.0,
        )
        self.early = self.settler.early = EarlyReceipts(settings(*plants).gateway, self.store, self.settler.counts)
        self.lanes.carrier_up("alpha")

    def send(self, key: int = 1, parts: int = 1, **more: object) -> Message:
        """A message that alpha's bind has taken and written whole."""
        made = message(key, *[PartState.SENT] * parts, state=State.SENDING, **more)
        self.outstanding.live[key] = made
        return made

    def take(self, carrier: str = "alpha") -> list[Message]:
        """Take what waits for a carrier, and write its waiting parts."""
        self.store.flush()
        taken = self.lanes.take(carrier, 100)
        for each in taken:
            each.state, each.carrier = State.SENDING, carrier
            each.parts = each.parts or [Part(each, n) for n in range(1, each.total + 1)]
            for part in each.parts:
                if part.state is PartState.WAITING:
                    part.state = PartState.SENT
        return taken

    def accept(self, made: Message, *numbers: int, now: float = NOW) -> None:
        """Have the carrier accept parts, all when none is named; it calls them by key and number."""
        for n in numbers or range(1, len(made.parts) + 1):
            self.settler.accepted(made.parts[n - 1], f"{made.key}-{n}", now)

    def copy(self, made: Message) -> Message:
        """The message as it is on disk."""
        self.store.flush()
        return self.store.on_disk(made.key)

    def kinds(self) -> list[str]:
        """The types of all events so far, in order."""
        return [event["type"] for event in self.store.told]

    def _committed(self, commit: Commit) -> None:
        if commit.leases:
            self.lanes.leased(commit.leases)


def states(made: Message) -> list[PartState]:
    """The states of a message's parts, in order."""
    return [part.state for part in made.parts]


def receipt(outcome: str = "DELIVERED", state: str = "DELIVRD", message_id: str = "1-1") -> tuple[PartState, Said]:
    """A final receipt as carriers hand it on."""
    return PartState[outcome], (message_id, "2701151200", "", state, "000")


def early_receipt(state: str = "DELIVRD", message_id: str = "1-1", to: str = TO) -> Receipt:
    """One that has overtaken its answer."""
    return *receipt("DELIVERED", state, message_id), [to[-CHECKED_DIGITS:], "0005123456"[-CHECKED_DIGITS:]]
