"""Putting the hub together: what it refuses before anything is accepted."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from lgsp.bootstrap import open_hub, token_key
from lgsp.errors import SettingsError
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


async def test_readiness_tells_the_truth(tmp_path: Path) -> None:
    """Empty directory and too little room are said, with what to do; the rest works."""
    poor = replace(settings(tmp_path), min_free_bytes=2**62)
    async with open_hub(poor) as hub:
        checks = {check.name: check for check in await hub.readiness.check()}
        assert {name for name, check in checks.items() if check.ok} == {"journal", "broker", "open"}
        assert "lgsp agency" in checks["directory"].detail
        hub.stop.set()
        checks = {check.name: check for check in await hub.readiness.check()}
        assert not checks["open"].ok


async def test_a_journal_that_cannot_be_written_is_not_ready(tmp_path: Path) -> None:
    """Another process holds the write lock beyond the time-out: said after that time, not after for ever."""
    async with open_hub(replace(settings(tmp_path), journal_timeout_s=0.4)) as hub:
        other = sqlite3.connect(tmp_path / "var" / "journal.db")
        other.execute("BEGIN IMMEDIATE")
        checks = {check.name: check for check in await hub.readiness.check()}
        assert not checks["journal"].ok
        other.rollback()
        other.close()
        checks = {check.name: check for check in await hub.readiness.check()}
        assert checks["journal"].ok
