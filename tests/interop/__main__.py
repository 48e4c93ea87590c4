"""`make interop`: clients of other makers read a log that the hub's library wrote, and refuse it as soon as a byte is changed.

Exit status 1 when a client finds fault with the log, or does not find what was changed, or cannot be built. A client that needs a
newer Go than there is says so and is left out; sumdb, which any Go from 1.19 builds, is never left out.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lgsp.core.log.note import KeyType
from tests.interop.clients import SUMDB, TESSERA, NoGo
from tests.interop.publish import Key, Publisher, served

SIZES = (1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000)
CHANGED = ("tile/0/001", "tile/1/000", "tile/2/000.p/1", "tile/entries/000", "tile/entries/257.p/208", "checkpoints/66000")

_LOG = Key("lgsp/H01", 1)
_WITNESSES = [Key(f"witness.example/{number}", number, KeyType.COSIGNATURE) for number in (2, 3)]


class Wrong(Exception):
    """What a client should not have said."""


def main() -> int:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lgsp-interop-") as place:
        folder = Path(place)
        log = Publisher(folder / "log", _LOG, _WITNESSES)
        log.grow(SIZES)
        with served(log.folder) as address:
            try:
                checks = _sumdb(folder, address) + _tessera(folder, log.folder, address)
            except (NoGo, Wrong, subprocess.SubprocessError) as error:
                print(f"interop: {error}", file=sys.stderr)
                return 1
    print(f"interop: {checks} runs of clients as they should be, in {time.monotonic() - begun:.0f} s")
    return 0


def _sumdb(folder: Path, address: str) -> int:
    program = SUMDB.build(folder)
    _expect(True, [program, _LOG.verifier.vkey, *(f"{address}/at/{size}" for size in SIZES)])
    return 1 + _notices(program, [], folder / "log", address)


def _tessera(folder: Path, log: Path, address: str) -> int:
    try:
        program = TESSERA.build(folder)
    except NoGo as error:
        print(f"interop: NOT RUN: tessera, because {error}", file=sys.stderr)
        return 0
    policy = folder / "policy"
    options = ["-policy", policy]
    policy.write_text(_policy(_WITNESSES))
    urls = [f"{address}/at/{size}" for size in SIZES]
    _expect(True, [program, *options, "-proofs", log / "proofs", _LOG.verifier.vkey, *urls])
    checks = _notices(program, options, log, address)
    policy.write_text(_policy([*_WITNESSES, Key("witness.example/4", 4, KeyType.COSIGNATURE)]))
    _expect(False, [program, *options, _LOG.verifier.vkey, urls[0]])
    return checks + 2


def _notices(program: Path, options: list[str | Path], log: Path, address: str) -> int:
    """A bit of each of these files changed; and another log's key."""
    command = [program, *options, _LOG.verifier.vkey, f"{address}/at/{SIZES[-1]}"]
    for path in CHANGED:
        with _flipped(log / path):
            _expect(False, command, path)
    _expect(False, [program, *options, Key("lgsp/H02", 1).verifier.vkey, f"{address}/at/{SIZES[-1]}"])
    return len(CHANGED) + 1


@contextmanager
def _flipped(file: Path) -> Iterator[None]:
    octets = file.read_bytes()
    at = 20  # in a checkpoint: within the root; further below stand witnesses, whom not every client knows
    file.write_bytes(octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :])
    try:
        yield
    finally:
        file.write_bytes(octets)


def _expect(right: bool, command: list[str | Path], changed: str = "") -> None:
    """Raises Wrong."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != (0 if right else 1):
        what = f"{changed} was changed, and " if changed else ""
        raise Wrong(f"{what}{Path(command[0]).name} says {done.returncode}: {done.stdout}{done.stderr}")
    if right:
        print(done.stdout, end="")


def _policy(witnesses: list[Key]) -> str:
    names = [f"w{number}" for number in range(len(witnesses))]
    lines = [f"witness {name} {key.verifier.vkey} https://witness.example/" for name, key in zip(names, witnesses, strict=True)]
    return "\n".join((f"log {_LOG.verifier.vkey}", *lines, f"group all-of-them all {' '.join(names)}", "quorum all-of-them", ""))


if __name__ == "__main__":
    sys.exit(main())
