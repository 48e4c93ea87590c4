"""Applies the rules of retention: looks through the journal now and then, erases what is due, archives before where a rule says
so, and deletes files to which nothing refers any more. A little at a time, so that traffic never notices."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from lgsp import metrics
from lgsp.core.archive import Room
from lgsp.core.directory import Level
from lgsp.core.retention import Fate, Kept, Rule, fate, horizon
from lgsp.errors import LgspError
from lgsp.flow.clock import loop_time
from lgsp.log import get_logger
from lgsp.ports import Archive, Blobs, DirectoryStore, Erasure, Keeping

log = get_logger()

GRACE_S = 600.0  # an envelope that was being decided when its file was closed is committed by then
_LOOKED_AT_ONCE = 500
_ERASED_AT_ONCE = 50
_FILES_AT_ONCE = 100
_SHARE = 0.05  # of the time, at most
_FILES_EVERY_S = 60.0


class Archives(Protocol):
    """`lgsp.archive.archiver.Archiver`."""

    def room(self) -> Room: ...

    async def resume(self) -> Archive | None: ...

    async def archive(self, chosen: Sequence[Kept]) -> Archive: ...


class Retention:
    """Any number of processes may do this: nothing is done twice. `alone` keeps those of one machine from looking side by side,
    and from writing into one folder."""

    def __init__(
        self,
        keeping: Keeping,
        directory: DirectoryStore,
        blobs: Blobs,
        rules: Sequence[Rule],
        archives: Archives,
        alone: Callable[[], AbstractContextManager[bool]],
        clock: Callable[[], datetime],
        *,
        interval_s: float,
        grace_s: float = GRACE_S,
    ) -> None:
        self._keeping, self._directory, self._blobs, self._archives = keeping, directory, blobs, archives
        self._rules, self._alone, self._clock = rules, alone, clock
        self._interval_s, self._grace_s = interval_s, grace_s

    async def run(self) -> None:
        """Until cancelled. What fails is said and tried again."""
        look_at = loop_time()
        while True:
            try:
                with self._alone() as alone:
                    if alone:
                        await self.delete_files()
                        if loop_time() >= look_at:
                            look_at = loop_time() + self._interval_s
                            await self.look_once()
            except (LgspError, OSError) as error:
                log.error("retention.failed", error=type(error).__name__, detail=str(error))
            await asyncio.sleep(min(_FILES_EVERY_S, self._interval_s))

    async def look_once(self) -> Counter[str]:
        """One walk through all that may be due; how many bodies and files were erased, and what stands in the way of how many."""
        look = _Look(self._clock(), await self._levels())
        if horizon(self._rules, look.at) is None:
            return look.done
        try:
            if any(rule.archive_first for rule in self._rules):
                await self._archives.resume()
            await self._walk(look, _Waiting(self._archives))
        finally:
            _tell(look)
        return look.done

    async def delete_files(self) -> int:
        """Of files that were closed a while ago the blobs; how many are done with. Journal, blob, journal: what a crash leaves
        comes again."""
        now = self._clock()
        digests = await self._keeping.files_to_delete(now, self._grace_s, _FILES_AT_ONCE)
        for digest in digests:
            await self._blobs.delete(digest)
        gone = await self._keeping.files_deleted(digests, now, self._grace_s) if digests else 0
        metrics.ERASED.labels("blob").inc(gone)
        return gone

    async def _walk(self, look: "_Look", waiting: "_Waiting") -> None:
        before, after = horizon(self._rules, look.at) or look.at, 0
        while True:
            began = loop_time()
            found = await self._keeping.kept(after, _LOOKED_AT_ONCE, look.at)
            if not found or found[0].accepted_at > before:
                break
            after = found[-1].sequence
            due = look.due(found, self._rules)
            await self._erase([one for one in due if one[1].barrier is None], look.done)
            await self._erase(await waiting.add([one for one in due if one[1].barrier == "archive"]), look.done)
            await _rest(began)
        await self._erase(await waiting.flush(), look.done)

    async def _levels(self) -> dict[str, Level]:
        return {one.code: one.level for one in (await self._directory.directory()).agencies.values()}

    async def _erase(self, due: Sequence[tuple[Kept, Fate]], done: Counter[str]) -> None:
        for begin in range(0, len(due), _ERASED_AT_ONCE):
            began, now = loop_time(), self._clock()
            batch = [_erasure(one, its, now) for one, its in due[begin : begin + _ERASED_AT_ONCE]]
            for wanted, answer in zip(batch, await self._keeping.erase(batch, now), strict=True):
                if answer.outcome == "erased":
                    done.update(name for name, gone in (("body", wanted.body), ("files", wanted.files)) if gone)
                elif answer.outcome != "nothing":  # a delivery was opened again since somebody looked
                    done[answer.outcome] += 1
            await _rest(began)


class _Look:
    """What one walk saw and did."""

    def __init__(self, at: datetime, levels: Mapping[str, Level]) -> None:
        self.at, self._levels = at, levels
        self.done: Counter[str] = Counter()
        self.late_s = 0.0

    def due(self, found: Sequence[Kept], rules: Sequence[Rule]) -> list[tuple[Kept, Fate]]:
        """Those of them that are, each with what is to become of it."""
        due = [(one, its) for one in found if any((its := fate(rules, one, self._levels)).due(self.at))]
        self.late_s = max([self.late_s, *(_late_s(its, self.at) for _, its in due)])
        self.done.update(its.barrier for _, its in due if its.barrier == "dead_letter")
        return due


class _Waiting:
    """What a rule wants archived first, until there is enough of it for a file."""

    def __init__(self, archives: Archives) -> None:
        self._archives = archives
        self._room = archives.room()
        self._held: list[tuple[Kept, Fate]] = []

    async def add(self, due: Sequence[tuple[Kept, Fate]]) -> list[tuple[Kept, Fate]]:
        """What was archived by it, and may be erased now."""
        archived: list[tuple[Kept, Fate]] = []
        for one in due:
            if not self._room.takes(one[0]):
                archived += await self.flush()
                self._room.takes(one[0])
            self._held.append(one)
        return archived

    async def flush(self) -> list[tuple[Kept, Fate]]:
        held, self._held, self._room = self._held, [], self._archives.room()
        if held:
            archive = await self._archives.archive([one for one, _ in held])
            metrics.ARCHIVED.inc(archive.envelopes)
        return held


async def _rest(began: float) -> None:
    """So that what began then takes no more than its share of the time, and of the write lock."""
    await asyncio.sleep((loop_time() - began) * (1 / _SHARE - 1))


def _erasure(one: Kept, its: Fate, now: datetime) -> Erasure:
    body, files = its.due(now)
    name = "" if its.rule is None else its.rule.name
    return Erasure(sequence=one.sequence, body=body, files=files, reason="retention", detail=name)


def _late_s(its: Fate, now: datetime) -> float:
    return max((now - at).total_seconds() for at in (its.body_at, its.files_at) if at is not None)


def _tell(look: _Look) -> None:
    done = look.done
    for what in ("body", "files"):
        metrics.ERASED.labels(what).inc(done[what])
    metrics.RETENTION_BARRED.set(done["dead_letter"] + done["open"])
    metrics.RETENTION_LATE_S.set(look.late_s)
    metrics.RETENTION_LOOKED.set_to_current_time()
    if done["body"] or done["files"]:
        log.info("retention.applied", bodies=done["body"], files=done["files"])
