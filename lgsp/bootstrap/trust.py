"""Whom the hub believes, and what must be signed."""

import functools
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from lgsp.assembly import utc_now
from lgsp.bootstrap.keys import own_certificates
from lgsp.bootstrap.named import named_by
from lgsp.core.signatures.policy import Policy, policy, read_overrides
from lgsp.errors import SettingsError
from lgsp.settings import Settings
from lgsp.trust.fetching import Fetcher
from lgsp.trust.hosts import Hosts
from lgsp.trust.keeper import Keeper, Rules
from lgsp.trust.live import LiveTrust
from lgsp.trust.places import SNAPSHOT, WANTED
from lgsp.trust.stamping import Stamper
from lgsp.trust.store import TrustStore, TrustUnreadable
from lgsp.trust.wanted import WantedFolder
from signing.revocation import Grace
from signing.trust import TrustBase


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


def revocation_grace(settings: Settings) -> Grace:
    """How old evidence may be."""
    max_age_s, extra_s = round(settings.revocation_max_age_h * 3600), round(settings.revocation_grace_h * 3600)
    return Grace(end_max_age_s=max_age_s, after_next_update_s=extra_s)
