"""The folder of a store: one gateway's alone."""

import errno
import fcntl
import os
from pathlib import Path
from typing import Final

LOCK: Final = "lock"


def lock_folder(folder: Path) -> int:
    """Make the folder ours alone. Raises: OSError: another gateway has it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise OSError(errno.EBUSY, f"another gateway uses {folder}") from None
    return lock
