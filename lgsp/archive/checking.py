"""Checking a folder of archive files, by what is in them and nothing else. Blocking, in bounded memory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from lgsp.archive.content import ArchivedEnvelope, attachment_name, evidence_name, folder_of
from lgsp.archive.reader import ArchiveFile, archives_in, link_of
from lgsp.archive.writer import sha256_of
from lgsp.core.archive import ArchiveInvalid, Break, Entry, Link, breaks
from lgsp.core.log import record
from lgsp.journal.codec import decode_header

_decoder = msgspec.json.Decoder(ArchivedEnvelope)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """`problems`: by file. `last`: SHA-256 of the last file, to be compared with `lgsp archive list` or the log."""

    files: int
    envelopes: int
    first: int | None
    last: str | None
    problems: tuple[tuple[str, str], ...]
    breaks: tuple[Break, ...]

    @property
    def is_sound(self) -> bool:
        return not self.problems and not self.breaks


def check_folder(folder: Path, tell: Callable[[str], None] = lambda _: None) -> Checked:
    """`tell` hears of each file that is begun. Raises OSError."""
    links: list[Link] = []
    problems: list[tuple[str, str]] = []
    for path in archives_in(folder):
        tell(path.name)
        try:
            links.append(link_of(path))
            with ArchiveFile.open(path) as opened:
                problems += [(path.name, one) for one in _problems(opened)]
        except ArchiveInvalid as error:
            problems.append((path.name, str(error)))
    return Checked(
        files=len(links),
        envelopes=sum(len(one.manifest.envelopes) for one in links),
        first=links[0].manifest.number if links else None,
        last=links[-1].sha256 if links else None,
        problems=tuple(problems),
        breaks=tuple(breaks(links)),
    )


def unlike(folder: Path, expected: dict[int, str]) -> Iterator[tuple[str, str]]:
    """Files whose SHA-256 is not the one expected for their number, and numbers of which there is no file."""
    found = {link.manifest.number: (path.name, sha256_of(path)) for path, link in _links(folder)}
    for number, sha256 in sorted(expected.items()):
        name, digest = found.get(number, (f"number {number}", "missing"))
        if digest != sha256:
            yield name, f"{digest}, {sha256} in the journal"


def _links(folder: Path) -> Iterator[tuple[Path, Link]]:
    for path in archives_in(folder):
        try:
            yield path, link_of(path)
        except ArchiveInvalid:
            continue


def _problems(opened: ArchiveFile) -> Iterator[str]:
    """Of its members, and of what they say of each other."""
    broken = list(opened.problems())
    yield from broken
    if not broken:
        for entry in opened.manifest.envelopes:
            yield from (f"{entry.sender}/{entry.message_id}: {one}" for one in _of_envelope(opened, entry))


def _of_envelope(opened: ArchiveFile, entry: Entry) -> Iterator[str]:
    folder = folder_of(entry.sequence)
    try:
        told = _decoder.decode(opened.read(f"{folder}/record.json"))
        octets = opened.read(f"{folder}/header.json")
        body = opened.read(f"{folder}/body") if opened.has(f"{folder}/body") else None
        examination = opened.read(f"{folder}/examination.json") if opened.has(f"{folder}/examination.json") else None
        header = decode_header(octets)
    except (ArchiveInvalid, msgspec.MsgspecError, UnicodeDecodeError) as error:
        yield f"cannot be read: {error}"
        return
    if (told.sequence, told.digest) != (entry.sequence, entry.digest):
        yield "its record is of another envelope than the manifest says"
    if (body is None) != (told.body_erased_at is not None):
        yield "the body is missing and was not erased, or is there and was"
    if body is not None and header.envelope(body).digest() != told.digest:
        yield "header and body do not have the digest of the receipt"
    for name in (*map(evidence_name, told.evidence), *(attachment_name(one.digest) for one in told.attachments if one.inside)):
        if not opened.has(name):
            yield f"{name}: missing"
    yield from _of_leaves(told, octets, examination)


def _of_leaves(told: ArchivedEnvelope, header: bytes, examination: bytes | None) -> Iterator[str]:
    """What the log says of it, as far as one can hold it against what is here."""
    if told.place is None or told.salt is None:
        return
    try:
        accepted = record.decode(told.leaves[told.place.index].encode())
        moved = {index: record.decode(leaf.encode()) for index, leaf in told.leaves.items()}
    except (KeyError, record.RecordInvalid) as error:
        yield f"leaves of the log: {error}"
        return
    found = "" if examination is None else record.salted(told.salt, examination)
    said = (record.salted(told.salt, told.digest.encode()), record.salted(told.salt, header), found)
    if not isinstance(accepted, record.Accepted) or (accepted.digest, accepted.header, accepted.examination) != said:
        yield f"leaf {told.place.index} of the log tells of other octets"
    for event in told.events:
        leaf = moved.get(event.leaf_index) if event.leaf_index is not None else None
        if not isinstance(leaf, record.Moved) or event.salt is None:
            continue
        if leaf.detail != record.salted(event.salt, event.detail.encode()):
            yield f"leaf {event.leaf_index} of the log tells other words than the event {event.name}"
