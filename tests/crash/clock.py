"""A wall clock of a process's own, which jumps when the test says so (libfaketime). Time that only passes, the monotonic clock,
is left alone, as it is by an administrator or an NTP daemon that sets the clock of a machine."""

from pathlib import Path

from tests.servers.process import ServerMissing

_LIBRARIES = ("usr/lib/*/faketime/libfaketimeMT.so.1", "usr/lib64/faketime/libfaketimeMT.so.1")
_SHARED_MEMORY = Path("/dev/shm")


class FakeClock:
    """`environment` is for the start of the process. Raises ServerMissing when the library is not installed."""

    def __init__(self, folder: Path) -> None:
        library = next((found for pattern in _LIBRARIES for found in Path("/").glob(pattern)), None)
        if library is None:
            raise ServerMissing("libfaketime is not installed: run `make test` as root, or install the package libfaketime")
        self._file = folder / "clock"
        self.jump_to(0)
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",  # second: otherwise each look at the time would read the file
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def jump_to(self, ahead_s: float) -> None:
        """So far ahead of the true time, within a second from now; negative: behind it."""
        written = self._file.with_suffix(".new")
        written.write_text(f"{ahead_s:+f}\n")
        written.replace(self._file)

    @staticmethod
    def forget(pid: int) -> None:
        """Removes what the library leaves behind of a process that was killed."""
        for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
            (_SHARED_MEMORY / name).unlink(missing_ok=True)
