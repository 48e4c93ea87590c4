"""Writes the published schemas and examples: `python -m contracts.kinds.publish`.

The digests of published schemas are kept in `contracts/schemas/published.json`. A schema whose digest stands there is never
changed: a change needs a new version of the kind. (Before a version has been released its entry may be deleted by hand.)
"""

import hashlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from lxml import etree

from contracts.kinds.catalogue import KINDS, Kind
from contracts.kinds.json_schema import write_json_schema
from contracts.kinds.xml import to_xml
from contracts.kinds.xsd import write_xsd

FOLDER = Path(__file__).parent.parent / "schemas"
DIGESTS = "published.json"
HOW = "python -m contracts.kinds.publish"


def schemas_of(kind: Kind) -> dict[str, bytes]:
    """File name -> octets of what is frozen once published."""
    return {"schema.json": write_json_schema(kind), "schema.xsd": write_xsd(kind)}


def examples_of(kind: Kind) -> dict[str, bytes]:
    """File name -> octets. For documents the JSON is the hub's summary of the packet."""
    found = {}
    for example in kind.examples:
        found[f"example-{example.name}.json"] = msgspec.json.format(msgspec.json.encode(example.body), indent=2) + b"\n"
        found[f"example-{example.name}.xml"] = example.octets or _indented(to_xml(example.body))
    return found


def _indented(document: bytes) -> bytes:
    """For people; white space between elements means nothing in the twin."""
    root = etree.fromstring(document)
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def changed(published: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Kinds and files whose models give another schema than the one published, or that vanished."""
    for key, files in published.items():
        now = schemas_of(KINDS[key]) if key in KINDS else {}
        for name, digest in files.items():
            if name not in now or sha256(now[name]) != digest:
                yield f"{key} {name}"


def sha256(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def main() -> int:
    """Exit status 1, and nothing written, when a published schema would change."""
    register = FOLDER / DIGESTS
    published = msgspec.json.decode(register.read_bytes(), type=dict[str, dict[str, str]]) if register.exists() else {}
    broken = list(changed(published))
    if broken:
        print("A published schema never changes; make a new version of the kind:", *broken, sep="\n  ", file=sys.stderr)
        return 1
    for kind in KINDS.values():
        folder = FOLDER / kind.name / str(kind.version)
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("example-*"):
            old.unlink()
        for name, octets in {**schemas_of(kind), **examples_of(kind)}.items():
            (folder / name).write_bytes(octets)
        published[kind.key] = {name: sha256(octets) for name, octets in schemas_of(kind).items()}
    register.write_bytes(msgspec.json.format(msgspec.json.encode(published), indent=2) + b"\n")
    print(f"{len(KINDS)} kinds written to {FOLDER.name}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
