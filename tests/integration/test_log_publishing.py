"""Publishing the log: signed, cosigned by whoever answers, never held up by who does not."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lgsp.bootstrap.keys import hub_keys
from lgsp.bootstrap.log import witness_policy
from lgsp.core.log.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from lgsp.core.log.frontier import Frontier
from lgsp.core.log.policy import Policy, parse_policy
from lgsp.core.log.record import Action
from lgsp.errors import SettingsError
from lgsp.flow import log_proofs
from lgsp.flow.log_keeper import LogForked, LogKeeper
from lgsp.flow.publisher import Publisher
from lgsp.journal.sqlite import SqliteStore
from lgsp.ports import NotVouched
from lgsp.settings import Settings
from lgsp.trust.cosigning import WitnessClient
from lgsp.trust.fetching import Fetcher
from lgsp.witness.folder import WitnessFolder
from lgsp.witness.server import listening
from lgsp.witness.witness import Witness
from tests.fakes.log_signer import SIGNER, RememberedHeads, verifier
from tests.fakes.witness import FakeWitness, Mood, witnessing
from tests.integration.http_hub import http_hub
from tests.integration.test_http_log import published

NOW = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
ORIGIN = "lgsp/HUB"
TIMEOUT_S = 0.3


@dataclass
class Log:
    """A log of one publisher, whose clock goes a second a step."""

    store: SqliteStore
    keeper: LogKeeper
    publisher: Publisher
    fetcher: Fetcher
    now: datetime = NOW

    async def grow(self, entries: int = 1) -> None:
        await self.store.note([Action(at=NOW, name="test", by="lan", subject=str(one)) for one in range(entries)])

    async def step(self) -> None:
        self.now += timedelta(seconds=1)
        await self.publisher.step()

    async def published(self, witnesses: Sequence[FakeWitness] = ()) -> SignedCheckpoint | None:
        found = await self.store.latest_checkpoint()
        return None if found is None else open_checkpoint(found.note, verifier(ORIGIN), [one.verifier for one in witnesses])

    async def prove(self, first: int, second: int) -> Sequence[bytes]:
        return await log_proofs.consistency(self.store, first, second)

    def client(self, witness: FakeWitness) -> WitnessClient:
        (one,) = policy_of([witness], "none").witnesses
        return WitnessClient(self.fetcher, one, self.prove)


def policy_of(witnesses: Sequence[FakeWitness], quorum: str) -> Policy:
    lines = [*(one.line for one in witnesses), *([] if quorum == "none" else [f"group g {quorum}"])]
    return parse_policy("\n".join((*lines, f"quorum {'none' if quorum == 'none' else 'g'}", "")).encode())


@asynccontextmanager
async def log_of(folder: Path, policy: Policy | None = None) -> AsyncIterator[Log]:
    store = SqliteStore.open(folder / "journal.db", timeout_s=5)
    try:
        async with Fetcher.open(None, timeout_s=TIMEOUT_S, keep_alive=True) as fetcher:
            keeper = await LogKeeper.open(store, SIGNER, RememberedHeads(), ORIGIN)

            async def prove(first: int, second: int) -> Sequence[bytes]:
                return await log_proofs.consistency(store, first, second)

            clients = [WitnessClient(fetcher, one, prove) for one in (policy.witnesses if policy else ())]
            log: Log
            publisher = Publisher(store, keeper, lambda: log.now, every_s=1, policy=policy, witnesses=clients)
            log = Log(store, keeper, publisher, fetcher)
            yield log
    finally:
        await store.close()


async def test_a_checkpoint_is_published_when_the_log_has_grown(tmp_path: Path) -> None:
    """And only then; an empty log has none."""
    async with log_of(tmp_path) as log:
        await log.step()
        assert await log.published() is None
        for entries in (1, 300):
            await log.grow(entries)
            await log.step()
            found = await log.published()
            assert found is not None
            tree = await log.store.log_head()
            assert (found.checkpoint.origin, found.checkpoint.size, found.checkpoint.root) == (ORIGIN, tree.size, tree.root)
        await log.step()
        assert len(await log.store.checkpoints(0, 10)) == 2


async def test_one_gateway_publishes_at_a_time(tmp_path: Path) -> None:
    """Who finds a checkpoint that is younger than the interval leaves it at that."""
    async with log_of(tmp_path) as log:
        await log.grow()
        await log.step()
        await log.grow()
        await log.publisher.step()
        assert len(await log.store.checkpoints(0, 10)) == 1
        await log.step()
        assert len(await log.store.checkpoints(0, 10)) == 2


async def test_a_gateway_remembers_what_others_publish(tmp_path: Path) -> None:
    """On another machine, with a memory of its own: once an old backup is back, none of them may be the one that signs."""
    async with log_of(tmp_path) as log:
        heads = RememberedHeads()
        quiet = Publisher(log.store, await LogKeeper.open(log.store, SIGNER, heads, ORIGIN), lambda: log.now, every_s=1)
        await log.grow(5)
        await log.step()
        await quiet.step()
        await log.grow(5)
        await quiet.step()  # nothing is due: somebody published a moment ago
        tree = await log.store.log_head()
        assert [one.tree for one in heads.known] == [tree]
        assert [one.size for one in await log.store.checkpoints(0, 9)] == [5]


async def test_another_gateway_takes_over_when_one_is_silent(tmp_path: Path) -> None:
    """While one publishes, the other does not interfere, though its looks fall where they will."""
    async with log_of(tmp_path) as log:
        other = Publisher(
            log.store, await LogKeeper.open(log.store, SIGNER, RememberedHeads(), ORIGIN), lambda: log.now, every_s=1
        )
        for _ in range(5):
            await log.grow()
            await log.step()
            log.now += timedelta(seconds=0.9)
            await log.grow()
            await other.step()
        assert [one.size for one in await log.store.checkpoints(0, 99)] == [1, 3, 5, 7, 9]
        log.now += timedelta(seconds=3)
        await other.step()
        assert (await log.store.latest_checkpoint() or pytest.fail()).size == 10


async def test_witnesses_cosign_what_continues_what_they_saw(tmp_path: Path) -> None:
    """From the first head on, over many, whoever they are told of it by; the lines stand below the note."""
    async with witnessing("thanhtra", "buudien") as witnesses:
        async with log_of(tmp_path, policy_of(witnesses, "all thanhtra buudien")) as log:
            for entries in (1, 5, 300):
                await log.grow(entries)
                await log.step()
                found = await log.published(witnesses)
                assert found is not None
                assert found.names == {one.verifier.name for one in witnesses}
                assert found.checkpoint.size == (await log.store.log_head()).size
            assert witnesses[0].asked == [0, 1, 6]
        async with log_of(tmp_path, policy_of(witnesses, "all thanhtra buudien")) as log:  # forgot what they know, is told
            await log.grow()
            await log.step()
            assert witnesses[0].asked[3:] == [0, 306]
            assert (await log.published(witnesses)) is not None


@pytest.mark.parametrize(
    "mood", ["hangs", "fails", "redirects", "garbage", "huge", "unknown", "lies", "signed by another", "conflicts"]
)
async def test_a_witness_that_fails_keeps_nobody_but_itself(tmp_path: Path, mood: Mood) -> None:
    """With a quorum of one of two the other one's line is enough, and the next rounds do not wait for it at all."""
    async with witnessing("good", "bad") as witnesses:
        witnesses[1].mood = mood
        async with log_of(tmp_path, policy_of(witnesses, "any good bad")) as log:
            for _ in range(3):
                await log.grow()
                await log.step()
                found = await log.published(witnesses)
                assert found is not None
                assert found.names == {"good.example/w"}
                assert found.checkpoint.size == (await log.store.log_head()).size
            assert log.publisher.missing == ("bad",)


async def test_without_a_quorum_the_last_checkpoint_stays(tmp_path: Path) -> None:
    """And once enough witnesses are there again, the next one is published."""
    async with witnessing("good", "bad") as witnesses, log_of(tmp_path, policy_of(witnesses, "all good bad")) as log:
        await log.grow()
        await log.step()
        witnesses[1].mood = "fails"
        await log.grow()
        await log.step()
        found = await log.published(witnesses)
        assert found is not None and found.checkpoint.size == 1
        witnesses[1].mood = "well"
        async with asyncio.timeout(5):
            while found is None or found.checkpoint.size == 1:
                await asyncio.sleep(0.05)  # it is asked again after a second
                await log.step()
                found = await log.published(witnesses)
        assert found.checkpoint.size == 2


async def test_a_witness_that_knows_more_is_a_reason_to_worry(tmp_path: Path) -> None:
    """It has cosigned a longer log than this database has: an old backup, unless another gateway was quicker."""
    async with witnessing("w") as (witness,), log_of(tmp_path) as log:
        await log.grow(3)
        await log.step()
        note = (await log.store.latest_checkpoint() or pytest.fail()).note.decode()
        await log.client(witness).cosign(note)
        assert witness.cosigned is not None
        witness.cosigned = type(witness.cosigned)(ORIGIN, 7, witness.cosigned.root)
        with pytest.raises(NotVouched, match=r"witness\.ahead: it has cosigned 7 entries, this checkpoint has 3"):
            await log.client(witness).cosign(note)


async def test_a_witness_is_asked_again_for_the_same_checkpoint(tmp_path: Path) -> None:
    async with witnessing("w") as (witness,), log_of(tmp_path) as log:
        await log.grow(3)
        await log.step()
        note = (await log.store.latest_checkpoint() or pytest.fail()).note.decode()
        assert await log.client(witness).cosign(note) == await log.client(witness).cosign(note)


async def test_nothing_is_published_that_was_not_signed(tmp_path: Path) -> None:
    """A head that somebody put into the database is not on the way from what was signed to anything."""
    async with log_of(tmp_path) as log:
        await log.grow(3)
        await log.step()
        forged = Frontier(4, (b"\1" * 32,))
        with sqlite3.connect(tmp_path / "journal.db") as connection:
            connection.execute("UPDATE log_head SET size = ?, frontier = ?", (forged.size, forged.encoded))
        connection.close()
        with pytest.raises(LogForked, match="no hash 3 of level 0"):
            await log.step()
        found = await log.published()
        assert found is not None and found.checkpoint.size == 3
        assert log.keeper.fork


async def test_what_a_witness_claims_to_know_is_never_taken_for_a_size_of_this_log(tmp_path: Path) -> None:
    """It is asked again like one that was never asked: nothing can be proved from a size that the log does not have."""
    async with witnessing("w") as (witness,), log_of(tmp_path) as log:
        await log.grow(3)
        await log.step()
        note = (await log.store.latest_checkpoint() or pytest.fail()).note.decode()
        client = log.client(witness)
        for size in (7, 2**63 - 1, 4):
            witness.cosigned = Checkpoint(ORIGIN, size, b"\1" * 32)
            with pytest.raises(NotVouched, match=r"witness\.ahead"):
                await client.cosign(note)
        witness.cosigned = None
        assert await client.cosign(note)


async def test_old_checkpoints_do_not_pile_up(tmp_path: Path) -> None:
    """All of the last hour, and of the time before one an hour."""
    async with log_of(tmp_path) as log:
        for _ in range(3):
            await log.grow()
            await log.step()
        log.now += timedelta(hours=2)
        await log.grow()
        await log.step()
        assert [one.size for one in await log.store.checkpoints(0, 10)] == [3, 4]


async def test_a_witness_of_this_house_cosigns_a_hub(tmp_path: Path) -> None:
    """The whole of it: `lgsp witness` beside a hub whose policy names it, from the first envelope on; also after a restart."""
    place = WitnessFolder(tmp_path / "witness")
    with place.alone():
        identity = place.identity("thanhtra.example/nhan-chung")
        keys = hub_keys(Settings(data_dir=tmp_path / "hub"))
        logs = {ORIGIN: list(keys.log_verifiers(ORIGIN))}
        keys.close()
        witness = Witness(place, identity, logs, lambda: datetime.now(UTC))
        async with listening(witness, "127.0.0.1", 0) as (host, port):
            policy = tmp_path / "policy"
            policy.write_text(f"witness thanhtra {identity.verifier.vkey} http://{host}:{port}\nquorum thanhtra\n")
            for _ in range(2):
                async with http_hub(tmp_path / "hub", log_checkpoint_s=0.1, witness_policy_file=policy) as hub:
                    await hub.send(hub.envelope())
                    checkpoint = await published(hub)
                    note = (await hub.call("GET", "/checkpoint", agency=None)).octets
                    cosigned = open_checkpoint(note, logs[ORIGIN][0], [identity.verifier])
                    assert cosigned.names == {identity.name}
                    assert cosigned.checkpoint.size >= checkpoint.size


async def test_a_policy_that_cannot_be_used_is_a_mistake_in_the_settings(tmp_path: Path) -> None:
    """Said at the start, with its line; a witness without an address could never be asked."""
    policy, witness = tmp_path / "policy", FakeWitness("w")
    for text, said in (("quorum w\n", "line 1"), (f"witness w {witness.verifier.vkey}\nquorum w\n", "no address .* of w")):
        policy.write_text(text)
        with pytest.raises(SettingsError, match=f"witness_policy_file: .*{said}"):
            witness_policy(Settings(data_dir=tmp_path, witness_policy_file=policy))
