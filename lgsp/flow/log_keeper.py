"""Signing heads of the log: only what is on disk, and only what continues what was signed before.

A head is signed after the transaction that made it was committed: what is signed can never be rolled back. The keeper remembers
the last head that it signed, in memory and in a file beside the database. A head that grew out of the very tree it remembers is
signed at once; between two others stands a proof of consistency from the hashes in the journal; without it nothing is signed any
more, and everything that needs a signature says so. Two histories under one key are the one thing that a log must never have.
"""

from collections.abc import Sequence
from typing import Protocol

from contracts.receipt import LogEntry
from lgsp.core.log.frontier import Frontier, append
from lgsp.core.log.merkle import ProofInvalid, check_consistency, check_inclusion, leaf_hash
from lgsp.core.log.placed import Place
from lgsp.core.log.tiles import (
    consistency_from,
    hash_of,
    inclusion_from,
    subtrees,
    wanted,
    wanted_for_consistency,
    wanted_for_inclusion,
)
from lgsp.core.receipts import log_entry
from lgsp.errors import LgspError, Unavailable
from lgsp.flow.head_file import SignedHead
from lgsp.log import get_logger
from lgsp.ports import LogStore

log = get_logger()

_FEW_ENTRIES = 300


class LogForked(Unavailable):
    """The journal's log does not continue what this hub has signed. Nothing is signed until somebody has seen to it."""

    code = "hub.signing_unavailable"
    retry_after_s = 300


class LogRewound(LgspError):
    """At the start: the journal is not the one whose heads were signed. The message says what to do."""


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
    async def open(cls, store: LogStore, signer: NoteSigner, file: HeadMemory, origin: str) -> "LogKeeper":
        """Compares the journal with every head that was signed on this machine. Raises LogRewound, JournalUnavailable."""
        named = await store.log_origin()
        if named and named != origin:
            raise LogRewound(f"the log of this journal is {named!r}, the settings say log_origin = {origin!r}")
        tree = await store.log_head()
        for head in file.known:
            if head.origin == origin:
                await _check_continues(store, head.tree, tree)
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
        if before != self._signed and not await self._continues(before):
            await self._check(after)
        if after.size > self._signed.size:
            self._remember(after)
        return await self._signer.checkpoint(self.origin, after)

    async def entry_at(self, place: Place) -> LogEntry:
        """For a record of whatever age what its answer carried, octet for octet while the key is the same. Raises as `sign`
        does."""
        spans = {*wanted_for_inclusion(place.index, place.size), *wanted([subtrees(0, place.size)])}
        found = await self._store.log_hashes(tuple(spans))
        leaves = await self._store.log_leaves(place.index, 1)
        try:
            tree = Frontier(place.size, tuple(hash_of(one, found) for one in subtrees(0, place.size)))
            hashes = inclusion_from(place.index, place.size, found)
            check_inclusion(place.index, place.size, tree.root, leaf_hash(b"".join(leaves)), hashes)
        except (KeyError, ProofInvalid) as error:
            raise self._alarm(place.size, f"entry {place.index} cannot be proved: {error!r}") from None
        return log_entry(leaves[0], place.salt, place.index, hashes, await self.sign(tree, tree))

    def close(self) -> None:
        self._file.close()

    def sync(self) -> None:
        """Brings what was remembered to the disk. Raises HeadFileUnusable."""
        self._file.sync()

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
            await _check_grown(self._store, older, newer)
        except ProofInvalid as error:
            detail = f"of {newer.size} entries the first {older.size} are not those that were signed: {error}"
            raise self._alarm(newer.size, detail) from None

    def _alarm(self, size: int, detail: str) -> LogForked:
        """From now on nothing is signed."""
        self.fork = detail
        log.error("evidence.forked", size=size, signed=self._signed.size, detail=detail)
        return LogForked(detail)


async def _check_continues(store: LogStore, signed: Frontier, tree: Frontier) -> None:
    """Raises LogRewound."""
    if signed.size > tree.size:
        raise LogRewound(
            f"the journal's log has {tree.size} entries, but this hub has signed a head of {signed.size}: an old backup was"
            " restored, or another database is named. Restore the newest one. If what came after is lost for good:"
            " lgsp log restart · Nhật ký trong cơ sở dữ liệu ngắn hơn bản đã ký: một bản sao lưu cũ đã được khôi phục."
            " Hãy khôi phục bản mới nhất; nếu phần sau đã mất hẳn: lgsp log restart"
        )
    try:
        await _check_grown(store, signed, tree)
    except ProofInvalid as error:
        raise LogRewound(
            f"the first {signed.size} entries of the journal's log are not those that this hub has signed ({error}): find out who"
            " changed them (lgsp log verify), restore a database that has them, or begin a new log: lgsp log restart ·"
            " Nhật ký trong cơ sở dữ liệu không khớp với bản đã ký: hãy kiểm tra bằng lgsp log verify, khôi phục cơ sở dữ"
            " liệu đúng, hoặc mở nhật ký mới: lgsp log restart"
        ) from None


async def _check_grown(store: LogStore, older: Frontier, newer: Frontier) -> None:
    """Raises ProofInvalid unless the journal's hashes show that `newer` begins with `older`."""
    found = await store.log_hashes(wanted_for_consistency(older.size, newer.size))
    try:
        proof = consistency_from(older.size, newer.size, found)
    except KeyError as error:
        raise ProofInvalid(f"hash {error} is missing") from None
    check_consistency(older.size, older.root, newer.size, newer.root, proof)
