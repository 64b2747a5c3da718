"""The gateway from start to stop: what runs inside what, and in which order it ends."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
import trio

from config.addresses import TcpAddress
from gateway.changes import compare, keep_fixed
from gateway.core import build, reconfigure
from gateway.defects import keep_running
from gateway.door import Door
from gateway.fleet import Fleet
from gateway.operations import Operations
from gateway.store.sqlite import SqliteStore
from gateway.upkeep import Upkeep
from gateway.web import serve_web
from protocol.link import explain, listen

if TYPE_CHECKING:
    from config.settings import Settings
    from gateway.store import Commit


_log = structlog.get_logger()


class Gateway:
    """One gateway. `run` once; `stop` ends it."""

    def __init__(self, settings: "Settings", store: SqliteStore) -> None:
        """The store is open, and this gateway's to run and close."""
        self.store = store
        self.core = build(settings, store)
        self.fleet = Fleet(self.core)
        self.operations = Operations(self.fleet)
        self.door = Door(self.core)
        self._stop = trio.Event()
        store.committed = self._committed
        store.leases = self.core.lanes.leases

    @property
    def stopping(self) -> bool:
        """Whether the staged stop has begun."""
        return self._stop.is_set()

    async def reload(self, settings: "Settings") -> None:
        """Go by other settings, as far as that is possible while it runs; not to be called again before it returns.

        Raises: OSError: a file that they name is of no use; nothing was changed.
        """
        if self.stopping:
            return
        self.fleet.check(settings)
        self.door.check(settings)
        old = self.core.settings
        changes, wanted = compare(old, settings), keep_fixed(old, settings)
        reconfigure(self.core, wanted, old.carriers | wanted.carriers)
        self.door.follow(old)
        await self.fleet.follow()
        _log.info("reloaded", added=changes.added, changed=changes.changed, removed=changes.removed)
        if changes.restart:
            _log.warning("restart_needed", keys=changes.restart, reason="they are read at the start only")

    def stop(self) -> None:
        """Begin the staged stop: no new messages, then the answers owed to us, then unbind, then the disk."""
        self._stop.set()

    async def run(self, ready: Callable[[dict[str, Any]], None]) -> None:
        """Run until `stop`. `ready` is called with the addresses when it listens.

        Raises: OSError: an address can't be listened on. sqlite3.Error: the store has failed.
        """
        upkeep = Upkeep(self.core)
        web = await self._listen_web()
        async with trio.open_nursery() as base:
            base.start_soon(self.store.run)
            await upkeep.start()
            async with trio.open_nursery() as outer:
                outer.start_soon(keep_running, self.core.lanes.run, self.core.counts, "lanes")
                outer.start_soon(keep_running, upkeep.run, self.core.counts, "upkeep")
                outer.start_soon(serve_web, self, web)
                await self._serve(outer, web, ready)
                outer.cancel_scope.cancel()
            base.cancel_scope.cancel()
        await self.store.close(clean=self.fleet.clean)

    async def _serve(
        self, outer: trio.Nursery, web: list[trio.SocketListener], ready: Callable[[dict[str, Any]], None]
    ) -> None:
        async with trio.open_nursery() as doors:
            addresses = {"web": _names(web)}
            await doors.start(self.door.run)
            async with trio.open_nursery() as binds:
                binds.start_soon(self.fleet.run)
                ready({"upstream": self.door.addresses, **addresses, "pid": os.getpid()})
                await self._stop.wait()
                self.door.close()
                self.fleet.stop(self.core.settings.gateway.drain_timeout)
            await self.store.commit.wait()
            doors.cancel_scope.cancel()

    async def _listen_web(self) -> list[trio.SocketListener]:
        address = self.core.settings.web.listen
        try:
            return await listen(address.host, address.port)
        except OSError as error:
            reason = f"cannot listen on {address.authority} (web.listen): {explain(error)}"
            raise OSError(error.errno, reason) from None

    def _committed(self, commit: "Commit") -> None:
        lanes = self.core.lanes
        if commit.leases:
            lanes.leased(commit.leases)
        if commit.spent and commit.duplicates:
            self.core.quotas.settle(commit.spent, commit.duplicates)
        if commit.added:
            lanes.offer(commit.added)
        if commit.events:
            self.door.publish(commit)


def _names(listeners: list[trio.SocketListener]) -> list[str]:
    return [TcpAddress(*listener.socket.getsockname()[:2]).authority for listener in listeners]
