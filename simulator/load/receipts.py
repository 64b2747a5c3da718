"""Receipts find the submits they speak of: by id, in whatever spelling, and by number where the id was respelled."""

from typing import Final, NamedTuple

from protocol.constants import IdForm
from protocol.pdu import DataSm, DeliverSm
from protocol.receipt import IdRule, candidates, is_intermediate, is_receipt, looks_like_receipt, parse
from simulator.load.run import Run, Submit

MAX_EARLY: Final = 100_000
"""Receipts that came before their answer, each under all spellings of its id, that are kept."""

_SAME_DIGITS: Final = 8
"""So many digits at the end tell that two spellings are one number, with or without a country code."""


class _Early(NamedTuple):
    at: float
    state: str
    rule: IdRule
    source: bytes


class Receipts:
    """All receipts of one load."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._early: dict[str, _Early] = {}

    def accept(self, message_id: bytes, submit: Submit) -> None:
        """The SMSC has taken a submit_sm and will send its receipt, unless it has done so already."""
        id_ = message_id.decode("latin-1")
        early = self._early.pop(id_, None) if self._early else None
        if early and _fits(early.rule, early.source, submit):
            self._run.tally.strays -= 1
            self._run.tally.ends[early.state] += 1
            self._run.tally.take_ends([submit[0]], early.at)
        else:
            self._run.follow(id_, submit)

    def take(self, pdu: DeliverSm | DataSm, now: float) -> float | None:
        """Take a delivery; returns when the submit that has ended by it should have left, if it is a final receipt."""
        tally = self._run.tally
        text = pdu.short_message if isinstance(pdu, DeliverSm) else b""
        if is_intermediate(pdu.esm_class):
            return None
        if not is_receipt(pdu.esm_class) and not looks_like_receipt(text):
            tally.incoming += 1
            return None
        receipt = parse(text, pdu.esm_class, pdu.tlvs)
        if receipt is None:
            tally.strays += 1
            return None
        if not receipt.final:
            return None
        followed = self._run.followed
        for spelling, rule in candidates(receipt.message_id, IdForm.AUTO):
            submit = followed.get(spelling)
            if submit and _fits(rule, pdu.source_addr, submit):
                del followed[spelling]
                tally.ends[receipt.state_name] += 1
                return submit[0]
        tally.strays += 1
        self._keep(receipt.message_id, now, receipt.state_name, pdu.source_addr)
        return None

    def _keep(self, message_id: str, now: float, state: str, source: bytes) -> None:
        if len(self._early) < MAX_EARLY:
            for spelling, rule in candidates(message_id, IdForm.AUTO):
                self._early.setdefault(spelling, _Early(now, state, rule, source))


def _fits(rule: IdRule, source: bytes, submit: Submit) -> bool:
    """Whether a receipt is believed: a respelled id may be that of another message, so its number must be the same."""
    return rule is IdRule.EXACT or source[-_SAME_DIGITS:] == submit[1][-_SAME_DIGITS:]
