"""multipart/related: a SOAP message with its files beside it, as MTOM (XOP packaging, W3C 2005) and as SOAP with Attachments.

Sources: RFC 2046, 5.1 (multipart), RFC 2387 (related, `start`), RFC 2392 (`cid:`), XOP 1.0, section 4.1. Read with caps before
work; lines may end in LF alone, as some systems write them.
"""

import base64
import binascii
import hashlib
import quopri
import re
from collections.abc import Iterator, Mapping, Sequence
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Literal, NamedTuple
from urllib.parse import unquote

import msgspec

from contracts.errors import ContractError

MAX_PARTS = 130  # the message, twice as many files as an envelope may have, and one to spare
MAX_HEAD_BYTES = 8 * 1024  # of one part
MAX_FALSE = 10_000  # lines of files that look like the boundary; whoever writes a message chooses one that none does
MAX_TYPE_CHARS = 2048  # of the Content-Type of the whole

Encoding = Literal["binary", "base64"]
RELATED, XOP = "multipart/related", "application/xop+xml"

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_FOLDED = re.compile(r"\r?\n[ \t]+")
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")  # RFC 2046, 5.1.1
_PLAIN = ("", "7bit", "8bit", "binary")
_SAFE_ID = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]{1,250}")  # printable, without the angle brackets around it
_SPACES = re.compile(rb"\s+")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One file. `content_id` stands without its angle brackets; `media_type` with its parameters, as it was declared."""

    content_id: str
    media_type: str = "application/octet-stream"
    name: str = ""
    octets: bytes

    def __repr__(self) -> str:
        return f"Part({self.content_id!r}, {self.media_type!r}, {len(self.octets)} bytes)"


class Related(msgspec.Struct, frozen=True, kw_only=True):
    """`root`: the message itself, of the type `root_type`; `parts`: all others, in their order."""

    root: bytes
    root_type: str
    parts: tuple[Part, ...] = ()

    def part(self, reference: str) -> Part | None:
        """What "cid:..." names (RFC 2392: percent-encoded); a bare id is taken, too."""
        name = unquote(reference.removeprefix("cid:"))
        return next((one for one in self.parts if one.content_id == name), None)


class _Head(NamedTuple):
    fields: Mapping[str, str]
    octets: bytes


def media_type_of(content_type: str) -> str:
    """Without parameters, in lower case; "" for none."""
    return content_type.partition(";")[0].strip().lower()


def parameters_of(content_type: str) -> dict[str, str]:
    """Parameters by their names in lower case. Raises ContractError "soap.malformed" where the header is too long."""
    if len(content_type) > MAX_TYPE_CHARS or "\n" in content_type or "\r" in content_type:
        raise _malformed("Content-Type", f"longer than {MAX_TYPE_CHARS} characters, or on several lines")
    header = Message()
    header["Content-Type"] = content_type
    return {str(name).lower(): collapse_rfc2231_value(value) for name, value in (header.get_params([]) or [])[1:]}


def is_related(content_type: str) -> bool:
    return media_type_of(content_type) == RELATED


def read_related(content_type: str, octets: bytes) -> Related:
    """`content_type`: the header of the whole. Raises ContractError "soap.malformed", whose field is the header or "/parts/2"."""
    given = parameters_of(content_type)
    boundary = given.get("boundary", "")
    if not is_related(content_type) or not _BOUNDARY.fullmatch(boundary):
        raise _malformed("Content-Type", "multipart/related with a boundary is wanted")
    heads = [_head(piece, place) for place, piece in enumerate(_pieces(octets, boundary.encode()))]
    if not heads:
        raise _malformed("", "no part, or the first boundary is missing")
    ids = [_id(one.fields.get("content-id", "")) for one in heads]
    named = [one for one in ids if one]
    if len(set(named)) != len(named):
        raise _malformed("", "two parts have one Content-ID")
    start = _id(given.get("start", ""))
    if start and start not in ids:
        raise _malformed("Content-Type", "no part has the Content-ID that start names")
    root = ids.index(start) if start else 0
    parts = [_part(head, ids[place], place) for place, head in enumerate(heads)]
    return Related(
        root=parts[root].octets,
        root_type=parts[root].media_type,
        parts=tuple(one for place, one in enumerate(parts) if place != root),
    )


def write_related(
    root: bytes, root_type: str, parts: Sequence[Part], *, start_info: str = "", encoding: Encoding = "binary"
) -> tuple[str, bytes]:
    """The Content-Type of the whole and its octets: the same for the same parts.

    `root_type`: the Content-Type of the message; MTOM writes `application/xop+xml; charset=UTF-8; type="text/xml"` and repeats
    the inner type as `start_info`. `encoding`: of the parts, for readers that expect base64 lines (RFC 2045, 6.8).
    """
    boundary = _fresh_boundary(root, parts)
    message = Part(content_id="message@lgsp", media_type=root_type, octets=root)
    pieces: list[bytes] = []
    for one in (message, *parts):
        how: Encoding = "binary" if one is message else encoding
        octets = one.octets if how == "binary" else base64.encodebytes(one.octets).replace(b"\n", b"\r\n")
        pieces += [f"--{boundary}\r\n".encode(), _written_head(one, how), b"\r\n", octets, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    info = f'; start-info="{start_info}"' if start_info else ""
    whole = f'{RELATED}; type="{media_type_of(root_type)}"; start="<{message.content_id}>"{info}; boundary="{boundary}"'
    return whole, b"".join(pieces)


def _pieces(octets: bytes, boundary: bytes) -> Iterator[bytes]:
    """What stands between the delimiters. Raises ContractError where the last one is missing or there are too many."""
    dashed = b"--" + boundary
    begun, count, false, position = -1, 0, 0, 0
    while True:
        found = octets.find(dashed, position)
        if found < 0:
            raise _malformed("", "the closing boundary is missing")
        position = found + len(dashed)
        end, last = _delimiter_end(octets, position)
        if end < 0 or (found > 0 and octets[found - 1 : found] != b"\n"):
            false += 1  # the same characters inside a file
            if false > MAX_FALSE:
                raise _malformed("", f"more than {MAX_FALSE} times the boundary inside a file")
            continue
        if begun >= 0:
            yield octets[begun : _line_start(octets, found, begun)]
        if last:
            return
        count += 1
        if count > MAX_PARTS:
            raise _malformed("", f"more than {MAX_PARTS} parts")
        begun = position = end


def _delimiter_end(octets: bytes, position: int) -> tuple[int, bool]:
    """Behind the line of a delimiter and whether it is the last one; -1 where it is none (white space may follow it)."""
    last = octets.startswith(b"--", position)
    rest = octets[position + 2 * last : position + 2 * last + 80]
    line, newline, _ = rest.partition(b"\n")
    if line.strip(b" \t\r") or not (newline or last):
        return -1, False
    return position + 2 * last + len(line) + len(newline), last


def _line_start(octets: bytes, found: int, begun: int) -> int:
    """The line end before a delimiter belongs to the delimiter."""
    end = found - 1
    return max(begun, end - 1 if octets[end - 1 : end] == b"\r" else end)


def _head(piece: bytes, place: int) -> _Head:
    if piece.startswith((b"\r\n", b"\n")):
        return _Head({}, piece[1 + piece.startswith(b"\r") :])
    end = _HEAD_END.search(piece, 0, MAX_HEAD_BYTES)
    if end is None:
        raise _malformed(f"/parts/{place}", f"headers without an end within {MAX_HEAD_BYTES} bytes")
    try:
        text = _FOLDED.sub(" ", piece[: end.start()].decode("utf-8"))
    except UnicodeDecodeError:
        raise _malformed(f"/parts/{place}", "headers are not UTF-8") from None
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if not colon or name.strip().lower() in fields:
            raise _malformed(f"/parts/{place}", "a header without a colon, or twice")
        fields[name.strip().lower()] = value.strip()
    return _Head(fields, piece[end.end() :])


def _part(head: _Head, content_id: str, place: int) -> Part:
    media_type = head.fields.get("content-type", "application/octet-stream")
    disposition = head.fields.get("content-disposition", "")
    name = parameters_of(disposition).get("filename", "") or parameters_of(media_type).get("name", "")
    octets = _decoded(head.octets, head.fields.get("content-transfer-encoding", "").strip().lower(), place)
    return Part(content_id=content_id, media_type=media_type, name=name, octets=octets)


def _decoded(octets: bytes, encoding: str, place: int) -> bytes:
    if encoding in _PLAIN:
        return octets
    if encoding == "quoted-printable":
        return quopri.decodestring(octets)
    if encoding != "base64":
        raise _malformed(f"/parts/{place}", "Content-Transfer-Encoding is binary, 8bit, 7bit, base64 or quoted-printable")
    try:
        return base64.b64decode(_SPACES.sub(b"", octets), validate=True)
    except (binascii.Error, ValueError):
        raise _malformed(f"/parts/{place}", "not base64") from None


def _id(text: str) -> str:
    return text.strip().removeprefix("<").removesuffix(">")


def _fresh_boundary(root: bytes, parts: Sequence[Part]) -> str:
    """Of the content alone, so that the same message is written alike, and in none of the parts: whoever sent a file that holds
    it would have to know its digest before."""
    running = hashlib.sha256(root)
    for one in parts:
        running.update(b"\n" + one.content_id.encode() + b"\n" + hashlib.sha256(one.octets).digest())
    return f"lgsp-{running.hexdigest()[:40]}"


def _written_head(part: Part, encoding: Encoding) -> bytes:
    """Raises ValueError for an id or a type that no header can carry: who writes, chose them."""
    if not _SAFE_ID.fullmatch(part.content_id) or not part.media_type.isprintable():
        raise ValueError(f"not for a header: {part.content_id!r}, {part.media_type!r}")
    lines = [f"Content-Type: {part.media_type}", f"Content-Transfer-Encoding: {encoding}", f"Content-ID: <{part.content_id}>"]
    if part.name:
        disposition = Message()
        disposition.add_header("Content-Disposition", "attachment", filename=("utf-8", "", part.name))
        lines.append(f"Content-Disposition: {disposition['Content-Disposition']}")
    return ("\r\n".join(lines) + "\r\n").encode()


def _malformed(field: str, detail: str) -> ContractError:
    return ContractError("soap.malformed", field, detail)
