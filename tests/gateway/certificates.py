"""Certificates for tests of TLS, made with the openssl command: an authority, a server's and a client's."""

import os
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

_KEY: Final = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files, each pair with its key in a file of its own, and the authority that signed both."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The authority's certificate."""
        return self.folder / "ca.pem"

    def certificate(self, name: str) -> Path:
        """A certificate: "server", for 127.0.0.1; "client"; "other", for 192.0.2.1; "expired", for 127.0.0.1."""
        return self.folder / f"{name}.pem"

    def key(self, name: str) -> Path:
        """The key to a certificate."""
        return self.folder / f"{name}.key"

    def context(self, *, shown: bool) -> ssl.SSLContext:
        """A client's side: trusts the authority, and shows the client's certificate if asked to."""
        context = ssl.create_default_context(cafile=self.authority)
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # set in some versions of Python: an end unsaid is an error
        if shown:
            context.load_cert_chain(self.certificate("client"), self.key("client"))
        return context


def make_certificates(folder: Path) -> Certificates:
    """Make them in a folder; skips the test where there is no openssl command, but not where CI is "true"."""
    openssl = shutil.which("openssl")
    if openssl is None:
        assert os.environ.get("CI") != "true", "the TLS tests need the openssl command"
        pytest.skip("no openssl command to make certificates with")

    def run(arguments: str) -> None:
        subprocess.run([openssl, *arguments.split()], cwd=folder, check=True, capture_output=True)

    run(f"req -x509 {_KEY} -subj /CN=authority -keyout ca.key -out ca.pem -addext keyUsage=critical,keyCertSign")
    sign = f"req -x509 {_KEY} -CA ca.pem -CAkey ca.key -addext basicConstraints=critical,CA:FALSE"
    run(f"{sign} -subj /CN=localhost -keyout server.key -out server.pem -addext subjectAltName=IP:127.0.0.1")
    run(f"{sign} -subj /CN=bank -keyout client.key -out client.pem")
    run(f"{sign} -subj /CN=localhost -keyout other.key -out other.pem -addext subjectAltName=IP:192.0.2.1")
    request = f"req {_KEY.removesuffix(' -days 2')} -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    run(f"{request} -keyout expired.key -out expired.csr")
    run("x509 -req -in expired.csr -CA ca.pem -CAkey ca.key -copy_extensions copyall -days -1 -out expired.pem")
    return Certificates(folder)
