"""The file in a sendEdoc request: multipart/form-data (RFC 7578), bounded, or the bare octets that the Java library really sends.
Pure; the whole request is in memory already."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from contracts.errors import ContractError

MAX_PARTS = 16
MAX_PART_HEAD_BYTES = 4096

_BOUNDARY = re.compile(r'boundary="?([^";]{1,200})"?', re.IGNORECASE)
_NAME = re.compile(rb'\bname="?([^";\r\n]*)"?')


class Part(NamedTuple):
    name: str
    octets: bytes


def parts_of(content_type: str, body: bytes) -> tuple[Part, ...]:
    """Raises ContractError "request.malformed" naming what is wrong."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise _malformed("multipart/form-data without a boundary")
    mark = b"--" + found[1].strip().encode("utf-8", "surrogateescape")
    begin = 0 if body.startswith(mark) else body.find(b"\r\n" + mark) + 2
    if not body.startswith(mark, begin):
        raise _malformed("the boundary of Content-Type does not stand in the body")
    start = begin + len(mark)
    parts: list[Part] = []
    while not body.startswith(b"--", start):
        if len(parts) == MAX_PARTS:
            raise _malformed(f"more than {MAX_PARTS} parts")
        end = body.find(b"\r\n" + mark, start)
        if end < 0:
            raise _malformed("it breaks off: the closing boundary is missing")
        parts.append(_part(body, start, end))
        start = end + 2 + len(mark)
    return tuple(parts)


def file_part(parts: Sequence[Part], *names: str) -> bytes:
    """Raises ContractError "request.malformed" unless there is exactly one of these names."""
    found = [part.octets for part in parts if part.name in names]
    if len(found) != 1:
        raise _malformed(f"one part named {' or '.join(names)} is wanted; there are {len(found)}")
    return found[0]


def multipart(name: str, file_name: str, media_type: str, octets: bytes, boundary: str) -> bytes:
    """One file. `boundary` must not stand in it."""
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
        f"Content-Type: {media_type}\r\n\r\n"
    )
    return b"".join((head.encode(), octets, f"\r\n--{boundary}--\r\n".encode()))


def _part(body: bytes, start: int, end: int) -> Part:
    split = body.find(b"\r\n\r\n", start, min(end, start + MAX_PART_HEAD_BYTES) + 4)
    if split < 0 or split + 4 > end + 2:
        raise _malformed(f"a part without its head, or with one above {MAX_PART_HEAD_BYTES} bytes")
    head = body[start:split]
    found = _NAME.search(head)
    return Part(found[1].decode("utf-8", "replace") if found else "", body[split + 4 : max(end, split + 4)])


def _malformed(detail: str) -> ContractError:
    return ContractError("request.malformed", "/", detail)
