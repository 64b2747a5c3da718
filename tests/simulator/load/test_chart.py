import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.load.chart import MAX_POINTS, WIDTH, draw_page, draw_svg
from simulator.load.figures import Figures, figures
from simulator.load.run import Run
from tests.simulator.load.smscs import make_plan

SVG = "{http://www.w3.org/2000/svg}"
SECONDS = st.floats(0, 5000)
NUMBER = re.compile(r"-?[0-9.]+")


def finished(answers: list[float], ends: list[float], target: str = "a test") -> Figures:
    run = Run(make_plan(rate=10))
    run.tally.start(100.0)
    for latency in answers:
        run.tally.send(1, 100.0 + latency / 2)
        run.tally.take_answers([100.0], 100.0 + latency)
    for latency in ends:
        run.tally.take_ends([100.0], 100.0 + latency)
    return figures(run, target, "submit_sm")


@given(st.lists(SECONDS, max_size=40), st.lists(SECONDS, max_size=40))
def test_whatever_was_measured_the_chart_is_svg_and_stays_on_its_paper(answers: list[float], ends: list[float]) -> None:
    root = ElementTree.fromstring(draw_svg(finished(answers, ends)))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert width == WIDTH
    for path in root.iter(f"{SVG}path"):
        for command, numbers in re.findall(r"([MLHV])([-0-9. ]+)", path.attrib["d"]):
            places = [float(number) for number in NUMBER.findall(numbers)]
            if command in "ML":
                assert 0 <= places[0] <= width
                assert 0 <= places[1] <= height
            else:
                assert 0 <= places[0] <= (width if command == "H" else height)


def test_a_line_has_at_most_so_many_points_however_long_the_load_was() -> None:
    long = finished([n / 100 for n in range(1, 500_000, 100)], [])
    paths = [path.attrib["d"] for path in ElementTree.fromstring(draw_svg(long)).iter(f"{SVG}path")]
    assert max(len(re.findall("[MLHV]", path)) for path in paths) <= 2 * MAX_POINTS + 2


def test_both_series_are_drawn_and_named_and_one_that_is_empty_is_not() -> None:
    both, one = draw_svg(finished([0.1], [1.0])), draw_svg(finished([0.1], []))
    assert "to the answer" in both
    assert "to the end" in both
    assert "to the end" not in one


@pytest.mark.parametrize("draw", [draw_svg, draw_page])
def test_the_chart_has_no_script_and_a_dress_for_the_dark_and_what_it_names_is_escaped(draw: object) -> None:
    assert callable(draw)
    drawn = draw(finished([0.1], [], target="<b>&here"))
    assert "<b>" not in drawn
    assert "&lt;b&gt;&amp;here" in drawn
    assert "script" not in drawn
    assert "prefers-color-scheme: dark" in drawn


def test_the_page_has_the_percentiles_in_a_table() -> None:
    page = draw_page(finished([0.25], []))
    assert "<td>to the answer</td><td>1</td>" + "<td>250 ms</td>" * 6 in page
