"""The flags of `denpo load`, and the plan that they make."""

import argparse
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Final, TypeVar

from config.addresses import parse_address, parse_endpoint
from config.certificates import add_tls
from simulator.load import plan as bounds
from simulator.load.plan import Plan, parse_mix, parse_numbers
from simulator.load.texts import KINDS

DEFAULT_NUMBERS: Final = "819000000000-819009999999"
"""Nobody's: in Japan the digit after 090 is never 0."""
DEFAULT_MIX: Final = "japanese=7,gsm7=2,long=1"
DEFAULT_SENDER: Final = "0005123456"
CHARTS: Final = (".svg", ".html")

_Value = TypeVar("_Value")


def add_smpp(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `denpo load smpp`."""
    add = parser.add_argument
    add("--connect", metavar="HOST:PORT", dest="address", type=_checked(parse_endpoint), required=True, help="the SMSC")
    add("--system-id", metavar="ID", type=_octets(15), default="load", help="who binds (%(default)s)")
    add("--password", metavar="WORD", type=_octets(8), default="", help="of the bind (none)")
    add("--binds", metavar="N", type=_whole(1, bounds.MAX_BINDS), default=1, help="sessions at once (%(default)s)")
    add("--sender", metavar="ID", type=_octets(20), default=DEFAULT_SENDER, help="source address (%(default)s)")
    numbers = f"destinations, taken in turn ({DEFAULT_NUMBERS}: nobody's)"
    add("--to-range", metavar="FIRST-LAST", type=_checked(parse_numbers), default=DEFAULT_NUMBERS, help=numbers)
    _add_load(parser, "unanswered submit_sm per bind")


def add_upstream(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `denpo load upstream`."""
    add = parser.add_argument
    address = "the gateway: unix:PATH, tcp:HOST:PORT or tls:HOST:PORT"
    add("--upstream", metavar="ADDRESS", dest="address", type=_checked(parse_address), required=True, help=address)
    add("--client", metavar="NAME", required=True, help="which client of the gateway you are")
    add("--secret-file", metavar="FILE", type=Path, help="read the secret from here instead of DENPO_SECRET")
    batch = "messages in one submit, at most (%(default)s)"
    add("--batch", metavar="N", type=_whole(1, bounds.MAX_BATCH), default=50, help=batch)
    add("--sender", metavar="ID", default="", help="sender id; left out: the client's own")
    numbers = "destinations, taken in turn, as the gateway takes them: 09012340000-09012349999"
    add("--to-range", metavar="FIRST-LAST", type=_checked(parse_numbers), required=True, help=numbers)
    _add_load(parser, "messages unanswered, or in a closed loop with receipts without an end")


def _add_load(parser: argparse.ArgumentParser, window: str) -> None:
    add = parser.add_argument
    loop = parser.add_mutually_exclusive_group(required=True)
    rate = "messages per second, whatever the server does (open loop)"
    loop.add_argument("--rate", metavar="N", type=_number(0.001, bounds.MAX_RATE), default=0.0, help=rate)
    loop.add_argument("--closed", action="store_true", help="as fast as the window allows (closed loop)")
    add("--arrivals", choices=("even", "poisson"), default="even", help="of an open loop (%(default)s)")
    count = f"messages at most ({bounds.DEFAULT_COUNT:,}; with --seconds {bounds.MAX_COUNT:,})"
    add("--count", metavar="N", type=_whole(1, bounds.MAX_COUNT), help=count)
    add("--seconds", metavar="N", type=_number(0.001, bounds.MAX_SECONDS), default=inf, help="how long to send")
    add("--window", metavar="N", type=_whole(1, bounds.MAX_WINDOW), default=100, help=f"{window} (%(default)s)")
    mix = f"kinds of text with weights; {', '.join(KINDS)} (%(default)s)"
    add("--mix", metavar="KIND=N,…", type=_checked(lambda text: parse_mix(text, KINDS)), default=DEFAULT_MIX, help=mix)
    receipts = "ask for receipts, and measure until they come (yes)"
    add("--receipts", action=argparse.BooleanOptionalAction, default=True, help=receipts)
    wait = "for an answer, and at the end for anything that is owed (%(default)g)"
    add("--wait", metavar="SECONDS", type=_number(0.001, bounds.MAX_WAIT), default=10.0, help=wait)
    add("--seed", metavar="N", type=_whole(0, 2**63), default=0, help="repeat texts and arrivals (%(default)s)")
    add("--tls", action="store_true", help="TLS, verified against the system's authorities if there is no --tls-ca")
    add_tls(parser)
    add("--anywhere", action="store_true", help="allow a target that is not on this machine")
    add("--json", metavar="FILE", type=_file(), help="write all figures there")
    add("--chart", metavar="FILE", type=_file(CHARTS), help="draw a chart there: .svg or .html")


def make_plan(arguments: argparse.Namespace) -> Plan:
    """The plan that the flags ask for."""
    default = bounds.DEFAULT_COUNT if arguments.seconds == inf else bounds.MAX_COUNT
    return Plan(
        numbers=arguments.to_range,
        mix=arguments.mix,
        count=arguments.count or default,
        seconds=arguments.seconds,
        rate=arguments.rate,
        poisson=arguments.arrivals == "poisson",
        binds=getattr(arguments, "binds", 1),
        window=arguments.window,
        batch=getattr(arguments, "batch", 1),
        sender=arguments.sender,
        receipts=arguments.receipts,
        seed=arguments.seed,
        wait=arguments.wait,
    )


def _checked(read: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """What argparse is told in words."""

    def check(text: str) -> _Value:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return check


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 20 and least <= int(text) <= most):
            raise ValueError(f"must be a whole number, {least} to {most}")
        return int(text)

    return _checked(read)


def _number(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not least <= number <= most:
            raise ValueError(f"must be a number, {least:g} to {most}")
        return number

    return _checked(read)


def _octets(most: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not (text.isascii() and text.isprintable() and len(text) <= most):
            raise ValueError(f"must be at most {most} ASCII characters: SMPP has no room for others")
        return text

    return _checked(read)


def _file(suffixes: tuple[str, ...] = ()) -> Callable[[str], Path]:
    def read(text: str) -> Path:
        path = Path(text)
        if suffixes and path.suffix not in suffixes:
            raise ValueError(f"must end in {' or '.join(suffixes)}")
        if path.is_dir() or not path.parent.is_dir():
            raise ValueError("must be a file in a folder that is there")
        return path

    return _checked(read)
