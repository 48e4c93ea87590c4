"""What an archive file says of itself, and how one hangs on the other. Pure.

A file is a ZIP (`lgsp-000007.zip`) with a directory for each envelope and `manifest.json` as its last member. The manifest names
every other member with its SHA-256, and the SHA-256 of the archive file before it: nobody takes a file out, puts one in or
changes one without breaking the chain. The log has the SHA-256 of each file in a leaf of its own.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from contracts.agency import AgencyCode
from lgsp.core.retention import Kept

MANIFEST = "manifest.json"
MAX_ENVELOPES = 100_000  # of one file
MAX_MANIFEST_BYTES = 256 * 1024 * 1024

Sha256 = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]

_FILE_NAME = re.compile(r"lgsp-(\d{6,12})\.zip")
_encode = msgspec.json.Encoder().encode


class ArchiveInvalid(ValueError):
    """This is no archive file of ours, or it was changed."""


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    size_bytes: Annotated[int, Meta(ge=0)]
    sha256: Sha256


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An envelope of the file, as its receipt names it."""

    sequence: Annotated[int, Meta(ge=1)]
    sender: AgencyCode
    message_id: str
    digest: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`number` is dense from 1; `previous` the SHA-256 of the file with the number before, None for the first."""

    v: Literal[1] = 1
    hub: AgencyCode
    number: Annotated[int, Meta(ge=1)]
    previous: Sha256 | None
    made_at: datetime
    envelopes: Annotated[tuple[Entry, ...], Meta(min_length=1, max_length=MAX_ENVELOPES)]
    members: tuple[Member, ...]

    @property
    def octets(self) -> bytes:
        return _encode(self)


_decoder = msgspec.json.Decoder(Manifest)


def read_manifest(octets: bytes) -> Manifest:
    """Raises ArchiveInvalid."""
    try:
        found = _decoder.decode(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ArchiveInvalid(f"{MANIFEST}: {error}") from None
    sequences = [one.sequence for one in found.envelopes]
    if any(after <= before for before, after in pairwise(sequences)):
        raise ArchiveInvalid(f"{MANIFEST}: envelopes are not in their order, or named twice")
    names = [one.name for one in found.members]
    if len(set(names)) != len(names) or MANIFEST in names:
        raise ArchiveInvalid(f"{MANIFEST}: a member is named twice")
    return found


def file_name(number: int) -> str:
    return f"lgsp-{number:06}.zip"


def number_of(name: str) -> int | None:
    """None for a name of another shape."""
    found = _FILE_NAME.fullmatch(name)
    return int(found[1]) if found is not None and file_name(int(found[1])) == name else None


class Room:
    """What one file still takes: so many envelopes, so many bytes of their bodies and, where they go in, attachments."""

    def __init__(self, max_envelopes: int, max_bytes: int, *, with_files: bool) -> None:
        self._envelopes, self._bytes, self._with_files = max_envelopes, max_bytes, with_files
        self._is_empty = True

    def takes(self, one: Kept) -> bool:
        """Whether it goes in, too; the first always does, however large."""
        self._envelopes -= 1
        self._bytes -= one.body_bytes * one.has_body + one.files_bytes * (one.has_files and self._with_files)
        fits = self._is_empty or (self._envelopes >= 0 and self._bytes >= 0)
        self._is_empty = False
        return fits


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """An archive file as it was found: its manifest and the SHA-256 over all of it."""

    name: str
    manifest: Manifest
    sha256: str


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """Where the chain of files does not hold."""

    name: str
    what: Literal["missing", "not_the_one_before", "another_hub", "envelope_twice"]
    detail: str


def breaks(links: Sequence[Link]) -> list[Break]:
    """What does not hold between files, given in the order of their numbers. The first may have any number: older ones may have
    been taken elsewhere."""
    found: list[Break] = []
    seen: dict[int, str] = {}
    for before, one in zip([None, *links], links, strict=False):
        found.extend(_against(before, one))
        for entry in one.manifest.envelopes:
            if entry.sequence in seen:
                detail = f"{entry.sender}/{entry.message_id} is in {seen[entry.sequence]} too"
                found.append(Break(name=one.name, what="envelope_twice", detail=detail))
            seen[entry.sequence] = one.name
    return found


def _against(before: Link | None, one: Link) -> Iterable[Break]:
    if before is None:
        return
    number, expected = one.manifest.number, before.manifest.number + 1
    if number != expected:
        missing = file_name(expected) if number == expected + 1 else f"{file_name(expected)} to {file_name(number - 1)}"
        yield Break(name=one.name, what="missing", detail=missing)
    elif one.manifest.previous != before.sha256:
        yield Break(
            name=one.name, what="not_the_one_before", detail=f"{before.name} is {before.sha256}, not {one.manifest.previous}"
        )
    if one.manifest.hub != before.manifest.hub:
        yield Break(name=one.name, what="another_hub", detail=f"{one.manifest.hub}, {before.manifest.hub} before")
