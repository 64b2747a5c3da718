"""The simulator against a client that others wrote: smpplib's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final

import httpx
import pytest
from smpplib import consts, gsm
from smpplib.client import Client
from smpplib.exceptions import PDUError

from protocol.joining import Joiner, split_udh
from protocol.receipt import is_receipt, parse
from tests.end_to_end.gateways import read_ledger
from tests.end_to_end.processes import Process, started

TEXT: Final = "【重要】本日21時より計画メンテナンスを行います。ご不便をおかけしますが、ご了承ください🙏 " * 3
REPLY: Final = "承" * 66 + "🙏" + "知いたしました。お知らせいただき、ありがとうございます。" * 4
"""Cut after 67 units of UTF-16, which is a part's room, its emoji would be halved."""
SIMULATOR: Final = [
    *("-W", "error", "-m", "simulator.cli", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"),
    *("--system-id", "denpo", "--password", "secret", "--receipt-delay", "0.05"),
]
SECONDS: Final = 10.0


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
            assert peer.client.unbind().command == "unbind_resp"
    finally:
        peer.client.disconnect()


def post_mo(simulator: Process, text: str) -> int:
    """Hand in what a handset sends, as soon as a bind can receive it. Returns: the number of parts."""
    message = {"from": "+819012345678", "to": "0005123456", "text": text}
    deadline = monotonic() + SECONDS
    while True:
        answer = httpx.post(f"http://{simulator.ready['http']}/mo", json=message, timeout=SECONDS)
        if answer.status_code == 202:
            parts: int = answer.json()["parts"]
            return parts
        assert answer.json()["error"] == "no_receiver", answer.text
        assert monotonic() < deadline, "nobody bound"


@contextmanager
def throttled(simulator: Process) -> Iterator[None]:
    """Every submit_sm is answered with ESME_RTHROTTLED."""
    url, name = f"http://{simulator.ready['http']}/faults", "answers.statuses"
    httpx.put(url, json={name: {"RTHROTTLED": 1.0}}, timeout=SECONDS).raise_for_status()
    try:
        yield
    finally:
        httpx.put(url, json={name: None}, timeout=SECONDS).raise_for_status()


def joined_texts(simulator: Process, ids: list[str]) -> list[str]:
    """What the ledger joined from each of the parts with these ids."""
    return [line["joined"] for line in read_ledger(simulator) if line["message_id"] in ids]


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
    assert joined_texts(simulator, ids) == [TEXT] * parts


def test_a_long_japanese_text_from_a_handset_arrives_in_parts_that_join(simulator: Process) -> None:
    with connected(simulator) as peer:
        peer.bind()
        parts = post_mo(simulator, REPLY)
        peer.read_until(lambda: len(peer.deliveries) == parts)
    joiner, whole = Joiner[bytes](60.0, 1), None
    for delivery in peer.deliveries:
        assert (delivery.source_addr, delivery.data_coding) == (b"819012345678", consts.SMPP_ENCODING_ISO10646)
        concat, body = split_udh(delivery.short_message, delivery.esm_class)
        assert concat
        whole = joiner.add("key", concat, body, 0.0)
    assert whole
    assert "".join([body.decode("utf-16-be") for body in whole]) == REPLY


def test_a_throttled_answer_is_seen_as_one(simulator: Process) -> None:
    with throttled(simulator), connected(simulator) as peer:
        peer.bind()
        parts = peer.submit(TEXT)
        for _ in range(parts):
            with pytest.raises(PDUError) as caught:
                peer.client.read_once(auto_send_enquire_link=False)
            assert caught.value.args[1] == consts.SMPP_ESME_RTHROTTLED == 0x58
