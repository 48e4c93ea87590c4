"""`lgsp maintenance` and `lgsp drain`, on the journal alone and against a hub that runs."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from lgsp.cli import cli
from lgsp.commands.agency import in_store
from lgsp.core.directory import Agency
from lgsp.core.hold import EVERYBODY, THE_DOOR, Cause, tripped
from lgsp.ports import Ref, Store
from lgsp.settings import Settings
from tests.compliance.builders import LEASE_S, NOW, admitted
from tests.integration.cli_hub import Hub
from tests.servers.process import wait_until

OFFICE = AgencyCode("H01.15")


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal with one agency that is pushed to."""
    monkeypatch.setenv("LGSP_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("LGSP_SETTINGS", raising=False)
    agency = Agency(code=OFFICE, name_vi="Sở Tư pháp", endpoint=Endpoint(adapter="webhook", url="http://127.0.0.1:9/"))
    in_store(Settings(data_dir=tmp_path / "var"), lambda store: store.save_agencies([agency]))
    return tmp_path / "var"


def lgsp(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def held(var: Path, name: str) -> Any:
    return in_store(Settings(data_dir=var), lambda store: store.hold(name))


def test_a_maintenance_begins_is_shown_and_ends(var: Path) -> None:
    """With its note, its end and who said so; ending what is not in maintenance is a mistake that is named."""
    assert lgsp("maintenance", "begin", OFFICE, "--for", "3", "--note", "thay máy chủ").exit_code == 0
    hold = held(var, OFFICE)
    assert hold.cause is Cause.MAINTENANCE and hold.due_at is not None and hold.detail.endswith(": thay máy chủ")
    shown = lgsp("maintenance", "show").output
    assert OFFICE in shown and "thay máy chủ" in shown and "bảo trì" in shown
    told = json.loads(lgsp("maintenance", "show", "--json").stdout)
    assert [(one["recipient"], one["cause"], one["parked"]) for one in told["holds"]] == [(OFFICE, "maintenance", 0)]
    assert [one["name"] for one in told["occurrences"]] == ["maintenance_begun"]
    assert lgsp("maintenance", "end", OFFICE).exit_code == 0
    again = lgsp("maintenance", "end", OFFICE)
    assert again.exit_code == 1 and "maintenance show" in again.output


def test_the_door_and_pushing_are_switches_of_the_whole_hub(var: Path) -> None:
    """Both at once, both ended at once."""
    assert lgsp("maintenance", "begin", "--intake", "--pushing").exit_code == 0
    assert held(var, EVERYBODY) is not None and held(var, THE_DOOR) is not None
    assert lgsp("maintenance", "end", "--intake", "--pushing").exit_code == 0
    assert held(var, EVERYBODY) is None and held(var, THE_DOOR) is None
    assert "Nobody is on hold" in lgsp("maintenance", "show").output


@pytest.mark.parametrize("arguments", [("begin",), ("end",), ("begin", "H01.15", "--intake")])
def test_it_must_be_clear_what_is_meant(var: Path, arguments: tuple[str, ...]) -> None:
    """Exit status 2: the command line is wrong."""
    assert lgsp("maintenance", *arguments).exit_code == 2


def test_an_unknown_agency_is_not_put_on_hold(var: Path) -> None:
    """A slip of the pen would hold nobody and be noticed by nobody."""
    for command in (("maintenance", "begin", "H01.99"), ("drain", "H01.99")):
        result = lgsp(*command)
        assert result.exit_code == 1 and "lgsp agency list" in result.output
    assert held(var, "H01.99") is None


def test_draining_waits_until_nothing_is_under_way(var: Path) -> None:
    """And says how to go on; what is still under way at the end is counted, and the maintenance stays."""

    async def publish(store: Store) -> None:
        await store.accept([admitted("m1", OFFICE)], NOW, LEASE_S)
        await store.mark_queued([Ref(1, 1, 0, 0)], NOW)

    in_store(Settings(data_dir=var), publish)
    result = lgsp("drain", OFFICE, "--wait", "1", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["code"], told["under_way"]) == (1, "drain.unfinished", 1)
    in_store(Settings(data_dir=var), lambda store: store.requeue_all(NOW))
    result = lgsp("drain", "--json", "--wait", "20")
    assert (result.exit_code, json.loads(result.stdout)["undo"]) == (0, "lgsp maintenance end --pushing")


def test_the_doctor_tells_who_is_on_hold(var: Path) -> None:
    """As a warning with the remedy; so does it tell of dead letters."""

    async def break_down(store: Store) -> None:
        await store.change_hold(OFFICE, lambda hold: tripped(hold, OFFICE, "delivery.timeout", "", 0.0, (5.0,), NOW), NOW)

    in_store(Settings(data_dir=var), break_down)
    findings = {one["name"]: one for one in json.loads(lgsp("doctor", "--json").stdout)["findings"]}
    assert findings["recipients"]["verdict"] == "warning" and OFFICE in findings["recipients"]["detail"]
    assert findings["dead"]["verdict"] == "ok"


def test_the_doctor_names_endpoints_that_are_switched_off(var: Path) -> None:
    """As a 410 does it: also where nothing waits for the recipient, an operator is told, with the remedy."""
    assert "switched off" not in lgsp("doctor").output
    assert lgsp("agency", "endpoint", OFFICE, "--off").exit_code == 0
    (finding,) = [one for one in json.loads(lgsp("doctor", "--json").stdout)["findings"] if one["name"] == "recipients"]
    assert finding["verdict"] == "warning" and OFFICE in finding["detail"] and "agency endpoint" in finding["remedy"]


def test_a_running_hub_follows(tmp_path: Path) -> None:
    """While the door is closed senders are told to come back; what was sent before is taken out all the same."""
    hub = Hub(tmp_path)
    with hub.serving("run", "--sandbox"):
        assert hub.run("send", "case.file", "--example", "--as", "H01.101", "--to", "H01.102").exit_code == 0
        assert hub.run("maintenance", "begin", "--intake", "--for", "0.5").exit_code == 0
        answers: list[Any] = []

        def turned_away() -> bool:
            sent = hub.run("send", "case.file", "--example", "--as", "H01.101", "--to", "H01.102", "--json")
            answers.append(json.loads(sent.stdout))
            return sent.exit_code != 0

        assert wait_until(turned_away, 60), "the hub follows within a second or two"
        assert answers[-1]["code"] == "hub.maintenance"
        assert json.loads(hub.run("mailbox", "--as", "H01.102", "--json").stdout)["entries"]
        assert hub.run("maintenance", "end", "--intake").exit_code == 0


def test_a_sender_takes_back_by_command(tmp_path: Path) -> None:
    """`lgsp recall`: each recipient with its outcome."""
    hub = Hub(tmp_path)
    with hub.serving("run", "--sandbox"):
        sent = json.loads(hub.run("send", "case.file", "--example", "--as", "H01.101", "--to", "H01.102", "--json").stdout)
        result = hub.run("recall", sent["message_id"], "--reason", "gửi nhầm", "--as", "H01.101", "--json")
        assert result.exit_code == 0, result.output
        assert [one["outcome"] for one in json.loads(result.stdout)["results"]] == ["cancelled"]
