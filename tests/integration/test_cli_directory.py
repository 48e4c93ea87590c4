"""What operators say of agencies beyond addresses and keys: who gets copies, in which order, how long one tries."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lgsp.cli import cli
from lgsp.commands.agency import in_store
from lgsp.core.directory import Agency, Directory, Subscription
from lgsp.settings import Settings

STAT = "H01.20"


@pytest.fixture(autouse=True)
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a subscriber to be, a commune, and the hub itself."""
    monkeypatch.setenv("LGSP_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("LGSP_SETTINGS", raising=False)
    for code, level in ((STAT, "department"), ("H01.101", "commune"), ("HUB", "hub")):
        assert lgsp("agency", "add", code, "--name", f"Cơ quan {code}", "--level", level).exit_code == 0
    return tmp_path / "var"


def lgsp(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments])


def done(*arguments: object) -> Any:
    result = lgsp(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def stored(var: Path, code: str = STAT) -> Agency:
    directory: Directory = in_store(Settings(data_dir=var), lambda store: store.directory())
    return directory.agencies[code]


# subscriptions


def test_a_subscription_is_made_shown_and_ended(var: Path) -> None:
    """Several stand beside each other, the same one twice is one; they end kind by kind or all at once."""
    done("agency", "subscribe", STAT, "--kind", "case.*", "--kind", "postal.event")
    done("agency", "subscribe", STAT, "--kind", "case.result", "--sender", "H01.101", "--recipient", "H01.101")
    done("agency", "subscribe", STAT, "--kind", "case.result", "--sender", "H01.101", "--recipient", "H01.101")
    assert stored(var).subscriptions == (
        Subscription(kinds=("case.*", "postal.event")),
        Subscription(kinds=("case.result",), senders=("H01.101",), recipients=("H01.101",)),
    )
    shown = lgsp("agency", "show", STAT).output
    assert "Nhận bản sao của · Gets copies of" in shown and "case.*, postal.event" in shown and "H01.101" in shown
    assert len(json.loads(lgsp("agency", "show", STAT, "--json").stdout)["subscriptions"]) == 2
    done("agency", "unsubscribe", STAT, "--kind", "postal.event", "--kind", "case.result")
    assert stored(var).subscriptions == (Subscription(kinds=("case.*",)),)
    done("agency", "unsubscribe", STAT)
    assert stored(var).subscriptions == ()
    assert "Gets copies" not in lgsp("agency", "show", STAT).output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("subscribe", STAT), "--kind"),
        (("subscribe", STAT, "--kind", "case.nothing"), "There is no kind case.nothing"),
        (("subscribe", STAT, "--kind", "*", "--sender", "H01.404"), "H01.404, which is not registered"),
        (("subscribe", STAT, "--kind", "*", "--recipient", "H01 404"), "agency.code_malformed"),
        (("subscribe", "H01.404", "--kind", "*"), "There is no agency H01.404"),
        (("subscribe", "HUB", "--kind", "*"), "the hub itself"),
        (("unsubscribe", STAT, "--kind", "case.*"), "has not subscribed to case.*"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_subscription_that_makes_no_sense_is_refused(var: Path, arguments: tuple[str, ...], said: str) -> None:
    """By name, and nothing is changed."""
    result = lgsp("agency", *arguments)
    assert result.exit_code != 0 and said in result.output
    assert stored(var).subscriptions == stored(var, "HUB").subscriptions == ()


def test_an_imported_subscription_is_checked_too(var: Path, tmp_path: Path) -> None:
    """A list that was written by hand may refer to nobody."""
    file = tmp_path / "agencies.json"
    file.write_text(json.dumps([{"code": STAT, "name_vi": "x", "subscriptions": [{"kinds": ["*"], "senders": ["H01.404"]}]}]))
    result = lgsp("agency", "import", file)
    assert result.exit_code == 1 and "H01.404" in result.output


# patience and order


def patience(var: Path) -> tuple[Any, ...]:
    endpoint = stored(var).endpoint
    assert endpoint is not None
    return endpoint.url, endpoint.retry_schedule_s, endpoint.max_age_s, len(endpoint.replies)


def test_an_endpoint_s_own_patience_is_said_kept_and_dropped(var: Path) -> None:
    """With the address or later by itself; a new address keeps it, the hub's own comes back when one says so."""
    done("agency", "endpoint", STAT, "http://x/a", "--retry-schedule", "5, 30,600.5", "--reply", "delivered:409")
    assert patience(var) == ("http://x/a", (5.0, 30.0, 600.5), None, 1)
    done("agency", "endpoint", STAT, "--max-age-s", "7200")
    done("agency", "endpoint", STAT, "http://x/b")
    assert patience(var) == ("http://x/b", (5.0, 30.0, 600.5), 7200.0, 1)
    assert "600.5" in lgsp("agency", "show", STAT).output
    done("agency", "endpoint", STAT, "--retry-schedule", "hub", "--reply", "retry=bận", "--reply", "gone=ngừng")
    assert patience(var) == ("http://x/b", None, 7200.0, 2)
    done("agency", "endpoint", STAT, "http://x/c", "--max-age-s", "hub")
    assert patience(var) == ("http://x/c", None, None, 2)


@pytest.mark.parametrize(
    "options",
    [
        ("--retry-schedule", "5;30"),
        ("--retry-schedule", ""),
        ("--retry-schedule", "0"),
        ("--retry-schedule", "nan"),
        ("--retry-schedule", "1e9"),
        ("--max-age-s", "-1"),
        ("--max-age-s", "2h"),
        ("--max-age-s", "60", "--off"),
    ],
    ids=" ".join,
)
def test_patience_that_cannot_be_meant_is_refused(var: Path, options: tuple[str, ...]) -> None:
    """It is a mistake in the command line: status 2, nothing is changed."""
    done("agency", "endpoint", STAT, "http://x/a")
    assert lgsp("agency", "endpoint", STAT, *options).exit_code == 2
    assert patience(var) == ("http://x/a", None, None, 0)


def test_an_agency_says_whether_it_wants_order(var: Path) -> None:
    """At any time, not only when it is registered."""
    assert stored(var).ordered
    done("agency", "order", STAT, "--no-order")
    assert not stored(var).ordered
    done("agency", "order", STAT, "--ordered")
    assert stored(var).ordered
    assert lgsp("agency", "order", STAT).exit_code == 2
