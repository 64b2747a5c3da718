"""Which parts somebody wants to see."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from simulator.parts import Part
from simulator.verdicts import VERDICTS, Verdict

MAX_DIGITS: Final = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which parts are wanted; None: any."""

    destination: bytes | None = None
    source: bytes | None = None
    session: int | None = None
    message_id: bytes | None = None
    verdict: Verdict | None = None

    @property
    def needles(self) -> list[bytes]:
        """Octets that every block with such a part has in it."""
        return [octets for octets in (self.destination, self.source, self.message_id) if octets is not None]

    def wants(self, part: Part) -> bool:
        """Whether a part is wanted, but for the verdict on it."""
        return (
            self.destination in (None, part.submit.destination_addr)
            and self.source in (None, part.submit.source_addr)
            and self.session in (None, part.session)
            and self.message_id in (None, part.message_id)
        )


def read_query(parameters: Mapping[str, str]) -> Query:
    """Read destination, source, session, message_id and verdict as they stand in a URL; others are left alone.

    Raises: ValueError: what must be there instead, without repeating what was.
    """
    verdict = parameters.get("verdict")
    if verdict is not None and verdict not in VERDICTS:
        raise ValueError(f"verdict must be one of {', '.join(VERDICTS)}")
    octets = {
        name: parameters[name].encode(errors="replace")
        for name in ("destination", "source", "message_id")
        if name in parameters
    }
    return Query(
        **octets,
        session=read_number(parameters["session"], "session") if "session" in parameters else None,
        verdict=VERDICTS[verdict] if verdict is not None else None,
    )


def read_number(text: str, name: str) -> int:
    """Read a number from a URL: an index, a session, a limit. Raises: ValueError: it is none, or of over 18 digits."""
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise ValueError(f"{name} must be a number from 0 on")
    return int(text)
