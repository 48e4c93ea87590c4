"""Putting the hub together: what it refuses before anything is accepted."""

import asyncio
import shutil
import socket
import sqlite3
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lgsp.assembly import Role
from lgsp.bootstrap.hub import open_hub
from lgsp.bootstrap.keys import hub_keys, token_key
from lgsp.broker.embedded import EmbeddedBroker
from lgsp.errors import CannotListen, SettingsError
from lgsp.flow import health
from lgsp.serving import serve
from lgsp.settings import Settings


def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "var", listen_port=0)


async def test_two_hubs_on_one_folder_are_refused(tmp_path: Path) -> None:
    """With the broker inside the process a second one would deliver everything twice; it is told which folder is taken."""
    async with open_hub(settings(tmp_path)):
        with pytest.raises(SettingsError, match="another hub is running"):
            async with open_hub(settings(tmp_path)):
                pass
    async with open_hub(settings(tmp_path)):
        pass


async def test_a_gateway_of_its_own_needs_rabbitmq(tmp_path: Path) -> None:
    """Without a broker between processes nothing it accepted would ever be delivered."""
    with pytest.raises(SettingsError, match="amqp_url"):
        async with open_hub(settings(tmp_path), ["gateway"]):
            pass


def test_the_token_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    """Tokens stay valid over a restart; a key too short to be one is refused."""
    key = token_key(settings(tmp_path))
    assert len(key) == 32
    assert token_key(settings(tmp_path)) == key
    path = settings(tmp_path).token_key_path
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(b"short")
    with pytest.raises(SettingsError, match="token_key_file"):
        token_key(settings(tmp_path))


def test_the_first_signing_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    """What was signed before a restart is verified after it, and what is no key is told by the setting's name."""
    kid = hub_keys(settings(tmp_path)).kid
    folder = settings(tmp_path).keys_path
    assert folder.stat().st_mode & 0o077 == 0 and (folder / "statements-1.pem").stat().st_mode & 0o077 == 0
    assert hub_keys(settings(tmp_path)).kid == kid
    (folder / "statements-1.pem").write_bytes(b"-----BEGIN NOTHING-----")
    with pytest.raises(SettingsError, match=r"keys_dir: .*no key for statements can be used"):
        hub_keys(settings(tmp_path))
    (folder / "keys.json").write_bytes(b"{}]")
    with pytest.raises(SettingsError, match=r"keys_dir: .*keys\.json is not a set of keys"):
        hub_keys(settings(tmp_path))


def test_gateways_that_start_together_have_one_key(tmp_path: Path) -> None:
    """Whoever comes second takes what the first has made."""
    with ThreadPoolExecutor(8) as pool:
        kids = set(pool.map(lambda _: hub_keys(settings(tmp_path)).kid, range(8)))
    assert len(kids) == 1
    assert {one.name for one in settings(tmp_path).keys_path.iterdir()} == {".lock", "keys.json", "log-1.pem", "statements-1.pem"}


async def test_readiness_tells_the_truth(tmp_path: Path) -> None:
    """Empty directory and too little room are said, with what to do; the rest works."""
    poor = replace(settings(tmp_path), min_free_bytes=2**62)
    async with open_hub(poor) as hub:
        checks = {check.name: check for check in await hub.readiness.check()}
        assert {name for name, check in checks.items() if check.ok} == {"journal", "broker", "log", "open"}
        assert "lgsp agency" in checks["directory"].detail
        hub.stop.set()
        checks = {check.name: check for check in await hub.readiness.check()}
        assert not checks["open"].ok


async def test_a_journal_that_cannot_be_written_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process holds the write lock beyond the time-out: said after that time, not after for ever."""
    monkeypatch.setattr(health, "_MAX_AGE_S", 0.0)
    async with open_hub(replace(settings(tmp_path), journal_timeout_s=0.4)) as hub:
        other = sqlite3.connect(tmp_path / "var" / "journal.db")
        other.execute("BEGIN IMMEDIATE")
        checks = {check.name: check for check in await hub.readiness.check()}
        assert not checks["journal"].ok
        other.rollback()
        other.close()
        checks = {check.name: check for check in await hub.readiness.check()}
        assert checks["journal"].ok


async def test_whoever_asks_for_readiness_often_costs_the_journal_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Side by side and one after the other: the journal is written once a second at most, and looked at again after that."""
    async with open_hub(settings(tmp_path)) as hub:
        pings = 0
        ping = hub.store.ping

        async def counted() -> None:
            nonlocal pings
            pings += 1
            await ping()

        monkeypatch.setattr(hub.store, "ping", counted)
        monkeypatch.setattr(health, "_MAX_AGE_S", 60.0)
        await asyncio.gather(*(hub.readiness.check() for _ in range(20)))
        await hub.readiness.check()
        assert pings == 1
        monkeypatch.setattr(health, "_MAX_AGE_S", 0.0)
        await hub.readiness.check()
        assert pings == 2


async def test_a_disk_that_does_not_answer_is_a_failed_check(tmp_path: Path) -> None:
    """The folder of the attachments is gone: not ready, and no error."""
    async with open_hub(settings(tmp_path)) as hub:
        shutil.rmtree(tmp_path / "var" / "blobs")
        checks = {check.name: check for check in await hub.readiness.check()}
        assert not checks["room"].ok and "No such file" in checks["room"].detail


async def test_room_for_the_journal_counts_as_well_as_room_for_attachments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SQLite a full disk under the journal stops intake, however much room the attachments have."""
    usage = shutil.disk_usage
    journal = tmp_path / "small"
    used = replace(settings(tmp_path), journal_url=f"sqlite:///{journal}/j.db", min_free_bytes=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(path)._replace(free=0 if Path(path) == journal else 10**12))
    async with open_hub(used) as hub:
        assert not {check.name: check for check in await hub.readiness.check()}["room"].ok


@pytest.mark.parametrize(("roles", "needed"), [(["worker"], True), (["gateway"], False), (["gateway", "worker"], False)])
async def test_a_worker_without_broker_is_not_ready(
    roles: list[Role], needed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can do nothing; a gateway goes on taking envelopes in."""

    async def embedded(*_: object) -> EmbeddedBroker:
        return EmbeddedBroker()

    monkeypatch.setattr("lgsp.bootstrap.hub.open_broker", embedded)
    async with open_hub(settings(tmp_path), roles) as hub:
        monkeypatch.setattr(hub.broker, "is_up", lambda: False)
        (broker,) = [check for check in await hub.readiness.check() if check.name == "broker"]
        assert (broker.ok, broker.required) == (False, needed)


async def test_two_hubs_on_one_journal_are_refused_whatever_their_folders(tmp_path: Path) -> None:
    """What must not be shared is the journal: another data_dir does not help."""
    shared = f"sqlite:///{tmp_path}/shared.db"
    one, other = (replace(settings(tmp_path), data_dir=tmp_path / name, journal_url=shared) for name in ("a", "b"))
    async with open_hub(one):
        with pytest.raises(SettingsError, match="another hub is running"):
            async with open_hub(other):
                pass


async def test_postgresql_without_rabbitmq_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing would keep a second process, on another machine, from delivering everything twice."""

    @asynccontextmanager
    async def some_store(_: Settings) -> AsyncIterator[None]:
        yield None

    monkeypatch.setattr("lgsp.bootstrap.hub.open_store", some_store)
    with pytest.raises(SettingsError, match="amqp_url"):
        async with open_hub(replace(settings(tmp_path), journal_url="postgresql://db/lgsp")):
            pass


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data_dir": "file/below"}, "data_dir: "),
        ({"blobs_dir": "file/below"}, "blobs_dir: "),
        ({"journal_url": "sqlite:///{folder}/file/below.db"}, "journal_url: "),
        ({"token_key_file": "file/below"}, "token_key_file: "),
        ({"keys_dir": "file/below"}, "keys_dir: "),
        ({"keys_dir": "file"}, "keys_dir: "),
        ({"tls_cert_file": "none.pem", "tls_key_file": "file"}, "tls_cert_file: .*none.pem"),
        ({"tls_cert_file": "file", "tls_key_file": "none.pem"}, "tls_key_file: .*none.pem"),
        ({"tls_cert_file": "file", "tls_key_file": "file"}, "tls_cert_file, tls_key_file"),
    ],
)
async def test_a_file_that_cannot_be_used_is_a_mistake_in_the_setting_that_names_it(
    changes: dict[str, str], named: str, tmp_path: Path
) -> None:
    """Not a traceback, and not "cannot listen"."""
    (tmp_path / "file").write_text("neither a folder nor a certificate")
    placed = {name: text.format(folder=tmp_path) if name == "journal_url" else tmp_path / text for name, text in changes.items()}
    with pytest.raises(SettingsError, match=named):
        await serve(replace(settings(tmp_path), **placed))  # type: ignore[arg-type]


async def test_an_address_in_use_is_told_apart_from_wrong_settings(tmp_path: Path) -> None:
    """It may be free again in a moment: the unit tries again."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(CannotListen, match="in use"):
            await serve(replace(settings(tmp_path), listen_port=other.getsockname()[1]))


async def test_trouble_with_the_attachments_folder_does_not_end_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tidying up is tried again later; envelopes go on."""
    async with open_hub(settings(tmp_path)) as hub:
        reported = asyncio.Event()
        monkeypatch.setattr("lgsp.assembly.log.error", lambda event, **_: reported.set() if event == "blobs.lost" else None)
        shutil.rmtree(tmp_path / "var" / "blobs")
        running = asyncio.create_task(hub.run())
        await asyncio.wait_for(reported.wait(), 10)
        await asyncio.sleep(0)
        assert not running.done()
        hub.stop.set()
        await running
