"""Wakes those who wait for something to arrive in a mailbox, inside one process; across processes they look again."""

import asyncio
from collections.abc import Iterable


class Bell:
    """One-shot waits by name. Costs nothing for names nobody waits for."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[asyncio.Future[None], None]] = {}  # in the order in which they came

    def ring(self, names: Iterable[str]) -> None:
        """Wakes everybody who waits for one of these names."""
        if not self._waiting:
            return
        for name in names:
            for future in self._waiting.pop(name, ()):
                if not future.done():
                    future.set_result(None)

    async def wait(self, name: str, timeout_s: float) -> None:
        """Returns when the bell rings for `name`, or after `timeout_s`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, {})[future] = None
        try:
            await asyncio.wait((future,), timeout=timeout_s)
        finally:
            waiting = self._waiting.get(name)
            if waiting is not None:
                waiting.pop(future, None)
                if not waiting:
                    del self._waiting[name]
