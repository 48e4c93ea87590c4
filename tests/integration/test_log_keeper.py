"""Heads of the evidence log: signed once, never twice otherwise, whatever is put back, changed or killed."""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from lgsp.bootstrap.hub import open_hub
from lgsp.bootstrap.keys import hub_keys
from lgsp.bootstrap.log import open_log
from lgsp.bootstrap.stores import open_store
from lgsp.core.log.checkpoint import open_checkpoint
from lgsp.core.log.frontier import Frontier, append
from lgsp.core.log.merkle import leaf_hash
from lgsp.core.log.proof import parse_proof
from lgsp.core.log.record import Action, decode
from lgsp.core.receipts import log_entry
from lgsp.flow.head_file import HeadFile, HeadFileUnusable, SignedHead, heads_in
from lgsp.flow.log_keeper import LogForked, LogKeeper, LogRewound
from lgsp.journal.sqlite import SqliteStore
from lgsp.ports import Accepted, Checkpoint, Store
from lgsp.settings import Settings
from tests.compliance.builders import LEASE_S, NOW, admitted
from tests.fakes.log_signer import SIGNER, RememberedHeads, verifier
from tests.integration.cli_hub import Hub

ORIGIN = "lgsp.example/log"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = SqliteStore.open(tmp_path / "journal.db", timeout_s=10)
    yield opened
    await opened.close()


async def keeper(store: Store, heads: RememberedHeads | HeadFile | None = None) -> LogKeeper:
    return await LogKeeper.open(store, SIGNER, heads or RememberedHeads(), ORIGIN)


async def accept(store: Store, *ids: str) -> list[Accepted]:
    answers = await store.accept([admitted(one) for one in ids], NOW, LEASE_S)
    return [one for one in answers if isinstance(one, Accepted)]


async def sign(one: LogKeeper, accepted: Accepted) -> str:
    assert accepted.logged is not None
    return await one.sign(accepted.logged.before, accepted.logged.after)


def meddle(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


async def test_each_growth_is_signed(store: Store) -> None:
    """The head of the tree with all of the batch; whoever has the key can check it."""
    one = await keeper(store)
    for ids in (("m1",), ("m2", "m3"), ("m4",)):
        *_, last = await accept(store, *ids)
        note = await sign(one, last)
        signed = open_checkpoint(note, verifier(ORIGIN))
        head = await store.log_head()
        assert (signed.checkpoint.size, signed.checkpoint.root) == (head.size, head.root)
        assert one.signed == head


async def test_an_old_entry_is_proved_as_on_its_first_day(store: Store) -> None:
    """Octet for octet, however much came after it: a resend gets the same receipt."""
    one = await keeper(store)
    first, second = await accept(store, *(f"a{number}" for number in range(150))), await accept(store, "b")
    given = {}
    for batch in (first, second):
        note = await sign(one, batch[0])
        for answer in batch:
            logged = answer.logged
            assert logged is not None
            given[logged.place] = log_entry(logged.leaf, logged.place.salt, logged.place.index, logged.hashes, note)
    await accept(store, *(f"c{number}" for number in range(300)))
    for place, entry in given.items():
        again = await one.entry_at(place)
        assert again == entry
        parse_proof(again.proof).verify(again.leaf.encode(), verifier(ORIGIN))


async def test_two_gateways_sign_one_history(store: Store) -> None:
    """In turns, and when one of them was quiet for long; also what the other has committed and nobody signed."""
    heads = RememberedHeads(), RememberedHeads()
    keepers = [await keeper(store, one) for one in heads]
    for number in range(40):
        (answer,) = await accept(store, f"m{number}")
        if number % 7:
            await sign(keepers[number % 3 % 2], answer)
    assert {len(one.known) for one in heads} == {1}
    assert not any(one.fork for one in keepers)


async def test_a_head_that_was_overtaken_is_signed_and_not_remembered(store: Store) -> None:
    """Two commits, signed in the other order: the larger one stays."""
    one = await keeper(store)
    (first,), (second,) = await accept(store, "m1"), await accept(store, "m2")
    await sign(one, second)
    largest = one.signed
    await sign(one, first)
    assert one.signed == largest == await store.log_head()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_leaves SET leaf = x'7b7d' WHERE leaf_index = 390",
        "DELETE FROM log_leaves WHERE leaf_index = 390",
        "UPDATE log_hashes SET hash = zeroblob(32) WHERE level = 1 AND hash_index = 0",
    ],
)
async def test_nothing_is_signed_on_top_of_a_changed_log(store: Store, tmp_path: Path, statement: str) -> None:
    """Once another gateway has committed much in between, or an old receipt is asked for: and from then on never again."""
    one = await keeper(store)
    first, *_ = await accept(store, *(f"m{number}" for number in range(200)))
    await sign(one, first)
    meddle(tmp_path / "journal.db", statement)
    await accept(store, *(f"another gateway's {number}" for number in range(200)))
    (second,) = await accept(store, "m-last")
    with pytest.raises(LogForked):
        await sign(one, second)
    assert one.fork
    with pytest.raises(LogForked):
        await sign(one, first)


@pytest.mark.parametrize("change", ["UPDATE log_leaves SET leaf = x'7b7d'", "DELETE FROM log_leaves"])
async def test_nothing_false_is_proved_from_a_changed_log(store: Store, tmp_path: Path, change: str) -> None:
    """Deep in the log, where no new head looks: whoever asks for that entry gets no proof, and the alarm is raised."""
    one = await keeper(store)
    first, *_ = await accept(store, *(f"m{number}" for number in range(300)))
    await sign(one, first)
    meddle(tmp_path / "journal.db", f"{change} WHERE leaf_index = 0")
    assert first.place is not None
    with pytest.raises(LogForked):
        await one.entry_at(first.place)
    assert one.fork


async def test_a_changed_tree_is_noticed_at_the_next_head(store: Store, tmp_path: Path) -> None:
    """Whoever writes another frontier into the journal grows another tree; it is not signed."""
    one = await keeper(store)
    (first,) = await accept(store, "m1")
    await sign(one, first)
    other = append(Frontier(), [leaf_hash(bytes([number])) for number in range(2)]).after
    meddle(tmp_path / "journal.db", f"UPDATE log_head SET frontier = x'{other.encoded.hex()}'")
    (second,) = await accept(store, "m2")
    with pytest.raises(LogForked):
        await sign(one, second)


async def test_a_start_after_the_journal_grew_is_no_fork(store: Store, tmp_path: Path) -> None:
    """Killed between the commit and the signature: the file is behind, and nothing is wrong."""
    file = HeadFile.open(tmp_path / "log")
    one = await keeper(store, file)
    (first,) = await accept(store, "m1")
    await sign(one, first)
    await accept(store, "m2")
    one.close()
    again = await keeper(store, HeadFile.open(tmp_path / "log"))
    assert again.signed == await store.log_head()


@pytest.mark.parametrize("grown", ["not at all", "as far as before", "further than before"])
async def test_a_database_that_was_put_back_is_not_signed(tmp_path: Path, grown: str) -> None:
    """Shorter than what was signed, or as long with other entries: the start is refused, with what to do in both languages."""
    path, heads = tmp_path / "journal.db", RememberedHeads()
    store = SqliteStore.open(path, timeout_s=10)
    await accept(store, "m1")
    await store.close()
    shutil.copy(path, tmp_path / "backup.db")
    store = SqliteStore.open(path, timeout_s=10)
    one = await keeper(store, heads)
    await sign(one, (await accept(store, "m2"))[0])
    await store.close()
    for left in tmp_path.glob("journal.db*"):
        left.unlink()
    shutil.copy(tmp_path / "backup.db", path)
    store = SqliteStore.open(path, timeout_s=10)
    if grown != "not at all":
        await accept(store, "other", *(f"more{number}" for number in range(5 if grown == "further than before" else 0)))
    with pytest.raises(LogRewound, match=r"lgsp log restart --because"):
        await keeper(store, heads)
    await store.close()


async def test_another_name_for_the_same_log_is_refused(store: Store) -> None:
    await keeper(store)
    with pytest.raises(LogRewound, match="log_origin"):
        await LogKeeper.open(store, SIGNER, RememberedHeads(), "another/log")


async def test_a_hub_does_not_start_on_an_old_backup(tmp_path: Path) -> None:
    """The whole of it: the hub runs, its database is put back, and it says so instead of running."""
    settings = Settings(data_dir=tmp_path / "var", min_free_bytes=0)
    async with open_hub(settings):
        pass
    shutil.copytree(tmp_path / "var", tmp_path / "backup")
    async with open_hub(settings) as hub:
        await accept(hub.store, "m1")
        assert hub.keeper is not None
        await hub.keeper.sign(Frontier(), await hub.store.log_head())
    for left in settings.data_dir.glob("journal.db*"):
        left.unlink()
    shutil.copy(tmp_path / "backup" / "journal.db", settings.data_dir / "journal.db")
    with pytest.raises(LogRewound):
        async with open_hub(settings):
            pass


async def test_a_head_that_was_published_counts_where_no_file_is(store: Store, tmp_path: Path) -> None:
    """On a new machine the journal itself still knows what it published: a tree that was cut short is not signed."""
    one = await keeper(store)
    (first,) = await accept(store, "m1")
    await accept(store, "m2")
    note = await one.sign(await store.log_head(), await store.log_head())
    await store.save_checkpoint(Checkpoint(4, note.encode(), NOW))
    assert first.logged is not None
    cut = first.logged.after
    meddle(tmp_path / "journal.db", f"UPDATE log_head SET size = {cut.size}, frontier = x'{cut.encoded.hex()}'")
    with pytest.raises(LogRewound, match="2 entries, but this hub has signed 4"):
        await keeper(store)


async def test_an_old_dump_of_postgresql_is_not_signed(postgres_dsn: str, tmp_path: Path) -> None:
    """As with SQLite: what `pg_restore` puts back is compared with what this machine signed."""
    backup = tmp_path / "journal.dump"
    settings = Settings(data_dir=tmp_path / "var", log_dir=tmp_path / "log", journal_url=postgres_dsn, min_free_bytes=0)

    async def signs(*ids: str) -> None:
        async with open_store(settings) as store:
            keys = hub_keys(settings)
            one = await open_log(settings, store, keys)
            try:
                await accept(store, *ids)
                await one.sign(await store.log_head(), await store.log_head())
            finally:
                one.close()
                keys.close()

    await signs("m1")
    subprocess.run(["pg_dump", "--format=custom", f"--file={backup}", postgres_dsn], check=True, timeout=60)
    await signs("m2")
    restore = ["pg_restore", "--clean", f"--dbname={postgres_dsn}", "--no-owner", str(backup)]
    subprocess.run(restore, check=True, timeout=60)
    with pytest.raises(LogRewound, match="has 2 entries, but this hub has signed 4"):
        await signs()


def rewound(folder: Path) -> Hub:
    """A hub that has signed more than its database has."""
    hub = Hub(folder)

    async def accepts(*ids: str) -> None:
        async with open_hub(Settings(data_dir=folder / "var", min_free_bytes=0)) as opened:
            await accept(opened.store, *ids)
            assert opened.keeper is not None
            await opened.keeper.sign(Frontier(), await opened.store.log_head())

    asyncio.run(accepts("m1"))
    shutil.copytree(folder / "var", folder / "backup")
    asyncio.run(accepts("m2", "m3"))
    put_back(folder)
    return hub


def put_back(folder: Path) -> None:
    for left in (folder / "var").glob("journal.db*"):
        left.unlink()
    shutil.copy(folder / "backup" / "journal.db", folder / "var" / "journal.db")


def test_a_log_that_is_lost_is_begun_anew(tmp_path: Path) -> None:
    """The start is refused with exit status 3 and what to do; after `lgsp log restart` the hub runs under a new name, its first
    new entry says what was given up and why, and the old name is never signed again, whatever is put back."""
    hub = rewound(tmp_path)
    refused = hub.run("run")
    assert refused.exit_code == 3
    (found,) = (one for one in json.loads(hub.run("doctor", "--json").stdout)["findings"] if one["name"] == "log")
    assert found["verdict"] == "failed" and "lgsp log restart" in found["detail"]
    assert "bản sao lưu cũ" in refused.stderr and "lgsp log restart --because" in refused.stderr
    old_vkey = json.loads(hub.run("log", "vkey", "--json").stdout)
    begun = json.loads(hub.run("log", "restart", "--because", "đĩa hỏng, bản sao lưu cuối là hôm qua", "--json").stdout)
    assert begun == {"origin": "lgsp/HUB/2", "size": 3, "old_origin": "lgsp/HUB", "old_size": 6}
    new_vkey = json.loads(hub.run("log", "vkey", "--json").stdout)
    assert (old_vkey["origin"], new_vkey["origin"]) == ("lgsp/HUB", "lgsp/HUB/2")
    assert old_vkey["vkeys"] != new_vkey["vkeys"]

    async def goes_on() -> Action:
        async with open_hub(Settings(data_dir=tmp_path / "var", min_free_bytes=0)) as opened:
            assert opened.keeper is not None
            assert opened.keeper.origin == "lgsp/HUB/2"
            (leaf,) = await opened.store.log_leaves(2, 1)
            told = decode(leaf)
            assert isinstance(told, Action)
            return told

    told = asyncio.run(goes_on())
    assert told.name == "log_restarted"
    assert told.subject.startswith("lgsp/HUB 6 ") and told.subject.endswith("bản sao lưu cuối là hôm qua")
    asyncio.run(goes_on())
    verified = hub.run("log", "verify", "--json")
    assert verified.exit_code == 0, verified.output
    put_back(tmp_path)
    assert hub.run("run").exit_code == 3
    assert hub.run("log", "verify").exit_code == 1


def test_a_log_that_is_in_order_is_not_begun_anew(tmp_path: Path) -> None:
    """Nor while a hub is running on it."""
    hub = rewound(tmp_path)
    held = HeadFile.open(tmp_path / "var" / "log")
    assert "is running" in hub.run("log", "restart", "--because", "x").stderr
    held.close()
    assert hub.run("log", "restart", "--because", "x").exit_code == 0
    assert "continues all that was signed" in hub.run("log", "restart", "--because", "x").stderr


# the file


def tree(size: int) -> Frontier:
    return append(Frontier(), [leaf_hash(bytes([number % 256])) for number in range(size)]).after


def head(size: int, origin: str = ORIGIN) -> SignedHead:
    return SignedHead(origin=origin, tree=tree(size))


def test_what_was_written_last_is_read_again(tmp_path: Path) -> None:
    file = HeadFile.open(tmp_path)
    for size in (1, 2, 1000):
        file.write(head(size))
        assert list(heads_in(tmp_path)) == [head(size)]
    file.close()
    assert HeadFile.open(tmp_path).known == [head(1000)]
    assert (tmp_path / "signed.0").stat().st_mode & 0o777 == 0o600


def test_processes_have_a_file_each_and_read_all(tmp_path: Path) -> None:
    """A third one takes over the file of one that ended."""
    first, second = HeadFile.open(tmp_path), HeadFile.open(tmp_path)
    first.write(head(3))
    second.write(head(5))
    first.close()
    third = HeadFile.open(tmp_path)
    assert list(third.known) == [head(3), head(5)]
    third.write(head(7))
    assert sorted(one.tree.size for one in heads_in(tmp_path)) == [5, 7]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files that others cannot open")
def test_what_root_leaves_the_hub_can_open(tmp_path: Path) -> None:
    """An auditor takes evidence away as root; the folder's owner is the hub's user."""
    os.chown(tmp_path, 12345, 12345)
    HeadFile.open(tmp_path).close()
    assert (tmp_path / "signed.0").stat().st_uid == 12345


@pytest.mark.parametrize("whole_bytes", [0, 50, 100])
def test_a_write_that_was_torn_costs_the_last_head_only(tmp_path: Path, whole_bytes: int) -> None:
    file = HeadFile.open(tmp_path)
    for size in (1, 2, 3):
        file.write(head(size))
    file.close()
    path = tmp_path / "signed.0"
    octets = bytearray(path.read_bytes())
    octets[whole_bytes:4096] = bytes(4096 - whole_bytes)  # the slot of the third, which was that of the first
    path.write_bytes(octets)
    assert list(heads_in(tmp_path)) == [head(2)]


def test_a_file_without_a_whole_slot_is_no_empty_file(tmp_path: Path) -> None:
    """Nothing may be signed as if nothing had been."""
    (tmp_path / "signed.0").write_bytes(msgspec.json.encode(head(1)))
    with pytest.raises(HeadFileUnusable, match="damaged"):
        HeadFile.open(tmp_path)
