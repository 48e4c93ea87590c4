"""A log in files, written by the hub's library: clients read it at every size, and refuse it as soon as a bit is changed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lgsp.core.log.note import KeyType
from tests.interop.programs import Program
from tests.interop.publish import Key, Publisher, served

SIZES = (1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000)
CHANGED = ("tile/0/001", "tile/1/000", "tile/2/000.p/1", "tile/entries/000", "tile/entries/257.p/208", "checkpoints/66000")

_LOG = Key("lgsp/H01", 1)
_WITNESSES = [Key(f"witness.example/{number}", number, KeyType.COSIGNATURE) for number in (2, 3)]
_VKEY = _LOG.verifier.vkey


def check(folder: Path, programs: Sequence[Program]) -> int:
    """How many runs there were. Raises Wrong."""
    log = Publisher(folder / "log", _LOG, _WITNESSES)
    log.grow(SIZES)
    with served(log.folder) as address:
        urls = [f"{address}/at/{size}" for size in SIZES]
        runs = 0
        for program in programs:
            program.agrees([_VKEY, *urls])
            runs += 1 + _changed(program, log.folder, urls[-1])
            if not program.remembers:
                runs += _proofs(program, folder, urls)
    return runs


def _changed(program: Program, log: Path, url: str) -> int:
    """A bit of each of these files; and the key of another log."""
    for path in CHANGED:
        with _flipped(log / path):
            program.refuses([_VKEY, url], f"{path} was changed")
    program.refuses([Key("lgsp/H02", 1).verifier.vkey, url], "the key of another log")
    return len(CHANGED) + 1


def _proofs(program: Program, folder: Path, urls: Sequence[str]) -> int:
    """As receipts carry them, with the cosignatures that a policy asks for; and one that is missing."""
    policy = folder / "policy"
    policy.write_text(_policy(_WITNESSES))
    program.agrees(["-policy", policy, "-proofs", folder / "log" / "proofs", _VKEY, urls[0]])
    policy.write_text(_policy([*_WITNESSES, Key("witness.example/4", 4, KeyType.COSIGNATURE)]))
    program.refuses(["-policy", policy, _VKEY, urls[0]], "a witness is missing")
    return 2


@contextmanager
def _flipped(file: Path) -> Iterator[None]:
    octets = file.read_bytes()
    at = 20  # in a checkpoint: within the root; further below stand witnesses, whom not every client knows
    file.write_bytes(octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :])
    try:
        yield
    finally:
        file.write_bytes(octets)


def _policy(witnesses: list[Key]) -> str:
    names = [f"w{number}" for number in range(len(witnesses))]
    lines = [f"witness {name} {key.verifier.vkey} https://witness.example/" for name, key in zip(names, witnesses, strict=True)]
    return "\n".join((f"log {_VKEY}", *lines, f"group all-of-them all {' '.join(names)}", "quorum all-of-them", ""))
