"""`denpo trace`: a message's life as people read it."""

import json
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.message import Message, PartState, State
from protocol.upstream import pack
from tests.gateway.fakes import NOW, TEXT, TO, message
from tests.gateway.store.disk import Clock, keep, opened

P = PartState
RECEIPT = ("A1", "2611220959", "2611221000", "DELIVRD", "000")


async def lived(folder: Path) -> Message:
    """A store with a message of two parts: one refused, sent again and delivered; one without an answer."""
    made = message(1, P.DELIVERED, P.UNKNOWN, id="order-1", state=State.UNKNOWN, carrier="alpha", total=2)
    made.warnings, made.coding, made.repeated = ["removed U+200B (1, first at 3)"], "ucs2", True
    first, second = made.parts
    first.note_sent("alpha.0", 11, NOW + 1)
    first.note_answer(0x58, NOW + 2)
    first.note_sent("alpha.1", 21, NOW + 5)
    first.note_answer(0, NOW + 6)
    first.carrier_id, first.at, first.receipt = "A1\x1b", NOW + 9, RECEIPT
    second.note_sent("alpha.0", 12, NOW + 1.5)
    second.at = NOW + 61
    async with opened(folder, Clock()) as store:
        await keep(store, made)
        store.save(made)
        store.emit("bank", pack({"type": "submitted", "at": NOW + 7, "message_id": made.message_id}))
        await store.commit.wait()
    return made


async def test_every_step_is_told_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = await lived(tmp_path)
    assert main(["trace", "order-1", "--data-dir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    start = next(n for n, line in enumerate(lines) if line.startswith("time part"))
    assert [line.split(" ", 2)[2] for line in lines[start + 1 : start + 11]] == [
        "accepted: ucs2, 2 parts, for alpha",
        "noted by the checks: removed U+200B (1, first at 3)",
        "1 sent over alpha.0 with sequence number 11",
        "2 sent over alpha.0 with sequence number 12",
        "1 refused: ESME_RTHROTTLED (0x58)",
        "1 sent over alpha.1 with sequence number 21",
        "1 taken; the carrier calls it A1\\u001b",
        f'event "submitted" (cursor {int(NOW * 1e6)}), not acknowledged yet',
        "1 receipt: DELIVRD, error 000, done 2611221000",
        "2 no answer came: it can't be known whether the carrier has it",
    ]
    assert "it may have been sent twice" in out
    assert "bank has acknowledged no event yet" in out
    assert made.message_id in out
    assert TEXT not in out
    assert TO not in out
    assert "\x1b" not in out


async def test_texts_and_numbers_are_shown_when_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await lived(tmp_path)
    assert main(["trace", "order-1", "--data-dir", str(tmp_path), "--show-text", "--show-numbers"]) == 0
    out = capsys.readouterr().out
    assert TEXT in out
    assert TO in out


@pytest.mark.parametrize("written", ["090-1234-5678", "+819012345678"])
async def test_a_number_is_found_as_people_write_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], written: str
) -> None:
    await lived(tmp_path)
    assert main(["trace", written, "--data-dir", str(tmp_path), "--json"]) == 0
    [told] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (told["id"], told["to"], told["state"], told["possible_duplicate"]) == (
        *("order-1", "********5678", "unknown"),
        True,
    )
    assert told["tries"]["1"][1] == ["alpha.1", 21, NOW + 5, NOW + 6, 0]
    assert [step["part"] for step in told["life"]] == [0, 0, 1, 2, 1, 1, 1, 0, 1, 2]
    assert "text" not in told


async def test_what_is_not_there_says_where_it_was_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await lived(tmp_path)
    assert main(["trace", "order-2", "--data-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "denpo trace: no message that the store remembers is called so\n"
    assert main(["trace", "080-9999-9999", "--data-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "denpo trace: none of the 1 messages that the store remembers went there\n"
    assert main(["trace", "order-1", "--data-dir", str(tmp_path), "--client", "shop"]) == 1


def test_a_folder_without_a_store_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "order-1", "--data-dir", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"denpo trace: the store in {tmp_path}: No such file or directory\n"


def test_the_configuration_says_where_the_store_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gateway.toml").write_text("[gateway]\n", encoding="utf-8")
    assert main(["trace", "order-1", "--config", str(tmp_path / "gateway.toml")]) == 2
    assert "has errors" in capsys.readouterr().err
