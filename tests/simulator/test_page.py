"""The page's files without a browser: nothing from elsewhere, no markup made of texts, each word in both languages."""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from config.scenario import shipped_scenarios
from simulator.faults import FAULTS, Fault, LinkFault
from simulator.page import HEADERS, read_pages
from simulator.verdicts import VERDICTS

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGES: Final = {name: page.octets.decode() for name, page in read_pages().items()}
SCRIPTS: Final = {name: text for name, text in PAGES.items() if name.endswith(".js")}
WORDS: Final = re.findall(
    r"^  \"?([\w.]+)\"?: \[\s*(null|\".*?\"),\s*(\".*?\"),?\s*\],$", PAGES["words.js"], re.MULTILINE
)
KEYS: Final = {key for key, _, _ in WORDS}


def test_the_page_and_all_it_asks_for_are_there_with_their_types() -> None:
    asked = set(re.findall(r'(?:href|src)="/page/([\w.]+)"', PAGES["index.html"]))
    asked |= {name for text in SCRIPTS.values() for name in re.findall(r'from "\./([\w.]+)"', text)}
    assert asked == PAGES.keys() - {"index.html"}
    assert read_pages()["index.html"].media_type == "text/html; charset=utf-8"
    assert read_pages()["page.js"].media_type == "text/javascript; charset=utf-8"
    assert read_pages()["page.css"].media_type == "text/css; charset=utf-8"


def test_nothing_but_its_own_files_may_run_or_load() -> None:
    policy = HEADERS["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("name", sorted(PAGES))
def test_no_file_names_another_host(name: str) -> None:
    assert set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", PAGES[name])) <= {"http://www.w3.org"}


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_no_text_can_become_markup_or_code(name: str) -> None:
    found = re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc", SCRIPTS[name]
    )
    assert found is None


def test_every_word_is_there_once_in_both_languages() -> None:
    lines = PAGES["words.js"].partition("const WORDS = {")[2].partition("\n};")[0]
    assert len(WORDS) == len(KEYS) == len(re.findall(r"^  \"?[\w.]+\"?: \[", lines, re.MULTILINE))
    for key, english, japanese in WORDS:
        assert japanese != '""'
        assert english != '""'
        if english != "null":
            assert set(re.findall(r"\{\d\}", english)) == set(re.findall(r"\{\d\}", japanese)), key


def test_every_word_that_is_used_is_there_and_no_other() -> None:
    scripts = "".join(text for name, text in SCRIPTS.items() if name != "words.js")
    asked = set(re.findall(r'data-(?:word|label|hint)="(\w+)"', PAGES["index.html"]))
    asked |= set(re.findall(r'\bword\("([\w.]+)"', scripts))
    assert asked <= KEYS
    computed = {key for key in KEYS if re.match(r"(fault|verdict|strike|group|form|coding)\.", key)}
    types = {"transmitter", "receiver", "transceiver", "received", "sent"}
    assert KEYS - computed - types <= asked | set(re.findall(r'"(\w+)"', scripts))


def test_every_fault_verdict_and_strike_has_its_words() -> None:
    assert {f"fault.{name}" for name in FAULTS} == {key for key in KEYS if key.startswith("fault.")}
    assert {f"verdict.{name}" for name in VERDICTS} == {key for key in KEYS if key.startswith("verdict.")}
    assert {f"strike.{fault}" for fault in LinkFault} == {key for key in KEYS if key.startswith("strike.")}
    assert {f"group.{fault.group}" for fault in FAULTS.values()} == {key for key in KEYS if key.startswith("group.")}


def fault_row(name: str, fault: Fault) -> str:
    """How docs/simulator.md shows a fault."""
    says = fault.says.replace("|", "\\|")
    return f"| `{name}` | `{json.dumps(fault.default)}` | {says} |"


@pytest.mark.parametrize("name", FAULTS)
def test_the_documentation_says_of_each_fault_what_the_table_says(name: str) -> None:
    assert fault_row(name, FAULTS[name]) in (DOCS / "simulator.md").read_text("utf-8").splitlines()


def test_the_documentation_has_every_verdict_scenario_and_picture() -> None:
    text = (DOCS / "simulator.md").read_text("utf-8")
    assert all(f"`{name}`" in text for name in (*VERDICTS, *shipped_scenarios(), *LinkFault))
    pictures = set(re.findall(r"images/([\w-]+\.png)", text))
    assert pictures == {picture.name for picture in (DOCS / "images").glob("simulator-*.png")}
