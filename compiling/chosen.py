"""What is compiled, as pyproject.toml says it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Chosen:
    """Names of modules, and of classes in them that interpreted classes inherit from."""

    modules: tuple[str, ...]
    subclassed: tuple[str, ...]

    @property
    def paths(self) -> list[str]:
        """The modules' files or packages, without an ending."""
        return [name.replace(".", "/") for name in self.modules]


def chosen(pyproject: Path) -> Chosen:
    """Read `tool.denpo.compiled`."""
    said = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["denpo"]["compiled"]
    return Chosen(tuple(said["modules"]), tuple(said["subclassed"]))
