"""docs/promises.md names tests for what it says; each of them must be there, and each promise must be in the page."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.promises.checks import PROMISES

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
REPORTS = 25


@cache
def _tests(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_each_test_that_the_page_names_is_there(file: str, name: str) -> None:
    assert name in _tests(file)


def test_every_row_names_a_test() -> None:
    rows = [
        row for row in PAGE.splitlines() if row.startswith("| ") and not row.startswith(("| promise ", "| report "))
    ]
    rows = [row for row in rows if not row.startswith("| ---")]
    assert all("::" in row for row in rows), [row for row in rows if "::" not in row]
    assert sum("#" in row.split("|")[1] for row in rows) == REPORTS
    assert len(rows) - REPORTS >= len(PROMISES) - 1, "a promise that is checked is not in the page"
