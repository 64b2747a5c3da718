"""An ESME for the page's tests: smpplib's client, a parser and writer that is not ours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final

from smpplib import consts, gsm
from smpplib.client import Client

from protocol.joining import Joiner, split_udh
from tests.end_to_end.processes import Process

SENDER: Final = "0005123456"
SECONDS: Final = 15.0


class Esme:
    """One connection, with what it received."""

    def __init__(self, simulator: Process) -> None:
        host, port = simulator.ready["smpp"].split(":")
        self.client: Any = Client(host, port, timeout=SECONDS, allow_unknown_opt_params=True)
        self.answers: list[Any] = []
        self.deliveries: list[Any] = []
        self.client.set_message_sent_handler(lambda pdu: self.answers.append(pdu))
        self.client.set_message_received_handler(lambda pdu: self.deliveries.append(pdu))
        self.client.set_error_pdu_handler(lambda _pdu: None)  # else it raises; the handlers above see errors too

    def bind(self, system_id: str = "denpo") -> None:
        """Bind as a transceiver. Raises: PDUError: it was refused."""
        self.client.bind_transceiver(system_id=system_id, password="secret")

    def submit(self, destination: str, text: str, **fields: Any) -> list[Any]:  # noqa: ANN401  # smpplib has no types
        """Cut and submit as smpplib does, and wait for the answers, which are returned."""
        parts, data_coding, esm_class = gsm.make_parts(text)
        return self.send(destination, parts, **{"data_coding": data_coding, "esm_class": esm_class} | fields)

    def send(self, destination: str, parts: list[bytes], **fields: Any) -> list[Any]:  # noqa: ANN401  # as above
        """Submit parts as they are, and wait for the answers, which are returned."""
        expected = len(self.answers) + len(parts)
        for part in parts:
            self.client.send_message(
                source_addr=SENDER,
                dest_addr_ton=consts.SMPP_TON_INTL,
                dest_addr_npi=consts.SMPP_NPI_ISDN,
                destination_addr=destination,
                short_message=part,
                registered_delivery=True,
                **fields,
            )
        self.read_until(lambda: len(self.answers) == expected)
        return self.answers[expected - len(parts) :]

    def read_text(self) -> str:
        """Wait for a text from a handset, in one part or many, and join it."""
        texts = _Texts()
        self.read_until(lambda: texts.take(self.deliveries) is not None)
        assert texts.whole is not None
        return texts.whole

    def read_until(self, condition: Callable[[], bool]) -> None:
        """Read until something that came makes the condition true."""
        deadline = monotonic() + SECONDS
        while not condition():
            assert monotonic() < deadline, "what was waited for did not come"
            self.client.read_once(auto_send_enquire_link=False)


class _Texts:
    """Joins what handsets sent; receipts, which are ASCII, are passed over."""

    def __init__(self) -> None:
        self.whole: str | None = None
        self._joiner = Joiner[bytes](60.0, 1)
        self._seen = 0

    def take(self, deliveries: list[Any]) -> str | None:
        fresh, self._seen = deliveries[self._seen :], len(deliveries)
        for pdu in fresh:
            concat, body = split_udh(pdu.short_message, pdu.esm_class)
            whole = self._joiner.add("key", concat, body, 0.0) if concat else [body]
            if whole and pdu.data_coding == consts.SMPP_ENCODING_ISO10646:
                self.whole = b"".join(whole).decode("utf-16-be")
        return self.whole


@contextmanager
def connected(simulator: Process) -> Iterator[Esme]:
    """Connect; close at the end, whatever state it is in."""
    esme = Esme(simulator)
    esme.client.connect()
    try:
        yield esme
        if esme.client.state != consts.SMPP_CLIENT_STATE_OPEN:
            esme.client.unbind()
    finally:
        esme.client.disconnect()
