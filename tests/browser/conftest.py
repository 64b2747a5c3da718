"""A browser that shows the page of a real simulator.

Chromium is Debian's, steered by Playwright; a test whose browser is not there is skipped, and fails in CI.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, NoReturn

import httpx
import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from tests.browser.esme import Esme, connected
from tests.end_to_end.processes import Process, started

SIMULATOR: Final = [
    *("-W", "error", "-m", "simulator.cli", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"),
    *("--receipt-delay", "0.05", "--seed", "1"),
]
FLAGS: Final = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
MILLISECONDS: Final = 15_000

Opener = Callable[..., Page]


def unavailable(reason: str) -> NoReturn:
    assert os.environ.get("CI") != "true", reason
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, with a profile of its own that is deleted at the end."""
    chromium = shutil.which("chromium")
    if chromium is None:
        unavailable("the page is tried with Debian's Chromium, which is not there")
    expect.set_options(timeout=MILLISECONDS)
    try:
        driver = sync_playwright().start()
    except (Error, OSError) as error:
        unavailable(f"Playwright's driver does not start: {error}")
    try:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS, timeout=4 * MILLISECONDS)
        yield browser
        browser.close()
    finally:
        driver.stop()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Process]:
    """A simulator for all tests of a file: each takes a number of its own."""
    with started(SIMULATOR) as process:
        yield process


@pytest.fixture
def api(simulator: Process) -> Iterator[httpx.Client]:
    """The simulator's HTTP interface; at the end all faults are taken back."""
    with httpx.Client(base_url=f"http://{simulator.ready['http']}", timeout=15.0) as client:
        yield client
        client.delete("/faults")


@pytest.fixture
def excused() -> list[str]:
    """Parts of what the browser may complain of in this test; any other complaint fails it."""
    return []


@pytest.fixture
def open_page(browser: Browser, simulator: Process, excused: list[str]) -> Iterator[Opener]:
    """Opens the page in a window of its own. Args: number: the handset to show; what else `new_context` takes."""
    opened = []
    errors: list[str] = []

    def open_page(number: str = "", address: str = "", **context: Any) -> Page:  # noqa: ANN401  # Playwright's own
        window = browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1400, "height": 1000}} | context)
        opened.append(window)
        window.set_default_timeout(MILLISECONDS)
        page = window.new_page()
        page.on(
            "console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"http://{address or simulator.ready['http']}/" + (f"#/{number}" if number else ""))
        expect(page.locator("body")).to_have_attribute("data-connection", "live")
        return page

    yield open_page
    for window in opened:
        with suppress(Error):
            window.close()
    assert [error for error in errors if not any(part in error for part in excused)] == []


def record(page: Page) -> None:
    """Begin to record PDUs, and return when the simulator sends them: what passes before that is never shown."""
    with page.expect_response(lambda response: "pdus=1" in response.url):
        page.locator("#log-open").click()


@pytest.fixture
def esme(simulator: Process) -> Iterator[Esme]:
    """An ESME that is bound."""
    with connected(simulator) as esme:
        esme.bind()
        yield esme
