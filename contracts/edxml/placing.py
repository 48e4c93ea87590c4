"""Putting files into a packet: manifest and attachments that agree, entry by entry (QCVN 102:2016/BTTTT, edXMLManifest and
AttachmentEncoded)."""

import binascii
import itertools
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from contracts.edxml.archives import archive_of
from contracts.edxml.attachments import File, files_in, matched, name_in, plain_id, same_name
from contracts.edxml.media import ZIP, extension
from contracts.edxml.model import Attachment, Packet, Reference
from contracts.edxml.places import FILES
from contracts.errors import ContractError

_SAFE_ID = re.compile(r"[0-9A-Za-z!#$%&'*+./=?^_{|}~@-]{1,200}")  # what a MIME header carries without ado (RFC 2392, RFC 5322)


class Placed(NamedTuple):
    """A packet whose manifest and attachments agree, entry by entry, and of every attachment its file."""

    packet: Packet
    files: tuple[File | None, ...]


def placed(packet: Packet, files: Sequence[File]) -> Placed:
    """Each of these files where its mark is, else where the manifest names it, else at the end. Ids have "cid:" on both sides,
    the type is that of the octets that are sent.

    Raises ContractError "attachment.unknown" for a mark whose file is missing, and as `files_in`.
    """
    by_digest, inside = {file.digest: file for file in files}, files_in(packet)
    marked = {one.kept.digest for one in packet.attachments if one.kept is not None}
    marked |= {one.digest for one in inside if one is not None}
    pairs = [
        (attachment, at, found or _kept(attachment, by_digest, number))
        for number, (attachment, at, found) in enumerate(zip(packet.attachments, matched(packet), inside, strict=True), 1)
    ]
    named = _named_only(packet)
    pairs += [
        (Attachment(), named.pop(same_name(one.name), None), one) for digest, one in by_digest.items() if digest not in marked
    ]
    references, attachments, ids = list(packet.references), [], _Ids()
    for attachment, at, file in pairs:
        if at is None:
            at, references = len(references), [*references, Reference()]
        references[at], attached = _paired(references[at], attachment, file, ids)
        attachments.append(attached)
    packet = msgspec.structs.replace(packet, references=tuple(references), attachments=tuple(attachments))
    return Placed(packet, tuple(file for _, _, file in pairs))


def with_files(packet: Packet, files: Sequence[File]) -> Packet:
    """The packet with these files inside, as `placed`, each packed the way its sender had packed it."""
    whole, contents = placed(packet, files)
    attachments = tuple(
        msgspec.structs.replace(attachment, encoded=None if file is None else _encoded(file, attachment.attachment_name or ""))
        for attachment, file in zip(whole.attachments, contents, strict=True)
    )
    return msgspec.structs.replace(whole, attachments=attachments)


def _kept(attachment: Attachment, by_digest: dict[str, File], number: int) -> File | None:
    """The file whose mark this attachment bears."""
    if attachment.kept is None:
        return None
    file = by_digest.get(attachment.kept.digest)
    if file is None:
        place = f"{FILES}[{number}]"
        raise ContractError("attachment.unknown", place, "the file that the hub kept is not among those of the envelope")
    return msgspec.structs.replace(file, zipped=attachment.kept.zipped)


class _Ids:
    """Ids given out in one packet: the sender's where it is a word of its own, else a new one."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers = itertools.count(1)

    def take(self, wanted: str) -> str:
        while not _SAFE_ID.fullmatch(wanted) or wanted in self._taken:
            wanted = f"file-{next(self._numbers)}"
        self._taken.add(wanted)
        return wanted


def _paired(reference: Reference, attachment: Attachment, file: File | None, ids: _Ids) -> tuple[Reference, Attachment]:
    """Entry of the manifest and attachment for one file, saying the same."""
    name = name_in(attachment, reference) or (file.name if file else None)
    said: dict[str, Any] = {
        "content_id": "cid:" + ids.take(plain_id(attachment.content_id) or plain_id(reference.content_id)),
        "content_type": (ZIP if file.zipped else file.media_type) if file else attachment.content_type or reference.content_type,
        "attachment_name": name,
        "description": attachment.description or reference.description,
    }
    new = msgspec.structs.replace(attachment, **said, encoded=None, kept=None)
    return msgspec.structs.replace(reference, **said), new


def _encoded(file: File, name: str) -> str:
    octets = archive_of(_entry_name(file, name), file.octets) if file.zipped else file.octets
    return binascii.b2a_base64(octets, newline=False).decode()


def _named_only(packet: Packet) -> dict[str, int]:
    """Entries of the manifest that no attachment belongs to, by name."""
    taken = set(matched(packet))
    return {
        same_name(one.attachment_name or ""): at
        for at, one in enumerate(packet.references)
        if at not in taken and one.attachment_name
    }


def _entry_name(file: File, name: str) -> str:
    ending = extension(name)
    return f"{file.digest[7:39]}.{ending}" if ending else file.digest[7:39]
