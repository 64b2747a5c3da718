"""Kannel, as a benchmark runs it: bearerbox and smsbox as Debian packages them, on loopback, at their best.

Nothing installs it: where it is absent, `missing` says so. Its logs are off, its store is its default one (a file that
is flushed, not synced), it may have 1,000 unanswered submit_sm a bind and 1,000 reports on their way to smsbox.
"""

import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.processes import Process, stop

READY_SECONDS: Final = 30.0
WINDOW: Final = 1000
"""Unanswered submit_sm of a bind, where Kannel is quickest."""
SECRET: Final = "load"
PATH: Final = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
"""Debian has them where only root's PATH leads."""

_CORE: Final = """\
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = {secret}
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1
smsbox-max-pending = 1000
box-allow-ip = 127.0.0.1
log-level = 4
store-type = file
store-location = "{folder}/kannel.store"
dlr-storage = internal

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
max-pending-requests = 2000
log-level = 4

group = sendsms-user
username = load
password = {secret}
"""
_BIND: Final = """
group = smsc
smsc = smpp
smsc-id = alpha
host = 127.0.0.1
port = {port}
transceiver-mode = true
smsc-username = load
smsc-password = {secret}
system-type = ""
max-pending-submits = {window}
reconnect-delay = 1
"""

_NODELAY: Final = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* Every TCP socket the program makes has TCP_NODELAY; those that a listener accepts inherit it. */
int socket(int domain, int type, int protocol)
{
    int (*real)(int, int, int) = (int (*)(int, int, int)) dlsym(RTLD_NEXT, "socket");
    int fd = real(domain, type, protocol), on = 1;
    if (fd >= 0 && (domain == AF_INET || domain == AF_INET6) && (type & 0xf) == SOCK_STREAM)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}
"""


@dataclass(frozen=True, slots=True)
class Kannel:
    """It runs and is bound. sendsms: the port where it takes messages."""

    sendsms: int
    bearerbox: Process
    smsbox: Process


def missing() -> str:
    """Why Kannel cannot be run here; empty when it can."""
    absent = [name for name in ("bearerbox", "smsbox") if shutil.which(name, path=PATH) is None]
    return f"{' and '.join(absent)} not found: apt-get install kannel" if absent else ""


def version() -> str:
    """Of what bearerbox says it is, the number; all it says where there is none."""
    said = subprocess.run([_find("bearerbox"), "--version"], capture_output=True, text=True, timeout=10, check=False)
    first = said.stdout.partition("\n")[0]
    found = re.search(r"[0-9]+(\.[0-9]+)+", first)
    return found.group() if found else first


def has_compiler() -> bool:
    """Whether `build_nodelay` can."""
    return shutil.which("cc") is not None


def build_nodelay(folder: Path) -> Path:
    """A library that sets TCP_NODELAY on every TCP socket of a program it is loaded into."""
    source, library = folder / "nodelay.c", folder / "nodelay.so"
    source.write_text(_NODELAY, encoding="utf-8")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"], check=True)
    return library


@contextmanager
def running(smsc: int, binds: int, folder: Path, preload: Path | None = None) -> Iterator[Kannel]:
    """Run Kannel, bound to the SMSC at this port, until the block ends. Raises: RuntimeError: it is not ready."""
    admin, boxes, sendsms = _free_ports(3)
    config = folder / "kannel.conf"
    core = _CORE.format(admin=admin, boxes=boxes, sendsms=sendsms, folder=folder, secret=SECRET)
    bind = _BIND.format(port=smsc, window=WINDOW, secret=SECRET)
    config.write_text(core + bind * binds, encoding="utf-8")
    with ExitStack() as stack:
        bearerbox = stack.enter_context(_box("bearerbox", config, preload))
        _wait("bearerbox", bearerbox, lambda: _status(admin).count("(online ") == binds)
        smsbox = stack.enter_context(_box("smsbox", config, preload))
        _wait("smsbox", smsbox, lambda: "(on-line " in _status(admin) and _listens(sendsms))
        yield Kannel(sendsms, bearerbox, smsbox)


def _find(name: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        raise RuntimeError(missing())
    return found


@contextmanager
def _box(name: str, config: Path, preload: Path | None) -> Iterator[Process]:
    environment = {**os.environ, **({"LD_PRELOAD": str(preload)} if preload else {})}
    command = [_find(name), "-v", "4", str(config)]
    popen = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        yield Process(popen, {})
    finally:
        stop(popen)


def _wait(name: str, box: Process, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and box.popen.poll() is None:
        if ready():
            return
        time.sleep(0.05)
    raise RuntimeError(f"{name} is not ready: run it by hand on its configuration to see why")


def _status(admin: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/status.txt?password={SECRET}", timeout=5) as answer:
            octets: bytes = answer.read()
    except OSError:
        return ""
    return octets.decode(errors="replace")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    """Ports that nobody has now; all are held at once, so no two are the same."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]
