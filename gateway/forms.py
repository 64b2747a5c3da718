"""The octets of submit_sm as forms to be filled in: quick twins of `Carrier.compose` and `codec.encode_body`."""

from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from protocol.constants import Coding, Concatenation, Npi, Ton
from protocol.text import user_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.settings import BindSettings
    from gateway.message import Part
    from protocol.text import Profile

MAX_FORMS: Final = 1024
"""Forms of one bind that are kept: as many as it has senders, times a few."""
MAX_SHORT_OCTETS: Final = 254
"""Of a short_message (SMPP 3.4, 5.2.22)."""

_PACKED: Final = Coding.GSM7_PACKED
_LENGTHS: Final = tuple(bytes((n,)) for n in range(MAX_SHORT_OCTETS + 1))

_Key: TypeAlias = tuple[str, Coding, int, bool]
"""(sender, coding, esm_class, whether a receipt is asked for)."""
_Form: TypeAlias = tuple[bytes, bytes, bytes]
"""What comes before the number, before the validity period, and before the length of the text."""


class Forms:
    """Those of one bind.

    Args: validity: writes when a message expires, as `Carrier.validity_period` does.
    """

    def __init__(self, profile: "Profile", bind: "BindSettings", validity: "Callable[[float], bytes]") -> None:
        self._profile = profile
        self._bind = bind
        self._validity = validity
        self._whole = profile.concatenation is not Concatenation.PAYLOAD
        """Whether a text of one piece is the short_message."""
        self._forms: dict[_Key, _Form] = {}

    def fill(self, part: "Part") -> bytes | None:
        """The body of a part's submit_sm, in 0.5 us instead of 1.3; None: it needs optional parameters, or is too long.

        Spec: SMPP 3.4, 4.4.1
        """
        message = part.message
        made = message.cut
        assert made is not None
        coding = made.coding
        if len(made.pieces) == 1 and self._whole and coding is not _PACKED:
            text, esm_class = made.pieces[0], 0
        else:
            user = user_data(made, part.n, message.reference or 0, self._profile)
            if user.tlvs:
                return None
            text, esm_class = user.short_message, user.esm_class
        if len(text) > MAX_SHORT_OCTETS:
            return None
        key = message.sender, coding, esm_class, message.receipt
        form = self._forms.get(key) or self._make(key)
        validity = self._validity(message.expires_at) if message.expires_at else b""
        number = message.to.encode("ascii")
        return b"".join((form[0], number, form[1], validity, form[2], _LENGTHS[len(text)], text))

    def _make(self, key: _Key) -> _Form:
        sender, coding, esm_class, receipt = key
        bind = self._bind
        ton, npi, source = source_of(sender, bind.source_ton, bind.source_npi)
        form = (
            b"\0%c%c%b\0%c%c" % (ton, npi, source, bind.dest_ton, bind.dest_npi),
            b"\0%c\0\0\0" % esm_class,
            b"\0%c\0%c\0" % (receipt, self._profile.numbers[coding]),
        )
        if len(self._forms) >= MAX_FORMS:
            self._forms.clear()
        self._forms[key] = form
        return form


@lru_cache(maxsize=1024)
def source_of(sender: str, ton: int | None, npi: int | None) -> tuple[int, int, bytes]:
    """The source address of a sender id: type of number, numbering plan, octets (SMPP 3.4, 5.2.5, 5.2.6).

    Args: ton, npi: of the bind's settings, where they say so.
    """
    kind = (Ton.ALPHANUMERIC, Npi.UNKNOWN)
    if sender.startswith("+"):
        kind, sender = (Ton.INTERNATIONAL, Npi.ISDN), sender[1:]
    elif sender.isdigit():
        kind = (Ton.UNKNOWN, Npi.UNKNOWN)
    return kind[0] if ton is None else ton, kind[1] if npi is None else npi, sender.encode("ascii")
