"""Settings: read once, every problem at once, no secret on a screen."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgsp.errors import SettingsError
from lgsp.settings import Settings


def problems_of(environ: dict[str, str], path: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings.load(path, environ)
    return caught.value.problems


def test_without_file_and_environment_the_defaults_hold() -> None:
    """A hub on a laptop needs no settings at all."""
    assert Settings.load(None, {}) == Settings()
    assert Settings().problems() == []


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """A container overrules its file by LGSP_<NAME>; what is in one only is taken from there."""
    file = tmp_path / "settings.toml"
    file.write_text('listen_port = 9000\nhub_code = "H01"\n')
    settings = Settings.load(file, {"LGSP_LISTEN_PORT": "9100", "HOME": "/root"})
    assert (settings.listen_port, settings.hub_code) == (9100, "H01")


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    """An operator mends a file in one go: wrong types, ranges, unknown names and contradictions are named together."""
    file = tmp_path / "settings.toml"
    file.write_text(
        'listen_port = 70000\ncommit_bach = 3\nbroker_shards = "many"\nlog_level = "loud"\ntls_cert_file = "hub.pem"\n'
    )
    found = "\n".join(problems_of({"LGSP_METRICS_PORT": "x", "LGSP_READY_LEASE_S": "1"}, file))
    for name in (
        "listen_port",
        "commit_bach",
        "commit_batch",
        "broker_shards",
        "log_level",
        "tls_key_file",
        "LGSP_METRICS_PORT",
        "ready_lease_s",
    ):
        assert name in found


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"LGSP_LISTEN_PROT": "1"}, "did you mean listen_port"),
        ({"LGSP_AMQP_URL": "http://broker"}, "amqp_url"),
        ({"LGSP_JOURNAL_URL": "mysql://db/lgsp"}, "journal_url"),
        ({"LGSP_JOURNAL_URL": "sqlite:///"}, "journal_url"),
        ({"LGSP_PUBLIC_URL": "hub.angiang.gov.vn"}, "public_url"),
        ({"LGSP_PUBLIC_URL": "http://hub:99999999"}, "public_url"),
        ({"LGSP_HUB_CODE": "Trục"}, "hub_code"),
        ({"LGSP_BROKER_PREFIX": "LGSP *"}, "broker_prefix"),
        ({"LGSP_TLS_CLIENT_CA_FILE": "ca.pem"}, "tls_client_ca_file"),
        ({"LGSP_METRICS_PORT": "8080"}, "metrics_port"),
        ({"LGSP_MAX_BATCH_BYTES": "1000"}, "max_batch_bytes"),
        ({"LGSP_COMMIT_BATCH": "5000"}, "commit_batch"),
        ({"LGSP_RETRY_SCHEDULE_S": ""}, "LGSP_RETRY_SCHEDULE_S"),
        ({"LGSP_RETRY_SCHEDULE_S": "5,-1"}, "LGSP_RETRY_SCHEDULE_S"),
        ({"LGSP_DATA_DIR": ""}, "LGSP_DATA_DIR"),
        ({"LGSP_AMQP_URL_FILE": "/nowhere/amqp_url"}, "LGSP_AMQP_URL_FILE"),
    ],
)
def test_one_mistake_is_one_problem_that_names_the_setting(environ: dict[str, str], named: str) -> None:
    """Each line says which setting is wrong, and nothing else is blamed for it."""
    (problem,) = problems_of(environ)
    assert named in problem


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    """LGSP_AMQP_URL_FILE, or amqp_url_file in the settings, names a file with the value, as container secrets do."""
    secret = tmp_path / "amqp_url"
    secret.write_text("amqp://hub:pw@broker/lgsp\n")
    file = tmp_path / "settings.toml"
    file.write_text(f'amqp_url_file = "{secret}"\n')
    assert Settings.load(file, {}).amqp_url == "amqp://hub:pw@broker/lgsp"
    assert Settings.load(None, {"LGSP_AMQP_URL_FILE": str(secret)}).amqp_url == "amqp://hub:pw@broker/lgsp"


def test_a_setting_that_ends_in_file_is_itself(tmp_path: Path) -> None:
    """LGSP_TLS_CERT_FILE is the path of the certificate, not a file that holds a setting."""
    settings = Settings.load(None, {"LGSP_TLS_CERT_FILE": "hub.pem", "LGSP_TLS_KEY_FILE": "hub.key"})
    assert settings.tls_cert_file == Path("hub.pem")
    assert settings.base_url == "https://127.0.0.1:8080"


def test_the_same_setting_twice_in_one_place_is_a_problem(tmp_path: Path) -> None:
    """Value and file for one setting contradict each other: the hub does not guess which one counts."""
    secret = tmp_path / "amqp_url"
    secret.write_text("amqp://one/")
    (problem,) = problems_of({"LGSP_AMQP_URL": "amqp://two/", "LGSP_AMQP_URL_FILE": str(secret)})
    assert "twice" in problem


def test_what_is_not_a_setting_of_the_hub_is_left_alone() -> None:
    """The command line and the tests have variables of their own with the same prefix."""
    assert Settings.load(None, {"LGSP_CLIENT_SECRET": "s", "LGSP_URL": "http://x", "LGSP_TEST_AMQP_URL": "a"}) == Settings()


@pytest.mark.parametrize("content", ["listen_port = ", "\xff\xfe"])
def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path, content: str) -> None:
    """Broken TOML and a missing file are refused with the file's name."""
    file = tmp_path / "settings.toml"
    file.write_bytes(content.encode("latin-1"))
    (broken,) = problems_of({}, file)
    (missing,) = problems_of({}, tmp_path / "nothing.toml")
    assert "settings.toml" in broken
    assert "nothing.toml" in missing


def test_passwords_are_never_shown() -> None:
    """Neither repr, nor redacted, nor a problem carries what stands between the colon and the @."""
    environ = {
        "LGSP_AMQP_URL": "amqp://hub:geheim@broker/lgsp",
        "LGSP_JOURNAL_URL": "postgresql://hub:geheim@db/lgsp?password=geheim",
    }
    settings = Settings.load(None, environ)
    assert "geheim" not in repr(settings) + str(settings.redacted()) + "".join(
        problems_of({"LGSP_AMQP_URL": "ampq://hub:geheim@broker"})
    )
    assert settings.redacted()["amqp_url"] == "amqp://hub:***@broker/lgsp"


@given(
    st.dictionaries(
        st.sampled_from(["listen_port", "retry_schedule_s", "amqp_url", "data_dir", "log_level", "upload_life_h", "zzz"]),
        st.text(),
    )
)
def test_any_text_in_the_environment_is_a_setting_or_a_problem(texts: dict[str, str]) -> None:
    """Nothing in the environment makes the program fail in any other way than SettingsError with problems."""
    try:
        settings = Settings.load(None, {f"LGSP_{name.upper()}": text for name, text in texts.items()})
    except SettingsError as error:
        assert error.problems
    else:
        assert settings.problems() == []


def test_paths_and_addresses_follow_from_few_settings() -> None:
    """data_dir moves everything; public_url wins over the address listened on."""
    settings = Settings(data_dir=Path("/srv/lgsp"))
    assert settings.sqlite_path == Path("/srv/lgsp/journal.db")
    assert settings.blobs_path == Path("/srv/lgsp/blobs")
    assert settings.token_key_path == Path("/srv/lgsp/token.key")
    assert settings.keys_path == Path("/srv/lgsp/keys")
    assert Settings(journal_url="postgresql:///lgsp").sqlite_path is None
    assert Settings(journal_url="sqlite:////srv/j.db").sqlite_path == Path("/srv/j.db")
    assert Settings(listen_host="::1", listen_port=1).base_url == "http://[::1]:1"
    assert Settings(public_url="https://hub.example.vn/").base_url == "https://hub.example.vn"
