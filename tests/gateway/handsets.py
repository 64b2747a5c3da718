"""What handsets send, as an SMSC delivers it, and an `Incoming` alone to take it."""

from dataclasses import replace
from typing import Any, Final

from config.wording import Loc
from gateway.bounds import Bounds
from gateway.incoming import Incoming
from gateway.metrics import CarrierCounts, Counts
from protocol.constants import Concatenation
from protocol.pdu import DeliverSm
from protocol.text import Profile, cut, user_data
from tests.gateway.fakes import NOW, FakeStore, settings

FROM_HANDSET: Final = DeliverSm(source_addr=b"819012345678", destination_addr=b"0005123456")
USER_DATA: Final = ("short_message", "esm_class", "data_coding", "tlvs")
TEXT: Final = "本日の会議は15時に変更になりました。資料を送ります📎 " * 6
"""A text of three parts."""


def handset(
    text: str,
    form: Concatenation = Concatenation.UDH8,
    reference: int = 7,
    **more: Any,  # noqa: ANN401
) -> list[DeliverSm]:
    """What an SMSC delivers of a text from a handset, part by part. more: fields of DeliverSm."""
    made = cut(text, profile := Profile(concatenation=form, max_parts=255))
    users = [user_data(made, n, reference, profile) for n in range(1, len(made.pieces) + 1)]
    return [replace(FROM_HANDSET, **{name: getattr(user, name) for name in USER_DATA}, **more) for user in users]


class Room:
    """Incoming alone, on a disk of memory."""

    def __init__(
        self,
        *plants: tuple[Loc, object],
        store: FakeStore | None = None,
        profile: Profile = Profile(),  # noqa: B008
    ) -> None:
        self._plants = plants
        self.store = store or FakeStore()
        self.counts = Counts(carriers={"alpha": CarrierCounts(), "beta": CarrierCounts()})
        made, profiles = settings(*plants), {"alpha": profile, "beta": Profile()}
        bounds = Bounds(made.gateway, self.store)
        self.incoming = Incoming(made, self.store, self.counts, profiles, bounds)

    def take(self, *pdus: DeliverSm, at: float = NOW, carrier: str = "alpha") -> list[int]:
        """Take deliveries; returns the statuses of their answers."""
        return self.incoming.take(carrier, pdus, at)

    def restart(self) -> "Room":
        """Another gateway on the same disk."""
        self.store.flush()
        other = Room(*self._plants, store=self.store)
        rows = [(*place, *kept) for place, kept in self.store.fragment_rows.items()]
        other.incoming.load(sorted(rows, key=lambda row: row[-1]))
        other.incoming.repeats.load(sorted(self.store.repeat_rows.items()), NOW)
        return other

    @property
    def told(self) -> list[Any]:
        """The texts, or octets, of all events so far."""
        return [event.get("text", event.get("data")) for event in self.store.told]

    @property
    def fragments(self) -> int:
        """Parts on disk."""
        self.store.flush()
        return len(self.store.fragment_rows)
