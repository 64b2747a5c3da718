"""Microseconds to turn a PDU into octets and back, ours beside other libraries', and to cut a text.

Each side does the same job, with values of the types it wants, prepared beforehand:

    encode   every mandatory field -> a PDU object -> the octets of the frame, header included
    decode   the octets of one frame -> a PDU object
    read     decode, then read every field of the object, optional parameters included

ours: `SubmitSm(...)` by position, as the gateway builds it, with `encode` and `decode` of `protocol.codec`. smpplib:
`smpp.make_pdu(...).generate()` and `smpp.parse_pdu`. smpp34, compiled from Rust: `SubmitSm(...).encode()` and
`smpp34.decode`; its objects keep Rust values and make the Python ones whenever a field is read, so with it only "read"
ends in the same state. Before anything is timed, all three must write the same octets and read the same fields.

    python -m benchmarks.codec
"""

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from operator import attrgetter
from random import Random
from time import perf_counter
from types import SimpleNamespace
from typing import Any, Final

import smpp34
from smpplib import smpp

from protocol.codec import decode, encode
from protocol.constants import DataCoding, EsmClass, Tag
from protocol.pdu import DeliverSm, ShortMessage, SubmitSm
from protocol.text import Profile, cut

LAPS: Final = 40
SAMPLES: Final = 500
"""Different inputs of each kind, each used once a lap."""
SEED: Final = 34
SEQUENCE: Final = 7
CLIENT: Final = SimpleNamespace(sequence=SEQUENCE, next_sequence=lambda: SEQUENCE)
"""Where smpplib takes its sequence numbers from."""
JAPANESE: Final = "本日口座引落確認銀行送金手続予定のをにごくださいました、。【】ー12800円"
FIELDS: Final = tuple(name for name, _ in SubmitSm.row if name != "tlvs")
TEXTS: Final = ("service_type", "source_addr", "destination_addr", "schedule_delivery_time", "validity_period")
_mandatory: Final = attrgetter(*FIELDS)
_all: Final = attrgetter(*FIELDS, "tlvs")
RECEIPT_TLVS: Final = ("receipted_message_id", "message_state")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. For each side: what it does, and with what, one after the other."""

    name: str
    jobs: Sequence[Callable[[Any], object]]
    inputs: Sequence[Sequence[Any]]

    def measure(self, laps: int = LAPS) -> list[float]:
        """Microseconds of each side in its best lap; the sides take turns."""
        best = [float("inf")] * len(self.jobs)
        for _ in range(laps):
            for side, (job, inputs) in enumerate(zip(self.jobs, self.inputs, strict=True)):
                begun = perf_counter()
                for each in inputs:
                    job(each)
                best[side] = min(best[side], (perf_counter() - begun) / len(inputs) * 1e6)
        return best


def parse_smpplib(octets: bytes) -> Any:  # noqa: ANN401  # smpplib has no types
    return smpp.parse_pdu(octets, client=CLIENT, allow_unknown_opt_params=True)


def read_smpp34(octets: bytes) -> tuple[Any, ...]:
    pdu = smpp34.decode(octets)
    return (*_mandatory(pdu), tuple([(tlv.tag, tlv.value) for tlv in pdu.tlvs]))  # type: ignore[union-attr]  # no raw one


def _text_fields(pdu: ShortMessage) -> dict[str, Any]:
    fields = dict(zip(FIELDS, _mandatory(pdu), strict=True))
    return {name: fields[name].decode() if name in TEXTS else fields[name] for name in FIELDS}


def encode_row(name: str, pdus: Sequence[SubmitSm]) -> Row:
    """Every mandatory field by position for us, by name for the others. Raises: ValueError: they disagree."""
    jobs: Sequence[Callable[[Any], bytes]] = (
        lambda fields: encode(SubmitSm(*fields), SEQUENCE),
        lambda fields: smpp.make_pdu("submit_sm", client=CLIENT, **fields).generate(),
        lambda fields: smpp34.SubmitSm(**fields, sequence_number=SEQUENCE).encode(),
    )
    named = [_text_fields(pdu) for pdu in pdus]
    inputs: Sequence[Sequence[Any]] = ([_mandatory(pdu) for pdu in pdus], named, named)
    for each in zip(*inputs, strict=True):
        if len({job(fields) for job, fields in zip(jobs, each, strict=True)}) != 1:
            raise ValueError("the libraries write different octets")
    return Row(f"encode {name}", jobs, inputs)


def decode_rows(name: str, pdus: Sequence[ShortMessage], tlvs: Sequence[str] = ()) -> list[Row]:
    """Decoding alone, and with every field read.

    Args: tlvs: the optional parameters that are there, by smpplib's names.
    Raises: ValueError: they disagree.
    """
    frames = [encode(pdu, SEQUENCE) for pdu in pdus]
    for frame, pdu in zip(frames, pdus, strict=True):
        theirs = read_smpp34(frame)
        if _mandatory(parse_smpplib(frame)) != _mandatory(pdu) or theirs != (*_text_fields(pdu).values(), pdu.tlvs):
            raise ValueError("the libraries read different fields")
    inputs = (frames, frames, frames)
    smpplib = attrgetter(*FIELDS, *tlvs)
    reads = (lambda octets: _all(decode(octets)[0]), lambda octets: smpplib(parse_smpplib(octets)), read_smpp34)
    return [Row(f"decode {name}", (decode, parse_smpplib, smpp34.decode), inputs), Row(f"read   {name}", reads, inputs)]


def submit(random: Random) -> SubmitSm:
    """Frames of 120 octets: 32 characters of Japanese to a mobile number."""
    text = "".join(random.choices(JAPANESE, k=32)).encode("utf-16-be")
    source, destination = b"00051234567", b"8190%08d" % random.randrange(10**8)
    return SubmitSm(b"", 0, 1, source, 1, 1, destination, 0, 0, 0, b"", b"", 1, 0, DataCoding.UCS2, 0, text)


def receipt(random: Random, *, tlvs: bool) -> DeliverSm:
    """As SMPP 3.4 shows it in Appendix B; with the TLVs, as most SMSCs send it."""
    message_id = b"%010d" % random.randrange(10**10)
    text = (
        b"id:%b sub:001 dlvrd:001 submit date:2611220528 done date:2611220528 stat:DELIVRD err:000 text:" % message_id
    )
    source, destination = b"8190%08d" % random.randrange(10**8), b"0005123456"
    named = ((Tag.RECEIPTED_MESSAGE_ID, message_id + b"\0"), (Tag.MESSAGE_STATE, b"\2")) if tlvs else ()
    return DeliverSm(b"", 1, 1, source, 0, 1, destination, EsmClass.RECEIPT, short_message=text, tlvs=named)


def cut_row(name: str, texts: Sequence[str], parts: int) -> Row:
    """Raises: ValueError: the texts are not cut into so many parts."""
    profile = Profile()
    if any(len(cut(text, profile).pieces) != parts for text in texts):
        raise ValueError(f"{name}: not cut into {parts}")
    return Row(f"cut    {name}", [lambda text: cut(text, profile)], [texts])


def rows() -> list[Row]:
    """All that is measured."""
    random = Random(SEED)
    letters = "abcdefghijklmnopqrstuvwxyzäöüABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:-"

    def texts(alphabet: str, length: int, begin: str = "") -> list[str]:
        return [begin + "".join(random.choices(alphabet, k=length - len(begin))) for _ in range(SAMPLES)]

    submits = [submit(random) for _ in range(SAMPLES)]
    plain, with_tlvs = ([receipt(random, tlvs=tlvs) for _ in range(SAMPLES)] for tlvs in (False, True))
    return [
        encode_row("submit_sm of 120 octets", submits),
        *decode_rows("submit_sm of 120 octets", submits),
        *decode_rows("receipt, text only", plain),
        *decode_rows("receipt with 2 TLVs", with_tlvs, RECEIPT_TLVS),
        cut_row("Japanese, 40 characters", texts(JAPANESE, 40), 1),
        cut_row("GSM-7, 160 characters", texts(letters, 160), 1),
        cut_row("GSM-7, 150 characters and €", texts(letters, 151, "€"), 1),
        cut_row("Japanese, 134 units", texts(JAPANESE, 134), 2),
    ]


def figures(quick: bool) -> dict[str, float]:
    """Microseconds of our side, by what it does."""
    laps = 2 if quick else LAPS
    return {f"{' '.join(row.name.split())}, us": row.measure(laps)[0] for row in rows()}


def main() -> None:
    """Measure and print a table."""
    print(f"Python {platform.python_version()}, smpplib {version('smpplib')}, smpp34 {version('smpp34')}")
    print(f"{f'us, best of {LAPS} laps':32}   ours   smpplib  ratio    smpp34  ratio")
    for row in rows():
        ours, *others = row.measure()
        print(f"{row.name:32}{ours:7.2f}" + "".join(f"{each:10.2f}{each / ours:6.1f}x" for each in others), flush=True)


if __name__ == "__main__":
    main()
