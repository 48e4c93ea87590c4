"""Files out of a packet: base64, archives of one file, true types, and which entry of the manifest each belongs to
(QCVN 102:2016/BTTTT, edXMLManifest and AttachmentEncoded)."""

import binascii
import hashlib
import re
import unicodedata
import zipfile
from typing import NamedTuple

import msgspec

from contracts.edxml.archives import check_entry, only_entry, unpacked
from contracts.edxml.media import BY_EXTENSION, ZIP, extension, media_type
from contracts.edxml.model import Attachment, Packet, Reference
from contracts.edxml.places import FILES
from contracts.errors import ContractError

_WHITE = b" \t\r\n\x0b\x0c"
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f]")
_URL_LETTERS = bytes.maketrans(b"-_", b"+/")
MAX_NAME_CHARS = 200
_WRAPPING = 64 * 1024  # bytes that an archive, base64 and its lines may add to what they may double


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """How much is unpacked. `ratio`: how many times larger than its archive a file may be; text of one letter gets to 1,000.
    `growth`: how many times larger than the packet all its files may be, beyond `spare_bytes`."""

    file_bytes: int = 100 * 1024 * 1024
    total_bytes: int = 400 * 1024 * 1024
    ratio: int = 200
    growth: int = 4
    spare_bytes: int = 64 * 1024 * 1024

    def all_bytes(self, packet: Packet) -> int:
        """For the files of this packet together."""
        carried = sum(len(one.encoded or "") for one in packet.attachments)
        return min(self.total_bytes, self.spare_bytes + self.growth * carried)


CAPS = Caps()


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file as people know it: its own name, its true type, unpacked. `zipped`: it travels in an archive of its own. `digest`:
    "sha256:" + hex, made here where the caller does not know it."""

    name: str
    media_type: str
    octets: bytes
    zipped: bool = False
    content_id: str = ""
    description: str | None = None
    digest: str = ""

    def __post_init__(self) -> None:
        if not self.digest:
            msgspec.structs.force_setattr(self, "digest", "sha256:" + hashlib.sha256(self.octets).hexdigest())

    def __repr__(self) -> str:
        return f"File({self.name!r}, {self.media_type!r}, {len(self.octets)} bytes)"


def files_in(packet: Packet, caps: Caps = CAPS) -> tuple[File | None, ...]:
    """Of every attachment its file; None for one that carries none.

    Raises ContractError "edxml.file_encoding", "edxml.archive_expands" or "attachment.too_large", naming the attachment.
    """
    return tuple(
        None if content is None else _file(attachment, _entry(packet, at), content, number)
        for number, (attachment, at, content) in enumerate(
            zip(packet.attachments, matched(packet), _contents(packet, caps), strict=True), 1
        )
    )


def check_files(packet: Packet, caps: Caps = CAPS) -> None:
    """What `files_in` refuses, without unpacking anything."""
    _contents(packet, caps)


class _Content(NamedTuple):
    """What stands in an attachment, and what its archive says where it is one of one file."""

    octets: bytes
    only: zipfile.ZipInfo | None


def _contents(packet: Packet, caps: Caps) -> list[_Content | None]:
    """Judged by what the archives say of themselves, all together before the first is unpacked."""
    left = most = caps.all_bytes(packet)
    contents: list[_Content | None] = []
    for number, (attachment, at) in enumerate(zip(packet.attachments, matched(packet), strict=True), 1):
        place = f"{FILES}[{number}]/ContentTransferEncoded"
        content = None if attachment.encoded is None else _content_of(attachment, _entry(packet, at), place, caps)
        contents.append(content)
        left -= 0 if content is None else len(content.octets) if content.only is None else content.only.file_size
        if left < 0:
            raise ContractError("attachment.too_large", place, f"all files together unpack to more than {most} bytes")
    return contents


def _content_of(attachment: Attachment, reference: Reference, place: str, caps: Caps) -> _Content:
    encoded = attachment.encoded or ""
    if len(encoded) // 2 > caps.file_bytes + _WRAPPING:
        raise ContractError("attachment.too_large", place, f"more than {caps.file_bytes} bytes")
    octets = decoded(encoded, place)
    only = only_entry(octets, extension(name_in(attachment, reference)))
    if only is not None:
        check_entry(only, place, most_bytes=caps.file_bytes, most_ratio=caps.ratio)
    elif len(octets) > caps.file_bytes:
        raise ContractError("attachment.too_large", place, f"more than {caps.file_bytes} bytes")
    return _Content(octets, only)


def _entry(packet: Packet, at: int | None) -> Reference:
    return Reference() if at is None else packet.references[at]


def matched(packet: Packet) -> tuple[int | None, ...]:
    """Of every attachment its place in the manifest: by ContentId, with or without "cid:", then by name, then by position."""
    left = dict(enumerate(packet.references))
    pairs: dict[int, int] = {}
    for key in (_by_id, _by_name):
        names = {name: at for at, reference in reversed(left.items()) if (name := key(reference))}
        for number, attachment in enumerate(packet.attachments):
            at = names.get(key(attachment))
            if number not in pairs and at in left:
                pairs[number] = at
                del left[at]
    for number in range(len(packet.attachments)):
        if number not in pairs and number in left:
            pairs[number] = number
    return tuple(pairs.get(number) for number in range(len(packet.attachments)))


def plain_id(content_id: str | None) -> str:
    """Without the "cid:" that some write and some do not, and without angle brackets."""
    return re.sub(r"^cid:", "", (content_id or "").strip(), flags=re.IGNORECASE).strip("<> ")


def decoded(encoded: str, place: str) -> bytes:
    """Base64 in lines or not, padded or not, in either of its alphabets. Raises ContractError "edxml.file_encoding"."""
    compact = encoded.encode().translate(None, _WHITE)
    if (b"-" in compact or b"_" in compact) and b"+" not in compact and b"/" not in compact:
        compact = compact.translate(_URL_LETTERS)
    padding = b"=" * (-len(compact) % 4)
    try:
        return binascii.a2b_base64(compact + padding if padding else compact, strict_mode=True)
    except binascii.Error:
        raise ContractError("edxml.file_encoding", place, "not base64 (RFC 4648, section 4 or 5)") from None


def _file(attachment: Attachment, reference: Reference, content: _Content, number: int) -> File:
    inside = None if content.only is None else unpacked(content.octets, content.only)
    octets, inner = (content.octets, "") if inside is None or content.only is None else (inside, content.only.filename)
    name = name_in(attachment, reference) or _plain_name(inner)
    stated = reference.content_type or attachment.content_type or attachment.mime_type
    kind = media_type(octets, name, None if stated == ZIP else stated)
    return File(
        name=name or _made_up(number, kind),
        media_type=kind,
        octets=octets,
        zipped=inside is not None,
        content_id=plain_id(attachment.content_id or reference.content_id),
        description=attachment.description or reference.description,
    )


def name_in(attachment: Attachment, reference: Reference) -> str:
    """The plain name that either gives the file; "" where none does."""
    return _plain_name(attachment.attachment_name or reference.attachment_name or "")


def _plain_name(name: str) -> str:
    """Without folders and control characters, of at most 200 characters, its ending kept."""
    plain = _NOT_IN_NAMES.sub("", _without_folders(name)).strip()
    plain = "".join(char for char in plain if char.isprintable())
    if plain in {".", ".."}:
        return ""
    stem, dot, ending = plain.rpartition(".")
    return plain if len(plain) <= MAX_NAME_CHARS else f"{(stem or ending)[: MAX_NAME_CHARS - 20]}{dot}{ending[:19]}"


def _without_folders(name: str) -> str:
    """What begins with a number is no folder: "2217/SNNMT-VP.pdf" is called after its document."""
    first, *others = name.strip().split("/")
    if any(map(str.isdigit, first)) and not any(one.startswith(".") for one in others) and not {"\\", ":"} & set(name):
        return name.replace("/", "-")
    return re.split(r"[/\\]", name)[-1]


def _made_up(number: int, kind: str) -> str:
    ending = next((ending for ending, of in BY_EXTENSION.items() if of == kind), "bin")
    return f"tep-{number}.{ending}"


def _by_id(one: Reference | Attachment) -> str:
    return plain_id(one.content_id)


def _by_name(one: Reference | Attachment) -> str:
    return same_name(one.attachment_name or "")


def same_name(name: str) -> str:
    """Alike for names that people take for the same: letters may come composed or not."""
    return unicodedata.normalize("NFC", name).casefold()
