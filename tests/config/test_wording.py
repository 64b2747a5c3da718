from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from config.load import ConfigError
from config.settings import BindSettings, RouteSettings, Settings, UpstreamTls
from config.wording import Loc, keys_at, path_text, suggestion
from tests.config.documents import load_tree, plant, right

BIND: Loc = ("carriers", "alpha", "binds", 0)
TEXT = 'must be a string, { env = "NAME" } or { file = "path" }'
NAME = "must be 1..64 of A-Z a-z 0-9 _ -"

PLANTS: list[tuple[Loc, object, str]] = [
    # types
    (("gateway", "name"), 5, f"gateway.name: {TEXT}, is an integer"),
    (("gateway", "data_dir"), ["var"], f"gateway.data_dir: {TEXT}, is an array"),
    (("gateway", "max_waiting"), "10", "gateway.max_waiting: must be an integer, is a string"),
    (("gateway", "lane_window"), True, "gateway.lane_window: must be an integer, is a boolean"),
    (("gateway", "outstanding"), 10.5, "gateway.outstanding: must be an integer, is a float"),
    (("gateway", "retention"), "1d", "gateway.retention: must be a number, is a string"),
    (("gateway", "drain_timeout"), 10**400, "gateway.drain_timeout: must be a number, is too large an integer"),
    ((*BIND, "tls"), "yes", "carriers.alpha.binds.0.tls: must be true or false, is a string"),
    (("profiles",), [], "profiles: must be a table, is an array"),
    (
        ("upstream", "tls"),
        {"cert": {}},
        f"upstream.tls.cert: {TEXT}, is a table\nupstream.tls.key: is missing",
    ),
    (("carriers", "omega"), True, "carriers.omega: must be a table, is a boolean"),
    (("carriers", "beta", "binds"), "x", "carriers.beta.binds: must be an array, is a string"),
    # numbers
    (("gateway", "commit_batch"), 10**30, "gateway.commit_batch: must be 1..1000000, is too large an integer"),
    ((*BIND, "window"), 5000, "carriers.alpha.binds.0.window: must be 1..1000, is 5000"),
    ((*BIND, "port"), 0, "carriers.alpha.binds.0.port: must be 1..65535, is 0"),
    ((*BIND, "dest_ton"), 256, "carriers.alpha.binds.0.dest_ton: must be 0..255, is 256"),
    (("carriers", "alpha", "burst"), 0, "carriers.alpha.burst: must be 1..100000, is 0"),
    (("carriers", "alpha", "parts_per_second"), -1, "carriers.alpha.parts_per_second: must be 0..100000, is -1"),
    (("carriers", "alpha", "unknown_grace"), float("nan"), "carriers.alpha.unknown_grace: must be 0..86400, is nan"),
    (("carriers", "beta", "bind_timeout"), float("inf"), "carriers.beta.bind_timeout: must be 0.01..3600, is inf"),
    # numbers beside numbers
    (
        ("carriers", "alpha", "retry_min"),
        700.0,
        "carriers.alpha.retry_max: must be at least retry_min (700.0), is 600.0",
    ),
    (
        ("carriers", "alpha", "reconnect_max"),
        0.5,
        "carriers.alpha.reconnect_max: must be at least reconnect_min (1.0), is 0.5",
    ),
    # texts
    (("clients", "bank", "lane"), "fast", "clients.bank.lane: must be 'otp', 'urgent', 'normal' or 'bulk', is 'fast'"),
    (("clients", "bank", "events"), "some", "clients.bank.events: must be 'all' or 'final', is 'some'"),
    (
        ("clients", "bank", "sender"),
        "銀行",
        "clients.bank.sender: must be up to 20 digits, with or without +, or 11 printable ASCII characters, is '銀行'",
    ),
    (
        ("clients", "vip"),
        {"secret": {"env": "SECRET"}, "lane": True},
        "clients.vip.lane: must be 'otp', 'urgent', 'normal' or 'bulk', is true",
    ),
    (
        ("clients", "own"),
        {"secret": {"env": "SECRET"}, "sender": "a", "senders": ["b"]},
        "clients.own.senders: must contain the client's own sender",
    ),
    (
        ("clients", "limited"),
        {
            "secret": {"env": "SECRET"},
            "quota": {"parts_per_day": 0, "zone": "Asia/Tokio"},
            "submit_rate": -1,
        },
        "clients.limited.quota.parts_per_day: must be 1..1000000000000, is 0\n"
        'clients.limited.quota.zone: must be a time zone by its IANA name, like "Asia/Tokyo" '
        "(did you mean Asia/Tokyo?), is 'Asia/Tokio'\n"
        "clients.limited.submit_rate: must be 0..100000, is -1",
    ),
    (
        ("clients", "boundless"),
        {"secret": {"env": "SECRET"}, "quota": {"zone": "UTC"}},
        "clients.boundless.quota.parts_per_month: is missing; or give parts_per_day, or both",
    ),
    (
        ("clients", "sleepy"),
        {"secret": {"env": "SECRET"}, "quiet_hours": {"begin": "21:00", "end": "21:00"}},
        "clients.sleepy.quiet_hours.end: must not be the same as begin: that is no time at all, or all day",
    ),
    (
        ("quiet_hours",),
        {"sale": {"begin": "24:00", "end": "8:00", "zone": "JST"}, "": {"begin": "00:00", "end": "01:00"}, "x": {}},
        "quiet_hours.'': must be 1..64 characters, is ''\n"
        'quiet_hours.sale.begin: must be a time of day, "00:00".."23:59", is \'24:00\'\n'
        'quiet_hours.sale.end: must be a time of day, "00:00".."23:59", is \'8:00\'\n'
        "quiet_hours.sale.zone: must be a time zone by its IANA name, like \"Asia/Tokyo\", is 'JST'\n"
        "quiet_hours.x.begin: is missing\nquiet_hours.x.end: is missing",
    ),
    (("clients", "shop"), {"secret": ""}, "clients.shop.secret: must be 1..1024 characters"),
    (("clients", "a b"), {"secret": {"env": "SECRET"}}, f"clients.'a b': {NAME}, is 'a b'"),
    (("clients", "pay"), {}, "clients.pay.secret: is missing"),
    (("carriers", "gamma"), {}, "carriers.gamma.binds: is missing"),
    (("carriers", "delta"), {"binds": []}, "carriers.delta.binds: must not be empty"),
    ((*BIND, "host"), "a b", "carriers.alpha.binds.0.host: must be a host name or an IP address, is 'a b'"),
    (
        (*BIND, "system_id"),
        "sixteen-letters-",
        "carriers.alpha.binds.0.system_id: must be at most 15 printable ASCII characters (SMPP 3.4, 5.2.1), "
        "is 'sixteen-letters-'",
    ),
    (
        (*BIND, "password"),
        "nine-long",
        "carriers.alpha.binds.0.password: must be at most 8 printable ASCII characters (SMPP 3.4, 5.2.2)",
    ),
    (
        (*BIND, "system_type"),
        "a\nb",
        "carriers.alpha.binds.0.system_type: must be at most 12 printable ASCII characters (SMPP 3.4, 5.2.3), "
        r"is 'a\nb'",
    ),
    (
        (*BIND, "type"),
        "both",
        "carriers.alpha.binds.0.type: must be 'transmitter', 'receiver' or 'transceiver', is 'both'",
    ),
    # addresses and paths
    (
        ("upstream", "listen"),
        ["unix:a", "udp:b", "unix:./a", []],
        'upstream.listen.1: must be "unix:PATH" or "tcp:HOST:PORT", is \'udp:b\'\n'
        "upstream.listen.2: is the same address as upstream.listen.0\n"
        'upstream.listen.3: must be "unix:PATH" or "tcp:HOST:PORT", is an array',
    ),
    (("web", "listen"), 9464, 'web.listen: must be "HOST:PORT", is 9464'),
    (
        (*BIND, "ca"),
        "ca.pem",
        "carriers.alpha.binds.0.ca: must be the path of a file that exists, is 'ca.pem'",
    ),
    (
        ("carriers", "beta", "binds"),
        [{"host": "a", "system_id": "", "password": "", "cert": "gateway.toml"}],
        "carriers.beta.binds.0.cert: has no effect without tls = true",
    ),
    (
        ("carriers", "tau"),
        {"binds": [{"host": "a", "system_id": "", "password": "", "tls": True, "cert": "gateway.toml"}]},
        "carriers.tau.binds.0.key: cert and key are needed together",
    ),
    (
        ("carriers", "upsilon"),
        {
            "binds": [{"host": "a", "system_id": "", "password": ""}],
            "statuses": {"RNONSENSE": "permanent", "0x400": "soft"},
        },
        "carriers.upsilon.statuses.0x400: must be one of throttle, transient, session, permanent, elsewhere, "
        "is 'soft'\n"
        "carriers.upsilon.statuses.RNONSENSE: must be a command_status like RTHROTTLED, or a number of "
        "0x00000001..0xFFFFFFFF, is 'RNONSENSE'",
    ),
    # routes and names
    (("routes", 2), {}, "routes.2.weights: give one of carriers and weights, naming at least one"),
    (
        ("routes", 3),
        {"carriers": ["beta"], "weights": {"alpha": 1}},
        "routes.3.weights: give one of carriers and weights, not both",
    ),
    (("routes", 4), {"carriers": ["beta", "beta"]}, "routes.4.carriers: names a carrier twice"),
    (
        ("routes", 5),
        {"carriers": ["alpha", "alhpa"]},
        "routes.5.carriers.1: must name a carrier (did you mean alpha?), is 'alhpa'",
    ),
    (
        ("routes", 6),
        {"weights": {"alpha": 0}, "prefixes": ["+81"], "lanes": [], "clients": ["bnk"]},
        "routes.6.weights.alpha: must be 1..1000, is 0\n"
        "routes.6.prefixes.0: must be 1..15 digits without \"+\", beginning with a country code, is '+81'\n"
        "routes.6.lanes: must not be empty\n"
        "routes.6.clients.0: must name a client (did you mean bank?), is 'bnk'",
    ),
    (
        ("carriers", "beta", "profile"),
        "genric",
        "carriers.beta.profile: must name a profile (did you mean generic?), is 'genric'",
    ),
    (
        ("profiles", "p"),
        {"concatenation": "udh16", "part_units": 67, "part_septets": 153},
        'profiles.p.part_units: must be 2..66: concatenation = "udh16" leaves no more room in a part, is 67\n'
        'profiles.p.part_septets: must be 2..152: concatenation = "udh16" leaves no more room in a part, is 153',
    ),
    (
        ("clients", "bank", "senders"),
        ["a", ""],
        "clients.bank.senders.1: must not be empty; leave the key out to have none, is ''",
    ),
    (
        ("profiles", "r"),
        {"concatenation": "udh", "part_units": 67},
        "profiles.r.concatenation: must be 'udh8', 'udh16', 'sar', 'payload' or 'large', is 'udh'",
    ),
    (
        ("incoming",),
        [
            {"client": "bank", "destinations": ["0005", "+81"], "senders": []},
            {"client": "bnk", "carriers": ["alhpa"]},
            {"destinations": ["1"]},
        ],
        "incoming.0.destinations.1: must be 1..20 digits without \"+\", is '+81'\n"
        "incoming.0.senders: must not be empty\n"
        "incoming.1.client: must name a client (did you mean bank?), is 'bnk'\n"
        "incoming.1.carriers.0: must name a carrier (did you mean alpha?), is 'alhpa'\n"
        "incoming.2.client: is missing",
    ),
    # unknown keys
    (("gatewya",), {}, "gatewya: is not a known key (did you mean gateway?)"),
    (("web", "x"), 1, "web.x: is not a known key (there are: listen)"),
    ((*BIND, "windwo"), 1, "carriers.alpha.binds.0.windwo: is not a known key (did you mean window?)"),
    (("profiles", "q", "max parts"), 1, "profiles.q.'max parts': is not a known key (did you mean max_parts?)"),
]


def long() -> dict[str, Any]:
    """A right configuration with room for a planted error in each of seven routes."""
    tree = right()
    return plant(tree, ("routes",), [*tree["routes"], *({"carriers": ["beta"]} for _ in range(5))])


def lines_of(folder: Path, tree: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_tree(folder, tree)
    assert str(caught.value).split("\n") == list(caught.value.lines)
    return list(caught.value.lines)


@pytest.mark.parametrize(("loc", "value", "expected"), PLANTS, ids=[path_text(loc) for loc, _, _ in PLANTS])
def test_an_error_says_where_it_is_and_what_is_allowed(tmp_path: Path, loc: Loc, value: object, expected: str) -> None:
    assert sorted(lines_of(tmp_path, plant(long(), loc, value))) == sorted(expected.split("\n"))


def _apart(plants: list[tuple[Loc, object, str]]) -> bool:
    """No plant stands on or under another one's place, or makes another one's table."""
    locs = [loc for loc, _, _ in plants]
    return not any(one != two and one == two[: len(one)] for one in locs for two in locs)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(PLANTS), min_size=1, unique_by=lambda each: each[0]).filter(_apart))
def test_all_errors_are_reported_at_once(tmp_path: Path, planted: list[tuple[Loc, object, str]]) -> None:
    tree = long()
    for loc, value, _ in planted:
        plant(tree, loc, value)
    assert sorted(lines_of(tmp_path, tree)) == sorted("\n".join(lines for _, _, lines in planted).split("\n"))


def test_errors_stand_in_the_order_of_their_places(tmp_path: Path) -> None:
    tree = right()
    tree["routes"] = [{"carriers": ["x"]}] * 11
    found = [line.split(":")[0] for line in lines_of(tmp_path, plant(tree, ("gateway", "zzz"), 1))]
    assert found == ["gateway.zzz", *(f"routes.{n}.carriers.0" for n in range(11))]


def test_what_is_not_there_at_all_is_named(tmp_path: Path) -> None:
    assert lines_of(tmp_path, {}) == ["carriers: is missing", "routes: is missing"]


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path, plant(right(), ("clients", "bank", "sender"), "長" * 100_000))
    assert line.endswith("長…'")
    assert len(line) < 400


def test_invisible_characters_are_spelt_out(tmp_path: Path) -> None:
    tree = plant(right(), ("clients", "bank", "sender"), "\x1b[31m\u202e\u2028")
    assert lines_of(tmp_path, tree)[0].endswith(r"is '\x1b[31m\u202e\u2028'")


@pytest.mark.parametrize(
    ("loc", "table"),
    [
        ((), Settings),
        (("upstream", "tls"), UpstreamTls),
        (("routes", 3), RouteSettings),
        (("carriers", "binds", "binds", 0), BindSettings),
    ],
)
def test_the_keys_of_a_table_are_found_by_its_place(loc: Loc, table: type[BaseModel]) -> None:
    assert keys_at(loc, Settings) == list(table.model_fields)


def test_a_suggestion_is_the_nearest_name_or_a_bounded_list_of_all() -> None:
    assert suggestion("listn", ["listen", "tls"]) == " (did you mean listen?)"
    assert suggestion("q", ["listen", "tls"]) == " (there are: listen, tls)"
    assert suggestion("q", []) == " (there are none)"
    assert suggestion("q", [f"carrier{n}" for n in range(1000)]).endswith("carrier29, …)")
