"""One account at one carrier: its throttle, its binds, and how it wants our messages."""

from typing import TYPE_CHECKING, Final

import trio

from gateway.deliveries import Deliveries
from gateway.forms import Forms, source_of
from gateway.message import Message, Part, PartState, State
from gateway.throttle import Throttle
from protocol import times
from protocol.constants import Concatenation, Status
from protocol.errors import TextError
from protocol.pdu import SubmitSm
from protocol.text import cut, user_data

if TYPE_CHECKING:
    from config.settings import BindSettings
    from gateway.bind import Bind
    from gateway.core import Core
    from gateway.pump import Pump


_SENDING: Final = State.SENDING


class Carrier:
    """What the binds of one account share."""

    def __init__(self, name: str, core: "Core") -> None:
        self.name = name
        self.core = core
        self.settings = core.settings.carriers[name]
        self.counts = core.counts.carriers[name]
        self.deliveries = Deliveries(name, core)
        self.habits = core.settings.profile_of(name)
        burst = core.settings.burst_of(name)
        self.throttle = Throttle(self.settings.parts_per_second, burst, trio.current_time())
        self._able: set[Bind] = set()
        """Binds that are up and may submit."""
        self.slowed = False
        """Whether it has ever refused something for its speed."""
        self.first: set[Pump] = set()
        """Pumps that are about to begin what was refused for its speed: others of its lane must not pass it by."""
        self._profile = core.profiles[name]
        self._validity = self.habits.validity
        self.least_left = 1.0 if self._validity == "relative" else 0.0
        """Seconds a message must still have to be begun with: less can't be written."""
        self._bits = 8 if self._profile.concatenation is Concatenation.UDH8 else 16

    def reconfigure(self) -> None:
        """Go by what the core's settings say now; the profile is as it was."""
        self.settings = self.core.settings.carriers[self.name]
        self.throttle.set_rate(
            self.settings.parts_per_second, self.core.settings.burst_of(self.name), trio.current_time()
        )

    @property
    def bound(self) -> int:
        """Binds that are up and may submit."""
        return len(self._able)

    def bind_up(self, bind: "Bind") -> None:
        """Note that a bind may submit."""
        self._able.add(bind)
        if len(self._able) == 1:
            self.core.lanes.carrier_up(self.name)

    def bind_down(self, bind: "Bind") -> None:
        """Note that a bind is gone, or may not submit any longer; does nothing when it could not before."""
        if bind in self._able:
            self._able.remove(bind)
            if not self._able:
                self.core.lanes.carrier_down(self.name)

    def step_back(self, now: float) -> None:
        """Have the binds put back what they have taken and not begun: something goes before it. now: Unix seconds."""
        self.slowed = True
        for bind in self._able:
            bind.pump.step_back(now)

    def begin(self, message: Message) -> list[Part]:
        """Make a taken message ready to be sent.

        Returns: the parts that are still to be sent, in order.
        Raises: TextError: this carrier's profile can't carry it.
        """
        made = message.cut
        if made is None or message.cut_for is not self._profile:
            made = message.cut = cut(message.text, self._profile)
            message.cut_for = self._profile
        if len(made.pieces) > 1 and message.reference is None:
            message.reference = self.core.references.take(message.sender, message.to, self._bits, self.core.clock())
        if not message.parts and len(made.pieces) == 1:  # nearly every message
            part = Part(message, 1)
            message.parts, message.carrier, message.state = [part], self.name, _SENDING
            return [part]
        if len(message.parts) != len(made.pieces):
            if any(part.state is not PartState.WAITING for part in message.parts):
                raise TextError("too_long", "the profile has changed since a part of it was sent")
            message.parts = [Part(message, n) for n in range(1, len(made.pieces) + 1)]
        message.carrier, message.state = self.name, State.SENDING
        return [part for part in message.parts if part.state is PartState.WAITING]

    def refuse(self, message: Message, status: int = Status.RINVMSGLEN) -> None:
        """Settle a message that can't be sent as rejected; by default, as too long for this carrier's profile."""
        message.carrier = self.name
        message.parts = message.parts or [Part(message, 1)]
        part = next(part for part in message.parts if part.state is PartState.WAITING)
        self.core.settler.refused(part, status, self.core.clock())

    def forms(self, bind: "BindSettings") -> Forms:
        """What writes nearly all parts over a bind, quickly."""
        return Forms(self._profile, bind, self.validity_period)

    def compose(self, part: Part, bind: "BindSettings") -> SubmitSm:
        """Make the submit_sm of a part (SMPP 3.4, 4.4.1)."""
        message = part.message
        assert message.cut is not None
        user = user_data(message.cut, part.n, message.reference or 0, self._profile)
        ton, npi, source = source_of(message.sender, bind.source_ton, bind.source_npi)
        return SubmitSm(  # by position, in the order of the table: by name it takes 0.4 us more
            b"",
            ton,
            npi,
            source,
            bind.dest_ton,
            bind.dest_npi,
            message.to.encode("ascii"),
            user.esm_class,
            0,
            0,
            b"",
            self.validity_period(message.expires_at) if message.expires_at else b"",
            1 if message.receipt else 0,
            0,
            user.data_coding,
            0,
            user.short_message,
            user.tlvs,
        )

    def validity_period(self, expires_at: float) -> bytes:
        """When the SMSC is to give a part up (SMPP 3.4, 5.2.16, 7.1.1); b"": as long as it likes.

        A relative time is what is left now, in whole seconds: 1 at least, which is the least that can be written.
        """
        if self._validity == "none":
            return b""
        if self._validity == "relative":
            left = min(expires_at - self.core.clock(), times.MAX_RELATIVE_SECONDS)
            return times.relative(max(left, 1.0)).encode("ascii")
        return times.absolute(expires_at).encode("ascii")
