"""Clients of other makers, in Go: built here from pinned modules (go.mod, go.sum), and run against a log."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
_DEBIAN = "/usr/lib/go/bin/go"


class NoGo(Exception):
    """There is no Go, or one too old for this client."""


@dataclass(frozen=True, slots=True)
class Client:
    """`needs`: the oldest Go that builds it."""

    name: str
    needs: tuple[int, int]

    def build(self, folder: Path) -> Path:
        """Raises NoGo, and subprocess.CalledProcessError when it does not build."""
        go = shutil.which("go") or (_DEBIAN if Path(_DEBIAN).exists() else None)
        if go is None:
            raise NoGo("Go is not installed: run deploy/install/test-go.sh as root")
        # No other toolchain than the one that is here, and nothing that go.sum does not name.
        settings = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
        version = subprocess.run([go, "env", "GOVERSION"], env=settings, capture_output=True, text=True, check=True).stdout
        if _numbers(version) < self.needs:
            raise NoGo(f"it needs Go {self.needs[0]}.{self.needs[1]}, and here is {version.strip()}")
        program = folder / f"client-{self.name}"
        subprocess.run([go, "build", "-o", program, "."], cwd=_HERE / self.name, env=settings, check=True)
        return program


SUMDB = Client("sumdb", (1, 19))  # as Debian 12 has it
TESSERA = Client("tessera", (1, 25))


def _numbers(version: str) -> tuple[int, int]:
    found = re.match(r"go(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)
