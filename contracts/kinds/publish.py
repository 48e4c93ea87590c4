"""Writes the published schemas and examples: `python -m contracts.kinds.publish`.

The digests of published files are kept in `contracts/schemas/published.json`. A file whose digest stands there is never
changed: a change needs a new version of the kind. That holds for schemas, for examples, and for what the hub finds in an example
(`found-*.json`), so that a later release reads old bodies as this one does. Examples may be added. (Before a version has been
released its entry may be deleted by hand.)
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
    """File name -> octets."""
    return {"schema.json": write_json_schema(kind), "schema.xsd": write_xsd(kind)}


def examples_of(kind: Kind) -> dict[str, bytes]:
    """File name -> octets. For documents the JSON is the hub's summary of the packet."""
    found = {}
    for example in kind.examples:
        found[f"example-{example.name}.json"] = msgspec.json.format(msgspec.json.encode(example.body), indent=2) + b"\n"
        found[f"example-{example.name}.xml"] = example.octets or _indented(to_xml(kind, example.body))
    return found


def findings_of(kind: Kind) -> dict[str, bytes]:
    """File name -> octets: for each example the identifiers that its envelope is found by, and its lane where none is named."""
    found = {}
    for example in kind.examples:
        said = {"identifiers": kind.identifiers(example.body), "order_key": kind.default_order_key(example.body)}
        found[f"found-{example.name}.json"] = msgspec.json.format(msgspec.json.encode(said), indent=2) + b"\n"
    return found


def files_of(kind: Kind) -> dict[str, bytes]:
    """File name -> octets of all that is frozen once published."""
    return {**schemas_of(kind), **examples_of(kind), **findings_of(kind)}


def _indented(document: bytes) -> bytes:
    """For people; white space between elements means nothing in the twin."""
    root = etree.fromstring(document)
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def changed(published: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Kinds and files of which today's models and examples give other octets than those published, or none."""
    for key, files in published.items():
        now = files_of(KINDS[key]) if key in KINDS else {}
        for name, digest in files.items():
            if name not in now or sha256(now[name]) != digest:
                yield f"{key} {name}"


def sha256(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def main() -> int:
    """Exit status 1, and nothing written, when a published file would change."""
    register = FOLDER / DIGESTS
    published = msgspec.json.decode(register.read_bytes(), type=dict[str, dict[str, str]]) if register.exists() else {}
    broken = list(changed(published))
    if broken:
        print("A published file never changes; make a new version of the kind:", *broken, sep="\n  ", file=sys.stderr)
        return 1
    for kind in KINDS.values():
        folder = FOLDER / kind.name / str(kind.version)
        folder.mkdir(parents=True, exist_ok=True)
        now = files_of(kind)
        for name, octets in now.items():
            (folder / name).write_bytes(octets)
        published[kind.key] = {name: sha256(octets) for name, octets in now.items()}
    register.write_bytes(msgspec.json.format(msgspec.json.encode(published), indent=2) + b"\n")
    print(f"{len(KINDS)} kinds written to {FOLDER.name}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
