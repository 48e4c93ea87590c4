"""A witness over HTTP: what it cosigned it remembers, through restarts, kills and two requests at once."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from lgsp.core.log.note import KeyType, NoteVerifier, open_note
from lgsp.core.log.witness import MAX_REQUEST_BYTES
from lgsp.witness.folder import WitnessFolder, WitnessUnusable
from lgsp.witness.server import listening
from lgsp.witness.witness import Witness
from tests.audit.logs import Log, submission

NAME = "thanhtra.example/nhan-chung"
LOG = Log("example.com/log", 300)
FORKED = Log(LOG.origin, 300, key=LOG.key, salt=b"forked")
LOGS = {LOG.origin: [LOG.verifier]}
NOW = datetime(2026, 11, 28, 6, 0, tzinfo=UTC)


class Said(NamedTuple):
    status: int
    media_type: str
    text: str


async def add(url: str, octets: bytes) -> Said:
    async with aiohttp.ClientSession() as session, session.post(f"{url}/add-checkpoint", data=octets) as answer:
        return Said(answer.status, answer.headers["Content-Type"], await answer.text())


@contextmanager
def witness_in(folder: Path) -> Iterator[Witness]:
    place = WitnessFolder(folder)
    with place.alone():
        yield Witness(place, place.identity(NAME), LOGS, lambda: NOW)


def key_of(folder: Path) -> NoteVerifier:
    return WitnessFolder(folder).identity(None).verifier


def check_cosigned(said: Said, folder: Path, size: int) -> None:
    """As a log does it: the lines behind its own note, opened with the witness's key."""
    assert (said.status, said.text[:2]) == (200, "— ")
    note = open_note(LOG.note(size) + said.text.encode(), [key_of(folder)])
    assert [one.time_s for one in note.signed] == [int(NOW.timestamp())]


async def test_a_log_gets_its_cosignatures_over_http(tmp_path: Path) -> None:
    with witness_in(tmp_path) as witness:
        async with listening(witness, "127.0.0.1", 0) as (host, port):
            url = f"http://{host}:{port}"
            for old, new in ((0, 7), (7, 20), (20, 300), (300, 300)):
                check_cosigned(await add(url, submission(LOG, old, new)), tmp_path, new)
            assert await add(url, submission(LOG, 7, 20)) == (409, "text/x.tlog.size", "300\n")
            assert (await add(url, submission(Log("example.com/other", 3), 0, 3))).status == 404
            assert (await add(url, submission(Log(LOG.origin, 3), 0, 3))).status == 403
            assert (await add(url, b"old 1\n")).status == 400
            assert (await add(url, b"x" * (MAX_REQUEST_BYTES + 1))).status == 413
            async with aiohttp.ClientSession() as session, session.get(f"{url}/add-checkpoint") as answer:
                assert answer.status == 405


async def test_a_witness_remembers_over_a_restart(tmp_path: Path) -> None:
    with witness_in(tmp_path) as witness:
        assert witness.answer(submission(LOG, 0, 20)).status == 200
        first = key_of(tmp_path)
    with witness_in(tmp_path) as witness:
        assert key_of(tmp_path) == first
        assert witness.answer(submission(LOG, 0, 10)) == witness.answer(submission(LOG, 10, 15))
        assert witness.answer(submission(LOG, 0, 10)).text == "20\n"
        assert witness.answer(submission(LOG, 20, 25)).status == 200


async def test_of_two_requests_at_once_one_is_told_to_come_again(tmp_path: Path) -> None:
    """Neither order lets the state go back: what stays is the larger tree, or the one that came first."""
    with witness_in(tmp_path) as witness:
        async with listening(witness, "127.0.0.1", 0) as (host, port):
            url = f"http://{host}:{port}"
            sizes = range(10, 40)
            answers = await asyncio.gather(*(add(url, submission(LOG, 0, size)) for size in sizes))
            won = [size for size, said in zip(sizes, answers, strict=True) if said.status == 200]
            assert len(won) == 1
            assert {said.text for said in answers if said.status == 409} == {f"{won[0]}\n"}
            same = await asyncio.gather(*(add(url, submission(LOG, won[0], won[0])) for _ in range(10)))
            assert {said.status for said in same} == {200}


async def test_a_fork_is_refused_and_both_trees_are_kept_to_be_shown(tmp_path: Path) -> None:
    with witness_in(tmp_path) as witness:
        assert witness.answer(submission(LOG, 0, 20)).status == 200
        for _ in range(3):
            assert witness.answer(submission(FORKED, 0, 20)).status == 409
        assert witness.answer(submission(FORKED, 20, 30)).status == 422
    cosigned, other = sorted((tmp_path / "forks").iterdir())
    shown = [open_note(one.read_bytes(), [LOG.verifier]).text for one in (cosigned, other)]
    assert shown == [LOG.checkpoint(20).text, FORKED.checkpoint(20).text]


async def test_what_cannot_be_written_is_not_cosigned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with witness_in(tmp_path) as witness:
        assert witness.answer(submission(LOG, 0, 20)).status == 200
        with monkeypatch.context() as broken:
            broken.setattr("lgsp.witness.folder.replace_file", full)
            assert witness.answer(submission(LOG, 20, 30)).status == 500
            assert witness.answer(submission(LOG, 20, 20)).status == 200
        assert witness.answer(submission(LOG, 20, 30)).status == 200


def test_two_witnesses_do_not_share_a_folder(tmp_path: Path) -> None:
    with witness_in(tmp_path), pytest.raises(WitnessUnusable, match="another witness"), witness_in(tmp_path):
        pass


@pytest.mark.parametrize("gone", ["state.json", "key.json"])
def test_a_witness_that_lost_a_file_does_not_begin_anew_by_itself(tmp_path: Path, gone: str) -> None:
    """One that forgot could be shown another tree under the same name."""
    with witness_in(tmp_path) as witness:
        assert witness.answer(submission(LOG, 0, 20)).status == 200
    (tmp_path / gone).unlink()
    with pytest.raises(WitnessUnusable, match="gone"), witness_in(tmp_path):
        pass


def test_a_state_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with witness_in(tmp_path) as witness:
        assert witness.answer(submission(LOG, 0, 20)).status == 200
    octets = (tmp_path / "state.json").read_bytes()
    for damaged in (b"", octets[:-10], octets.replace(b"\\n20\\n", b"\\n020\\n"), octets.replace(b'"format": 1', b'"format": 2')):
        (tmp_path / "state.json").write_bytes(damaged)
        with pytest.raises(WitnessUnusable), witness_in(tmp_path):
            pass


def test_the_key_is_for_its_owner_only(tmp_path: Path) -> None:
    with witness_in(tmp_path):
        assert stat.S_IMODE((tmp_path / "key.json").stat().st_mode) == 0o600
    (tmp_path / "key.json").chmod(0o640)
    with pytest.raises(WitnessUnusable, match="chmod"), witness_in(tmp_path):
        pass


# killed at the worst moments

KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from lgsp.core.log.note import NoteVerifier
from lgsp.witness import folder, witness

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def before_rename(path, octets, *, mode=0o640):
    path.with_name(f".{path.name}.1234").write_bytes(octets[: len(octets) // 2])
    die()

if sys.argv[1] == "while writing":
    folder.replace_file = before_rename
else:
    witness.cosign = die
place = folder.WitnessFolder(Path(sys.argv[2]))
verifier = NoteVerifier.of(sys.argv[3])
with place.alone():
    one = witness.Witness(place, place.identity(None), {verifier.name: [verifier]}, lambda: datetime.now(UTC))
    one.answer(sys.stdin.buffer.read())
"""


def killed(moment: str, folder: Path, octets: bytes) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, moment, str(folder), LOG.verifier.vkey], input=octets, timeout=60)
    assert ended.returncode == -signal.SIGKILL


def test_killed_between_writing_and_answering_it_remembers_what_it_may_have_said(tmp_path: Path) -> None:
    """Nobody got the cosignature, and the log gets it by asking again; a tree that is not the same does not."""
    with witness_in(tmp_path) as witness:
        assert witness.answer(submission(LOG, 0, 20)).status == 200
    killed("before answering", tmp_path, submission(LOG, 20, 30))
    with witness_in(tmp_path) as witness:
        assert witness.answer(submission(FORKED, 20, 30)).status == 409
        assert witness.answer(submission(LOG, 20, 30)).text == "30\n"
        assert witness.answer(submission(LOG, 30, 30)).status == 200


def test_killed_while_writing_it_is_where_it_was(tmp_path: Path) -> None:
    with witness_in(tmp_path) as witness:
        assert witness.answer(submission(LOG, 0, 20)).status == 200
    killed("while writing", tmp_path, submission(LOG, 20, 30))
    with witness_in(tmp_path) as witness:
        assert witness.answer(submission(LOG, 0, 10)).text == "20\n"
        assert witness.answer(submission(LOG, 20, 30)).status == 200
        assert not list(tmp_path.glob(".*.json.*"))


# the command


def lgsp(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "lgsp.cli", "witness", *words], capture_output=True, text=True, timeout=60)


async def test_the_command_prints_its_key_serves_and_stops_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    made = lgsp("key", "--dir", str(folder), "--name", NAME)
    verifier = NoteVerifier.of(made.stdout.strip())
    assert (verifier.name, verifier.kind) == (NAME, KeyType.COSIGNATURE)
    again = json.loads(lgsp("key", "--dir", str(folder), "--json").stdout)
    assert again == {"name": NAME, "vkey": verifier.vkey}
    words = [sys.executable, "-m", "lgsp.cli", "witness", "run", "--dir", str(folder), "--listen", "127.0.0.1:0"]
    words += ["--log", LOG.verifier.vkey]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        started = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
        assert (started["event"], started["key"], started["logs"]) == ("witness.started", NAME, 1)
        said = await add(f"http://{started['address']}", submission(LOG, 0, 20))
        assert open_note(LOG.note(20) + said.text.encode(), [verifier]).signed[0].by == verifier
        assert lgsp("run", "--dir", str(folder), "--log", LOG.verifier.vkey, "--listen", "127.0.0.1:0").returncode == 1
        assert lgsp("key", "--dir", str(folder)).stdout.strip() == verifier.vkey
        os.kill(process.pid, signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        if process.returncode is None:
            process.kill()


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["key"], 1, "needs a name"),
        (["key", "--name", "has space"], 1, "spaces"),
        (["run", "--log", "nonsense"], 2, "neither a key"),
        (["run", "--log", LOG.verifier.vkey, "--listen", "8181"], 2, "HOST:PORT"),
        (["run"], 2, "--log"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(tmp_path: Path, words: list[str], status: int, told: str) -> None:
    ended = lgsp(words[0], "--dir", str(tmp_path / "w"), *words[1:])
    assert ended.returncode == status
    assert told in ended.stderr
