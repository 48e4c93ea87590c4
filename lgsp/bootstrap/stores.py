"""Journal, broker and blobs that the settings name, and that one hub alone works on them."""

import os
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

from lgsp.assembly import Role
from lgsp.bootstrap.named import named_by
from lgsp.durable import exclusive
from lgsp.errors import SettingsError
from lgsp.journal.audit.rows import Source
from lgsp.ports import Blobs, Broker, Store
from lgsp.settings import Settings

BOTH: frozenset[Role] = frozenset({"gateway", "worker"})


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The journal that the settings name, migrated. Raises JournalUnavailable, JournalMismatch or SettingsError."""
    store: Store
    path = settings.sqlite_path
    if path is None:
        from lgsp.journal.postgres.store import PostgresStore

        store = await PostgresStore.open(settings.journal_url, timeout_s=settings.journal_timeout_s)
    else:
        from lgsp.journal.sqlite import SqliteStore

        with named_by("journal_url" if settings.journal_url else "data_dir"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
        store = SqliteStore.open(path, timeout_s=settings.journal_timeout_s)
    try:
        yield store
    finally:
        await store.close()


@contextmanager
def open_audit(settings: Settings) -> Iterator[Source]:
    """The journal that the settings name, to be read in one snapshot; nothing is made or migrated. Raises JournalUnavailable."""
    path = settings.sqlite_path
    if path is None:
        from lgsp.journal.postgres.audit import open_source as of_database

        with of_database(settings.journal_url, settings.journal_timeout_s) as source:
            yield source
    else:
        from lgsp.journal.sqlite.audit import open_source as of_file

        with of_file(path, settings.journal_timeout_s) as source:
            yield source


def open_blobs(settings: Settings) -> Blobs:
    from lgsp.blobs.directory import DirectoryBlobs

    with named_by("blobs_dir" if settings.blobs_dir else "data_dir"):
        return DirectoryBlobs(settings.blobs_path, max_bytes=settings.max_attachment_bytes)


async def open_broker(settings: Settings, roles: Collection[Role]) -> Broker:
    if settings.amqp_url:
        from lgsp.broker.rabbit import RabbitBroker

        return await RabbitBroker.open(
            settings.amqp_url,
            prefix=settings.broker_prefix,
            shards=settings.broker_shards,
            prefetch=settings.prefetch,
            publish_timeout_s=settings.publish_timeout_s,
            name=f"lgsp {'+'.join(sorted(roles))} {os.getpid()}",
        )
    if frozenset(roles) != BOTH:
        raise SettingsError(["amqp_url: a gateway or worker of its own needs RabbitMQ; without it use `lgsp run`"])
    from lgsp.broker.embedded import EmbeddedBroker

    return EmbeddedBroker()


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """With the broker inside the process there is one process per journal: two would deliver everything twice.

    Raises SettingsError.
    """
    path = settings.sqlite_path
    if path is None:
        raise SettingsError(
            ["amqp_url: with PostgreSQL the hub needs RabbitMQ; without RabbitMQ leave journal_url empty (SQLite)"]
        )
    with ExitStack() as stack:
        with named_by("journal_url" if settings.journal_url else "data_dir"):
            alone = stack.enter_context(exclusive(path.with_name(f"{path.name}.lock")))
        if not alone:
            raise SettingsError([f"data_dir: another hub is running on {path}; stop it, or name another data_dir"])
        yield
