"""The error tree: who broke the rule, and what is owed.

    SmppError
    ├── LocalProtocolError      we asked for what SMPP forbids now; nothing was changed or sent
    │   └── WindowFull          no room; wait for a response
    ├── RemoteProtocolError     the peer broke SMPP; carries what to answer with
    ├── EncodingError           a value does not fit its field; nothing was sent
    ├── TextError               a text cannot be carried; says where and why
    └── FrameError              the upstream peer broke the framing; carries the code to answer with

No message names a phone number or quotes a body: positions, lengths and code points are enough to find the fault.
"""


class SmppError(Exception):
    """Any error this package raises on purpose."""


class LocalProtocolError(SmppError):
    """We asked for what SMPP forbids now; nothing was changed or sent."""


class WindowFull(LocalProtocolError):
    """No room for another unanswered request; wait for a response."""


class EncodingError(SmppError):
    """A value does not fit its field; nothing was sent."""


class RemoteProtocolError(SmppError):
    """The peer broke SMPP.

    Attributes: status: the command_status to answer with. fatal: framing is lost, so the connection must close.
    """

    def __init__(self, reason: str, status: int, *, fatal: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.fatal = fatal


class TextError(SmppError):
    """A text cannot be carried as asked.

    Attributes: code: the upstream protocol's refusal code (bad_text, empty_text, charset, too_long).
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class FrameError(SmppError):
    """The upstream peer broke the framing; the connection must close.

    Attributes: code: the upstream protocol's error code.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
