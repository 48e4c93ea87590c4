"""Many envelopes at once through the intake: one transaction, their order, and one bad one harms as little as possible."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import ContractError
from lgsp.errors import JournalUnavailable
from lgsp.flow.intake import Answer, Outcome
from tests.fakes.flow_kit import COMMUNE, PULLED, Rig, envelope, rig


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path / "journal.db", run=False) as running:
        yield running


async def submit(one: Rig, *message_ids: str, **changes: dict[str, Any]) -> list[Outcome]:
    """`changes`: message id -> fields of that envelope."""
    envelopes = [envelope(each, to=PULLED, clock=one.clock, **changes.get(each, {})) for each in message_ids]
    return await one.intake.submit_many(envelopes, one.agency(COMMUNE))


async def test_a_refused_envelope_harms_no_other_and_the_order_is_kept(one: Rig) -> None:
    """The outcome of each stands in its place; what is accepted has sequences in the order given."""
    outcomes = await submit(one, "a", "b", "c", b={"kind": "case.unheard_of/1"})
    assert isinstance(outcomes[1], ContractError) and outcomes[1].code == "kind.unknown"
    assert [each.receipt.sequence for each in outcomes if isinstance(each, Answer)] == [1, 2]


async def test_all_or_none_is_stored_when_the_journal_is_away(one: Rig) -> None:
    """Every envelope that could have been accepted gets the trouble; afterwards all of them are fresh, in order."""
    one.journal.away.add("accept")
    assert [type(each) for each in await submit(one, "a", "b", "c")] == [JournalUnavailable] * 3
    one.journal.away.clear()
    outcomes = await submit(one, "a", "b", "c")
    assert [(each.fresh, each.receipt.sequence) for each in outcomes if isinstance(each, Answer)] == [
        (True, n) for n in (1, 2, 3)
    ]


async def test_behind_an_envelope_that_meets_a_bug_nothing_is_stored(one: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands before it is; a resend of the rest cannot find itself overtaken."""
    accept = one.journal.accept

    async def poisoned(batch: Sequence[Any], *args: Any) -> Any:
        if any(each.envelope.message_id == "c" for each in batch):
            raise ValueError("a bug")
        return await accept(batch, *args)

    monkeypatch.setattr(one.journal, "accept", poisoned, raising=False)
    outcomes = await submit(one, "a", "b", "c", "d")
    assert [type(each) for each in outcomes] == [Answer, Answer, ValueError, ValueError]
    assert await one.states("b") and not await one.states("d")


async def test_one_that_cannot_be_decided_stops_those_behind_it(one: Rig) -> None:
    """A resend of an expired envelope is looked up in the journal; while that is away, the rest waits too."""
    one.journal.away.add("envelope")
    outcomes = await submit(one, "a", "b", "c", b={"expires_at": one.clock()})
    assert [type(each) for each in outcomes] == [Answer, JournalUnavailable, JournalUnavailable]


async def test_a_receipt_that_cannot_be_read_again_is_a_failure_and_no_end_of_the_batch(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a resend's proof is read from may be away: it comes again, with those behind it, and nothing is raised."""
    await submit(one, "a")

    async def away(_: object) -> None:
        raise JournalUnavailable("frozen")

    with monkeypatch.context() as patched:
        patched.setattr(one.intake, "_entry_at", away)
        outcomes = await submit(one, "a", "b", "c", c={"kind": "case.unheard_of/1"})
    assert [type(each) for each in outcomes] == [JournalUnavailable, JournalUnavailable, ContractError]
    assert [each.fresh for each in await submit(one, "a", "b") if isinstance(each, Answer)] == [False, False]


async def test_a_long_batch_lets_others_have_their_turn(one: Rig) -> None:
    """Deciding hundreds of envelopes does not hold the loop until the last one."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    one.journal.away.add("accept")
    await submit(one, *(f"m{n}" for n in range(200)))
    beside.cancel()
    assert turns >= 10
