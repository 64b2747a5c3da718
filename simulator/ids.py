"""Message ids: no two alike, whatever their spelling, and how receipts respell them."""

import re
from random import Random
from typing import Final

from config.faults import IdSpelling, ReceiptIdSpelling

DIGITS: Final = 10
"""Digits of a decimal message_id, as many as the receipt of Appendix B has room for (SMPP 3.4)."""

PADDED_DIGITS: Final = 16
"""What a number of 64 bits takes in hexadecimal."""

FIRST: Final = 10 ** (DIGITS - 1)
END: Final = 10**DIGITS

_UUID_NUMBER_BITS: Final = 48
"""Where a UUID carries the number."""

_HEX: Final = re.compile(rb"[0-9A-Fa-f]{1,16}")


class Ids:
    """Counts message ids from a number that is drawn; after 9,000,000,000 they begin anew.

    Decimal ids have ten digits, the first not 0; hexadecimal ones at most nine; padded ones ten, the first 0: so none
    is like another one, even when the spelling changes.
    """

    def __init__(self, random: Random) -> None:
        self.next = random.randrange(FIRST, END)
        """The number of the next id, 1000000000..9999999999."""
        uuid = random.getrandbits(128) >> _UUID_NUMBER_BITS << _UUID_NUMBER_BITS
        uuid = uuid & ~(0xF << 76) & ~(0x3 << 62)
        self._uuid = uuid | 4 << 76 | 2 << 62  # version 4 and the variant of RFC 9562, 4.1 and 4.2
        self._spell = {
            IdSpelling.DECIMAL: b"%d".__mod__,
            IdSpelling.HEX: b"%x".__mod__,
            IdSpelling.CAPITAL_HEX: b"%X".__mod__,
            IdSpelling.PADDED: b"%010X".__mod__,
            IdSpelling.UUID: self._spell_uuid,
        }

    def make(self, form: IdSpelling) -> bytes:
        """Make the next id."""
        number = self.next
        self.next = number + 1 if number < END - 1 else FIRST
        return self._spell[form](number)

    def make_decimal(self) -> bytes:
        """Make the next id as `make` does with DECIMAL, in half the time."""
        number = self.next
        self.next = number + 1 if number < END - 1 else FIRST
        return b"%d" % number

    def _spell_uuid(self, number: int) -> bytes:
        digits = b"%032x" % (self._uuid | number)
        return b"-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def respell(message_id: bytes, form: ReceiptIdSpelling) -> bytes:
    """Spell the id of a submit_sm_resp as receipts do; what is no number of up to 16 digits stays as it is."""
    if form is ReceiptIdSpelling.SAME or not _HEX.fullmatch(message_id):
        return message_id
    if form is ReceiptIdSpelling.STRIPPED:
        return message_id.lstrip(b"0") or b"0"
    if form is ReceiptIdSpelling.PADDED:
        return message_id.zfill(PADDED_DIGITS)
    number = int(message_id, 10 if _is_decimal(message_id) else 16)
    if form is ReceiptIdSpelling.DECIMAL:
        return b"%d" % number
    return (b"%x" if form is ReceiptIdSpelling.HEX else b"%X") % number


def _is_decimal(message_id: bytes) -> bool:
    """Tell the ten digits of a decimal id from hexadecimal ones, which are fewer or begin with 0."""
    return len(message_id) == DIGITS and message_id.isdigit() and not message_id.startswith(b"0")
