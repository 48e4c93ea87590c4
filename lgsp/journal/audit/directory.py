"""The directory, credentials, certificates, jobs and holds: as the last leaf about each tells."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from contracts.agency import AgencyCode
from lgsp.core.audit.finding import Finding, finding
from lgsp.core.hold import Cause
from lgsp.core.log.record import Action, Held, digest_of
from lgsp.journal.audit.derived import Upload
from lgsp.journal.audit.rows import KeptArchive, KeptErasure, Source
from lgsp.journal.codec import decode_replay, micros
from lgsp.journal.leaves import credential_digest, replay_digest
from lgsp.ports import Credential


class Archived(NamedTuple):
    """An archive file that was taken over."""

    sha256: str
    at: int


class Told(msgspec.Struct):
    """The last word of the log, as its leaves go by. As large as the directory."""

    agencies: dict[str, str] = msgspec.field(default_factory=dict)  # code: digest
    credentials: dict[str, str] = msgspec.field(default_factory=dict)
    certificates: dict[str, str | None] = msgspec.field(default_factory=dict)  # fingerprint: agency
    replays: dict[str, str] = msgspec.field(default_factory=dict)  # number: digest
    cancelled: set[str] = msgspec.field(default_factory=set)
    uploads: dict[str, Upload] = msgspec.field(default_factory=dict)  # by salted digest
    archives: dict[int, Archived] = msgspec.field(default_factory=dict)
    holds: dict[str, str] = msgspec.field(default_factory=dict)  # recipient: last occurrence
    first_version: int | None = None
    version: int = 0

    def action(self, one: Action) -> None:
        """A version that is raised with the leaf is of the directory."""
        if one.version is not None:
            self.first_version = one.version if self.first_version is None else self.first_version
            self.version = max(self.version, one.version)
        match one.name:
            case "agency_saved":
                self.agencies[one.subject] = one.digest
            case "credential_saved":
                self.credentials[one.subject] = one.digest
            case "certificate_saved":
                agency, _, fingerprint = one.subject.partition(" ")
                self.certificates[fingerprint] = agency
            case "certificate_removed":
                self.certificates[one.subject.partition(" ")[2]] = None
            case "file_uploaded":
                self.uploads[one.digest] = Upload(one.subject, micros(one.at))
            case "archived":
                self.archives[int(one.subject)] = Archived(one.digest, micros(one.at))
            case "replay_started":
                self.replays[one.subject] = one.digest
            case "replay_cancelled":
                self.cancelled.add(one.subject)

    def held(self, one: Held) -> None:
        self.holds[one.recipient] = one.name

    @property
    def began_with_log(self) -> bool:
        """Nothing was saved before the log told of it."""
        return self.first_version in (None, 1)


class _Kept(NamedTuple):
    key: str
    digest: str


def directory(told: Told, source: Source, has_older: bool) -> Iterator[Finding]:
    """`has_older`: the journal is older than its log, which knows nothing of what was saved before."""
    tolerant = has_older or not told.began_with_log
    agencies = (_Kept(code, digest_of(document)) for code, document in source.agencies())
    yield from _table("agencies", "code", told.agencies, agencies, tolerant)
    credentials = (_Kept(row[0], _credential(*row)) for row in source.credentials())
    yield from _table("credentials", "client_id", told.credentials, credentials, tolerant)
    saved = {fingerprint: agency for fingerprint, agency in told.certificates.items() if agency is not None}
    yield from _table("certificates", "fingerprint", saved, (_Kept(*row) for row in source.certificates()), tolerant)
    found = source.directory_version()
    if found != told.version and not (tolerant and told.first_version is None):
        yield finding("row.differs", source.names.directory, "the only one", "version", told.version, found)


def _table(table: str, column: str, told: Mapping[str, str], rows: Iterable[_Kept], tolerant: bool) -> Iterator[Finding]:
    missing = dict(told)
    for key, digest in rows:
        expected = missing.pop(key, None)
        if expected is None:
            if not tolerant:
                yield finding("row.unexpected", table, f"{column} {key}")
        elif expected != digest:
            yield finding("row.differs", table, f"{column} {key}", "", expected, digest)
    for key in missing:
        yield finding("row.missing", table, f"{column} {key}")


def replays(told: Told, rows: Iterable[tuple[int, str, bytes]], has_older: bool) -> Iterator[Finding]:
    """What was asked for, by whom, and whether somebody stopped it; how far a job has got is its own affair."""
    missing = dict(told.replays)
    for number, state, document in rows:
        name, expected = f"replay_id {number}", missing.pop(str(number), None)
        if expected is None:
            if not has_older:
                yield finding("row.unexpected", "replays", name)
            continue
        try:
            replay = decode_replay(number, document)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            yield finding("row.unreadable", "replays", name, "document", found=error)
            continue
        if (digest := replay_digest(replay)) != expected:
            yield finding("row.differs", "replays", name, "document", expected, digest)
        if state != replay.state:
            yield finding("row.inconsistent", "replays", name, "state", replay.state, state)
        if (state == "cancelled") != (str(number) in told.cancelled):
            yield finding(
                "row.differs", "replays", name, "state", "cancelled" if state != "cancelled" else "running, done", state
            )
    for number_text in missing:
        yield finding("row.missing", "replays", f"replay_id {number_text}")


_CAUSES = {"maintenance_begun": Cause.MAINTENANCE, "failing": Cause.FAILING}


def holds(told: Told, rows: Iterable[tuple[str, int]], has_older: bool) -> Iterator[Finding]:
    """Whether a recipient is failing or in maintenance; letting go is told by nobody, and ends by itself."""
    expected = {recipient: _CAUSES[name] for recipient, name in told.holds.items() if name in _CAUSES}
    for recipient, cause in rows:
        should = expected.pop(recipient, None)
        does = cause if cause != Cause.RELEASING else None
        if should != does and not (has_older and recipient not in told.holds):
            yield finding("row.differs", "holds", f"recipient {recipient}", "cause", should and should.label, cause)
    for recipient, should in expected.items():
        yield finding("row.missing", "holds", f"recipient {recipient}", "cause", should.label)


def archives(told: Told, rows: Iterable[KeptArchive], keeping: Iterable[KeptErasure]) -> Iterator[Finding]:
    """Files that were taken over: each by its digest, naming the one before, with as many envelopes as went into it."""
    counted = Counter(one.archive for one in keeping if one.archive is not None)
    missing, before = dict(told.archives), None
    for row in rows:
        name, leaf = f"number {row.number}", missing.pop(row.number, None)
        expected = (None, None) if leaf is None else (leaf.sha256, leaf.at)
        if (row.sha256, row.done_at) != expected:
            yield finding("row.differs", "archives", name, "sha256, done_at", expected, (row.sha256, row.done_at))
        if row.previous != before:
            yield finding("row.inconsistent", "archives", name, "previous", before, row.previous)
        if (count := counted.pop(row.number, 0)) != row.envelopes:
            yield finding("row.inconsistent", "archives", name, "envelopes", count, row.envelopes)
            yield finding("row.inconsistent", "keeping", f"archive {row.number}", "archive", row.envelopes, count)
        before = row.sha256
    yield from (finding("row.missing", "archives", f"number {number}") for number in missing)
    yield from (
        finding("row.inconsistent", "keeping", f"archive {number}", "archive", 0, count) for number, count in counted.items()
    )


def _credential(client_id: str, agency: str, secret_hash: str, disabled: bool | int) -> str:
    """Its digest; none where the flag is neither."""
    if disabled not in (False, True):
        return f"disabled = {disabled}"
    known = Credential(client_id=client_id, agency=AgencyCode(agency), secret_hash=secret_hash, disabled=bool(disabled))
    return credential_digest(known)
