"""`lgsp.ports.Store` in memory, laid out as `lgsp.journal.sqlite`. It passes the suites that the real stores pass."""

from tests.sim.memory.store import MemoryStore

__all__ = ["MemoryStore"]
