"""`lgsp log monitor`: an outsider sees growth, cosignatures and gaps, and keeps the proof of a fork."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lgsp.cli import cli
from lgsp.core.log.checkpoint import Checkpoint, sign_checkpoint
from lgsp.core.log.cosignature import cosign
from lgsp.core.log.note import KeyType, NoteVerifier, open_note
from lgsp.core.log.record import Moved, Refused, Routed, encode
from tests.audit.logs import Log
from tests.integration.cli_hub import Hub, answers
from tests.servers.process import wait_until

KEY, WITNESS_KEY = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
WITNESS = NoteVerifier("w.example/1", WITNESS_KEY.public_key().public_bytes_raw(), KeyType.COSIGNATURE)
NOW = datetime(2026, 11, 28, 7, 0, tzinfo=UTC)
Monitor = Callable[..., Result]


def log_of(size: int, salt: bytes = b"") -> Log:
    return Log("example.com/log", size, key=KEY, salt=salt)


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    log_of(300).write(folder, 300)
    return folder


@pytest.fixture
def monitor(served: Path, tmp_path: Path) -> Monitor:
    """One look, in words or with --json as a list of lines."""

    def look(*words: str) -> Result:
        options = ["--log-key", log_of(0).verifier.vkey, "--dir", str(tmp_path / "monitor"), "--once"]
        return CliRunner().invoke(cli, ["log", "monitor", str(served), *options, *words])

    return look


def lines(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def grow(served: Path, log: Log, size: int) -> None:
    shutil.rmtree(served)
    log.write(served, size)


def test_it_follows_from_what_it_saw_before(monitor: Monitor, served: Path) -> None:
    """A line for each change, none where nothing changed; the state outlives the process."""
    (begun,) = lines(monitor("--json"))
    assert (begun["event"], begun["size"], begun["grown"]) == ("log.begun", 300, 0)
    for size in (301, 511, 512, 70_000):
        before = begun["size"]
        grow(served, log_of(size), size)
        (begun,) = lines(monitor("--json"))
        assert (begun["event"], begun["size"], begun["grown"]) == ("log.grown", size, size - int(str(before)))
    assert monitor().exit_code == 0


def test_from_the_start_it_reads_everything(monitor: Monitor) -> None:
    (begun,) = lines(monitor("--json", "--from-start"))
    assert (begun["grown"], begun["root"]) == (300, log_of(300).checkpoint(300).root.hex())


@pytest.mark.parametrize("size", [300, 299, 400, 600])
def test_another_tree_is_a_fork_and_both_heads_are_kept(monitor: Monitor, served: Path, tmp_path: Path, size: int) -> None:
    """Also where it grew, or is smaller: the tiles come to a root, but not out of the tree that was seen."""
    assert monitor().exit_code == 0
    grow(served, log_of(size, b"another"), size)
    result = monitor("--json")
    assert result.exit_code == 1
    expected = "checkpoint.older" if size < 300 else "log.forked"
    assert expected in [line.get("event", line.get("code")) for line in lines(result)]
    if size >= 300:
        after, before = sorted((tmp_path / "monitor/forks").iterdir())
        shown = [open_note(one.read_bytes(), [log_of(0).verifier]).text for one in (before, after)]
        assert shown == [log_of(300).checkpoint(300).text, log_of(size, b"another").checkpoint(size).text]
    grow(served, log_of(301), 301)
    assert monitor().exit_code == 0  # what was seen first stays what it goes on from


def test_a_tile_that_does_not_fit_is_no_fork(monitor: Monitor, served: Path, tmp_path: Path) -> None:
    """It is named, nothing is learned, and the next look reads it again."""
    assert monitor().exit_code == 0
    grow(served, log_of(400), 400)
    tile = served / "tile/0/001.p/144"
    octets = tile.read_bytes()
    tile.write_bytes(octets[:-1] + bytes([octets[-1] ^ 1]))
    result = monitor("--json")
    assert result.exit_code == 1
    assert "checkpoint.differs" in result.output
    assert not (tmp_path / "monitor/forks").exists()
    tile.write_bytes(octets)
    assert lines(monitor("--json"))[0]["grown"] == 100


def test_a_log_with_another_key_or_none_cannot_be_read(monitor: Monitor, served: Path) -> None:
    (served / "checkpoint").write_bytes(Log("example.com/log", 300).note(300))
    assert monitor().exit_code == 2
    (served / "checkpoint").unlink()
    assert monitor().exit_code == 2


def test_another_log_needs_another_folder(monitor: Monitor, served: Path, tmp_path: Path) -> None:
    assert monitor().exit_code == 0
    other = Log("example.com/other", 300)
    grow(served, other, 300)
    options = ["--log-key", other.verifier.vkey, "--dir", str(tmp_path / "monitor"), "--once"]
    result = CliRunner().invoke(cli, ["log", "monitor", str(served), *options])
    assert result.exit_code == 2
    assert "another --dir" in result.output


def cosigned(served: Path, log: Log, size: int, at: datetime) -> None:
    note = log.note(size).decode() + cosign(log.checkpoint(size), WITNESS, int(at.timestamp()), WITNESS_KEY.sign)
    (served / "checkpoint").write_text(note)


def test_who_cosigned_is_told_and_who_should_have_is_missed(monitor: Monitor, served: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.txt"
    policy.write_text(f"witness w {WITNESS.vkey}\nquorum w\n")
    result = monitor("--policy", str(policy))
    assert result.exit_code == 1
    assert "checkpoint.unwitnessed" in result.output
    cosigned(served, log_of(300), 300, datetime.now(UTC))
    result = monitor("--policy", str(policy), "--max-age-s", "3600", "--json")
    assert result.exit_code == 0
    assert lines(result)[0]["cosigned"] == [WITNESS.name]
    cosigned(served, log_of(300), 300, NOW.replace(year=2020))
    result = monitor("--policy", str(policy), "--max-age-s", "3600")
    assert result.exit_code == 1
    assert "checkpoint.stale" in result.output


def routed(delivery: int, recipient: str, number: int) -> bytes:
    return encode(Routed(at=NOW, sequence=delivery, delivery=delivery, sender="H01.1", recipient=recipient, number=number))


def test_of_a_party_records_are_told_and_gaps_are_named(monitor: Monitor, served: Path) -> None:
    """Across looks, too; what concerns others is not told."""
    log = log_of(0)
    log.leaves = [routed(1, "H01.2", 1), routed(2, "H01.3", 1), routed(3, "H01.2", 2)]
    log.leaves.append(encode(Moved(at=NOW, name="delivered", sequence=1, delivery=1)))
    grow(served, log, 4)
    told = lines(monitor("--json", "--from-start", "--party", "H01.2"))
    assert [(line["event"], line.get("number"), line.get("name")) for line in told[:-1]] == [
        ("log.record", 1, None),
        ("log.record", 2, None),
        ("log.record", None, "delivered"),
    ]
    later = log_of(0)
    later.leaves = [*log.leaves, routed(4, "H01.2", 5), routed(5, "H01.2", 6)]
    grow(served, later, 6)
    result = monitor("--json", "--from-start", "--party", "H01.2")
    assert result.exit_code == 1
    (gap,) = [line for line in lines(result) if line.get("event") == "number.gap"]
    assert (gap["sender"], gap["recipient"], gap["first"], gap["last"]) == ("H01.1", "H01.2", 3, 4)


def test_no_size_that_a_log_signs_keeps_a_monitor_from_saying_so(monitor: Monitor, served: Path) -> None:
    """It is looked at tile by tile, so that a log that wants nobody to look has to serve what it signed."""
    assert monitor().exit_code == 0
    huge = Checkpoint("example.com/log", 2**62 + 5, b"\1" * 32)
    (served / "checkpoint").write_text(sign_checkpoint(huge, log_of(0).verifier, KEY.sign))
    for words in ((), ("--from-start",)):
        result = monitor(*words)
        assert result.exit_code == 2
        assert "tile/0/001" in result.output


def test_what_strangers_wrote_into_a_record_moves_no_cursor(monitor: Monitor, served: Path) -> None:
    """A refusal names the field as its sender wrote it."""
    log = log_of(0)
    log.leaves = [encode(Refused(at=NOW, sender="H01.2", code="envelope.field_invalid", received="x", field="/\x1b[2J\u202e"))]
    grow(served, log, 1)
    result = monitor("--from-start", "--party", "H01.2")
    assert r"field=/\u001b[2J\u202e" in result.output
    assert result.exit_code == 0


def test_a_state_that_cannot_be_read_is_not_overwritten(monitor: Monitor, tmp_path: Path) -> None:
    assert monitor().exit_code == 0
    state = tmp_path / "monitor/state.json"
    state.write_bytes(b"{")
    assert monitor().exit_code == 2
    assert state.read_bytes() == b"{"


def test_it_follows_a_running_hub_over_http(tmp_path: Path) -> None:
    """Hashes as everybody; entries as the agencies that may read them."""
    hub = Hub(tmp_path, {"LGSP_LOG_READERS": "H01.101", "LGSP_LOG_CHECKPOINT_S": "0.1"})
    with hub.serving("run", "--sandbox"):
        key = hub.run("log", "vkey").stdout.split()[0]
        options = ("--log-key", key, "--once", "--json")
        assert wait_until(lambda: answers(int(hub.url.rpartition(":")[2]), "/checkpoint"), 20)
        verified = hub.run("log", "verify", "--tiles", hub.url, "--log-key", key, "--hashes-only")
        assert verified.exit_code == 0, verified.output
        first = hub.run("log", "monitor", hub.url, *options, "--dir", tmp_path / "a")
        assert first.exit_code == 0, first.output
        sent = hub.run("send", "case.file", "--example", "--as", "H01.101", "--to", "H01.102")
        assert sent.exit_code == 0, sent.output
        told = hub.run(
            "log", "monitor", hub.url, *options, "--dir", tmp_path / "b", "--from-start", "--party", "H01.102", "--as", "H01.101"
        )
        assert told.exit_code == 0, told.output
        others = hub.run(
            "log", "monitor", hub.url, *options, "--dir", tmp_path / "c", "--from-start", "--party", "H01.102", "--as", "H01.102"
        )
        assert others.exit_code == 2
        assert "log_readers" in others.output
    assert hub.run("log", "verify").exit_code == 0
