"""Submits that are encoded beforehand, but for the number they go to: the client must not be what is measured."""

from dataclasses import replace
from itertools import cycle
from typing import ClassVar, Final, TypeAlias

from protocol.constants import CommandId
from protocol.pdu import SubmitSm
from protocol.record import Pdu
from protocol.text import Cut, Profile, cut, user_data
from simulator.load.plan import Plan
from simulator.load.texts import sequence

_PROFILE: Final = Profile()
_REFERENCES: Final = 256
"""Every value of an 8-bit concatenation reference (3GPP TS 23.040, 9.2.3.24.1)."""

_INTERNATIONAL: Final = 1
_ALPHANUMERIC: Final = 5
_ISDN: Final = 1
_FIXED_OCTETS: Final = 6
"""Before the destination, besides the source: two NULs, and TON and NPI of both (4.4.1)."""

_Variant: TypeAlias = tuple[tuple[bytes, ...], ...]
"""For each reference in use, what follows the number in each part, the last part first."""


class Prepared(Pdu):
    """A submit_sm whose octets are known but for its destination: a third of the work of `SubmitSm`."""

    __slots__ = ("after", "before", "destination")
    id: ClassVar = CommandId.SUBMIT_SM
    section: ClassVar = SubmitSm.section

    def __init__(self, before: bytes, destination: bytes, after: bytes) -> None:
        self.before = before
        self.destination = destination
        self.after = after

    def put(self) -> bytes:
        """Encode the fields."""
        return self.before + self.destination + self.after


class Composer:
    """Makes one message after the other, each to the next number."""

    def __init__(self, plan: Plan) -> None:
        self._numbers = plan.numbers
        self._form = b"%%0%dd" % plan.numbers.width
        self._made = 0
        self._model = SubmitSm(
            source_addr_ton=0 if plan.sender.isdigit() or not plan.sender else _ALPHANUMERIC,
            source_addr_npi=_ISDN if plan.sender.isdigit() else 0,
            source_addr=plan.sender.encode("ascii"),
            dest_addr_ton=_INTERNATIONAL,
            dest_addr_npi=_ISDN,
            registered_delivery=int(plan.receipts),
        )
        self._before = self._model.put()[: _FIXED_OCTETS + len(self._model.source_addr)]
        texts = sequence(plan.mix, plan.seed)
        variants = {text: self._prepare(text) for text in set(texts)}
        self._variants = cycle([variants[text] for text in texts])

    def make(self) -> list[Prepared]:
        """The parts of the next message, the last one first."""
        n, numbers, before = self._made, self._numbers, self._before
        self._made = n + 1
        variant = next(self._variants)
        number = self._form % (numbers.first + n % numbers.size)
        return [Prepared(before, number, after) for after in variant[n % len(variant)]]

    def _prepare(self, text: str) -> _Variant:
        whole = cut(text, _PROFILE)
        total = len(whole.pieces)
        references = range(_REFERENCES if total > 1 else 1)
        return tuple(tuple(self._after(whole, n, each) for n in range(total, 0, -1)) for each in references)

    def _after(self, whole: Cut, n: int, reference: int) -> bytes:
        user = user_data(whole, n, reference, _PROFILE)
        submit = replace(
            self._model, esm_class=user.esm_class, data_coding=user.data_coding, short_message=user.short_message
        )
        return submit.put()[len(self._before) :]
