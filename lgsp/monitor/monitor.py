"""One look at a log after the other: is it signed, does it continue what was seen, do the tiles come to its root."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from lgsp.core.audit.finding import Finding
from lgsp.core.audit.following import FORKED, OLDER, Gap, Party, Problem, Seen, continues, problems
from lgsp.core.log.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint, parse_checkpoint
from lgsp.core.log.frontier import Frontier
from lgsp.core.log.note import NoteInvalid, NoteVerifier, parse_note
from lgsp.core.log.policy import Policy
from lgsp.core.log.record import Record, RecordInvalid, decode
from lgsp.monitor.folder import MonitorFolder
from lgsp.monitor.places import CHECKPOINT, Place, Unreadable
from lgsp.monitor.whole import Recomputing, tree_at


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """What is followed, and what counts as a problem. `party`: of whose messages records are told, which needs the entries."""

    keys: tuple[NoteVerifier, ...]
    policy: Policy | None = None
    max_age_s: float | None = None
    with_entries: bool = False
    party: str = ""
    from_start: bool = False


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one look showed. `grown`: by how many entries; `is_first`: nothing was known before; `kept`: where a fork was put."""

    checkpoint: Checkpoint
    cosigned: tuple[str, ...]
    grown: int
    is_first: bool = False
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    told: tuple[Record | Gap, ...] = ()
    kept: str = ""

    @property
    def is_forked(self) -> bool:
        return FORKED in self.problems


class Monitor:
    """In a folder that is its own (`MonitorFolder.alone`)."""

    def __init__(self, place: Place, folder: MonitorFolder, watch: Watch) -> None:
        self._place, self._folder, self._watch = place, folder, watch
        self._seen = folder.load()
        numbers = self._seen.numbers if self._seen is not None else {}
        self._party = Party(watch.party, numbers, from_start=watch.from_start) if watch.party else None
        self._found: Seen | None = None

    async def look(self, now: datetime) -> Look:
        """Raises Unreadable, OSError; then nothing was learned. `keep` makes what was seen the state to go on from."""
        if self._party is not None:  # what a look before this one read and did not keep is read again
            self._party.numbers = {} if self._seen is None else dict(self._seen.numbers)
        signed = self._opened(await self._place.read(CHECKPOINT))
        new = signed.checkpoint
        found = tuple(problems(signed, self._watch.policy, now.timestamp(), self._watch.max_age_s))
        look = Look(checkpoint=new, cosigned=tuple(sorted(signed.names)), grown=0, problems=found)
        if self._seen is None:
            return await self._begun(signed, look)
        if new.origin != self._seen.origin:
            raise Unreadable(
                f"this is the log {new.origin}, and {self._seen.origin} was followed; another one needs another --dir"
            )
        match continues(self._seen.tree, new):
            case "grown":
                return await self._grown(signed, self._seen.tree, look)
            case "forked":
                return self._forked(signed, look)
            case "older":
                return replace(look, problems=(*look.problems, OLDER))
        return look

    def keep(self) -> None:
        """After it was told, so that nothing is lost whenever this is killed; it may be told twice. Raises OSError."""
        if self._found is not None:
            self._folder.save(self._found)
            self._seen, self._found = self._found, None

    def _opened(self, octets: bytes) -> SignedCheckpoint:
        """By the key that signed it: a log that changes its key over has two."""
        witnesses = () if self._watch.policy is None else [one.key for one in self._watch.policy.witnesses]
        try:
            origin = parse_checkpoint(parse_note(octets)[0]).origin
            *others, last = [one for one in self._watch.keys if one.name == origin] or self._watch.keys
            for key in others:
                try:
                    return open_checkpoint(octets, key, witnesses)
                except NoteInvalid:
                    continue
            return open_checkpoint(octets, last, witnesses)
        except NoteInvalid as error:
            raise Unreadable(f"{CHECKPOINT}: {error}") from None

    async def _begun(self, signed: SignedCheckpoint, look: Look) -> Look:
        look = replace(look, is_first=True)
        if self._watch.from_start:
            return await self._grown(signed, Frontier(), look)
        tree = await tree_at(self._place, signed.checkpoint, signed.checkpoint.size)
        self._note(signed, tree)
        return look

    async def _grown(self, signed: SignedCheckpoint, before: Frontier, look: Look) -> Look:
        new = signed.checkpoint
        one = Recomputing(self._place, new, before, new.size, with_entries=self._watch.with_entries)
        told: list[Record | Gap] = []
        async for bundle in one.bundles():
            told += self._told(bundle.entries or ())
        if not one.findings:
            await one.check_upper_tiles()
        look = replace(look, grown=new.size - before.size, findings=tuple(one.findings), told=tuple(told))
        if any(finding.code == "checkpoint.differs" for finding in one.findings) and await self._is_another_tree(new):
            return self._forked(signed, look)
        if not one.findings:
            self._note(signed, one.tree)
        return look

    async def _is_another_tree(self, new: Checkpoint) -> bool:
        """The tiles do come to its root, though not out of the tree that was seen: nothing joins the two."""
        try:
            await tree_at(self._place, new, new.size)
        except Unreadable:
            return False
        return self._seen is not None

    def _forked(self, signed: SignedCheckpoint, look: Look) -> Look:
        assert self._seen is not None
        kept = self._folder.save_fork(self._seen.note, signed.note)
        return replace(look, problems=(*look.problems, FORKED), kept=str(kept))

    def _told(self, entries: Sequence[bytes]) -> list[Record | Gap]:
        if self._party is None:
            return []
        told: list[Record | Gap] = []
        for entry in entries:
            try:
                told += self._party.read(decode(entry))
            except RecordInvalid:
                continue  # a finding of its own
        return told

    def _note(self, signed: SignedCheckpoint, tree: Frontier) -> None:
        numbers = {} if self._party is None else self._party.numbers
        origin = signed.checkpoint.origin
        self._found = Seen(origin=origin, note=signed.note, size=tree.size, nodes=tree.nodes, numbers=dict(numbers))
