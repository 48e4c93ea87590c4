"""The balance, broken on purpose: the command line, the metric, the log and the hub itself say so."""

import json
import sqlite3
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from contracts.agency import AgencyCode
from lgsp.cli import cli
from lgsp.commands.agency import in_store
from lgsp.core.directory import Agency
from lgsp.core.lifecycle import State
from lgsp.ports import Settlement, Store
from lgsp.settings import Settings
from tests.compliance.builders import LEASE_S, SENDER, admitted
from tests.integration.cli_hub import Hub
from tests.integration.http_hub import COMMUNE, http_hub
from tests.integration.test_http_envelopes import assert_problem
from tests.servers.process import wait_until

OFFICE = AgencyCode("H01.15")
NOW = datetime.now(UTC)
EQUATION = "4 accepted = 2 delivered + 0 refused + 0 dead + 0 expired + 0 cancelled + 2 in flight"


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four deliveries, two of which have arrived; the others wait in a mailbox, so that nothing moves by itself."""
    monkeypatch.setenv("LGSP_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("LGSP_SETTINGS", raising=False)

    async def fill(store: Store) -> None:
        await store.save_agencies([Agency(code=OFFICE, name_vi="Sở Tư pháp")])
        await store.accept(
            [admitted(f"m{n}", OFFICE, mode="mailbox", life=timedelta(days=3650)) for n in (1, 2, 3, 4)], NOW, LEASE_S
        )
        await store.settle([Settlement(delivery_id=n, state=State.DELIVERED, recipient=OFFICE) for n in (1, 2)], NOW, LEASE_S)

    in_store(Settings(data_dir=tmp_path / "var"), fill)
    return tmp_path / "var"


def meddle(var: Path, sql: str) -> None:
    with sqlite3.connect(var / "journal.db", timeout=20) as connection:
        assert connection.execute(sql).rowcount == 1
    connection.close()


def lgsp(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def test_a_sound_journal_balances(var: Path) -> None:
    """The equation, every state, exit status 0."""
    shown = lgsp("balance")
    assert shown.exit_code == 0 and EQUATION in shown.output
    told = json.loads(lgsp("balance", "--json", "--find").stdout)
    assert (told["accepted"], told["delivered"], told["in_flight"], told["difference"]) == (4, 2, 2, 0)
    assert (told["by_state"]["available"], told["ended_events"]["delivered"], told["mismatches"]) == (2, 2, [])


@dataclass(frozen=True)
class Broken:
    """What somebody did to the journal; the difference, and the delivery it is found by: its id, state and events."""

    sql: str
    difference: int
    found: tuple[int, str | None, dict[str, int]]


BROKEN = [
    Broken("DELETE FROM events WHERE delivery_id = 3 AND name = 'accepted'", 1, (3, "available", {})),
    Broken("UPDATE deliveries SET state = 10 WHERE delivery_id = 3", 1, (3, "delivered", {"accepted": 1})),
    Broken(
        "UPDATE deliveries SET state = 3, ended_at = NULL WHERE delivery_id = 1",
        1,
        (1, "available", {"accepted": 1, "delivered": 1}),
    ),
    Broken("UPDATE deliveries SET state = 11 WHERE delivery_id = 2", 2, (2, "refused", {"accepted": 1, "delivered": 1})),
    Broken("DELETE FROM deliveries WHERE delivery_id = 4", 1, (4, None, {"accepted": 1})),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.sql.partition(" WHERE ")[0])
def test_a_journal_that_somebody_meddled_with_is_named_with_its_deliveries(var: Path, broken: Broken) -> None:
    """Exit status 1, the difference, and with --find where it is."""
    meddle(var, broken.sql)
    shown = lgsp("balance", "--find")
    assert shown.exit_code == 1
    assert "≠" in shown.output and "RUNBOOK" in shown.output and f"differ by {broken.difference}" in shown.output
    form = json.loads(lgsp("balance", "--find", "--json").stdout)
    assert (form["code"], form["difference"]) == ("balance.broken", broken.difference)
    (found,) = form["mismatches"]
    assert (found["delivery_id"], found["state"], found["events"]) == broken.found
    assert found["envelope"] == (None if broken.found[1] is None else f"{SENDER}/m{broken.found[0]}")


def test_two_errors_that_cancel_each_other_out_are_found_all_the_same(var: Path) -> None:
    """The sums agree, the deliveries do not."""
    meddle(var, "UPDATE deliveries SET state = 10 WHERE delivery_id = 3")
    meddle(var, "UPDATE deliveries SET state = 3, ended_at = NULL WHERE delivery_id = 1")
    assert lgsp("balance").exit_code == 0
    found = lgsp("balance", "--find", "--json")
    assert found.exit_code == 1
    assert [one["delivery_id"] for one in json.loads(found.stdout)["mismatches"]] == [1, 3]


def test_a_running_hub_raises_the_alarm(var: Path, tmp_path: Path) -> None:
    """Metric and log within seconds, and they say how many; before that there was none."""
    hub = Hub(tmp_path)
    with hub.serving("run"):
        assert wait_until(lambda: difference(hub) == 0, 20)
        assert "balance.broken" not in hub.log("run").read_text()
        meddle(var, "DELETE FROM events WHERE delivery_id = 3 AND name = 'accepted'")
        assert wait_until(lambda: difference(hub) == 1, 20)
        assert wait_until(lambda: bool(lines(hub, "balance.broken")), 20)
    line = lines(hub, "balance.broken")[0]
    assert (line["level"], line["deliveries"]) == ("error", 1)


def difference(hub: Hub) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{hub.port}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("lgsp_balance_difference "))


def lines(hub: Hub, event: str) -> list[dict[str, Any]]:
    read: Callable[[str], dict[str, Any]] = json.loads
    return [one for one in map(read, hub.log("run").read_text().splitlines()) if one["event"] == event]


async def test_the_operator_asks_over_http_and_nobody_else(tmp_path: Path) -> None:
    """Its agency is the hub itself."""
    agencies = [
        Agency(code=AgencyCode("HUB"), name_vi="Trung tâm dữ liệu tỉnh", level="hub"),
        Agency(code=COMMUNE, name_vi="UBND xã Hồ Đắc Kiện"),
    ]
    async with http_hub(tmp_path, agencies=agencies) as hub:
        assert_problem(await hub.call("GET", "/v1/balance"), 403, "access.operator_only")
        told = (await hub.call("GET", "/v1/balance", agency="HUB")).json
        assert (told["accepted"], told["in_flight"], told["difference"]) == (0, 0, 0)
