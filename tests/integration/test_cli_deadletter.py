"""`lgsp deadletter`, on the journal alone and against a hub that runs."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from getpass import getuser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from contracts.envelope import Identifier
from lgsp.cli import cli
from lgsp.commands import replays
from lgsp.commands.agency import in_store
from lgsp.core.directory import Agency, Alias
from lgsp.core.lifecycle import State
from lgsp.ports import Settlement, Store
from lgsp.settings import Settings
from tests.compliance.builders import LEASE_S, admitted
from tests.integration.cli_hub import ROOT, Hub

OFFICE, POST, DESK = AgencyCode("H01.15"), AgencyCode("VNPOST.AG"), AgencyCode("H01.101")
NOBODY = Endpoint(adapter="webhook", url="http://127.0.0.1:9/")
NOW = datetime.now(UTC)
CASE = Identifier("case", "H01.101-261122-0007")


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal with six letters: 1 to 4 for the office, of which the last is past its time, 5 and 6 for the post."""
    monkeypatch.setenv("LGSP_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("LGSP_SETTINGS", raising=False)
    in_store(Settings(data_dir=tmp_path / "var"), letters)
    return tmp_path / "var"


async def letters(store: Store) -> None:
    office = Agency(code=OFFICE, name_vi="Sở Tư pháp", aliases=(Alias(code=AgencyCode("000.00.15.H01")),), endpoint=NOBODY)
    desk = Agency(code=DESK, name_vi="Phường Rạch Giá")
    await store.save_agencies([office, desk, Agency(code=POST, name_vi="Bưu điện tỉnh", endpoint=NOBODY)])
    life = timedelta(days=30)
    sent = [admitted(f"m{n}", OFFICE, sender=DESK, life=life, identifiers=[CASE] if n == 2 else ()) for n in (1, 2, 3)]
    sent += [admitted("m4", OFFICE, sender=DESK, life=NOW - timedelta(seconds=1) - sent[0].envelope.created_at)]
    sent += [admitted(f"m{n}", POST, sender=DESK, life=life) for n in (5, 6)]
    before = NOW - timedelta(hours=1)
    await store.accept(sent, before, LEASE_S)
    why = {"reason": "delivery.retries_exhausted", "detail": "delivery.timeout: 30 s"}
    await store.settle([Settlement(delivery_id=n, state=State.DEAD, **why) for n in range(1, 6)], before, LEASE_S)
    await store.settle([Settlement(delivery_id=6, state=State.DEAD, reason="delivery.too_old")], NOW, LEASE_S)


def lgsp(*arguments: object, answer: str | None = None) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments], input=answer)


def told(*arguments: object) -> Any:
    result = lgsp(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def ids(*arguments: object) -> list[int]:
    return [one["delivery_id"] for one in told("deadletter", "list", *arguments)["letters"]]


def stepped(var: Path, limit: int = 100) -> int:
    """What the sweeper of a running hub does."""
    later = datetime.now(UTC) + timedelta(seconds=1)
    return len(in_store(Settings(data_dir=var), lambda store: store.step_replays(later, limit, LEASE_S)))


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), [1, 2, 3, 4, 5, 6]),
        (("--recipient", POST), [5, 6]),
        (("--recipient", "000.00.15.H01"), [1, 2, 3, 4]),
        (("--sender", DESK, "--kind", "case.file"), [1, 2, 3, 4, 5, 6]),
        (("--reason", "delivery.too_old"), [6]),
        (("--since", (NOW - timedelta(minutes=5)).astimezone().replace(tzinfo=None).isoformat()), [6]),
        (("--until", (NOW - timedelta(minutes=5)).isoformat()), [1, 2, 3, 4, 5]),
        (("--since", "2020-01-01", "--recipient", POST), [5, 6]),
        (("--case", CASE.value.lower()), [2]),
        (("--id", 3, "--id", 5), [3, 5]),
        (("--limit", 2), [1, 2]),
        (("--after", 4), [5, 6]),
    ],
    ids=[f"way-{number}" for number in range(12)],  # not by value: the time of day is in some
)
def test_letters_are_found_by_what_one_knows_of_them(var: Path, options: tuple[object, ...], found: list[int]) -> None:
    """Every condition must hold; a moment without an offset is local time."""
    assert ids(*options) == found


def test_a_list_says_how_many_there_are_and_where_to_go_on(var: Path) -> None:
    """The count is over all pages, in words and as JSON."""
    first = told("deadletter", "list", "--limit", 4)
    assert (first["count"]["letters"], first["count"]["expired"], first["next_after"]) == (6, 1, 4)
    shown = lgsp("deadletter", "list", "--limit", 4).output
    assert "6 thông điệp không giao được · dead letters; 1 hết hạn · expired" in shown
    assert "--after 4" in shown and f"{DESK} → {OFFICE}" in shown and "deadletter show 1" in shown


def test_a_letter_is_shown_with_its_story_and_what_to_do(var: Path) -> None:
    """The last reason is that of the far side: its remedy is the one that helps."""
    shown = lgsp("deadletter", "show", 2).output
    for part in (CASE.value, "không giao được", "The recipient's system answered too late", "Hệ thống nhận nên ghi lại"):
        assert part in shown, part
    story = told("deadletter", "show", 2)
    assert [event["name"] for event in story["events"]] == ["accepted", "dead"]
    assert (story["letter"]["message_id"], story["letter"]["attempts"]) == ("m2", 1)
    missing = lgsp("deadletter", "show", 99)
    assert missing.exit_code == 1 and "deadletter list" in missing.output


def test_a_replay_is_counted_and_confirmed_before_it_begins(var: Path) -> None:
    """How many, how many expired, since when, for whom; a no changes nothing."""
    asked = lgsp("deadletter", "replay", "--all", answer="n\n")
    assert asked.exit_code == 1
    for part in ("Giao lại 5 thông điệp?", f"→ {OFFICE}", f"→ {POST}", (NOW - timedelta(hours=1)).astimezone().strftime("%H:%M")):
        assert part in asked.output, part
    assert told("deadletter", "replays") == []
    unconfirmed = lgsp("deadletter", "replay", "--all", "--json")
    assert unconfirmed.exit_code == 1
    form = json.loads(unconfirmed.stdout)
    assert (form["code"], form["count"]["by_recipient"]) == ("command.unconfirmed", {OFFICE: 4, POST: 2})
    assert told("deadletter", "replay", "--all", "--dry-run")["count"]["letters"] == 6
    assert told("deadletter", "replays") == []


def test_a_replay_begins_is_looked_at_and_stopped(var: Path) -> None:
    """It has a number, the name of who began it, and moves when the hub steps; what went stays gone."""
    begun = lgsp("deadletter", "replay", "--recipient", OFFICE, "--rate", 2, answer="y\n")
    assert begun.exit_code == 0 and "deadletter cancel 1" in begun.output, begun.output
    assert stepped(var) == 2
    (job,) = told("deadletter", "replays")
    assert (job["replay_id"], job["state"], job["moved"], job["total"], job["operator"]) == (1, "running", 2, 4, getuser())
    assert job["which"]["recipient"] == OFFICE
    stopped = told("deadletter", "cancel", 1)
    assert (stopped["state"], stopped["moved"]) == ("cancelled", 2)
    assert ids("--recipient", OFFICE) == [3, 4]
    assert "đã dừng · stopped" in lgsp("deadletter", "replays", 1).output
    for command in (("cancel", 9), ("replays", 9)):
        unknown = lgsp("deadletter", *command)
        assert unknown.exit_code == 1 and "There is no replay 9" in unknown.output


def test_nothing_to_replay_begins_nothing(var: Path) -> None:
    """No letters, or only such as are past their time."""
    for chosen in (("--reason", "delivery.expired"), ("--id", 4)):
        assert told("deadletter", "replay", *chosen, "--yes")["replay"] is None
    assert told("deadletter", "replays") == []


def test_everything_is_only_meant_when_one_says_so(var: Path) -> None:
    """Forgetting a condition moves and closes nothing."""
    for command in (("replay",), ("resolve", "--note", "x")):
        result = lgsp("deadletter", *command)
        assert result.exit_code == 2 and "--all" in result.output
    assert ids() == [1, 2, 3, 4, 5, 6]


def test_a_letter_that_somebody_has_seen_to_leaves_the_list(var: Path) -> None:
    """With the note and the name in its story."""
    assert told("deadletter", "resolve", "--id", 1, "--note", "đã gửi bản giấy", "--yes") == {"resolved": 1}
    assert ids() == [2, 3, 4, 5, 6]
    assert ids("--resolved") == [1, 2, 3, 4, 5, 6]
    event = told("deadletter", "show", 1)["events"][-1]
    assert (event["name"], event["detail"]) == ("resolved", f"{getuser()}: đã gửi bản giấy")
    assert "Đã xử lý · Resolved" in lgsp("deadletter", "show", 1).output
    assert lgsp("deadletter", "resolve", "--recipient", POST, "--note", "x", answer="n\n").exit_code == 1
    assert ids("--recipient", POST) == [5, 6]


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "--recipient", "H01.404"),
        ("list", "--since", "hôm qua"),
        ("replay", "--all", "--rate", "0"),
        ("replays", "--follow"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_refused(var: Path, arguments: tuple[str, ...]) -> None:
    """A typing error is no empty list."""
    assert lgsp("deadletter", *arguments).exit_code != 0


def test_a_replay_that_does_not_move_is_not_watched_for_ever(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub runs: one is told so, and the job stays."""
    monkeypatch.setattr(replays, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(replays, "_LOOK_S", 0.01)
    result = lgsp("deadletter", "replay", "--all", "--rate", 1000, "--yes", "--follow", "--json")
    assert result.exit_code == 1
    first, shown, failed = [json.loads(line) for line in result.stdout.splitlines()]
    assert (first["replay"]["replay_id"], shown["moved"], failed["code"]) == (1, 0, "replay.waiting")
    assert told("deadletter", "replays", 1)[0]["state"] == "running"


def test_ctrl_c_ends_the_watching_and_not_the_replay(var: Path) -> None:
    """Exit status 0, and how to look again."""
    lgsp("deadletter", "replay", "--all", "--yes")
    command = [sys.executable, "-m", "lgsp.cli", "deadletter", "replays", "1", "--follow", "--json"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["state"] == "running"
        watching.send_signal(signal.SIGINT)
        _, error = watching.communicate(timeout=20)
    assert watching.returncode == 0, error
    assert "the replay goes on" in error
    assert told("deadletter", "replays", 1)[0]["state"] == "running"


def test_a_running_hub_moves_the_letters_while_one_watches(var: Path, tmp_path: Path) -> None:
    """A line of JSON for each step of the way; a bar and the result for people."""
    hub = Hub(tmp_path)
    with hub.serving("run"):
        watched = lgsp("deadletter", "replay", "--recipient", OFFICE, "--rate", 4, "--yes", "--follow", "--json")
        assert watched.exit_code == 0, watched.output
        lines = [json.loads(line) for line in watched.stdout.splitlines()]
        assert lines[0]["replay"]["total"] == 4
        assert (lines[-1]["state"], lines[-1]["moved"], lines[-1]["expired"]) == ("done", 3, 1)
        shown = lgsp("deadletter", "replay", "--recipient", POST, "--yes", "--follow")
        assert shown.exit_code == 0 and "xong · done" in shown.output, shown.output
    assert ids() == [4]
