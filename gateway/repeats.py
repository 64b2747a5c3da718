"""Deliveries that were kept and may come again, because the SMSC may not have our answer: recognised by a digest.

No I/O of its own: everything is noted with the store, in the commit that keeps what the delivery brought. Times are
Unix seconds.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.store import Store

REDELIVERY_SECONDS: Final = 600.0
"""How long a delivery whose answer may not have arrived is recognised when it comes again."""
MAX_DOUBTED: Final = 10_000
"""Deliveries remembered; the oldest is forgotten first."""


class Repeats:
    """Each delivery is noted when it is kept, and forgotten when its answer has arrived, or it has come again for long.

    In between it is expected once: when the link broke, or we did. Two deliveries of the same octets are two; so of
    one digest as many are expected as were kept and are in doubt.
    """

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._digests: dict[int, bytes] = {}
        """What is in doubt, by key, oldest first."""
        self._keys: dict[bytes, list[int]] = {}
        self._expected: dict[bytes, tuple[int, float]] = {}
        """How many times each will come again, and since when that is known; longest known first."""
        self._last_key = 0

    def __len__(self) -> int:
        return len(self._digests)

    def load(self, rows: Iterable[tuple[int, bytes]], now: float) -> None:
        """Expect what was in doubt when the last run ended: (key, digest) rows in order of their keys."""
        for key, digest in rows:
            self._put(key, digest)
            self.expect(digest, now)

    def note(self, digest: bytes) -> None:
        """A delivery is kept, and not answered yet."""
        self._put(self._last_key + 1, digest)
        self._store.keep_repeat(self._last_key, digest)
        if len(self._digests) > MAX_DOUBTED:
            self._forget_oldest()

    def settle(self, digest: bytes) -> None:
        """The answer to a delivery has arrived."""
        times, _ = self._expected.get(digest, (0, 0.0))
        if len(self._keys.get(digest, ())) > times:
            self._forget(digest)

    def expect(self, digest: bytes, now: float) -> None:
        """The answer to a delivery may not have arrived: if it was kept, it is expected once more."""
        times, _ = self._expected.get(digest, (0, now))
        if len(self._keys.get(digest, ())) > times:
            self._expected.pop(digest, None)
            self._expected[digest] = times + 1, now

    def take(self, digest: bytes, now: float) -> bool:
        """Tell whether a delivery was expected; it is, then, once less, and its new answer is in doubt, too."""
        if not self._expected:
            return False
        self.expire(now)
        times, since = self._expected.pop(digest, (0, now))
        if times > 1:
            self._expected[digest] = times - 1, since
        return times > 0

    def expire(self, now: float) -> None:
        """Forget those that have not come again."""
        while self._expected:
            digest, (times, since) = next(iter(self._expected.items()))
            if now - since < REDELIVERY_SECONDS:
                return
            del self._expected[digest]
            for _ in range(times):
                self._forget(digest)

    def _put(self, key: int, digest: bytes) -> None:
        self._last_key = key
        self._digests[key] = digest
        self._keys.setdefault(digest, []).append(key)

    def _forget_oldest(self) -> None:
        digest = next(iter(self._digests.values()))
        self._forget(digest)
        times, since = self._expected.pop(digest, (0, 0.0))
        left = min(times, len(self._keys.get(digest, ())))
        if left:
            self._expected[digest] = left, since

    def _forget(self, digest: bytes) -> None:
        """Forget the oldest of a digest."""
        keys = self._keys[digest]
        key = keys.pop(0)
        if not keys:
            del self._keys[digest]
        del self._digests[key]
        self._store.forget_repeat(key)
