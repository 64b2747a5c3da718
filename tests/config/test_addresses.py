from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.addresses import (
    Address,
    TcpAddress,
    UnixAddress,
    parse_address,
    parse_endpoint,
    parse_host,
    parse_listener,
)

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z0-9]{1,5}){0,3}", fullmatch=True)
HOSTS = st.one_of(NAMES, st.ip_addresses().map(str))
ENDPOINTS = st.builds(TcpAddress, HOSTS, st.integers(0, 65535))
SECURE = st.builds(TcpAddress, HOSTS, st.integers(0, 65535), st.just(True))
PATHS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=26).map(Path)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:var/upstream.sock", UnixAddress(Path("var/upstream.sock"))),
        ("unix:/run/a:b", UnixAddress(Path("/run/a:b"))),
        ("tcp:127.0.0.1:7070", TcpAddress("127.0.0.1", 7070)),
        ("tcp:gateway.example:0", TcpAddress("gateway.example", 0)),
        ("tcp:[::1]:65535", TcpAddress("::1", 65535)),
        ("tcp:[fe80::1%eth0]:1", TcpAddress("fe80::1%eth0", 1)),
        ("tls:gateway.example:7070", TcpAddress("gateway.example", 7070, tls=True)),
        ("tls:[::1]:7070", TcpAddress("::1", 7070, tls=True)),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", 'must be "unix:PATH", "tcp:HOST:PORT" or "tls:HOST:PORT"'),
        ("localhost:7070", 'must be "unix:PATH", "tcp:HOST:PORT" or "tls:HOST:PORT"'),
        ("UNIX:a", 'must be "unix:PATH", "tcp:HOST:PORT" or "tls:HOST:PORT"'),
        ("unix:", 'must be "unix:PATH" with a path'),
        ("unix:a\0b", 'must be "unix:PATH" with a path'),
        ("unix:" + "電" * 36, "must be a socket path of at most 107 octets, its folder included"),
        ("tcp:7070", 'must be "tcp:HOST:PORT", with a host and a port'),
        ("tls:7070", 'must be "tls:HOST:PORT", with a host and a port'),
        ("tcp:a:", 'must be "tcp:HOST:PORT" with a port of 0..65535'),
        ("tcp:a:65536", 'must be "tcp:HOST:PORT" with a port of 0..65535'),
        ("tcp:a:-1", 'must be "tcp:HOST:PORT" with a port of 0..65535'),
        ("tcp:a:７０", 'must be "tcp:HOST:PORT" with a port of 0..65535'),
        ("tcp:a:1\n", 'must be "tcp:HOST:PORT" with a port of 0..65535'),
        ("tcp::1", 'must be "tcp:HOST:PORT" with a host name or an IP address'),
        ("tcp:a b:1", 'must be "tcp:HOST:PORT" with a host name or an IP address'),
        ("tcp:a..b:1", 'must be "tcp:HOST:PORT" with a host name or an IP address'),
        (f"tcp:{'a' * 64}.example:1", 'must be "tcp:HOST:PORT" with a host name or an IP address'),
        ("tcp:::1:1", 'must be "tcp:HOST:PORT" with an IPv6 address in brackets, like [::1]'),
        ("tcp:[a]:1", 'must be "tcp:HOST:PORT" with an IPv6 address between the brackets'),
        ("tcp:[127.0.0.1]:1", 'must be "tcp:HOST:PORT" with an IPv6 address between the brackets'),
    ],
)
def test_a_wrong_address_says_what_must_be_there(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^must be ") as caught:
        parse_address(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tls:0.0.0.0:7070", 'must be "tcp:HOST:PORT", which is TLS by a certificate and its key in upstream.tls'),
        ("localhost:7070", 'must be "unix:PATH" or "tcp:HOST:PORT"'),
        ("tcp:7070", 'must be "tcp:HOST:PORT", with a host and a port'),
    ],
)
def test_what_cannot_be_listened_on_says_what_must_be_there(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^must be ") as caught:
        parse_listener(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize("text", ["unix:a.sock", "tcp:[::1]:0"])
def test_a_listener_is_an_address(text: str) -> None:
    assert parse_listener(text) == parse_address(text)


def test_an_endpoint_has_no_scheme() -> None:
    assert parse_endpoint("127.0.0.1:9464") == TcpAddress("127.0.0.1", 9464)
    with pytest.raises(ValueError, match=r'^must be "HOST:PORT" with an IPv6 address in brackets'):
        parse_endpoint("tcp:127.0.0.1:9464")


@pytest.mark.parametrize("text", ["::1", "[::1]"])
def test_a_host_alone_needs_no_brackets(text: str) -> None:
    assert parse_host(text) == "::1"


@pytest.mark.parametrize("text", ["a", "a.", "_a-b.c", f"{'a' * 63}.example", ".".join(["ab"] * 84)])
def test_a_name_of_a_host_is_read_and_can_be_asked_for(text: str) -> None:
    assert parse_host(text) == text
    assert text.encode("idna")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a..b",
        ".a",
        "a-.b",
        f"{'a' * 64}.b",
        ".".join(["ab"] * 86),
        "a b",
        "[a]",
        "[]",
        "a:1",
        "-a",
        "電報",
        "a\n",
        "::1]",
    ],
)
def test_a_wrong_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a host name or an IP address$"):
        parse_host(text)


@given(st.one_of(st.builds(UnixAddress, PATHS), ENDPOINTS, SECURE))
def test_an_address_reads_as_it_is_written(address: Address) -> None:
    assert parse_address(str(address)) == address


@given(ENDPOINTS)
def test_an_endpoint_reads_as_it_is_written(address: TcpAddress) -> None:
    assert parse_endpoint(address.authority) == address


@given(st.one_of(st.text(), st.text().map("tcp:{}".format), st.text().map("unix:{}".format)))
@example("tcp:[::1%]:1")
@example("tcp:[]:1")
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        address = parse_address(text)
    except ValueError as error:
        reason = str(error)
    else:
        reason = "must be " if parse_address(str(address)) == address else "not the same"
    assert reason.startswith("must be ")
