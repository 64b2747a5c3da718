"""Charts are documents that any browser reads, and their bars are as long as their values say."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.charts import WIDTH, Bar, Chart, draw

SVG = "{http://www.w3.org/2000/svg}"
CHART = Chart(
    "Messages per second",
    "messages/s, more is better",
    [Bar("denpo", 9000.0, "9,000", ours=True), Bar("another <&>", 4500.0, "4,500"), Bar("none", 0.0, "0")],
    "2 binds",
)
WORDS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x3FFF), max_size=20)
BARS = st.builds(Bar, label=WORDS, value=st.floats(0, 1e9), shown=WORDS, ours=st.booleans())


def parse(chart: Chart) -> ElementTree.Element:
    """The root of what was drawn. Raises: ElementTree.ParseError: it is not XML."""
    return ElementTree.fromstring(draw(chart))


def find_bars(root: ElementTree.Element) -> list[ElementTree.Element]:
    """The rectangles that are bars, from the top."""
    return [each for each in root.iter(f"{SVG}rect") if "bar" in each.attrib["class"].split()]


def test_bars_are_in_proportion_to_their_values_and_begin_at_one_line() -> None:
    full, half, none = find_bars(parse(CHART))
    assert float(half.attrib["width"]) == pytest.approx(float(full.attrib["width"]) / 2, abs=0.01)
    assert float(none.attrib["width"]) == 0
    assert full.attrib["x"] == half.attrib["x"] == none.attrib["x"]


def test_what_is_ours_is_drawn_to_be_seen_first() -> None:
    assert ["ours" in bar.attrib["class"].split() for bar in find_bars(parse(CHART))] == [True, False, False]


def test_a_chart_says_in_words_what_it_shows() -> None:
    root = parse(CHART)
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert title.text == "Messages per second"
    assert description.text == "messages/s, more is better. denpo: 9,000; another <&>: 4,500; none: 0."
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"].split() == [title.attrib["id"], description.attrib["id"]]


def test_every_label_value_and_note_is_shown() -> None:
    shown = [each.text for each in parse(CHART).iter(f"{SVG}text")]
    expected = ["Messages per second", "messages/s, more is better"]
    assert shown == [*expected, "denpo", "9,000", "another <&>", "4,500", "none", "0", "2 binds"]


def test_both_themes_have_colours_for_everything_that_has_one() -> None:
    style = parse(CHART).find(f"{SVG}style")
    assert style is not None
    assert style.text is not None
    light, _, dark = style.text.partition("@media (prefers-color-scheme:dark)")
    for kind in ("text{", ".ground{", ".small{", ".bar{", ".ours{"):
        assert kind in light
        assert kind in dark


@given(title=WORDS, unit=WORDS, bars=st.lists(BARS, max_size=8), note=WORDS)
def test_any_chart_is_well_formed_with_its_bars_below_each_other_and_inside(
    title: str, unit: str, bars: list[Bar], note: str
) -> None:
    root = parse(Chart(title, unit, bars, note))
    drawn = find_bars(root)
    assert len(drawn) == len(bars)
    assert all(float(upper.attrib["y"]) < float(lower.attrib["y"]) for upper, lower in pairwise(drawn))
    height = float(root.attrib["height"])
    for bar in drawn:
        left, width = float(bar.attrib["x"]), float(bar.attrib["width"])
        assert left >= 0
        assert width >= 0
        assert left + width <= WIDTH
        assert float(bar.attrib["y"]) + float(bar.attrib["height"]) <= height
