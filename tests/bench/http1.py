"""Just enough HTTP/1.1 for a load generator and a sink that cost next to nothing beside what they measure."""

import asyncio
from collections.abc import Callable, Iterator

_HEAD_END = b"\r\n\r\n"


class BadFraming(Exception):
    """The peer said something that is not the HTTP/1.1 this reads."""


class Messages:
    """Cuts a stream into messages with Content-Length, chunked, or without a body. One per connection."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Each complete message as (head, body); chunks already joined."""
        self._rest = self._rest + octets if self._rest else octets
        while self._rest:
            found = _cut(self._rest)
            if found is None:
                return
            head, body, end = found
            self._rest = self._rest[end:]
            yield head, body


def _cut(octets: bytes) -> tuple[bytes, bytes, int] | None:
    """Head, body and where the message ends; None while it is incomplete."""
    end = octets.find(_HEAD_END)
    if end < 0:
        return None
    head, start = octets[:end], end + len(_HEAD_END)
    fields = head.lower()
    if b"\r\ntransfer-encoding: chunked" in fields:
        return _cut_chunks(head, octets, start)
    stop = start + _content_length(fields)
    return (head, octets[start:stop], stop) if len(octets) >= stop else None


def _content_length(fields: bytes) -> int:
    at = fields.find(b"\r\ncontent-length:")
    if at < 0:
        return 0
    end = fields.find(b"\r\n", at + 2)
    return int(fields[at + 17 : end if end >= 0 else None])


def _cut_chunks(head: bytes, octets: bytes, at: int) -> tuple[bytes, bytes, int] | None:
    parts: list[bytes] = []
    while (line_end := octets.find(b"\r\n", at)) >= 0:
        size = int(octets[at:line_end].partition(b";")[0], 16)
        stop = line_end + 2 + size
        if len(octets) < stop + 2:
            return None
        parts.append(octets[line_end + 2 : stop])
        at = stop + 2
        if size == 0:
            return head, b"".join(parts), at
    return None


def status_of(head: bytes) -> int:
    """The status code of a response's head. Raises BadFraming."""
    if not head.startswith(b"HTTP/1.1 "):
        raise BadFraming(repr(head[:60]))
    return int(head[9:12])


def request_head(host: str, path: str, media_type: str, length: int, *fields: str) -> bytes:
    """The head of a POST, ready to be followed by `length` octets."""
    lines = (
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        f"Content-Type: {media_type}",
        f"Content-Length: {length}",
        *fields,
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii")


class Wire(asyncio.Protocol):
    """A connection that hands each complete message (head, body) to `received`, and its end to `lost`."""

    transport: asyncio.Transport

    def __init__(self, received: Callable[["Wire", bytes, bytes], None], lost: Callable[["Wire"], None] | None = None) -> None:
        self._received = received
        self._lost = lost
        self._messages = Messages()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for head, body in self._messages.feed(data):
            self._received(self, head, body)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lost is not None:
            self._lost(self)
