"""What the HTTP surface needs of the rest of the hub; put together by `lgsp.serving`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from contracts.facade import Facade
from lgsp.flow.desk import Desks
from lgsp.flow.directory import DirectoryCache
from lgsp.flow.evidence import EvidenceDesk
from lgsp.flow.health import Readiness
from lgsp.flow.intake import Intake
from lgsp.flow.log_keeper import LogKeeper
from lgsp.flow.mailbox import Mailbox
from lgsp.flow.recalls import Recalls
from lgsp.http.signed import Signed
from lgsp.ports import Blobs, DirectoryStore, Journal, LogStore, Records
from lgsp.settings import Settings
from lgsp.trust.keys import HubKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """`token_key`: at least 32 octets. It and `keys` are the same in every gateway process. `clock` gives aware times."""

    settings: Settings
    journal: Journal
    records: Records
    desks: Desks
    directory_store: DirectoryStore
    directory: DirectoryCache
    intake: Intake
    mailbox: Mailbox
    recalls: Recalls
    blobs: Blobs
    readiness: Readiness
    token_key: bytes = field(repr=False)
    keys: HubKeys
    keeper: LogKeeper | None
    log: LogStore
    signed: Signed
    evidence: EvidenceDesk
    facades: Mapping[str, Callable[[], Facade]]
    clock: Callable[[], datetime]
