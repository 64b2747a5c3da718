"""Whether the hot path runs compiled or interpreted (docs/performance.md)."""

from typing import Final

from gateway import message

COMPILED: Final = not message.__file__.endswith(".py")
