"""How operators connect foreign systems: where they are pushed to, polled, and which buses carry whom."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from adapters.registry import CHECKS, COLLECTORS, FEED_CHECKS, REGISTRY
from contracts.agency import AgencyCode
from contracts.feed import Collected, FeedTrouble
from lgsp.cli import cli
from lgsp.commands.agency import in_store
from lgsp.core.directory import Agency, Directory
from lgsp.core.feed import FeedState, write_state
from lgsp.flow.collecting import STATE
from lgsp.settings import Settings

BUS = "BUS.01"
URL = "http://127.0.0.1:9/in"


class Silent:
    """An adapter that only the registry knows."""


@pytest.fixture(autouse=True)
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LGSP_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("LGSP_SETTINGS", raising=False)
    monkeypatch.setattr("adapters.registry.COLLECTORS", {"silent": Silent, "other": Silent})
    monkeypatch.setattr("adapters.registry.REGISTRY", {"webhook": Silent, "silent": Silent})
    assert lgsp("agency", "add", BUS, "--name", "Trục quốc gia", "--level", "national").exit_code == 0
    return tmp_path / "var"


def lgsp(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments])


def done(*arguments: object) -> Any:
    result = lgsp(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*arguments: object) -> str:
    result = lgsp(*arguments)
    assert result.exit_code in (1, 2), result.output
    return result.output


def stored(var: Path) -> Agency:
    directory: Directory = in_store(Settings(data_dir=var), lambda store: store.directory())
    return directory.agencies[BUS]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("bí mật của đối tác\n")
    return file


# what an adapter knows to be wrong


@pytest.mark.parametrize(
    ("command", "adapter", "options", "told"),
    [
        ("feed", "vnpost", ("custmer.AG-1=H01.10",), "no option custmer.AG-1"),
        ("feed", "vnpost", ("status.37=retuned",), "option status.37"),
        ("feed", "vnpost", ("shape=2024",), "option shape"),
        ("feed", "edxml_bus", ("system_id=H01",), "no option system_id"),
        ("feed", "edxml_bus", (), "systemid is missing"),
        ("feed", "edoc_soap", (), "organ_id"),
        ("endpoint", "vnpost", ("acepted=100",), "no option acepted"),
        ("endpoint", "edxml_bus", ("systemid=H01", "wire=net"), "wire is java"),
    ],
)
def test_what_cannot_be_right_is_told_when_it_is_registered(
    var: Path, secret: Path, monkeypatch: pytest.MonkeyPatch, command: str, adapter: str, options: tuple[str, ...], told: str
) -> None:
    """And nothing is registered."""
    monkeypatch.setattr("adapters.registry.COLLECTORS", COLLECTORS)
    monkeypatch.setattr("adapters.registry.REGISTRY", REGISTRY)
    named = [word for one in options for word in ("--option", one)]
    assert told in refused("agency", command, BUS, URL, "--adapter", adapter, "--secret-file", secret, *named)
    assert getattr(stored(var), command) is None


def test_every_adapter_that_has_options_looks_at_them() -> None:
    assert set(CHECKS) == set(REGISTRY) - {"webhook"} and set(FEED_CHECKS) == set(COLLECTORS)


# feeds


def test_a_feed_is_registered_changed_and_switched_off(var: Path, secret: Path) -> None:
    """Bit by bit; what is not named stays."""
    done("agency", "feed", BUS, URL, "--adapter", "silent", "--option", "system_id=H01", "--secret-file", secret)
    done("agency", "feed", BUS, "--every-s", 5, "--option", "kind=edoc")
    done("agency", "feed", BUS, "--off", "--option", "kind=")
    feed = stored(var).feed
    assert feed is not None
    assert (feed.adapter, feed.url, feed.secret, feed.every_s, feed.enabled) == ("silent", URL, "bí mật của đối tác", 5.0, False)
    assert feed.options == {"system_id": "H01"}
    done("agency", "feed", BUS, "--remove")
    assert stored(var).feed is None


def test_another_collector_begins_anew(var: Path, secret: Path) -> None:
    """The secret of one partner is never given to another."""
    done("agency", "feed", BUS, URL, "--adapter", "silent", "--secret-file", secret)
    assert "give the URL" in refused("agency", "feed", BUS, "--adapter", "other")
    done("agency", "feed", BUS, URL, "--adapter", "other")
    feed = stored(var).feed
    assert feed is not None and feed.secret == ""


def test_how_it_goes_with_a_feed_is_shown(var: Path) -> None:
    """Without its secret."""
    done("agency", "feed", BUS, URL, "--adapter", "silent")
    assert "not polled yet" in lgsp("agency", "feed", BUS).output
    now = datetime.now(UTC)
    state = FeedState().after(Collected(taken=3, refused=1), now).after(FeedTrouble("delivery.timeout", "no answer"), now)

    async def keep(store: Any) -> None:
        await store.set_mark(AgencyCode(BUS), STATE, write_state(state))

    in_store(Settings(data_dir=var), keep)
    shown = done("agency", "feed", BUS)
    assert (shown["state"]["taken"], shown["state"]["reason"], "secret" in shown) == (3, "delivery.timeout", False)
    assert "failing (1×" in lgsp("agency", "feed", BUS).output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((URL,), "give its URL and --adapter"),
        (("--every-s", "5"), "give its URL and --adapter"),
        ((URL, "--adapter", "carrier-pigeon"), "there are silent, other"),
        (("ftp://x/", "--adapter", "silent"), "is no address"),
        (("http://user@x/", "--adapter", "silent"), "without a user name"),
        ((URL, "--adapter", "silent", "--option", "system_id"), "is no NAME=VALUE"),
        ((URL, "--adapter", "silent", "--option", "client_secret=x"), "sounds like a secret"),
        ((), "has no feed"),
    ],
)
def test_a_feed_that_cannot_work_is_refused(arguments: tuple[str, ...], said: str) -> None:
    """With what to do about it."""
    assert said in refused("agency", "feed", BUS, *arguments)


# endpoints


def test_an_endpoint_of_another_adapter_has_options_and_the_partners_secret(var: Path, secret: Path, tmp_path: Path) -> None:
    """No secret of ours is made for it; a new address keeps what it had."""
    wsdl = tmp_path / "service.wsdl"
    wsdl.write_text("<definitions/>")
    told = done(
        "agency",
        "endpoint",
        BUS,
        URL,
        "--adapter",
        "silent",
        "--option",
        "operation=Nhận",
        "--secret-file",
        secret,
        "--wsdl",
        wsdl,
    )
    assert "endpoint_secret" not in told
    done("agency", "endpoint", BUS, URL + "2")
    endpoint = stored(var).endpoint
    assert endpoint is not None
    assert (endpoint.adapter, endpoint.url, endpoint.secret) == ("silent", URL + "2", "bí mật của đối tác")
    assert (endpoint.options, endpoint.wsdl) == ({"operation": "Nhận"}, "<definitions/>")
    assert "its own, not ours" in refused("agency", "endpoint", BUS, "--rotate")
    assert "14 characters" in lgsp("agency", "show", BUS).output


def test_a_webhook_after_another_adapter_gets_a_secret_of_its_own(var: Path, secret: Path) -> None:
    """And forgets options that it does not know."""
    done("agency", "endpoint", BUS, URL, "--adapter", "silent", "--option", "a=b", "--secret-file", secret)
    assert done("agency", "endpoint", BUS, URL, "--adapter", "webhook")["endpoint_secret"].startswith("whsec_")
    endpoint = stored(var).endpoint
    assert endpoint is not None and endpoint.options == {}


def test_an_options_value_may_change_alone(var: Path) -> None:
    """Without the address being given again; an adapter may not."""
    done("agency", "endpoint", BUS, URL)
    done("agency", "endpoint", BUS, "--option", "a=b")
    endpoint = stored(var).endpoint
    assert endpoint is not None and endpoint.options == {"a": "b"}
    assert "give the URL" in refused("agency", "endpoint", BUS, "--adapter", "silent", "--on")


def test_a_secret_that_is_none_is_refused(tmp_path: Path) -> None:
    """An empty file, most likely."""
    (tmp_path / "empty").write_text("")
    assert "no secret" in refused("agency", "endpoint", BUS, URL, "--secret-file", tmp_path / "empty")


# other buses


def test_another_bus_carries_bodies(var: Path) -> None:
    """Patterns replace those said before."""
    done("agency", "carry", BUS, "G*", "H02*")
    assert stored(var).carries == ("G*", "H02*")
    done("agency", "carry", BUS, "--nothing")
    assert stored(var).carries == ()
    assert "a star stands at the end only" in refused("agency", "carry", BUS, "*G")
    assert "Name at least one" in refused("agency", "carry", BUS)


def test_registering_is_allowed_and_forbidden(var: Path) -> None:
    """Nobody may from the start."""
    assert not stored(var).may_register
    done("agency", "registering", BUS, "--may")
    assert stored(var).may_register
    done("agency", "registering", BUS, "--may-not")
    assert not stored(var).may_register


def test_a_list_that_is_imported_again_keeps_secrets(var: Path, secret: Path, tmp_path: Path) -> None:
    """Of endpoint and feed; the list itself shows none."""
    done("agency", "endpoint", BUS, URL, "--adapter", "silent", "--secret-file", secret)
    done("agency", "feed", BUS, URL, "--adapter", "silent", "--secret-file", secret)
    listed = lgsp("agency", "list", "--json").stdout
    assert "bí mật" not in listed
    (tmp_path / "list.json").write_text(listed)
    done("agency", "import", tmp_path / "list.json")
    one = stored(var)
    assert one.feed is not None and one.endpoint is not None
    assert one.feed.secret == one.endpoint.secret == "bí mật của đối tác"
