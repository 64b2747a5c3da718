from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.constants import Coding
from protocol.text import Profile, cut
from simulator.load.texts import KINDS, sequence

KIND_OF = {text: kind for kind, texts in KINDS.items() for text in texts}


@pytest.mark.parametrize(("kind", "parts"), [("japanese", 1), ("gsm7", 1), ("long", 3)])
def test_each_kind_has_the_coding_and_the_parts_that_it_says(kind: str, parts: int) -> None:
    for text in KINDS[kind]:
        whole = cut(text, Profile())
        assert len(whole.pieces) == parts
        assert whole.coding is (Coding.GSM7 if kind == "gsm7" else Coding.UCS2)


@given(st.dictionaries(st.sampled_from(sorted(KINDS)), st.integers(1, 20), min_size=1), st.integers(0, 2**63))
def test_a_sequence_has_the_kinds_of_the_mix_and_the_seed_repeats_it(mix: dict[str, int], seed: int) -> None:
    texts = sequence(mix, seed)
    assert sequence(mix, seed) == texts
    counts = Counter(KIND_OF[text] for text in texts)
    assert set(counts) == set(mix)
    for kind, weight in mix.items():
        assert counts[kind] / len(texts) == pytest.approx(weight / sum(mix.values()), abs=0.12)


def test_no_text_has_the_weight_0() -> None:
    assert {KIND_OF[text] for text in sequence({"long": 1, "gsm7": 0}, 1)} == {"long"}
