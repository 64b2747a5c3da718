from collections.abc import Callable
from itertools import accumulate, permutations
from math import inf

import pytest
import regex  # type: ignore[import-untyped]  # ships no type hints
from hypothesis import given
from hypothesis import strategies as st

from protocol import gsm7
from protocol.alphabets import decode
from protocol.constants import Coding, Concatenation
from protocol.errors import TextError
from protocol.text import Profile
from simulator import verdicts
from simulator.parts import Part
from simulator.verdicts import JOIN_SECONDS, SEEN_SECONDS, VERDICTS, Examiner, Verdict, find_cuts
from tests.simulator.taken import TIME, concatenated, examined, names, part, parts, single

HARD = st.text(st.sampled_from("aé\u0301か\u3099👩\u200d💻🏽🇯🇵🇺\r\n葛\U000e0100€{ {"), min_size=1, max_size=40)
CODINGS = [Coding.AUTO, Coding.UCS2, Coding.SHIFT_JIS, Coding.ISO_2022_JP, Coding.JIS_X_0208]
LONG = "あ" * 100


def clusters(text: str) -> list[str]:
    return regex.findall(r"\X", text)  # type: ignore[no-any-return]  # of the package without types


def ends(pieces: list[str]) -> set[int]:
    """Where pieces of a text end, in code points."""
    return set(accumulate(map(len, pieces)))


@given(HARD, st.integers(1, 39))
def test_a_cut_between_code_points_is_wrong_exactly_within_a_cluster(text: str, at: int) -> None:
    at = min(at, len(text))
    bodies = [piece.encode("utf-16-be") for piece in (text[:at], text[at:])]
    within = at not in ends(clusters(text))
    assert find_cuts(bodies, Coding.UCS2) == [(0, Verdict.CLUSTER_CUT)] * within


@given(HARD, st.integers(0, 80))
def test_a_cut_within_a_character_of_ucs2_is_found(text: str, at: int) -> None:
    octets = text.encode("utf-16-be")
    at = min(at, len(octets))
    whole = {len(text[:n].encode("utf-16-be")) for n in range(len(text) + 1)}
    found = [verdict for _, verdict in find_cuts([octets[:at], octets[at:]], Coding.UCS2)]
    assert (Verdict.CHARACTER_CUT in found) == (at not in whole)


@given(st.text(st.sampled_from("a€{@é"), max_size=30), st.integers(0, 60))
def test_a_cut_after_an_escape_is_found(text: str, at: int) -> None:
    octets = gsm7.encode_if_fits(text)
    assert octets is not None
    at = min(at, len(octets))
    escaped = octets[:at].endswith(b"\x1b")
    assert find_cuts([octets[:at], octets[at:]], Coding.GSM7) == [(0, Verdict.CHARACTER_CUT)] * escaped


@given(st.sampled_from([coding for coding in Coding if coding is not Coding.AUTO]), st.lists(st.binary(max_size=9)))
def test_where_no_cut_is_wrong_the_parts_read_alone_are_the_whole(coding: Coding, bodies: list[bytes]) -> None:
    whole = decode(b"".join(bodies), coding)
    if whole is not None and not find_cuts(bodies, coding):
        assert "".join(decode(body, coding) or "" for body in bodies) == whole


@pytest.mark.parametrize(
    ("coding", "octets", "at"),
    [
        (Coding.SHIFT_JIS, "電報".encode("shift_jis"), 1),
        (Coding.EUC_JP, "電報".encode("euc_jp"), 3),
        (Coding.ISO_2022_JP, "電報".encode("iso2022_jp"), 5),
        (Coding.ISO_2022_JP, "電報".encode("iso2022_jp"), 4),
        (Coding.ISO_2022_JP, "電報".encode("iso2022_jp"), 2),
        (Coding.JIS_X_0208, b"\x45\x45\x4a\x73", 1),
    ],
)
def test_a_cut_within_two_octets_or_a_state_is_found(coding: Coding, octets: bytes, at: int) -> None:
    assert find_cuts([octets[:at], octets[at:]], coding) == [(0, Verdict.CHARACTER_CUT)]


def test_octets_that_are_no_text_have_no_wrong_cuts() -> None:
    assert find_cuts([b"\xd8", b"\x3d\x30"], Coding.UCS2) == []


def test_both_neighbours_of_a_cut_are_marked_and_no_others() -> None:
    flag = "🇯🇵"
    bodies = [text.encode("utf-16-be") for text in ("あ", flag[0], flag[1], "い")]
    found = names([part(submit) for submit in concatenated(bodies)])
    assert found == [(), ("cluster_cut",), ("cluster_cut",), ()]


def test_half_a_surrogate_pair_is_unreadable_too() -> None:
    octets = ("あ" * 66 + "😀" + "い" * 10).encode("utf-16-be")
    found = names([part(submit) for submit in concatenated([octets[:134], octets[134:]])])
    assert found == [("undecodable", "character_cut")] * 2


def test_parts_without_a_coding_are_joined_and_not_judged() -> None:
    examiner = examined([part(submit) for submit in concatenated([b"\xd8", b"\x3d"], data_coding=4)])
    assert [examiner.names(n) for n in (0, 1)] == [(), ()]
    assert examiner.message(1) == [1, 0]


@given(st.data())
def test_what_the_gateway_cuts_is_blameless_and_complete_in_any_order(data: st.DataObject) -> None:
    coding = data.draw(st.sampled_from(CODINGS))
    concatenation = data.draw(st.sampled_from([Concatenation.UDH8, Concatenation.UDH16, Concatenation.SAR]))
    profile = Profile(coding, concatenation, max_parts=20)
    word = data.draw(st.text(st.sampled_from("aか👩\u200d💻🇯🇵\r\n€"), min_size=1, max_size=12))
    try:
        taken = parts(word * data.draw(st.integers(1, 60)), profile=profile)
    except TextError:
        return
    taken = data.draw(st.permutations(taken))
    if all(len(cluster) < 20 for cluster in clusters(word * 2)):
        assert names(taken, now=inf) == [()] * len(taken)
    if len(taken) > 1:
        assert sorted(examined(taken).message(0)) == list(range(len(taken)))


def interleave(messages: list[list[Part]], order: list[int]) -> list[Part]:
    """Take a part of the message that each number in turn names, then the rest."""
    queues = [iter(message) for message in messages]
    taken = [next(queues[n % len(queues)], None) for n in order]
    return [each for each in taken if each] + [each for queue in queues for each in queue]


@given(st.integers(1, 5), st.lists(st.integers(0, 4), max_size=15))
def test_parts_of_many_messages_find_their_own_whatever_the_order(number: int, order: list[int]) -> None:
    messages = [parts(LONG + str(n), reference=n) for n in range(number)]
    taken = interleave(messages, order)
    examiner = examined(taken, now=inf)
    assert examiner.waiting == 0
    for message in messages:
        indexes = [each.index for each in message]
        for n, index in enumerate(indexes):
            assert examiner.message(index) == indexes[n:] + indexes[:n]
            assert examiner.names(index) == ()


@pytest.mark.parametrize("change", ["source_addr", "destination_addr"])
def test_the_same_reference_between_others_is_no_clash(change: str) -> None:
    first, second = parts(LONG), parts(LONG + "い")
    for each in second:
        object.__setattr__(each.submit, change, b"81700000000")
    assert names([first[0], second[0], first[1], second[1]]) == [()] * 4


def test_a_reference_used_again_after_the_message_was_complete_is_no_clash() -> None:
    taken = parts("あ" * 100) + parts("い" * 100)
    assert names(taken) == [()] * 4
    assert examined(taken).message(2) == [2, 3]


def test_a_reference_used_again_before_is_a_clash_for_every_part() -> None:
    taken = [*parts("あ" * 100)[:1], *parts("い" * 100), *parts("う" * 100)]
    found = names(taken)
    assert found == [("reference_clash",)] * 3 + [()] * 2
    assert examined(taken).message(1) == [1, 2]


def other_total() -> list[Part]:
    return parts("い" * 200)


def other_width() -> list[Part]:
    return parts("い" * 100, profile=Profile(concatenation=Concatenation.UDH16))


def other_account() -> list[Part]:
    return [part(each.submit, system_id=b"other") for each in parts("い" * 100)]


def other_coding() -> list[Part]:
    return [part(submit) for submit in concatenated([b"a", b"b"], data_coding=0)]


@pytest.mark.parametrize("rival", [other_total, other_width, other_account, other_coding])
def test_rivals_that_a_handset_cannot_tell_apart_clash_and_are_not_mixed(rival: Callable[[], list[Part]]) -> None:
    mine, theirs = parts("あ" * 100), rival()
    taken = [mine[0], *theirs, mine[1]]
    assert names(taken) == [("reference_clash",)] * len(taken)
    assert examined(taken).message(0) == [0, len(taken) - 1]


def test_parts_of_a_message_over_two_binds_are_marked_those_before_too() -> None:
    first, second, third = parts(LONG * 2)[:3]
    second.session = 2
    assert names([first, second, third]) == [("two_binds",)] * 3


def test_a_message_alone_may_come_over_any_bind() -> None:
    assert names([part(single(b"a")), part(single(b"b"), session=2)]) == [(), ()]


@pytest.mark.parametrize(
    ("now", "verdict"), [(JOIN_SECONDS - 1, ()), (JOIN_SECONDS, ("never_completed",)), (inf, ("never_completed",))]
)
def test_a_message_is_never_completed_once_it_waited_too_long(now: float, verdict: tuple[str, ...]) -> None:
    taken = parts("あ" * 200)[1:]
    assert names(taken, TIME + now) == [verdict] * 2


def test_parts_that_come_too_far_apart_are_not_joined() -> None:
    first, second = parts(LONG)
    second.time = first.time + JOIN_SECONDS
    assert names([first, second]) == [("never_completed",), ()]
    assert examined([first, second], inf).message(1) == []


def test_only_so_many_messages_wait_and_the_oldest_is_given_up_without_blame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "MAX_OPEN", 2)
    taken = [parts(LONG, reference=n)[0] for n in range(3)] + [parts(LONG, reference=0)[1]]
    examiner = examined(taken)
    assert examiner.waiting == 2
    assert examiner.message(3) == []
    assert names(taken, inf) == [(), (), ("never_completed",), ("never_completed",)]


def test_a_message_of_one_numbered_part_is_complete_at_once() -> None:
    assert examined([part(submit) for submit in concatenated([b"\x30\x42"])]).waiting == 0


def test_the_same_part_again_is_seen_twice() -> None:
    taken = [part(single(b"Hello")), part(single(b"Hello")), part(single(b"Hello!"))]
    assert names(taken) == [(), ("seen_twice",), ()]


@pytest.mark.parametrize(
    "fields",
    [
        {"source_addr": b"1"},
        {"destination_addr": b"1"},
        {"data_coding": 3},
        {"esm_class": 0x40},
        {"short_message": b"x"},
    ],
)
def test_what_differs_in_anything_is_not_seen_twice(fields: dict[str, object]) -> None:
    submit = single(b"\0Hello")
    assert names([part(submit), part(single(b"\0Hello", **fields))])[1] == ()


@pytest.mark.parametrize(("seconds", "verdict"), [(SEEN_SECONDS, ("seen_twice",)), (SEEN_SECONDS + 1, ())])
def test_what_comes_again_much_later_is_not_seen_twice(seconds: float, verdict: tuple[str, ...]) -> None:
    assert names([part(single(b"a")), part(single(b"a"), time=TIME + seconds)]) == [(), verdict]


def test_the_same_text_with_another_reference_is_seen_twice() -> None:
    assert names(parts(LONG) + parts(LONG, reference=8)) == [(), (), ("seen_twice",), ("seen_twice",)]


def test_the_same_text_uncut_is_seen_twice() -> None:
    uncut = parts(LONG, profile=Profile(concatenation=Concatenation.PAYLOAD))
    assert names(parts(LONG) + uncut) == [(), (), ("seen_twice",)]


def test_a_part_again_before_its_message_is_complete_is_seen_twice_however_late() -> None:
    first, second = parts(LONG)
    again = part(first.submit, time=TIME + SEEN_SECONDS + 1)
    taken = [first, again, second]
    assert names(taken, inf) == [(), ("seen_twice",), ()]
    assert examined(taken).message(0) == [0, 2]


def test_a_part_again_after_its_message_was_complete_is_not_never_completed_too() -> None:
    taken = parts(LONG)
    taken.append(part(taken[0].submit))
    assert names(taken, inf) == [(), (), ("seen_twice",)]


def test_only_the_newest_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "MAX_SEEN", 2)
    taken = [part(single(octets)) for octets in (b"a", b"b", b"a", b"c", b"b", b"a")]
    assert names(taken) == [(), (), ("seen_twice",), (), (), ()]


def test_verdicts_are_forgotten_up_to_an_index_and_marks_on_forgotten_parts_do_no_harm() -> None:
    first, second = parts(LONG)
    examiner = Examiner()
    for index, each in enumerate([part(single(b"a")), first, part(single(b"a")), second]):
        each.index = index
        if index == 3:
            examiner.forget(2)
            examiner.forget(1)
            second.session = 2
        examiner.take(each)
    assert (examiner.begin, examiner.end) == (2, 4)
    assert [examiner.names(index) for index in range(5)] == [(), (), ("seen_twice",), ("two_binds",), ()]
    assert examiner.message(3) == []
    assert [examiner.has(index, Verdict.SEEN_TWICE) for index in range(5)] == [False, False, True, False, False]
    examiner.forget(100)
    assert (examiner.begin, examiner.end) == (4, 4)


def test_where_indexes_are_left_out_what_was_before_is_forgotten() -> None:
    examiner = examined([part(single(b"a"))])
    later = part(single(b"a"))
    later.index = 9
    examiner.take(later)
    assert (examiner.begin, examiner.end) == (9, 10)
    assert examiner.names(9) == ("seen_twice",)


@given(st.lists(st.booleans(), max_size=12), st.integers(0, 15), st.integers(0, 15), st.integers(0, 12))
def test_the_next_part_with_a_verdict_is_found(twice: list[bool], start: int, stop: int, forgotten: int) -> None:
    examiner = examined([part(single(b"same" if again else b"%d" % n)) for n, again in enumerate([True, *twice])])
    examiner.forget(forgotten)
    wanted = [index for index in range(start, stop) if examiner.has(index, Verdict.SEEN_TWICE)]
    assert examiner.find(Verdict.SEEN_TWICE, start, stop) == (wanted[0] if wanted else stop)


def test_every_verdict_has_a_name_and_a_row_in_the_table() -> None:
    for name, verdict in VERDICTS.items():
        assert name.upper() == verdict.name
        assert f"| {name} |" in (verdicts.__doc__ or "")


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_three_parts_changes_nothing(order: tuple[int, ...]) -> None:
    three = parts(LONG * 2)[:3]
    examiner = examined([three[n] for n in order])
    assert [examiner.names(index) for index in range(3)] == [()] * 3
    assert sorted(examiner.message(0)) == [0, 1, 2]
