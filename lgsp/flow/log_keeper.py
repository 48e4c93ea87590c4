"""Signing heads of the log: only what is on disk, and only what continues what was signed before.

A head is signed after the transaction that made it was committed: what is signed can never be rolled back. The keeper remembers
the last head that it signed, in memory and in a file beside the database. A head that grew out of the very tree it remembers is
signed at once; between two others stands a proof of consistency from the hashes in the journal; without it nothing is signed any
more, and everything that needs a signature says so. Two histories under one key are the one thing that a log must never have.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from contracts.receipt import LogEntry
from lgsp import metrics
from lgsp.core.log.checkpoint import parse_checkpoint
from lgsp.core.log.frontier import Frontier, append
from lgsp.core.log.merkle import ProofInvalid, check_inclusion, leaf_hash
from lgsp.core.log.note import parse_note
from lgsp.core.log.placed import Logged, Place
from lgsp.core.receipts import log_entry
from lgsp.errors import LgspError, Unavailable
from lgsp.flow import log_proofs
from lgsp.flow.head_file import SignedHead
from lgsp.log import get_logger
from lgsp.ports import LogStore

log = get_logger()

_FEW_ENTRIES = 300


class LogForked(Unavailable):
    """The journal's log does not continue what this hub has signed. Nothing is signed until somebody has seen to it."""

    code = "log.forked"
    retry_after_s = 300


class LogRewound(LgspError):
    """At the start: the journal is not the one whose heads were signed. `vi`, `en`: what is wrong and what to do about it."""

    def __init__(self, vi: str, en: str) -> None:
        self.vi, self.en = vi, en
        super().__init__(f"{vi}\n{en}")


class NoteSigner(Protocol):
    async def checkpoint(self, origin: str, tree: Frontier) -> str:
        """The signed note (C2SP tlog-checkpoint). Of the same tree, by the same key, the same. Raises SigningUnavailable."""
        ...


class HeadMemory(Protocol):
    """What is remembered outside the database: `lgsp.flow.head_file.HeadFile`."""

    @property
    def known(self) -> Sequence[SignedHead]: ...

    def write(self, head: SignedHead) -> None: ...

    def sync(self) -> None: ...

    def close(self) -> None: ...


class LogKeeper:
    """One per process that signs."""

    def __init__(self, store: LogStore, signer: NoteSigner, file: HeadMemory, origin: str, tree: Frontier) -> None:
        self._store, self._signer, self._file, self.origin = store, signer, file, origin
        self._signed = tree
        self.fork = ""  # what is wrong; "" while nothing is

    @classmethod
    async def open(cls, store: LogStore, signer: NoteSigner, file: HeadMemory, name: str) -> "LogKeeper":
        """Compares the journal with every head that was signed on this machine, and with what it published itself. `name`: of
        the log, as the settings have it. Raises LogRewound, JournalUnavailable, HeadFileUnusable."""
        named = await store.log_origin()
        origin = named or name
        if not continues_name(origin, name):
            raise LogRewound(
                f"Cơ sở dữ liệu chứa nhật ký {origin!r}, cấu hình lại ghi log_origin = {name!r}: hãy sửa cấu hình.",
                f"The log in this journal is {origin!r}, the settings say log_origin = {name!r}: correct the settings.",
            )
        tree = await store.log_head()
        await check_continued(store, origin, file.known, tree)
        if not named:
            await store.log_origin(origin)
        keeper = cls(store, signer, file, origin, tree)
        keeper._remember(tree)
        return keeper

    @property
    def signed(self) -> Frontier:
        """The largest tree that was signed here."""
        return self._signed

    async def sign(self, before: Frontier, after: Frontier) -> str:
        """The signed note of `after`, which the journal has, and which grew out of `before` in one transaction. Raises LogForked,
        SigningUnavailable, JournalUnavailable, HeadFileUnusable."""
        if self.fork:
            raise LogForked(self.fork)
        while before != (signed := self._signed):
            if not await self._continues(before):
                await self._check(after)
            if signed is self._signed:  # else another head was signed meanwhile: both must be of one line
                break
        if after.size > self._signed.size:
            self._remember(after)
        return await self._signer.checkpoint(self.origin, after)

    async def entry(self, logged: Logged) -> LogEntry:
        """What proves a record that was just committed. Raises as `sign` does."""
        note = await self.sign(logged.before, logged.after)
        return log_entry(logged.leaf, logged.place.salt, logged.place.index, logged.hashes, note)

    async def entry_at(self, place: Place) -> LogEntry:
        """For a record of whatever age what its answer carried, octet for octet while the key is the same. Raises as `sign`
        does."""
        leaves = await self._store.log_leaves(place.index, 1)
        try:
            tree, hashes = await log_proofs.inclusion(self._store, place.index, place.size)
            check_inclusion(place.index, place.size, tree.root, leaf_hash(b"".join(leaves)), hashes)
        except ProofInvalid as error:
            raise self._alarm(place.size, f"entry {place.index} cannot be proved: {error}") from None
        return log_entry(leaves[0], place.salt, place.index, hashes, await self.sign(tree, tree))

    def close(self) -> None:
        self._file.close()

    async def sync(self) -> None:
        """Brings what was remembered to the disk. Raises HeadFileUnusable."""
        await asyncio.to_thread(self._file.sync)

    def _remember(self, tree: Frontier) -> None:
        self._file.write(SignedHead(origin=self.origin, tree=tree))
        self._signed = tree

    async def _continues(self, tree: Frontier) -> bool:
        """Whether a few more entries make of the remembered tree this one: cheaper than a proof, where workers wrote
        meanwhile."""
        signed = self._signed
        if not 0 < tree.size - signed.size <= _FEW_ENTRIES:
            return False
        entries = await self._store.log_leaves(signed.size, tree.size - signed.size)
        return append(signed, [leaf_hash(one) for one in entries]).after == tree

    async def _check(self, tree: Frontier) -> None:
        """Raises LogForked unless one of this tree and the remembered one continues the other."""
        older, newer = sorted((self._signed, tree), key=lambda one: one.size)
        try:
            await log_proofs.check_grown(self._store, older.size, older.root, newer)
        except ProofInvalid as error:
            detail = f"of {newer.size} entries the first {older.size} are not those that were signed: {error}"
            raise self._alarm(newer.size, detail) from None

    def _alarm(self, size: int, detail: str) -> LogForked:
        """From now on nothing is signed."""
        self.fork = detail
        metrics.LOG_FORKED.set(1)
        log.error("evidence.forked", size=size, signed=self._signed.size, detail=detail)
        return LogForked(detail)


def continues_name(origin: str, name: str) -> bool:
    """Whether a log of this origin is the one of that name: the first, or one that was begun anew (`next_origin`)."""
    rest = origin.removeprefix(f"{name}/")
    return origin == name or (rest != origin and rest.isdecimal())


async def check_continued(store: LogStore, origin: str, known: Sequence[SignedHead], tree: Frontier) -> None:
    """The journal's log is `tree`; it has to begin with every head that is known. Raises LogRewound, JournalUnavailable."""
    heads = [(one.tree.size, one.tree.root) for one in known if one.origin == origin]
    published = await store.latest_checkpoint()
    if published is not None:
        checkpoint = parse_checkpoint(parse_note(published.note)[0])
        heads += [(checkpoint.size, checkpoint.root)] if checkpoint.origin == origin else []
    for size, root in heads:
        await _check_continues(store, size, root, tree)


async def _check_continues(store: LogStore, size: int, root: bytes, tree: Frontier) -> None:
    """Raises LogRewound."""
    if size > tree.size:
        raise LogRewound(
            f"Nhật ký trong cơ sở dữ liệu có {tree.size} mục, nhưng trục đã ký {size} mục: một bản sao lưu cũ đã được khôi phục,"
            " hoặc cấu hình trỏ đến cơ sở dữ liệu khác. Hãy khôi phục bản mới nhất. Nếu phần sau đã mất hẳn:"
            ' lgsp log restart --because "lý do".',
            f"The journal's log has {tree.size} entries, but this hub has signed {size}: an old backup was restored, or the"
            " settings name another database. Restore the newest backup. If what came after is lost for good:"
            ' lgsp log restart --because "why".',
        )
    try:
        await log_proofs.check_grown(store, size, root, tree)
    except ProofInvalid as error:
        raise LogRewound(
            f"{size} mục đầu của nhật ký không còn như khi trục đã ký: hãy tìm chỗ bị sửa bằng lgsp log verify, khôi phục cơ sở"
            ' dữ liệu đúng, hoặc mở nhật ký mới: lgsp log restart --because "lý do".',
            f"The first {size} entries of the journal's log are not those that this hub has signed ({error}): find what was"
            " changed with lgsp log verify, restore a database that has them, or begin a new log: lgsp log restart"
            ' --because "why".',
        ) from None
