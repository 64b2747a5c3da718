"""The pictures in docs/simulator.md, taken only when they are asked for: DENPO_SCREENSHOTS=1."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SIMULATOR, Opener, record
from tests.browser.esme import SENDER, Esme, connected
from tests.end_to_end.processes import Process, started

IMAGES: Final = Path(__file__).parents[2] / "docs" / "images"
MOST_OCTETS: Final = 250_000
NUMBER: Final = "819012345678"
TEXTS: Final = {
    "818055501234": "ご注文の商品を発送しました。",
    "817055509876": "Your verification code is 482913.",
    NUMBER: "【あおば銀行】本日、口座から12,800円を引き落としました。お心当たりのない場合は、"
    "お手数ですが窓口までお問い合わせください。受付は平日9時から15時までです🙏",
}
PARTS: Final = 4
"""Of the texts; each gets a receipt."""

pytestmark = pytest.mark.skipif(not os.environ.get("DENPO_SCREENSHOTS"), reason="DENPO_SCREENSHOTS is not set")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Process]:
    """A simulator that did nothing yet."""
    with started(SIMULATOR) as process:
        yield process


@pytest.fixture(scope="module")
def esme(simulator: Process) -> Iterator[Esme]:
    """The ESME that all pictures show."""
    with connected(simulator) as esme:
        esme.bind("aoba-bank")
        for number, text in TEXTS.items():
            esme.submit(number, text)
        reply = {"from": f"+{NUMBER}", "to": SENDER, "text": "身に覚えがありません。電話をください。"}
        httpx.post(f"http://{simulator.ready['http']}/mo", json=reply, timeout=15.0).raise_for_status()
        assert esme.read_text() == reply["text"]
        esme.read_until(lambda: len(esme.deliveries) == PARTS + 1)
        yield esme


def save(octets: bytes, name: str) -> None:
    """Keep a picture; one that is too large for a repository fails."""
    assert len(octets) <= MOST_OCTETS
    IMAGES.mkdir(parents=True, exist_ok=True)
    (IMAGES / name).write_bytes(octets)


def test_the_conversation_with_its_parts(open_page: Opener, esme: Esme) -> None:
    page = open_page(NUMBER, viewport={"width": 1280, "height": 860})
    page.locator("#show-parts").click()
    record(page)
    expect(page.locator("#log-count")).to_have_text("0 of 0 PDUs")
    expect(page.locator(".message")).to_have_count(2)
    expect(page.locator("#sessions .card")).to_have_count(1)
    page.locator("#messages").evaluate("(list) => { list.scrollTop = 0; }")
    before = len(esme.deliveries)
    esme.submit("818055501234", "本日お届けします。")
    esme.read_until(lambda: len(esme.deliveries) > before)
    expect(page.locator("#pdus li")).to_have_count(4)
    expect(page.locator("#numbers [role=option]").first).to_contain_text("本日お届けします。")
    page.mouse.move(0, 0)
    save(page.screenshot(animations="disabled"), "simulator-parts.png")


def test_a_fault_that_is_on(open_page: Opener, esme: Esme, api: httpx.Client) -> None:
    page = open_page(NUMBER, viewport={"width": 1280, "height": 860}, color_scheme="dark")
    page.locator("#faults summary").first.click()
    page.locator("#fault-answers-statuses").fill("RTHROTTLED=0.3")
    page.locator("#fault-answers-statuses").press("Enter")
    expect(page.locator(".fault.changed")).to_have_count(1)
    page.locator("#fault-answers-statuses").evaluate("(field) => field.scrollIntoView({ block: 'center' })")
    save(page.screenshot(animations="disabled"), "simulator-faults.png")


def test_a_small_screen_in_japanese(open_page: Opener, esme: Esme) -> None:
    page = open_page(NUMBER, viewport={"width": 400, "height": 800}, locale="ja-JP")
    expect(page.locator(".message")).to_have_count(2)
    expect(page.locator("#numbers [role=option]")).to_have_count(3)
    expect(page.locator("#sessions .card")).to_have_count(1)
    save(page.screenshot(animations="disabled"), "simulator-small.png")
