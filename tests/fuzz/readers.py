"""Invariant: receipts, user data headers, SAR parameters and bodies can be read from any octets: nothing is raised.

`times.parse` raises nothing but ValueError.

An input is: esm_class, data_coding, the length of the short_message, and then that and optional parameters; the time is
everything behind the head.
"""

from contextlib import suppress
from math import isfinite
from typing import Final

from protocol import alphabets, times
from protocol.errors import RemoteProtocolError
from protocol.fields import TLVS, Tlvs
from protocol.joining import Concat, read_sar, split_udh
from protocol.receipt import parse
from protocol.text import coding_of, decode_body
from tests.fuzz.attempts import Target

HEAD: Final = 3
RECEIPT: Final = (
    b"id:0123456789 sub:001 dlvrd:001 submit date:2611220528 done date:2611220529 stat:DELIVRD err:000 text:Hello",
    b"id:ab-CD-01 SUB:001 DLVRD:000 Submit_Date:261122052800 Done Date:0 stat:FAILED err:12A Text:id:2 stat:REJECTD",
    "id:77 stat:EXPIRED err:1 text:電報".encode("utf-16-be"),
)
UDH: Final = (b"\5\0\3\x2a\2\1", b"\6\x08\4\x01\x02\2\2", b"\x0b\5\4\x0b\x84\x23\xf0\0\3\x2a\2\1", b"\5\0\3\x2a\1\2")
TIMES: Final = (b"261122052800036+", b"991231235959948-", b"000031235959000R", b"991299999999000R", b"260230000000000+")


def check(octets: bytes) -> None:
    head, rest = octets[:HEAD].ljust(HEAD, b"\0"), octets[HEAD:]
    esm_class, data_coding, length = head
    message, tlvs = rest[:length], _read_tlvs(rest, length)
    receipt = parse(message, esm_class, tlvs)
    assert receipt is None or receipt.message_id
    concat, body = split_udh(message, esm_class)
    _check_concat(concat)
    _check_concat(read_sar(tlvs))
    assert message.endswith(body)
    coding = coding_of(data_coding)
    if coding is not None:
        body = alphabets.unwrap(body, coding, len(message) - len(body))
    assert isinstance(decode_body(body, data_coding), (str, type(None)))
    now = 946_684_800.0 + int.from_bytes(head) * 186.0  # the years 2000 to 2098
    at = times.parse(rest.decode("latin-1"), now)
    assert at is None or isfinite(at)


def _read_tlvs(octets: bytes, start: int) -> Tlvs:
    tlvs: Tlvs = ()
    with suppress(RemoteProtocolError):
        tlvs, _ = TLVS.take(octets, start, len(octets))
    return tlvs


def _check_concat(concat: Concat | None) -> None:
    assert concat is None or (1 <= concat.number <= concat.total <= 255 and concat.reference < 1 << concat.width)


def seeds() -> list[bytes]:
    """Receipts with and without optional parameters, headers before bodies in every coding, and times."""
    named = TLVS.put(((0x001E, b"0123456789\0"), (0x0427, b"\2"), (0x0423, b"\3\0\1")), "tlvs")
    sar = TLVS.put(((0x020C, b"\1\2"), (0x020E, b"\2"), (0x020F, b"\1")), "tlvs")
    receipts = [bytes((4, 0, len(text))) + text + tlvs for text in RECEIPT for tlvs in (b"", named, sar)]
    codings = (*range(16), 0x11, 0x18, 0xC0, 0xE0, 0xF0, 0xF4)
    bodies = [bytes((0x40, coding, len(udh) + 4)) + udh + b"\x1b\x65\x30\x42" for udh in UDH for coding in codings]
    return [*receipts, *bodies, *(b"\x80\0\0" + time for time in TIMES)]


TARGET: Final = Target("readers", check, (ValueError,), seeds)
