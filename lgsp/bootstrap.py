"""Opens what the settings name: the only place that names concrete classes. Settings in, a hub out, opened and not yet moving."""

import functools
import os
import random
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.registry import COLLECTORS, REGISTRY
from lgsp.archive.archiver import LOCK, Archiver
from lgsp.archive.hook import Hook
from lgsp.assembly import Hub, Role, assemble, utc_now
from lgsp.core.directory import Directory
from lgsp.core.key_set import Purpose
from lgsp.core.log.policy import Policy as WitnessPolicy
from lgsp.core.log.policy import PolicyInvalid, parse_policy
from lgsp.core.retention import Rule
from lgsp.core.retention_file import RetentionInvalid, read_rules
from lgsp.core.signatures.policy import Policy, policy, read_overrides
from lgsp.durable import exclusive
from lgsp.errors import SettingsError
from lgsp.flow import log_proofs
from lgsp.flow.evidence import EvidenceDesk, House
from lgsp.flow.examination import Examiner
from lgsp.flow.head_file import HeadFile
from lgsp.flow.log_keeper import LogKeeper
from lgsp.flow.log_stamping import LogStamping
from lgsp.flow.publisher import Publisher
from lgsp.flow.retention import GRACE_S, Retention
from lgsp.flow.signed_files import FileChecks
from lgsp.journal.audit.rows import Source
from lgsp.ports import Blobs, Broker, Store
from lgsp.settings import Settings
from lgsp.trust.cosigning import WitnessClient
from lgsp.trust.fetching import Fetcher
from lgsp.trust.hosts import Hosts
from lgsp.trust.isolated import PdfChecker
from lgsp.trust.keeper import Keeper, Rules
from lgsp.trust.key_files import KeyFiles, KeysUnusable
from lgsp.trust.keys import HubKeys
from lgsp.trust.live import LiveTrust
from lgsp.trust.places import SNAPSHOT, WANTED
from lgsp.trust.stamping import Stamper, authority_name
from lgsp.trust.store import TrustStore, TrustUnreadable
from lgsp.trust.tokens import Token
from lgsp.trust.wanted import WantedFolder
from signing.keys import Algorithm
from signing.local_key import LocalKey
from signing.revocation import Grace
from signing.trust import TrustBase

_RETENTION_EVERY_S = 3600.0
_ARCHIVING_SHARE = 0.2  # of a worker's time

BOTH: frozenset[Role] = frozenset({"gateway", "worker"})


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The journal that the settings name, migrated. Raises JournalUnavailable, JournalMismatch or SettingsError."""
    store: Store
    path = settings.sqlite_path
    if path is None:
        from lgsp.journal.postgres.store import PostgresStore

        store = await PostgresStore.open(settings.journal_url, timeout_s=settings.journal_timeout_s)
    else:
        from lgsp.journal.sqlite import SqliteStore

        with named_by("journal_url" if settings.journal_url else "data_dir"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
        store = SqliteStore.open(path, timeout_s=settings.journal_timeout_s)
    try:
        yield store
    finally:
        await store.close()


@contextmanager
def open_audit(settings: Settings) -> Iterator[Source]:
    """The journal that the settings name, to be read in one snapshot; nothing is made or migrated. Raises JournalUnavailable."""
    path = settings.sqlite_path
    if path is None:
        from lgsp.journal.postgres.audit import open_source as of_database

        with of_database(settings.journal_url, settings.journal_timeout_s) as source:
            yield source
    else:
        from lgsp.journal.sqlite.audit import open_source as of_file

        with of_file(path, settings.journal_timeout_s) as source:
            yield source


def token_key(settings: Settings) -> bytes:
    """The key that signs access tokens, 32 bytes; made on first use."""
    path = settings.token_key_path
    with named_by("token_key_file" if settings.token_key_file else "data_dir"):
        key = _kept_key(path, lambda: secrets.token_bytes(32))
    if len(key) < 32:
        raise SettingsError(
            [f"token_key_file: {path} holds {len(key)} bytes, at least 32 are needed; remove it to have it made anew"]
        )
    return key


def hub_keys(settings: Settings, clock: Callable[[], datetime] = utc_now) -> HubKeys:
    """The keys under which this hub makes statements; the first one is made on first use. Raises SettingsError."""
    files = KeyFiles(settings.keys_path)
    with named_by("keys_dir" if settings.keys_dir else "data_dir"):
        try:
            for purpose in (Purpose.STATEMENTS, Purpose.LOG):
                files.ensure(purpose, lambda: LocalKey.new(Algorithm.ED25519), clock)
            return HubKeys(files, token(settings), clock)
        except KeysUnusable as error:
            raise SettingsError([f"keys_dir: {error}"]) from None


def live_trust(settings: Settings) -> LiveTrust:
    """What is trusted, read once; `LiveTrust.run` follows changes. Raises SettingsError."""
    folder = settings.revocation_path
    policy = TrustBase(stamp_policies=frozenset(settings.time_stamp_policies), grace=revocation_grace(settings))
    live = LiveTrust(TrustStore(settings.trust_path), folder / SNAPSHOT, WantedFolder(folder / WANTED), policy)
    with named_by("data_dir"):
        try:
            live.refresh()
        except TrustUnreadable as error:
            raise SettingsError([f"trust_dir: {error}"]) from None
    return live


def token(settings: Settings) -> Token | None:
    """The PKCS#11 token that the settings name."""
    if settings.pkcs11_module is None:
        return None
    return Token(settings.pkcs11_module, settings.pkcs11_token, settings.pkcs11_pin)


def _kept_key(path: Path, make: Callable[[], bytes]) -> bytes:
    """Made when missing, readable by the owner only.

    It appears under its name whole or not at all: another gateway may start at the same moment, and this one may die.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_bytes()


@contextmanager
def named_by(setting: str) -> Iterator[None]:
    """A file or folder that cannot be used is a mistake in the setting that names it. Raises SettingsError."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise SettingsError([f"{setting}: {what}"]) from error


@asynccontextmanager
async def open_hub(
    settings: Settings, roles: Collection[Role] = BOTH, *, clock: Callable[[], datetime] = utc_now
) -> AsyncIterator[Hub]:
    """Everything opened, in the order in which it depends on each other, and closed in reverse."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings))
        broker = await _open_broker(settings, roles)
        stack.push_async_callback(broker.close)
        blobs = open_blobs(settings)
        adapters = {name: make(blobs) for name, make in REGISTRY.items()}
        collectors = {name: make() for name, make in COLLECTORS.items()}
        for adapter in adapters.values():
            stack.push_async_callback(adapter.close)
        for collector in collectors.values():
            stack.push_async_callback(collector.close)
        if not broker.survives_restart:
            stack.enter_context(_alone(settings))
        trust = live_trust(settings)
        pdfs = PdfChecker()
        stack.push_async_callback(pdfs.close)
        files = FileChecks(blobs, pdfs.check_pdf)
        examiner = Examiner(signing_policy(settings), lambda: trust.current, files, trust.urge, clock)
        further = [trust.run]
        if "worker" in roles:
            further.append(retention(settings, store, blobs, clock).run)
        keys = keeper = None
        if "gateway" in roles:
            keys = hub_keys(settings, clock)
            stack.callback(keys.close)
            keeper = await open_log(settings, store, keys)
            stack.callback(keeper.close)
            further.append((await stack.enter_async_context(open_publisher(settings, store, keeper, clock))).run)
            stamper = await stack.enter_async_context(open_stamper(settings, trust, clock))
            further.append(LogStamping(store, stamper.authorities, clock, every_s=settings.log_stamp_s).run)
            further.append((await stack.enter_async_context(open_keeper(settings, clock))).run)
        yield await assemble(
            settings,
            frozenset(roles),
            store,
            broker,
            blobs,
            adapters,
            examiner,
            clock,
            random.random,
            further=tuple(further),
            keys=keys,
            keeper=keeper,
            collectors=collectors,
        )


async def open_log(settings: Settings, store: Store, keys: HubKeys) -> LogKeeper:
    """Who signs heads of the log, once the journal was compared with what was signed before. Raises SettingsError."""
    with named_by("log_dir" if settings.log_dir else "data_dir"):
        settings.log_path.mkdir(parents=True, exist_ok=True)
    file = HeadFile.open(settings.log_path)
    try:
        return await LogKeeper.open(store, keys, file, settings.log_name)
    except BaseException:
        file.close()
        raise


def evidence_desk(
    settings: Settings,
    store: Store,
    keys: HubKeys,
    keeper: LogKeeper | None,
    directory: Callable[[], Directory],
    clock: Callable[[], datetime] = utc_now,
) -> EvidenceDesk:
    """Who makes bundles of evidence."""
    house = House(
        hub=settings.hub_code,
        name=settings.hub_name,
        grace=revocation_grace(settings),
        stamp_anchors=functools.partial(_stamp_anchors, TrustStore(settings.trust_path)),
        policy=_policy_octets(settings),
        authorities=tuple(map(authority_name, settings.time_stamp_urls)),
    )
    return EvidenceDesk(house, store, open_blobs(settings), keys, keeper, directory, clock)


def _stamp_anchors(store: TrustStore) -> bytes:
    """PEM. What cannot be read is left out: who checks a bundle brings its own."""
    with suppress(TrustUnreadable):
        return b"".join(one.public_bytes(Encoding.PEM) for one in store.load().of("time-stamps"))
    return b""


@asynccontextmanager
async def open_publisher(
    settings: Settings, store: Store, keeper: LogKeeper, clock: Callable[[], datetime] = utc_now
) -> AsyncIterator[Publisher]:
    """Who publishes heads of the log; asks nobody but the witnesses of the policy. Raises SettingsError."""
    policy = witness_policy(settings)

    async def prove(first: int, second: int) -> Sequence[bytes]:
        return await log_proofs.consistency(store, first, second)

    async with Fetcher.open(None, timeout_s=settings.witness_timeout_s, keep_alive=True) as fetcher:
        witnesses = () if policy is None else tuple(WitnessClient(fetcher, one, prove) for one in policy.witnesses)
        yield Publisher(store, keeper, clock, every_s=settings.log_checkpoint_s, policy=policy, witnesses=witnesses)


def witness_policy(settings: Settings) -> WitnessPolicy | None:
    """Raises SettingsError."""
    path = settings.witness_policy_file
    if path is None:
        return None
    try:
        found = parse_policy(_policy_octets(settings))
    except PolicyInvalid as error:
        raise SettingsError([f"witness_policy_file: {path}: {error}"]) from None
    without = [one.name for one in found.witnesses if urlsplit(one.url).scheme not in ("http", "https")]
    if without:
        raise SettingsError([f"witness_policy_file: {path}: no address (http or https) of {', '.join(without)}"])
    return found


def _policy_octets(settings: Settings) -> bytes:
    """Empty where there is none. Raises SettingsError."""
    with named_by("witness_policy_file"):
        return b"" if settings.witness_policy_file is None else settings.witness_policy_file.read_bytes()


@asynccontextmanager
async def open_keeper(settings: Settings, clock: Callable[[], datetime] = utc_now) -> AsyncIterator[Keeper]:
    """Who fetches evidence of revocation; not yet at work. Raises SettingsError."""
    try:
        named = [urlsplit(url).netloc.rpartition("@")[2] for url in settings.crl_urls]
        hosts = Hosts.of([*settings.revocation_hosts, *named])
    except ValueError as error:
        raise SettingsError([f"revocation_hosts: {error}"]) from None
    rules = Rules(
        refresh=timedelta(seconds=settings.revocation_refresh_s),
        max_bytes=settings.revocation_max_bytes,
        grace=revocation_grace(settings),
        urls=settings.crl_urls,
    )
    store = TrustStore(settings.trust_path)
    async with Fetcher.open(hosts, timeout_s=settings.revocation_timeout_s) as fetcher:
        own = functools.partial(own_certificates, settings)
        yield Keeper(settings.revocation_path, store, fetcher, rules, clock, random.random, own)


@asynccontextmanager
async def open_stamper(settings: Settings, trust: LiveTrust, clock: Callable[[], datetime] = utc_now) -> AsyncIterator[Stamper]:
    """Who asks for time-stamps, of nobody but the addresses in the settings."""
    async with Fetcher.open(None, timeout_s=settings.time_stamp_timeout_s) as fetcher:
        yield Stamper(fetcher, settings.time_stamp_urls, lambda: trust.current, clock, trust.want)


def own_certificates(settings: Settings) -> Iterator[x509.Certificate]:
    """Of TLS and of the keys that sign: whose end the hub has to care for itself. What cannot be read is said elsewhere."""
    if settings.tls_cert_file is not None:
        with suppress(OSError, ValueError):
            yield from x509.load_pem_x509_certificates(settings.tls_cert_file.read_bytes())
    with suppress(OSError, KeysUnusable):
        for record in KeyFiles(settings.keys_path).read().keys:
            yield from (x509.load_der_x509_certificate(der) for der in record.certificates)


def revocation_grace(settings: Settings) -> Grace:
    """How old evidence may be."""
    max_age_s, extra_s = round(settings.revocation_max_age_h * 3600), round(settings.revocation_grace_h * 3600)
    return Grace(end_max_age_s=max_age_s, after_next_update_s=extra_s)


def signing_policy(settings: Settings) -> Policy:
    """Raises SettingsError."""
    path, enforced = settings.signature_policy_file, settings.signatures == "enforce"
    if path is None:
        return policy(enforced=enforced)
    with named_by("signature_policy_file"):
        octets = path.read_bytes()
    try:
        return policy(read_overrides(octets), enforced)
    except ValueError as error:
        raise SettingsError([f"signature_policy_file: {path}: {error}"]) from None


def retention(settings: Settings, store: Store, blobs: Blobs, clock: Callable[[], datetime]) -> Retention:
    """Who applies the rules; not yet at work. Raises SettingsError."""
    archives = archiver(settings, store, blobs, settings.archive_path, clock, share=_ARCHIVING_SHARE)
    alone = functools.partial(exclusive, settings.archive_path / LOCK)
    rules, grace_s = retention_rules(settings), max(GRACE_S, 2 * settings.journal_timeout_s)
    return Retention(store, store, blobs, rules, archives, alone, clock, interval_s=_RETENTION_EVERY_S, grace_s=grace_s)


def archiver(
    settings: Settings,
    store: Store,
    blobs: Blobs,
    folder: Path,
    clock: Callable[[], datetime] = utc_now,
    *,
    share: float = 1.0,
) -> Archiver:
    """Who writes archive files into this folder. Raises SettingsError."""
    try:
        hook = Hook.of(settings.archive_hook, settings.archive_hook_timeout_s) if settings.archive_hook else None
    except ValueError as error:
        raise SettingsError([f"archive_hook: {error}"]) from None
    return Archiver(
        store,
        blobs,
        folder.absolute(),
        settings.hub_code,
        hook,
        clock,
        max_envelopes=settings.archive_max_envelopes,
        max_bytes=settings.archive_max_bytes,
        with_files=settings.archive_attachments,
        share=share,
    )


def retention_rules(settings: Settings) -> tuple[Rule, ...]:
    """Raises SettingsError."""
    path = settings.retention_file
    if path is None:
        return ()
    with named_by("retention_file"):
        octets = path.read_bytes()
    try:
        return read_rules(octets)
    except RetentionInvalid as error:
        raise SettingsError([f"retention_file: {path}: {one}" for one in error.problems]) from None


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """With the broker inside the process there is one process per journal: two would deliver everything twice.

    Raises SettingsError.
    """
    path = settings.sqlite_path
    if path is None:
        raise SettingsError(
            ["amqp_url: with PostgreSQL the hub needs RabbitMQ; without RabbitMQ leave journal_url empty (SQLite)"]
        )
    with ExitStack() as stack:
        with named_by("journal_url" if settings.journal_url else "data_dir"):
            alone = stack.enter_context(exclusive(path.with_name(f"{path.name}.lock")))
        if not alone:
            raise SettingsError([f"data_dir: another hub is running on {path}; stop it, or name another data_dir"])
        yield


async def _open_broker(settings: Settings, roles: Collection[Role]) -> Broker:
    if settings.amqp_url:
        from lgsp.broker.rabbit import RabbitBroker

        return await RabbitBroker.open(
            settings.amqp_url,
            prefix=settings.broker_prefix,
            shards=settings.broker_shards,
            prefetch=settings.prefetch,
            publish_timeout_s=settings.publish_timeout_s,
            name=f"lgsp {'+'.join(sorted(roles))} {os.getpid()}",
        )
    if frozenset(roles) != BOTH:
        raise SettingsError(["amqp_url: a gateway or worker of its own needs RabbitMQ; without it use `lgsp run`"])
    from lgsp.broker.embedded import EmbeddedBroker

    return EmbeddedBroker()


def open_blobs(settings: Settings) -> Blobs:
    from lgsp.blobs.directory import DirectoryBlobs

    with named_by("blobs_dir" if settings.blobs_dir else "data_dir"):
        return DirectoryBlobs(settings.blobs_path, max_bytes=settings.max_attachment_bytes)
