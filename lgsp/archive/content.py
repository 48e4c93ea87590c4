"""What an archive file has of one envelope.

envelopes/<sequence>/record.json       what became of it: deliveries, events, leaves of the log with their numbers, salts
envelopes/<sequence>/header.json       the envelope without its body, octet for octet as digests go over it
envelopes/<sequence>/body              octet for octet; missing: it was erased before
envelopes/<sequence>/examination.json  what was found out about its signatures; missing: nothing was signed
evidence/<sha256>                      certificates, CRLs, OCSP answers, time-stamps: each once in a file
attachments/<sha256>                   each once in a file
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from contracts.envelope import Attachment
from lgsp.archive.writer import PIECE_BYTES, ArchiveWriter
from lgsp.core.archive import Sha256
from lgsp.core.log.placed import Place
from lgsp.core.signatures.finding import Exhibit
from lgsp.ports import DeliveryRecord, Event, Keepsake

_encode = msgspec.json.Encoder().encode


class ArchivedFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An attachment. `inside`: its octets are in the archive file."""

    digest: Sha256
    size_bytes: int
    inside: bool


class ArchivedEnvelope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`record.json`. `salt`: of the digests in its leaves, base64; `leaves`: their texts by number; `evidence`: digests of what
    its verdicts rest on."""

    v: Literal[1] = 1
    sequence: Annotated[int, Meta(ge=1)]
    digest: str
    accepted_at: datetime
    expires_at: datetime
    directory_version: int
    body_bytes: int
    body_erased_at: datetime | None
    files_erased_at: datetime | None
    place: Place | None
    salt: bytes | None
    deliveries: tuple[DeliveryRecord, ...]
    events: tuple[Event, ...]
    leaves: dict[int, str]
    evidence: tuple[str, ...]
    attachments: tuple[ArchivedFile, ...]


def folder_of(sequence: int) -> str:
    return f"envelopes/{sequence}"


def evidence_name(digest: str) -> str:
    return f"evidence/{digest.removeprefix('sha256:')}"


def attachment_name(digest: str) -> str:
    return f"attachments/{digest.removeprefix('sha256:')}"


def add_envelope(writer: ArchiveWriter, one: Keepsake, exhibits: tuple[Exhibit, ...], files: dict[str, Path]) -> None:
    """`files`: paths of those attachments that go in. Blocking."""
    for exhibit in exhibits:
        _add_once(writer, evidence_name(exhibit.digest), (exhibit.octets,))
    for digest, path in files.items():
        _add_once(writer, attachment_name(digest), _pieces(path), packed=False)
    folder = folder_of(one.record.sequence)
    writer.add(f"{folder}/header.json", (one.header,))
    if one.body is not None:
        writer.add(f"{folder}/body", (one.body,))
    if one.examination is not None:
        writer.add(f"{folder}/examination.json", (one.examination,))
    evidence = tuple(sorted(exhibit.digest for exhibit in exhibits))
    writer.add(f"{folder}/record.json", (_encode(_told(one, evidence, files)),))


def _told(one: Keepsake, evidence: tuple[str, ...], files: dict[str, Path]) -> ArchivedEnvelope:
    record = one.record
    return ArchivedEnvelope(
        sequence=record.sequence,
        digest=record.digest,
        accepted_at=record.accepted_at,
        expires_at=record.expires_at,
        directory_version=record.directory_version,
        body_bytes=record.body_bytes,
        body_erased_at=record.body_erased_at,
        files_erased_at=record.files_erased_at,
        place=record.place,
        salt=one.salt,
        deliveries=record.deliveries,
        events=one.events,
        leaves={index: leaf.decode() for index, leaf in one.leaves.items()},
        evidence=evidence,
        attachments=tuple(_file(file, files) for file in record.envelope.attachments),
    )


def _file(one: Attachment, files: dict[str, Path]) -> ArchivedFile:
    return ArchivedFile(digest=one.digest, size_bytes=one.size_bytes, inside=one.digest in files)


def _add_once(writer: ArchiveWriter, name: str, pieces: Iterator[bytes] | tuple[bytes, ...], *, packed: bool = True) -> None:
    if not writer.has(name):
        writer.add(name, pieces, packed=packed)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
