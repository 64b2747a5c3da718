from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import decode, encode
from protocol.constants import EsmClass
from protocol.joining import split_udh
from protocol.pdu import SubmitSm
from protocol.text import Profile, cut, user_data
from simulator.load.plan import Numbers, Plan
from simulator.load.prepared import Composer
from simulator.load.texts import KINDS, sequence

SENDERS = st.sampled_from(["", "0005123456", "AOBA-BANK"])


def plan(sender: str = "0005123456", receipts: bool = True, seed: int = 1, size: int = 5) -> Plan:
    mix = dict.fromkeys(KINDS, 1)
    return Plan(numbers=Numbers(9012340000, size, 11), mix=mix, sender=sender, receipts=receipts, seed=seed)


@given(SENDERS, st.booleans(), st.integers(0, 1000))
def test_what_is_prepared_is_to_the_octet_what_the_codec_would_write(sender: str, receipts: bool, seed: int) -> None:
    asked = plan(sender, receipts, seed)
    composer, texts, profile = Composer(asked), sequence(asked.mix, asked.seed), Profile()
    for n, text in enumerate(texts[:20]):
        parts = composer.make()
        whole = cut(text, profile)
        assert len(parts) == len(whole.pieces)
        for number, part in enumerate(reversed(parts), 1):
            user = user_data(whole, number, n & 0xFF, profile)
            submit = SubmitSm(
                source_addr_ton=5 if sender == "AOBA-BANK" else 0,
                source_addr_npi=1 if sender == "0005123456" else 0,
                source_addr=sender.encode(),
                dest_addr_ton=1,
                dest_addr_npi=1,
                destination_addr=b"0901234000%d" % (n % 5),
                esm_class=user.esm_class,
                registered_delivery=int(receipts),
                data_coding=user.data_coding,
                short_message=user.short_message,
            )
            assert encode(part, 77) == encode(submit, 77)


def test_parts_of_one_message_share_a_reference_and_the_next_message_has_another() -> None:
    composer = Composer(Plan(numbers=Numbers(1, 1000, 4), mix={"long": 1}))
    references = []
    for _ in range(300):
        pdus = [decode(encode(part, 1))[0] for part in composer.make()]
        concats = [split_udh(pdu.short_message, EsmClass.UDHI)[0] for pdu in pdus if isinstance(pdu, SubmitSm)]
        assert [concat.number for concat in concats if concat] == [3, 2, 1]
        [reference] = {concat.reference for concat in concats if concat}
        references.append(reference)
    assert references == [n & 0xFF for n in range(300)]
