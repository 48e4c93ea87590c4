"""A statement names all messages of a pair in a period, or whoever checks it sees which are missing."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lgsp.core.log.checkpoint import Checkpoint, sign_checkpoint
from lgsp.core.log.completeness import PairReader, Statement, StatementInvalid, Verdict, against_log, check, read_statement
from lgsp.core.log.note import NoteVerifier, vkey_of
from lgsp.core.log.record import Moved, Record, Routed, encode
from lgsp.flow.completeness import LogUnlike, state
from tests.sim.memory import MemoryStore

OCTOBER = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
PAIR = ("H01.134", "H01.10.01")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VKEY = vkey_of("lgsp/H01", KEY.public_key().public_bytes_raw())


def routed(number: int, at: datetime, pair: tuple[str, str] = PAIR) -> Routed:
    return Routed(at=at, sequence=number, delivery=number, sender=pair[0], recipient=pair[1], number=number)


def log_of(*days: int | None, others: int = 3) -> list[Record]:
    """A message of the pair on each day counted from the first of October (0), and other traffic around it. None: nothing."""
    records: list[Record] = []
    number = 0
    for day in days:
        for other in range(others):
            at = OCTOBER[0] + timedelta(days=day or 0, seconds=other)
            records.append(routed(len(records) + 1, at, ("H01.134", "elsewhere")))
            records.append(Moved(at=at, name="delivered", sequence=1))
        if day is not None:
            number += 1
            records.append(routed(number, OCTOBER[0] + timedelta(days=day, hours=1)))
    return records


async def stated(records: list[Record], period: tuple[datetime, datetime] = OCTOBER) -> Statement:
    store = MemoryStore()
    await store.note(records)
    return await _of(store, period)


async def _of(store: MemoryStore, period: tuple[datetime, datetime] = OCTOBER) -> Statement:
    head = await store.log_head()
    checkpoint = Checkpoint("lgsp/H01", head.size, head.root)
    note = sign_checkpoint(checkpoint, NoteVerifier.of(VKEY), KEY.sign)
    return read_statement((await state(store, PAIR, period, checkpoint, note)).octets)


def changed(statement: Statement, **changes: Any) -> Verdict:
    return check(msgspec.structs.replace(statement, **changes), [VKEY])


def told(verdict: Verdict) -> list[tuple[str, int | None, int | None]]:
    return [(one.code, one.first, one.last) for one in verdict.findings]


async def test_all_messages_of_a_period_are_named_with_their_neighbours() -> None:
    """Before it, in it, after it: complete, and nobody has to be believed but the key."""
    verdict = check(await stated(log_of(-40, -1, 0, 5, 30, 31, 60)), [VKEY])
    assert [one.number for one in verdict.routed] == [3, 4, 5]
    assert (verdict.is_complete, verdict.open_end, verdict.findings) == (True, False, ())


async def test_a_numbering_that_begins_in_the_period_needs_nothing_before() -> None:
    """The first number is 1; and a log that ends with the period says that its end rests on the maker's word."""
    statement = await stated([*log_of(0, 5, 30), Moved(at=OCTOBER[1], name="delivered", sequence=1)])
    verdict = check(statement, [VKEY])
    assert (statement.before, statement.after) == (None, None)
    assert (verdict.is_complete, verdict.open_end, verdict.log_until) == (True, True, OCTOBER[1])


async def test_no_messages_at_all_are_a_statement_too() -> None:
    """Between two neighbours whose numbers follow each other; before the first message; or of a pair that never wrote."""
    between = check(await stated(log_of(-3, 40)), [VKEY])
    assert (between.routed, between.is_complete, between.open_end) == ((), True, False)
    assert check(await stated(log_of(40)), [VKEY]).is_complete
    never = check(await stated(log_of(None, None, 40, others=2)[:5] + log_of(None, others=1)), [VKEY])
    assert never.routed == ()


@pytest.mark.parametrize("left_out", [0, 1, 2, 3])
async def test_a_message_that_is_left_out_shows_as_a_gap(left_out: int) -> None:
    """Wherever it stood."""
    statement = await stated(log_of(-1, 3, 4, 5, 6, 40))
    records = statement.records[:left_out] + statement.records[left_out + 1 :]
    assert told(changed(statement, records=records)) == [("gap", left_out + 2, left_out + 2)]


async def test_what_is_left_out_at_the_edges_shows() -> None:
    """Without its neighbours a statement has gaps, or says that its end is not proven."""
    statement = await stated(log_of(-2, -1, 3, 4, 40))
    assert told(changed(statement, before=None)) == [("gap", 1, 2)]
    assert told(changed(statement, before=None, records=())) == [("gap", 1, 4)]
    assert told(changed(statement, records=())) == [("gap", 3, 4)]
    assert changed(statement, after=None, records=statement.records[:1]).open_end
    assert told(changed(statement, before=statement.records[0], records=statement.records[1:])) == [("begin", 3, None)]
    assert told(changed(statement, after=statement.records[1], records=statement.records[:1])) == [("end", 4, None)]
    assert told(changed(statement, records=statement.records[::-1])) != []
    assert told(changed(statement, records=(statement.records[0], *statement.records)))[0][0] == "order"


async def test_another_period_than_was_asked_for_does_not_fit() -> None:
    """The neighbours lie in it then."""
    statement = await stated(log_of(-2, 3, 40))
    assert told(changed(statement, since=OCTOBER[0] - timedelta(days=30))) == [("begin", 1, None)]
    assert told(changed(statement, until=OCTOBER[1] + timedelta(days=30))) == [("end", 3, None)]


async def test_a_period_that_was_not_over_is_told() -> None:
    """More may have come since; and whoever hides how far the log had got is told so too."""
    statement = await stated(log_of(-2, 3))
    assert [code for code, _, _ in told(check(statement, [VKEY]))] == ["not_over"]
    over = await stated(log_of(-2, 3, 40))
    assert told(changed(over, last=None)) == [("not_over", None, None)]
    assert told(changed(over, last=over.before)) == [("not_over", None, None)]


async def test_records_of_others_prove_nothing() -> None:
    """Of another pair, or of no delivery at all."""
    statement = await stated(log_of(-1, 3, 40))
    (mine,) = statement.records
    foreign = encode(routed(2, OCTOBER[0], ("H01.134", "elsewhere"))).decode()
    for leaf in (foreign, encode(Moved(at=OCTOBER[0], name="x", sequence=1)).decode(), "{}"):
        verdict = changed(statement, records=(msgspec.structs.replace(mine, leaf=leaf),))
        assert ("record", None, None) in told(verdict)
        assert not verdict.is_complete


async def test_any_changed_bit_of_what_is_proven_is_noticed() -> None:
    """Leaf, hashes, place, checkpoint, signature."""
    statement = await stated(log_of(-1, 3, 5, 40))
    draw = random.Random(7)
    one = statement.records[0]
    for _ in range(200):
        hashes = list(one.hashes)
        place = draw.randrange(len(hashes))
        hashes[place] = _flipped(hashes[place], draw)
        for wrong in (
            msgspec.structs.replace(one, hashes=tuple(hashes)),
            msgspec.structs.replace(one, index=one.index ^ (1 << draw.randrange(4))),
            msgspec.structs.replace(one, leaf=_flipped(one.leaf.encode(), draw).decode(errors="replace")),
        ):
            assert not changed(statement, records=(wrong, *statement.records[1:])).is_complete
        note = _flipped(statement.checkpoint.encode(), draw).decode(errors="replace")
        assert told(changed(statement, checkpoint=note))[0][0] == "checkpoint"
    other = vkey_of("lgsp/H01", Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    assert [one.code for one in check(statement, [other]).findings] == ["checkpoint"]


def _flipped(octets: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(octets))
    return octets[:place] + bytes([octets[place] ^ (1 << draw.randrange(8))]) + octets[place + 1 :]


def test_what_is_no_statement_is_refused() -> None:
    for octets in (b"", b"{}", b"\xff", b"[" * 100_000):
        with pytest.raises(StatementInvalid):
            read_statement(octets)


async def test_a_journal_whose_log_is_not_the_one_that_was_signed_makes_no_statement() -> None:
    """A leaf that somebody changed would be missing from it, or in it."""
    store = MemoryStore()
    await store.note(log_of(-1, 3, 40))
    head = await store.log_head()
    checkpoint = Checkpoint("lgsp/H01", head.size, head.root)
    store.tables.leaves[6] = store.tables.leaves[13]
    with pytest.raises(LogUnlike):
        await state(store, PAIR, OCTOBER, checkpoint, "")


def test_clocks_that_run_back_leave_no_gap() -> None:
    """What stands between two records of the period belongs to it, wherever the hub's clocks stood."""
    times = [-5, 2, -1, 3, 40, 4, 50, 45]
    reader = PairReader(*PAIR, *OCTOBER)
    for index, day in enumerate(times):
        reader.feed(index, encode(routed(index + 1, OCTOBER[0] + timedelta(days=day))))
    assert (reader.before, reader.inside, reader.after) == (0, [1, 2, 3, 4, 5], 6)


def _read(records: list[Record]) -> PairReader:
    reader = PairReader(*PAIR, *OCTOBER)
    for index, one in enumerate(records):
        reader.feed(index, encode(one))
    return reader


async def test_whoever_reads_the_whole_log_needs_no_word_for_the_end() -> None:
    """And sees what was left out behind the last number that is shown."""
    records = [*log_of(-1, 3, 4), Moved(at=OCTOBER[1], name="delivered", sequence=1)]
    statement = await stated(records)
    verdict = check(statement, [VKEY])
    assert verdict.open_end
    by_log = against_log(statement, verdict, _read(records))
    assert (by_log.is_complete, by_log.open_end) == (True, False)
    shorter = msgspec.structs.replace(statement, records=statement.records[:1])
    assert check(shorter, [VKEY]).is_complete
    assert told(against_log(shorter, check(shorter, [VKEY]), _read(records)))[0][0] == "whole_log"
