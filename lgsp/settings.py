"""All knobs, as one frozen value read once at start: a TOML file, then LGSP_<NAME> of the environment over it.

`deploy/settings.example.toml` explains each one: unit, default, when to change it. A value that is better kept in a
file of its own (a URL with a password) is named by `<name>_file` or LGSP_<NAME>_FILE: LoadCredential, container secrets.
"""

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_type_hints
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import Meta

from contracts.agency import AgencyCode, agency_code
from contracts.errors import ContractError
from lgsp.errors import SettingsError

MIB = 1024 * 1024

Count = Annotated[int, Meta(ge=1)]
Bytes = Annotated[int, Meta(ge=1)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(gt=0, le=7 * 24 * 3600)]
Schedule = Annotated[tuple[Seconds, ...], Meta(min_length=1, max_length=100)]
Names = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=500)], ...], Meta(max_length=100)]

_ENVIRONMENT = "LGSP_"
_HUB = AgencyCode("HUB")
_WEB = ("http", "https")
# What the command line and the tests read from the environment; not settings of a hub.
_NOT_SETTINGS = frozenset({"settings", "url", "client_id", "client_secret", "ca_file", "sender", "webhook_secret"})
_TESTS = "test_"
_GOT = re.compile(r"`|, got `\w+`")  # msgspec's words; the value itself says more than its type
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*))+")
_ORIGIN = re.compile(r"[^\s+\x00-\x1f\x7f]{1,200}")  # C2SP signed-note: names of keys
_PREFIX = re.compile(r"[a-z][a-z0-9_.-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Names carry their unit. `load` is the only door for foreign input; what it returns has no problems."""

    hub_code: AgencyCode = _HUB
    hub_name: str = "LGSP"

    data_dir: Path = Path("var")
    blobs_dir: Path | None = None  # None: data_dir/blobs
    journal_url: str = field(default="", repr=False)  # "": SQLite in data_dir/journal.db; may carry a password
    amqp_url: str = field(default="", repr=False)  # "": broker inside the process; carries a password
    broker_prefix: str = "lgsp"
    broker_shards: Annotated[int, Meta(ge=1, le=256)] = 8

    listen_host: str = "127.0.0.1"
    listen_port: Port = 8080
    metrics_port: Port = 0  # 0: off
    public_url: str = ""  # "": http(s)://listen_host:listen_port
    facades: Names = ("*",)  # all
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_client_ca_file: Path | None = None
    token_key_file: Path | None = None  # None: data_dir/token.key
    trust_dir: Path | None = None  # None: data_dir/trust
    revocation_hosts: Names = ()  # nothing is fetched from anybody else
    revocation_refresh_s: Seconds = 3600.0
    revocation_timeout_s: Seconds = 30.0
    revocation_max_bytes: Annotated[int, Meta(ge=1024, le=32 * MIB)] = 32 * MIB
    revocation_max_age_h: Annotated[float, Meta(gt=0, le=24 * 366)] = 7 * 24
    revocation_grace_h: Annotated[float, Meta(ge=0, le=24 * 30)] = 0
    crl_urls: Names = ()
    time_stamp_policies: Names = ()  # any
    time_stamp_urls: Names = ()
    time_stamp_timeout_s: Seconds = 10.0
    signatures: Literal["enforce", "record"] = "enforce"
    signature_policy_file: Path | None = None  # None: the catalogue's rules
    keys_dir: Path | None = None  # None: data_dir/keys
    pkcs11_module: Path | None = None  # None: no token
    pkcs11_token: str = ""  # label of the token
    pkcs11_pin: str = field(default="", repr=False)
    log_dir: Path | None = None  # None: data_dir/log
    log_origin: str = ""  # "": lgsp/<hub_code>
    log_checkpoint_s: Annotated[float, Meta(ge=0.1, le=3600)] = 1.0
    log_stamp_s: Annotated[float, Meta(ge=1, le=7 * 24 * 3600)] = 600.0
    log_readers: Names = ()  # beside the operator
    witness_policy_file: Path | None = None  # None: no witnesses
    witness_timeout_s: Annotated[float, Meta(gt=0, le=60)] = 5.0
    token_life_s: Annotated[int, Meta(ge=60, le=24 * 3600)] = 3600
    long_poll_max_s: Annotated[float, Meta(ge=0, le=300)] = 55.0

    max_body_bytes: Bytes = 10 * MIB
    max_packet_bytes: Bytes = 80 * MIB
    max_batch_bytes: Bytes = 64 * MIB
    max_batch_envelopes: Annotated[int, Meta(ge=1, le=10_000)] = 1000
    max_attachment_bytes: Bytes = 2048 * MIB
    upload_life_h: Annotated[float, Meta(gt=0, le=24 * 30)] = 24
    default_life_days: Annotated[int, Meta(ge=1, le=366)] = 30
    quota_per_s: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.0  # 0: no limit
    quota_burst: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000
    quota_gateways: Annotated[int, Meta(ge=1, le=1000)] = 1

    intake_capacity: Count = 4000
    commit_batch: Annotated[int, Meta(ge=1, le=10_000)] = 250
    worker_concurrency: Annotated[int, Meta(ge=1, le=10_000)] = 128
    prefetch: Annotated[int, Meta(ge=1, le=1000)] = 128
    # Ends after 65 h: what was sent on Friday evening to an office that switches off for the weekend arrives on Monday.
    retry_schedule_s: Schedule = (5, 30, 120, 600, 1800, 7200, 18000, 36000, 43200, 43200, 43200, 43200)
    retry_max_age_s: Seconds = 4 * 24 * 3600.0
    breaker_failures: Count = 5
    breaker_probes_s: Schedule = (5, 10, 20, 40, 60)
    ready_lease_s: Seconds = 15.0
    stuck_after_s: Seconds = 3600.0
    sweep_interval_s: Annotated[float, Meta(ge=0.05, le=60)] = 0.5
    sweep_batch: Annotated[int, Meta(ge=1, le=10_000)] = 500
    publish_timeout_s: Seconds = 10.0
    journal_timeout_s: Seconds = 30.0

    retention_file: Path | None = None  # None: everything is kept for ever
    archive_dir: Path | None = None  # None: data_dir/archive
    archive_hook: str = ""  # "": who exports sees to it that files are taken over
    archive_hook_timeout_s: Seconds = 600.0
    archive_max_envelopes: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    archive_max_bytes: Bytes = 256 * MIB
    archive_attachments: bool = True

    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    shutdown_grace_s: Seconds = 20.0
    min_free_bytes: Annotated[int, Meta(ge=0)] = 512 * MIB

    @classmethod
    def load(cls, path: Path | None, environ: Mapping[str, str]) -> "Settings":
        """The file's settings with those of the environment over them; defaults for the rest.

        Reads `path` and the files named by `<name>_file`, nothing else. Raises SettingsError with every problem found.
        """
        problems: list[str] = []
        given = _once(_from_file(path, problems), problems) | _once(_from_environment(environ, problems), problems)
        values = {name: value for name, one in given.items() if (value := _converted(one, problems)) is not _WRONG}
        settings = cls(**values)
        problems.extend(settings.problems())
        if problems:
            raise SettingsError(problems)
        return settings

    @property
    def blobs_path(self) -> Path:
        return self.blobs_dir or self.data_dir / "blobs"

    @property
    def token_key_path(self) -> Path:
        return self.token_key_file or self.data_dir / "token.key"

    @property
    def keys_path(self) -> Path:
        return self.keys_dir or self.data_dir / "keys"

    @property
    def log_path(self) -> Path:
        """What was signed last, beside the database and not in it."""
        return self.log_dir or self.data_dir / "log"

    @property
    def log_name(self) -> str:
        """The origin of the evidence log (C2SP tlog-checkpoint)."""
        return self.log_origin or f"lgsp/{self.hub_code}"

    @property
    def trust_path(self) -> Path:
        return self.trust_dir or self.data_dir / "trust"

    @property
    def archive_path(self) -> Path:
        return self.archive_dir or self.data_dir / "archive"

    @property
    def revocation_path(self) -> Path:
        """What was fetched, and how fetching goes: of this machine, made anew by itself."""
        return self.data_dir / "revocation"

    @property
    def sqlite_path(self) -> Path | None:
        """The journal's file; None when the journal is PostgreSQL."""
        if self.journal_url == "":
            return self.data_dir / "journal.db"
        scheme, _, rest = self.journal_url.partition(":///")
        return Path(rest) if scheme == "sqlite" else None

    @property
    def base_url(self) -> str:
        """Where others reach this hub, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = f"[{self.listen_host}]" if ":" in self.listen_host else self.listen_host
        return f"{'https' if self.tls_cert_file else 'http'}://{host}:{self.listen_port}"

    def problems(self) -> list[str]:
        """What is wrong between the fields and inside texts, in words an operator can act on."""
        return [*_problems_of_texts(self), *_problems_between(self)]

    def redacted(self) -> dict[str, object]:
        """Every setting for printing, passwords in URLs replaced."""
        shown = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        return shown | {name: _hidden(name, str(shown[name])) for name in _SECRET}


_FIELDS = {one.name: one for one in dataclasses.fields(Settings)}
_TYPES: dict[str, Any] = get_type_hints(Settings, include_extras=True)
_SECRET = frozenset(name for name, one in _FIELDS.items() if not one.repr)
_WRONG = object()


class _Given(NamedTuple):
    """A value as it was written, and where, for messages. `is_text`: all is text in the environment and in secret files."""

    name: str
    value: object
    written_as: str
    is_text: bool


def _from_file(path: Path | None, problems: list[str]) -> Iterator[_Given]:
    if path is None:
        return
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror}); name another file with --settings or LGSP_SETTINGS")
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{path}: not TOML in UTF-8: {error}")
        return
    for key, value in table.items():
        yield from _named(key, value, f"{key} in {path}", False, problems)


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> Iterator[_Given]:
    for variable in sorted(environ):
        key = variable.removeprefix(_ENVIRONMENT).lower()
        if variable.startswith(_ENVIRONMENT) and key not in _NOT_SETTINGS and not key.startswith(_TESTS):
            yield from _named(key, environ[variable], variable, True, problems)


def _named(key: str, value: object, written_as: str, is_text: bool, problems: list[str]) -> Iterator[_Given]:
    """The value under its field's name, read from the file that `<name>_file` names where it is written so."""
    name = key.removesuffix("_file")
    if key in _FIELDS:
        yield _Given(key, value, written_as, is_text)
    elif key == name or name not in _FIELDS:
        near = difflib.get_close_matches(key, _FIELDS, n=1)
        problems.append(f"{written_as}: there is no such setting" + (f"; did you mean {near[0]}?" if near else ""))
    elif not isinstance(value, str):
        problems.append(f"{written_as}: expected the name of a file in quotes")
    else:
        try:
            yield _Given(name, Path(value).read_text(encoding="utf-8").strip(), f"{written_as} = {value}", True)
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{written_as}: {value} cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'})")


def _once(source: Iterator[_Given], problems: list[str]) -> dict[str, _Given]:
    """By name. The environment may overrule the file, but neither may say a thing twice."""
    found: dict[str, _Given] = {}
    for one in source:
        if one.name in found:
            problems.append(f"{one.written_as}: {one.name} is given twice; remove {found[one.name].written_as} or this one")
        found[one.name] = one
    return found


def _converted(given: _Given, problems: list[str]) -> Any:
    kind, value = _TYPES[given.name], given.value
    if value == "" and kind == Path | None:
        return None
    if given.is_text and kind in (Schedule, Names):
        value = [part.strip() for part in str(value).split(",")] if value or kind is Schedule else []
    try:
        return msgspec.convert(value, kind, strict=not given.is_text, dec_hook=_path)
    except msgspec.ValidationError as error:
        shown = "" if given.name in _SECRET else f", got {given.value!r}"
        problems.append(f"{given.written_as}: {_GOT.sub('', str(error)).lower()}{shown}")
        return _WRONG


def _path(kind: type, value: object) -> Path:
    if kind is not Path or not isinstance(value, str) or not value:
        raise ValueError("expected a path in quotes")
    return Path(value)


def _problems_of_texts(s: Settings) -> Iterator[str]:
    try:
        agency_code(s.hub_code)
    except ContractError as error:
        yield f"hub_code: {error.detail}"
    if not _ORIGIN.fullmatch(s.log_name):
        yield f"log_origin: 1 to 200 characters without spaces and plus signs, got {s.log_origin!r}"
    for code in s.log_readers:
        try:
            agency_code(code)
        except ContractError as error:
            yield f"log_readers: {code!r}: {error.detail}"
    if not _PREFIX.fullmatch(s.broker_prefix):
        yield f"broker_prefix: 1 to 40 of a-z 0-9 . _ -, a letter first, got {s.broker_prefix!r}"
    for name, schemes in (("amqp_url", ("amqp", "amqps")), ("public_url", _WEB)):
        url = getattr(s, name)
        if url and not _is_url(url, schemes):
            yield f"{name}: expected a URL {schemes[0]}://host/... or {schemes[1]}://host/..."
    for name in ("crl_urls", "time_stamp_urls"):
        yield from (f"{name}: expected a URL http://host/..., got {url!r}" for url in getattr(s, name) if not _is_url(url, _WEB))
    for oid in s.time_stamp_policies:
        if not _OID.fullmatch(oid):
            yield f"time_stamp_policies: expected an object identifier such as 1.2.840.113549.1.9.16.1.4, got {oid!r}"
    if s.journal_url and s.sqlite_path in (None, Path()) and not _is_url(s.journal_url, ("postgresql", "postgres")):
        yield 'journal_url: expected "" (SQLite in data_dir), sqlite:///path or postgresql://user@host/database'


def _problems_between(s: Settings) -> Iterator[str]:
    if (s.tls_cert_file is None) != (s.tls_key_file is None):
        yield "tls_cert_file and tls_key_file: set both or neither"
    if s.tls_client_ca_file and not s.tls_cert_file:
        yield "tls_client_ca_file: client certificates need TLS; set tls_cert_file and tls_key_file too"
    if s.pkcs11_module and not (s.pkcs11_token and s.pkcs11_pin):
        yield "pkcs11_module: name the token too: pkcs11_token (its label) and pkcs11_pin_file (a file with the PIN)"
    if s.metrics_port and s.metrics_port == s.listen_port:
        yield f"metrics_port: must differ from listen_port, both are {s.listen_port}"
    if s.max_batch_bytes < s.max_body_bytes:
        yield f"max_batch_bytes: at least max_body_bytes ({s.max_body_bytes}), got {s.max_batch_bytes}"
    if s.commit_batch > s.intake_capacity:
        yield f"commit_batch: at most intake_capacity ({s.intake_capacity}), got {s.commit_batch}"
    if s.stuck_after_s <= s.ready_lease_s:
        yield f"stuck_after_s: more than ready_lease_s ({s.ready_lease_s}), got {s.stuck_after_s}"
    if s.ready_lease_s <= s.publish_timeout_s:
        # Otherwise the sweeper publishes again what the outbox is still publishing.
        yield f"ready_lease_s: more than publish_timeout_s ({s.publish_timeout_s}), got {s.ready_lease_s}"


def _is_url(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _hidden(name: str, value: str) -> str:
    """Of a URL user and host help to find a mistake; password and query (it may carry one too) do not. Of others nothing does."""
    return _without_password(value) if name.endswith("_url") else "***" if value else ""


def _without_password(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***" if url else ""
    account, at, host = parts.netloc.rpartition("@")
    user, colon, _ = account.partition(":")
    return urlunsplit((parts.scheme, f"{user}{':***' if colon else ''}{at}{host}", parts.path, "***" if parts.query else "", ""))
