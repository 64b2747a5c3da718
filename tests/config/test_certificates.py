"""The flags of commands that connect with TLS: each file that is of no use is named, with the reason."""

import argparse
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from config.certificates import add_tls, client_context, given
from tests.gateway.certificates import Certificates, make_certificates


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def parse(*arguments: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_tls(parser)
    return parser.parse_args([str(each) for each in arguments])


def test_without_flags_the_systems_authorities_and_the_host_name_are_checked() -> None:
    context = client_context(parse())
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert given(parse()) == []


def test_authorities_of_a_file_are_trusted_instead(made: Certificates) -> None:
    asked = parse("--tls-ca", made.authority)
    context = client_context(asked)
    assert len(context.get_ca_certs()) == 1
    assert context.check_hostname
    assert given(asked) == ["--tls-ca"]


def test_a_certificate_is_shown_with_its_key(made: Certificates) -> None:
    asked = parse("--tls-cert", made.certificate("client"), "--tls-key", made.key("client"))
    assert client_context(asked).check_hostname
    assert given(asked) == ["--tls-cert", "--tls-key"]


def refusal(*arguments: object) -> str:
    with pytest.raises(ValueError, match=r"^--tls-") as caught:
        client_context(parse(*arguments))
    return str(caught.value)


def test_a_file_that_is_not_there_is_named_with_its_flag(made: Certificates, tmp_path: Path) -> None:
    none = tmp_path / "none.pem"
    assert refusal("--tls-ca", none) == f"--tls-ca {none}: No such file or directory"
    assert refusal("--tls-ca", tmp_path) == f"--tls-ca {tmp_path}: Is a directory"
    said = refusal("--tls-cert", made.certificate("client"), "--tls-key", none)
    assert said == f"--tls-key {none}: No such file or directory"


def test_a_file_without_certificates_is_refused(made: Certificates) -> None:
    assert refusal("--tls-ca", made.key("client")).endswith("no PEM certificates there")


def test_a_certificate_and_its_key_need_each_other(made: Certificates) -> None:
    assert refusal("--tls-cert", made.certificate("client")) == "--tls-cert and --tls-key need each other"
    assert refusal("--tls-key", made.key("client")) == "--tls-cert and --tls-key need each other"
    said = refusal("--tls-cert", made.certificate("client"), "--tls-key", made.key("server"))
    assert "no PEM certificate and its key" in said


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(made: Certificates, tmp_path: Path) -> None:
    locked = tmp_path / "locked.key"
    openssl = shutil.which("openssl")
    assert openssl
    lock = [openssl, "pkey", "-in", str(made.key("client")), "-aes256", "-passout", "pass:secret", "-out", str(locked)]
    subprocess.run(lock, check=True, capture_output=True)
    assert "has a passphrase" in refusal("--tls-cert", made.certificate("client"), "--tls-key", locked)
