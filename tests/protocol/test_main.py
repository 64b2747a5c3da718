"""The page that the tables draw of themselves is the one in docs/."""

import runpy
from pathlib import Path

import pytest

from protocol import __main__ as main

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


def test_the_page_in_docs_is_what_the_tables_say() -> None:
    assert main.page() == PAGE.read_text(encoding="utf-8"), "run `make docs` and commit docs/protocol.md"


def test_the_room_prints_its_page(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(main.__file__, run_name="__main__")
    assert capsys.readouterr().out == main.page()
