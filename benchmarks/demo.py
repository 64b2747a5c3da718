"""`make demo`: four texts through a real gateway to a simulated carrier and back, shown live.

Starts a simulator and a gateway with a store of their own in a fresh folder, submits through the upstream socket,
follows what becomes of each text, looks into the simulator's ledger, and ends everything. Exit code 0 only if each text
ended as it should.
"""

import json
import secrets
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trio
from rich.console import Console
from rich.live import Live
from rich.table import Table

from benchmarks.processes import started
from gateway.client import Client, Event, connect

PATIENCE_SECONDS: Final = 15.0
RECEIPT_SECONDS: Final = "0.8"

_CONFIG: Final = """\
[gateway]
data_dir = "store"
[upstream]
listen = ["unix:upstream.sock"]
[web]
listen = "127.0.0.1:0"
[clients.demo]
secret = {{ env = "DENPO_DEMO_SECRET" }}
sender = "0005123456"
[carriers.alpha]
[[carriers.alpha.binds]]
host = "127.0.0.1"
port = {port}
system_id = "denpo"
password = {{ env = "DENPO_DEMO_PASSWORD" }}
[[routes]]
carriers = ["alpha"]
prefixes = ["81"]
"""

_SEVENTY: Final = (
    "【あおば銀行】お客さま情報のご確認期限が近づいています。アプリまたは公式サイトから、"
    "期限までにお手続きをお願いします。ご不明な点は窓口まで。"
)
_LONG: Final = (
    "【みどり信販】髙橋様、葛\U000e0100城支店でのカードご利用ありがとうございます🎉 11月22日のご利用分12,800円を、"
    "12月10日にご指定の口座から引き落とします。残高をご確認ください👨‍👩‍👧‍👦 ご家族カードのご利用分も含まれます。"
    "お心当たりのないご利用がある場合は、カード裏面の番号まで、すぐにご連絡をお願いいたします🙏"
    "このメッセージは送信専用です。"
)


@dataclass(slots=True)
class Row:
    """One text of the demo, what should become of it, and what has."""

    title: str
    to: str
    text: str
    lane: str
    expected: tuple[str, str, int]
    """State, encoding, parts; or ("refused", error, 0)."""
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    state: str = "…"
    encoding: str = ""
    parts: int = 0
    carrier_ids: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Whether it has ended as it should."""
        return (self.state, self.encoding, self.parts) == self.expected


def make_rows() -> list[Row]:
    """The four texts."""
    return [
        Row("one-time password, GSM-7", "090-1234-5678", "Your code is 482913.", "otp", ("delivered", "gsm7", 1)),
        Row("Japanese, exactly 70", "+81 80 1234 5678", _SEVENTY, "normal", ("delivered", "ucs2", 1)),
        Row("Japanese, emoji, IVS kanji", "０７０−１２３４−５６７８", _LONG, "normal", ("delivered", "ucs2", 3)),
        Row("to a landline", "03-1234-5678", "Never sent.", "normal", ("refused", "not_mobile", 0)),
    ]


def main() -> int:
    """Run the demo; returns the exit code."""
    console = Console(width=max(100, Console().width))
    rows = make_rows()
    with tempfile.TemporaryDirectory(prefix="denpo-demo-") as name:
        folder = Path(name)
        keys = {"DENPO_DEMO_SECRET": secrets.token_hex(8), "DENPO_DEMO_PASSWORD": secrets.token_hex(4)}
        flags = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--receipt-delay", RECEIPT_SECONDS]
        account = ["--system-id", "denpo", "--password", keys["DENPO_DEMO_PASSWORD"]]
        with started(["simulator", *flags, *account], folder / "simulator.log") as simulator:
            config = folder / "gateway.toml"
            config.write_text(_CONFIG.format(port=simulator.ready["smpp"].rpartition(":")[2]), encoding="utf-8")
            with started(["gateway", "--config", str(config)], folder / "gateway.log", keys):
                trio.run(_follow, f"unix:{folder / 'upstream.sock'}", keys["DENPO_DEMO_SECRET"], rows, console)
            taken = _read_ledger(simulator.ready["http"])
    console.print()
    arrived = all(row.text in taken for row in rows if row.expected[0] == "delivered")
    console.print(f"the carrier's ledger shows each text as it was written: {'yes' if arrived else 'NO'}")
    wrong = [row.title for row in rows if not row.right]
    console.print("each ended as it should" if not wrong else f"did not end as they should: {', '.join(wrong)}")
    return 0 if arrived and not wrong else 1


async def _follow(address: str, secret: str, rows: list[Row], console: Console) -> None:
    """Submit all, and show what becomes of them until each has ended or time is up."""
    by_id = {row.id: row for row in rows}
    with Live(_table(rows), console=console, refresh_per_second=10) as live:
        with trio.move_on_after(PATIENCE_SECONDS):
            async with connect(address, "demo", secret) as client:
                await _submit(client, rows)
                live.update(_table(rows))
                async for event in client.events():
                    await _note(client, by_id[event["id"]], event)
                    live.update(_table(rows))
                    if all(row.right for row in rows):
                        return


async def _submit(client: Client, rows: list[Row]) -> None:
    messages = [{"id": row.id, "to": row.to, "text": row.text, "lane": row.lane} for row in rows]
    for row, result in zip(rows, await client.submit(messages), strict=True):
        if result["ok"]:
            row.state, row.encoding, row.parts = "accepted", result["encoding"], result["parts"]
        else:
            row.state, row.encoding = "refused", result["error"]
        row.times.append(f"{row.state} {_clock(time.time())}")


async def _note(client: Client, row: Row, event: Event) -> None:
    row.state = event["type"]
    row.times.append(f"{event['type']} {_clock(event['at'])}")
    [status] = await client.status([row.id])
    row.carrier_ids = [part["carrier_id"] for part in status["parts"]]


def _table(rows: list[Row]) -> Table:
    table = Table("message", "parts", "carrier ids", "state", "times", title="denpo: four texts, one carrier")
    for column in table.columns:
        column.no_wrap = True
    for row in rows:
        parts = f"{row.parts} {row.encoding}" if row.parts else ""
        colour = "green" if row.right else "yellow"
        state = row.state if row.parts else f"{row.state} {row.encoding}"
        table.add_row(row.title, parts, "\n".join(row.carrier_ids), f"[{colour}]{state}", "\n".join(row.times))
    return table


def _clock(unix_seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(unix_seconds)) + f".{int(unix_seconds % 1 * 1000):03d}"


def _read_ledger(address: str) -> set[str]:
    """The joined texts that the simulator has taken."""
    with urllib.request.urlopen(f"http://{address}/ledger", timeout=5) as answer:
        return {json.loads(line)["joined"] for line in answer}


if __name__ == "__main__":
    sys.exit(main())
