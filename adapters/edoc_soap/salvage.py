"""GetTraces hands each record out once and forgets it. So an answer is kept as it came before anything is made of it, and of half
an answer the half that came. Pure.
"""

import base64
import re
import zlib
from bisect import bisect_left
from collections.abc import Iterator

from adapters.answers import Answer

_TAG = re.compile(rb"<(/?)([A-Za-z_][\w.:-]*)(?:\s[^<>]*?)?(/?)>")
_RECORD_BEGIN = re.compile(rb"<((?:[A-Za-z_][\w.-]*:)?)Status(?:\s[^<>]*)?>")
_RECORD_END = re.compile(rb"</((?:[A-Za-z_][\w.-]*:)?)Status\s*>")
_ENVELOPE = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?Envelope[\s>]")
_MAX_BYTES = 64 * 2**20
_PAGE = 1000  # records; more are read in pages
_MAX_HEAD_BYTES = 64 * 1024  # stands before the records, and in each page again


def kept(answer: Answer) -> str:
    """The answer as a text for a mark; "" where there is no record in it that could be lost."""
    content_type, octets = answer.headers.get("Content-Type", ""), answer.body
    if not _RECORD_END.search(octets):
        return ""
    if not answer.whole:
        content_type, octets = "text/xml", completed(octets)
    return base64.b64encode(zlib.compress(content_type.encode() + b"\0" + octets)).decode("ascii")


def opened(text: str) -> tuple[str, bytes]:
    """Content type and octets. Raises ValueError for what `kept` did not make."""
    try:
        unpacker = zlib.decompressobj()
        whole = unpacker.decompress(base64.b64decode(text, validate=True), _MAX_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    content_type, _, octets = whole.partition(b"\0")
    return content_type.decode(), octets


def pages(content_type: str, octets: bytes) -> Iterator[tuple[str, bytes]]:
    """The same in messages of a thousand records at most: a bus that was not asked for weeks has many. Raises ValueError for what
    no bus writes."""
    records = _records(octets)
    if len(records) <= _PAGE:
        yield content_type, octets
        return
    begin = _ENVELOPE.search(octets)
    head = octets[begin.start() if begin else 0 : records[0].start]
    if len(head) > _MAX_HEAD_BYTES:
        raise ValueError(f"more than {_MAX_HEAD_BYTES} bytes before the first record")
    for place in range(0, len(records), _PAGE):
        yield "text/xml", completed(head + b"".join(octets[one] for one in records[place : place + _PAGE]))


def _records(octets: bytes) -> list[slice]:
    """Each from its beginning to the first end of the same name; both are looked for once, for a text may hold millions of one
    and none of the other."""
    ends: dict[bytes, list[re.Match[bytes]]] = {}
    for end in _RECORD_END.finditer(octets):
        ends.setdefault(end[1], []).append(end)
    found: list[slice] = []
    for begin in _RECORD_BEGIN.finditer(octets):
        if found and begin.start() < found[-1].stop:
            continue
        own = ends.get(begin[1], ())
        place = bisect_left(own, begin.end(), key=lambda one: one.start())
        if place < len(own):
            found.append(slice(begin.start(), own[place].end()))
    return found


def completed(octets: bytes) -> bytes:
    """The envelope up to its last whole record, what is open there closed."""
    begin = _ENVELOPE.search(octets)
    ends = list(_RECORD_END.finditer(octets))
    beginning = octets[begin.start() if begin else 0 : ends[-1].end()]
    unclosed: list[bytes] = []
    for tag in _TAG.finditer(beginning):
        closing, name, empty = tag.groups()
        if closing:
            while unclosed and unclosed.pop() != name:
                pass
        elif not empty:
            unclosed.append(name)
    return beginning + b"".join(b"</%s>" % name for name in reversed(unclosed))
