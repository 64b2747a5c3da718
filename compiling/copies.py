"""A copy of the tree, and what is changed in it before it is compiled."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

_OPENED: Final = "\nfrom mypy_extensions import mypyc_attr\n@mypyc_attr(allow_interpreted_subclasses=True)\n"


def copy_tree(source: Path, target: Path) -> None:
    """Copy what git knows or would add, changes and all, in place of what is there."""
    shutil.rmtree(target, ignore_errors=True)
    listing = ["git", "-C", str(source), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)


def open_class(folder: Path, name: str) -> None:
    """Let interpreted classes inherit from a class that will be compiled; no line moves, so tracebacks stay right.

    Raises: ValueError: the class is not where it should be, after two empty lines.
    """
    module, _, cls = name.rpartition(".")
    path = folder / f"{module.replace('.', '/')}.py"
    text, times = re.subn(rf"\n\n\n(?=class {cls}\b)", _OPENED, path.read_text(encoding="utf-8"))
    if times != 1:
        raise ValueError(f"there is no class {name} after two empty lines")
    path.write_text(text, encoding="utf-8")
