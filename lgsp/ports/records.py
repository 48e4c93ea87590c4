"""The journal as people read it, the directory, and the store that keeps all of it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from contracts.agency import AgencyCode
from lgsp.core.directory import Agency, Directory
from lgsp.core.hold import Cause
from lgsp.core.replay import DeadLetterFilter, Replay
from lgsp.core.signatures.finding import Examination, Exhibit
from lgsp.ports.journal import Journal
from lgsp.ports.keeping import Keeping
from lgsp.ports.log import LogStore
from lgsp.ports.marks import Marks
from lgsp.ports.views import (
    Balance,
    Credential,
    DeadLetter,
    DeadLetterCount,
    EnvelopeRecord,
    Event,
    HeldRecipient,
    Looked,
    MailboxEntry,
    Occurrence,
)
from lgsp.ports.work import Work


class Records(Protocol):
    """Reading for people: mailboxes, status, timelines. Never blocks writers."""

    async def mailbox(self, recipient: AgencyCode, after: int, limit: int) -> list[MailboxEntry]:
        """AVAILABLE deliveries with id > `after`, in order of acceptance. One with a lower id may become AVAILABLE later."""
        ...

    async def fetch(self, delivery_id: int) -> Work | None:
        """Any delivery with its envelope."""
        ...

    async def outline(self, delivery_ids: Sequence[int]) -> list[Work]:
        """These deliveries with their envelopes, bodies left empty, in any order; unknown ones are left out."""
        ...

    async def envelope(self, sender: AgencyCode, message_id: str) -> EnvelopeRecord | None:
        """What was accepted under this id."""
        ...

    async def examination(self, sequence: int) -> Examination | None:
        """What was found out about the signatures of this envelope; None: nothing was signed, and nothing had to be."""
        ...

    async def exhibits(self, digests: Sequence[str]) -> list[Exhibit]:
        """Octets that verdicts rest on, in any order; unknown ones are left out."""
        ...

    async def timeline(self, *sequences: int) -> list[Event]:
        """Every event of these envelopes, oldest first."""
        ...

    async def find_case(self, identifier_key: str, party: AgencyCode | None, limit: int) -> list[EnvelopeRecord]:
        """Envelopes of which the agency is the sender or a recipient and that bear this identifier (any scheme, compared by
        `contracts.text.identifier_key`): the newest `limit` of them, oldest first. `party` None: whoever they belong to; for
        the operator and auditors at the hub, never for another caller."""
        ...

    async def envelopes_of(
        self, kinds: Sequence[str], since: datetime, until: datetime, after: int, limit: int, sender: AgencyCode | None = None
    ) -> list[EnvelopeRecord]:
        """Envelopes of these kinds ("postal.order/1"), of this sender or of all, accepted from `since` to before `until`: with
        their bodies (empty where they were erased), in order of acceptance, those with a sequence above `after`. Reads the period
        anew for each page."""
        ...

    async def attachment_open_to(self, digest: str, agency: AgencyCode) -> bool:
        """Whether the agency uploaded this file, or is sender or recipient of an accepted envelope that attaches it."""
        ...

    async def file_erased(self, digest: str, agency: AgencyCode) -> bool:
        """Whether the agency had access to this file, and it was erased (`Keeping.erase`)."""
        ...

    async def record_upload(self, digest: str, size_bytes: int, agency: AgencyCode, now: datetime) -> None:
        """The agency uploaded this file and may attach it. Raises JournalUnavailable also while it is being deleted."""
        ...

    async def uploads(self, digests: Sequence[str], agency: AgencyCode) -> dict[str, int]:
        """Sizes in bytes of those digests that the agency may attach: uploaded by it or received by it."""
        ...

    async def balance(self) -> Balance:
        """Counts of deliveries from both sources, of one instant."""
        ...

    async def mismatches(self, after: int, limit: int) -> Looked | None:
        """Which deliveries break the balance, among those of the next `limit` envelopes above the sequence `after`, of one
        instant. None: there are no more envelopes."""
        ...

    async def dead_letters(self, which: DeadLetterFilter, after: int, limit: int) -> list[DeadLetter]:
        """Those with a delivery id above `after`, in the order of acceptance."""
        ...

    async def count_dead_letters(self, which: DeadLetterFilter, now: datetime) -> DeadLetterCount: ...

    async def replay(self, replay_id: int) -> Replay | None: ...

    async def replays(self, limit: int) -> list[Replay]:
        """The newest `limit`, newest first."""
        ...

    async def holds(self, limit: int) -> list[HeldRecipient]:
        """Of recipients, EVERYBODY and THE_DOOR, the longest first."""
        ...

    async def count_queued(self, recipient: AgencyCode | None) -> int:
        """Deliveries that the broker or a worker has (QUEUED), to this recipient or to all."""
        ...

    async def count_holds(self) -> dict[Cause, int]: ...

    async def occurrences(self, recipient: str | None, limit: int) -> list[Occurrence]:
        """The newest `limit`, newest first; of one recipient or of all."""
        ...


class DirectoryStore(Protocol):
    """The directory and credentials, versioned: each change raises the version by one."""

    async def directory_version(self) -> int: ...

    async def directory(self) -> Directory: ...

    async def save_agencies(self, agencies: Sequence[Agency]) -> int:
        """Inserts or replaces by code, in one transaction; the new version."""
        ...

    async def change_agencies(self, change: Callable[[Directory], Sequence[Agency]]) -> int:
        """Saves what `change` makes of the directory as it is stored: nobody's edit is lost between reading and saving; where one
        comes in between, `change` is asked again. The version afterwards; it stays when there is nothing to save. `change` is
        pure and quick; what it raises comes out, and nothing was changed."""
        ...

    async def credential(self, client_id: str) -> Credential | None: ...

    async def save_credentials(self, credentials: Sequence[Credential]) -> None:
        """Inserts or replaces by client id."""
        ...

    async def certificate_owner(self, fingerprint: str) -> AgencyCode | None:
        """`fingerprint`: lower-case hex SHA-256 of the client certificate's DER."""
        ...

    async def save_certificate(self, fingerprint: str, agency: AgencyCode) -> None: ...

    async def remove_certificate(self, fingerprint: str, agency: AgencyCode) -> bool:
        """False when this agency has no such certificate."""
        ...


class Store(Journal, Records, DirectoryStore, LogStore, Keeping, Marks, Protocol):
    """One database that keeps all of them."""
