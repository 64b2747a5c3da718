"""A carrier account: how it wants our messages."""

from pathlib import Path

from trio.testing import MockClock

from protocol.joining import split_udh
from tests.gateway.builders import LONG, message, opened


async def test_long_messages_of_one_pair_have_references_of_their_own_through_a_restart(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    for ids in (("a", "b"), ("c",)):
        async with opened(tmp_path) as house:
            caller = await house.greet()
            house.start_binds()
            await caller.submit(*(message(id_, LONG) for id_ in ids))
            await house.wait_events(*["submitted"] * len(ids))
            taken = [split_udh(each.submit.short_message, each.submit.esm_class)[0] for each in house.smsc.taken]
        references = [each.reference for each in taken if each]
        assert len(references) == 3 * len(ids)
        assert all(len(set(references[n : n + 3])) == 1 for n in range(0, len(references), 3))
        if ids == ("a", "b"):
            first = references[::3]
            assert (first[0] + 1) % 256 == first[1]
        else:
            assert references[0] == (first[1] + 1) % 256


async def test_a_message_without_a_receipt_ends_with_submitted(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("a", receipt=False))
        [event] = await house.wait_events("submitted")
    assert (event["final"], event["parts"]) == (True, 1)
    assert house.smsc.taken[0].submit.registered_delivery == 0
