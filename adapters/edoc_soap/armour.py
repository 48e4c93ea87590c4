"""Base64 text where a file should be: the vendor's bus sends attachments so, in parts that say `binary`. Pure."""

import base64
import binascii
import re

_TEXT = re.compile(rb"[A-Za-z0-9+/\r\n]+={0,2}[\r\n]*")
_HEAD_CHARS = 64
# How files begin that offices send: PDF, ZIP (docx, xlsx, archives), older Office, images, RTF, 7z and RAR, XML, signed mail.
_BEGINNINGS = (
    b"%PDF", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x89PNG", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"GIF8",
    b"{\\rtf", b"7z\xbc\xaf", b"Rar!", b"<?xml", b"\xef\xbb\xbf<?xml",
)  # fmt: skip


def unarmoured(octets: bytes) -> bytes:
    """The file itself where the octets are base64 of one whose type is known by its beginning; anything else as it is."""
    head = octets[:_HEAD_CHARS].split()
    if not head or not _looks_like_a_file(head[0]) or not _TEXT.fullmatch(octets):
        return octets
    try:
        return base64.b64decode(b"".join(octets.split()), validate=True)
    except (binascii.Error, ValueError):
        return octets


def _looks_like_a_file(first_line: bytes) -> bool:
    """A look at the first letters, so that large files cost nothing."""
    try:
        beginning = base64.b64decode(first_line[: len(first_line) // 4 * 4], validate=True)
    except (binascii.Error, ValueError):
        return False
    return beginning.startswith(_BEGINNINGS)
