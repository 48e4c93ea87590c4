"""What is trusted at this moment, in every process: follows the folder of anchors and what is known of revocation."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cryptography import x509

from lgsp import metrics
from lgsp.log import get_logger
from lgsp.trust.store import Trusted, TrustStore, TrustUnreadable
from lgsp.trust.wanted import WantedFolder
from signing.report import SignatureReport
from signing.snapshot import RevocationSnapshot, decode
from signing.trust import NO_TRUST, TrustBase

log = get_logger()

_ASK_AGAIN_S = 30.0
_REMEMBERED = 10_000

Chain = tuple[x509.Certificate, ...]


class LiveTrust:
    """`current` is always usable and never changes under its reader; when a file cannot be read, the last value serves on."""

    def __init__(
        self,
        store: TrustStore,
        snapshot: Path,
        wanted: WantedFolder,
        policy: TrustBase = NO_TRUST,
        *,
        poll_s: float = 1.0,
    ) -> None:
        """`policy`: what does not come from files: how old evidence may be, which time-stamps count."""
        self.current = policy
        self._store = store
        self._snapshot = snapshot
        self._wanted = wanted
        self._poll_s = poll_s
        self._stamp: object = None
        self._snapshot_stamp: object = None
        self._asked: dict[bytes, float] = {}
        self._to_ask: list[Chain] = []

    def refresh(self) -> None:
        """Takes over what changed on disk. Blocking. Raises TrustUnreadable."""
        trusted = self._anchors()
        if trusted is not None:
            self.current = replace(self.current, documents=trusted.documents, time_stamps=trusted.time_stamps)
            documents, time_stamps = len(trusted.of("documents")), len(trusted.of("time-stamps"))
            metrics.trusted(documents, time_stamps)
            log.info("trust.loaded", version=self.current.version, documents=documents, time_stamps=time_stamps)
        snapshot = self._evidence()
        if snapshot is not None:
            self.current = replace(self.current, snapshot=snapshot)
            metrics.revocation_known(snapshot)
            log.info("revocation.loaded", version=snapshot.version, crls=len(snapshot.crls), answers=len(snapshot.ocsp))

    async def run(self) -> None:
        """Follows changes, and passes on what is urgent, until cancelled."""
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                await asyncio.to_thread(self._once)
            except (TrustUnreadable, OSError) as error:
                log.error("trust.unreadable", detail=str(error))

    def urge(self, report: SignatureReport) -> None:
        """The revocation of this signer, or of who stamped for it, is needed now. Returns at once; asked for once in half a
        minute. What leads to no anchor is ignored."""
        if report.path is not None:
            self.want(report.path.chain)
        if report.stamp is not None:
            self.want(report.stamp.path.chain)

    def want(self, chain: Sequence[x509.Certificate]) -> None:
        """As `urge`; `chain`: from the certificate to its anchor."""
        if len(chain) < 2:
            return
        key, now_s = chain[0].tbs_certificate_bytes, time.monotonic()
        asked_just_now = now_s - self._asked.get(key, -_ASK_AGAIN_S) < _ASK_AGAIN_S
        if asked_just_now or len(self._to_ask) >= _REMEMBERED:  # full: nothing can be written at the moment
            return
        if len(self._asked) >= _REMEMBERED:
            self._asked.clear()
        self._asked[key] = now_s
        self._to_ask.append(tuple(chain))

    def _once(self) -> None:
        self.refresh()
        while self._to_ask:
            self._wanted.ask(self._to_ask[0])
            del self._to_ask[0]

    def _anchors(self) -> Trusted | None:
        """None: nothing changed."""
        try:
            if self._store.stamp() == self._stamp:
                return None
        except OSError:
            pass  # a file went away meanwhile; loading says what is wrong, if anything is
        trusted = self._store.load()
        self._stamp = trusted.stamp
        return trusted

    def _evidence(self) -> RevocationSnapshot | None:
        """None: nothing changed. A file that cannot be used is left alone until it changes: it is made anew as a whole."""
        try:
            found = self._snapshot.stat()
        except FileNotFoundError:
            return None
        stamp = found.st_mtime_ns, found.st_ino, found.st_size
        if stamp == self._snapshot_stamp:
            return None
        self._snapshot_stamp = stamp
        try:
            return decode(self._snapshot.read_bytes())
        except ValueError as error:
            log.error("trust.unreadable", detail=f"{self._snapshot}: {error}")
            return None
