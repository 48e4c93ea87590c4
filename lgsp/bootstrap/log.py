"""The evidence log: who signs, publishes and bundles."""

import functools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding

from lgsp.assembly import utc_now
from lgsp.bootstrap.named import named_by
from lgsp.bootstrap.stores import open_blobs
from lgsp.bootstrap.trust import revocation_grace
from lgsp.core.directory import Directory
from lgsp.core.log.policy import Policy as WitnessPolicy
from lgsp.core.log.policy import PolicyInvalid, parse_policy
from lgsp.errors import SettingsError
from lgsp.flow import log_proofs
from lgsp.flow.evidence import EvidenceDesk, House
from lgsp.flow.head_file import HeadFile
from lgsp.flow.log_keeper import LogKeeper
from lgsp.flow.publisher import Publisher
from lgsp.ports import Store
from lgsp.settings import Settings
from lgsp.trust.cosigning import WitnessClient
from lgsp.trust.fetching import Fetcher
from lgsp.trust.keys import HubKeys
from lgsp.trust.stamping import authority_name
from lgsp.trust.store import TrustStore, TrustUnreadable


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


def _policy_octets(settings: Settings) -> bytes:
    """Empty where there is none. Raises SettingsError."""
    with named_by("witness_policy_file"):
        return b"" if settings.witness_policy_file is None else settings.witness_policy_file.read_bytes()
