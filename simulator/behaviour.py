"""What the SMSC answers and what becomes of each part: pure, and the same for the same seed."""

from dataclasses import dataclass
from random import Random
from typing import Final

from protocol.constants import MessageState, Status
from protocol.pdu import SubmitSm

ID_DIGITS: Final = 10
"""Digits of a message_id, as many as the receipt of Appendix B has room for (SMPP 3.4)."""

_NO_RECEIPT, _ANY_OUTCOME, _FAILURE_ONLY = range(3)
_RECEIPT_MASK: Final = 0x03


@dataclass(slots=True)
class Answer:
    """How a submit_sm is answered; message_id is empty unless the status is 0."""

    status: int
    message_id: bytes = b""


@dataclass(slots=True)
class Outcome:
    """What a receipt will say. due: when it is sent. error: the receipt's own three digits."""

    due: float
    state: MessageState
    error: str = "000"


class Behaviour:
    """A friendly SMSC: refuses what is no number, takes the rest, and delivers everything.

    Args: seed: where the message ids start. receipt_delay: seconds from the submit_sm to its receipt.
    """

    def __init__(self, seed: int, receipt_delay: float) -> None:
        self._receipt_delay = receipt_delay
        self._next_id = Random(seed).randrange(10 ** (ID_DIGITS - 1), 10**ID_DIGITS)

    def answer(self, submit: SubmitSm, now: float) -> Answer:
        """Take or refuse a submit_sm; each taken one gets an id of its own."""
        if not submit.destination_addr.isdigit():
            return Answer(Status.RINVDSTADR)
        message_id = self._next_id
        self._next_id = (message_id + 1) % 10**ID_DIGITS
        return Answer(Status.ROK, b"%010d" % message_id)

    def receipt(self, submit: SubmitSm, now: float) -> Outcome | None:
        """Decide the end of a part that was taken; None when registered_delivery wants no receipt of it (5.2.17)."""
        outcome = Outcome(now + self._receipt_delay, MessageState.DELIVERED)
        return outcome if _wants_receipt(submit.registered_delivery, outcome.state) else None


def _wants_receipt(registered_delivery: int, state: MessageState) -> bool:
    wanted = registered_delivery & _RECEIPT_MASK
    return wanted == _ANY_OUTCOME or (wanted == _FAILURE_ONLY and state is not MessageState.DELIVERED)
