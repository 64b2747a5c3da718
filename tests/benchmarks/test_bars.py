"""The table of what is demanded: what it says of a figure, and how it comes into a page."""

from typing import Any

import pytest

from benchmarks.bars import BARS, BEGIN, END, Bar, refresh, table

FAST = Bar("speed", "speed", "messages/s", least=38_000)
SMALL = Bar("memory", "memory", "MB", most=250)


def measured(**more: Any) -> dict[str, Any]:  # noqa: ANN401  # what JSON has
    machine = {"cpu": "a CPU", "cores": 2, "memory_gb": 25.3, "kernel": "6.1", "python": "3.11.7", "sqlite": "3.40.1"}
    figures = {"delivered_per_second": {"median": 40_123.4, "runs": [40_123.4]}, "idle_percent": {"median": 3.0}}
    about = {"machine": machine, "commit": "abcdef", "runs": 3, "quick": False, "changed": False, "load_before": 0.1}
    return {**about, "figures": figures, **more}


@pytest.mark.parametrize(
    ("bar", "value", "verdict"),
    [
        (FAST, 38_000, "met"),
        (FAST, 19_000, "50% of it"),
        (SMALL, 250, "met"),
        (SMALL, 375, "1.5 times it"),
    ],
)
def test_a_figure_meets_its_demand_or_is_told_how_far_it_is_from_it(bar: Bar, value: float, verdict: str) -> None:
    assert bar.verdict(value) == verdict


def test_each_demand_is_either_a_least_or_a_most_and_none_comes_twice() -> None:
    assert all((bar.least is None) != (bar.most is None) for bar in BARS)
    assert len({bar.name for bar in BARS}) == len(BARS)


def test_the_table_has_what_was_measured_and_leaves_out_what_was_not() -> None:
    lines = table(measured()).splitlines()
    assert [line for line in lines if line.startswith("| ")] == [
        "| what | demanded | measured | |",
        "| --- | ---: | ---: | --- |",
        "| submit → `delivered` event, closed loop | ≥ 38,000 messages/s | 40,123 messages/s | met |",
        "| submit → `delivered` event, where we want to get | ≥ 50,000 messages/s | 40,123 messages/s | 80% of it |",
        "| 200 idle binds: share of a core | ≤ 2 % | 3 % | 1.5 times it |",
    ]
    assert "2 cores of a CPU" in lines[0]
    assert "**" not in table(measured())


@pytest.mark.parametrize(
    ("more", "warning"),
    [({"load_before": 4.2}, "load average 4.2"), ({"quick": True}, "quick run"), ({"changed": True}, "with changes")],
)
def test_the_table_says_what_makes_its_figures_doubtful(more: dict[str, Any], warning: str) -> None:
    assert warning in table(measured(**more))


def test_a_page_gets_another_table_and_keeps_the_rest() -> None:
    page = f"# Speed\n\n{BEGIN}\nold\n{END}\n\nThe rest.\n"
    once = refresh(page, "| new |")
    assert once == f"# Speed\n\n{BEGIN}\n| new |\n{END}\n\nThe rest.\n"
    assert refresh(once, "| new |") == once


@pytest.mark.parametrize("page", ["nothing", BEGIN, END])
def test_a_page_without_a_place_for_the_table_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="lacks the line"):
        refresh(page, "new")
