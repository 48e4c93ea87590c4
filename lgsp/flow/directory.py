"""The directory in memory: one snapshot, replaced as a whole when the stored version moves."""

import asyncio

from lgsp.core.directory import Directory
from lgsp.errors import JournalUnavailable
from lgsp.log import get_logger
from lgsp.ports import DirectoryStore

log = get_logger()


class DirectoryCache:
    """`current` is always usable; when the store is away the last snapshot serves on."""

    def __init__(self, store: DirectoryStore, *, poll_s: float = 1.0) -> None:
        self._store = store
        self._poll_s = poll_s
        self.current = Directory(0, ())

    async def refresh(self) -> None:
        """Loads the snapshot if its version moved. Raises JournalUnavailable."""
        version = await self._store.directory_version()
        if version != self.current.version:
            self.current = await self._store.directory()
            log.info("directory.loaded", version=self.current.version, agencies=len(self.current.agencies))

    async def run(self) -> None:
        """Follows changes until cancelled."""
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                await self.refresh()
            except JournalUnavailable as error:
                log.error("journal.lost", detail=str(error))
