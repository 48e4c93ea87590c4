"""Keeps what is known of revocation fresh: one process of the machine fetches, all read what it writes.

Nobody waits for it: intake goes by the snapshot that is there, and says "revocation unknown" where that is silent. What came is
verified before it counts, and the file is replaced as a whole: whenever this process dies, readers see the old or the new.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from cryptography import x509

from lgsp import metrics
from lgsp.durable import exclusive, make_folder
from lgsp.log import get_logger
from lgsp.trust import memory, timetable
from lgsp.trust.asking import Asker, Came
from lgsp.trust.evidence import with_answer, with_list
from lgsp.trust.expiry import endings
from lgsp.trust.fetching import Fetcher, FetchFailed
from lgsp.trust.inputs import Inputs, News
from lgsp.trust.places import LOCK
from lgsp.trust.sources import ListSource, Planner, Source, answer_sources, list_sources
from lgsp.trust.store import TrustStore, TrustUnreadable
from lgsp.trust.timetable import Progress
from signing.names import issuer_id
from signing.revocation import Grace
from signing.rules import Refused
from signing.snapshot import NO_SNAPSHOT, CrlFacts, OcspFacts, RevocationSnapshot

log = get_logger()

_AT_ONCE = 4
_PLAN_AGAIN = timedelta(minutes=1)  # what is known goes stale by itself
_WRITTEN_BYTES_PER_S = 20 * 1024 * 1024
_LOOK_FOR_LOCK_S = 5.0
_REMIND_EVERY, _REMIND_BEFORE = timedelta(days=1), timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Rules:
    """`urls`: lists that are fetched in any case; `refresh`: how old evidence may get before it is asked for again."""

    refresh: timedelta
    max_bytes: int
    grace: Grace
    urls: tuple[str, ...] = ()


class Keeper:
    """Only one at a time on a folder: `durable.exclusive`. `step` begins what is to be done, `settled` waits for it."""

    def __init__(
        self,
        folder: Path,
        store: TrustStore,
        fetcher: Fetcher,
        rules: Rules,
        clock: Callable[[], datetime],
        draw: Callable[[], float],
        own_certificates: Callable[[], Iterable[x509.Certificate]] = tuple,
    ) -> None:
        self.snapshot: RevocationSnapshot = NO_SNAPSHOT
        self.progress: dict[str, Progress] = {}
        self._folder = folder
        self._inputs = Inputs(folder, store)
        self._asker = Asker(fetcher, rules.max_bytes, clock)
        self._rules = rules
        self._clock = clock
        self._draw = draw
        self._own_certificates = own_certificates
        self._planner = Planner(rules.urls, rules.grace)
        self._sources: dict[str, Source] = {}
        self._planned_by: tuple[CrlFacts, ...] | None = None
        self._plan_at = clock()
        self._urgent: set[str] = set()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._on_disk: RevocationSnapshot = NO_SNAPSHOT
        self._write_after_s = 0.0
        self._told: dict[str, Progress] = {}
        self._complete_at: datetime | None = None
        self._reminded_at: datetime | None = None

    async def open(self) -> None:
        """Takes over what another process left. Raises OSError."""
        await asyncio.to_thread(make_folder, self._folder.absolute())
        self.snapshot = self._on_disk = await asyncio.to_thread(memory.read_snapshot, self._folder)
        report = await asyncio.to_thread(memory.read_report, self._folder)
        self.progress, self._told, self._complete_at = dict(report.sources), dict(report.sources), report.complete_at

    async def run(self, *, every_s: float = 1.0) -> None:
        """Keeps while no other process does, until cancelled; trouble with files is said and tried again."""
        while True:
            try:
                with exclusive(self._folder / LOCK) as mine:
                    if mine:
                        await self._keep(every_s)
            except (TrustUnreadable, OSError) as error:
                log.error("trust.unreadable", detail=str(error))
            await asyncio.sleep(_LOOK_FOR_LOCK_S)

    async def step(self, *, everything: bool = False) -> None:
        """Looks at what is wanted, begins what is due, writes what came. `everything`: asks all of it now, and waits. Raises
        TrustUnreadable, OSError."""
        news = await self._look()
        at, everything = self._clock(), everything or news.wish
        for key, source in self._sources.items():
            if key not in self._running and (everything or timetable.is_due(self.progress[key], at, key in self._urgent)):
                self._urgent.discard(key)
                self._running[key] = asyncio.create_task(self._ask(key, source))
        if everything:
            await self.settled()
            self._complete_at = at
            await self._report()
        await self._write()

    async def take_in(self) -> None:
        """Lists brought by hand, without asking anybody. Raises TrustUnreadable, OSError."""
        await self._look()
        await self._write(at_once=True)

    async def settled(self) -> None:
        """Everything that was begun has ended and is on disk. Raises OSError."""
        while self._running:
            await asyncio.wait(set(self._running.values()))
        await self._write(at_once=True)

    async def close(self) -> None:
        """What is under way is given up."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _keep(self, every_s: float) -> None:
        await self.open()
        try:
            while True:
                await self.step()
                await self._remind()
                await asyncio.sleep(every_s)
        finally:
            await self.close()

    async def _remind(self) -> None:
        """Once a day."""
        at, inputs = self._clock(), self._inputs
        if self._reminded_at is not None and at - self._reminded_at < _REMIND_EVERY:
            return
        self._reminded_at = at
        own = await asyncio.to_thread(lambda: tuple(self._own_certificates()))
        for one in endings(inputs.trusted, tuple(inputs.chains.values()), own, (), at, _REMIND_BEFORE):
            log.warning("trust.expiring", kind=one.what, subject=one.name, ends=one.ends.isoformat(), certificate=one.sha256)

    async def _look(self) -> News:
        at, is_first = self._clock(), self._planned_by is None
        news = await asyncio.to_thread(self._inputs.look, at)
        self._inputs.take(news)
        for facts in news.brought:
            self.snapshot, _ = with_list(self.snapshot, facts, at)
        if news.change_the_plan or at >= self._plan_at or self.snapshot.crls is not self._planned_by:
            await self._plan(at)
        if not is_first:
            for chain in news.asked:
                self._urgent.update(one.key for one in list_sources(chain))
                self._urgent.update(one.key for one in answer_sources(chain))
            self._urgent &= self._sources.keys()
        return news

    async def _plan(self, at: datetime) -> None:
        snapshot = self.snapshot
        self._sources = await asyncio.to_thread(self._planner.plan, self._inputs.in_use(at), snapshot, at)
        self._planned_by, self._plan_at = snapshot.crls, at + _PLAN_AGAIN
        self._urgent &= self._sources.keys()
        begun = {key: self.progress.get(key) or _begun(one, at) for key, one in self._sources.items()}
        self.progress = {key: _with_known(begun[key], one, snapshot) for key, one in self._sources.items()}

    async def _ask(self, key: str, source: Source) -> None:
        """One question, to its end; nothing that comes back ends anything else."""
        before, started_s = self.progress[key], _now_s()
        try:
            async with self._slots:
                started_s = _now_s()
                came = await self._came(source, before)
            after = self._came_well(before, came, started_s)
        except Refused as refused:
            after = self._came_to_nothing(before, refused.rule.code, refused.detail, started_s)
        except FetchFailed as error:
            after = self._came_to_nothing(before, error.code, error.detail, started_s)
        except Exception as error:
            # Octets of strangers meet libraries' bugs: this source failed, the others go on.
            log.error("error.unexpected", component="trust.keeper", error=type(error).__name__, exc_info=error)
            after = self._came_to_nothing(before, "check.failed", type(error).__name__, started_s)
        finally:
            del self._running[key]
        if key in self._sources:
            self.progress[key] = after
        failing = sum(timetable.is_failing(one, self._clock()) for one in self.progress.values())
        metrics.REVOCATION_FAILING.set(failing)

    async def _came(self, source: Source, before: Progress) -> Came:
        if not isinstance(source, ListSource):
            return await self._asker.ask_answer(source)
        known = self.snapshot.crls_of(bytes.fromhex(before.issuer))
        is_known = any(one.this_update == before.this_update for one in known)
        marks = (before.etag, before.last_modified) if is_known else ("", "")
        return await self._asker.ask_list(source, self._inputs.authorities, *marks)

    def _came_well(self, before: Progress, came: Came, started_s: float) -> Progress:
        at = self._clock()
        known = self._believe(came, at)
        after = msgspec.structs.replace(before, etag=came.etag, last_modified=came.last_modified)
        if known is not None:
            after = msgspec.structs.replace(
                after,
                issuer=known.issuer.hex(),
                this_update=known.this_update,
                next_update=known.next_update,
                size_bytes=came.size_bytes,
            )
        if after.next_update is not None and after.next_update <= at:
            return self._came_to_nothing(after, "fetch.late", f"nextUpdate {after.next_update.isoformat()}", started_s)
        after = timetable.succeeded(after, at, self._rules.refresh, self._draw())
        metrics.REVOCATION_FETCHES.labels(before.kind, "unchanged" if known is None else "fetched").inc()
        log.info(
            "revocation.fetched",
            kind=before.kind,
            host=urlsplit(before.url).netloc,
            took_ms=round((_now_s() - started_s) * 1000),
            size_bytes=came.size_bytes,
            wait_s=round((after.due_at - at).total_seconds()),
            next_update="" if after.next_update is None else after.next_update.isoformat(),
        )
        return after

    def _believe(self, came: Came, at: datetime) -> CrlFacts | OcspFacts | None:
        """The newest of its kind that is known now; None when nothing came."""
        known: CrlFacts | OcspFacts | None = None
        if isinstance(came.facts, CrlFacts):
            self.snapshot, known = with_list(self.snapshot, came.facts, at)
        elif isinstance(came.facts, OcspFacts):
            self.snapshot, known = with_answer(self.snapshot, came.facts, at)
        return known

    def _came_to_nothing(self, before: Progress, code: str, detail: str, started_s: float) -> Progress:
        at = self._clock()
        after = timetable.failed(before, at, code, detail, self._draw())
        metrics.REVOCATION_FETCHES.labels(before.kind, "failed").inc()
        if code == before.code == "fetch.not_listed":
            return after  # was said once: it stays so until an operator changes it
        log.warning(
            "revocation.failed",
            kind=before.kind,
            host=urlsplit(before.url).netloc,
            code=code,
            detail=detail,
            took_ms=round((_now_s() - started_s) * 1000),
            attempt=after.failures,
            wait_s=round((after.due_at - at).total_seconds()),
        )
        return after

    async def _write(self, *, at_once: bool = False) -> None:
        """What is new; a large file not at every answer."""
        snapshot = self.snapshot
        if snapshot is not self._on_disk and (at_once or _now_s() >= self._write_after_s):
            size_bytes = await asyncio.to_thread(memory.write_snapshot, self._folder, snapshot)
            self._on_disk, self._write_after_s = snapshot, _now_s() + size_bytes / _WRITTEN_BYTES_PER_S
        if self.progress != self._told:
            await self._report()

    async def _report(self) -> None:
        self._told = dict(self.progress)
        await asyncio.to_thread(memory.write_report, self._folder, self._clock(), self._told, self._complete_at)


def _begun(source: Source, at: datetime) -> Progress:
    kind = "crl" if isinstance(source, ListSource) else "ocsp"
    return Progress(kind=kind, url=source.url, about=source.about, due_at=at)


def _with_known(one: Progress, source: Source, snapshot: RevocationSnapshot) -> Progress:
    """With the times of a list that came another way: by hand, or from another address."""
    if not isinstance(source, ListSource) or len(source.issuers) != 1:
        return one
    known = max(snapshot.crls_of(issuer_id(source.issuers[0])), key=lambda one: one.this_update, default=None)
    if known is None or (one.this_update is not None and one.this_update >= known.this_update):
        return one
    changed = {"issuer": known.issuer.hex(), "this_update": known.this_update, "next_update": known.next_update}
    return msgspec.structs.replace(one, **changed, size_bytes=len(known.octets), etag="", last_modified="")


def _now_s() -> float:
    return asyncio.get_running_loop().time()
