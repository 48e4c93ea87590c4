"""Whether the lock files are what `make lock` would make of pyproject.toml, as far as that can be told without a network.

Exit status 1 and one line per finding when a requirement is missing, pinned outside its bounds, no longer asked for, without a
hash, pinned differently in the two files, or when a line names an index, a path or an address.
"""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
SERVICE, TESTS = Path("deploy/requirements.lock"), Path("tests/requirements.lock")

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?P<rest>.*(?:\n[ ].*)*)", re.MULTILINE)
_FOREIGN = re.compile(r"://|@|(^|[\s=])[~.]*/|^-|^\s+--(?!hash=sha256:)")  # addresses, direct references, paths, options of pip


def main() -> int:
    """Print what was found."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    extras = [one for extra in project["project"]["optional-dependencies"].values() for one in extra]
    service = [*project["project"]["dependencies"], *extras, *groups["build"]]
    findings = [*check(SERVICE, service), *check(TESTS, [*service, *groups["dev"]]), *disagreements()]
    for finding in findings:
        print(finding, file=sys.stderr)
    if findings:
        print("The lock files are out of step with pyproject.toml: run `make lock`.", file=sys.stderr)
    return 1 if findings else 0


def check(lock: Path, wanted: list[str]) -> list[str]:
    """Findings about one lock file against the requirements it was made for."""
    text = (ROOT / lock).read_text()
    pins = pins_of(lock)
    requirements = {canonicalize_name(r.name): r for r in map(Requirement, wanted)}
    asked_for = {canonicalize_name(pin["name"]) for pin in _PIN.finditer(text) if "lgsp-hub (pyproject.toml" in pin["rest"]}
    return [
        *(f"{lock}: {name} is not pinned" for name in requirements.keys() - pins.keys()),
        *(f"{lock}: {name} is no longer asked for by pyproject.toml" for name in asked_for - requirements.keys()),
        *(
            f"{lock}: {name} {version} is outside {requirements[name].specifier}"
            for name, versions in pins.items()
            if name in requirements
            for version in versions
            if version not in requirements[name].specifier
        ),
        *(f"{lock}: {pin['name']} has no hash" for pin in _PIN.finditer(text) if "--hash=sha256:" not in pin["rest"]),
        *(f"{lock}: address, path or option: {line.strip()}" for line in text.splitlines() if _FOREIGN.search(line)),
    ]


def disagreements() -> list[str]:
    """Packages whose version under test is not the version in service."""
    tested = pins_of(TESTS)
    return [
        f"{name}: {TESTS} pins another version than {SERVICE}"
        for name, pins in pins_of(SERVICE).items()
        if tested.get(name) != pins
    ]


def pins_of(lock: Path) -> dict[NormalizedName, set[Version]]:
    """Pinned versions by package; more than one where they depend on the Python version or platform."""
    pins: dict[NormalizedName, set[Version]] = {}
    for pin in _PIN.finditer((ROOT / lock).read_text()):
        pins.setdefault(canonicalize_name(pin["name"]), set()).add(Version(pin["version"]))
    return pins


if __name__ == "__main__":
    sys.exit(main())
