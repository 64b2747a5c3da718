"""The page for people who don't see it, don't use a mouse, read Japanese or English, or have a small screen."""

from itertools import pairwise
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener, record
from tests.browser.esme import Esme

LONG: Final = "ご予約の確認です。変更される場合は、前日までにこの番号へご返信ください🙏 " * 3

# Name and description as browsers compute them (accname), as far as this page makes use of it.
NAMELESS: Final = """() => {
    const labelled = (each) => (each.getAttribute("aria-labelledby") ?? "").split(" ");
    const named = (each) => each.getAttribute("aria-label")
        || labelled(each).map((id) => document.getElementById(id)?.textContent).join("")
        || [...(each.labels ?? [])].map((label) => label.textContent).join("")
        || (each.matches("button, summary, a, [role=option]") ? each.textContent : "");
    const controls = "button, input, select, textarea, summary, a, meter, [tabindex='0'], [role]"
        + ", nav, main, aside, section";
    const unnamed = ":not([role=status]):not([role=alert])";
    return [...document.querySelectorAll(controls)]
        .filter((each) => each.matches(unnamed) && !named(each).trim())
        .map((each) => each.outerHTML);
}"""

# Contrast of WCAG 2.1, 1.4.3, of every text that can be seen, on the nearest ground that is painted.
FAINT: Final = """() => {
    const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const read = (colour) => {
        paint.clearRect(0, 0, 1, 1);
        paint.fillStyle = colour;
        paint.fillRect(0, 0, 1, 1);
        return [...paint.getImageData(0, 0, 1, 1).data];
    };
    const light = (colour) => {
        const [r, g, b] = colour.slice(0, 3).map((each) => each / 255)
            .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (each) => {
        for (; each; each = each.parentElement) {
            const colour = read(getComputedStyle(each).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return [255, 255, 255, 255];
    };
    const faint = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const each = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !each.checkVisibility()) continue;
        if (each.matches(".unseen, script, noscript *")) continue;
        const [one, other] = [light(read(getComputedStyle(each).color)), light(ground(each))];
        const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        if (ratio < 4.5) faint.push([ratio.toFixed(2), texts.currentNode.data, each.outerHTML.slice(0, 200)]);
    }
    return faint;
}"""


def open_everything(open_page: Opener, esme: Esme, number: str, **context: Any) -> Page:  # noqa: ANN401  # Playwright's
    """Open the page with something in each place, and everything that can be unfolded unfolded."""
    page = open_page(number, **context)
    record(page)
    page.locator("#show-parts").click()
    esme.submit(number, LONG)
    esme.send(number, [b"x"], data_coding=0, esm_class=0)
    esme.send(number, [b"\xd8\x3d"], data_coding=8, esm_class=0)  # half a surrogate pair: a verdict
    expect(page.locator(".message")).to_have_count(3)
    expect(page.locator(".badge.bad").first).to_be_visible()
    field = page.locator("#fault-answers-lose_rate")
    for summary in page.locator("#faults summary").all():
        summary.click()
    field.fill("2")
    field.press("Enter")
    expect(field).to_have_attribute("aria-invalid", "true")
    page.locator("#fault-answers-late_rate").fill("0.5")
    page.locator("#fault-answers-late_rate").press("Enter")
    expect(page.locator(".fault.changed")).to_have_count(1)
    page.locator("#sessions summary").first.click()
    expect(page.locator("#pdus summary").nth(3)).to_be_visible()
    page.locator("#pdus summary").first.click()
    return page


@pytest.fixture
def everything(open_page: Opener, esme: Esme, api: object, excused: list[str]) -> Any:  # noqa: ANN401  # a function
    """`open_everything`; the faults are taken back at the end."""
    excused.append("status of 400")
    return lambda number, **context: open_everything(open_page, esme, number, **context)


@pytest.mark.parametrize(("locale", "number"), [("en-GB", "819000000101"), ("ja-JP", "819000000102")])
def test_every_control_and_landmark_has_a_name(everything: Any, locale: str, number: str) -> None:  # noqa: ANN401
    page = everything(number, locale=locale)
    assert page.evaluate(NAMELESS) == []


def test_the_browser_s_own_tree_has_the_landmarks_and_no_nameless_control(everything: Any) -> None:  # noqa: ANN401
    page = everything("819000000103")
    for role in ("banner", "navigation", "main", "complementary"):
        expect(page.get_by_role(role)).to_have_count(1)
    for name in ("Sessions", "Send from a phone", "Faults", "PDU log"):
        expect(page.get_by_role("region", name=name)).to_have_count(1)
    for line in page.locator("body").aria_snapshot().splitlines():
        role = line.strip().removeprefix("- ").rstrip(":")
        assert role not in {"button", "textbox", "searchbox", "combobox", "checkbox", "spinbutton", "option", "link"}


def test_ids_are_unique_and_headings_leave_out_no_level(everything: Any) -> None:  # noqa: ANN401
    page = everything("819000000104")
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))
    levels = page.evaluate(
        "() => [...document.querySelectorAll('h1, h2, h3, h4')].map((each) => Number(each.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize(("scheme", "number"), [("light", "819000000105"), ("dark", "819000000106")])
def test_every_text_stands_out_from_its_ground(everything: Any, scheme: str, number: str) -> None:  # noqa: ANN401
    page = everything(number, color_scheme=scheme)
    assert page.evaluate(FAINT) == []
    page.evaluate("() => { document.body.dataset.connection = 'connection_lost'; }")
    page.evaluate("() => { const alarm = document.getElementById('alarm'); alarm.hidden = false; alarm.append('!'); }")
    assert page.evaluate(FAINT) == []


@pytest.mark.parametrize("width", [400, 800, 1100, 1400])
def test_nothing_sticks_out_of_a_screen_of_any_width(everything: Any, width: int) -> None:  # noqa: ANN401
    page = everything(f"81900000{width:04}", viewport={"width": width, "height": 800})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    for name in ("#conversation", "#sessions", "#mo", "#faults", ".log"):
        box = page.locator(name).bounding_box()
        assert box
        assert box["width"] >= 0.2 * min(width, 1000)


@pytest.mark.parametrize(
    ("locale", "lang", "title", "parts"),
    [("ja-JP", "ja", "denpo シミュレーター", "パートを表示"), ("fr-FR", "en", "denpo simulator", "Show parts")],
)
def test_the_page_speaks_the_browser_s_language(
    open_page: Opener, locale: str, lang: str, title: str, parts: str
) -> None:
    page = open_page(locale=locale)
    expect(page).to_have_title(title)
    expect(page.locator("html")).to_have_attribute("lang", lang)
    expect(page.locator("#show-parts")).to_have_text(parts)


def test_the_language_can_be_changed_while_everything_is_open(everything: Any) -> None:  # noqa: ANN401
    page = everything("819000000107")
    page.get_by_role("button", name="日本語").click()
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    expect(page.locator("#connection")).to_have_text("接続中")
    expect(page.locator(".part h3").first).to_have_text("パート 1 / 2")
    expect(page.locator("#fault-answers-lose_rate-says")).to_contain_text("応答を返さない確率")
    expect(page.locator("#sessions .badge").first).to_have_text("送受信")
    expect(page.locator("#fault-answers-late_rate")).to_have_value("0.5")
    expect(page.locator("#pdus .received").first).to_have_text("→ 受信")
    page.get_by_role("button", name="English").click()
    expect(page.locator(".part h3").first).to_have_text("Part 1 of 2")
