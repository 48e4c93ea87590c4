"""Clients of other makers, in Go: built here from pinned modules (go.mod, go.sum), and run against a log."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
_DEBIAN = "/usr/lib/go/bin/go"
_LIMIT_S = 60


class NoGo(Exception):
    """There is no Go, or one too old for this client."""


class Wrong(Exception):
    """What a client should not have said."""


@dataclass(frozen=True, slots=True)
class Program:
    """A client that was built. `remembers`: from one run to the next, what it saw."""

    name: str
    path: Path
    remembers: bool

    def agrees(self, arguments: Sequence[str | Path]) -> None:
        """Prints what it says. Raises Wrong unless it finds everything as it should be."""
        done = self._run(arguments)
        if done.returncode != 0:
            raise Wrong(f"{self.name} says {done.returncode}: {done.stdout}{done.stderr}")
        print(done.stdout, end="", flush=True)

    def refuses(self, arguments: Sequence[str | Path], why: str) -> None:
        """Raises Wrong unless it finds fault."""
        done = self._run(arguments)
        if done.returncode != 1:
            raise Wrong(f"{why}, and {self.name} says {done.returncode}: {done.stdout}{done.stderr}")

    def _run(self, arguments: Sequence[str | Path]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([self.path, *arguments], capture_output=True, text=True, timeout=_LIMIT_S)


@dataclass(frozen=True, slots=True)
class Client:
    """`needs`: the oldest Go that builds it."""

    name: str
    needs: tuple[int, int]
    remembers: bool = False

    def build(self, folder: Path) -> Program:
        """Raises NoGo, and subprocess.CalledProcessError when it does not build."""
        go = shutil.which("go") or (_DEBIAN if Path(_DEBIAN).exists() else None)
        if go is None:
            raise NoGo("Go is not installed: run deploy/install/test-go.sh as root")
        # No other toolchain than the one that is here, and nothing that go.sum does not name.
        settings = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
        version = subprocess.run([go, "env", "GOVERSION"], env=settings, capture_output=True, text=True, check=True).stdout
        if _numbers(version) < self.needs:
            raise NoGo(f"it needs Go {self.needs[0]}.{self.needs[1]}, and here is {version.strip()}")
        path = folder / f"client-{self.name}"
        subprocess.run([go, "build", "-o", path, "."], cwd=_HERE / self.name, env=settings, check=True)
        return Program(self.name, path, self.remembers)


SUMDB = Client("sumdb", (1, 19), remembers=True)  # as Debian 12 has it
TESSERA = Client("tessera", (1, 25))


def _numbers(version: str) -> tuple[int, int]:
    found = re.match(r"go(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)
