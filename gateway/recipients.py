"""Which client takes a message from a handset: pure."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from config.settings import Settings

_ANY: Final = ("",)
"""A beginning of every number."""


class Recipients:
    """The first `[[incoming]]` table that fits, else the first client that sends from the number, else the only one.

    Numbers are compared without a plus sign, as the carrier spells them.
    """

    def __init__(self, settings: "Settings") -> None:
        self._only = next(iter(settings.clients)) if len(settings.clients) == 1 else None
        self._tables = [
            (each.client, each.carriers, each.destinations or _ANY, each.senders or _ANY) for each in settings.incoming
        ]
        self._owners: dict[str, str] = {}
        for name, client in settings.clients.items():
            for sender in (client.sender, *(client.senders or ())):
                if sender:
                    self._owners.setdefault(sender.removeprefix("+"), name)

    def find(self, carrier: str, source: str, destination: str) -> str | None:
        """The client that takes what a handset (source) wrote to a number (destination); None: nobody does."""
        source, destination = source.removeprefix("+"), destination.removeprefix("+")
        for client, carriers, destinations, senders in self._tables:
            fits = destination.startswith(destinations) and source.startswith(senders)
            if fits and (carriers is None or carrier in carriers):
                return client
        return self._owners.get(destination, self._only)
