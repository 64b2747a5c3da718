"""Make a copy of the tree in which the modules of the hot path are compiled by mypyc; the sources stay as they are.

    python -m compiling build/compiled

What is compiled is said in pyproject.toml, `tool.denpo.compiled`. It needs what requirements-compiled.lock has, a C
compiler, and Python's own headers.
"""

import argparse
import io
import os
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

from mypyc.build import mypycify
from setuptools import Distribution

from compiling.chosen import Chosen, chosen
from compiling.copies import copy_tree, open_class

ROOT: Final = Path(__file__).parents[1]


def compile_in_place(folder: Path, what: Chosen) -> None:
    """Compile the modules of a tree, each beside its source; what mypyc says is told only when it fails."""
    os.chdir(folder)
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as temporary:
        try:
            with redirect_stdout(said):
                paths = [f"{path}.py" if Path(f"{path}.py").is_file() else f"{path}/__init__.py" for path in what.paths]
                extensions = mypycify(paths, opt_level="3", debug_level="0", target_dir=temporary, group_name="denpo")
        except SystemExit:
            sys.stderr.write(said.getvalue())
            raise
        flags = ["--quiet", "build_ext", "--inplace", "--build-temp", temporary, "--build-lib", temporary]
        build = Distribution({"ext_modules": extensions, "script_args": flags})
        build.parse_command_line()
        build.run_commands()


def main() -> None:
    """Make the copy."""
    parser = argparse.ArgumentParser("python -m compiling", description=__doc__.partition("\n")[0])
    parser.add_argument("target", type=Path, help="a folder that is made anew")
    target = parser.parse_args().target.resolve()
    what = chosen(ROOT / "pyproject.toml")
    copy_tree(ROOT, target)
    for name in what.subclassed:
        open_class(target, name)
    compile_in_place(target, what)


if __name__ == "__main__":
    main()
