"""The simulator against a client that others wrote: smpplib's."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import httpx
import pytest
from smpplib import consts, gsm
from smpplib.client import Client
from smpplib.exceptions import PDUError

from protocol.joining import Joiner, split_udh
from protocol.receipt import is_receipt, parse
from tests.end_to_end.processes import Process, started

TEXT = "【重要】本日21時より計画メンテナンスを行います。ご不便をおかけしますが、ご了承ください🙏 " * 3
SIMULATOR = [
    *("-W", "error", "-m", "simulator.cli", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"),
    *("--system-id", "denpo", "--password", "secret", "--receipt-delay", "0.05"),
]
SECONDS = 10.0


@pytest.fixture(scope="module")
def simulator() -> Iterator[Process]:
    with started(SIMULATOR) as process:
        yield process


class Peer:
    """smpplib's client, with what it received."""

    def __init__(self, address: str) -> None:
        host, port = address.split(":")
        self.client: Any = Client(host, port, timeout=SECONDS, allow_unknown_opt_params=True)
        self.answers: list[Any] = []
        self.deliveries: list[Any] = []
        self.client.set_message_sent_handler(lambda pdu: self.answers.append(pdu))
        self.client.set_message_received_handler(lambda pdu: self.deliveries.append(pdu))

    def bind(self, password: str = "secret") -> Any:  # noqa: ANN401  # smpplib has no types
        return self.client.bind_transceiver(system_id="denpo", password=password)

    def submit(self, text: str) -> int:
        """Cut and submit as smpplib does. Returns: the number of parts."""
        parts, data_coding, esm_class = gsm.make_parts(text)
        for part in parts:
            self.client.send_message(
                source_addr="0005123456",
                dest_addr_ton=consts.SMPP_TON_INTL,
                dest_addr_npi=consts.SMPP_NPI_ISDN,
                destination_addr="819012345678",
                short_message=part,
                data_coding=data_coding,
                esm_class=esm_class,
                registered_delivery=True,
            )
        return len(parts)

    def read_until(self, condition: Callable[[], bool]) -> None:
        deadline = monotonic() + SECONDS
        while not condition():
            assert monotonic() < deadline, "what was waited for did not come"
            self.client.read_once(auto_send_enquire_link=False)


@contextmanager
def connected(simulator: Process) -> Iterator[Peer]:
    peer = Peer(simulator.ready["smpp"])
    peer.client.connect()
    try:
        yield peer
        if peer.client.state != consts.SMPP_CLIENT_STATE_OPEN:
            peer.client.unbind()
    finally:
        peer.client.disconnect()


def get_ledger(simulator: Process) -> list[dict[str, Any]]:
    answer = httpx.get(f"http://{simulator.ready['http']}/ledger", timeout=SECONDS)
    return [json.loads(line) for line in answer.text.split("\n")[:-1]]


def test_a_wrong_password_is_refused(simulator: Process) -> None:
    with connected(simulator) as peer, pytest.raises(PDUError) as caught:
        peer.bind("wrong")
    assert caught.value.args[1] == consts.SMPP_ESME_RINVPASWD


def test_the_bind_is_answered_with_the_interface_version(simulator: Process) -> None:
    with connected(simulator) as peer:
        assert peer.bind().sc_interface_version == 0x34


def test_a_long_japanese_text_is_taken_whole_and_each_part_gets_its_receipt(simulator: Process) -> None:
    with connected(simulator) as peer:
        peer.bind()
        parts = peer.submit(TEXT)
        peer.read_until(lambda: len(peer.answers) == len(peer.deliveries) == parts)
    ids = [answer.message_id.decode() for answer in peer.answers]
    assert parts > 1
    assert len(set(ids)) == parts
    assert all(is_receipt(delivery.esm_class) for delivery in peer.deliveries)
    receipts = [parse(delivery.short_message, delivery.esm_class, ()) for delivery in peer.deliveries]
    assert [receipt and (receipt.message_id, receipt.state_name) for receipt in receipts] == [
        (message_id, "DELIVRD") for message_id in ids
    ]
    assert [delivery.receipted_message_id.rstrip(b"\0").decode() for delivery in peer.deliveries] == ids
    assert [delivery.message_state for delivery in peer.deliveries] == [consts.SMPP_MESSAGE_STATE_DELIVERED] * parts
    lines = [line for line in get_ledger(simulator) if line["message_id"] in ids]
    assert [line["joined"] for line in lines] == [TEXT] * parts


def test_a_long_japanese_text_from_a_handset_arrives_in_parts_that_join(simulator: Process) -> None:
    with connected(simulator) as peer:
        peer.bind()
        message = {"from": "+819012345678", "to": "0005123456", "text": TEXT}
        answer = httpx.post(f"http://{simulator.ready['http']}/mo", json=message, timeout=SECONDS)
        assert answer.status_code == 202
        peer.read_until(lambda: len(peer.deliveries) == answer.json()["parts"])
    joiner, whole = Joiner[bytes](60.0, 1), None
    for delivery in peer.deliveries:
        assert (delivery.source_addr, delivery.data_coding) == (b"819012345678", consts.SMPP_ENCODING_ISO10646)
        concat, body = split_udh(delivery.short_message, delivery.esm_class)
        assert concat
        whole = joiner.add("key", concat, body, 0.0)
    assert whole
    assert b"".join(whole).decode("utf-16-be") == TEXT
