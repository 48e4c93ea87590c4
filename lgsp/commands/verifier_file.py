"""The verifier as one file: our pure packages, and what they need, as it is installed here, in a zipapp.

Nothing is chosen anew: the same modules that run in `lgsp evidence verify`, of the versions that are pinned. Compiled packages
are good for the Python and the kind of machine that wrote the file, and it says so when it is started elsewhere.
"""

import hashlib
import io
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec

from lgsp.evidence.start_alone import this_system

NAME = "lgsp-evidence-verify.pyz"
_OURS = ("contracts", "signing", "lgsp/core", "lgsp/evidence")
_SINGLE = ("lgsp/__init__.py", "lgsp/errors.py")
_NEEDED = ("click", "cryptography", "joserfc", "lxml", "msgspec", "pyhanko")
_LEFT_OUT = frozenset({".c", ".cpp", ".h", ".pxd", ".pxi", ".pyi", ".pyx", ".pyc", ".typ"})
_COMPILED = (".so", ".pyd", ".dylib")
_REQUIREMENT = re.compile(r"^[A-Za-z0-9._-]+")
_TIME = (1980, 1, 1, 0, 0, 0)
PURE, COMPILED, BUILT_FOR = "pure", "compiled", "built-for.json"


class BuiltFor(msgspec.Struct, frozen=True):
    """`python`: major and minor; `system`: system, processor and C library; `packages`: names and versions of what is inside."""

    python: str
    system: str
    packages: dict[str, str]


class _File(NamedTuple):
    name: str
    octets: bytes


def write_verifier(path: Path) -> BuiltFor:
    """The same file again from the same installation. Raises OSError."""
    needed = sorted(_needed(), key=lambda one: one.name.lower())
    built = BuiltFor(
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        system=this_system(),
        packages={one.name: one.version for one in needed},
    )
    inside = [_File(f"{PURE}/{one.name}", one.octets) for one in _own()]
    for one in needed:
        found = list(_of_distribution(one))
        folder = COMPILED if any(file.name.endswith(_COMPILED) for file in found) else PURE
        inside += [_File(f"{folder}/{file.name}", file.octets) for file in found]
    starter = files("lgsp.evidence").joinpath("start_alone.py").read_bytes()
    archive = _zipped([_File("__main__.py", starter), _File(BUILT_FOR, msgspec.json.encode(built)), *sorted(inside)])
    path.write_bytes(b"#!/usr/bin/env python3\n" + archive)
    path.chmod(0o755)
    return built


def _own() -> Iterator[_File]:
    root = Path(__file__).parents[2]
    folders = (path for folder in _OURS for path in sorted((root / folder).rglob("*")))
    for path in (*folders, *(root / one for one in _SINGLE)):
        if path.is_file() and path.suffix not in _LEFT_OUT:
            yield _File(path.relative_to(root).as_posix(), path.read_bytes())


def _needed() -> Iterable[Distribution]:
    """The distributions that are asked for, and theirs, as far as they are installed."""
    found: dict[str, Distribution] = {}
    asked = list(_NEEDED)
    while asked:
        name = asked.pop()
        try:
            one = distribution(name)
        except PackageNotFoundError:
            continue  # for other systems
        if one.name not in found:
            found[one.name] = one
            asked += [_REQUIREMENT.findall(each)[0] for each in one.requires or () if "extra ==" not in each]
    return found.values()


def _of_distribution(one: Distribution) -> Iterator[_File]:
    for file in one.files or ():
        name = PurePosixPath(file)
        if name.suffix in _LEFT_OUT or ".." in name.parts or name.is_absolute() or name.name == "direct_url.json":
            continue
        if name.name not in ("RECORD", "INSTALLER", "REQUESTED"):
            yield _File(name.as_posix(), Path(str(file.locate())).read_bytes())


def _zipped(inside: Iterable[_File]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for one in inside:
            entry = zipfile.ZipInfo(one.name, _TIME)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, one.octets)
    return file.getvalue()


def sha256_of(path: Path) -> str:
    """Hexadecimal: to be told to whoever gets the file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
