"""What a monitor keeps: `state.json`, what it saw last; `forks/`, checkpoints that cannot both be true. Blocking."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from lgsp.core.audit.following import Seen
from lgsp.durable import exclusive, make_folder, replace_file
from lgsp.errors import LgspError

_STATE, _FORKS, _LOCK = "state.json", "forks", "lock"


class MonitorUnusable(LgspError):
    """The folder cannot serve a monitor, and why."""


class MonitorFolder:
    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Raises MonitorUnusable when another monitor works here; OSError."""
        with exclusive(self.path / _LOCK) as alone:
            if not alone:
                raise MonitorUnusable(f"another monitor works in {self.path}")
            yield

    def load(self) -> Seen | None:
        """None: nothing was seen yet. Raises MonitorUnusable, OSError."""
        path = self.path / _STATE
        try:
            return msgspec.json.decode(path.read_bytes(), type=Seen)
        except FileNotFoundError:
            return None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise MonitorUnusable(f"{path} is not of this version: {error}; move it away to begin anew") from None

    def save(self, seen: Seen) -> None:
        """On disk when this returns. Raises OSError."""
        replace_file(self.path / _STATE, msgspec.json.format(msgspec.json.encode(seen), indent=1) + b"\n")

    def save_fork(self, before: str, after: str) -> Path:
        """Both signed checkpoints, where they can be shown to others. Raises OSError."""
        folder = self.path / _FORKS
        make_folder(folder)
        name = hashlib.sha256(after.encode()).hexdigest()[:32]
        replace_file(folder / f"{name}.before", before.encode())
        replace_file(folder / f"{name}.after", after.encode())
        return folder / name
