"""What is erased and archived, by which rules."""

import functools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from lgsp.archive.archiver import LOCK, Archiver
from lgsp.archive.hook import Hook
from lgsp.assembly import utc_now
from lgsp.bootstrap.named import named_by
from lgsp.core.retention import Rule
from lgsp.core.retention_file import RetentionInvalid, read_rules
from lgsp.durable import exclusive
from lgsp.errors import SettingsError
from lgsp.flow.retention import GRACE_S, Retention
from lgsp.ports import Blobs, Store
from lgsp.settings import Settings

_RETENTION_EVERY_S = 3600.0
_ARCHIVING_SHARE = 0.2  # of a worker's time


def retention(settings: Settings, store: Store, blobs: Blobs, clock: Callable[[], datetime]) -> Retention:
    """Who applies the rules; not yet at work. Raises SettingsError."""
    archives = archiver(settings, store, blobs, settings.archive_path, clock, share=_ARCHIVING_SHARE)
    alone = functools.partial(exclusive, settings.archive_path / LOCK)
    rules, grace_s = retention_rules(settings), max(GRACE_S, 2 * settings.journal_timeout_s)
    return Retention(store, store, blobs, rules, archives, alone, clock, interval_s=_RETENTION_EVERY_S, grace_s=grace_s)


def archiver(
    settings: Settings,
    store: Store,
    blobs: Blobs,
    folder: Path,
    clock: Callable[[], datetime] = utc_now,
    *,
    share: float = 1.0,
) -> Archiver:
    """Who writes archive files into this folder. Raises SettingsError."""
    try:
        hook = Hook.of(settings.archive_hook, settings.archive_hook_timeout_s) if settings.archive_hook else None
    except ValueError as error:
        raise SettingsError([f"archive_hook: {error}"]) from None
    return Archiver(
        store,
        blobs,
        folder.absolute(),
        settings.hub_code,
        hook,
        clock,
        max_envelopes=settings.archive_max_envelopes,
        max_bytes=settings.archive_max_bytes,
        with_files=settings.archive_attachments,
        share=share,
    )


def retention_rules(settings: Settings) -> tuple[Rule, ...]:
    """Raises SettingsError."""
    path = settings.retention_file
    if path is None:
        return ()
    with named_by("retention_file"):
        octets = path.read_bytes()
    try:
        return read_rules(octets)
    except RetentionInvalid as error:
        raise SettingsError([f"retention_file: {path}: {one}" for one in error.problems]) from None
