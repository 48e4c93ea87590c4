"""What a file is, by its first octets: the type that a packet states cannot be trusted ("application/pdf" over a ZIP occurs)."""

import re
from collections.abc import Mapping
from types import MappingProxyType

OCTETS = "application/octet-stream"
ZIP = "application/zip"
_OOXML = "application/vnd.openxmlformats-officedocument"
_ODF = "application/vnd.oasis.opendocument"

BY_EXTENSION: Mapping[str, str] = MappingProxyType(
    {
        "pdf": "application/pdf", "zip": ZIP, "rar": "application/vnd.rar", "7z": "application/x-7z-compressed",
        "doc": "application/msword", "xls": "application/vnd.ms-excel", "ppt": "application/vnd.ms-powerpoint",
        "docx": f"{_OOXML}.wordprocessingml.document", "xlsx": f"{_OOXML}.spreadsheetml.sheet",
        "pptx": f"{_OOXML}.presentationml.presentation", "odt": f"{_ODF}.text", "ods": f"{_ODF}.spreadsheet",
        "odp": f"{_ODF}.presentation", "rtf": "application/rtf", "txt": "text/plain", "csv": "text/csv", "xml": "application/xml",
        "json": "application/json", "html": "text/html", "htm": "text/html", "png": "image/png", "jpg": "image/jpeg",
        "jpeg": "image/jpeg", "gif": "image/gif", "tif": "image/tiff", "tiff": "image/tiff", "bmp": "image/bmp",
        "webp": "image/webp", "p7s": "application/pkcs7-signature", "p7m": "application/pkcs7-mime",
        "edxml": "application/edxml+xml", "mp3": "audio/mpeg", "mp4": "video/mp4",
    }
)  # fmt: skip

_MAGIC = (
    (b"{\\rtf", "application/rtf"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"), (b"MM\0*", "image/tiff"), (b"Rar!\x1a\x07", "application/vnd.rar"), (b"BM", "image/bmp"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"), (b"\x1f\x8b", "application/gzip"), (b"<?xml", "application/xml"),
)  # fmt: skip
_ZIPPED = frozenset({"docx", "xlsx", "pptx", "odt", "ods", "odp"})
_OLE, _OLE_TYPES = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", frozenset({"doc", "xls", "ppt"})
_INSIDE = ((b"word/", "docx"), (b"xl/", "xlsx"), (b"ppt/", "pptx"))
_DER, _CMS = b"\x30", frozenset({"p7s", "p7m"})
_TEXTS = frozenset({"txt", "csv", "json", "html", "htm", "xml"})
_HEAD, _TAIL = 1024, 64 * 1024
# What those who guess would have seen by its first octets: stated and not there, it is not so.
_RECOGNISED = frozenset(BY_EXTENSION.values()) - {"audio/mpeg", "video/mp4", "image/webp"}
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,80}")


def extension(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def media_type(octets: bytes, name: str, stated: str | None) -> str:
    """The type of these octets, then what the name says of octets that say nothing, then what was stated."""
    ending = extension(name)
    head = octets[:_HEAD].lstrip(b"\xef\xbb\xbf")
    if b"%PDF-" in head:
        return BY_EXTENSION["pdf"]
    if head.startswith(b"PK\x03\x04"):
        return _zip_type(octets, ending)
    if head.startswith(_OLE):
        return BY_EXTENSION[ending] if ending in _OLE_TYPES else "application/x-ole-storage"
    if head.startswith(_DER) and ending in _CMS:
        return BY_EXTENSION[ending]
    known = next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)
    if known is not None:
        return known
    if _is_text(head):
        return BY_EXTENSION[ending] if ending in _TEXTS else "text/plain"
    essence = (stated or "").partition(";")[0].strip().lower()
    return essence if _MEDIA_TYPE.fullmatch(essence) and essence not in _RECOGNISED else _named(ending)


def _zip_type(octets: bytes, ending: str) -> str:
    if octets[30:38] == b"mimetype":
        found = _MEDIA_TYPE.match(octets[38:140].decode("latin-1"))
        if found and found[0].startswith(_ODF):
            return re.split(r"PK", found[0])[0]
    directory = octets[-_TAIL:]
    inside = (
        next((kind for marker, kind in _INSIDE if marker in directory), None) if b"[Content_Types].xml" in directory else None
    )
    return BY_EXTENSION[inside] if inside else BY_EXTENSION[ending] if ending in _ZIPPED else ZIP


def _named(ending: str) -> str:
    return BY_EXTENSION[ending] if ending in {"mp3", "mp4", "webp"} else OCTETS


def _is_text(head: bytes) -> bool:
    if not head or re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and len(head) >= _HEAD - 3  # cut inside a letter
    return True
