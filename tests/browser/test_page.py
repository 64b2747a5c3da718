"""The page as a tester uses it: in a real browser, before a real simulator, with smpplib's client at the other end."""

import re
from typing import Final

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from smpplib import consts
from smpplib.exceptions import ConnectionError as Disconnected
from smpplib.exceptions import PDUError

from tests.browser.conftest import SIMULATOR, Opener, record
from tests.browser.esme import SENDER, Esme, connected
from tests.end_to_end.processes import Process, started

LONG: Final = (
    "【あおば銀行】本日、口座から12,800円を引き落としました。お心当たりのない場合は、窓口までお問い合わせください🙏 "
    * 2
)
HOSTILE: Final = '<img src=x onerror="console.error(1)"><b>太字</b>'


def bubble(page: Page, text: str) -> Locator:
    """The message with this text."""
    return page.locator(".message", has=page.get_by_text(text, exact=True))


def card(page: Page, system_id: str) -> Locator:
    """The session of an account."""
    return page.locator("#sessions > li", has_text=system_id)


def fault(page: Page, name: str) -> Locator:
    """The field for a fault, in its group, which is opened."""
    page.get_by_role("searchbox", name="Find a fault").fill(name.partition(".")[2])
    return page.locator(f"#fault-{name.replace('.', '-')}")


def test_the_page_opens_and_loads_nothing_from_elsewhere(open_page: Opener, simulator: Process) -> None:
    page = open_page()
    asked = set()
    page.on("request", lambda request: asked.add(request.url.split("/")[2]))
    page.reload()
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#faults summary").first).to_be_visible()
    assert asked == {simulator.ready["http"]}


def test_a_long_japanese_message_is_shown_joined_when_its_last_part_comes(open_page: Opener, esme: Esme) -> None:
    page = open_page("819000000001")
    expect(page.locator("#no-messages")).to_have_text("Nothing was sent to or from 819000000001 yet.")
    assert len(esme.submit("819000000001", LONG)) == 2
    shown = page.locator(".message")
    expect(shown.locator(".text")).to_have_text(re.compile(re.escape(LONG.strip())))
    assert shown.locator(".text").text_content() == LONG
    expect(shown.locator(".badge")).to_have_text(["2 parts", "DELIVRD"])
    expect(shown.locator(".head")).to_contain_text(f"From {SENDER}")
    expect(page.get_by_role("option", name="819000000001")).to_have_attribute("aria-selected", "true")


def test_a_new_message_is_announced_to_those_who_do_not_see_it(open_page: Opener, esme: Esme) -> None:
    esme.submit("819000000002", "一通目です")
    page = open_page("819000000002")
    expect(bubble(page, "一通目です")).to_be_visible()
    expect(page.locator("#news")).to_be_empty()
    esme.submit("819000000002", "二通目です")
    expect(page.locator("#news")).to_have_text(f"New message from {SENDER}: 二通目です")


def test_the_parts_show_their_octets_and_explain_the_header(open_page: Opener, esme: Esme) -> None:
    esme.submit("819000000003", LONG)
    page = open_page("819000000003")
    toggle = page.get_by_role("button", name="Show parts")
    toggle.click()
    expect(toggle).to_have_attribute("aria-pressed", "true")
    parts = page.locator(".part")
    expect(parts.locator("h3")).to_have_text(["Part 1 of 2", "Part 2 of 2"])
    first, second = parts.first, parts.last
    expect(first.locator(".facts")).to_contain_text("ucs2 (data_coding 8)")
    expect(first.locator(".udh code")).to_have_text(["05", "00", "03", re.compile("^[0-9a-f]{2}$"), "02", "01"])
    expect(first.locator(".udh span")).to_have_text(
        [
            "header length: 5",
            "element: concatenation, 8-bit reference",
            "element length: 3",
            re.compile("^reference: [0-9]+$"),
            "parts in all: 2",
            "this part: 1",
        ]
    )
    expect(second.locator(".udh span").last).to_have_text("this part: 2")
    octets = "".join(part.locator(".hex code").last.inner_text() for part in (first, second))
    assert bytes.fromhex(octets).decode("utf-16-be") == LONG
    assert "".join(page.locator(".piece").all_inner_texts()).split() == LONG.split()
    toggle.click()
    expect(parts).to_have_count(0)


def test_a_message_whose_parts_are_missing_says_so(open_page: Opener, esme: Esme) -> None:
    esme.send("819000000004", [bytes.fromhex("0500037b0302") + b"\x30\x42"], data_coding=8, esm_class=0x40)
    page = open_page("819000000004")
    expect(page.locator(".message .badge").first).to_have_text("incomplete: 1 of 3 parts")
    page.get_by_role("button", name="Show parts").click()
    expect(page.locator(".part h3")).to_have_text("Part 2 of 3")


def test_octets_that_are_no_text_say_so_and_are_shown_as_octets(open_page: Opener, esme: Esme) -> None:
    esme.send("819000000018", [b"\x00\xff"], data_coding=consts.SMPP_ENCODING_BINARY)
    page = open_page("819000000018")
    expect(page.locator(".message .text")).to_have_text("(not readable as text; see its parts)")
    page.get_by_role("button", name="Show parts").click()
    expect(page.locator(".part .hex")).to_have_text("00 ff")


def test_what_strangers_wrote_is_text_and_nothing_else(open_page: Opener, esme: Esme) -> None:
    esme.submit("819000000005", HOSTILE)
    page = open_page("819000000005")
    expect(bubble(page, HOSTILE)).to_be_visible()
    expect(page.locator("#messages b, #messages img, #numbers b, #numbers img")).to_have_count(0)


def test_a_number_can_be_found_and_opened(open_page: Opener, esme: Esme) -> None:
    for number in ("819000000006", "819000000007"):
        esme.submit(number, f"{number} です")
    page = open_page()
    find = page.get_by_role("searchbox", name="Find or open a number")
    find.fill("+81 90-0000-0007")
    expect(page.locator("#numbers").get_by_role("option")).to_have_count(1)
    find.press("Enter")
    expect(bubble(page, "819000000007 です")).to_be_visible()
    assert page.url.endswith("#/819000000007")
    find.fill("99")
    find.press("Enter")
    expect(page.get_by_role("heading", name="Conversation with 99")).to_be_visible()


@pytest.mark.parametrize(
    ("text", "parts", "number"), [("はい、お願いします🙏", 1, "819000000008"), (LONG, 2, "819000000009")]
)
def test_what_is_sent_as_a_phone_arrives_at_the_client(
    open_page: Opener, esme: Esme, text: str, parts: int, number: str
) -> None:
    esme.submit(number, "ご予約を確認しますか")
    page = open_page(number)
    expect(page.get_by_label("From (phone)")).to_have_value(f"+{number}")
    expect(page.get_by_label("To (service)")).to_have_value(SENDER)
    page.get_by_label("Text", exact=True).fill(text)
    expect(page.locator("#mo-length")).to_contain_text(f"{len(text.encode('utf-16-be')) // 2} UTF-16 units")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#mo-result")).to_have_text(f"Sent in {parts} part(s).")
    assert esme.read_text() == text
    expect(page.locator(".message.from_phone .text")).to_have_text(text.strip())
    expect(page.get_by_label("Text", exact=True)).to_be_empty()


def test_the_form_of_a_text_from_a_phone_is_what_was_chosen(open_page: Opener, esme: Esme) -> None:
    page = open_page()
    page.get_by_label("From (phone)").fill("+819000000010")
    page.get_by_label("To (service)").fill(SENDER)
    page.get_by_label("Text", exact=True).fill(LONG)
    page.get_by_label("Long as").select_option("udh16")
    page.get_by_label("Parts in another order").check()
    with page.expect_request("**/mo") as asked:
        page.get_by_label("Text", exact=True).press("Control+Enter")
    assert (asked.value.post_data_json or {}).get("shuffle") is True
    expect(page.locator("#mo-result")).to_have_text("Sent in 2 part(s).")
    assert esme.read_text() == LONG
    assert {pdu.short_message[:3] for pdu in esme.deliveries} == {bytes.fromhex("060804")}


def test_what_cannot_be_sent_is_refused_with_the_reason(open_page: Opener, excused: list[str]) -> None:
    excused.append("status of 400")
    page = open_page()
    page.get_by_label("From (phone)").fill("nobody")
    page.get_by_label("To (service)").fill(SENDER)
    page.get_by_label("Text", exact=True).fill("はい")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#mo-result")).to_have_text(re.compile("^That did not work: .* must be 1 to 20 digits"))
    expect(page.get_by_label("Text", exact=True)).to_have_value("はい")


def test_a_fault_that_is_switched_on_takes_effect_until_it_is_reset(
    open_page: Opener, esme: Esme, api: httpx.Client
) -> None:
    page = open_page()
    field = fault(page, "answers.statuses")
    field.fill("RTHROTTLED=1")
    field.press("Enter")
    expect(page.locator("#faults-result")).to_have_text("answers.statuses = RTHROTTLED=1")
    expect(page.locator("#faults summary .badge").first).to_have_text("1 changed")
    [answer] = esme.submit("819000000011", "はい")
    assert answer.status == consts.SMPP_ESME_RTHROTTLED
    page.get_by_role("button", name="Reset all").click()
    expect(page.locator("#faults-result")).to_have_text("All faults are as the scenario says.")
    expect(field).to_be_empty()
    [answer] = esme.submit("819000000011", "はい")
    assert answer.status == consts.SMPP_ESME_ROK


def test_a_bind_is_refused_while_the_fault_for_it_is_on(
    open_page: Opener, simulator: Process, api: httpx.Client
) -> None:
    page = open_page()
    field = fault(page, "link.refuse_bind")
    field.fill("RBINDFAIL")
    field.press("Enter")
    reset = page.get_by_role("button", name="Reset refuse_bind")
    expect(reset).to_be_visible()
    with connected(simulator) as esme, pytest.raises(PDUError) as caught:
        esme.bind()
    assert caught.value.args[1] == consts.SMPP_ESME_RBINDFAIL
    reset.click()
    expect(reset).to_be_hidden()
    expect(field).to_be_focused()
    with connected(simulator) as esme:
        esme.bind()


def test_a_value_that_cannot_be_is_refused_in_words_beside_its_field(
    open_page: Opener, api: httpx.Client, excused: list[str]
) -> None:
    excused.append("status of 400")
    page = open_page()
    field = fault(page, "answers.lose_rate")
    field.fill("7")
    field.press("Enter")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#fault-answers-lose_rate-wrong")).to_contain_text("0..1")
    assert api.get("/faults").json()["overrides"].get("answers.lose_rate") is None
    field.fill("0.5")
    field.press("Enter")
    expect(field).to_have_attribute("aria-invalid", "false")
    assert api.get("/faults").json()["overrides"]["answers.lose_rate"] == 0.5


def test_a_fault_changed_elsewhere_is_shown(open_page: Opener, api: httpx.Client) -> None:
    page = open_page()
    field = fault(page, "receipts.tlvs")
    expect(field).to_be_checked()
    api.put("/faults", json={"receipts.tlvs": False, "receipts.delay": {"min": 0.1, "max": 0.2}})
    expect(field).not_to_be_checked()
    expect(fault(page, "receipts.delay")).to_have_value("min=0.1, max=0.2")


def test_what_somebody_types_is_not_overwritten_by_what_happens_elsewhere(open_page: Opener, api: httpx.Client) -> None:
    page = open_page()
    field = fault(page, "answers.late_rate")
    field.fill("0.2")
    api.put("/faults", json={"answers.late_by": 7.0})
    expect(page.locator("#fault-answers-late_by")).to_have_value("7")
    expect(field).to_have_value("0.2")


def test_a_session_is_shown_as_long_as_it_lasts_and_can_be_struck(open_page: Opener, simulator: Process) -> None:
    page = open_page()
    with connected(simulator) as esme:
        esme.bind("struck")
        shown = card(page, "struck")
        expect(shown.locator(".badge")).to_have_text("transceiver")
        expect(shown).to_contain_text("SMPP 3.4")
        expect(shown.get_by_role("meter")).to_be_visible()
        esme.submit("819000000012", "はい")
        expect(shown).to_contain_text("taken 1")
        shown.locator("summary").click()
        shown.get_by_role("button", name="Close", exact=True).click()
        expect(page.locator("#strike-result")).to_have_text("Close: 1 connection(s) struck")
        with pytest.raises(Disconnected):
            esme.read_until(lambda: False)
        expect(shown).to_have_count(0)
        esme.client.state = consts.SMPP_CLIENT_STATE_OPEN  # there is nobody left to unbind from


def test_the_pdu_log_names_every_field(open_page: Opener, esme: Esme) -> None:
    page = open_page()
    expect(page.locator("#log-count")).to_have_text("not recording")
    record(page)
    esme.submit("819000000013", LONG)
    rows = page.locator("#pdus > li")
    submits = rows.filter(has=page.locator("code:text-is('submit_sm')"))
    expect(submits).to_have_count(2)
    row = submits.first
    row.locator("summary").click()
    for name, value in (("destination_addr", "819000000013"), ("esm_class", "0x40 UDHI"), ("data_coding", "8 (ucs2)")):
        expect(row.locator(f"dt:text-is('{name}') + dd")).to_have_text(value)
    page.get_by_label("Name", exact=True).fill("submit_sm_resp")
    expect(rows).to_have_count(2)
    expect(rows.locator(".status")).to_have_text(["ESME_ROK", "ESME_ROK"])
    page.get_by_role("button", name="Clear").click()
    expect(rows).to_have_count(0)


def test_the_pdu_log_can_be_held_still(open_page: Opener, esme: Esme) -> None:
    page = open_page()
    record(page)
    pause = page.get_by_role("button", name="Pause")
    pause.click()
    esme.submit("819000000014", "はい")
    expect(page.locator("#log-count")).to_have_text(re.compile("^0 of 0 PDUs, [1-9] more held back$"))
    expect(page.locator("#pdus > li")).to_have_count(0)
    pause.click()
    expect(page.locator("#pdus > li").first).to_contain_text("submit_sm")


def test_a_lost_connection_is_said_and_found_again(open_page: Opener, excused: list[str]) -> None:
    excused.append("net::ERR_")
    with started(SIMULATOR) as first:
        address, smpp = first.ready["http"], first.ready["smpp"]
        page = open_page(address=address)
        first.stop()
        expect(page.locator("#connection")).to_have_text("Connection lost")
        expect(page.get_by_role("alert").first).to_contain_text("The simulator does not answer.")
        again = [{"127.0.0.1:0": smpp}.get(each, each) for each in SIMULATOR]
        again[again.index("--http") + 1] = address
        with started(again) as second, connected(second) as esme:
            esme.bind()
            esme.submit("819000000015", "戻りました")
            expect(page.locator("#connection")).to_have_text("Live")
            expect(page.locator("#alarm")).to_be_hidden()
            expect(bubble(page, "戻りました")).to_be_visible()


def test_a_question_that_fails_is_said_until_one_is_answered_again(open_page: Opener, excused: list[str]) -> None:
    excused.append("status of 500")
    page = open_page()
    page.route("**/sessions", lambda route: route.fulfill(status=500, json={"error": "failed", "detail": "broken"}))
    expect(page.locator("#alarm")).to_have_text("That did not work: broken")
    page.unroute("**/sessions")
    expect(page.locator("#alarm")).to_be_hidden()


def test_events_that_were_left_out_are_told_and_made_up_for(open_page: Opener, esme: Esme) -> None:
    page = open_page("819000000019")
    page.add_init_script(
        "window.EventSource = class extends EventSource { constructor(url) { super(url); window.events = this; } };"
    )
    page.reload()
    expect(page.locator("#connection")).to_have_text("Live")
    with page.expect_response("**/faults"), page.expect_response("**/conversations/819000000019*"):
        page.evaluate("window.events.dispatchEvent(new MessageEvent('lost', { data: JSON.stringify({ count: 7 }) }))")
    expect(page.locator("#alarm")).to_contain_text("7 events were left out")


def test_everything_is_done_with_the_keyboard_alone(open_page: Opener, esme: Esme, api: httpx.Client) -> None:
    for number in ("819000000016", "819000000017"):
        esme.submit(number, f"{number} です")
    page = open_page("819000000017")
    expect(bubble(page, "819000000017 です")).to_be_visible()
    keys = page.keyboard
    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to the conversation")).to_be_focused()
    keys.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    tab_to(page, page.get_by_role("button", name="Show parts"))
    keys.press("Space")
    expect(page.locator(".part")).to_have_count(1)
    tab_to(page, page.get_by_role("option", name="819000000017"), back=True)
    keys.press("ArrowDown")
    expect(page.get_by_role("option", name="819000000016")).to_be_focused()
    expect(bubble(page, "819000000016 です")).to_be_visible()
    tab_to(page, page.get_by_label("Text", exact=True))
    keys.insert_text("キーボードから")
    keys.press("Control+Enter")
    assert esme.read_text() == "キーボードから"
    expect(bubble(page, "キーボードから")).to_be_visible()
    tab_to(page, page.get_by_role("searchbox", name="Find a fault"))
    keys.insert_text("ignore_enquire_link")
    tab_to(page, page.locator("#fault-link-ignore_enquire_link"))
    keys.press("Space")
    expect(page.locator("#faults-result")).to_have_text("link.ignore_enquire_link = true")
    assert api.get("/faults").json()["values"]["link.ignore_enquire_link"] is True
    tab_to(page, page.get_by_role("button", name="Record"))
    keys.press("Enter")
    expect(page.get_by_role("button", name="Record")).to_have_attribute("aria-pressed", "true")


def tab_to(page: Page, wanted: Locator, *, back: bool = False) -> None:
    """Press Tab until the focus is there, and see that it shows."""
    expect(wanted).to_be_visible()
    for _ in range(60):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if wanted.evaluate("(wanted) => wanted === document.activeElement"):
            assert wanted.evaluate("(wanted) => getComputedStyle(wanted).outlineStyle") == "solid"
            return
    raise AssertionError("Tab does not get there")
