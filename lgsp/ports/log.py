"""The evidence log as the store keeps it. It grows inside the transactions of `Journal`; here it is read, and added to."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from lgsp.core.log.frontier import Frontier
from lgsp.core.log.placed import Logged
from lgsp.core.log.record import Record
from lgsp.core.log.tiles import Span


class Checkpoint(NamedTuple):
    """A head that was published: a signed note (C2SP tlog-checkpoint) with the co-signatures that it got."""

    size: int
    note: bytes
    published_at: datetime


class Stamp(NamedTuple):
    """A time-stamp (RFC 3161, DER) of one authority over the note of the checkpoint of this size, as it was published."""

    size: int
    authority: str
    token: bytes
    stamped_at: datetime


class LogStore(Protocol):
    """Leaves are numbered from 0 and never change. Raises JournalUnavailable."""

    async def log_head(self) -> Frontier:
        """The tree as it stands."""
        ...

    async def log_origin(self, origin: str | None = None) -> str:
        """The name under which heads are signed; "" while nobody gave one. `origin` is written, whatever stood there."""
        ...

    async def log_leaves(self, first: int, count: int) -> list[bytes]:
        """At most `count` from number `first` on, as many as there are."""
        ...

    async def log_hashes(self, spans: Sequence[Span]) -> dict[tuple[int, int], bytes]:
        """By (level, index) the hashes of complete subtrees of 256^level leaves; those that there are not yet are left out."""
        ...

    async def note(self, records: Sequence[Record]) -> list[Logged]:
        """Appends records that belong to nothing else in the journal, in one transaction; their places have no salt."""
        ...

    async def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Of one size the last one written stays."""
        ...

    async def latest_checkpoint(self) -> Checkpoint | None:
        """The largest."""
        ...

    async def checkpoints(self, after: int, limit: int) -> list[Checkpoint]:
        """Of more leaves than `after`, the smallest first."""
        ...

    async def thin_checkpoints(self, before: datetime) -> int:
        """Of those published before that, keeps the last of each hour and those that were stamped. How many went."""
        ...

    async def save_stamp(self, stamp: Stamp) -> None:
        """Of one checkpoint and authority the first one written stays."""
        ...

    async def stamps(self, size: int) -> list[Stamp]:
        """Of the checkpoint of this size."""
        ...

    async def latest_stamp(self, authority: str) -> Stamp | None:
        """The one over the largest checkpoint."""
        ...

    async def pair_number(self, sender: str, recipient: str) -> int:
        """How many deliveries there were of this pair; 0: none."""
        ...
