"""What is compiled is all that was chosen in a compiled copy, and nothing among the sources (`make test-compiled`)."""

import os
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

import pytest

from compiling.chosen import chosen
from gateway.compiled import COMPILED

ROOT: Final = Path(__file__).parents[2]
CHOSEN: Final = chosen(ROOT / "pyproject.toml")
SUFFIX: Final = EXTENSION_SUFFIXES[0] if os.environ.get("DENPO_COMPILED") else ".py"
"""How the files end that Python must take the modules from."""


def test_the_gateway_says_which_it_is() -> None:
    assert COMPILED is (SUFFIX != ".py")


@pytest.mark.parametrize("name", CHOSEN.modules)
def test_a_chosen_module_is_taken_from_where_it_should_be(name: str) -> None:
    assert (import_module(name).__file__ or "").endswith(SUFFIX)


@pytest.mark.parametrize("name", CHOSEN.subclassed)
def test_a_class_that_others_inherit_from_is_in_a_chosen_module(name: str) -> None:
    module, _, cls = name.rpartition(".")
    assert module in CHOSEN.modules
    assert isinstance(getattr(import_module(module), cls), type)
