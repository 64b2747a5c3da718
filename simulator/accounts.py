"""Who may bind, how often and as what, and what its messages may say of their source: pure."""

import hmac
from collections.abc import Iterable
from typing import Final

from config.scenario import AccountSettings
from protocol.constants import BindType, CommandId, Status
from protocol.pdu import BindReceiver, BindTransceiver, BindTransmitter

Bind = BindTransmitter | BindReceiver | BindTransceiver

_TYPES: Final = {
    CommandId.BIND_TRANSMITTER: BindType.TRANSMITTER,
    CommandId.BIND_RECEIVER: BindType.RECEIVER,
    CommandId.BIND_TRANSCEIVER: BindType.TRANSCEIVER,
}


class Accounts:
    """The accounts there are; without any, anybody may bind as anything."""

    def __init__(self, settings: Iterable[AccountSettings], *, any_password: bool = False) -> None:
        self._any_password = any_password
        self.settings = {account.system_id.encode("ascii"): account for account in settings}
        self.bound: dict[bytes, int] = {}
        """Binds that are up, by system_id."""

    def check_bind(self, bind: Bind) -> Status:
        """The command_status that a bind deserves (SMPP 3.4, 5.1.3)."""
        if not self.settings:
            return Status.ROK
        account = self.settings.get(bind.system_id)
        if account is None:
            return Status.RINVSYSID
        password = account.password.get_secret_value().encode("ascii")
        if not self._any_password and not hmac.compare_digest(bind.password, password):
            return Status.RINVPASWD
        if _TYPES[bind.id] not in account.types:
            return Status.RBINDFAIL
        full = account.max_binds and self.bound.get(bind.system_id, 0) >= account.max_binds
        return Status.RALYBND if full else Status.ROK

    def sources(self, system_id: bytes) -> tuple[bytes, ...]:
        """How the source addresses of an account's messages must begin, one of these; empty: anyhow."""
        account = self.settings.get(system_id)
        return tuple(source.encode("ascii") for source in account.sources) if account else ()

    def window(self, system_id: bytes) -> int | None:
        """deliver_sm that may be unanswered at once on a bind of this account; None: as many as on everybody's."""
        account = self.settings.get(system_id)
        return account.window if account else None

    def came(self, system_id: bytes) -> None:
        """Note that a bind is up."""
        self.bound[system_id] = self.bound.get(system_id, 0) + 1

    def left(self, system_id: bytes) -> None:
        """Note that a bind is gone."""
        self.bound[system_id] -= 1
        if not self.bound[system_id]:
            del self.bound[system_id]
