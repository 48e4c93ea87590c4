"""What an audit reads of a journal, row by row, whatever engine keeps it: streams of one snapshot, in the order said."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Names(NamedTuple):
    """In which tables this engine keeps what the other keeps elsewhere; `numbers`: the last ones given out, "" for nowhere."""

    bodies: str
    head: str
    directory: str
    numbers: str


class Head(NamedTuple):
    """`frontier`: octets of lgsp.core.log.frontier."""

    size: int
    frontier: bytes
    origin: str


class Numbers(NamedTuple):
    """The last ones given out."""

    sequence: int
    delivery_id: int


class KeptEnvelope(NamedTuple):
    """`body` None: it was erased."""

    sequence: int
    sender: str
    message_id: str
    digest: str
    kind: str
    priority: int
    order_key: str | None
    body_bytes: int
    header: bytes
    accepted_at: int
    expires_at: int
    directory_version: int
    first_delivery_id: int
    delivery_count: int
    salt: bytes | None
    leaf_index: int | None
    tree_size: int | None
    body: bytes | None


class KeptDelivery(NamedTuple):
    delivery_id: int
    sequence: int
    recipient: str
    addressed_as: str
    priority: int
    state: int
    attempt: int
    postponed: int
    expires_at: int
    ended_at: int | None
    reason: str
    detail: str
    copy: bool
    fetched_at: int | None
    recall: int
    replays: int
    resolved_at: int | None
    number: int | None


class KeptEvent(NamedTuple):
    event_id: int
    at: int
    name: str
    sequence: int
    delivery_id: int | None
    attempt: int | None
    reason: str
    detail: str
    took_ms: int | None
    leaf_index: int | None
    salt: bytes | None


class KeptOccurrence(NamedTuple):
    occurrence_id: int
    at: int
    name: str
    recipient: str
    reason: str
    detail: str
    leaf_index: int | None
    salt: bytes | None


class KeptAccess(NamedTuple):
    digest: str
    agency: str
    size_bytes: int
    uploaded_at: int | None
    salt: bytes | None
    erased_at: int | None


class KeptErasure(NamedTuple):
    """What was archived and erased of an envelope: a row of `keeping`."""

    sequence: int
    archive: int | None
    body_erased_at: int | None
    files_erased_at: int | None


class KeptArchive(NamedTuple):
    number: int
    envelopes: int
    previous: str | None
    sha256: str | None
    done_at: int | None


class KeptFileOf(NamedTuple):
    """That an envelope refers to a file: a row of `attached`."""

    digest: str
    sequence: int
    size_bytes: int


class KeptCheckpoint(NamedTuple):
    size: int
    note: bytes


class KeptStamp(NamedTuple):
    size: int
    authority: str
    token: bytes
    stamped_at: int


def select(row: type[tuple[object, ...]], table: str, order: str) -> str:
    """The statement for a stream of such rows."""
    return f"SELECT {', '.join(row._fields)} FROM {table} ORDER BY {order}"  # type: ignore[attr-defined]  # noqa: S608 - ours


class Source(Protocol):
    """A journal, read in one snapshot. Raises JournalUnavailable."""

    @property
    def names(self) -> Names: ...

    def head(self) -> Head | None:
        """None: the row is gone."""
        ...

    def directory_version(self) -> int | None:
        """None: the row is gone."""
        ...

    def numbers(self) -> Numbers | None: ...

    def count(self, table: str) -> int:
        """For progress: roughly so many rows."""
        ...

    def leaves(self, first: int = 0) -> Iterator[tuple[int, bytes]]:
        """By number, from `first` on."""
        ...

    def hashes(self) -> Iterator[tuple[int, int, bytes]]: ...

    def checkpoints(self) -> Iterator[KeptCheckpoint]:
        """By size."""
        ...

    def stamps(self) -> Iterator[KeptStamp]:
        """By size and authority."""
        ...

    def envelopes(self) -> Iterator[KeptEnvelope]:
        """By sequence, as are `events_by_sequence` (then by id), `examinations`; others by their keys, texts octet by octet."""
        ...

    def strays(self) -> Iterator[tuple[str, str]]:
        """Table and key of rows that hang on no envelope, where the other streams do not show them."""
        ...

    def deliveries(self) -> Iterator[KeptDelivery]: ...

    def events(self) -> Iterator[KeptEvent]: ...

    def events_by_sequence(self) -> Iterator[KeptEvent]: ...

    def occurrences(self) -> Iterator[KeptOccurrence]: ...

    def examinations(self) -> Iterator[tuple[int, bytes]]: ...

    def evidence(self) -> Iterator[tuple[str, str, bytes]]:
        """Digest, what it is, octets."""
        ...

    def identifiers(self) -> Iterator[tuple[str, int]]: ...

    def file_access(self) -> Iterator[KeptAccess]: ...

    def attached(self) -> Iterator[KeptFileOf]: ...

    def erased_files(self) -> Iterator[tuple[str]]: ...

    def keeping(self) -> Iterator[KeptErasure]: ...

    def archives(self) -> Iterator[KeptArchive]: ...

    def pairs(self) -> Iterator[tuple[str, str, int]]: ...

    def agencies(self) -> Iterator[tuple[str, bytes]]: ...

    def credentials(self) -> Iterator[tuple[str, str, str, bool]]: ...

    def certificates(self) -> Iterator[tuple[str, str]]: ...

    def replays(self) -> Iterator[tuple[int, str, bytes]]: ...

    def holds(self) -> Iterator[tuple[str, int]]:
        """Recipient and cause."""
        ...
