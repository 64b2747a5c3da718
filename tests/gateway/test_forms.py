"""Forms of submit_sm: what they write is what the table writes of the same part, to the octet."""

from functools import cache

import pytest
import trio
from hypothesis import given, reject
from hypothesis import strategies as st

from gateway import forms
from gateway.carrier import Carrier
from gateway.core import build
from gateway.message import Message, Part
from protocol.codec import encode_body
from protocol.constants import Coding, Concatenation
from protocol.errors import TextError
from protocol.text import cut
from tests.gateway.fakes import NOW, FakeStore, message, settings

TEXTS = st.text(st.sampled_from("aé{€電話🙂"), min_size=1, max_size=90) | st.sampled_from(
    ("電" * 150, "a" * 400, "電" * 71)
)
SENDERS = st.sampled_from(("0005123456", "+819012345678", "DENPO", "a b"))


@cache
def carrier(concatenation: Concatenation, coding: Coding, validity: str, ton: int | None) -> Carrier:
    bind: dict[str, object] = {"host": "127.0.0.1", "system_id": "denpo", "password": "sesame"}
    bind |= {"dest_npi": 1} if ton is None else {"source_ton": ton, "source_npi": 9, "dest_ton": 2}
    profile = {"concatenation": concatenation, "coding": coding, "validity": validity}
    places = (
        (("profiles", "own"), profile),
        (("carriers", "alpha", "profile"), "own"),
        (("carriers", "alpha", "binds"), [bind]),
    )

    async def make() -> Carrier:
        return Carrier("alpha", build(settings(*places), FakeStore(), lambda: NOW))

    return trio.run(make)


CARRIERS = st.builds(
    carrier,
    st.sampled_from(Concatenation),
    st.sampled_from((Coding.AUTO, Coding.UCS2)),
    st.sampled_from(("absolute", "relative", "none")),
    st.sampled_from((None, 3)),
)


def parts_of(made: Message, carrier: Carrier) -> list[Part]:
    """The parts of a message, ready to be written."""
    try:
        made.cut, made.reference = cut(made.text, carrier._profile), 0x1234
    except TextError:
        reject()
    return [Part(made, n) for n in range(1, len(made.cut.pieces) + 1)]


@given(CARRIERS, TEXTS, SENDERS, st.booleans(), st.sampled_from((0.0, NOW + 0.5, NOW + 9e5)))
def test_a_form_that_is_filled_in_is_what_the_table_writes(
    by: Carrier, text: str, sender: str, receipt: bool, expires_at: float
) -> None:
    made = message(1, text=text, sender=sender, receipt=receipt, expires_at=expires_at)
    bind = by.settings.binds[0]
    filled = by.forms(bind)
    for part in parts_of(made, by):
        pdu = by.compose(part, bind)
        body = filled.fill(part)
        assert (body is None) == bool(pdu.tlvs or len(pdu.short_message) > 254)
        assert body in (None, encode_body(pdu))


def test_forms_of_many_senders_are_not_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MAX_FORMS", 3)
    by = carrier(Concatenation.UDH8, Coding.AUTO, "none", None)
    filled, bind = by.forms(by.settings.binds[0]), by.settings.binds[0]
    for n in (*range(9), *range(9)):
        [part] = parts_of(message(1, sender=f"DENPO{n}"), by)
        assert filled.fill(part) == encode_body(by.compose(part, bind))
        assert len(filled._forms) <= 3
