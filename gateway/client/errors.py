"""What goes wrong between a client and its gateway."""

from collections.abc import Sequence
from typing import Any

from protocol.errors import SmppError


class ClientError(SmppError):
    """The gateway has refused a request, or can't be spoken to.

    Attributes: code: the upstream protocol's error code, or "connection".
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{reason} ({code})" if code not in ("connection", "answer_timeout") else reason)
        self.code = code
        self.reason = reason


class AnswerTimeout(ClientError):
    """No answer in time. What was submitted and not answered may have been taken, or not: submit it again with the same
    id, which is safe.

    Attributes: code: "answer_timeout", or "connection" when it is certain that nothing was sent; results: one for each
    item, in the order asked; None where no answer came.
    """

    def __init__(self, code: str, reason: str, results: Sequence[Any]) -> None:
        super().__init__(code, reason)
        self.results = results
