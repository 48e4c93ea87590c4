"""What only the PostgreSQL journal promises: outages and restarts, many processes at once, and no step that grows with the
number of deliveries parked. The promises of every store: tests/compliance."""

import asyncio
import json
import random
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest

from contracts.agency import AgencyCode
from lgsp.core.hold import Hold, recovered, tripped
from lgsp.core.lifecycle import State
from lgsp.core.replay import DeadLetterFilter, begun
from lgsp.errors import JournalMismatch, JournalUnavailable
from lgsp.journal.migrate import migrations
from lgsp.journal.postgres import PostgresStore, accept, dead, directory, holding, keeping, lanes, log, queue, records, settle
from lgsp.journal.postgres import files as attachments
from lgsp.journal.postgres.database import WRITE_LOCK, Database, outages_as_unavailable, session_settings
from lgsp.ports import Accepted, Ref, Settlement
from tests.compliance.builders import LEASE_S, NOW, admitted, hop
from tests.compliance.records_suite import FILE, OTHER_FILE
from tests.servers import PostgresServer

LATER = NOW + timedelta(days=1)

# Undoes 0005_keeping.
BEFORE_KEEPING = """
DROP TABLE keeping; DROP TABLE archives; DROP TABLE attached; DROP TABLE erased_files;
ALTER TABLE file_access DROP COLUMN erased_at; DELETE FROM schema_migrations WHERE number >= 5;
DROP TABLE marks; DROP INDEX envelopes_kind;"""


@asynccontextmanager
async def opened(dsn: str, *, timeout_s: float = 20.0, pool_size: int = 8) -> AsyncIterator[PostgresStore]:
    store = await PostgresStore.open(dsn, timeout_s=timeout_s, pool_size=pool_size)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def connected(dsn: str, settings: dict[str, str] | None = None) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn, timeout=20, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close()


async def until_it_answers(store: PostgresStore) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                return await store.ping()
            except JournalUnavailable:
                await asyncio.sleep(0.05)


# outages


@pytest.mark.parametrize("how", ["stop", "stop_at_once", "kill9"])
async def test_the_store_recovers_by_itself_when_the_server_comes_back(postgres_server: PostgresServer, how: str) -> None:
    """While the server is away calls say JournalUnavailable; then all connections work and what was accepted is there."""
    postgres_server.start()
    dsn = postgres_server.create_database(f"outage_{secrets.token_hex(4)}")
    async with opened(dsn, timeout_s=5, pool_size=4) as store:
        await store.accept([admitted("before")], NOW, LEASE_S)
        await asyncio.gather(*(store.fetch(1) for _ in range(8)))  # fills the pool
        getattr(postgres_server, how)()
        during = (store.accept([admitted("during")], NOW, LEASE_S), store.fetch(1), store.ping(), store.balance())
        results = [
            *await asyncio.gather(*during, return_exceptions=True),
            *await asyncio.gather(store.ping(), store.fetch(1), return_exceptions=True),
        ]
        assert [type(result) for result in results] == [JournalUnavailable] * 6
        postgres_server.start()
        await until_it_answers(store)
        found = await asyncio.gather(*(store.fetch(1) for _ in range(8)))
        assert [work is not None and work.envelope.message_id for work in found] == ["before"] * 8
        (answer,) = await store.accept([admitted("after")], NOW, LEASE_S)
        assert isinstance(answer, Accepted)
        assert (answer.fresh, answer.sequence) == (True, 2)


async def test_connections_cut_while_idle_are_replaced(postgres_dsn: str) -> None:
    """An administrator who ends all sessions costs at most one failed call per connection."""
    async with opened(postgres_dsn, pool_size=3) as store:
        await asyncio.gather(*(store.fetch(1) for _ in range(6)))
        async with connected(postgres_dsn) as admin:
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lgsp-hub'")
        await asyncio.gather(*(store.fetch(1) for _ in range(3)), return_exceptions=True)
        assert await asyncio.gather(*(store.fetch(1) for _ in range(6))) == [None] * 6


async def test_a_server_that_is_away_at_the_start_is_an_outage(postgres_server: PostgresServer) -> None:
    """Opening says JournalUnavailable, so that the process may try again."""
    postgres_server.start()
    dsn = postgres_server.dsn
    postgres_server.stop()
    try:
        with pytest.raises(JournalUnavailable):
            await PostgresStore.open(dsn, timeout_s=5)
    finally:
        postgres_server.start()


async def test_a_wrong_database_name_is_loud(postgres_dsn: str) -> None:
    """Waiting would not mend it."""
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await PostgresStore.open(postgres_dsn + "_unknown", timeout_s=5)


async def test_waiting_is_bounded(postgres_dsn: str) -> None:
    """A transaction elsewhere that keeps the write lock, and a pool without a free connection, cost the time-out and no more;
    reading goes on beside it, and the store works as soon as the lock is free."""
    async with opened(postgres_dsn, timeout_s=0.7, pool_size=2) as store, connected(postgres_dsn) as other:
        await other.execute(f"BEGIN; SELECT pg_advisory_xact_lock({WRITE_LOCK})")
        waiting = asyncio.create_task(store.accept([admitted("m1")], NOW, LEASE_S))
        assert await store.fetch(1) is None
        crowd = [waiting, *(asyncio.create_task(store.ping()) for _ in range(3))]
        async with asyncio.timeout(10):
            results = await asyncio.gather(*crowd, return_exceptions=True)
        assert [type(result) for result in results] == [JournalUnavailable] * 4
        await other.execute("ROLLBACK")
        await until_it_answers(store)
        (answer,) = await store.accept([admitted("m1")], NOW, LEASE_S)
        assert isinstance(answer, Accepted)
        assert answer.sequence == 1


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DiskFullError("could not extend file"),
        asyncpg.OutOfMemoryError("out of memory"),
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.AdminShutdownError("terminating connection"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.QueryCanceledError("canceling statement due to statement timeout"),
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute UPDATE in a read-only transaction"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        ConnectionRefusedError("refused"),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_time_or_an_operator_mends_is_an_outage(error: Exception) -> None:
    """The server, its disk and the road to it are JournalUnavailable, with the cause in the text."""
    with pytest.raises(JournalUnavailable, match=type(error).__name__), outages_as_unavailable():
        raise error


@pytest.mark.parametrize("error", [asyncpg.UniqueViolationError("x"), asyncpg.UndefinedTableError("x"), KeyError("x")])
def test_a_bug_stays_loud(error: Exception) -> None:
    """A statement that is wrong will be wrong again: its own error."""
    with pytest.raises(type(error)), outages_as_unavailable():
        raise error


async def test_a_failed_statement_leaves_nothing_behind(postgres_dsn: str) -> None:
    """An error in the middle of a transaction undoes all of it, and the connection serves the next caller."""
    async with opened(postgres_dsn, pool_size=1) as store:
        with pytest.raises(asyncpg.PostgresError):
            await store.accept([admitted("m1"), admitted("m2", body=b"x", sender="zero\0")], NOW, LEASE_S)
        (answer,) = await store.accept([admitted("m3")], NOW, LEASE_S)
        assert isinstance(answer, Accepted)
        assert (answer.sequence, answer.deliveries[0].delivery_id) == (1, 1)
        assert (await store.balance()).accepted_events == 1


# sessions and schema


async def test_every_connection_says_what_promises_rest_on(postgres_dsn: str) -> None:
    """Whatever the server's defaults: commits are on disk, statements end, read committed, a name an administrator knows."""
    async with connected(postgres_dsn) as admin:
        name = await admin.fetchval("SELECT current_database()")
        await admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        await admin.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    database = await Database.open(postgres_dsn, timeout_s=7, pool_size=2)
    try:
        async with database.writing() as first, database.connection() as second:
            for connection in (first, second):
                shown = [
                    await connection.fetchval(f"SHOW {setting}")
                    for setting in (
                        "synchronous_commit",
                        "transaction_isolation",
                        "application_name",
                        "statement_timeout",
                        "idle_in_transaction_session_timeout",
                    )
                ]
                assert shown == ["on", "read committed", "lgsp-hub", "7s", "7s"]
    finally:
        await database.close()


async def test_many_processes_may_start_at_once(postgres_dsn: str) -> None:
    """The schema is made once; all of them work."""
    stores = await asyncio.gather(*(PostgresStore.open(postgres_dsn, timeout_s=20, pool_size=1) for _ in range(6)))
    try:
        await asyncio.gather(*(store.accept([admitted(f"m{n}")], NOW, LEASE_S) for n, store in enumerate(stores)))
        assert (await stores[0].balance()).accepted_events == 6
    finally:
        for store in stores:
            await store.close()
    async with connected(postgres_dsn) as connection:
        rows = await connection.fetch("SELECT number, sha256 FROM schema_migrations ORDER BY number")
    assert [tuple(row) for row in rows] == [(step.number, step.sha256) for step in migrations("postgres")]


async def test_a_process_starts_while_another_one_stands_still_with_the_write_lock(postgres_dsn: str) -> None:
    """Where the schema is up to date nothing is written, and nobody waited for."""
    async with opened(postgres_dsn), connected(postgres_dsn) as other:
        await other.execute(f"BEGIN; SELECT pg_advisory_xact_lock({WRITE_LOCK})")
        async with opened(postgres_dsn, timeout_s=1) as store:
            assert await store.directory_version() == 0


async def test_a_newer_schema_is_refused(postgres_dsn: str) -> None:
    """A program older than the journal does not touch it."""
    async with opened(postgres_dsn):
        pass
    async with connected(postgres_dsn) as connection:
        await connection.execute("INSERT INTO schema_migrations (number, name, sha256) VALUES (999, 'future', 'x')")
    with pytest.raises(JournalMismatch):
        await PostgresStore.open(postgres_dsn, timeout_s=5)


async def test_hot_tables_are_vacuumed_early_and_bodies_stand_apart(postgres_dsn: str) -> None:
    """The server's default of 20 % dead rows would let the short-lived indexes swell; bodies are not compressed."""
    async with opened(postgres_dsn), connected(postgres_dsn) as connection:
        options = dict(await connection.fetch("SELECT relname, reloptions FROM pg_class WHERE reloptions IS NOT NULL"))
        storage = await connection.fetchval(
            "SELECT attstorage FROM pg_attribute WHERE attrelid = 'envelopes'::regclass AND attname = 'body'"
        )
    assert "autovacuum_vacuum_scale_factor=0.02" in options["deliveries"]
    assert "autovacuum_vacuum_scale_factor=0" in options["counters"]
    assert storage == b"e"


# several processes


async def test_two_processes_accepting_into_one_lane_keep_order_and_density(postgres_dsn: str) -> None:
    """Numbers have no gap, one delivery is ready, and ends release the others one by one in order of acceptance."""
    async with opened(postgres_dsn) as one, opened(postgres_dsn) as two:
        batches = [[admitted(f"m{b}-{n}", order_key="k") for n in range(4)] for b in range(10)]
        answers = await asyncio.gather(*((one, two)[b % 2].accept(batch, NOW, LEASE_S) for b, batch in enumerate(batches)))
        accepted = sorted((a for answer in answers for a in answer if isinstance(a, Accepted)), key=lambda a: a.sequence)
        assert [(a.sequence, a.deliveries[0].delivery_id) for a in accepted] == [(n, n) for n in range(1, 41)]
        ready = [ref for a in accepted for ref in a.ready]
        order = []
        while ready:
            (ref,) = ready
            order.append(ref.delivery_id)
            (settled,) = await (one, two)[len(order) % 2].settle([delivered(ref)], NOW, LEASE_S)
            ready = list(settled.ready)
        assert order == list(range(1, 41))


async def test_marks_and_takes_beside_settlements_lose_nothing(postgres_dsn: str) -> None:
    """Workers, outboxes and sweepers of two processes at the same deliveries, of recipients that come and go: no deadlock, each
    lane ends in order, once each."""
    chance = random.Random(7)
    async with opened(postgres_dsn, pool_size=10) as one, opened(postgres_dsn, pool_size=10) as two:
        stores = (one, two)
        batch = [admitted(f"m{n}", [hop(f"H01.{n % 5:02}", f"k{n % 7}")], order_key=f"k{n % 7}") for n in range(140)]
        answers = await one.accept(batch, NOW, 0.0)
        waiting = [ref for a in answers if isinstance(a, Accepted) for ref in a.ready]
        ended: list[int] = []

        async def work(refs: list[Ref]) -> None:
            store = chance.choice(stores)
            outcomes = [chance.choice((delivered, delivered, again, parked))(ref) for ref in refs]
            for outcome, settled in zip(outcomes, await store.settle(outcomes, NOW, 0.0), strict=True):
                waiting.extend(settled.ready)
                if settled.applied and outcome.state is State.DELIVERED:
                    ended.append(outcome.delivery_id)

        async def sweep() -> None:
            taken = await chance.choice(stores).take_due(LATER, 20, 0.0)
            assert len(taken) <= 20
            waiting.extend(taken)

        async def hold_and_let_go() -> None:
            recipient = f"H01.{chance.randrange(5):02}"
            await chance.choice(stores).change_hold(recipient, chance.choice((failing(recipient), recovering)), NOW)
            waiting.extend((await chance.choice(stores).let_go(LATER, 3, 0.0, (0.0,)))[0])

        async with asyncio.timeout(60):
            while len(ended) < len(batch):
                refs = chance.sample(waiting, k=len(waiting))
                waiting.clear()
                parts = [refs[start : start + 9] for start in range(0, len(refs), 9)]
                await asyncio.gather(
                    *(work(part) for part in parts),
                    *(chance.choice(stores).mark_queued(part, LATER) for part in parts),
                    *(sweep() for _ in range(3)),
                    *(hold_and_let_go() for _ in range(3)),
                )
                if not waiting:
                    await one.requeue_all(NOW)
                    await sweep()
        assert sorted(ended) == list(range(1, 141))
        for lane in {(n % 5, n % 7) for n in range(140)}:
            in_lane = [n for n in ended if ((n - 1) % 5, (n - 1) % 7) == lane]
            assert in_lane == sorted(in_lane)
        assert (await one.balance()).by_state == {State.DELIVERED: 140}


def delivered(ref: Ref) -> Settlement:
    return Settlement(delivery_id=ref.delivery_id, state=State.DELIVERED, attempt=ref.attempt)


def again(ref: Ref) -> Settlement:
    return Settlement(delivery_id=ref.delivery_id, state=State.READY, attempt=ref.attempt)


def parked(ref: Ref) -> Settlement:
    return Settlement(delivery_id=ref.delivery_id, state=State.PARKED, attempt=ref.attempt, delay_s=1e6, postpone=True)


def failing(recipient: str) -> Callable[[Hold | None], Hold | None]:
    return lambda hold: tripped(hold, recipient, "delivery.timeout", "", 0.0, (0.0,), NOW)


def recovering(hold: Hold | None) -> Hold | None:
    return recovered(hold, NOW)


async def test_what_is_let_go_or_replayed_goes_once_whoever_looks(postgres_dsn: str) -> None:
    """Every process looks after holds and replays; each parked delivery and each dead letter goes on its way once."""
    async with opened(postgres_dsn) as one, opened(postgres_dsn) as two:
        stores = (one, two)
        await one.accept([admitted(f"m{n}", f"H01.{n % 4:02}") for n in range(80)], NOW, 0.0)
        for n in range(4):
            await one.change_hold(f"H01.{n:02}", failing(f"H01.{n:02}"), NOW)
        await one.settle([parked(Ref(n, 1, 0, 0)) for n in range(1, 41)], NOW, 0.0)
        dying = [Settlement(delivery_id=n, state=State.DEAD, reason="delivery.too_old") for n in range(41, 81)]
        await one.settle(dying, NOW, 0.0)
        await one.start_replay(begun(DeadLetterFilter(), "", None, 40, LATER))
        for n in range(4):
            await two.change_hold(f"H01.{n:02}", recovering, NOW)
        gone: list[int] = []
        for turn in range(4):
            now = LATER + timedelta(seconds=turn)
            releases = asyncio.gather(*(store.let_go(now, 10, 0.0, (0.0,)) for store in stores))
            replays = asyncio.gather(*(store.step_replays(now, 15, 0.0) for store in stores))
            gone += [ref.delivery_id for refs, _ in await releases for ref in refs]
            gone += [ref.delivery_id for refs in await replays for ref in refs]
        assert sorted(gone) == list(range(1, 81))
        assert await one.holds(10) == []
        assert [job.state for job in await two.replays(10)] == ["done"]


async def test_looking_for_something_to_do_takes_no_lock(postgres_dsn: str) -> None:
    """With nothing due to be let go or replayed the sweepers of all processes hinder no writer, and none hinders them."""
    async with opened(postgres_dsn, timeout_s=5) as store, connected(postgres_dsn) as other:
        await store.change_hold("H01.01", failing("H01.01"), LATER)
        await store.start_replay(begun(DeadLetterFilter(), "", 0.5, 0, NOW))
        await store.step_replays(NOW, 10, LEASE_S)
        await other.execute(f"BEGIN; SELECT pg_advisory_xact_lock({WRITE_LOCK})")
        assert await store.let_go(NOW - timedelta(seconds=1), 10, LEASE_S, (5.0,)) == ([], [])
        assert await store.step_replays(NOW, 10, LEASE_S) == []


async def test_a_row_that_is_being_written_is_skipped_not_waited_for(postgres_dsn: str) -> None:
    """mark_queued and take_due leave what another transaction holds, ready or stuck in the broker, and take the rest at once."""
    async with opened(postgres_dsn, timeout_s=5) as store, connected(postgres_dsn) as other:
        await store.accept([admitted(f"m{n}") for n in range(5)], NOW, LEASE_S)
        await store.mark_queued([Ref(4, 1, 0, 0), Ref(5, 1, 0, 0)], NOW)
        await other.execute("BEGIN; UPDATE deliveries SET reason = 'x' WHERE delivery_id IN (1, 4)")
        await store.mark_queued([Ref(1, 1, 0, 0), Ref(2, 1, 0, 0)], LATER)
        soon = LATER - timedelta(hours=1)
        assert sorted(ref.delivery_id for ref in await store.take_due(soon, 10, LEASE_S)) == [3, 5]
        await other.execute("ROLLBACK")
        assert sorted(ref.delivery_id for ref in await store.take_due(soon, 10, LEASE_S)) == [1, 4]
        works = await store.hydrate([Ref(n, 1, 0, 0) for n in range(1, 6)])
        assert {work.delivery_id: work.state for work in works if work.state is not State.READY} == {2: State.QUEUED}


# plans

PARKED = 20_000
# A lane of a push and all that wait behind it; a mailbox with one lane; deliveries without order, due much later; deliveries in
# the broker; those parked for one recipient; dead letters. Then holds, their history and replays that ended.
_PARK = f"""
INSERT INTO envelopes (sequence, first_delivery_id, accepted_at, expires_at, directory_version, body_bytes, delivery_count,
    priority, sender, message_id, digest, kind, header, body)
SELECT n, n, 1, 4e15, 1, 2, 1, 0, 'S', 'm' || n, 'd', 'case.file/1', '{{}}', '{{}}' FROM generate_series(1, {6 * PARKED}) n;
INSERT INTO deliveries (delivery_id, sequence, state, mode, lane, due_at, recipient, addressed_as, expires_at, attempt, shard,
    priority)
SELECT n, n, CASE n WHEN 1 THEN 1 ELSE 0 END, 0, 1, CASE n WHEN 1 THEN 1 END, 'A', 'A', 4e15, 1, 0, 0
    FROM generate_series(1, {PARKED}) n
UNION ALL SELECT n, n, 3, 1, 2, NULL, 'B', 'B', 4e15, 1, 0, 0 FROM generate_series({PARKED + 1}, {2 * PARKED}) n
UNION ALL SELECT n, n, 1, 0, NULL, 3e15 + n, 'C', 'C', 4e15, 1, 0, n % 5 FROM generate_series({2 * PARKED + 1}, {3 * PARKED}) n
UNION ALL SELECT n, n, 2, 0, NULL, 3e15 + n, 'C', 'C', 4e15, 1, 0, n % 5 FROM generate_series({3 * PARKED + 1}, {4 * PARKED}) n
UNION ALL SELECT n, n, 4, 0, NULL, 3e15 + n, 'D', 'D', 4e15, n % 9, 0, n % 5
    FROM generate_series({4 * PARKED + 1}, {5 * PARKED}) n;
INSERT INTO deliveries (delivery_id, sequence, state, mode, recipient, addressed_as, expires_at, ended_at, attempt, shard,
    priority)
SELECT n, n, 12, 0, 'E', 'E', 4e15, 1, 1, 0, 0 FROM generate_series({5 * PARKED + 1}, {6 * PARKED}) n;
INSERT INTO events (at, sequence, delivery_id, name) SELECT 1, n, n, 'accepted' FROM generate_series(1, {6 * PARKED}) n;
INSERT INTO identifiers SELECT 'case ' || n, n FROM generate_series(1, {6 * PARKED}) n;
INSERT INTO file_access (digest, agency, size_bytes) SELECT 'one file', 'agency ' || n, 1 FROM generate_series(1, {PARKED}) n;
INSERT INTO agencies SELECT 'agency ' || n, '{{}}' FROM generate_series(1, {PARKED}) n;
INSERT INTO credentials SELECT 'client ' || n, 'agency ' || n, 'x', false FROM generate_series(1, {PARKED}) n;
INSERT INTO holds SELECT 'agency ' || n, 1, 1, 3e15 + n, 0, NULL, false, 'r', 'd' FROM generate_series(1, {PARKED}) n;
INSERT INTO holds VALUES ('D', 1, 1, 1, 0, NULL, false, 'r', 'd');
INSERT INTO occurrences (at, name, recipient, reason, detail)
SELECT n, 'failing', 'agency ' || n % 9, 'r', 'd' FROM generate_series(1, {PARKED}) n;
INSERT INTO replays (state, document) SELECT 'done', '{{}}' FROM generate_series(1, {PARKED}) n;
INSERT INTO log_leaves SELECT n, 'a leaf of the log' FROM generate_series(0, {6 * PARKED}) n;
INSERT INTO log_hashes SELECT n, 1, 'a hash' FROM generate_series(0, {PARKED}) n;
INSERT INTO pairs SELECT n, 'S', 'agency ' || n FROM generate_series(1, {PARKED}) n;
INSERT INTO log_checkpoints SELECT n, n, 'a note' FROM generate_series(1, {PARKED}) n;
INSERT INTO log_stamps SELECT n, n, 'a', 'token' FROM generate_series(1, {PARKED}) n;
"""
_TWO = "'{7,20007}'"
_DEAD_ONE = 5 * PARKED + 7
_MOVES = f"{_TWO}, '{{10,10}}', '{{1,1}}', '{{0,0}}', '{{NULL,NULL}}', '{{5,5}}', '{{0,1}}', '{{a,b}}', '{{c,d}}'"
_EVENTS = f"'{{5,5}}', '{{dead,dead}}', {_TWO}, {_TWO}, '{{1,1}}', '{{a,b}}', '{{c,d}}', '{{3,NULL}}', '{{8,9}}', '{{s,t}}'"
_HOLDS = "'{D,F}', '{1,1}', '{1,1}', '{5,5}', '{0,0}', '{7,NULL}', '{t,f}', '{a,b}', '{c,d}'"
_URGENT_FIRST = "'{4,3,2,1,0}'"


def asked(statement: str, which: DeadLetterFilter, after: int, *more: object) -> tuple[str, str]:
    """As `dead.asking`, with the parameters as text."""
    text, *values = dead.asking(statement, which, after, *more)
    return text, ", ".join(f"'{{{','.join(map(str, one))}}}'" if isinstance(one, tuple) else f"'{one}'" for one in values)


HOT = {
    "known": (accept.KNOWN, "'{S,S}', '{m7,nobody}'"),
    "accepted deliveries": (accept.DELIVERIES, "'{7}', '{7}', '{1}'"),
    "open states": (lanes.OPEN_STATES, "'{1,2,3}'"),
    "access": (accept.GRANT_ACCESS, "'{one file}', '{agency 7}', '{1}'"),
    "numbers": (accept.TAKE_NUMBERS, "2, 3"),
    "standing": (settle.STANDING, _TWO),
    "held": (settle.HELD, "'{A,D}'"),
    "record": (settle.RECORD, f"{_MOVES}, {_EVENTS}"),
    "note": (settle.NOTE, f"{_TWO}, '{{1,1}}'"),
    "waiting": (lanes.WAITING, "'{1,2,3}', 1"),
    "release": (lanes.RELEASE, f"{_TWO}, '{{1,3}}', '{{5,NULL}}', '{{5,NULL}}'"),
    "overdue": (queue.OVERDUE, "5, 4, 500"),
    "given up": (queue.GIVEN_UP, "5, 500"),
    "outline": (queue.OUTLINE, _TWO),
    "hydrate": (queue.WORK, f"{_TWO}, '{{1,1}}'"),
    "fetch": (queue.ANY_WORK, "7"),
    "mark queued": (queue.MARK_QUEUED, "'{1,40007}', '{1,1}', 9"),
    "take due": (queue.TAKE_DUE, f"5, 500, 9, {_URGENT_FIRST}"),
    "take stuck": (queue.TAKE_STUCK, "5, 500, 9"),
    "void leases": (queue.UNLEASE, f"5, 9, {_URGENT_FIRST}"),
    "hold": (holding.HOLD, "'D'"),
    "any hold due": (holding.ANY_DUE, "5"),
    "holds due": (holding.DUE_HOLDS, "5, 100"),
    "probes": (holding.PROBES, "'{A,D}'"),
    "probes on their way": (holding.ON_THEIR_WAY, f"'{{7,{4 * PARKED + 1}}}'"),
    "next parked": (holding.NEXT, "'{A,D}', '{8,8}'"),
    "let go": (holding.GO, f"'{{{4 * PARKED + 1},{4 * PARKED + 2}}}', 9, 5, '{{D}}'"),
    "save holds": (holding.SAVE, _HOLDS),
    "remove holds": (holding.REMOVE, "'{D,F}'"),
    "keep": (holding.KEEP, f"'{{7,{4 * PARKED + 1}}}', 9"),
    "fetched": (holding.FETCHED, f"{_TWO}, 5"),
    "answer recall": (holding.ANSWER, f"{_TWO}, 2"),
    "occurrences": (holding.OCCURRENCES, "10"),
    "occurrences of one": (holding.OCCURRENCES_OF, "10, 'agency 7'"),
    "running replays": (dead.RUNNING, ""),
    "replay": (dead.REPLAY, "7"),
    "replays": (dead.REPLAYS, "10"),
    "dead letters": asked(dead.LETTERS, DeadLetterFilter(), _DEAD_ONE, 10),
    "dead letters of a recipient": asked(dead.LETTERS, DeadLetterFilter(recipient=AgencyCode("E")), 0, 10),
    "dead letter by id": asked(dead.LETTERS, DeadLetterFilter(delivery_ids=(7, _DEAD_ONE)), 0, 10),
    "dead letters of a case": asked(dead.COUNT, DeadLetterFilter(case=f"case {_DEAD_ONE}"), 0, 5),
    "replayable": asked(dead.REPLAYABLE, DeadLetterFilter(), _DEAD_ONE, 10),
    "resolve": asked(dead.RESOLVE, DeadLetterFilter(delivery_ids=(7, _DEAD_ONE)), 0, 5),
    "revive": (dead.REVIVE, f"'{{7,{_DEAD_ONE}}}', '{{0,1}}', '{{NULL,9}}', '{{NULL,5}}'"),
    "mailbox": (records.MAILBOX, "'B', 25000, 3"),
    "envelope": (records.ENVELOPE, "'S', 'm7'"),
    "case": (records.CASE, "'case 7', 'A', 10"),
    "deliveries": (records.DELIVERIES, "'{7,8}', '{1,1}'"),
    "timeline": (records.TIMELINE, "'{7,20007}'"),
    "files": (records.FILES, "'{one file}', 'agency 7'"),
    "upload": (records.RECORD_UPLOAD, "'one file', 'agency 7', 1, 5, 'salt'"),
    "log head": (log.HEAD, ""),
    "save log head": (log.SAVE_HEAD, "9, 'nodes'"),
    "log leaves": (log.LEAVES, "512, 768"),
    "log hashes": (log.HASHES, "1, 0, 256"),
    "add log hashes": (log.ADD_HASHES, "'{1,2}', '{900001,900002}', '{a,b}'"),
    "pair numbers": (log.NUMBERS, "'{S,S}', '{agency 7,nobody}'"),
    "save pair numbers": (log.SAVE_NUMBERS, "'{S,S}', '{agency 7,nobody}', '{8,1}'"),
    "pair": (log.PAIR, "'S', 'agency 7'"),
    "latest checkpoint": (log.LATEST_CHECKPOINT, ""),
    "checkpoints": (log.CHECKPOINTS, "7, 10"),
    "save checkpoint": (log.SAVE_CHECKPOINT, "7, 'note', 5"),
    "stamps": (log.STAMPS, "7"),
    "latest stamp": (log.LATEST_STAMP, "'a'"),
    "save stamp": (log.SAVE_STAMP, "7, 'a', 'token', 5"),
    "kept: next": (keeping.NEXT, "5, 10"),
    "kept: these": (keeping.THESE, "'{7,8}'"),
    "kept: one": (keeping.ONE, "'S', 'm7'"),
    "kept: deliveries": (keeping.ENDS, "5, '{7,8}'"),
    "kept: files": (keeping.FILES, "'{7,8}'"),
    "kept: octets": (keeping.OCTETS, "7"),
    "kept: leaves": (keeping.LEAVES, "'{7,8}'"),
    "erase bodies": (keeping.DROP_BODIES, "'{7}'"),
    "erase details": (keeping.DROP_DETAILS, "'{7}'"),
    "erase words": (keeping.DROP_WORDS, "'{7}', '{resolved}'"),
    "erase: mark bodies": (keeping.MARK_BODIES, "'{7}', 5"),
    "erase: mark files": (keeping.MARK_FILES, "'{7}', 5"),
    "archives": (keeping.ARCHIVES, "1"),
    "reserve": (keeping.RESERVE, "'{7}', 1"),
    "reserved": (keeping.RESERVED, "1"),
    "attach": (attachments.ATTACH, "'{7}', '{a file}', '{1}'"),
    "being deleted": (attachments.BEING, "'{a file}'"),
    "open files": (attachments.OPEN, "'{a file}'"),
    "free files": (attachments.FREE, "'{a file}'"),
    "shut files": (attachments.SHUT, "'{a file}', 5"),
    "close files": (attachments.CLOSE, "'{a file}', 5"),
    "files to delete": (attachments.TO_DELETE, "5, 10"),
    "file erased": (attachments.ERASED, "'a file', 'agency 7'"),
    "agencies": (directory.SAVE_AGENCIES, "'{agency 7}', '{\"{}\"}'"),
}  # fmt: skip
_MOST_PAGES = 60


async def executed(connection: asyncpg.Connection, name: str, arguments: str) -> str:
    """The plan as JSON, with what it did; undone."""
    call = f'"{name}"({arguments})' if arguments else f'"{name}"'
    await connection.execute("BEGIN")
    plan: str = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE {call}")
    await connection.execute("ROLLBACK")
    return plan


def pages_touched(plan: str) -> int:
    """8 KB pages of tables and indexes that the statement read or wrote."""
    whole = json.loads(plan)[0]["Plan"]
    return int(whole["Shared Hit Blocks"]) + int(whole["Shared Read Blocks"])


@pytest.mark.parametrize("planned", ["while the tables were empty", "before they were analyzed", "with statistics"])
async def test_no_hot_statement_grows_with_what_is_parked(postgres_dsn: str, planned: str) -> None:
    """With 120,000 deliveries that wait for something, 20,000 holds and as many dead letters, every statement of the hot paths
    touches a few dozen pages, whatever the planner knew; and none is worth a process of its own, which takes milliseconds."""
    async with opened(postgres_dsn), connected(postgres_dsn, session_settings(20)) as connection:
        await connection.execute("ALTER TABLE deliveries SET (autovacuum_enabled = off)")
        await connection.execute("ALTER TABLE events SET (autovacuum_enabled = off)")
        if planned == "while the tables were empty":
            await prepare(connection)
        await connection.execute(_PARK)
        if planned == "with statistics":
            await connection.execute("VACUUM ANALYZE")
        if planned != "while the tables were empty":
            await prepare(connection)
        plans = {name: await executed(connection, name, arguments) for name, (_, arguments) in HOT.items()}
    assert {name: pages_touched(plan) for name, plan in plans.items() if pages_touched(plan) > _MOST_PAGES} == {}
    assert [name for name, plan in plans.items() if "Workers Planned" in plan] == []


async def test_what_the_broker_forgot_is_found_among_what_is_queued(postgres_dsn: str) -> None:
    """The one statement that grows, with what was in the broker and nothing else."""
    async with opened(postgres_dsn), connected(postgres_dsn, session_settings(20)) as connection:
        await connection.execute(f"PREPARE requeue AS {queue.REQUEUE_ALL}")
        plan = [line for (line,) in await connection.fetch("EXPLAIN EXECUTE requeue(5)")]
    assert any("deliveries_queued" in line for line in plan), plan


async def prepare(connection: asyncpg.Connection) -> None:
    """Plans all statements now: with these settings the first plan stays until statistics change."""
    for name, (statement, arguments) in HOT.items():
        await connection.execute(f'PREPARE "{name}" AS {statement}')
        await connection.execute("BEGIN")
        await connection.execute(f'EXPLAIN EXECUTE "{name}"({arguments})' if arguments else f'EXPLAIN EXECUTE "{name}"')
        await connection.execute("ROLLBACK")


# balance


async def test_a_journal_that_somebody_meddled_with_names_the_deliveries(postgres_dsn: str) -> None:
    """An event that is gone, a state that nobody settled, a delivery that is gone."""
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        await store.accept([admitted(f"m{n}") for n in range(4)], NOW, LEASE_S)
        await store.settle([Settlement(delivery_id=n, state=State.DELIVERED) for n in (1, 2, 3)], NOW, LEASE_S)
        await connection.execute("DELETE FROM events WHERE delivery_id = 1 AND name = 'accepted'")
        await connection.execute("UPDATE deliveries SET state = 1 WHERE delivery_id = 2")
        await connection.execute("DELETE FROM deliveries WHERE delivery_id = 4")
        looked = await store.mismatches(0, 10)
        assert looked is not None and looked.through == 4
        assert [(one.delivery_id, one.state, one.events) for one in looked.mismatches] == [
            (1, State.DELIVERED, {"delivered": 1}),
            (2, State.READY, {"accepted": 1, "delivered": 1}),
            (4, None, {"accepted": 1}),
        ]
        assert (await store.balance()).difference == 1, "one accepted event and one delivery less: only their sum stays"


async def test_files_attached_before_they_were_listed_are_found(postgres_dsn: str) -> None:
    """A journal of an older release learns which envelopes refer to a file from their headers."""
    async with opened(postgres_dsn) as store:
        await store.accept([admitted("m1", attachments=[FILE, OTHER_FILE]), admitted("m2")], NOW, LEASE_S)
        before = await store.kept(0, 9, NOW)
    async with connected(postgres_dsn, {}) as connection:
        await connection.execute(BEFORE_KEEPING)
    async with opened(postgres_dsn) as store:
        assert await store.kept(0, 9, NOW) == before
    assert [len(one.files) for one in before] == [2, 0]
