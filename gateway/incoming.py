"""What handsets send: parts become messages, messages become events for clients.

No I/O of its own: everything is noted with the store, to be on disk with its next commit; only then may the carrier be
answered. Times are Unix seconds.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import inf
from typing import TYPE_CHECKING, Any, Final

import structlog

from gateway.recipients import Recipients
from gateway.repeats import Repeats
from protocol import alphabets
from protocol import receipt as receipts
from protocol.constants import Coding, Status, Tag
from protocol.joining import Concat, Joiner, read_sar, split_udh
from protocol.text import coding_of, decode_body
from protocol.upstream import pack

if TYPE_CHECKING:
    from config.settings import Settings
    from gateway.bounds import Bounds
    from gateway.metrics import Counts
    from gateway.store import Place, Store
    from protocol.pdu import DeliverSm
    from protocol.text import Profile

WARN_SECONDS: Final = 60.0
"""Between two warnings of one carrier's messages that nobody takes."""
_DIGEST_OCTETS: Final = 16

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Way:
    """Who writes to whom, and how: parts that differ in any of this belong to different messages."""

    client: str
    carrier: str
    source: bytes = field(repr=False)
    destination: bytes = field(repr=False)
    data_coding: int
    width: int
    """Bits of the reference; 0: no part of a long message."""

    def place(self, reference: int, total: int, number: int) -> "Place":
        """Where the store keeps a part."""
        who = self.client, self.carrier, self.source, self.destination
        return *who, self.data_coding, self.width, reference, total, number


class Incoming:
    """Takes messages from handsets, of all carriers; `load` before the first.

    The event of a message: `from` and `to` as the carrier spells them, `text`, or `data` when the octets can't be read
    by their data_coding; `parts`: how many came; `missing`, when some did not come in time: how many.

    A delivery whose answer may not have arrived, because the connection or the gateway was gone at that moment, comes
    again, and is not told again: it is recognised by a digest of the carrier, both numbers, and all octets, header
    included, on disk with what it brought. Only such deliveries are remembered, once for each time that they are
    expected: two answered "1" from one handset are two messages. What this can't tell: when the SMSC does not deliver
    again after all, the next message that is the same octet for octet, if it comes within REDELIVERY_SECONDS, is taken
    for it and not told; and what comes again later than that, or with other octets, is told twice.
    """

    def __init__(
        self,
        settings: "Settings",
        store: "Store",
        counts: "Counts",
        profiles: "Mapping[str, Profile]",
        bounds: "Bounds",
    ) -> None:
        gateway = settings.gateway
        self._store = store
        self._counts = counts
        self._bounds = bounds
        self._codings: dict[str, Mapping[int, Coding]] = {}
        self.reconfigure(settings, profiles)
        self._joiner = Joiner[bytes](gateway.join_timeout, gateway.max_fragments)
        self.repeats = Repeats(store)
        """What was kept and may come again."""
        self._warned: dict[str, float] = {}

    def reconfigure(self, settings: "Settings", profiles: "Mapping[str, Profile]") -> None:
        """Go by these settings from now on; what a carrier that is gone has begun is still read as it wrote it."""
        self._codings |= {name: profile.data_codings for name, profile in profiles.items()}
        self._recipients = Recipients(settings)

    def load(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take over the parts that the last run has kept: rows of a `Place`, the body and its time, oldest first."""
        for *way, reference, total, number, body, at in rows:
            made = _Way(*way)
            self._joiner.add(made, Concat(reference, total, number, made.width), body, at)

    def take(self, carrier: str, deliveries: Sequence["DeliverSm"], now: float) -> list[int]:
        """Note what handsets have sent; the rest of the deliveries is not looked at.

        Returns: the command_status to answer each with: RX_R_APPN when no client takes it, RX_T_APPN when it is to come
            again because its client is too far behind with its events, else 0.
        """
        behind = self._bounds.clients_behind()
        return [self._take(carrier, pdu, now, behind) if is_incoming(pdu.esm_class) else 0 for pdu in deliveries]

    def answered(self, carrier: str, deliveries: Iterable["DeliverSm"]) -> None:
        """Forget deliveries whose answers have arrived: what is the same octet for octet is another message."""
        for pdu in deliveries:
            if is_incoming(pdu.esm_class):
                self.repeats.settle(_digest(carrier, pdu))

    def unanswered(self, carrier: str, deliveries: Iterable["DeliverSm"], now: float) -> None:
        """Expect deliveries whose answers may not have arrived to come again, if they were kept."""
        for pdu in deliveries:
            if is_incoming(pdu.esm_class):
                self.repeats.expect(_digest(carrier, pdu), now)

    def expire(self, now: float) -> None:
        """Tell of messages whose other parts have not come in time, as far as they came."""
        self.repeats.expire(now)
        for given_up in self._joiner.expire(now):
            way, came = given_up.key, given_up.fragments
            assert isinstance(way, _Way)
            self._store.forget_fragments([way.place(given_up.reference, given_up.total, number) for number in came])
            self._tell(way, [came[number] for number in sorted(came)], now, missing=given_up.total - len(came))

    def _take(self, carrier: str, pdu: "DeliverSm", now: float, behind: Collection[str]) -> int:
        counts = self._counts.carriers[carrier]
        client = self._recipients.find(carrier, _spell(pdu.source_addr), _spell(pdu.destination_addr))
        counts.incoming += 1
        if client is None:
            counts.incoming_unrouted += 1
            self._warn(carrier, now)
            return Status.RX_R_APPN
        digest = _digest(carrier, pdu)
        if self.repeats.take(digest, now):
            return Status.ROK
        if client in behind:
            counts.deferred += 1
            return Status.RX_T_APPN
        self.repeats.note(digest)
        concat, body = self._read(carrier, pdu)
        width = concat.width if concat else 0
        way = _Way(client, carrier, pdu.source_addr, pdu.destination_addr, pdu.data_coding, width)
        if concat:
            self._join(way, concat, body, now)
        else:
            self._tell(way, [body], now)
        return Status.ROK

    def _join(self, way: _Way, concat: Concat, body: bytes, now: float) -> None:
        self.expire(now)  # so that what the part is added to is not given up below, without the part's being on disk
        whole = self._joiner.add(way, concat, body, now)
        self.expire(now)  # a message whose reference is used again leaves the places that the new one's parts take
        places = [way.place(concat.reference, concat.total, number) for number in range(1, concat.total + 1)]
        if whole is None:
            self._store.keep_fragment(places[concat.number - 1], body, now)
        else:
            self._store.forget_fragments(places)
            self._tell(way, whole, now)

    def _tell(self, way: _Way, bodies: Collection[bytes], now: float, missing: int = 0) -> None:
        octets = b"".join(bodies)  # first, for a character may be cut between two parts
        text = decode_body(octets, way.data_coding, self._codings.get(way.carrier, {}))
        event = {
            "type": "incoming",
            "at": now,
            "from": _spell(way.source),
            "to": _spell(way.destination),
            "carrier": way.carrier,
            "parts": len(bodies),
            **({"data": octets} if text is None else {"text": text}),
        }
        if missing:
            event["missing"] = missing
        self._counts.events["incoming"] = self._counts.events.get("incoming", 0) + 1
        self._store.emit(way.client, pack(event))

    def _read(self, carrier: str, pdu: "DeliverSm") -> tuple[Concat | None, bytes]:
        octets = _octets(pdu)
        concat, body = split_udh(octets, pdu.esm_class)
        coding = coding_of(pdu.data_coding, self._codings[carrier])
        if coding is Coding.GSM7_PACKED:  # each part is padded for itself, so it must be unpacked for itself
            body = alphabets.unwrap(body, coding, len(octets) - len(body))
        return concat or read_sar(pdu.tlvs), body

    def _warn(self, carrier: str, now: float) -> None:
        if now - self._warned.get(carrier, -inf) >= WARN_SECONDS:
            self._warned[carrier] = now
            reason = "no [[incoming]] fits, and no client has the number that a handset wrote to among its senders"
            _log.warning("incoming_unrouted", carrier=carrier, reason=reason)


def is_incoming(esm_class: int) -> bool:
    """Tell whether a deliver_sm is from a handset: neither a receipt nor an intermediate notification (5.2.12)."""
    return not (receipts.is_receipt(esm_class) or receipts.is_intermediate(esm_class))


def _octets(pdu: "DeliverSm") -> bytes:
    """The user data, header included: short_message, or message_payload when that is empty (SMPP 3.4, 5.3.2.32)."""
    return pdu.short_message or dict(pdu.tlvs).get(Tag.MESSAGE_PAYLOAD, b"")


def _digest(carrier: str, pdu: "DeliverSm") -> bytes:
    sar = read_sar(pdu.tlvs)
    part = (sar.reference, sar.total, sar.number) if sar else ()
    same = (carrier, pdu.source_addr, pdu.destination_addr, pdu.data_coding, _octets(pdu), part)
    return blake2b(pack(same), digest_size=_DIGEST_OCTETS).digest()


def _spell(address: bytes) -> str:
    return address.decode("latin-1")
