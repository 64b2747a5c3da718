"""All fuzz targets, by name."""

from typing import Final

from tests.fuzz import codec, door, frames, readers, session, text
from tests.fuzz.attempts import Target

TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for target in (codec.TARGET, session.TARGET, readers.TARGET, frames.TARGET, text.TARGET, door.TARGET)
}
