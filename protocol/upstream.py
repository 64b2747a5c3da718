"""Frames of the upstream protocol, version 1: msgpack arrays, one after the other (docs/upstream-protocol.md).

Sans-IO: `Frames` cuts what was read into frames; `pack` makes one. Nothing here knows what a frame means.
"""

from collections.abc import Sequence
from typing import Any, Final, NoReturn, TypeAlias

import msgpack

from protocol.errors import FrameError

VERSION: Final = 1

Frame: TypeAlias = list[Any]
"""[kind, …]: the kind is a string, the rest depends on it."""

CLIENT_KINDS: Final = dict(hello=2, submit=3, preview=3, cancel=3, status=3, subscribe=3, ack=2, ping=2)  # noqa: C408
"""What a client may send, with the number of items."""

GATEWAY_KINDS: Final = dict(welcome=2, result=3, subscribed=3, events=2, credit=2, pong=2, error=4)  # noqa: C408
"""What the gateway may send, with the number of items."""

_packer = msgpack.Packer(autoreset=True)


def pack(frame: Any) -> bytes:  # noqa: ANN401  # any msgpack value
    """Make the octets of one frame. Strings with lone surrogates raise UnicodeEncodeError."""
    packed: bytes = _packer.pack(frame)
    return packed


# Quick twins of `pack` write maps as text of Latin-1, an octet a character, of which these are pieces.
MOST_SHORT: Final = 255
HEADS: Final = tuple(pack("a" * n)[: -n or None].decode("latin-1") for n in range(MOST_SHORT + 1))
"""What comes before an ASCII string of each length."""
SHORTS: Final = tuple(pack(n).decode("latin-1") for n in range(MOST_SHORT + 1))
"""Each small number."""


def pack_results(tag: int | str, results: Sequence[bytes]) -> bytes:
    """Make the frame of results that are packed already: what `pack` makes of ["result", tag, results]."""
    return b"\x93\xa6result%b%b%b" % (pack(tag), _packer.pack_array_header(len(results)), b"".join(results))


class Frames:
    """Cuts a stream into frames and checks the outer form of each.

    Octets are held until their frame is whole: at most `max_frame` and what one read brings.
    """

    def __init__(self, kinds: dict[str, int], *, max_frame: int, max_depth: int) -> None:
        self.broken: FrameError | None = None
        """What is wrong with the stream after the frames that `feed` returned; the connection must then be closed."""
        self._kinds = kinds
        self._max_frame = max_frame
        self._max_depth = max_depth
        self._held = bytearray()
        self._passed = 0
        """Octets of the stream that came before those held."""
        self._scanner = msgpack.Unpacker(max_buffer_size=0)  # 0: the limit is ours, per frame
        """Finds where a frame ends and builds nothing: a header that promises a million items costs nothing."""

    def feed(self, octets: bytes) -> list[Frame]:
        """Take what was read; return the frames that it completes, in order. Deal with them, then look at `broken`."""
        frames: list[Frame] = []
        if self.broken:
            return frames
        self._held += octets
        self._scanner.feed(octets)
        try:
            self._cut(frames)
        except FrameError as error:
            self.broken = error
        except (ValueError, msgpack.UnpackException):
            self.broken = FrameError("bad_frame", "what was sent is not msgpack without ext types and with str keys")
        if self.broken:
            self._held.clear()
        return frames

    def _cut(self, frames: list[Frame]) -> None:
        start = 0
        while end := self._find_end():
            frames.append(self._read(start, end))
            start = end
        del self._held[:start]
        self._passed += start
        self._check_size(len(self._held))

    def _find_end(self) -> int:
        """Where the next frame ends in what is held; 0 when it is not whole."""
        try:
            self._scanner.skip()
        except msgpack.OutOfData:
            return 0
        end: int = self._scanner.tell()
        return end - self._passed

    def _read(self, start: int, end: int) -> Frame:
        self._check_size(end - start)
        octets = bytes(self._held[start:end])
        frame: object = msgpack.unpackb(octets, raw=False, strict_map_key=True, max_ext_len=0, ext_hook=_refuse_ext)
        return self._check(frame)

    def _check_size(self, size: int) -> None:
        if size > self._max_frame:
            raise FrameError("bad_frame", f"a frame may have {self._max_frame} octets")

    def _check(self, frame: object) -> Frame:
        if not isinstance(frame, list) or not frame or not isinstance(frame[0], str):
            raise FrameError("bad_frame", "a frame is an array that begins with its kind")
        items = self._kinds.get(frame[0])
        if items is None:
            raise FrameError("bad_frame", f"unknown kind of frame; known are {', '.join(self._kinds)}")
        if len(frame) < items:
            raise FrameError("bad_frame", f"{frame[0]} has {items} items, not {len(frame)}")
        if _deeper(frame, self._max_depth - 1):
            raise FrameError("bad_frame", f"a frame may be nested {self._max_depth} deep")
        return frame


def _refuse_ext(code: int, octets: bytes) -> NoReturn:
    raise ValueError(f"ext type {code} with {len(octets)} octets")


def _deeper(container: list[Any] | dict[str, Any], levels: int) -> bool:
    """Whether containers are nested more than `levels` deep inside this one. Raises: ValueError: a key is octets."""
    if isinstance(container, dict) and bytes in map(type, container):  # msgpack refused what is neither octets nor str
        raise ValueError("a key is not str")
    for item in container.values() if isinstance(container, dict) else container:
        kind = type(item)
        if (kind is list or kind is dict) and (levels == 0 or _deeper(item, levels - 1)):
            return True
    return False
