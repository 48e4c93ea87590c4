"""Erasing, and archiving before: what the journal gives up, in an order that survives whatever happens."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from contracts.agency import AgencyCode
from lgsp.core.retention import Kept
from lgsp.ports.views import EnvelopeRecord, Event


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """What is to go of one envelope, and by what right: `reason` "retention" (`detail`: the rule's name) or "request" (`detail`:
    who decided it, and why). `operator`: who does it by hand."""

    sequence: int
    body: bool = True
    files: bool = True
    reason: Literal["retention", "request"]
    detail: str
    operator: str = ""


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. "nothing": it was erased before. "open", "dead_letter": somebody may still have to deliver it, and nothing
    was done. `files`: attachments that nothing refers to any more and that are deleted in a while."""

    sequence: int
    outcome: Literal["erased", "nothing", "open", "dead_letter", "unknown"]
    body_bytes: int = 0
    files: int = 0


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """An archive file: of `envelopes` many, in this folder of the machine that writes it. `sha256` None: not taken over yet.
    `previous`: of the file with the number before."""

    number: int
    folder: str
    envelopes: int
    begun_at: datetime
    previous: str | None
    sha256: str | None = None
    done_at: datetime | None = None


class Keepsake(msgspec.Struct, frozen=True, kw_only=True):
    """All that the journal has of one envelope, octet for octet where digests go over it. `body` None: it was erased. `leaves` by
    their number in the log."""

    record: EnvelopeRecord
    header: bytes  # JSON of the envelope without its body, as it is kept
    salt: bytes | None  # None: it was accepted before there was a log
    body: bytes | None
    examination: bytes | None  # JSON of lgsp.core.signatures.finding.Examination, as it is kept
    events: tuple[Event, ...]
    leaves: Mapping[int, bytes]


class Keeping(Protocol):
    """Raises JournalUnavailable."""

    async def kept(self, after: int, limit: int, now: datetime) -> list[Kept]:
        """The next `limit` envelopes with a sequence above `after`."""
        ...

    async def kept_of(self, sender: AgencyCode, message_id: str, now: datetime) -> Kept | None: ...

    async def erase(self, batch: Sequence[Erasure], now: datetime) -> list[Erased]:
        """One transaction under the write lock, with an event and its leaf for each body and all files of an envelope. With a
        body go the details of events that may quote it. Header, salt, examination and evidence, receipt, route, times and leaves
        stay.

        A file to which no envelope refers any more is closed to everybody at once; its blob is deleted when `files_to_delete`
        comes to it.
        """
        ...

    async def files_to_delete(self, now: datetime, grace_s: float, limit: int) -> list[str]:
        """Digests of files that were closed `grace_s` ago and to which nothing refers: from now on nobody can upload or attach
        them. Delete each, and say so with `files_deleted`; until then they come again. `grace_s`: an envelope that was being
        decided when the file was closed is committed by then, and has opened the file again."""
        ...

    async def files_deleted(self, digests: Sequence[str], now: datetime, grace_s: float) -> int:
        """Those of them that `files_to_delete` gave out for the first time `grace_s` ago may be uploaded again; the others come
        once more, because an upload may just have been told that the file is there. How many are done."""
        ...

    async def begin_archive(self, sequences: Sequence[int], folder: str, now: datetime) -> Archive:
        """Reserves the next number for these envelopes. Raises ArchiveUnderWay while another one is not taken over."""
        ...

    async def archive_under_way(self) -> tuple[Archive, list[int]] | None:
        """With its sequences."""
        ...

    async def end_archive(self, number: int, sha256: str, now: datetime) -> Archive:
        """It was taken over: its envelopes are archived, and a leaf of the log names the file. Again is harmless: what was said
        first stays."""
        ...

    async def archives(self, limit: int) -> list[Archive]:
        """The newest `limit`, newest first."""
        ...

    async def keepsake(self, sequence: int) -> Keepsake | None: ...
