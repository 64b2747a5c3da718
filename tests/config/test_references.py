from pathlib import Path
from typing import Any

import pytest

from config.load import ConfigError, load
from config.wording import Loc
from tests.config.documents import load_tree, plant, right

PASSWORD: Loc = ("carriers", "alpha", "binds", 0, "password")


def password(folder: Path, reference: object) -> str:
    loaded = load_tree(folder, plant(right(), PASSWORD, reference))
    return loaded.settings.carriers["alpha"].binds[0].password.get_secret_value()


def lines_of(folder: Path, tree: dict[str, Any], environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_tree(folder, tree, {"SECRET": "s"} if environ is None else environ)
    return caught.value.lines


@pytest.mark.parametrize(
    ("octets", "expected"), [(b"pw", "pw"), (b"pw\n", "pw"), (b"pw\r\n", "pw"), (b" pw ", " pw "), (b"", "")]
)
def test_a_file_gives_its_text_without_the_last_line_break(tmp_path: Path, octets: bytes, expected: str) -> None:
    (tmp_path / "alpha.password").write_bytes(octets)
    assert password(tmp_path, {"file": "alpha.password"}) == expected


def test_only_one_line_break_is_taken_off(tmp_path: Path) -> None:
    (tmp_path / "alpha.password").write_bytes(b"pw\n\n")
    (line,) = lines_of(tmp_path, plant(right(), PASSWORD, {"file": "alpha.password"}))
    assert line.endswith("printable ASCII characters (SMPP 3.4, 5.2.2)")


def test_a_file_may_be_anywhere(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("pw")
    folder = tmp_path / "etc"
    folder.mkdir()
    assert password(folder, {"file": "../elsewhere"}) == "pw"
    assert password(folder, {"file": str(tmp_path / "elsewhere")}) == "pw"


def test_any_string_may_stand_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "sender").write_text("0005123456\n")
    tree = right()
    plant(tree, ("clients", "bank", "sender"), {"file": "sender"})
    plant(tree, ("clients", "bank", "lane"), {"env": "LANE"})
    plant(tree, ("upstream", "listen"), ["unix:a", {"env": "LISTEN"}])
    plant(tree, ("routes", 0, "carriers", 0), {"env": "CARRIER"})
    environ = {"LANE": "otp", "LISTEN": "tcp:[::1]:7", "CARRIER": "beta", "SECRET": "s", "PASSWORD": "p"}
    settings = load_tree(tmp_path, tree, environ).settings
    assert (settings.clients["bank"].sender, settings.clients["bank"].lane) == ("0005123456", "otp")
    assert str(settings.upstream.listen[1]) == "tcp:[::1]:7"
    assert settings.routes[0].carriers == ("beta",)


def test_a_carrier_may_be_called_env(tmp_path: Path) -> None:
    tree = plant(right(), ("routes", 0), {"weights": {"env": 3}})
    tree["carriers"]["env"] = tree["carriers"]["beta"]
    assert load_tree(tmp_path, tree).settings.routes[0].weights == {"env": 3}


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    assert lines_of(tmp_path, right(), {}) == (
        "carriers.alpha.binds.0.password: the environment variable 'PASSWORD' is not set",
        "clients.bank.secret: the environment variable 'SECRET' is not set",
    )


def test_a_variable_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path, right(), {"SECRET": "s", "PASSWORD": "p\udcff"})
    assert line == "carriers.alpha.binds.0.password: the environment variable 'PASSWORD' is not UTF-8"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", "cannot be read: no such file or directory"),
        ("folder", "is not a regular file"),
        ("latin", "is not UTF-8 in line 2"),
        ("long", "is longer than 65536 octets"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin").write_bytes(b"pw\n\xe9")
    (tmp_path / "long").write_bytes(b"p" * 65_537)
    (line,) = lines_of(tmp_path, plant(right(), PASSWORD, {"file": name}))
    assert line == f"carriers.alpha.binds.0.password: the file {str(tmp_path / name)!r} {reason}"


def test_a_path_with_a_nul_is_an_error_like_others(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path, plant(right(), PASSWORD, {"file": "a\0b"}))
    assert line.endswith("cannot be read: a path has no NUL")


def test_a_reference_leads_to_one_place(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path, plant(right(), PASSWORD, {"file": "a", "env": "SECRET"}))
    assert line == "carriers.alpha.binds.0.password: must have one of env and file, not both"


@pytest.mark.parametrize("reference", [{"env": 5}, {"envv": "SECRET"}, {"env": "SECRET", "x": "y"}, {}])
def test_what_only_looks_like_a_reference_is_a_wrong_type(tmp_path: Path, reference: dict[str, object]) -> None:
    (line,) = lines_of(tmp_path, plant(right(), PASSWORD, reference))
    assert line.endswith('password: must be a string, { env = "NAME" } or { file = "path" }, is a table')


def test_a_reference_never_stands_for_the_whole(tmp_path: Path) -> None:
    assert lines_of(tmp_path, {"env": "SECRET"})[1].startswith("env: is not a known key")


def test_a_broken_reference_does_not_hide_other_errors(tmp_path: Path) -> None:
    tree = plant(plant(right(), ("routes", 0, "carriers", 0), {"env": "NO"}), ("routes", 1, "weights", "x"), 1)
    assert lines_of(tmp_path, plant(tree, PASSWORD, "")) == (
        "routes.0.carriers.0: the environment variable 'NO' is not set",
        "routes.1.weights.x: must name a carrier (there are: alpha, beta), is 'x'",
    )


def test_a_value_from_elsewhere_is_never_repeated(tmp_path: Path) -> None:
    tree = plant(right(), ("clients", "bank", "lane"), {"env": "SECRET"})
    (line,) = lines_of(tmp_path, tree, {"SECRET": "hush", "PASSWORD": "p"})
    assert line == "clients.bank.lane: must be 'otp', 'urgent', 'normal' or 'bulk'"


def test_nesting_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "deep.toml"
    path.write_text("a." * 3000 + "a = 1\n")
    with pytest.raises(ConfigError, match="is nested deeper than 16"):
        load(path, {})
