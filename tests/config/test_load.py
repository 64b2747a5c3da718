import os
import re
import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import config
from config.addresses import TcpAddress, UnixAddress
from config.load import MAX_OCTETS, ConfigError, environment, load
from config.settings import (
    BindSettings,
    CarrierSettings,
    GatewaySettings,
    ProfileSettings,
    Settings,
    UpstreamSettings,
    WebSettings,
)
from config.wording import Loc
from tests.config.documents import ENVIRON, load_tree, plant, right, toml

SAMPLE = Path(config.__file__).parent / "gateway.toml"
SAMPLE_ENVIRON = {"DENPO_BANK_SECRET": "choose-one", "DENPO_ALPHA_PASSWORD": "secret"}
BIND: Loc = ("carriers", "alpha", "binds", 0)

KEYS = st.sampled_from(
    [*Settings.model_fields, *BindSettings.model_fields, "binds", "secret", "env", "file", "listen", "weights", "alpha"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
SCALARS = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    | st.sampled_from(["alpha", "generic", "unix:a", "tcp:a:1", "SECRET", "[key]", "{error}", "\0"])
    | st.integers()
    | st.integers(10**50, 10**51)
    | st.floats()
    | st.booleans()
    | st.sampled_from([date(2024, 2, 29), time(1, 2, 3), datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC)])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)
ANY_FOLDER = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def outcome(path: Path) -> Settings | ConfigError:
    """What load gives or raises; anything else than these two fails the test."""
    try:
        return load(path, ENVIRON).settings
    except ConfigError as error:
        return error


def places(tree: object, loc: Loc = ()) -> list[Loc]:
    """Every place in a tree."""
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [loc, *(place for key, item in inside for place in places(item, (*loc, key)))]


def test_the_sample_loads_as_it_stands() -> None:
    loaded = load(SAMPLE, SAMPLE_ENVIRON)
    bind = loaded.settings.carriers["alpha"].binds[0]
    assert (bind.host, bind.port, bind.system_id) == ("127.0.0.1", 2775, "denpo")
    assert (loaded.warnings, loaded.path) == ((), SAMPLE)


def test_the_sample_shows_every_key_and_true_defaults(tmp_path: Path) -> None:
    text = re.sub(
        r"^# (\w+ = |\[profiles|\[quiet_hours|\[\[incoming)",
        r"\1",
        SAMPLE.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    (tmp_path / "gateway.toml").write_text(text, encoding="utf-8")
    for name in ("server.pem", "server.key", "clients.pem", "authorities.pem", "client.pem", "client.key"):
        (tmp_path / name).touch()
    shown = load(tmp_path / "gateway.toml", SAMPLE_ENVIRON).settings
    carrier, bind = shown.carriers["alpha"], shown.carriers["alpha"].binds[0]
    assert shown.gateway == GatewaySettings(data_dir=tmp_path / "var")
    assert shown.web == WebSettings()
    assert shown.profiles["example"] == ProfileSettings()
    socket = UnixAddress(tmp_path / "var/upstream.sock")
    listen = socket, TcpAddress("127.0.0.1", 7070)
    assert shown.upstream == UpstreamSettings(tls=shown.upstream.tls, listen=listen, unix_group="denpo")
    assert carrier == CarrierSettings(burst=50, binds=carrier.binds)
    own = bind.model_dump(
        include={"host", "system_id", "password", "source_ton", "source_npi", "tls", "ca", "cert", "key"}
    )
    assert bind == BindSettings.model_validate(own)
    for table in (
        shown,
        shown.upstream,
        shown.upstream.tls,
        shown.clients["bank"],
        shown.clients["bank"].quota,
        shown.quiet_hours["campaign"],
        carrier,
        bind,
    ):
        assert table is not None
        unseen = {key for key in type(table).model_fields if not re.search(rf"\b{key}\b", text)}
        assert not unseen


def test_every_shipped_profile_is_of_known_keys_and_has_a_sentence() -> None:
    for file in (SAMPLE.parent / "carriers").glob("*.toml"):
        text = file.read_text(encoding="utf-8")
        ProfileSettings.model_validate(tomllib.loads(text))
        assert text.startswith("# ")


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etc/ca.pem").touch()
    tree = plant(plant(right(), (*BIND, "tls"), True), (*BIND, "ca"), "ca.pem")
    Path("etc/gateway.toml").write_text(toml(tree))
    found = load(Path("etc/gateway.toml"), ENVIRON).settings
    assert found.gateway.data_dir == tmp_path / "etc/var"
    assert found.upstream.listen[0] == UnixAddress(tmp_path / "etc/var/upstream.sock")
    assert found.carriers["alpha"].binds[0].ca == tmp_path / "etc/ca.pem"


def test_absolute_paths_stay(tmp_path: Path) -> None:
    tree = plant(plant(right(), ("gateway", "data_dir"), "/srv/denpo"), ("upstream", "listen"), ["unix:/run/d.sock"])
    found = load_tree(tmp_path, tree).settings
    assert (found.gateway.data_dir, str(found.upstream.listen[0])) == (Path("/srv/denpo"), "unix:/run/d.sock")


def test_a_socket_too_deep_in_folders_is_an_error(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    with pytest.raises(ConfigError, match=r"^upstream\.listen\.0: must be a socket path of at most 107 octets"):
        load_tree(deep, plant(right(), ("upstream", "listen"), ["unix:upstream.sock"]))


def test_a_listener_with_the_scheme_tls_is_refused_and_says_where_tls_is_asked_for(tmp_path: Path) -> None:
    tree = plant(right(), ("upstream", "listen"), ["unix:a", "tls:127.0.0.1:7070"])
    reason = r'^upstream\.listen\.1: must be "tcp:HOST:PORT", which is TLS by .* in upstream\.tls'
    with pytest.raises(ConfigError, match=reason):
        load_tree(tmp_path, tree)


def test_port_0_may_be_listened_on_twice(tmp_path: Path) -> None:
    tree = plant(right(), ("upstream", "listen"), ["tcp:127.0.0.1:0", "tcp:127.0.0.1:0"])
    assert len(load_tree(tmp_path, tree).settings.upstream.listen) == 2


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"[gateway]\nname = \n", r"is not TOML: Invalid value \(at line 2, column 8\)"),
        (b"a = 1\na = 2\n", r"is not TOML: Cannot overwrite a value \(at line 2"),
        (b"# ok\n# \xff\n", "is not UTF-8 in line 2"),
        (b"a = " + b"9" * 5000, "has a number with too many digits"),
        (b"a = " + b"[" * 100_000, "is nested too deep"),
        (b"#" * (MAX_OCTETS + 1), "is longer than 1048576 octets"),
    ],
)
def test_a_file_that_is_not_toml_says_where(tmp_path: Path, octets: bytes, reason: str) -> None:
    path = tmp_path / "gateway.toml"
    path.write_bytes(octets)
    with pytest.raises(ConfigError, match=rf"^'{re.escape(str(path))}': {reason}") as caught:
        load(path, {})
    assert len(caught.value.lines) == 1


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml': cannot be read: no such file or directory$"):
        load(tmp_path / "none.toml", {})
    with pytest.raises(ConfigError, match=r"is not a regular file$"):
        load(tmp_path, {})


def test_the_variables_are_those_of_the_process_unless_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the process")
    monkeypatch.setenv("PASSWORD", "p")
    path = tmp_path / "gateway.toml"
    path.write_text(toml(right()))
    assert load(path).settings.clients["bank"].secret.get_secret_value() == "of the process"
    assert environment()["SECRET"] == os.environ["SECRET"]
    with pytest.raises(ConfigError, match="'SECRET' is not set"):
        load(path, {})


def test_secrets_in_the_file_are_warned_about(tmp_path: Path) -> None:
    tree = plant(plant(right(), ("clients", "bank", "secret"), "s"), (*BIND, "password"), "p")
    kept_out = '{ env = "NAME" } or { file = "path" } keeps it out'
    assert load_tree(tmp_path, tree).warnings == (
        f"clients.bank.secret: is written in the file; {kept_out}",
        f"carriers.alpha.binds.0.password: is written in the file; {kept_out}",
    )


def test_a_gateway_without_clients_is_warned_about(tmp_path: Path) -> None:
    assert load_tree(tmp_path, plant(right(), ("clients",), {})).warnings == (
        "clients: there are none, so nobody can submit",
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "gateway.example"])
def test_a_door_open_to_the_network_without_tls_is_warned_about(tmp_path: Path, host: str) -> None:
    tree = plant(right(), ("upstream", "listen"), ["unix:a", f"tcp:{host}:7070"])
    (warning,) = load_tree(tmp_path, tree).warnings
    assert warning.startswith("upstream.listen.1: clients' secrets and messages cross the network unencrypted")
    plant(tree, ("upstream", "tls"), {"cert": "gateway.toml", "key": "gateway.toml"})
    assert load_tree(tmp_path, tree).warnings == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "[::1]", "localhost"])
def test_a_door_on_this_machine_needs_no_tls(tmp_path: Path, host: str) -> None:
    assert load_tree(tmp_path, plant(right(), ("upstream", "listen"), [f"tcp:{host}:7070"])).warnings == ()


def test_tls_without_a_tcp_listener_is_warned_about(tmp_path: Path) -> None:
    tree = plant(right(), ("upstream", "listen"), ["unix:a"])
    plant(tree, ("upstream", "tls"), {"cert": "gateway.toml", "key": "gateway.toml"})
    assert load_tree(tmp_path, tree).warnings == ("upstream.tls: has no effect, for no listener is tcp",)


@pytest.mark.parametrize("loc", [("clients", "bank", "secret"), (*BIND, "password"), (*BIND, "pasword")])
@pytest.mark.parametrize(
    "wrap", [str, lambda s: [s], lambda s: {"envv": s}, lambda s: {"env": s, "file": s}, lambda s: s * 200]
)
def test_a_secret_is_never_repeated(tmp_path: Path, loc: Loc, wrap: Callable[[str], object]) -> None:
    (tmp_path / "gateway.toml").write_text(toml(plant(plant(right(), ("zzz",), 1), loc, wrap("Geheim-10"))))
    error = outcome(tmp_path / "gateway.toml")
    assert isinstance(error, ConfigError)
    assert "Geheim" not in f"{error}{error!r}{error.__cause__!r}{error.__context__!r}"


def test_an_error_holds_on_to_nothing_that_was_read(tmp_path: Path) -> None:
    for text in ("a = ", "zzz = 1"):
        (tmp_path / "gateway.toml").write_text(text)
        error = outcome(tmp_path / "gateway.toml")
        assert isinstance(error, ConfigError)
        assert (error.__cause__, error.__context__) == (None, None)


@ANY_FOLDER
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_document_loads_or_is_a_config_error(tmp_path: Path, tree: dict[str, Any]) -> None:
    (tmp_path / "gateway.toml").write_text(toml(tree), encoding="utf-8", newline="")
    error = outcome(tmp_path / "gateway.toml")
    assert isinstance(error, ConfigError)
    assert all(line and line.isprintable() for line in error.lines)


@ANY_FOLDER
@given(st.data())
def test_one_strange_value_in_a_right_document_is_found_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    tree = right()
    tree["gateway"] = {"name": "a", "retention": 1e5}
    tree["profiles"] = {"p": {"concatenation": "sar"}}
    loc = data.draw(st.sampled_from([place for place in places(tree) if place]))
    (tmp_path / "gateway.toml").write_text(toml(plant(tree, loc, data.draw(VALUES))), encoding="utf-8", newline="")
    found = outcome(tmp_path / "gateway.toml")
    for line in found.lines if isinstance(found, ConfigError) else ():
        assert line.isprintable()
        assert not line.startswith(":")


@ANY_FOLDER
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace")))
@example(b"[[a]]\n[a]")
@example(b"a=[[")
def test_any_octets_are_a_config_error(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "gateway.toml").write_bytes(octets)
    assert isinstance(outcome(tmp_path / "gateway.toml"), ConfigError)
