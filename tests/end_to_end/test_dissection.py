"""What gateway and simulator say to each other, as tshark reads it: no part of ours looks at the octets."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final, NoReturn

import pytest
import trio

from gateway.client import connect
from tests.end_to_end.gateways import CLIENT, SECRET, simulator, upstream, write_config
from tests.end_to_end.processes import Process, started

SINGLE: Final = "ご確認ください。"
LONG: Final = "【あおば銀行】本日、口座から12,800円を引き落としました。ご確認ください🙏" * 4
LATIN: Final = "Balance {120} € [ok]"
LONG_LATIN: Final = "Your parcel is on its way {today}. " * 8
PARTS: Final = {SINGLE: 1, LONG: 3, LATIN: 1, LONG_LATIN: 2}
REPLY: Final = "ご注文の件ですが、お届け日を変更していただけますか。" * 4
REPLY_PARTS: Final = 2

LOOPBACK: Final = "lo0" if sys.platform == "darwin" else "lo"
SECONDS: Final = 30.0
MOST_PACKETS: Final = 5000
END: Final = b"here the capture ends"
ENQUIRE_LINK_RESP: Final = bytes.fromhex("00000010 80000015 00000000")

Pdu = dict[str, Any]


class Capture:
    """dumpcap, writing what it captures into a pipe; `octets` is what was read from there."""

    def __init__(self, dumpcap: str, port: int) -> None:
        bounds = ["-a", f"duration:{2 * SECONDS:.0f}", "-c", str(MOST_PACKETS)]
        command = [dumpcap, "-q", "-i", LOOPBACK, "-f", f"port {port}", *bounds, "-w", "-"]
        self.octets = b""
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._port = port

    def read_until(self, wanted: bytes) -> bool:
        """Read until these octets were captured. Returns: False if the capture ended before."""
        assert self.child.stdout
        deadline = monotonic() + SECONDS
        while wanted not in self.octets:
            readable, _, _ = select.select([self.child.stdout], [], [], deadline - monotonic())
            assert readable, f"nothing with {wanted!r} was captured"
            more = os.read(self.child.stdout.fileno(), 1 << 16)
            if not more:
                return False
            self.octets += more
        return True

    def finish(self) -> None:
        """Stop when all that was sent until now is read: packets are captured in order, this one as the last."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(END, ("127.0.0.1", self._port))
        assert self.read_until(END)
        self.child.send_signal(signal.SIGINT)
        self.child.communicate(timeout=SECONDS)


@dataclass(frozen=True)
class Dissection:
    """What tshark says of the run."""

    faults: str
    """A line for each packet that is malformed, or that tshark's experts call an error."""
    pdus: list[Pdu]
    user_data: list[dict[str, Any]]
    """Of each part of a long message: its header, and in the last one the whole."""

    def having(self, command_id: int, **fields: str) -> list[Pdu]:
        """The PDUs of one kind, with these values."""
        wanted = {f"smpp.{name}": value for name, value in fields.items()}.items()
        return [
            pdu for pdu in self.pdus if int(pdu["smpp.command_id"], 16) == command_id and wanted <= flat(pdu).items()
        ]


def flat(layer: dict[str, Any]) -> dict[str, str]:
    """The fields of a layer and of all below it, by name."""
    fields: dict[str, str] = {}
    for name, value in layer.items():
        for each in value if isinstance(value, list) else [value]:
            fields.update(flat(each) if isinstance(each, dict) else {name: each})
    return fields


def unavailable(reason: str) -> NoReturn:
    assert os.environ.get("CI") != "true", reason
    pytest.skip(reason)


@contextmanager
def captured(port: int) -> Iterator[Capture]:
    dumpcap = shutil.which("dumpcap")
    if dumpcap is None or shutil.which("tshark") is None:
        unavailable("the traffic is dissected with tshark, which is not there")
    capture = Capture(dumpcap, port)
    try:
        if not capture.read_until(b"\x0a\x0d\x0d\x0a"):  # the file's first block: the interface is open by then
            unavailable(f"capturing is not permitted: {capture.child.communicate()[1].decode().strip()}")
        yield capture
    finally:
        capture.child.kill()
        capture.child.communicate()


async def send_all(folder: Path, smsc: Process) -> None:
    """Send every text, and one from a handset; return when each has arrived."""
    messages = [{"id": str(n), "to": "090-1234-5678", "text": text} for n, text in enumerate(PARTS)]
    waited = Counter({"delivered": len(PARTS), "incoming": 1})
    with trio.fail_after(SECONDS):
        async with connect(upstream(folder), CLIENT, SECRET) as client:
            await client.submit(messages)
            body = json.dumps({"from": "+819012345678", "to": "0005123456", "text": REPLY}).encode()
            request = urllib.request.Request(f"http://{smsc.ready['http']}/mo", body, method="POST")
            (await trio.to_thread.run_sync(urllib.request.urlopen, request)).close()
            async for event in client.events():
                waited[event["type"]] -= 1
                if not +waited:
                    break


def dissect(file: Path, port: int, *arguments: str) -> str:
    command = ["tshark", "-r", str(file), "-d", f"tcp.port=={port},smpp", "-o", "smpp.decode_sms_over_smpp:GSM 7-bit"]
    done = subprocess.run([*command, *arguments], capture_output=True, timeout=SECONDS, check=True)
    return done.stdout.decode("utf-8", "surrogatepass")  # it may write the halves of a surrogate pair one by one


def layers(packets: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """All layers of that name, in order: one packet may hold many PDUs."""
    found = [packet["_source"]["layers"].get(name, []) for packet in packets]
    return [layer for each in found for layer in (each if isinstance(each, list) else [each])]


@pytest.fixture(scope="module")
def dissection(tmp_path_factory: pytest.TempPathFactory) -> Dissection:
    folder = tmp_path_factory.mktemp("run")
    with simulator() as smsc:
        port = int(smsc.ready["smpp"].rpartition(":")[2])
        with captured(port) as capture:
            config = write_config(folder, smsc)
            quick = config.read_text(encoding="utf-8").replace(
                "burst = 100", "burst = 100\nenquire_link_interval = 0.1"
            )
            config.write_text(quick, encoding="utf-8")
            with started(["-m", "gateway.cli", "gateway", "--config", str(config)]):
                trio.run(send_all, folder, smsc)
                assert capture.read_until(ENQUIRE_LINK_RESP)
            assert smsc.stop() == 0
            capture.finish()
    file = folder / "run.pcapng"
    file.write_bytes(capture.octets)
    packets = json.loads(dissect(file, port, "-Y", "smpp", "-T", "json", "--no-duplicate-keys"))
    faults = dissect(file, port, "-Y", '_ws.malformed || _ws.expert.severity == "Error"')
    return Dissection(faults, layers(packets, "smpp"), layers(packets, "gsm_sms_ud"))


def text_of(pdus: list[Pdu]) -> str:
    text: str = "".join(pdu["smpp.message_text"] for pdu in pdus)
    return text.encode("utf-16", "surrogatepass").decode("utf-16")


def test_no_packet_is_malformed_or_an_error(dissection: Dissection) -> None:
    assert dissection.pdus
    assert dissection.faults == ""


def test_each_command_is_there_as_often_as_the_run_asked_for(dissection: Dissection) -> None:
    seen = Counter(int(pdu["smpp.command_id"], 16) for pdu in dissection.pdus)
    enquiries = seen.pop(0x15)
    assert enquiries == seen.pop(0x80000015) > 0
    submitted, delivered = sum(PARTS.values()), sum(PARTS.values()) + REPLY_PARTS
    asked = {0x09: 2, 0x04: submitted, 0x05: delivered, 0x06: 2}
    assert seen == asked | {command_id | 0x80000000: count for command_id, count in asked.items()}


def test_each_answer_says_ok_and_has_the_number_of_a_request(dissection: Dissection) -> None:
    answers = [pdu for pdu in dissection.pdus if int(pdu["smpp.command_id"], 16) & 0x80000000]
    requests = [pdu for pdu in dissection.pdus if pdu not in answers]
    assert {pdu["smpp.command_status"] for pdu in answers} == {"0x00000000"}
    owed = Counter((int(pdu["smpp.command_id"], 16) | 0x80000000, pdu["smpp.sequence_number"]) for pdu in requests)
    assert owed == Counter((int(pdu["smpp.command_id"], 16), pdu["smpp.sequence_number"]) for pdu in answers)


@pytest.mark.parametrize(("text", "data_coding"), [(SINGLE, "0x08"), (LATIN, "0x00")])
def test_a_short_text_is_read_as_it_was_sent(dissection: Dissection, text: str, data_coding: str) -> None:
    [pdu] = dissection.having(0x04, message_text=text)
    assert (pdu["smpp.data_coding"], pdu["smpp.esm.submit.features"]) == (data_coding, "0x00")
    assert pdu["smpp.destination_addr"] == "819012345678"


@pytest.mark.parametrize(
    ("text", "command_id", "data_coding", "parts"),
    [
        (LONG, 0x04, "0x08", PARTS[LONG]),
        (LONG_LATIN, 0x04, "0x00", PARTS[LONG_LATIN]),
        (REPLY, 0x05, "0x08", REPLY_PARTS),
    ],
)
def test_the_parts_of_a_long_text_make_it_whole(
    dissection: Dissection, text: str, command_id: int, data_coding: str, parts: int
) -> None:
    found = dissection.having(command_id, data_coding=data_coding, **{"esm.submit.features": "0x01"})
    assert len(found) == parts
    assert text_of(found) == text


def test_the_user_data_headers_number_the_parts_of_each_message(dissection: Dissection) -> None:
    said = [flat(each) for each in dissection.user_data]
    numbers = [tuple(int(each[f"gsm_sms.udh.mm.{name}"]) for name in ("msg_parts", "msg_part")) for each in said]
    assert sorted(numbers) == [(2, 1), (2, 1), (2, 2), (2, 2), (3, 1), (3, 2), (3, 3)]


def test_tshark_joins_each_long_text_by_its_headers(dissection: Dissection) -> None:
    whole = [each["gsm_sms_ud.short_msg"] for each in dissection.user_data if "gsm_sms_ud.fragments" in each]
    octets = {bytes.fromhex(each.replace(":", "")) for each in whole}
    latin = LONG_LATIN.replace("{", "\x1b(").replace("}", "\x1b)").encode("ascii")
    assert octets == {LONG.encode("utf-16-be"), REPLY.encode("utf-16-be"), latin}


def test_each_receipt_names_a_part_in_its_text_and_beside_it(dissection: Dissection) -> None:
    receipts = [flat(pdu) for pdu in dissection.having(0x05, **{"esm.submit.msg_type": "0x01"})]
    ids = sorted(pdu["smpp.message_id"] for pdu in dissection.having(0x80000004))
    assert sorted(receipt["smpp.receipted_message_id"] for receipt in receipts) == ids
    assert {receipt["smpp.message_state"] for receipt in receipts} == {"2"}
    for receipt in receipts:
        assert receipt["smpp.message_text"].startswith(f"id:{receipt['smpp.receipted_message_id']} sub:001 dlvrd:001 ")
        assert " stat:DELIVRD " in receipt["smpp.message_text"]
