"""A copy is what git would take, and a class is opened without a line that moves."""

import subprocess
from pathlib import Path

import pytest

from compiling.copies import copy_tree, open_class

SOURCE = '"""A room."""\n\nimport this\n\n\nclass Window:\n    pass\n\n\nclass WindowFull(Exception):\n    pass\n'


def test_a_copy_has_what_git_knows_or_would_add_and_nothing_of_an_earlier_copy(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for name in ("source/room", "target/room"):
        (tmp_path / name).mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", str(source)], check=True)
    (source / ".gitignore").write_text("*.so\n")
    (source / "room/new.py").write_text("new = 1\n")
    (source / "room/new.so").write_bytes(b"\x7fELF")
    (target / "room/old.py").write_text("old = 1\n")
    copy_tree(source, target)
    found = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert found == [".gitignore", "room/new.py"]


def test_a_class_is_opened_and_every_line_stays_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    path = tmp_path / "room/window.py"
    path.write_text(SOURCE)
    open_class(tmp_path, "room.window.Window")
    before, after = SOURCE.splitlines(), path.read_text().splitlines()
    assert after[3:5] == ["from mypy_extensions import mypyc_attr", "@mypyc_attr(allow_interpreted_subclasses=True)"]
    assert [*after[:3], "", "", *after[5:]] == before


def test_a_class_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "window.py").write_text(SOURCE)
    with pytest.raises(ValueError, match=r"window\.Door"):
        open_class(tmp_path, "window.Door")
