"""A wire of memory for the client library, which under Trio keeps to virtual time."""

from collections.abc import Callable, Mapping
from typing import Any

import anyio
import trio
import trio.testing
from anyio.abc import ByteStream


class MemoryStream(ByteStream):
    """One end of Trio's pair of memory streams, as anyio has streams; `other` is the other one."""

    def __init__(self) -> None:
        self._stream, self.other = trio.testing.memory_stream_pair()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        """None."""
        return {}

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Read what is there, or wait for it."""
        try:
            octets = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError:
            raise anyio.BrokenResourceError from None
        except trio.ClosedResourceError:
            raise anyio.ClosedResourceError from None
        if not octets:
            raise anyio.EndOfStream
        return bytes(octets)

    async def send(self, item: bytes) -> None:
        """Write."""
        try:
            await self._stream.send_all(item)
        except trio.BrokenResourceError:
            raise anyio.BrokenResourceError from None
        except trio.ClosedResourceError:
            raise anyio.ClosedResourceError from None

    async def send_eof(self) -> None:
        """Write no more."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close both ways."""
        await self._stream.aclose()

    def cut(self) -> None:
        """Lose the connection; what was written and not read is lost with it."""
        for end in (self._stream, self.other):
            end.send_stream.close()
            end.receive_stream.close()
